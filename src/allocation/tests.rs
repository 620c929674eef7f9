//! The rules of allocation, over the reference IPAM of the conformance suite.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::layers::{self, Limits};
use ipam_provider::{
    Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, Mac, Prefix, Probe, Provider, Released, Requester,
    Reservation, Result, Subnet,
};

use super::watch::{Finding, Lost, Unsettled, WATCHED_AT_MOST};
use super::*;

/// Longer than any hold lives.
const VERY_LONG: Duration = Duration::from_secs(100_000);

const ATTEMPT: Duration = Duration::from_secs(8);

const RULES: Rules = Rules {
    hold: Duration::from_secs(1800),
    hold_without_mac: Duration::from_secs(300),
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
}

impl Counted {
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

    async fn probe(&self) -> Vec<Probe> {
        self.one_more().probe().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.one_more().groups().await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.one_more().group(name).await
    }

    async fn subnets(&self, group: &GroupName) -> Result<Vec<Subnet>> {
        self.one_more().subnets(group).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.one_more().find_subnets(prefix, group).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.one_more().reservation(subnet, address).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let at_most = query.at_most.min(self.free_at_most);
        self.one_more().free_addresses(subnet, FreeQuery { at_most, ..query }).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        self.one_more().reserve(subnet, address, by).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        self.one_more().release(subnet, address).await
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
        Self::sparing(rules, seed, usize::MAX).await
    }

    /// A provider that finds no more than so many free addresses in one call.
    async fn sparing(rules: Rules, seed: Seed, free_at_most: usize) -> Self {
        let clock = Clock::manual();
        let ipam = ReferenceSubject::start(&seed).await;
        let holds = Arc::new(Holds::in_memory(clock.clone()));
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::new(Counted { inner: ipam.provider(), calls: calls.clone(), free_at_most });
        let provider = layers::wrap(counted, Limits { attempt: ATTEMPT, read_attempts: 1 });
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
        self.allocator.add(place.prefix, choice(place), address, Requester::default()).await.map(Added::journal)
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
        let [(scope, _, hold)] = &self.allocator.holds.unanswered(self.allocator.provider.name())[..] else {
            panic!("one unanswered hold")
        };
        Lost {
            scope: scope.clone(),
            address,
            by: Requester { mac: hold.mac, hostname: None },
            before: Some(hold.clone()),
            ticket: hold.sequence,
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_callers_get_distinct_addresses_for_few_calls_of_the_ipam() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let asks = (0..200).map(|host| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(host)).await }
    });
    let (given, failed) = addresses(in_parallel(asks).await);
    assert_eq!((given.len(), failed.len()), (200, 0));
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 200);
    let calls = stage.calls();
    assert!(calls <= 5, "{calls} calls for 200 addresses in batches of 64, and one look-up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_mac_in_parallel_gets_one_address() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let asks = (0..50).map(|_| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(1)).await.expect("an address") }
    });
    let given: BTreeSet<IpAddr> = in_parallel(asks).await.into_iter().collect();
    assert_eq!(given.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_caller_of_a_full_subnet_is_told_so() {
    for with_mac in [true, false] {
        let stage = Arc::new(Stage::start().await);
        let place = stage.place(Role::Empty);
        let free = place.free(1000).len();
        let asks = (0..=free).map(|host| {
            let (stage, place) = (stage.clone(), place.clone());
            async move { stage.next(&place, mac(host).filter(|_| with_mac)).await }
        });
        let (given, failed) = addresses(in_parallel(asks).await);
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), free);
        assert!(matches!(failed[..], [Failure::NoFreeAddress { held, .. }] if held == free), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subnet_is_not_full_because_an_answer_has_fewer_addresses_than_asked_for() {
    let stage = Arc::new(Stage::sparing(RULES, Seed::standard(), 3).await);
    let place = stage.place(Role::Empty);
    let free = place.free(1000);
    let asks = (0..free.len()).map(|host| {
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.next(&place, mac(host)).await }
    });
    let (given, failed) = addresses(in_parallel(asks).await);
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), free.into_iter().collect());
    assert!(matches!(stage.next(&place, mac(99)).await, Err(Failure::NoFreeAddress { .. })));
}

#[tokio::test]
async fn a_second_subnet_takes_no_hold_away_in_the_first() {
    let stage = Stage::start().await;
    let (wide, empty) = (stage.place(Role::Wide), stage.place(Role::Empty));
    let first = stage.next(&wide, mac(1)).await.expect("an address");
    stage.next(&empty, mac(1)).await.expect("an address");
    assert_ne!(stage.next(&wide, mac(2)).await.expect("an address"), first);
    assert_eq!(stage.next(&wide, mac(1)).await.expect("an address"), first);
}

