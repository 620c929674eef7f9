//! The rules of allocation, over the reference IPAM of the conformance suite.

mod allocations;
mod annotations;
mod burst;
mod events;
mod lists;
mod lookups;
mod lost_writes;
mod offers;
mod restarts;
mod writes;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, Guard,
    Limits, ListReservations, Mac, OwnRecord, Prefix, Probe, Provider, Released, Requester, Reservation, Result,
    Subnet,
};

use tokio::sync::Semaphore;

use super::allocator::WATCHED_AT_MOST;
use super::holds::{Scope, Space};
use super::lost::{Finding, Lost, Unsettled};
use super::*;

/// Longer than any hold lives.
const VERY_LONG: Duration = Duration::from_secs(100_000);

const ATTEMPT: Duration = Duration::from_secs(8);

const LIMITS: Limits = Limits { attempt: ATTEMPT, read_attempts: 1 };

pub(super) const RULES: Rules = Rules {
    hold: Duration::from_secs(1800),
    hold_without_mac: Duration::from_secs(300),
    recycle_after: Duration::from_secs(60),
    quarantine: Duration::from_secs(3600),
    candidate: Duration::from_secs(5),
    lookup: Duration::from_secs(60),
    holds_at_most: 1_000_000,
    request_budget: Duration::from_secs(25),
    attempt: ATTEMPT,
};

/// Counts what reaches the provider.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn Provider>,
    calls: Arc<AtomicUsize>,
    /// More free addresses are not found in one call.
    free_at_most: usize,
    /// Each answer about free addresses takes one permit on its way to the proxy.
    free_answers: Arc<Semaphore>,
    max_parallel: Option<usize>,
    write_takes: Duration,
    /// The IPAM refuses to release anything.
    keeps_all: bool,
}

impl Counted {
    fn new(inner: Arc<dyn Provider>) -> Self {
        Self {
            inner,
            calls: Arc::default(),
            free_at_most: usize::MAX,
            free_answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            max_parallel: None,
            write_takes: Duration::ZERO,
            keeps_all: false,
        }
    }

    fn one_more(&self) -> &dyn Provider {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &*self.inner
    }
}

#[async_trait]
impl Provider for Counted {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn max_parallel(&self) -> Option<usize> {
        self.max_parallel
    }

    async fn probe(&self) -> Vec<Probe> {
        self.one_more().probe().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.one_more().groups().await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let provider = self.one_more();
        // Others may ask before this one is answered.
        tokio::task::yield_now().await;
        provider.group(name).await
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.one_more().subnets(group).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.one_more().find_subnets(prefix, group).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.one_more().reservation(subnet, address).await
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        self.one_more().own_records(address).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let at_most = query.at_most.min(self.free_at_most);
        let answer = self.one_more().free_addresses(subnet, FreeQuery { at_most, ..query }).await;
        let _permit = self.free_answers.acquire().await.expect("never closed");
        answer
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        tokio::time::sleep(self.write_takes).await;
        self.one_more().reserve(subnet, address, by).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        if self.keeps_all {
            return Err(Error::new(ErrorKind::Rejected, "The IPAM keeps all"));
        }
        self.one_more().release(subnet, address).await
    }

    fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
        Provider::manage_subnets(&*self.inner)
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        Provider::annotate(&*self.inner)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        self.inner.list_reservations()
    }
}

struct Stage {
    ipam: ReferenceSubject,
    seed: Seed,
    clock: Clock,
    allocator: Arc<Allocator>,
    calls: Arc<AtomicUsize>,
}

impl Stage {
    async fn start() -> Self {
        Self::with(RULES, Seed::standard()).await
    }

    async fn with(rules: Rules, seed: Seed) -> Self {
        Self::over(rules, seed, |_| {}).await
    }

