//! How long the ledger takes to answer who had an address, and how long a write waits, also while old records are removed:
//! `cargo bench --bench ledger`.
//!
//! Each row is of another host. How many there are says `LEDGER_BENCH_ROWS`; it is 100,000 without, and
//! `LEDGER_BENCH_ROWS=10000000` takes some minutes and 10 GB: the file is below `/var/tmp`, the server of PostgreSQL below
//! `TMPDIR`, and is left out where it is not installed. Printed are the middle and the longest time of many questions and writes. No
//! test depends on the figures, but that every answer is right is checked.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use foreman_ipam_proxy::ledger::{Operation, Outcome, Place, Query, Record, Records, Subject};
use ipam_provider::Mac;
use ipam_provider::database::Database;
use ipam_simulators::postgres::Server;
use jiff::Timestamp;

/// How many rows one append has while the ledger is filled.
const ROWS_AT_ONCE: u32 = 4096;

/// How long is written before rows are removed.
const ALONE: Duration = Duration::from_secs(2);

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

/// How long many of the same took.
struct Times(Vec<Duration>);

impl Times {
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    fn print(mut self, name: &str) {
        self.0.sort();
        let (middle, longest) = (self.0[self.0.len() / 2], self.0[self.0.len() - 1]);
        println!("{name:<32} {:>6} times   middle {middle:>10.1?}   longest {longest:>10.1?}", self.0.len());
    }
}

async fn ask(records: &Records, rows: u32, subject: impl Fn(&Record) -> Subject) -> Times {
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
    Times(times)
}

async fn last_before(records: &Records, rows: u32) -> Times {
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
    Times(times)
}

/// Writes one record after the other until `is_done`.
async fn write(records: &Records, rows: u32, is_done: &AtomicBool) -> Times {
    let mut times = Vec::new();
    while times.is_empty() || !is_done.load(Ordering::Relaxed) {
        let written = rows + u32::try_from(times.len()).expect("few writes");
        let begun = Instant::now();
        records.append(Arc::new(vec![record(written)])).await.expect("saved");
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Times(times)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
async fn measure(place: Place, rows: u32) {
    println!("\n{place}");
    let records = Records::open_or_create(place).expect("a ledger");
    let begun = Instant::now();
    for first in (0..rows).step_by(ROWS_AT_ONCE as usize) {
        let last = rows.min(first.saturating_add(ROWS_AT_ONCE));
        records.append(Arc::new((first..last).map(record).collect())).await.expect("saved");
    }
    println!("{rows} rows in {:.1?}", begun.elapsed());
    last_before(&records, rows).await.print("who had the address then");
    ask(&records, rows, |record| Subject::Address(record.address)).await.print("all of an address");
    ask(&records, rows, |record| Subject::Mac(record.mac.expect("a MAC"))).await.print("all of a MAC");
    let host = |record: &Record| Subject::HostName(record.host_name.clone().expect("a name"));
    ask(&records, rows, host).await.print("all of a host");

    let is_done = AtomicBool::new(false);
    let waiting = async {
        tokio::time::sleep(ALONE).await;
        is_done.store(true, Ordering::Relaxed);
    };
    tokio::join!(write(&records, rows, &is_done), waiting).0.print("a write");
    is_done.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    let removing = async {
        let removed = records.remove_before(record(rows / 50).at).await.expect("removed");
        is_done.store(true, Ordering::Relaxed);
        removed
    };
    let (times, removed) = tokio::join!(write(&records, rows, &is_done), removing);
    times.print("a write while rows are removed");
    println!("{removed} rows removed in {:.1?}", begun.elapsed());
    assert_eq!(removed, u64::from(rows / 50));
}

fn main() {
    // `cargo bench` gives it, `cargo test --benches` does not.
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let asked = std::env::var("LEDGER_BENCH_ROWS").ok().map(|rows| rows.parse().expect("a number of rows"));
    let rows: u32 = asked.unwrap_or(if is_smoke { 1000 } else { 100_000 });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
    runtime.block_on(measure(Place::of(directory.path(), None), rows));
    drop(directory);
    if let Some(server) = Server::start_with("") {
        let database = Database::new(&server.url(), None, Duration::from_secs(30)).expect("a right URL");
        runtime.block_on(measure(Place::Database(Box::new(database)), rows));
    }
}
