//! What allocation itself costs, without HTTP: `cargo bench --bench allocation`.
//!
//! The provider answers at once from arithmetic, so that what is measured is the allocator: the look-up in its caches,
//! the shared batch, the claim of a hold and, in the second group, its line in the journal. In the last groups one proxy and two
//! keep their holds in a PostgreSQL of the benchmark's own; without its programs they are left out.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foreman_ipam_proxy::allocation::holds::Database;
use foreman_ipam_proxy::allocation::{Allocator, Clock, GroupChoice, Holds, Rules};
use futures_util::future::join_all;
use ipam_provider::{
    AddressSpace, Annotate, Capabilities, FreeQuery, Group, GroupName, Guard, Limits, ListReservations, Mac, OwnRecord,
    Prefix, Probe, Provider, RecordId, Released, Requester, Reservation, Result, Subnet,
};
use ipam_simulators::postgres::Server;

/// One empty 10.0.0.0/8.
#[derive(Debug)]
struct Arithmetic;

const FIRST: u32 = u32::from_be_bytes([10, 0, 0, 1]);
const LAST: u32 = u32::from_be_bytes([10, 255, 255, 254]);

fn prefix() -> Prefix {
    "10.0.0.0/8".parse().expect("a prefix")
}

#[async_trait]
impl Provider for Arithmetic {
    fn name(&self) -> &'static str {
        "arithmetic"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: false, ipv6: false, records_mac: false, records_hostname: false }
    }

    fn max_parallel(&self) -> Option<usize> {
        None
    }

    async fn probe(&self) -> Vec<Probe> {
        Vec::new()
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        Ok(Vec::new())
    }

    async fn group(&self, _: &GroupName) -> Result<Option<Group>> {
        Ok(None)
    }

    async fn subnets(&self, _: Option<&GroupName>) -> Result<Vec<Subnet>> {
        Ok(Vec::new())
    }

    async fn find_subnets(&self, prefix: Prefix, _: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let (id, space) = (RecordId::new(1), AddressSpace::new(1));
        Ok(vec![Subnet { id, prefix, group: None, space, description: String::new(), pool: false }])
    }

    async fn reservation(&self, _: &Subnet, _: IpAddr) -> Result<Option<Reservation>> {
        Ok(None)
    }

    async fn own_records(&self, _: IpAddr) -> Result<Vec<OwnRecord>> {
        Ok(Vec::new())
    }

    async fn free_addresses(&self, _: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let all = (FIRST..=LAST).map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
        Ok(all.filter(|address| !query.held.contains(*address)).take(query.at_most).collect())
    }

    async fn reserve(&self, _: &Subnet, _: IpAddr, _: &Requester) -> Result<()> {
        Ok(())
    }

    async fn release(&self, _: &Subnet, _: IpAddr) -> Result<Released> {
        Ok(Released::Removed(Reservation::default()))
    }

    fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
        None
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        None
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        None
    }
}

fn allocator(holds: Holds) -> Allocator {
    let rules = Rules {
        hold: Duration::from_secs(1800),
        hold_without_mac: Duration::from_secs(300),
        recycle_after: Duration::from_secs(60),
        quarantine: Duration::from_secs(3600),
        candidate: Duration::from_secs(5),
        lookup: Duration::from_secs(60),
        holds_at_most: 10_000_000,
        request_budget: Duration::from_secs(25),
        attempt: Duration::from_secs(8),
    };
    let limits = Limits { attempt: rules.attempt, read_attempts: 1 };
    Allocator::new(Guard::new(Arc::new(Arithmetic), limits), holds, rules)
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}").parse().expect("a MAC")
}

/// A claim and the release that keeps the number of holds as it is.
async fn claim_and_release(allocator: &Allocator, mac: Mac) {
    let next = allocator.next_ip(prefix(), &GroupChoice::none(), Some(mac), None).await;
    let address = next.expect("a /8 has room");
    assert!(allocator.holds().release(|_| true, prefix(), &GroupChoice::none(), address).await.expect("it is held"));
}

fn claims(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let journaled = Holds::open(directory.path(), Clock::system()).expect("holds");
    for (name, holds) in [("in memory", Holds::in_memory(Clock::system())), ("in the journal", journaled)] {
        let allocator = allocator(holds);
        let mut group = criterion.benchmark_group(format!("a hold {name}"));
        group.bench_function("claimed and released", |bencher| {
            bencher.to_async(&runtime).iter(|| claim_and_release(&allocator, black_box(mac(1))));
        });
        group.bench_function("given again to its MAC", |bencher| {
            bencher.to_async(&runtime).iter(async || {
                let again = allocator.next_ip(prefix(), &GroupChoice::none(), Some(black_box(mac(2))), None).await;
                black_box(again.expect("an address"))
            });
        });
        group.finish();
    }
}

/// How many callers ask at the same time.
const CALLERS: u32 = 64;

/// A number of questions, each for a new MAC, by callers that share the proxies.
async fn ask(allocators: &[Arc<Allocator>], first: u32, questions: u32) -> Duration {
    let began = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let allocator = allocators[caller as usize % allocators.len()].clone();
        tokio::spawn(async move {
            for number in (caller..questions).step_by(CALLERS as usize) {
                let next = allocator.next_ip(prefix(), &GroupChoice::none(), Some(mac(first + number)), None).await;
                next.expect("a /8 has room");
            }
        })
    });
    for ended in join_all(callers).await {
        ended.expect("no caller fails");
    }
    began.elapsed()
}

/// The database is this machine's own, with its write to the disk at each commit.
fn shared(criterion: &mut Criterion) {
    let Some(server) = Server::start_with("") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut group = criterion.benchmark_group("a hold in PostgreSQL, 64 callers");
    group.sample_size(10).throughput(Throughput::Elements(1));
    let mut first = 0;
    for (name, proxies) in [("of one proxy", 1), ("of two proxies", 2)] {
        let database = Database::new(&server.url(), None, Duration::from_secs(20)).expect("a right URL");
        let proxy = |_| Arc::new(allocator(Holds::shared(database.clone()).expect("a thread")));
        let allocators: Vec<Arc<Allocator>> = (0..proxies).map(proxy).collect();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let questions = u32::try_from(iterations).expect("a /8 has room");
                first += questions;
                runtime.block_on(ask(&allocators, first, questions))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, claims, shared);
criterion_main!(benches);
