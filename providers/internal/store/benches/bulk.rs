//! A million addresses at once: import, verify, backup and copy, what they need of memory, and how long somebody who
//! records an address meanwhile has to wait.
//!
//! Under `cargo test --bench`, which only looks whether the benchmark works, a million is ten thousand.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ipam_store::{AddressDetails, NewSubnet, Rows, Store, Unseen};

/// How long a caller pauses between two addresses that it records.
const PAUSE: Duration = Duration::from_millis(5);

/// What a caller is about who records an address all the time.
struct Waits {
    count: usize,
    median: Duration,
    longest: Duration,
    refused: usize,
}

/// Runs `work` while a caller records addresses, as a proxy does.
fn while_serving<T>(path: &Path, work: impl FnOnce() -> T) -> (T, Duration, Waits) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut store = Store::open(path).expect("a store");
            let subnet =
                store.write(|writing| writing.add_subnet(&NewSubnet::of("192.168.0.0/16".parse().expect("a prefix"))));
            let subnet = subnet.expect("a subnet").id;
            let (mut waits, mut refused) = (Vec::new(), 0);
            while !is_done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let added = store.write(|writing| writing.add_next_free(subnet, AddressDetails::default()));
                waits.push(begun.elapsed());
                refused += usize::from(added.is_err());
                thread::sleep(PAUSE);
            }
            store.write(|writing| writing.delete_subnet(subnet, ipam_store::Contents::DeleteToo)).expect("no subnet");
            waits.sort_unstable();
            Waits { count: waits.len(), median: waits[waits.len() / 2], longest: waits[waits.len() - 1], refused }
        });
        thread::sleep(10 * PAUSE);
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        is_done.store(true, Ordering::Relaxed);
        (outcome, took, caller.join().expect("a caller"))
    })
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

/// Rows of a /8 with every `step`th address.
fn write_rows(path: &Path, rows: u32, step: u32) -> io::Result<()> {
    let mut to = BufWriter::new(fs::File::create(path)?);
    writeln!(to, "kind,prefix,address,mac,hostname,description\nsubnet,10.0.0.0/8,,,,")?;
    for number in 0..rows {
        let [a, b, c, d] = (0x0a00_0001 + number * step).to_be_bytes();
        let mac = format!("00:1a:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        writeln!(to, "address,10.0.0.0/8,{a}.{b}.{c}.{d},{mac},host-{number}.example.com,")?;
    }
    to.flush()
}

fn say(what: &str, took: Duration, waits: &Waits) {
    let Waits { count, median, longest, refused } = waits;
    println!(
        "{what}: {:.2} s; meanwhile {count} addresses were recorded, {:.1} ms each, at most {:.0} ms, {refused} refused; \
         memory at most {} MiB",
        took.as_secs_f64(),
        median.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
        peak(),
    );
}

fn main() {
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let million = if is_smoke { 10_000 } else { 1_000_000 };
    for (name, step) in [("side by side", 1), ("every second", 2)] {
        println!("{million} addresses, {name}");
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let place = |name: &str| directory.path().join(name);
        write_rows(&place("rows.csv"), million, step).expect("a file");
        let path = place("ipam.sqlite");
        drop(Store::open_or_create(&path).expect("a store"));

        let file = fs::File::open(place("rows.csv")).expect("a file");
        let (rows, took, waits) = while_serving(&path, || Rows::read(file, None, &Unseen).expect("rows"));
        say("import, reading", took, &waits);
        let (imported, took, waits) = while_serving(&path, || {
            Store::write_or_create(&path, |writing| writing.add_rows(&rows, &Unseen)).expect("an import")
        });
        assert_eq!(imported.addresses, u64::from(million));
        say("import, adding", took, &waits);
        drop(rows);

        let (findings, took, waits) =
            while_serving(&path, || Store::open(&path).and_then(|store| store.verify()).expect("a readable store"));
        assert_eq!(findings, []);
        say("verify", took, &waits);
        let backup = place("backup.sqlite");
        let ((), took, waits) =
            while_serving(&path, || Store::open(&path).and_then(|store| store.backup(&backup)).expect("a backup"));
        say("backup", took, &waits);
        let copy = place("copy.sqlite");
        let (_, took, waits) =
            while_serving(&path, || Store::open(&path).and_then(|store| store.copy(&copy, &Unseen)).expect("a copy"));
        say("copy", took, &waits);
    }
}
