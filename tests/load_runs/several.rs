//! Several proxies over one PostgreSQL and one IPAM, a simulated NetBox or the embedded one, behind a TCP balancer.

use std::env;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipam_load::connection::Connections;
use ipam_load::database::{self, Choice};
use ipam_load::hosts::{Door, Life, Plan, Progress};
use ipam_load::ipam::Product;
use ipam_load::own_proxy::{ProxyError, Setup, missing_clock};
use ipam_load::places::Generated;
use ipam_load::run::run;
use ipam_load::trouble::{Course, Trouble};

use crate::setup;

/// What a request may take, in seconds. A restart of the database must fit into it.
const BUDGET: u64 = 15;

/// A caller has the answer a little later than the proxy gives it; the machine is busy.
const ON_THE_WAY: f64 = 2_000.0;

/// No run takes so long but one that does not go on.
const STUCK_AFTER: Duration = Duration::from_secs(600);

/// 2,000 hosts by 64 callers, while one proxy after the other is killed and the database is restarted.
const COURSE: Course = Course { rounds: 10, calm: 200, during: 0, at_least: Duration::ZERO, late: Duration::ZERO };

fn plan() -> Plan {
    Plan {
        places: Generated { ipv4: 4, length: 21, ipv6: 2, groups: 2 }.places().expect("there is room"),
        door: Door::Foreman,
        callers: 64,
        hosts: None,
        life: Life::Deleted,
        keep: 4,
        without_mac: 20,
        attempts: 5,
        connections: Connections::PerCall,
        patience: Duration::ZERO,
        hold: Duration::from_secs(1799),
        hold_without_mac: Duration::from_secs(59),
    }
}

fn of(proxies: usize, product: Product) -> Setup {
    Setup {
        settings: vec![format!("request_budget_seconds: {BUDGET}"), "attempt_seconds: 4".to_owned()],
        proxies,
        database: Some(Choice::Own),
        clocks_apart: Duration::from_secs(600),
        ..setup(product)
    }
}

/// Says so even where the harness shows only what failing tests print.
fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
    assert!(env::var_os("LOAD_RUNS_SKIP_NOTHING").is_none(), "{what} was skipped: {why}");
}

/// Not two runs at a time: a time limit is looked at.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn keep_every_promise(proxies: usize, product: Product) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("{proxies} proxies over one PostgreSQL and {product:?}");
    if let Some(why) = database::missing() {
        return skip(&name, why);
    }
    if let Some(why) = missing_clock() {
        skip(&format!("clocks that differ of {name}"), why);
    }
    let setup = of(proxies, product);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.expect("a runtime").block_on(async {
        let progress = Arc::new(Progress::default());
        let trouble = Some((Trouble::KillInTurnAndRestartDatabase, COURSE));
        let played = tokio::time::timeout(STUCK_AFTER, run(&setup, Arc::new(plan()), trouble, progress.clone())).await;
        played.unwrap_or_else(|_| panic!("stuck after {} hosts and {} failed", progress.created(), progress.failed()))
    });
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    let faults = outcome.faults();
    assert!(faults.is_empty(), "{name}:\n{}\n{}", faults.join("\n"), outcome.log);
    assert!(outcome.played.created >= 2000, "the load went on");
    assert!(outcome.played.failed > 0, "the trouble did nothing");
    let starts = outcome.log.matches("] Ready").count() as u64;
    assert_eq!(starts, proxies as u64 + COURSE.rounds, "each start and each one after a kill");
    let at_most = BUDGET as f64 * 1e3 + ON_THE_WAY;
    let _ = writeln!(std::io::stderr(), "{name}: {} hosts, {} failed", outcome.played.created, outcome.played.failed);
    for (call, summary) in outcome.played.stats.summaries() {
        let longest = summary.longest_milliseconds;
        let _ = writeln!(std::io::stderr(), "{call}: {} calls, longest {longest:.0} ms", summary.count);
        assert!(longest <= at_most, "a caller of {call} waited {longest:.0} ms\n{}", outcome.log);
    }
}

#[test]
fn two_proxies_over_one_database_keep_every_promise() {
    keep_every_promise(2, Product::Netbox);
}

#[test]
fn three_proxies_over_one_database_keep_every_promise() {
    keep_every_promise(3, Product::Netbox);
}

#[test]
fn two_proxies_over_the_embedded_ipam_in_one_database_keep_every_promise() {
    keep_every_promise(2, Product::Embedded);
}

#[test]
fn several_proxies_without_a_database_are_refused() {
    let alone = Setup { database: None, ..of(2, Product::Netbox) };
    let Err(ProxyError::Setup(text)) = alone.check() else { panic!("they would promise each other's addresses") };
    assert!(text.contains("--database"), "{text}");
}
