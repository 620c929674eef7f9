//! Additions whose outcome nobody knew in time: what the looks afterwards find, and what the log says of it.

use super::*;
use crate::allocation::events::Events;
use crate::allocation::holds::Step;
use crate::foreman_api::{Credentials, Foreman};
use crate::names::Names;
use crate::telemetry::request_id::RequestId;

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
async fn the_host_of_a_reservation_that_turns_up_late_is_looked_up_in_foreman() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let credentials = Credentials::Basic { user: "ipam".to_owned(), password: "token".into() };
    let foreman = Foreman::new("https://foreman.example.com", &[], credentials).expect("a client");
    let names = Names { foreman: Some(Arc::new(foreman)), look_up_after_add: true, ..Names::default() };
    let guard = Guard::new(stage.ipam.provider(), LIMITS);
    let allocator = Allocator::new(guard, stage.allocator.holds().clone(), RULES);
    let allocator = Arc::new(allocator.reporting_to(Events::to(names.subscriber())));
    let lost = stage.lose_an_add(&place).await;
    allocator.watch(lost.clone());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(names.queue.len(), 0, "it has not turned up");
    stage.land(&place, &lost).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(names.queue.len(), 1);
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

#[test]
fn the_caller_s_failure_is_logged_with_address_subnet_and_request() {
    let prefix = "192.0.2.0/24".parse().expect("a prefix");
    let space = Space { provider: "netbox".into(), name: AddressSpace::new("vrf 3") };
    let lost = Lost {
        scope: Arc::new(Scope { space, group: GroupName::new("dmz"), prefix }),
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
async fn an_add_whose_proxy_was_killed_is_taken_over_by_another_one() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Wide);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    // As a proxy leaves it that is killed before the IPAM has answered.
    let scope = stage.allocator.place().find(address).await.expect("holds")[0].scope.clone();
    let begin = Step::BeginAdd { at_least: VERY_LONG, request: Some(RequestId::parse("0a1b2c3d").expect("an id")) };
    stage.allocator.place().step(&scope, address, begin).await.expect("a step");
    let guard = Guard::new(stage.ipam.provider(), LIMITS);
    let other = Arc::new(Allocator::new(guard, stage.allocator.holds().clone(), RULES));
    let state = async || held(other.holds()).await[0].state;
    stage.clock.advance(RULES.request_budget + Duration::from_secs(5));
    other.see_to_holds(Look::Next).await.expect("holds");
    assert_eq!(state().await, HoldState::Adding, "its request may still be alive");
    stage.clock.advance(Duration::from_millis(1));
    for proxy in [&other, &stage.allocator] {
        proxy.see_to_holds(Look::Next).await.expect("holds");
    }
    assert_eq!(state().await, HoldState::Unanswered);
    // It is looked for as any other: a write that lands is recognised when Foreman repeats the add.
    stage.calls();
    let pending = other.place().pending().await.expect("holds");
    let lost = Lost {
        scope,
        address,
        by: Requester { mac: mac(1), ..Requester::default() },
        before: Some(pending[0].1.clone()),
        ticket: pending[0].1.event,
        request: "request 0a1b2c3d".to_owned(),
    };
    let expected = format!("{address} in {} was being added for request 0a1b2c3d by a proxy", lost.scope);
    assert!(lost.told_left().starts_with(&expected), "{}", lost.told_left());
    stage.land(&place, &lost).await;
    stage.add(&place, address).await.expect("the record is ours");
}
