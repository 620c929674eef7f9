//! How long the ledger takes to answer who had an address, and to record writes: `cargo bench --bench ledger`.
//!
//! The rows are those of so many days, each of another host. How many there are says `LEDGER_BENCH_ROWS`; it is 100,000 without,
//! and `LEDGER_BENCH_ROWS=10000000` takes some minutes and 5 GB below `/var/tmp`. Printed are the longest and the middle time of
//! many questions. No test depends on the figures, but that every answer is right is checked.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foreman_ipam_proxy::ledger::{Operation, Outcome, Place, Query, Record, Records, Subject};
use ipam_provider::Mac;
use jiff::Timestamp;

/// How many rows one append has while the ledger is filled.
const ROWS_AT_ONCE: u32 = 4096;

/// How many questions are asked of each kind.
const QUESTIONS: u32 = 200;

fn record(number: u32) -> Record {
    let [a, b, c, d] = number.to_be_bytes();
    // Hosts come in no order of addresses.
    let address = Ipv4Addr::from_bits(0x0a00_0000 | (number.wrapping_mul(2_654_435_761) & 0x00ff_ffff));
    Record {
        at: Timestamp::from_millisecond(1_750_000_000_000 + 3 * i64::from(number)).expect("a time"),
        door: Some("foreman".to_owned()),
        caller: Some("certificate foreman.example.com".to_owned()),
        request: Some(format!("{number:08x}-0000-4000-8000-000000000000")),
        operation: if number.is_multiple_of(2) { Operation::Add } else { Operation::Delete },
        outcome: Outcome::Done,
        provider: "internal".to_owned(),
        group: None,
        prefix: "10.0.0.0/8".parse().expect("a prefix"),
        address: address.into(),
        mac: Mac::from_bytes(&[2, 0, a, b, c, d]),
        host_name: Some(format!("host-{number}.example.com")),
        message: None,
    }
}

/// The middle and the longest of the times that the questions took.
async fn ask(records: &Records, rows: u32, subject: impl Fn(&Record) -> Subject) -> (Duration, Duration) {
    let mut times = Vec::new();
    for question in 0..QUESTIONS {
        let wanted =
            record(u32::try_from(u64::from(question) * u64::from(rows) / u64::from(QUESTIONS)).expect("a row"));
        let query = Query { subject: subject(&wanted), ..Query::default() };
        let begun = Instant::now();
        let (found, _) = records.page(&query, None, 1000).await.expect("an answer");
        times.push(begun.elapsed());
        assert!(found.iter().any(|entry| entry.record == wanted), "{wanted:?} is missing");
    }
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

async fn last_before(records: &Records, rows: u32) -> (Duration, Duration) {
    let mut times = Vec::new();
    for question in 0..QUESTIONS {
        let wanted =
            record(u32::try_from(u64::from(question) * u64::from(rows) / u64::from(QUESTIONS)).expect("a row"));
        let address: IpAddr = wanted.address;
        let begun = Instant::now();
        let just_after = wanted.at + jiff::SignedDuration::from_micros(1);
        let found = records.last_before(address, None, just_after).await.expect("an answer");
        times.push(begun.elapsed());
        assert_eq!(found.map(|entry| entry.record), Some(wanted));
    }
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() {
    // `cargo bench` gives it, `cargo test --benches` does not.
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let asked = std::env::var("LEDGER_BENCH_ROWS").ok().map(|rows| rows.parse().expect("a number of rows"));
    let rows: u32 = asked.unwrap_or(if is_smoke { 1000 } else { 100_000 });
    let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let records = Records::open_or_create(Place::of(directory.path(), None)).expect("a ledger");
        let begun = Instant::now();
        for first in (0..rows).step_by(ROWS_AT_ONCE as usize) {
            let last = rows.min(first.saturating_add(ROWS_AT_ONCE));
            records.append(Arc::new((first..last).map(record).collect())).await.expect("saved");
        }
        println!("{rows} rows in {:?}", begun.elapsed());
        for (name, (middle, longest)) in [
            ("by address", ask(&records, rows, |record| Subject::Address(record.address)).await),
            ("by MAC", ask(&records, rows, |record| Subject::Mac(record.mac.expect("a MAC"))).await),
            (
                "by host",
                ask(&records, rows, |record| Subject::HostName(record.host_name.clone().expect("a name"))).await,
            ),
            ("who had it then", last_before(&records, rows).await),
        ] {
            println!("{name:<16} middle {middle:>10.1?}   longest {longest:>10.1?}");
        }
    });
}
