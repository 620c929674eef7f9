//! How long the lowest free address takes to find, by how many are used: it should not depend on it. On each engine;
//! PostgreSQL where it is installed.
//!
//! The whole run fills 16 million addresses of a /8, which takes a minute or two and 4 GB in the temporary directory.
//! Under `cargo test --bench`, which only looks whether the benchmark works, that case is left out unless `IPAM_BENCH_16_MILLION` is
//! set, and a million is ten thousand.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ipam_provider::database::Database;
use ipam_provider::{AddressSet, Prefix};
use ipam_simulators::postgres::Server;
use ipam_store::{NewSubnet, Store};
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// A store with one subnet whose lowest addresses are used.
struct Filled {
    name: &'static str,
    engine: &'static str,
    _directory: TempDir,
    store: Store,
    subnet: i64,
}

/// The first used address of each, as the number that the tables keep.
const IPV4: u128 = 0xffff_0a00_0001;
const IPV6: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0001;

/// The distance of two used addresses when each has a free one behind it: as many extents as used addresses.
const SCATTER: u128 = 2;

impl Filled {
    fn new(name: &'static str, prefix: &str, first: u128, used: u128, step: u128) -> Self {
        let begun = Instant::now();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ipam.sqlite");
        let mut store = Store::open_or_create(&path).expect("a store");
        let prefix: Prefix = prefix.parse().expect("a prefix");
        let subnet = store.write(|writing| writing.add_subnet(&NewSubnet::of(prefix))).expect("a subnet").id;
        drop(store);
        fill(&Connection::open(&path).expect("a connection"), subnet, first, used, step);
        let mut store = Store::open(&path).expect("a store");
        store.write(|writing| writing.rebuild_extents(subnet)).expect("extents");
        println!("{name}: prepared in {:.1} s", begun.elapsed().as_secs_f64());
        Self { name, engine: "SQLite", _directory: directory, store, subnet }
    }

    /// The same of IPv4, in a database of its own.
    fn in_database(server: &Server, name: &'static str, used: u128, step: u128) -> Self {
        let begun = Instant::now();
        let home = format!("used_{used}_{step}");
        server.sql("postgres", &format!("CREATE DATABASE {home}"));
        let url = server.url_through(server.directory(), "ipam", &home);
        let database = Database::new(&url, None, Duration::from_secs(20)).expect("a right URL");
        let mut store = Store::open_database(&database).expect("a store");
        let prefix: Prefix = "10.0.0.0/8".parse().expect("a prefix");
        let subnet = store.write(|writing| writing.add_subnet(&NewSubnet::of(prefix))).expect("a subnet").id;
        let first = i64::from(u32::from_be_bytes([10, 0, 0, 1]));
        let end = first + i64::try_from(used * step).expect("it is in the subnet");
        let key = |number: &str| format!("decode('00000000000000000000ffff', 'hex') || int4send(({number})::integer)");
        let (numbers, behind) = (format!("generate_series({first}, {}, {step}) n", end - 1), key("n + 1"));
        // Each used address has a free one behind it, or there is one interval behind them all.
        let extents = if step == 1 {
            String::new()
        } else {
            format!("SELECT {subnet}, {behind}, {behind} FROM {numbers} UNION ALL")
        };
        let rest = format!("SELECT {subnet}, {}, {}", key(&end.to_string()), key("184549374"));
        server.sql(
            &home,
            &format!(
                "SET session_replication_role = replica; SET search_path = ipam_store;
                 INSERT INTO allocation (subnet_id, address, description, public_id, owner, tags, metadata, created_at,
                     updated_at)
                 SELECT {subnet}, address, '', substr(address, 5), '', '', '{{}}', 0, 0
                 FROM (SELECT {} AS address FROM {numbers}) AS used;
                 DELETE FROM free_extent; INSERT INTO free_extent (subnet_id, first, last) {extents} {rest}",
                key("n")
            ),
        );
        println!("PostgreSQL, {name}: prepared in {:.1} s", begun.elapsed().as_secs_f64());
        Self { name, engine: "PostgreSQL", _directory: tempfile::tempdir().expect("a directory"), store, subnet }
    }

    fn lowest(&self) -> IpAddr {
        let free = self.store.read(|reading| reading.free_addresses(self.subnet, 1, &AddressSet::default()));
        *free.expect("a store").first().expect("a free address")
    }

    /// The median of many, in nanoseconds.
    fn median(&self) -> u128 {
        let mut times: Vec<Duration> = (0..2001)
            .map(|_| {
                let begun = Instant::now();
                black_box(self.lowest());
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2].as_nanos()
    }
}

/// Writes the rows straight into the table, in one transaction that no power cut has to survive. Triggers and foreign
/// keys are looked up for each row otherwise; the rows are right by construction.
fn fill(connection: &Connection, subnet: i64, first: u128, used: u128, step: u128) {
    let trigger: String = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'allocation_added'", [], |row| row.get(0))
        .expect("the trigger");
    connection
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN; DROP TRIGGER allocation_added;")
        .expect("a transaction");
    {
        let sql =
            "INSERT INTO allocation (subnet_id, address, description, public_id, owner, tags, metadata, created_at,
                       updated_at)
                   VALUES (?1, ?2, '', substr(?2, 5), '', '', '{}', 0, 0)";
        let mut insert = connection.prepare(sql).expect("a statement");
        for number in 0..used {
            let address = (first + number * step).to_be_bytes();
            insert.execute(params![subnet, &address[..]]).expect("a row");
        }
    }
    connection.execute_batch(&format!("{trigger}; COMMIT;")).expect("a commit");
}

fn main() {
    let is_smoke = !std::env::args().any(|argument| argument == "--bench");
    let million = if is_smoke { 10_000 } else { 1_000_000 };
    let mut stores = vec![
        Filled::new("/8, none used", "10.0.0.0/8", IPV4, 0, 1),
        Filled::new("/8, 1 million used", "10.0.0.0/8", IPV4, million, 1),
        Filled::new("/8, 1 million used, scattered", "10.0.0.0/8", IPV4, million, SCATTER),
        Filled::new("IPv6 /64, none used", "2001:db8::/64", IPV6, 0, 1),
        Filled::new("IPv6 /64, 1 million used", "2001:db8::/64", IPV6, million, 1),
    ];
    if !is_smoke || std::env::var_os("IPAM_BENCH_16_MILLION").is_some() {
        stores.push(Filled::new("/8, 16 million used", "10.0.0.0/8", IPV4, 16_000_000, 1));
    }

    let server = Server::start();
    if let Some(server) = &server {
        stores.extend([
            Filled::in_database(server, "/8, none used", 0, 1),
            Filled::in_database(server, "/8, 1 million used", million, 1),
            Filled::in_database(server, "/8, 1 million used, scattered", million, SCATTER),
        ]);
        if !is_smoke {
            stores.push(Filled::in_database(server, "/8, 16 million used", 16_000_000, 1));
        }
    }

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("lowest free address");
    for filled in &stores {
        group.bench_function(format!("{}, {}", filled.engine, filled.name), |bencher| bencher.iter(|| filled.lowest()));
    }
    group.finish();
    criterion.final_summary();

    for engine in ["SQLite", "PostgreSQL"] {
        let mut empty = None;
        for filled in stores.iter().filter(|filled| filled.engine == engine) {
            let median = filled.median();
            // The first of each is the empty /8.
            let ratio = median as f64 / *empty.get_or_insert(median) as f64;
            println!("{engine}, {}: {median} ns, {ratio:.2} times the empty /8", filled.name);
        }
    }
}
