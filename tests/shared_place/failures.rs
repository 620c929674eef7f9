//! A database that is away, restarted or killed, and answers that are lost.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use foreman_ipam_proxy::allocation::holds::{Claim, Place, PostgresPlace, Scope, Step};
use futures_util::future::join_all;
use ipam_simulators::postgres::{Server, Stop};

use crate::relay::Relay;
use crate::support::{LIFE, LIMIT, claim, granted, ip, mac, place, scope, step};

/// Slower than the limit by this much is too slow, on a busy machine too.
const GRACE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_database_that_is_away_fails_in_time_and_is_found_again() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let scope = scope("vrf 1", "10.0.0.0/24");
    assert_eq!(granted(&*place, &scope, Some(mac(1))).await, ip("10.0.0.1"));
    assert_eq!(place.trouble(), None);
    server.stop(Stop::Fast);
    let asked = Instant::now();
    let error = claim(&*place, &scope, Some(mac(2))).await.expect_err("there is no database");
    assert!(asked.elapsed() < LIMIT + GRACE, "{:?}", asked.elapsed());
    assert!(error.to_string().starts_with("The proxy cannot reach the database that keeps its holds"), "{error}");
    tokio::time::sleep(LIMIT.saturating_sub(asked.elapsed())).await;
    // It is known to be away: nobody waits any more.
    let asked = Instant::now();
    assert!(place.moment().await.is_err() && place.list(None, 10).await.is_err() && place.count().await.is_err());
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
    let trouble = place.trouble().expect("trouble");
    assert!(trouble.starts_with("the database ipam at ") && !trouble.contains("password"), "{trouble}");
    server.start_again();
    assert_eq!(granted(&*place, &scope, Some(mac(1))).await, ip("10.0.0.1"));
    assert_eq!(granted(&*place, &scope, Some(mac(2))).await, ip("10.0.0.2"));
    assert_eq!(place.trouble(), None);
}

#[tokio::test]
async fn a_proxy_that_starts_before_its_database_goes_on_when_it_is_there() {
    let Some(server) = Server::start() else { return };
    server.stop(Stop::Fast);
    let place = place(&server.url());
    assert!(place.moment().await.is_err());
    server.start_again();
    assert!(place.moment().await.is_ok());
}

/// Callers of two places that claim addresses until they are stopped; all that were promised.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<(Vec<IpAddr>, Duration)>>,
}

impl Callers {
    fn start(places: &[Arc<PostgresPlace>], scope: &Arc<Scope>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number: usize| {
            let (place, scope, stop) = (places[number % places.len()].clone(), scope.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut promised, mut slowest) = (Vec::new(), Duration::ZERO);
                while !stop.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    let claimed = claim(&*place, &scope, None).await;
                    slowest = slowest.max(asked.elapsed());
                    match claimed {
                        Ok(Claim::Granted(address)) => promised.push(address),
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (promised, slowest)
            })
        };
        let tasks = (0..16).map(start).collect();
        Self { stop, tasks }
    }

    /// Stops them, and checks that no address was promised twice and that nobody waited too long.
    async fn check(self) {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            let (promised, slowest) = task.await.expect("no caller fails");
            assert!(slowest < LIMIT + GRACE, "{slowest:?}");
            all.extend(promised);
        }
        assert!(all.len() > 100, "{} promises", all.len());
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "on a thread of its own, beside the callers")]
async fn a_restart_of_the_database_gives_no_address_twice() {
    let Some(server) = Server::start() else { return };
    let places = [place(&server.url()), place(&server.url())];
    let callers = Callers::start(&places, &scope("vrf 1", "10.0.0.0/16"));
    let server = tokio::task::spawn_blocking(move || {
        for how in [Stop::Fast, Stop::Immediate] {
            std::thread::sleep(Duration::from_millis(700));
            server.stop(how);
            server.start_again();
        }
        std::thread::sleep(Duration::from_millis(700));
        server
    });
    let server = server.await.expect("the server is restarted");
    callers.check().await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "on a thread of its own, beside the callers")]
