//! What is reserved again, when, and what is not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::{Guard, Limits, Mac, Requester, Reservation, Subnet};
use tokio::time::{sleep, timeout};

use super::{AGAIN, SILENCE};
use crate::allocation::holds::{Becomes, Hold, HoldState, Moment, Removed, Scope, Step, Trace};
use crate::allocation::tests::RULES;
use crate::allocation::{AllocationRequest, Allocator, Clock, Failure, GroupChoice, Holds, Look, Strategy, Timestamp};
use crate::caller::{self, Caller, Door, Grant, Principal, Rights, Who};
use crate::telemetry::request_id::{self, RequestId};

const LIMITS: Limits = Limits { attempt: RULES.attempt, read_attempts: 1 };

/// A little longer than the proxy waits.
const OVER: Duration = SILENCE.saturating_add(Duration::from_millis(200));

struct Stage {
    ipam: Arc<ReferenceSubject>,
    clock: Clock,
    allocator: Arc<Allocator>,
    place: SeededSubnet,
    subnet: Subnet,
    /// Of the host that is edited.
    address: IpAddr,
    recorded: Reservation,
}

impl Stage {
    /// One host has an address, recorded with everything that can be.
    async fn start() -> Self {
        let seed = Seed::standard();
        let ipam = Arc::new(ReferenceSubject::start(&seed).await);
        let clock = Clock::manual();
        let guard = Guard::new(ipam.provider(), LIMITS);
        let allocator = Arc::new(Allocator::new(guard, Holds::in_memory(clock.clone()), RULES));
        let place = seed.subnet(Role::Smallest).expect("a subnet of two addresses").clone();
        let address = place.free(1)[0];
        let found = ipam.provider().find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
        let subnet = found.into_iter().next().expect("the subnet");
        let by = Requester {
            mac: Some(mac(1)),
            hostname: Some("web.example.com".to_owned()),
            description: Some("Rack 7".to_owned()),
            remark: None,
        };
        ipam.provider().reserve(&subnet, address, &by).await.expect("reserved");
        let recorded = ipam.provider().reservation(&subnet, address).await.expect("an answer").expect("a record");
        Self { ipam, clock, allocator, place, subnet, address, recorded }
    }

    /// Another proxy over the same holds.
    fn beside(&self) -> Self {
        let guard = Guard::new(self.ipam.provider(), LIMITS);
        let allocator = Arc::new(Allocator::new(guard, self.allocator.holds().clone(), RULES));
        let Self { ipam, clock, place, subnet, address, recorded, .. } = self;
        Self {
            ipam: ipam.clone(),
            clock: clock.clone(),
            allocator,
            place: place.clone(),
            subnet: subnet.clone(),
            address: *address,
            recorded: recorded.clone(),
        }
    }

    async fn see_to_holds(&self, look: Look) {
        self.allocator.see_to_holds(look).await.expect("holds");
    }

    /// Time passes, and what is due then is dealt with.
    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.see_to_holds(Look::Next).await;
    }

    fn group(&self) -> GroupChoice {
        GroupChoice::of(self.place.group.clone())
    }

    fn broadcast(&self) -> IpAddr {
        self.place.prefix.last()
    }

    async fn delete(&self) {
        self.allocator.delete(self.place.prefix, self.group(), self.address).await.expect("deleted");
    }

    async fn add(&self, address: IpAddr) -> Result<(), Failure> {
        let added = self.allocator.add(self.place.prefix, self.group(), address, Requester::default()).await?;
        added.answered().await;
        Ok(())
    }

    async fn exists(&self, address: IpAddr) -> Result<bool, Failure> {
        self.allocator.exists(self.place.prefix, &self.group(), address).await
    }

    /// Foreman's edit to an address that is none for hosts.
    async fn refused_edit(&self, request: &RequestId) {
        request_id::scope(request.clone(), async {
            self.delete().await;
            assert!(!self.exists(self.broadcast()).await.expect("an answer"));
            self.add(self.broadcast()).await.expect_err("refused");
        })
        .await;
    }

    async fn record(&self) -> Option<Reservation> {
        self.ipam.provider().reservation(&self.subnet, self.address).await.expect("an answer")
    }

    async fn state(&self) -> Option<HoldState> {
        let held = self.allocator.holds().page(None, usize::MAX).await.expect("a list").holds;
        held.into_iter().find(|held| held.address == self.address).map(|held| held.state)
    }
}

fn mac(number: u8) -> Mac {
    format!("02:00:5e:00:53:{number:02x}").parse().expect("a MAC")
}

#[tokio::test(start_paused = true)]
async fn a_refused_edit_is_undone_some_seconds_after_the_refusal() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.pass(SILENCE - Duration::from_millis(200)).await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Released)));
    stage.pass(Duration::from_millis(400)).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()), "all of it is as it was");
    assert_eq!(stage.state().await, Some(HoldState::Reserved), "the quarantine is over");
    assert_eq!(stage.allocator.place().pending().await.expect("holds"), []);
}

