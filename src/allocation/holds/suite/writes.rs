//! Adds and deletes, and what the IPAM says of an address.

use super::super::hold::HoldState;
use super::super::place::Claim;
use super::super::rules::{Becomes, Step};
use super::super::trace::Removed;
use super::Stage;
use super::stage::{LIFE, SETTLED, ip, mac, scope};

const REMOVED: Option<Removed> = Some(Removed::of(None));

pub(in crate::allocation::holds) async fn an_add_is_begun_and_finished(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    let begun = stage.begin(&subnet, ip(1)).await;
    assert_eq!(begun.before.and_then(|hold| hold.mac), mac(1));
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Adding));
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::NoneFree);
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(1), None).await).await.expect("an answer"), None);
    assert!(stage.step(&subnet, ip(1), stage.finish(begun.at.event)).await.is_done());
    let hold = stage.get(&subnet, ip(1)).await.expect("a hold");
    assert_eq!((hold.state, hold.mac), (HoldState::Reserved, mac(1)));
    assert_eq!(stage.claim(&subnet, mac(1), &[ip(1), ip(2)]).await, Claim::Granted(ip(2)));
    // It is excluded as long as a batch of candidates from before may live; from then on the IPAM says that it is taken.
    stage.pass(SETTLED + 1).await;
    assert_eq!(stage.get(&subnet, ip(1)).await, None);
    // Of an address that was never offered too.
    stage.add(&subnet, ip(9)).await;
    assert_eq!(stage.state(&subnet, ip(9)).await, Some(HoldState::Reserved));
}

pub(in crate::allocation::holds) async fn an_add_that_is_undone_leaves_what_was_there(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.deleted(&subnet, ip(2), None, Some(Removed::of(mac(2))), LIFE).await;
    for (address, state) in [(ip(1), HoldState::Offered), (ip(2), HoldState::Released)] {
        let before = stage.get(&subnet, address).await;
        let begun = stage.begin(&subnet, address).await;
        assert_eq!(begun.before, before);
        let undo = Step::UndoAdd { ticket: begun.at.event, before: begun.before };
        assert!(stage.step(&subnet, address, undo.clone()).await.is_done());
        assert_eq!(stage.get(&subnet, address).await, before);
        assert_eq!(stage.state(&subnet, address).await, Some(state));
        assert!(!stage.step(&subnet, address, undo).await.is_done(), "once");
    }
    let begun = stage.begin(&subnet, ip(3)).await;
    let undone = stage.step(&subnet, ip(3), Step::UndoAdd { ticket: begun.at.event, before: begun.before }).await;
    assert_eq!(undone.becomes, Becomes::Ended);
    assert_eq!(stage.get(&subnet, ip(3)).await, None);
}

pub(in crate::allocation::holds) async fn an_undone_add_does_not_bring_back_what_has_ended(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.pass(LIFE - 2).await;
    let begun = stage.begin(&subnet, ip(1)).await;
    stage.pass(3).await;
    let undone = stage.step(&subnet, ip(1), Step::UndoAdd { ticket: begun.at.event, before: begun.before }).await;
    assert_eq!(undone.becomes, Becomes::Ended);
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::Granted(ip(1)));
}

pub(in crate::allocation::holds) async fn an_add_of_a_released_address_forgets_the_mac_that_had_it(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), LIFE).await;
    stage.add(&subnet, ip(1)).await;
    assert_eq!(stage.get(&subnet, ip(1)).await.expect("a hold").mac, None);
}

pub(in crate::allocation::holds) async fn an_add_whose_answer_is_lost_keeps_the_address(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    let ticket = stage.begin(&subnet, ip(1)).await.at.event;
    let lost = Step::LoseAdd { ticket, mac: mac(2), at_least: stage.units(2 * LIFE) };
    assert!(stage.step(&subnet, ip(1), lost).await.is_done());
    let hold = stage.get(&subnet, ip(1)).await.expect("a hold");
    assert_eq!((hold.state, hold.mac, hold.event), (HoldState::Unanswered, mac(2), ticket));
    stage.pass(2 * LIFE - 2).await;
    for host in 1..=3 {
        assert_eq!(stage.claim(&subnet, mac(host), &[ip(1)]).await, Claim::NoneFree);
    }
    assert_eq!(stage.place.spare(&subnet, stage.units(1)).await.expect("an answer"), None);
    // It may still take effect after a delete that found nothing.
    assert!(!stage.deleted(&subnet, ip(1), Some(ticket), None, LIFE).await.is_done());
    // An add that is repeated takes over, and a delete that removes the record settles it.
    let begun = stage.begin(&subnet, ip(1)).await;
    assert_eq!(begun.before, Some(hold.clone()));
    let undo = Step::UndoAdd { ticket: begun.at.event, before: begun.before };
    assert!(stage.step(&subnet, ip(1), undo).await.is_done());
    assert_eq!(stage.get(&subnet, ip(1)).await, Some(hold));
    assert!(stage.deleted(&subnet, ip(1), Some(ticket), REMOVED, LIFE).await.is_done());
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Released));
}

pub(in crate::allocation::holds) async fn only_the_add_that_began_is_finished(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let first = stage.begin(&subnet, ip(1)).await.at.event;
    let second = stage.begin(&subnet, ip(1)).await;
    assert!(second.before.as_ref().is_some_and(|hold| hold.state == HoldState::Adding));
    let undo = Step::UndoAdd { ticket: first, before: None };
    let lose = Step::LoseAdd { ticket: first, mac: None, at_least: stage.units(LIFE) };
    for step in [stage.finish(first), undo, lose] {
        assert!(!stage.step(&subnet, ip(1), step).await.is_done());
    }
    assert!(stage.step(&subnet, ip(1), stage.finish(second.at.event)).await.is_done());
    assert!(!stage.step(&subnet, ip(1), stage.finish(second.at.event)).await.is_done());
}