#[tokio::test]
async fn with_and_without_group_a_subnet_has_one_set_of_holds() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    let second = stage.allocator.next_ip(place.prefix, &GroupChoice::none(), mac(2), None).await.expect("an address");
    assert_ne!(first, second);
}

#[tokio::test]
async fn addresses_that_are_taken_are_passed_over_however_many_there_are() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    for address in place.free(254).into_iter().skip(1).take(200) {
        stage.ipam.take(&place, address).await;
    }
    let free = [1, 202, 203, 204].map(|last| IpAddr::from([198, 18, 0, last]));
    for (host, expected) in free.into_iter().enumerate() {
        assert_eq!(stage.next(&place, mac(host)).await.expect("an address"), expected);
    }
}

#[tokio::test]
async fn a_held_address_that_was_reserved_meanwhile_is_not_given_again() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, first).await;
    stage.clock.advance(RULES.candidate + Duration::from_secs(1));
    assert_ne!(stage.next(&place, mac(1)).await.expect("an address"), first);
}

#[tokio::test]
async fn asking_again_renews_the_hold() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let first = stage.next(&place, mac(1)).await.expect("an address");
    for _ in 0..3 {
        stage.clock.advance(RULES.hold - Duration::from_secs(1));
        assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), first);
    }
    stage.clock.advance(RULES.hold);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), first, "the hold has ended");
}

#[tokio::test]
async fn a_second_interface_of_one_request_gets_a_second_address() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let ask = async |request| {
        stage.allocator.next_ip(place.prefix, &choice(&place), mac(1), Some(request)).await.expect("an address")
    };
    let (first, second) = (ask(7).await, ask(7).await);
    assert_ne!(first, second);
    assert_eq!((ask(8).await, ask(8).await), (first, second));
}

#[tokio::test]
async fn a_full_subnet_says_how_many_addresses_are_only_held() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Smallest);
    let (first, second) = (stage.next(&place, mac(1)).await, stage.next(&place, mac(2)).await);
    for (address, held) in [(first, 1), (second, 0)] {
        stage.add(&place, address.expect("an address")).await.expect("added");
        let full = stage.next(&place, mac(3)).await.expect_err("no address");
        assert!(matches!(full, Failure::NoFreeAddress { held: said, .. } if said == held), "{full}");
    }
}

#[tokio::test]
async fn without_a_mac_the_oldest_hold_is_recycled_rather_than_failing() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Smallest);
    let first = stage.next(&place, None).await.expect("an address");
    stage.clock.advance(Duration::from_secs(30));
    let second = stage.next(&place, None).await.expect("an address");
    assert_ne!(first, second);
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { held: 2, .. })));
    stage.clock.advance(Duration::from_secs(31));
    assert_eq!(stage.next(&place, mac(1)).await.expect("a recycled address"), first);
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { .. })));
    stage.clock.advance(Duration::from_secs(30));
    stage.ipam.take(&place, second).await;
    assert!(matches!(stage.next(&place, None).await, Err(Failure::NoFreeAddress { .. })), "reserved meanwhile");
}

#[tokio::test]
async fn point_to_point_and_host_subnets_offer_all_they_have() {
    let stage = Stage::start().await;
    for role in [Role::PointToPoint, Role::SingleHost, Role::Pool, Role::Ipv6PointToPoint, Role::Ipv6SingleHost] {
        let place = stage.place(role);
        let expected: BTreeSet<IpAddr> = place.free(100).into_iter().collect();
        let mut given = BTreeSet::new();
        for host in 0..expected.len() {
            given.insert(stage.next(&place, mac(host)).await.expect("an address"));
        }
        assert_eq!(given, expected, "{role:?}");
        assert!(matches!(stage.next(&place, mac(99)).await, Err(Failure::NoFreeAddress { .. })), "{role:?}");
    }
}

#[tokio::test]
async fn the_mac_of_the_hold_travels_into_the_reservation_unless_one_is_given() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let held = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, held).await.expect("added");
    assert_eq!(stage.record(&place, held).await.expect("a record").mac, mac(1));
    let held = stage.next(&place, mac(1)).await.expect("another address");
    let given = Requester { mac: mac(2), hostname: Some("web.example.com".to_owned()) };
    stage.allocator.add(place.prefix, choice(&place), held, given).await.expect("added").journal();
    let record = stage.record(&place, held).await.expect("a record");
    assert_eq!((record.mac, record.hostname.as_deref()), (mac(2), Some("web.example.com")));
}

