//! The embedded IPAM's store in the database: away, restarted, read-only, and commits that are lost.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ipam_provider::{AddressSet, Error, ErrorKind};
use ipam_simulators::postgres::{Server, Stop};
use ipam_store::{AddressDetails, Contents, NewSubnet, SharedStore, Store, StoreError};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::relay::Relay;
use crate::support::{LIMIT, database, ip};

/// Slower than the limit by this much is too slow, on a busy machine too.
const GRACE: Duration = Duration::from_secs(3);

fn store(url: &str) -> Arc<SharedStore> {
    Arc::new(SharedStore::in_database(database(url)))
}

async fn subnet(store: &SharedStore, prefix: &str) -> i64 {
    let new = NewSubnet::of(prefix.parse::<ipam_store::Bounds>().expect("a prefix"));
    store.write(move |writing| writing.add_subnet(&new)).await.expect("a subnet").id
}

async fn next(store: &SharedStore, subnet: i64) -> Result<IpAddr, StoreError> {
    let added = store.write(move |writing| writing.add_next_free(subnet, AddressDetails::default())).await;
    added.map(|record| record.address)
}

async fn lowest(store: &SharedStore, subnet: i64) -> Result<IpAddr, StoreError> {
    let free = store.read(move |reading| reading.free_addresses(subnet, 1, &AddressSet::default())).await;
    free.map(|free| free[0])
}

fn kind(error: StoreError) -> ErrorKind {
    Error::from(error).kind()
}

/// What is recorded in a subnet of a store that is in order.
async fn recorded(server: &Server, subnet: i64) -> BTreeSet<IpAddr> {
    let database = database(&server.url());
    let look = spawn_blocking(move || {
        let store = Store::open_database(&database).expect("a store");
        assert_eq!(store.verify().expect("a readable store"), []);
        let mut found = BTreeSet::new();
        let visit = |record: ipam_store::AddressRecord| {
            found.insert(record.address);
            Ok(())
        };
        store.read(|reading| reading.each_address(subnet, visit)).expect("a readable store");
        found
    });
    look.await.expect("no panic")
}

#[tokio::test]
async fn a_database_that_is_away_fails_in_time_and_is_found_again() {
    let Some(server) = Server::start() else { return };
    let store = store(&server.url());
    let subnet = subnet(&store, "10.0.0.0/24").await;
    assert_eq!(next(&store, subnet).await.expect("an address"), ip("10.0.0.1"));
    server.stop(Stop::Fast);
    let asked = Instant::now();
    let error = next(&store, subnet).await.expect_err("there is no database");
    assert!(asked.elapsed() < LIMIT + GRACE, "{:?}", asked.elapsed());
    assert_eq!(error.to_string(), "The database of the address store cannot be reached; try again");
    assert_eq!(kind(error), ErrorKind::Unreachable);
    tokio::time::sleep(LIMIT.saturating_sub(asked.elapsed())).await;
    // It is known to be away: nobody waits any more.
    let asked = Instant::now();
    assert_eq!(kind(lowest(&store, subnet).await.expect_err("there is no database")), ErrorKind::Unreachable);
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
    server.start_again();
    assert_eq!(next(&store, subnet).await.expect("an address"), ip("10.0.0.2"));
}

