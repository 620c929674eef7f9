//! Promises: who gets which address, and for how long.

use std::collections::BTreeSet;

use super::super::hold::{Grant, HoldState};
use super::super::place::Claim;
use super::super::rules::Step;
use super::Stage;
use super::stage::{LIFE, NO_LIMIT, SETTLED, ip, mac, scope, scope_in};

const HELD: Claim = Claim::NoneFree;

pub(in crate::allocation::holds) async fn a_claim_takes_the_first_candidate_that_is_not_held(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    for n in 1..=3 {
        assert_eq!(stage.claim(&subnet, mac(n), &[ip(1), ip(2), ip(3)]).await, Claim::Granted(ip(n)));
    }
    assert_eq!(stage.claim(&subnet, mac(4), &[ip(1), ip(2), ip(3)]).await, HELD);
    assert_eq!(stage.claim(&subnet, mac(4), &[]).await, HELD);
    let hold = stage.get(&subnet, ip(2)).await.expect("a hold");
    assert_eq!((hold.state, hold.mac, &hold.scope), (HoldState::Offered, mac(2), &subnet));
    assert_eq!(hold.until.since(hold.granted), stage.units(LIFE));
}

pub(in crate::allocation::holds) async fn parallel_claims_get_different_addresses(stage: &Stage) {
    let subnets = [scope("10.0.0.0/24"), scope("10.0.0.0/16")];
    let grant = stage.grant(stage.ask(None, None).await).await;
    let tasks: Vec<_> = (0..40)
        .map(|task| {
            let place = if task % 2 == 0 { stage.place.clone() } else { stage.beside() };
            let subnet = subnets[task / 2 % 2].clone();
            tokio::spawn(async move { place.claim(&subnet, &mut (1..=32).map(ip), grant, NO_LIMIT).await })
        })
        .collect();
    let (mut granted, mut refused) = (BTreeSet::new(), 0);
    for task in tasks {
        match task.await.expect("no panic").expect("a claim") {
            Claim::Granted(address) => assert!(granted.insert(address), "{address} is promised twice"),
            Claim::NoneFree => refused += 1,
            Claim::TooManyHolds => panic!("there is room"),
        }
    }
    assert_eq!((granted.len(), refused), (32, 8));
}

pub(in crate::allocation::holds) async fn a_mac_is_offered_its_address_again_and_the_promise_is_renewed(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(7)).await;
    stage.pass(LIFE / 2).await;
    let ask = stage.ask(mac(1), None).await;
    let offer = stage.place.offer_for(&subnet, &ask).await.expect("an answer").expect("an offer");
    assert_eq!(offer.address, ip(7));
    let grant = stage.grant(ask).await;
    assert!(stage.step(&subnet, ip(7), Step::Renew(offer, grant)).await.is_done());
    stage.pass(LIFE / 2 + 2).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(7)]).await, HELD);
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(2), None).await).await.expect("an answer"), None);
}

pub(in crate::allocation::holds) async fn parallel_questions_of_one_mac_get_one_address(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let grant = stage.grant(stage.ask(mac(1), Some(7)).await).await;
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let place = if task % 2 == 0 { stage.place.clone() } else { stage.beside() };
            let subnet = subnet.clone();
            tokio::spawn(async move { place.claim(&subnet, &mut (1..=32).map(ip), grant, NO_LIMIT).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic").expect("a claim"), Claim::Granted(ip(1)));
    }
}

pub(in crate::allocation::holds) async fn a_second_question_of_one_request_is_for_a_second_interface(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let candidates = [ip(1), ip(2), ip(3)];
    for n in 1..=2 {
        let ask = stage.ask(mac(1), Some(7)).await;
        assert_eq!(stage.place.offer_for(&subnet, &ask).await.expect("an answer"), None);
        let grant = stage.grant(ask).await;
        assert_eq!(stage.claim_with(&subnet, grant, &candidates, NO_LIMIT).await, Claim::Granted(ip(n)));
    }
    // Another request begins with the first interface again.
    for request in [Some(8), None] {
        let grant = stage.grant(stage.ask(mac(1), request).await).await;
        assert_eq!(stage.claim_with(&subnet, grant, &candidates, NO_LIMIT).await, Claim::Granted(ip(1)));
    }
}

pub(in crate::allocation::holds) async fn a_parallel_question_of_one_request_is_not_for_a_second_interface(
    stage: &Stage,
) {
    let subnet = scope("10.0.0.0/24");
    let (first, second) = (stage.ask(mac(1), Some(7)).await, stage.ask(mac(1), Some(7)).await);
    for ask in [first, second] {
        let grant = stage.grant(ask).await;
        assert_eq!(stage.claim_with(&subnet, grant, &[ip(1), ip(2)], NO_LIMIT).await, Claim::Granted(ip(1)));
    }
}

pub(in crate::allocation::holds) async fn a_question_without_mac_gets_an_address_of_its_own(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    for n in 1..=3 {
        assert_eq!(stage.place.offer_for(&subnet, &stage.ask(None, Some(7)).await).await.expect("an answer"), None);
        assert_eq!(stage.claim(&subnet, None, &[ip(1), ip(2), ip(3)]).await, Claim::Granted(ip(n)));
    }
}

pub(in crate::allocation::holds) async fn a_hold_ends(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.promise(&subnet, None, ip(2)).await;
    stage.pass(LIFE - 2).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1), ip(2)]).await, HELD);
    stage.pass(4).await;
    assert_eq!(stage.get(&subnet, ip(1)).await, None);
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(1), None).await).await.expect("an answer"), None);
    assert_eq!(stage.place.find(ip(2)).await.expect("an answer"), []);
    assert_eq!(stage.place.list(None, 10).await.expect("a list"), []);
    assert!(stage.place.held(&subnet).await.expect("an answer").addresses.is_empty());
    assert_eq!(stage.place.spare(&subnet, stage.units(1)).await.expect("an answer"), None);
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::Granted(ip(1)));
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(1), None).await).await.expect("an answer"), None);
}