    /// A provider that finds no more than so many free addresses in one call.
    async fn sparing(rules: Rules, seed: Seed, free_at_most: usize) -> Self {
        Self::over(rules, seed, |provider| provider.free_at_most = free_at_most).await
    }

    /// A provider that is made different by `change`.
    async fn over(rules: Rules, seed: Seed, change: impl FnOnce(&mut Counted)) -> Self {
        let clock = Clock::manual();
        let ipam = ReferenceSubject::start(&seed).await;
        let holds = Holds::in_memory(clock.clone());
        let mut counted = Counted::new(ipam.provider());
        let calls = counted.calls.clone();
        change(&mut counted);
        let provider = Guard::new(Arc::new(counted), LIMITS);
        let allocator = Arc::new(Allocator::new(provider, holds, rules));
        Self { ipam, seed, clock, allocator, calls }
    }

    /// The seeded subnet of a role.
    fn place(&self, role: Role) -> SeededSubnet {
        self.seed.subnet(role).expect("the standard seed has every role").clone()
    }

    async fn next(&self, place: &SeededSubnet, mac: Option<Mac>) -> Result<IpAddr, Failure> {
        self.allocator.next_ip(place.prefix, &choice(place), mac, None).await
    }

    async fn add(&self, place: &SeededSubnet, address: IpAddr) -> Result<(), Failure> {
        let added = self.allocator.add(place.prefix, choice(place), address, Requester::default()).await?;
        added.answered().await;
        Ok(())
    }

    async fn delete(&self, place: &SeededSubnet, address: IpAddr) -> Result<Deleted, Failure> {
        self.allocator.delete(place.prefix, choice(place), address).await
    }

    async fn exists(&self, place: &SeededSubnet, address: IpAddr) -> Result<bool, Failure> {
        self.allocator.exists(place.prefix, &choice(place), address).await
    }

    async fn record(&self, place: &SeededSubnet, address: IpAddr) -> Option<Reservation> {
        let provider = self.ipam.provider();
        let found = provider.find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
        provider.reservation(&found[0], address).await.expect("an answer")
    }

    /// An add of a new address that fails, and may yet take effect.
    async fn lose_an_add(&self, place: &SeededSubnet) -> Lost {
        let address = self.next(place, mac(1)).await.expect("an address");
        self.ipam.fault(Fault::ResetBeforeWrite).await;
        self.add(place, address).await.expect_err("a failure");
        self.ipam.heal().await;
        self.calls();
        let unanswered = self.allocator.place().pending().await.expect("holds");
        let [(_, hold)] = &unanswered[..] else { panic!("one unanswered hold") };
        Lost {
            scope: hold.scope.clone(),
            address,
            by: Requester { mac: hold.mac, ..Requester::default() },
            before: Some(hold.clone()),
            ticket: hold.event,
            request: "request 0a1b2c3d".to_owned(),
        }
    }

    /// The lost write takes effect after all.
    async fn land(&self, place: &SeededSubnet, lost: &Lost) {
        let provider = self.ipam.provider();
        let found = provider.find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
        provider.reserve(&found[0], lost.address, &lost.by).await.expect("reserved");
    }

    fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::SeqCst)
    }
}

fn choice(place: &SeededSubnet) -> GroupChoice {
    GroupChoice::of(place.group.clone())
}

fn mac(number: usize) -> Option<Mac> {
    Some(format!("02:00:00:00:{:02x}:{:02x}", number / 256, number % 256).parse().expect("a MAC"))
}

fn addresses(results: Vec<Result<IpAddr, Failure>>) -> (Vec<IpAddr>, Vec<Failure>) {
    let (mut given, mut failed) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(address) => given.push(address),
            Err(failure) => failed.push(failure),
        }
    }
    (given, failed)
}

/// All holds as they are listed.
async fn held(holds: &Holds) -> Vec<HeldAddress> {
    holds.page(None, usize::MAX).await.expect("a list").holds
}

async fn in_parallel<T: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("no panic"));
    }
    results
}