#[tokio::test]
async fn a_store_in_a_database_that_takes_no_changes_says_so() {
    let Some(server) = Server::start() else { return };
    let store = store(&server.url());
    let subnet = subnet(&store, "10.0.0.0/24").await;
    server.sql("ipam", "ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("ipam", "SELECT pg_reload_conf()");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let said = "The database of the address store takes no changes now: it is read-only";
    // On the connection that is there, which still reads, and on a new one.
    assert_eq!(lowest(&store, subnet).await.expect("an address"), ip("10.0.0.1"));
    let error = next(&store, subnet).await.expect_err("a refusal");
    assert_eq!(error.to_string(), said);
    assert_eq!(kind(error), ErrorKind::Unavailable);
    let other = self::store(&server.url());
    assert_eq!(next(&other, subnet).await.expect_err("a refusal").to_string(), said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_lost_changes_nothing_and_one_whose_answer_is_lost_is_found() {
    let Some(server) = Server::start() else { return };
    let relay = Relay::start(server.directory());
    let store = store(&server.url_through(relay.directory(), "ipam", "ipam"));
    let subnet = subnet(&store, "10.0.0.0/24").await;
    relay.lose_next_commit();
    assert_eq!(kind(next(&store, subnet).await.expect_err("it is lost")), ErrorKind::Unreachable);
    assert_eq!(next(&store, subnet).await.expect("an address"), ip("10.0.0.1"));
    relay.lose_next_answer();
    assert_eq!(next(&store, subnet).await.expect("an address"), ip("10.0.0.2"));
    assert_eq!(relay.lost(), 2);
    assert_eq!(recorded(&server, subnet).await, [ip("10.0.0.1"), ip("10.0.0.2")].into());
}

/// Callers of two stores that take addresses until they are stopped; all that they were given.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<(Vec<IpAddr>, Duration)>>,
}

impl Callers {
    fn start(stores: &[Arc<SharedStore>], subnet: i64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number: usize| {
            let (store, stop) = (stores[number % stores.len()].clone(), stop.clone());
            tokio::spawn(async move {
                let (mut given, mut slowest) = (Vec::new(), Duration::ZERO);
                while !stop.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    match next(&store, subnet).await {
                        Ok(address) => given.push(address),
                        Err(error @ (StoreError::Database(_) | StoreError::Unknown)) => drop(error),
                        Err(error) => panic!("{error}"),
                    }
                    slowest = slowest.max(asked.elapsed());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                (given, slowest)
            })
        };
        let tasks = (0..16).map(start).collect();
        Self { stop, tasks }
    }

    /// Stops them, and checks that no address was given twice, that all are recorded, and that nobody waited too long.
    async fn check(self, server: &Server, subnet: i64) {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            let (given, slowest) = task.await.expect("no caller fails");
            assert!(slowest < 2 * LIMIT + GRACE, "{slowest:?}");
            all.extend(given);
        }
        assert!(all.len() > 100, "{} addresses", all.len());
        let distinct: BTreeSet<IpAddr> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        let recorded = recorded(server, subnet).await;
        assert!(distinct.is_subset(&recorded), "{:?}", distinct.difference(&recorded));
    }
}

/// Lets callers take addresses while `trouble` is made.
#[expect(clippy::disallowed_methods, reason = "on a thread of its own, beside the callers")]
async fn in_trouble(trouble: impl Fn(&Server) + Send + 'static) {
    let Some(server) = Server::start() else { return };
    let stores = [store(&server.url()), store(&server.url())];
    let subnet = subnet(&stores[0], "10.0.0.0/16").await;
    let callers = Callers::start(&stores, subnet);
    let troubled = spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(700));
        trouble(&server);
        std::thread::sleep(Duration::from_millis(700));
        server
    });
    let server = troubled.await.expect("the trouble is made");
    callers.check(&server, subnet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_gives_no_address_twice_and_loses_none() {
    in_trouble(|server| {
        for how in [Stop::Fast, Stop::Immediate, Stop::Fast] {
            server.stop(how);
            server.start_again();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_ended_in_the_middle_give_no_address_twice_and_lose_none() {
    in_trouble(|server| {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'foreman-ipam-proxy'";
        for _ in 0..20 {
            server.sql("ipam", end);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_commits_and_answers_give_no_address_twice_and_lose_none() {
    let Some(server) = Server::start() else { return };
    let relay = Relay::start(server.directory());
    let stores = [store(&server.url_through(relay.directory(), "ipam", "ipam")), store(&server.url())];
    let subnet = subnet(&stores[0], "10.0.0.0/16").await;
    let callers = Callers::start(&stores, subnet);
    relay.lose_many().await;
    callers.check(&server, subnet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subnets_come_and_go_beside_each_other_without_a_deadlock() {
    let Some(server) = Server::start() else { return };
    let stores = [store(&server.url()), store(&server.url())];
    let work = (0..8u8).map(|number| {
        let store = stores[usize::from(number % 2)].clone();
        tokio::spawn(async move {
            for round in 0..10u8 {
                let subnet = subnet(&store, &format!("10.{number}.{round}.0/24")).await;
                next(&store, subnet).await.expect("an address");
                let delete =
                    move |writing: &ipam_store::Writing<'_>| writing.delete_subnet(subnet, Contents::DeleteToo);
                store.write(delete).await.expect("a deletion");
            }
        })
    });
    for worker in work.collect::<Vec<_>>() {
        worker.await.expect("no deadlock");
    }
    assert_eq!(server.sql("ipam", "SELECT count(*) FROM ipam_store.free_extent"), "0");
}

#[tokio::test]
async fn a_check_before_the_first_start_sees_an_empty_store_and_makes_nothing() {
    let Some(server) = Server::start() else { return };
    let store = SharedStore::in_database_or_stand_in(database(&server.url()));
    assert_eq!(store.read(|reading| Ok(reading.groups()?.len())).await.expect("groups"), 0);
    store.write(|_| Ok(())).await.expect("it could be written");
    drop(store);
    assert_eq!(server.sql("ipam", "SELECT to_regclass('ipam_proxy_schema'), to_regnamespace('ipam_store')"), "|");
    // A user that may make nothing is told before the first start.
    server.sql("ipam", "CREATE USER other");
    let url = server.url_through(server.directory(), "other", "ipam");
    let store = SharedStore::in_database_or_stand_in(database(&url));
    let error = store.read(|reading| Ok(reading.groups()?.len())).await.expect_err("a refusal");
    assert!(format!("{error:?}").contains("MayNotMake"), "{error:?}");
    assert_eq!(kind(error), ErrorKind::Unauthenticated);
}
