//! Allocations: a promise to a call, and the reservation that follows it in the same call.

use super::super::hold::{HoldState, Offer, RequestMark};
use super::super::place::Claim;
use super::super::rules::Step;
use super::super::trace::Removed;
use super::Stage;
use super::stage::{LIFE, NO_LIMIT, SETTLED, ip, mac, scope};
use crate::telemetry::request_id::RequestId;

pub(in crate::allocation::holds) async fn an_allocation_is_begun_by_the_call_that_was_promised_the_address(
    stage: &Stage,
) {
    let subnet = scope("10.0.0.0/24");
    let begin = |number| {
        let mark = RequestMark::of(number);
        Step::BeginAllocation { mark, at_least: stage.units(SETTLED) }
    };
    let withdraw = |number| Step::Withdraw { mark: RequestMark::of(number) };
    let promise = async |number, address| {
        let grant = stage.grant(stage.ask(None, Some(number)).await).await;
        assert_eq!(stage.claim_with(&subnet, grant, &[address], NO_LIMIT).await, Claim::Granted(address));
    };
    assert!(!stage.step(&subnet, ip(1), begin(1)).await.is_done(), "nothing is promised");
    promise(1, ip(1)).await;
    assert!(!stage.step(&subnet, ip(1), begin(2)).await.is_done(), "it is promised to another call");
    assert!(!stage.step(&subnet, ip(1), withdraw(2)).await.is_done());
    let begun = stage.step(&subnet, ip(1), begin(1)).await;
    assert!(begun.is_done());
    assert!(!stage.step(&subnet, ip(1), begin(1)).await.is_done(), "it has begun");
    assert!(!stage.step(&subnet, ip(1), withdraw(1)).await.is_done());
    assert!(stage.step(&subnet, ip(1), stage.finish(begun.at.event)).await.is_done());
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Reserved));

    promise(3, ip(2)).await;
    assert!(stage.step(&subnet, ip(2), withdraw(3)).await.is_done());
    assert_eq!(stage.state(&subnet, ip(2)).await, None);

    // What a request has deleted may have to be given back: that is remembered.
    stage.add(&subnet, ip(3)).await;
    let seen = stage.get(&subnet, ip(3)).await.map(|hold| hold.event);
    let (removed, request) = (Some(Removed::of(mac(1))), RequestId::parse("a"));
    let delete = Step::Delete { seen, removed, quarantine: stage.units(LIFE), request: request.clone() };
    stage.step(&subnet, ip(3), delete).await;
    let hold = stage.get(&subnet, ip(3)).await.expect("a hold");
    let grant = stage.grant(stage.ask(None, Some(4)).await).await;
    assert!(stage.step(&subnet, ip(3), Step::Reuse(Offer::of(ip(3), &hold), grant)).await.is_done());
    assert!(!stage.step(&subnet, ip(3), withdraw(4)).await.is_done());
    let trace = stage.get(&subnet, ip(3)).await.and_then(|hold| hold.trace);
    assert_eq!(trace.map(|trace| trace.request.clone()), request);
}