async fn connections_that_are_ended_in_the_middle_give_no_address_twice() {
    let Some(server) = Server::start() else { return };
    let places = [place(&server.url()), place(&server.url())];
    let callers = Callers::start(&places, &scope("vrf 1", "10.0.0.0/16"));
    let server = tokio::task::spawn_blocking(move || {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'foreman-ipam-proxy'";
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(100));
            server.sql("ipam", end);
        }
        server
    });
    let server = server.await.expect("connections are ended");
    callers.check().await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_lost_is_made_again_and_one_whose_answer_is_lost_is_found() {
    let Some(server) = Server::start() else { return };
    let relay = Relay::start(server.directory());
    let place = place(&server.url_through(relay.directory(), "ipam", "ipam"));
    let scope = scope("vrf 1", "10.0.0.0/24");
    assert_eq!(granted(&*place, &scope, None).await, ip("10.0.0.1"));
    relay.lose_next_commit();
    assert_eq!(granted(&*place, &scope, None).await, ip("10.0.0.2"));
    relay.lose_next_answer();
    assert_eq!(granted(&*place, &scope, None).await, ip("10.0.0.3"));
    relay.lose_next_answer();
    let begun = step(&*place, &scope, "10.0.0.3", Step::BeginAdd { at_least: LIFE, request: None }).await;
    let hold = place.get(&scope.space, ip("10.0.0.3")).await.expect("the database").expect("a hold");
    assert_eq!(hold.event, begun.at.event);
    relay.lose_next_answer();
    let ticket = begun.at.event;
    let done = step(&*place, &scope, "10.0.0.3", Step::FinishAdd { ticket, settled: LIFE, is_restored: false }).await;
    assert!(done.is_done());
    relay.lose_next_answer();
    assert!(step(&*place, &scope, "10.0.0.3", Step::End).await.is_done());
    assert_eq!(relay.lost(), 5);
    // Nothing was promised for nobody.
    assert_eq!(place.count().await.expect("a count"), 2);
    assert_eq!(server.sql("ipam", "SELECT count(*) FROM ipam_proxy_hold"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_although_another_proxy_went_on() {
    let Some(server) = Server::start() else { return };
    let relay = Relay::start(server.directory());
    let lossy = place(&server.url_through(relay.directory(), "ipam", "ipam"));
    let callers = Callers::start(&[lossy.clone(), place(&server.url())], &scope("vrf 1", "10.0.0.0/16"));
    relay.lose_many().await;
    callers.check().await;
    let (rows, held) = (
        server.sql("ipam", "SELECT count(*) FROM ipam_proxy_hold"),
        server.sql("ipam", "SELECT sum(held) FROM ipam_proxy_space"),
    );
    assert_eq!(rows, held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_that_stays_locked_fails_in_time_and_holds_up_no_other() {
    let Some(server) = Server::start() else { return };
    let server = Arc::new(server);
    let place = place(&server.url());
    let (locked, free) = (scope("locked", "10.0.0.0/24"), scope("free", "10.0.0.0/24"));
    granted(&*place, &locked, None).await;
    let lock = "BEGIN; SELECT 1 FROM ipam_proxy_space WHERE name = 'locked' FOR UPDATE; SELECT pg_sleep(8)";
    let locking = tokio::task::spawn_blocking({
        let server = server.clone();
        move || server.sql("ipam", lock)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let asked = Instant::now();
    let waiting = tokio::spawn({
        let place = place.clone();
        async move { join_all((0..20).map(|_| claim(&*place, &locked, None))).await }
    });
    assert_eq!(granted(&*place, &free, None).await, ip("10.0.0.1"));
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
    let answers = waiting.await.expect("answers");
    assert!(answers.iter().all(Result::is_err) && asked.elapsed() < LIMIT + GRACE, "{:?}", asked.elapsed());
    locking.await.expect("the lock is gone");
}
