//! A million addresses at once: import, verify, backup and copy, what they need of memory, and how long somebody who
//! records an address meanwhile has to wait.
//!
//! Over PostgreSQL only where its programs are installed.
//!
//! Under `cargo test --bench`, which only looks whether the benchmark works, a million is ten thousand.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ipam_provider::database::Database;
use ipam_simulators::postgres::Server;
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

/// Where a store is.
enum Place {
    File(PathBuf),
    Database(Box<Database>),
}

impl Place {
    fn open(&self) -> Store {
        match self {
            Self::File(path) => Store::open_or_create(path),
            Self::Database(database) => Store::open_database(database),
        }
        .expect("a store")
    }
}

#[expect(clippy::disallowed_methods, reason = "a caller that pauses, on a thread of its own")]
fn pause() {
    thread::sleep(PAUSE);
}

/// Runs `work` while a caller records addresses, as a proxy does.
fn while_serving<T>(place: &Place, work: impl FnOnce() -> T) -> (T, Duration, Waits) {
    let is_done = AtomicBool::new(false);
    let (ready, begins) = mpsc::channel();
    thread::scope(|scope| {
        let is_done = &is_done;
        let caller = scope.spawn(move || {
            let mut store = place.open();
            let subnet = store.write(|writing| {
                writing.add_subnet(&NewSubnet::of("192.168.0.0/16".parse::<ipam_provider::Prefix>().expect("a prefix")))
            });
            let subnet = subnet.expect("a subnet").id;
            ready.send(()).expect("somebody waits");
            let (mut waits, mut refused) = (Vec::new(), 0);
            loop {
                let begun = Instant::now();
                let added = store.write(|writing| writing.add_next_free(subnet, AddressDetails::default()));
                waits.push(begun.elapsed());
                refused += usize::from(added.is_err());
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                pause();
            }
            store.write(|writing| writing.delete_subnet(subnet, ipam_store::Contents::DeleteToo)).expect("no subnet");
            waits.sort_unstable();
            Waits { count: waits.len(), median: waits[waits.len() / 2], longest: waits[waits.len() - 1], refused }
        });
        begins.recv().expect("a caller");
        let done = Done(is_done);
        let begun = Instant::now();
        let outcome = work();
        let took = begun.elapsed();
        drop(done);
        (outcome, took, caller.join().expect("a caller"))
    })
}

/// Says so when it is dropped, also by a panic, after which nobody may wait for ever.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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

fn measure(place: &Place, other: &Place, directory: &Path, million: u32, step: u32) {
    let rows = directory.join("rows.csv");
    write_rows(&rows, million, step).expect("a file");
    drop(place.open());
    let file = fs::File::open(&rows).expect("a file");
    let (rows, took, waits) = while_serving(place, || Rows::read(file, None, &Unseen).expect("rows"));
    say("import, reading", took, &waits);
    let (imported, took, waits) =
        while_serving(place, || place.open().write(|writing| writing.add_rows(&rows, &Unseen)).expect("an import"));
    assert_eq!(imported.addresses, u64::from(million));
    say("import, adding", took, &waits);
    drop(rows);
    let (findings, took, waits) = while_serving(place, || place.open().verify().expect("a readable store"));
    assert_eq!(findings, []);
    say("verify", took, &waits);
    if let Place::File(_) = place {
        let backup = directory.join("backup.sqlite");
        let ((), took, waits) = while_serving(place, || place.open().backup(&backup).expect("a backup"));
        say("backup", took, &waits);
    }
    let (_, took, waits) = while_serving(place, || place.open().copy_into(&mut other.open(), &Unseen).expect("a copy"));
    say("copy", took, &waits);
}

fn main() {
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let million = if is_smoke { 10_000 } else { 1_000_000 };
    for (name, step) in [("side by side", 1), ("every second", 2)] {
        let directory = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let file = |name: &str| Place::File(directory.path().join(name));
        println!("{million} addresses, {name}, from a file into another");
        measure(&file("ipam.sqlite"), &file("copy.sqlite"), directory.path(), million, step);
        // With its disk, as it is for users.
        let Some(server) = Server::start_with("") else { continue };
        server.sql("postgres", "CREATE DATABASE copy");
        let database = |name| {
            let url = server.url_through(server.directory(), "ipam", name);
            Place::Database(Box::new(Database::new(&url, None, Duration::from_secs(20)).expect("a right URL")))
        };
        println!("{million} addresses, {name}, from PostgreSQL into a file");
        measure(&database("ipam"), &file("back.sqlite"), directory.path(), million, step);
        let (from, to) = (file("ipam.sqlite"), database("copy"));
        let begun = Instant::now();
        from.open().copy_into(&mut to.open(), &Unseen).expect("a copy");
        println!("copy from a file into PostgreSQL: {:.2} s", begun.elapsed().as_secs_f64());
    }
}