#[tokio::test(start_paused = true)]
async fn each_further_refusal_of_the_request_is_waited_for() {
    let stage = Stage::start().await;
    let request = RequestId::random();
    stage.refused_edit(&request).await;
    for _ in 0..3 {
        stage.pass(SILENCE - Duration::from_millis(200)).await;
        assert_eq!(stage.record().await, None);
        request_id::scope(request.clone(), stage.add(stage.broadcast())).await.expect_err("refused");
    }
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
}

#[tokio::test(start_paused = true)]
async fn what_foreman_adds_again_itself_is_let_be() {
    let stage = Stage::start().await;
    let request = RequestId::random();
    stage.refused_edit(&request).await;
    request_id::scope(request, stage.add(stage.address)).await.expect("added");
    stage.pass(OVER).await;
    assert_ne!(stage.record().await, Some(stage.recorded.clone()), "it has no host name now");
    assert_eq!(stage.allocator.place().pending().await.expect("holds"), []);
}

#[tokio::test(start_paused = true)]
async fn several_proxies_undo_a_refused_edit_once() {
    let one = Stage::start().await;
    let (other, third) = (one.beside(), one.beside());
    let request = RequestId::random();
    request_id::scope(request.clone(), one.delete()).await;
    request_id::scope(request, other.add(other.broadcast())).await.expect_err("refused");
    one.clock.advance(OVER);
    // The answer is slow, so that all are at work at the same time.
    tokio::join!(one.see_to_holds(Look::Next), other.see_to_holds(Look::Next), third.see_to_holds(Look::Next));
    assert_eq!(one.record().await, Some(one.recorded.clone()));
    assert_eq!(
        (one.state().await, one.allocator.place().pending().await.expect("holds").len()),
        (Some(HoldState::Reserved), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_a_later_request_that_is_refused_too_is_undone() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.refused_edit(&RequestId::random()).await;
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_taken_address_and_a_failure_are_refusals_and_a_caller_that_is_gone_too() {
    for way in ["taken", "failure", "gone"] {
        let stage = Stage::start().await;
        let other = stage.place.free(2)[1];
        stage.ipam.take(&stage.place, other).await;
        request_id::scope(RequestId::random(), async {
            stage.delete().await;
            match way {
                "taken" => assert!(stage.exists(other).await.expect("an answer")),
                "failure" => {
                    stage.ipam.fault(Fault::Gone).await;
                    stage.exists(other).await.expect_err("no IPAM");
                }
                _ => {
                    stage.ipam.fault(Fault::Slow).await;
                    timeout(Duration::from_secs(1), stage.exists(other)).await.expect_err("nobody waits longer");
                }
            }
        })
        .await;
        stage.ipam.heal().await;
        // The refusal of a caller that is gone is noted in a task of its own.
        sleep(Duration::from_millis(10)).await;
        stage.pass(OVER).await;
        assert_eq!(stage.record().await, Some(stage.recorded.clone()), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_one_refused_request_is_let_be() {
    let stage = Stage::start().await;
    request_id::scope(RequestId::random(), stage.delete()).await;
    request_id::scope(RequestId::random(), stage.add(stage.broadcast())).await.expect_err("refused");
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, None, "another request");
    let stage = Stage::start().await;
    stage.delete().await;
    stage.add(stage.broadcast()).await.expect_err("refused");
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, None, "without a request");
    let stage = Stage::start().await;
    request_id::scope(RequestId::random(), async {
        stage.add(stage.broadcast()).await.expect_err("refused");
        stage.delete().await;
    })
    .await;
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, None, "deleted after the refusal");
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    request_id::scope(RequestId::random(), stage.delete()).await;
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, None, "Foreman has deleted the host since");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_another_host_is_offered_is_not_taken() {
    let stage = Stage::start().await;
    stage.ipam.take(&stage.place, stage.place.free(2)[1]).await;
    let next = || async { stage.allocator.next_ip(stage.place.prefix, &stage.group(), Some(mac(7)), None).await };
    // From the refusal on it is kept for its host, although nothing else is free.
    stage.refused_edit(&RequestId::random()).await;
    assert!(matches!(next().await, Err(Failure::NoFreeAddress { .. })));
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    // The other host asks between the delete and the refusal.
    request_id::scope(RequestId::random(), async {
        stage.delete().await;
        assert_eq!(next().await.expect("the last one"), stage.address);
        stage.add(stage.broadcast()).await.expect_err("refused");
    })
    .await;
    stage.pass(OVER).await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Offered)));
    let others = request_id::scope(RequestId::random(), stage.add(stage.address)).await;
    others.expect("the other host gets it");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_after() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::ResetAfterWrite).await;
    stage.pass(OVER).await;
    stage.ipam.heal().await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    assert_eq!(stage.state().await, Some(HoldState::Reserved));
    stage.pass(AGAIN[0] + AGAIN[1]).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
}