#[tokio::test]
async fn an_added_address_is_not_offered_from_an_older_batch() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    stage.next(&place, mac(1)).await.expect("an address");
    let by_hand = IpAddr::from([198, 18, 0, 2]);
    stage.add(&place, by_hand).await.expect("added");
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), IpAddr::from([198, 18, 0, 3]));
}

#[tokio::test]
async fn adding_twice_is_refused() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    let again = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(again, Failure::AlreadyReserved { .. }), "{again}");
}

#[tokio::test]
async fn an_address_taken_behind_our_back_is_refused_and_not_offered_again() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, address).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
    assert_ne!(stage.next(&place, mac(1)).await.expect("another address"), address);
}

#[tokio::test]
async fn network_and_broadcast_cannot_be_added() {
    let stage = Stage::start().await;
    for role in [Role::Wide, Role::Ipv6] {
        let place = stage.place(role);
        let refused = stage.add(&place, place.prefix.network()).await.expect_err("a refusal");
        assert!(matches!(refused, Failure::NotOfferable { .. }), "{refused}");
    }
    let pool = stage.place(Role::Pool);
    stage.add(&pool, pool.prefix.last()).await.expect("a pool has them");
}

#[tokio::test]
async fn a_lost_answer_to_an_add_that_took_effect_is_a_success() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    for with_mac in [true, false] {
        let address = stage.next(&place, mac(1).filter(|_| with_mac)).await.expect("an address");
        stage.ipam.fault(Fault::ResetAfterWrite).await;
        stage.add(&place, address).await.expect("the record is ours");
        stage.ipam.heal().await;
        assert!(stage.exists(&place, address).await.expect("an answer"));
    }
}

#[tokio::test]
async fn a_lost_answer_to_an_add_without_effect_is_a_failure_that_can_be_repeated() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    stage.add(&place, address).await.expect_err("a failure");
    stage.ipam.heal().await;
    assert!(!stage.exists(&place, address).await.expect("an answer"));
    assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), address, "it may yet turn up as reserved");
    stage.add(&place, address).await.expect("added");
    assert_eq!(stage.record(&place, address).await.expect("a record").mac, mac(1));
}

#[tokio::test]
async fn an_add_whose_outcome_stayed_unknown_is_recognised_when_repeated() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    // The write takes effect, and the look fails too.
    stage.ipam.fault(Fault::WrongJson).await;
    stage.add(&place, address).await.expect_err("nobody knows");
    stage.ipam.heal().await;
    stage.add(&place, address).await.expect("the record is ours");
    stage.add(&place, address).await.expect_err("and from now on it is an ordinary one");
}

#[tokio::test]
async fn somebody_elses_record_is_not_taken_for_our_own() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.take(&place, address).await;
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
}

#[tokio::test]
async fn the_record_of_another_host_is_not_taken_for_our_own_either() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    // Neither host has a MAC, and both records would carry our mark.
    let address = stage.next(&place, None).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    let refused = stage.add(&place, address).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::AlreadyReserved { .. }), "{refused}");
}

#[tokio::test]
async fn no_write_begins_without_time_to_look_for_its_effect() {
    let rules = Rules { request_budget: ATTEMPT, ..RULES };
    let stage = Stage::with(rules, Seed::standard()).await;
    let place = stage.place(Role::Plain);
    let (taken, free) = (*place.taken.keys().next().expect("a taken address"), place.free(1)[0]);
    let late = stage.delete(&place, taken).await.expect_err("no time");
    assert!(matches!(late, Failure::OutOfTime { .. }), "{late}");
    let late = stage.add(&place, free).await.expect_err("no time");
    assert!(matches!(late, Failure::OutOfTime { .. }), "{late}");
    assert!(stage.exists(&place, taken).await.expect("an answer"));
    assert!(!stage.exists(&place, free).await.expect("an answer"));
}

#[tokio::test(start_paused = true)]
async fn an_address_whose_reservation_is_on_its_way_is_let_go_by_nobody() {
    let stage = Arc::new(Stage::start().await);
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Slow).await;
    let adding = tokio::spawn({
        let (stage, place) = (stage.clone(), place.clone());
        async move { stage.add(&place, address).await }
    });
    let holds = stage.allocator.holds();
    while holds.list()[0].state != HoldState::Adding {
        tokio::task::yield_now().await;
    }
    let refused = holds.release(place.prefix, &GroupChoice::none(), address).await.expect_err("not now");
    assert!(matches!(refused, Failure::BeingReserved { .. }), "{refused}");
    assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), address);
    adding.await.expect("no panic").expect_err("no answer");
    let state = holds.list().into_iter().find(|held| held.address == address).map(|held| held.state);
    assert_eq!(state, Some(HoldState::Unanswered), "it may yet turn up as reserved");
}