pub(in crate::allocation::holds) async fn a_hold_lives_at_least_as_long_as_its_add(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.pass(LIFE - 2).await;
    let ticket = stage.begin(&subnet, ip(1)).await.at.event;
    stage.pass(3).await;
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Adding));
    assert!(stage.step(&subnet, ip(1), stage.finish(ticket)).await.is_done());
    stage.pass(SETTLED - 1).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::NoneFree);
}

pub(in crate::allocation::holds) async fn a_delete_ends_the_hold_that_it_saw(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let event = async || stage.get(&subnet, ip(1)).await.map(|hold| hold.event);
    assert!(!stage.deleted(&subnet, ip(1), None, None, LIFE).await.is_done());
    stage.add(&subnet, ip(1)).await;
    let seen = event().await;
    assert!(stage.deleted(&subnet, ip(1), seen, REMOVED, 0).await.is_done());
    // What was promised or sent after the delete began stays.
    stage.promise(&subnet, mac(2), ip(1)).await;
    assert!(!stage.deleted(&subnet, ip(1), seen, REMOVED, LIFE).await.is_done());
    assert!(!stage.deleted(&subnet, ip(1), None, REMOVED, LIFE).await.is_done());
    let seen = event().await;
    stage.begin(&subnet, ip(1)).await;
    assert!(!stage.deleted(&subnet, ip(1), seen, REMOVED, LIFE).await.is_done());
    let seen = event().await;
    assert!(!stage.deleted(&subnet, ip(1), seen, REMOVED, LIFE).await.is_done());
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Adding));
}

pub(in crate::allocation::holds) async fn a_delete_that_finds_no_record_leaves_an_offer(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    for host in [mac(1), None] {
        stage.promise(&subnet, host, ip(1)).await;
        let offer = stage.get(&subnet, ip(1)).await.expect("a hold");
        assert!(!stage.deleted(&subnet, ip(1), Some(offer.event), None, LIFE).await.is_done());
        assert_eq!(stage.get(&subnet, ip(1)).await, Some(offer));
        assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::NoneFree);
        assert!(stage.step(&subnet, ip(1), Step::End).await.is_done());
    }
    // Known as reserved, and the record is gone: as if the delete had removed it.
    for (quarantine, expected) in [(LIFE, Some(HoldState::Released)), (0, None)] {
        stage.add(&subnet, ip(2)).await;
        let seen = stage.get(&subnet, ip(2)).await.map(|hold| hold.event);
        assert!(stage.deleted(&subnet, ip(2), seen, None, quarantine).await.is_done());
        assert_eq!(stage.state(&subnet, ip(2)).await, expected);
    }
}

pub(in crate::allocation::holds) async fn a_delete_that_began_during_an_add_leaves_the_reservation(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let ticket = stage.begin(&subnet, ip(1)).await.at.event;
    let seen = stage.get(&subnet, ip(1)).await.map(|hold| hold.event);
    // The IPAM answers the delete first, that there is nothing; then it makes the reservation, and that answer is faster.
    assert!(stage.step(&subnet, ip(1), stage.finish(ticket)).await.is_done());
    assert!(!stage.deleted(&subnet, ip(1), seen, None, LIFE).await.is_done());
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Reserved));
}

pub(in crate::allocation::holds) async fn what_the_ipam_says_is_reserved_is_not_offered(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let settled = stage.units(SETTLED);
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.deleted(&subnet, ip(2), None, Some(Removed::of(mac(2))), LIFE).await;
    for (n, step) in [(1, Step::MarkReservedIfOffered { settled }), (2, Step::MarkReserved { settled })] {
        assert!(stage.step(&subnet, ip(n), step).await.is_done());
        assert_eq!(stage.state(&subnet, ip(n)).await, Some(HoldState::Reserved));
        assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(n), None).await).await.expect("an answer"), None);
        assert_eq!(stage.claim(&subnet, mac(n), &[ip(n)]).await, Claim::NoneFree);
    }
    // Of an address without a hold only the mark without condition makes one.
    assert!(!stage.step(&subnet, ip(3), Step::MarkReservedIfOffered { settled }).await.is_done());
    assert!(stage.step(&subnet, ip(3), Step::MarkReserved { settled }).await.is_done());
    stage.begin(&subnet, ip(4)).await;
    assert!(!stage.step(&subnet, ip(4), Step::MarkReservedIfOffered { settled }).await.is_done());
    stage.pass(SETTLED + 1).await;
    assert_eq!(stage.place.list(None, 10).await.expect("a list"), []);
}

pub(in crate::allocation::holds) async fn a_hold_is_ended_unless_it_is_being_added(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.deleted(&subnet, ip(2), None, REMOVED, LIFE).await;
    stage.add(&subnet, ip(3)).await;
    for n in 1..=3 {
        assert_eq!(stage.step(&subnet, ip(n), Step::End).await.becomes, Becomes::Ended);
        assert_eq!(stage.get(&subnet, ip(n)).await, None);
        assert_eq!(stage.step(&subnet, ip(n), Step::End).await.becomes, Becomes::Unchanged);
    }
    stage.begin(&subnet, ip(4)).await;
    let refused = stage.step(&subnet, ip(4), Step::End).await;
    assert!(refused.before.is_some() && !refused.is_done());
}