#[tokio::test(start_paused = true)]
async fn an_ipam_that_is_away_is_tried_again_and_not_for_ever() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Gone).await;
    stage.pass(OVER).await;
    stage.ipam.heal().await;
    stage.pass(AGAIN[0]).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Gone).await;
    for time in [OVER, AGAIN[0], AGAIN[1]] {
        assert_eq!(stage.allocator.place().pending().await.expect("holds").len(), 1);
        stage.pass(time).await;
    }
    assert_eq!(stage.allocator.place().pending().await.expect("holds"), [], "it is given up");
    assert_eq!(stage.state().await, Some(HoldState::Released), "and other hosts do not get it yet");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_process_is_not_waited_for() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.see_to_holds(Look::Last).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    // There is no time left: the next process does it.
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Slow).await;
    timeout(Duration::from_secs(2), stage.see_to_holds(Look::Last)).await.expect_err("the IPAM is slow");
    stage.ipam.heal().await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Adding)));
    let next = stage.beside();
    next.pass(AGAIN[0]).await;
    assert_eq!(next.state().await, Some(HoldState::Adding), "it might still be at work");
    next.pass(Duration::from_secs(1)).await;
    assert_eq!(next.state().await, Some(HoldState::Unanswered));
    next.see_to_holds(Look::Next).await;
    assert_eq!((next.record().await, next.state().await), (Some(next.recorded.clone()), Some(HoldState::Reserved)));
}

#[test]
fn only_an_address_that_no_other_host_has_to_do_with_is_begun() {
    let prefix = "192.0.2.0/24".parse().expect("a prefix");
    let subnet = Subnet {
        id: ipam_provider::RecordId::new(1),
        space: ipam_provider::AddressSpace::new("global"),
        prefix,
        group: None,
        description: String::new(),
        pool: false,
    };
    let scope = Arc::new(Scope::new("reference", &subnet));
    let request = RequestId::random();
    let trace = Trace { request: request.clone(), deleted: Some(Removed::of(Some(mac(1)))), due: None };
    let at = Moment { now: Timestamp::default() + Duration::from_secs(1), event: 7 };
    let hold = |state, mac| Hold {
        scope: scope.clone(),
        mac,
        state,
        granted: at.now,
        until: at.now + RULES.hold,
        request: None,
        event: at.event,
        confirmed: at.now,
        trace: Some(Arc::new(trace.clone())),
    };
    use HoldState::{Adding, Offered, Released, Reserved, Unanswered};
    let is_begun = |there: Option<Hold>, mac| {
        let step = Step::BeginRestore { request: request.clone(), mac, at_least: Duration::from_secs(30) };
        matches!(step.apply(&scope, there.as_ref(), at), Becomes::Held(hold) if hold.state == Adding)
    };
    let (own, other) = (Some(mac(1)), Some(mac(2)));
    for (there, mac, expected) in [
        (None, own, false),
        (Some(Hold { trace: None, ..hold(Released, own) }), own, false),
        (Some(hold(Released, own)), own, true),
        (Some(hold(Reserved, other)), own, true),
        (Some(hold(Offered, own)), own, true),
        (Some(hold(Offered, other)), own, false),
        (Some(hold(Offered, None)), None, false),
        (Some(hold(Unanswered, own)), own, true),
        (Some(hold(Unanswered, other)), own, false),
        (Some(hold(Adding, own)), own, false),
    ] {
        assert_eq!(is_begun(there.clone(), mac), expected, "{there:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_door_deletes_is_not_reserved_again() {
    let stage = Stage::start().await;
    let principal =
        Principal { who: Who::Token("neutron".into()), rights: Rights::Api(Grant::everywhere(caller::Role::Operator)) };
    let request = RequestId::random();
    request_id::scope(request.clone(), async {
        request_id::set_caller(Caller { door: Door::Api, principal });
        // A client that sends one id with all its calls.
        stage.delete().await;
        stage.add(stage.broadcast()).await.expect_err("refused");
    })
    .await;
    assert_eq!(stage.allocator.place().traced(&request).await.expect("holds"), []);
    stage.pass(OVER).await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Released)), "it is in quarantine");
    // Foreman's own edit is undone as ever, and another door may have the address first.
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    let subnets = vec![(stage.place.prefix, stage.group())];
    let wanted = AllocationRequest {
        subnets,
        strategy: Strategy::Address(stage.address),
        count: 1,
        by: Requester { mac: Some(mac(9)), ..Requester::default() },
    };
    let kept = stage.allocator.allocate(wanted).await.expect_err("it is about to be given back");
    assert!(matches!(kept, Failure::BeingReserved { .. }), "{kept}");
    stage.pass(OVER).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
}