#[tokio::test]
async fn a_full_subnet_with_a_hold_that_ended_since_is_not_full() {
    let stage = Stage::start().await;
    let place = stage.place(Role::SingleHost);
    let address = stage.next(&place, None).await.expect("an address");
    stage.next(&place, mac(1)).await.expect_err("full");
    let holds = stage.allocator.holds();
    assert!(holds.release(place.prefix, &GroupChoice::none(), address).await.expect("an answer"));
    assert_eq!(stage.next(&place, mac(1)).await.expect("an address"), address);
}

#[tokio::test]
async fn a_delete_whose_subnet_is_gone_ends_the_hold() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.remove(&place).await;
    assert_eq!(stage.delete(&place, address).await.expect("deleted"), Deleted::WasAbsent);
    assert_eq!(stage.allocator.holds().list(), []);
}

#[tokio::test]
async fn delete_is_idempotent() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let taken = *place.taken.keys().next().expect("a taken address");
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::Removed);
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::WasAbsent);
    stage.ipam.remove(&place).await;
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::WasAbsent, "the subnet is gone");
    let elsewhere = GroupChoice::of(GroupName::new("No such group"));
    let deleted = stage.allocator.delete(place.prefix, elsewhere, taken).await.expect("deleted");
    assert_eq!(deleted, Deleted::WasAbsent, "the group is gone");
}

#[tokio::test]
async fn a_lost_answer_to_a_delete_that_took_effect_is_a_success() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let taken = *place.taken.keys().next().expect("a taken address");
    stage.ipam.fault(Fault::ResetBeforeWrite).await;
    stage.delete(&place, taken).await.expect_err("it is still there");
    stage.ipam.fault(Fault::ResetAfterWrite).await;
    assert_eq!(stage.delete(&place, taken).await.expect("deleted"), Deleted::Removed);
}

#[tokio::test]
async fn delete_ends_the_hold() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.delete(&place, address).await.expect("deleted");
    assert_eq!(stage.allocator.holds().list(), []);
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), address);
}

#[tokio::test]
async fn exists_asks_the_ipam_and_holds_do_not_count() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    assert!(!stage.exists(&place, address).await.expect("an answer"));
    stage.ipam.take(&place, address).await;
    assert!(stage.exists(&place, address).await.expect("an answer"));
}

#[tokio::test]
async fn a_warm_host_creation_costs_the_ipam_two_calls() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    stage.next(&place, mac(1)).await.expect("an address");
    stage.calls();
    let address = stage.next(&place, mac(2)).await.expect("an address");
    stage.exists(&place, address).await.expect("an answer");
    stage.add(&place, address).await.expect("added");
    assert_eq!(stage.calls(), 2);
}

#[tokio::test]
async fn a_removed_subnet_is_not_remembered() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Empty);
    stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.remove(&place).await;
    stage.clock.advance(RULES.candidate + Duration::from_secs(1));
    let gone = stage.next(&place, mac(2)).await.expect_err("no subnet");
    assert!(matches!(gone, Failure::SubnetNotFound { .. }), "{gone}");
    let gone = stage.exists(&place, place.free(1)[0]).await.expect_err("no subnet");
    assert!(matches!(gone, Failure::SubnetNotFound { .. }), "{gone}");
}

#[tokio::test]
async fn without_a_group_the_global_record_is_meant_and_else_the_choice_is_named() {
    let stage = Stage::start().await;
    let twin = stage.place(Role::Twin);
    let found = stage.allocator.subnet(twin.prefix, &GroupChoice::none()).await.expect("the global record");
    assert_eq!(found.group, None);
    let stage = Stage::with(RULES, Seed::standard().without(Role::GlobalTwin)).await;
    let ambiguous = stage.allocator.subnet(twin.prefix, &GroupChoice::none()).await.expect_err("no guess");
    assert!(ambiguous.to_string().ends_with("one of: Production, dmz/web"), "{ambiguous}");
    let address = twin.free(1)[0];
    stage.allocator.delete(twin.prefix, GroupChoice::none(), address).await.expect_err("no guess");
}