pub(in crate::allocation::holds) async fn nested_subnets_of_one_space_never_promise_one_address(stage: &Stage) {
    let (wide, narrow) = (scope("10.0.0.0/16"), scope("10.0.0.0/24"));
    stage.promise(&wide, mac(1), ip(1)).await;
    assert_eq!(stage.claim(&narrow, mac(2), &[ip(1), ip(2)]).await, Claim::Granted(ip(2)));
    assert_eq!(stage.claim(&wide, mac(3), &[ip(1), ip(2)]).await, HELD);
    assert_eq!(stage.place.held(&narrow).await.expect("an answer").addresses.len(), 2);
    assert_eq!(stage.get(&narrow, ip(1)).await, stage.get(&wide, ip(1)).await);
    // A MAC is offered its address again in the part that the address is in, and in no other.
    assert_eq!(stage.next(&narrow, mac(1), &[ip(9)]).await, Some(ip(1)));
    let other = scope("10.0.1.0/24");
    assert_eq!(stage.next(&other, mac(1), &[[10, 0, 1, 5].into()]).await, Some([10, 0, 1, 5].into()));
    // What is added, lost or released in one is not offered in the other.
    stage.add(&narrow, ip(1)).await;
    stage.delete(&wide, ip(2), 30).await;
    assert_eq!(stage.claim(&wide, mac(4), &[ip(1), ip(2)]).await, HELD);
    assert_eq!(stage.claim(&narrow, mac(4), &[ip(1), ip(2)]).await, HELD);
}

pub(in crate::allocation::holds) async fn a_subnet_that_is_renamed_or_resized_keeps_its_holds(stage: &Stage) {
    let before = scope("10.0.0.0/24");
    stage.promise(&before, mac(1), ip(1)).await;
    let mut after = (*scope("10.0.0.0/23")).clone();
    after.group = ipam_provider::GroupName::new("green");
    let after = std::sync::Arc::new(after);
    assert_eq!(stage.claim(&after, mac(2), &[ip(1)]).await, HELD);
    assert_eq!(stage.next(&after, mac(1), &[ip(5)]).await, Some(ip(1)));
    assert_eq!(stage.get(&before, ip(1)).await.expect("a hold").scope, after, "where it was last asked for");
}

pub(in crate::allocation::holds) async fn spaces_do_not_collide(stage: &Stage) {
    let subnets = [scope_in("vrf 1", "10.0.0.0/24"), scope_in("vrf 2", "10.0.0.0/24")];
    let mut elsewhere = (*subnets[0]).clone();
    elsewhere.space.provider = "nautobot".into();
    let elsewhere = std::sync::Arc::new(elsewhere);
    for (n, subnet) in (1..).zip([&subnets[0], &subnets[1], &elsewhere]) {
        stage.promise(subnet, mac(n), ip(1)).await;
    }
    assert_eq!(stage.get(&elsewhere, ip(1)).await.expect("a hold").mac, mac(3));
    assert!(stage.step(&subnets[1], ip(1), Step::End).await.is_done());
    assert_eq!(stage.get(&subnets[0], ip(1)).await.expect("a hold").mac, mac(1));
    assert_eq!(stage.get(&subnets[1], ip(1)).await, None);
}

pub(in crate::allocation::holds) async fn an_offer_that_changed_hands_is_neither_renewed_nor_reused(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, None, ip(1)).await;
    stage.pass(2).await;
    let spare = stage.place.spare(&subnet, stage.units(1)).await.expect("an answer").expect("a spare address");
    let (first, second) = (stage.ask(mac(1), None).await, stage.ask(mac(2), None).await);
    let (first, second) = (stage.grant(first).await, stage.grant(second).await);
    assert!(stage.step(&subnet, ip(1), Step::Reuse(spare, first)).await.is_done());
    assert!(!stage.step(&subnet, ip(1), Step::Reuse(spare, second)).await.is_done());
    assert!(!stage.step(&subnet, ip(1), Step::Renew(spare, second)).await.is_done());
    assert_eq!(stage.get(&subnet, ip(1)).await.expect("a hold").mac, mac(1));
    // Nor is one that is being added, or was.
    let offer = stage.place.offer_for(&subnet, &first.ask).await.expect("an answer").expect("an offer");
    let ticket = stage.begin(&subnet, ip(1)).await.at.event;
    assert!(!stage.step(&subnet, ip(1), Step::Renew(offer, first)).await.is_done());
    assert!(stage.step(&subnet, ip(1), stage.finish(ticket)).await.is_done());
    assert!(!stage.step(&subnet, ip(1), Step::Renew(offer, first)).await.is_done());
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(1), None).await).await.expect("an answer"), None);
}

