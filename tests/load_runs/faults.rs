//! Each trouble over each IPAM.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use ipam_load::connection::Connections;
use ipam_load::hosts::{Door, Life, Plan, Progress};
use ipam_load::ipam::Product;
use ipam_load::own_proxy::Setup;
use ipam_load::places::Generated;
use ipam_load::run::{Outcome, run};
use ipam_load::trouble::{Course, Trouble};

use crate::setup;

const CALLERS: usize = 8;

/// No run takes so long but one that does not go on.
const STUCK_AFTER: Duration = Duration::from_secs(600);

/// A write that is given up, and a look at its effect, twice, fit into the budget.
const QUICK: [&str; 2] = ["request_budget_seconds: 4", "attempt_seconds: 1"];

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text} is no number")))
}

/// Some hosts before, more than there are callers meanwhile, and some afterwards.
fn course() -> Course {
    Course {
        rounds: number("LOAD_RUNS_ROUNDS", 2),
        calm: number("LOAD_RUNS_CALM", 16),
        during: number("LOAD_RUNS_DURING", 20).max(2 * CALLERS as u64),
        at_least: Duration::from_secs(number("LOAD_RUNS_SECONDS", 0)),
        late: Duration::from_millis(60),
    }
}

/// IPv4 and, where the product has it, IPv6 in two groups; addresses are given on as soon as they are free.
fn plan(product: Product, connections: Connections) -> Plan {
    let ipv6 = if product.has_ipv6() { 2 } else { 0 };
    Plan {
        places: Generated { ipv4: 3, length: 22, ipv6, groups: 2 }.places().expect("there is room"),
        door: Door::Foreman,
        callers: CALLERS,
        hosts: None,
        life: Life::Deleted,
        keep: 2,
        without_mac: 30,
        attempts: 5,
        connections,
        patience: Duration::ZERO,
        hold: Duration::from_secs(1799),
        hold_without_mac: Duration::from_secs(59),
    }
}

fn go_through(setup: &Setup, trouble: Trouble, course: Course, connections: Connections) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let outcome = runtime.expect("a runtime").block_on(async {
        let progress = Arc::new(Progress::default());
        let playing = run(setup, Arc::new(plan(setup.product, connections)), Some((trouble, course)), progress.clone());
        let played = tokio::time::timeout(STUCK_AFTER, playing).await;
        played.unwrap_or_else(|_| panic!("stuck after {} hosts and {} failed", progress.created(), progress.failed()))
    });
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    let faults = outcome.faults();
    assert!(faults.is_empty(), "{trouble:?} over {:?}:\n{}\n{}", setup.product, faults.join("\n"), outcome.log);
    assert!(outcome.played.created >= (course.rounds + 1) * course.calm, "the load went on");
    outcome
}

fn survives(product: Product, trouble: Trouble) {
    // Half of them as Foreman is, half with connections that a trouble may find open.
    let connections = if (trouble as usize).is_multiple_of(2) { Connections::PerCall } else { Connections::Kept };
    let setup = Setup { with_relay: trouble.needs_relay(), ..setup(product) };
    let outcome = go_through(&setup, trouble, course(), connections);
    let is_felt = match trouble {
        Trouble::ResetBeforeWrite
        | Trouble::TooManyRequests
        | Trouble::HtmlError
        | Trouble::Gone
        | Trouble::Kill
        | Trouble::KillWhileSlow => outcome.played.failed > 0,
        Trouble::OtherWriter => !outcome.played.ledger.taken.is_empty(),
        Trouble::Slow | Trouble::ResetAfterWrite | Trouble::Reload => true,
        // Of several proxies: see `several`.
        Trouble::KillInTurn | Trouble::RestartDatabase | Trouble::KillInTurnAndRestartDatabase => true,
    };
    assert!(is_felt, "{trouble:?} over {product:?} did nothing");
}

macro_rules! survives {
    ($product:ident: $($case:ident $trouble:ident)+) => {$(
        #[test]
        fn $case() {
            super::survives(super::Product::$product, super::Trouble::$trouble);
        }
    )+};
}

macro_rules! survives_all {
    ($product:ident) => {
        survives! { $product:
            no_address_is_given_twice_while_the_ipam_is_slow Slow
            no_address_is_given_twice_while_connections_are_reset_before_writes ResetBeforeWrite
            no_address_is_given_twice_while_connections_are_reset_after_writes ResetAfterWrite
            no_address_is_given_twice_while_there_are_too_many_requests TooManyRequests
            no_address_is_given_twice_while_everything_is_a_page_of_html HtmlError
            no_address_is_given_twice_while_the_ipam_is_gone Gone
            no_address_is_given_twice_when_the_proxy_is_killed Kill
            no_address_is_given_twice_when_writes_are_cut_off_by_a_kill KillWhileSlow
            no_address_is_given_twice_while_certificates_are_renewed Reload
            no_address_is_given_twice_beside_another_writer OtherWriter
        }

        #[test]
        fn what_a_failed_host_leaves_is_known_when_the_ipam_answers_too_late() {
            super::answers_too_late(super::Product::$product);
        }
    };
}

/// Writes take effect, and neither their answers nor the looks for them come in time.
fn answers_too_late(product: Product) {
    let setup = Setup { settings: QUICK.map(str::to_owned).to_vec(), with_relay: true, ..setup(product) };
    let course = Course { rounds: 1, late: Duration::from_millis(1500), ..course() };
    go_through(&setup, Trouble::Slow, course, Connections::PerCall);
}

mod embedded {
    survives! { Embedded:
        no_address_is_given_twice_when_the_proxy_is_killed Kill
        no_address_is_given_twice_while_certificates_are_renewed Reload
        no_address_is_given_twice_beside_another_writer OtherWriter
    }
}

mod bluecat {
    survives_all!(Bluecat);
}

mod infoblox {
    survives_all!(Infoblox);
}

mod nautobot {
    survives_all!(Nautobot);
}

mod netbox {
    survives_all!(Netbox);
}

mod phpipam {
    survives_all!(Phpipam);
}

mod solarwinds {
    survives_all!(Solarwinds);
}

mod solidserver {
    survives_all!(Solidserver);
}

mod tcpwave {
    survives_all!(Tcpwave);
}