#[tokio::test]
async fn twins_in_two_groups_have_holds_of_their_own() {
    let stage = Stage::start().await;
    let (twin, other) = (stage.place(Role::Twin), stage.place(Role::OtherTwin));
    let third = IpAddr::from([198, 51, 100, 3]);
    stage.next(&twin, mac(1)).await.expect("an address");
    assert_eq!(stage.next(&twin, mac(2)).await.expect("an address"), third);
    stage.next(&other, mac(3)).await.expect("an address");
    assert_eq!(stage.next(&other, mac(4)).await.expect("an address"), third);
}

#[tokio::test]
async fn the_reading_of_a_group_that_exists_is_meant() {
    let stage = Stage::start().await;
    let names = |names: &[&str]| GroupChoice::of(names.iter().filter_map(GroupName::new));
    let group = stage.allocator.group(&names(&["R D", "R+D"])).await.expect("found").expect("a group");
    assert_eq!(group.name.as_str(), "R+D");
    let missing = stage.allocator.group(&names(&["X Y", "X+Y"])).await.expect_err("no such group");
    assert!(missing.to_string().starts_with("Group not found in External IPAM: X Y"), "{missing}");
    let place = stage.place(Role::Plain);
    let missing = stage.allocator.subnet(place.prefix, &names(&["X"])).await.expect_err("no such group");
    assert!(matches!(missing, Failure::GroupNotFound { .. }), "{missing}");
    let elsewhere = stage.allocator.subnet(place.prefix, &names(&["Unused"])).await.expect_err("no such subnet");
    assert!(matches!(elsewhere, Failure::SubnetNotFound { .. }), "{elsewhere}");
}