pub(in crate::allocation::holds) async fn only_old_offers_without_a_mac_are_spare(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let spare = async |recycle_after| {
        let spare = stage.place.spare(&subnet, stage.units(recycle_after)).await.expect("an answer");
        spare.map(|offer| offer.address)
    };
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.promise(&subnet, None, ip(9)).await;
    stage.pass(2).await;
    stage.promise(&subnet, None, ip(2)).await;
    for n in 3..=5 {
        stage.promise(&subnet, None, ip(n)).await;
    }
    stage.add(&subnet, ip(3)).await;
    let ticket = stage.begin(&subnet, ip(4)).await.at.event;
    let lost = Step::LoseAdd { ticket, mac: None, at_least: stage.units(LIFE) };
    assert!(stage.step(&subnet, ip(4), lost).await.is_done());
    stage.begin(&subnet, ip(5)).await;
    assert_eq!(spare(4).await, None);
    assert_eq!(spare(1).await, Some(ip(9)), "the oldest first");
    stage.pass(3).await;
    let narrow = scope("10.0.0.0/29");
    let spare_there = stage.place.spare(&narrow, stage.units(2)).await.expect("an answer");
    assert_eq!(spare_there.map(|offer| offer.address), Some(ip(2)));
    assert_eq!(spare(4).await, Some(ip(9)));
    assert!(stage.step(&subnet, ip(9), Step::End).await.is_done());
    assert_eq!(spare(2).await, Some(ip(2)));
    assert!(stage.step(&subnet, ip(2), Step::End).await.is_done());
    assert_eq!(spare(1).await, None);
}

pub(in crate::allocation::holds) async fn there_are_never_more_holds_than_allowed(stage: &Stage) {
    const AT_MOST: usize = 5;
    let subnet = scope("10.0.0.0/24");
    let grants = async |mac| stage.grant(stage.ask(mac, None).await).await;
    let grant = grants(None).await;
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let place = if task % 2 == 0 { stage.place.clone() } else { stage.beside() };
            let subnet = subnet.clone();
            tokio::spawn(async move { place.claim(&subnet, &mut (1..=32).map(ip), grant, AT_MOST).await })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        match task.await.expect("no panic").expect("a claim") {
            Claim::Granted(_) => granted += 1,
            other => assert_eq!(other, Claim::TooManyHolds),
        }
    }
    assert_eq!((granted, stage.place.count().await.expect("a number")), (AT_MOST, AT_MOST));
    let other_space = scope_in("vrf 2", "10.0.0.0/24");
    assert_eq!(stage.claim_with(&other_space, grant, &[ip(1)], AT_MOST).await, Claim::TooManyHolds);
    assert_eq!(stage.claim_with(&subnet, grant, &[ip(1)], AT_MOST).await, HELD, "room or not");
    // A MAC that has an address takes no more room.
    assert!(stage.step(&subnet, ip(1), Step::End).await.is_done());
    stage.place.sweep().await.expect("swept");
    let with_mac: Grant = grants(mac(1)).await;
    for _ in 0..2 {
        assert_eq!(stage.claim_with(&subnet, with_mac, &[ip(1)], AT_MOST).await, Claim::Granted(ip(1)));
    }
    assert_eq!(stage.claim_with(&subnet, grant, &[ip(9)], AT_MOST).await, Claim::TooManyHolds);
    // What has ended makes room, at the latest after a sweep.
    stage.pass(LIFE + SETTLED).await;
    stage.place.sweep().await.expect("swept");
    assert_eq!(stage.place.count().await.expect("a number"), 0);
    let grant: Grant = grants(None).await;
    assert_eq!(stage.claim_with(&subnet, grant, &[ip(9)], AT_MOST).await, Claim::Granted(ip(9)));
}

pub(in crate::allocation::holds) async fn events_are_numbered_upwards(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    let mut last = 0;
    for n in 1..=4 {
        for place in [stage.place.clone(), stage.beside()] {
            let at = place.moment().await.expect("a moment");
            assert!(at.event > last);
            last = at.event;
        }
        stage.promise(&subnet, None, ip(n)).await;
        let granted = stage.get(&subnet, ip(n)).await.expect("a hold").event;
        assert!(granted > last);
        last = stage.begin(&subnet, ip(n)).await.at.event;
        assert!(last > granted);
    }
    let moment = stage.place.moment().await.expect("a moment");
    let text = stage.place.utc(moment.now);
    assert!(text.len() == 20 && text.ends_with('Z'), "{text}");
    stage.pass(3).await;
    let later = stage.place.moment().await.expect("a moment");
    assert!(later.now.since(moment.now) >= stage.units(3));
}
