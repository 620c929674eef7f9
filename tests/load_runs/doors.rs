//! Foreman's calls and allocations of the management API at once, in one small subnet: no address is given twice, and no host
//! is refused while there is room.

use std::env;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ipam_load::connection::Connections;
use ipam_load::database::{self, Choice};
use ipam_load::hosts::{Door, Life, Plan, Progress};
use ipam_load::ipam::Product;
use ipam_load::own_proxy::Setup;
use ipam_load::places::Generated;
use ipam_load::run::run;

use crate::setup;

/// 32 callers in one subnet that has room for all hosts without addresses in quarantine: of those, one caller after the other gets one.
fn plan(door: Door) -> Plan {
    Plan {
        places: Generated { ipv4: 1, length: 21, ipv6: 0, groups: 1 }.places().expect("there is room"),
        door,
        callers: 32,
        hosts: Some(800),
        life: Life::Deleted,
        keep: 4,
        without_mac: 20,
        attempts: 5,
        connections: Connections::Kept,
        patience: Duration::ZERO,
        hold: Duration::from_secs(1799),
        hold_without_mac: Duration::from_secs(59),
    }
}

fn none_is_given_twice(product: Product, proxies: usize, door: Door) {
    let name = format!("{door:?} over {product:?} by {proxies}");
    if proxies > 1
        && let Some(why) = database::missing()
    {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {name}: {why}");
        assert!(env::var_os("LOAD_RUNS_SKIP_NOTHING").is_none(), "{name} was skipped: {why}");
        return;
    }
    let database = (proxies > 1).then_some(Choice::Own);
    let setup = Setup { proxies, database, with_api: true, ..setup(product) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome =
        runtime.expect("a runtime").block_on(run(&setup, Arc::new(plan(door)), None, Arc::new(Progress::default())));
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    let faults = outcome.faults();
    assert!(faults.is_empty(), "{name}:\n{}\n{}", faults.join("\n"), outcome.log);
    assert_eq!(
        (outcome.played.created, outcome.played.failed),
        (800, 0),
        "{name}: {:?}\n{}",
        outcome.played.stats,
        outcome.log
    );
    let calls = outcome.played.stats.summaries();
    let count = |call| calls.get(call).map_or(0, |summary| summary.count);
    assert!(count("allocate") > 0, "{name}");
    assert_eq!(count("next_ip") > 0, door == Door::Mixed, "{name}");
}

#[test]
fn over_the_embedded_ipam() {
    none_is_given_twice(Product::Embedded, 1, Door::Mixed);
}

#[test]
fn over_netbox() {
    none_is_given_twice(Product::Netbox, 1, Door::Mixed);
}

#[test]
fn over_the_embedded_ipam_by_two_proxies() {
    none_is_given_twice(Product::Embedded, 2, Door::Mixed);
}

#[test]
fn over_netbox_by_two_proxies() {
    none_is_given_twice(Product::Netbox, 2, Door::Mixed);
}

#[test]
fn by_allocations_alone() {
    none_is_given_twice(Product::Embedded, 1, Door::Api);
}