#[tokio::test]
async fn more_holds_than_allowed_are_refused_and_none_is_dropped_for_them() {
    let stage = Stage::with(Rules { holds_at_most: 3, ..RULES }, Seed::standard()).await;
    let place = stage.place(Role::Wide);
    let mut given = Vec::new();
    for host in 0..3 {
        given.push(stage.next(&place, mac(host)).await.expect("an address"));
    }
    let refused = stage.next(&place, mac(3)).await.expect_err("a refusal");
    assert!(matches!(refused, Failure::TooManyHolds { at_most: 3 }), "{refused}");
    for (host, address) in given.into_iter().enumerate() {
        assert_eq!(stage.next(&place, mac(host)).await.expect("the same address"), address);
    }
    stage.clock.advance(RULES.hold);
    stage.next(&place, mac(3)).await.expect("the others have ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_callers_get_exactly_as_many_holds_as_are_allowed() {
    for _ in 0..20 {
        let stage = Arc::new(Stage::with(Rules { holds_at_most: 20, ..RULES }, Seed::standard()).await);
        let places = [stage.place(Role::Wide), stage.place(Role::Ipv6)];
        let asks = (0..60).map(|host| {
            let (stage, place) = (stage.clone(), places[host % 2].clone());
            async move { stage.next(&place, mac(host)).await }
        });
        let (given, failed) = addresses(in_parallel(asks).await);
        assert_eq!((given.len(), stage.allocator.holds().list().len()), (20, 20));
        assert!(failed.iter().all(|failure| matches!(failure, Failure::TooManyHolds { at_most: 20 })), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_limit_parallel_questions_of_one_mac_are_answered_alike() {
    for _ in 0..20 {
        let stage = Arc::new(Stage::with(Rules { holds_at_most: 1, ..RULES }, Seed::standard()).await);
        let place = stage.place(Role::Wide);
        let asks = (0..20).map(|_| {
            let (stage, place) = (stage.clone(), place.clone());
            async move { stage.next(&place, mac(1)).await.expect("an address") }
        });
        let given: BTreeSet<IpAddr> = in_parallel(asks).await.into_iter().collect();
        assert_eq!(given.len(), 1);
    }
}

#[tokio::test]
async fn only_the_hold_that_is_meant_is_ended_and_none_that_is_being_reserved() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    let scope = stage.allocator.holds().list().remove(0).scope;
    let holds = stage.allocator.holds().of(scope).await;
    let hold = holds.table().get(address, stage.clock.now()).expect("a hold");
    assert_eq!(holds.end_if(address, |hold| hold.mac == mac(2)), None);
    holds.change(|table, _| {
        table.put(address, &Hold { state: HoldState::Adding, ..hold.clone() });
        Some(address)
    });
    assert_eq!(holds.end_if(address, |_| true), None);
    holds.change(|table, _| {
        table.put(address, &hold);
        Some(address)
    });
    let generation = holds.generation();
    assert_eq!(holds.end_if(address, |hold| hold.mac == mac(1)).map(|ended| ended.mac), Some(mac(1)));
    assert_eq!(holds.table().get(address, stage.clock.now()), None);
    assert_ne!(holds.generation(), generation, "the address may be offered at once");
}

#[tokio::test(start_paused = true)]
async fn a_reservation_that_turns_up_after_its_caller_was_told_of_a_failure_is_named() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    let looking = tokio::spawn({
        let (allocator, lost) = (stage.allocator.clone(), lost.clone());
        async move { allocator.look_again(&lost).await }
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!looking.is_finished(), "it looks again until it is found");
    stage.land(&place, &lost).await;
    let finding = looking.await.expect("no panic");
    assert!(matches!(finding, Finding::Reserved), "{finding:?}");
    let (level, text) = finding.told(&lost).expect("a line for the log");
    let expected = format!("{} in {} is reserved in the IPAM for request 0a1b2c3d", lost.address, lost.scope);
    assert!(level == log::Level::Warn && text.starts_with(&expected), "{text}");
    stage.add(&place, lost.address).await.expect("a repeated add is recognised all the same");
}

#[tokio::test(start_paused = true)]
async fn an_add_whose_outcome_is_unknown_is_looked_for_a_few_times_and_no_more() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    tokio::time::sleep(VERY_LONG).await;
    assert_eq!(stage.calls(), 4);
    let finding = stage.allocator.look_again(&lost).await;
    assert!(matches!(finding, Finding::Absent), "{finding:?}");
    stage.calls();
    for _ in 0..WATCHED_AT_MOST + 100 {
        stage.allocator.watch(lost.clone());
    }
    tokio::time::sleep(VERY_LONG).await;
    assert_eq!(stage.calls(), 4 * WATCHED_AT_MOST);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_named_that_somebody_has_dealt_with() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    stage.add(&place, lost.address).await.expect("the repeated add");
    let finding = stage.allocator.look_again(&lost).await;
    assert!(finding.told(&lost).is_none(), "{finding:?}");
    let stage = Stage::start().await;
    let lost = stage.lose_an_add(&place).await;
    stage.land(&place, &lost).await;
    stage.delete(&place, lost.address).await.expect("deleted");
    let finding = stage.allocator.look_again(&lost).await;
    assert!(finding.told(&lost).is_none(), "{finding:?}");
    let stage = Stage::start().await;
    let lost = stage.lose_an_add(&place).await;
    stage.clock.advance(RULES.hold);
    let finding = stage.allocator.look_again(&lost).await;
    assert!(finding.told(&lost).is_none(), "the hold has ended: {finding:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_does_not_end_the_look_for_a_lost_add() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    assert_eq!(stage.delete(&place, lost.address).await.expect("deleted"), Deleted::WasAbsent);
    assert_ne!(stage.next(&place, mac(2)).await.expect("an address"), lost.address, "it may yet turn up as reserved");
    stage.land(&place, &lost).await;
    let finding = stage.allocator.look_again(&lost).await;
    assert!(matches!(finding, Finding::Reserved), "{finding:?}");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_somebody_else_is_not_called_that_of_the_request() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    stage.ipam.take(&place, lost.address).await;
    let finding = stage.allocator.look_again(&lost).await;
    assert!(matches!(finding, Finding::ReservedBySomebody), "{finding:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ipam_that_stays_away_leaves_a_line_that_says_so() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let lost = stage.lose_an_add(&place).await;
    stage.ipam.fault(Fault::Slow).await;
    let finding = stage.allocator.look_again(&lost).await;
    let (level, text) = finding.told(&lost).expect("a line for the log");
    assert!(level == log::Level::Warn && text.contains(&lost.address.to_string()), "{text}");
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_unknown_outcomes_are_looked_for_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::manual();
    let seed = Seed::standard();
    let ipam = ReferenceSubject::start(&seed).await;
    let place = seed.subnet(Role::Wide).expect("a subnet");
    let start = async |provider| {
        let holds = Arc::new(Holds::open(directory.path(), clock.clone()).await.expect("holds"));
        Arc::new(Allocator::new(provider, holds, RULES))
    };
    let allocator = start(ipam.provider()).await;
    let address = allocator.next_ip(place.prefix, &choice(place), mac(1), None).await.expect("an address");
    ipam.fault(Fault::ResetBeforeWrite).await;
    allocator.add(place.prefix, choice(place), address, Requester::default()).await.expect_err("a failure");
    ipam.heal().await;
    // The hold of the process that ended; its own watch ends with it.
    let holds = Arc::downgrade(&allocator.holds);
    drop(allocator);
    tokio::time::sleep(VERY_LONG).await;
    assert!(holds.upgrade().is_none());
    let calls = Arc::new(AtomicUsize::new(0));
    let allocator =
        start(Arc::new(Counted { inner: ipam.provider(), calls: calls.clone(), free_at_most: usize::MAX })).await;
    allocator.watch_unanswered();
    tokio::time::sleep(VERY_LONG).await;
    assert_eq!(calls.load(Ordering::SeqCst), 5, "the subnet and four looks");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_its_caller_did_not_wait_for_goes_on_and_its_success_is_dropped() {
    let stage = Stage::start().await;
    /// Tells that it is gone.
    #[derive(Debug)]
    struct Success(tokio::sync::mpsc::UnboundedSender<&'static str>);

    impl Drop for Success {
        fn drop(&mut self) {
            self.0.send("gone").expect("a listener");
        }
    }

    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let work = async |tell| {
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok(Success(tell))
    };
    let answered = stage.allocator.to_its_end(work(tell.clone())).await.expect("an answer");
    told.try_recv().expect_err("the caller has it");
    drop(answered);
    told.recv().await.expect("gone with its caller");
    tokio::time::timeout(Duration::from_secs(5), stage.allocator.to_its_end(work(tell)))
        .await
        .expect_err("the caller hangs up");
    told.try_recv().expect_err("the work goes on");
    assert_eq!(told.recv().await, Some("gone"));
    assert_eq!(told.recv().await, None, "once");
}

#[test]
fn the_caller_s_failure_is_logged_with_address_subnet_and_request() {
    let prefix = "192.0.2.0/24".parse().expect("a prefix");
    let lost = Lost {
        scope: Scope { provider: "netbox".into(), group: GroupName::new("dmz"), prefix },
        address: [192, 0, 2, 7].into(),
        by: Requester::default(),
        before: None,
        ticket: 1,
        request: "request 0a1b2c3d".to_owned(),
    };
    let error = || Error::new(ErrorKind::TimedOut, "NetBox gave no answer in time");
    for look in [Unsettled::Absent, Unsettled::Unknown(error())] {
        let text = lost.told_unknown(&error(), &look);
        let expected = "Whether 192.0.2.7 in 192.0.2.0/24 (group dmz) is reserved for request 0a1b2c3d is unknown: ";
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_within_its_budget_whatever_the_ipam_does() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.ipam.fault(Fault::Slow).await;
    let start = tokio::time::Instant::now();
    stage.next(&stage.place(Role::Empty), mac(2)).await.expect_err("no answer");
    stage.exists(&place, address).await.expect_err("no answer");
    stage.delete(&place, address).await.expect_err("no answer");
    stage.add(&place, address).await.expect_err("no answer");
    assert!(start.elapsed() <= 4 * RULES.request_budget, "{:?}", start.elapsed());
}

#[tokio::test]
async fn holds_survive_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::manual();
    let seed = Seed::standard();
    let ipam = ReferenceSubject::start(&seed).await;
    let place = seed.subnet(Role::Wide).expect("a subnet");
    let start = async || {
        let holds = Arc::new(Holds::open(directory.path(), clock.clone()).await.expect("holds"));
        Allocator::new(ipam.provider(), holds, RULES)
    };
    let next = async |allocator: &Allocator, host| {
        allocator.next_ip(place.prefix, &choice(place), mac(host), None).await.expect("an address")
    };
    let allocator = start().await;
    let (first, second) = (next(&allocator, 1).await, next(&allocator, 2).await);
    let listed = |allocator: &Allocator| -> Vec<_> {
        allocator.holds().list().into_iter().map(|held| (held.address, held.mac, held.state, held.since)).collect()
    };
    let before = listed(&allocator);
    drop(allocator);
    let allocator = start().await;
    assert_eq!(listed(&allocator), before);
    assert!(![first, second].contains(&next(&allocator, 3).await));
    assert_eq!((next(&allocator, 1).await, next(&allocator, 2).await), (first, second));
    drop(allocator);
    clock.advance(RULES.hold);
    // After a restart a hold may live a little longer than promised, never shorter.
    clock.advance(Duration::from_secs(60));
    assert_eq!(start().await.holds().list(), []);
}

#[tokio::test]
async fn a_reservation_whose_caller_was_not_told_before_the_end_is_looked_for_by_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let seed = Seed::standard();
    let ipam = ReferenceSubject::start(&seed).await;
    let place = seed.subnet(Role::Wide).expect("a subnet");
    let start = async || {
        let holds = Holds::open(directory.path(), Clock::manual()).await.expect("holds");
        Arc::new(Allocator::new(ipam.provider(), Arc::new(holds), RULES))
    };
    let allocator = start().await;
    let mut added = Vec::new();
    for host in [1, 2] {
        let address = allocator.next_ip(place.prefix, &choice(place), mac(host), None).await.expect("an address");
        added.push((address, allocator.add(place.prefix, choice(place), address, Requester::default()).await));
    }
    let (told, untold) = (added.remove(0), added.remove(0));
    told.1.expect("added").journal();
    // Killed: nothing of it runs any more.
    std::mem::forget(untold.1.expect("added"));
    drop(allocator);
    let allocator = start().await;
    let unanswered = allocator.holds.unanswered(allocator.provider.name());
    assert_eq!(unanswered.iter().map(|(_, address, _)| *address).collect::<Vec<_>>(), [untold.0]);
    // Foreman repeats what it has no answer to.
    let again = async |address| allocator.add(place.prefix, choice(place), address, Requester::default()).await;
    again(untold.0).await.expect("the record is ours").journal();
    again(told.0).await.expect_err("it is reserved, and was said to be");
}

#[tokio::test]
async fn an_addition_that_was_looked_for_to_its_end_is_not_looked_for_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let seed = Seed::standard();
    let ipam = ReferenceSubject::start(&seed).await;
    let place = seed.subnet(Role::Wide).expect("a subnet");
    let clock = Clock::manual();
    let start = async || {
        let holds = Holds::open(directory.path(), clock.clone()).await.expect("holds");
        Arc::new(Allocator::new(ipam.provider(), Arc::new(holds), RULES))
    };
    let unanswered = |allocator: &Allocator| allocator.holds.unanswered(allocator.provider.name()).len();
    let allocator = start().await;
    let address = allocator.next_ip(place.prefix, &choice(place), mac(1), None).await.expect("an address");
    let added = allocator.add(place.prefix, choice(place), address, Requester::default()).await.expect("added");
    // Killed: nothing of it runs any more.
    std::mem::forget(added);
    drop(allocator);
    // Nothing ran when the hold ended.
    clock.advance(2 * RULES.hold);
    let allocator = start().await;
    assert_eq!(unanswered(&allocator), 1);
    clock.advance(RULES.hold);
    allocator.holds().tidy();
    drop(allocator);
    assert_eq!(unanswered(&*start().await), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_journal_that_is_written_anew_while_holds_come_and_go_loses_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Clock::manual();
    let seed = Seed::standard();
    let ipam = ReferenceSubject::start(&seed).await;
    let place = seed.subnet(Role::Wide).expect("a subnet").clone();
    let open = async || Arc::new(Holds::open(directory.path(), clock.clone()).await.expect("holds"));
    let holds = open().await;
    let allocator = Arc::new(Allocator::new(ipam.provider(), holds.clone(), RULES));
    let callers = in_parallel((0..4).map(|caller| {
        let (allocator, place) = (allocator.clone(), place.clone());
        async move {
            for round in 0..2500 {
                let host = mac(caller * 50 + round % 50);
                let given = allocator.next_ip(place.prefix, &choice(&place), host, None).await.expect("an address");
                if round % 4 != 0 {
                    allocator.holds().release(place.prefix, &choice(&place), given).await.expect("an answer");
                }
            }
        }
    }));
    let is_over = Arc::new(AtomicUsize::new(0));
    let tidying = std::thread::spawn({
        let (holds, is_over) = (holds.clone(), is_over.clone());
        move || {
            while is_over.load(Ordering::SeqCst) == 0 {
                holds.tidy();
            }
        }
    });
    callers.await;
    is_over.store(1, Ordering::SeqCst);
    tidying.join().expect("no panic");
    let lines = std::fs::read_to_string(directory.path().join("holds.journal")).expect("a journal").lines().count();
    assert!(lines < 12_000, "{lines} of some 17,500 are left");
    let listed = |holds: &Holds| -> Vec<_> {
        holds.list().into_iter().map(|held| (held.address, held.mac, held.state, held.since)).collect()
    };
    let before = listed(&holds);
    assert!(!before.is_empty());
    drop((allocator, holds));
    assert_eq!(listed(&*open().await), before);
}

#[tokio::test]
async fn a_released_hold_is_free_for_others() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    let holds = stage.allocator.holds();
    assert!(!holds.release(place.prefix, &choice(&stage.place(Role::OtherTwin)), address).await.expect("an answer"));
    assert!(holds.release(place.prefix, &GroupChoice::none(), address).await.expect("an answer"));
    assert!(!holds.release(place.prefix, &GroupChoice::none(), address).await.expect("an answer"));
    assert_eq!(stage.next(&place, mac(2)).await.expect("an address"), address);
}
