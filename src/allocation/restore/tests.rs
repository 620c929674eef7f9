//! What is reserved again, when, and what is not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_conformance::reference::ReferenceSubject;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::{Guard, Limits, Mac, Requester, Reservation, Subnet};
use tokio::time::{Instant, sleep, timeout};

use super::{AGAIN, SILENCE};
use crate::allocation::holds::{Becomes, Hold, HoldState, Moment, Scope, Step};
use crate::allocation::{Allocator, Clock, Failure, GroupChoice, Holds, Restores, Rules, Timestamp};
use crate::telemetry::request_id::{self, RequestId};

const RULES: Rules = Rules {
    hold: Duration::from_secs(1800),
    hold_without_mac: Duration::from_secs(300),
    recycle_after: Duration::from_secs(60),
    quarantine: Duration::from_secs(3600),
    candidate: Duration::from_secs(5),
    lookup: Duration::from_secs(60),
    holds_at_most: 1000,
    request_budget: Duration::from_secs(25),
    attempt: Duration::from_secs(8),
};

const LIMITS: Limits = Limits { attempt: RULES.attempt, read_attempts: 1 };

/// A little longer than the proxy waits.
const OVER: Duration = SILENCE.saturating_add(Duration::from_millis(200));

struct Stage {
    ipam: ReferenceSubject,
    allocator: Arc<Allocator>,
    restores: Restores,
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
        let ipam = ReferenceSubject::start(&seed).await;
        let restores = Restores::default();
        let guard = Guard::new(ipam.provider(), LIMITS);
        let allocator = Allocator::new(guard, Holds::in_memory(Clock::manual()), RULES);
        let allocator = Arc::new(allocator.with_restores(restores.clone()));
        let place = seed.subnet(Role::Smallest).expect("a subnet of two addresses").clone();
        let address = place.free(1)[0];
        let found = ipam.provider().find_subnets(place.prefix, place.group.as_ref()).await.expect("an answer");
        let subnet = found.into_iter().next().expect("the subnet");
        let by = Requester {
            mac: Some(mac(1)),
            hostname: Some("web.example.com".to_owned()),
            description: Some("Rack 7".to_owned()),
        };
        ipam.provider().reserve(&subnet, address, &by).await.expect("reserved");
        let recorded = ipam.provider().reservation(&subnet, address).await.expect("an answer").expect("a record");
        Self { ipam, allocator, restores, place, subnet, address, recorded }
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
async fn a_refused_edit_is_undone_when_no_call_has_come_for_some_seconds() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    sleep(SILENCE - Duration::from_millis(200)).await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Released)));
    sleep(Duration::from_millis(400)).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()), "all of it is as it was");
    assert_eq!(stage.state().await, Some(HoldState::Reserved), "the quarantine is over");
}

#[tokio::test(start_paused = true)]
async fn each_further_call_of_the_request_is_waited_for() {
    let stage = Stage::start().await;
    let request = RequestId::random();
    stage.refused_edit(&request).await;
    for _ in 0..3 {
        sleep(SILENCE - Duration::from_millis(200)).await;
        assert_eq!(stage.record().await, None);
        request_id::scope(request.clone(), stage.exists(stage.broadcast())).await.expect("an answer");
    }
    // One that takes long has not ended.
    stage.ipam.fault(Fault::Slow).await;
    request_id::scope(request, stage.exists(stage.broadcast())).await.expect_err("no answer in eight seconds");
    stage.ipam.heal().await;
    assert_eq!(stage.record().await, None);
    sleep(OVER).await;
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
        sleep(OVER).await;
        assert_eq!(stage.record().await, Some(stage.recorded.clone()), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_one_refused_request_is_let_be() {
    let stage = Stage::start().await;
    request_id::scope(RequestId::random(), stage.delete()).await;
    request_id::scope(RequestId::random(), stage.add(stage.broadcast())).await.expect_err("refused");
    sleep(OVER).await;
    assert_eq!(stage.record().await, None, "another request");
    let stage = Stage::start().await;
    stage.delete().await;
    stage.add(stage.broadcast()).await.expect_err("refused");
    sleep(OVER).await;
    assert_eq!(stage.record().await, None, "without a request");
    let stage = Stage::start().await;
    request_id::scope(RequestId::random(), async {
        stage.add(stage.broadcast()).await.expect_err("refused");
        stage.delete().await;
    })
    .await;
    sleep(OVER).await;
    assert_eq!(stage.record().await, None, "deleted after the refusal");
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    request_id::scope(RequestId::random(), stage.delete()).await;
    sleep(OVER).await;
    assert_eq!(stage.record().await, None, "Foreman has deleted the host since");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_another_host_is_offered_is_not_taken() {
    let stage = Stage::start().await;
    stage.ipam.take(&stage.place, stage.place.free(2)[1]).await;
    stage.refused_edit(&RequestId::random()).await;
    let offered = stage.allocator.next_ip(stage.place.prefix, &stage.group(), Some(mac(7)), None).await;
    assert_eq!(offered.expect("the last one"), stage.address);
    sleep(OVER).await;
    assert_eq!((stage.record().await, stage.state().await), (None, Some(HoldState::Offered)));
    let others = request_id::scope(RequestId::random(), stage.add(stage.address)).await;
    others.expect("the other host gets it");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_after() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::ResetAfterWrite).await;
    sleep(OVER).await;
    stage.ipam.heal().await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    assert_eq!(stage.state().await, Some(HoldState::Reserved));
    sleep(AGAIN[0] + AGAIN[1]).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
}

#[tokio::test(start_paused = true)]
async fn an_ipam_that_is_away_is_tried_again_and_not_for_ever() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Gone).await;
    sleep(OVER).await;
    stage.ipam.heal().await;
    sleep(AGAIN[0]).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Gone).await;
    sleep(OVER + AGAIN[0] + AGAIN[1]).await;
    assert!(stage.restores.left_at(Instant::now()).await.is_empty(), "it is given up");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_process_is_not_waited_for() {
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    let start = Instant::now();
    stage.restores.stopped(start + SILENCE).await;
    assert_eq!(stage.record().await, Some(stage.recorded.clone()));
    assert!(start.elapsed() < Duration::from_secs(1));
    let stage = Stage::start().await;
    stage.refused_edit(&RequestId::random()).await;
    stage.ipam.fault(Fault::Slow).await;
    let start = Instant::now();
    stage.restores.stopped(start + Duration::from_secs(2)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(stage.restores.left_at(Instant::now()).await.is_empty(), "it is named");
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
    };
    use HoldState::{Adding, Offered, Released, Reserved, Unanswered};
    let is_begun = |there: Option<Hold>, mac| {
        let step = Step::BeginRestore { mac, at_least: Duration::from_secs(30) };
        matches!(step.apply(&scope, there.as_ref(), at), Becomes::Held(hold) if hold.state == Adding)
    };
    let (own, other) = (Some(mac(1)), Some(mac(2)));
    for (there, mac, expected) in [
        (None, own, true),
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
