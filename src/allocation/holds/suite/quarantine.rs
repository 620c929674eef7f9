//! Addresses that were released through a proxy.

use super::super::hold::HoldState;
use super::super::place::Claim;
use super::super::rules::Step;
use super::super::trace::Removed;
use super::Stage;
use super::stage::{LIFE, ip, mac, scope};

/// How long the quarantine lasts, in units.
const QUARANTINE: u32 = 60;

pub(in crate::allocation::holds) async fn a_released_address_is_offered_to_its_mac_at_once(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(5)).await;
    stage.add(&subnet, ip(5)).await;
    assert!(stage.delete(&subnet, ip(5), QUARANTINE).await.is_done());
    let hold = stage.get(&subnet, ip(5)).await.expect("a hold");
    assert_eq!((hold.state, hold.mac), (HoldState::Released, mac(1)));
    assert_eq!(stage.next(&subnet, mac(1), &[ip(1)]).await, Some(ip(5)));
    assert_eq!(stage.state(&subnet, ip(5)).await, Some(HoldState::Offered));
    // The MAC in the record counts, and an address that was never held has one too.
    let removed = Some(Removed::of(mac(2)));
    assert!(stage.deleted(&subnet, ip(6), None, removed.clone(), QUARANTINE).await.is_done());
    assert_eq!(stage.next(&subnet, mac(2), &[ip(1)]).await, Some(ip(6)));
    // What a MAC is promised comes before what it once had.
    assert!(stage.deleted(&subnet, ip(2), None, removed.clone(), QUARANTINE).await.is_done());
    assert_eq!(stage.next(&subnet, mac(2), &[ip(1)]).await, Some(ip(6)));
}

pub(in crate::allocation::holds) async fn a_released_address_is_offered_to_others_only_when_nothing_else_is_free(
    stage: &Stage,
) {
    let subnet = scope("10.0.0.0/24");
    let free = [ip(1), ip(2)];
    assert!(stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), QUARANTINE).await.is_done());
    assert!(stage.place.held(&subnet).await.expect("an answer").addresses.contains(ip(1)));
    assert_eq!(stage.next(&subnet, mac(2), &free).await, Some(ip(2)));
    stage.pass(LIFE / 2).await;
    assert_eq!(stage.next(&subnet, mac(3), &free).await, Some(ip(1)));
    assert_eq!(stage.next(&subnet, mac(4), &free).await, None);
    assert_eq!(stage.next(&subnet, mac(1), &free).await, None, "it is promised to another host");
}

pub(in crate::allocation::holds) async fn the_first_released_is_spare_first(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, None, ip(1)).await;
    stage.pass(LIFE / 2).await;
    for n in [7, 3, 5] {
        stage.promise(&subnet, mac(n), ip(n)).await;
        stage.add(&subnet, ip(n)).await;
        stage.delete(&subnet, ip(n), QUARANTINE).await;
        stage.pass(1).await;
    }
    for (asking, expected) in [(20, 7), (21, 3), (22, 5), (23, 1)] {
        let ask = stage.ask(mac(asking), None).await;
        let spare = stage.place.spare(&subnet, stage.units(2)).await.expect("an answer").expect("a spare address");
        assert_eq!(spare.address, ip(expected));
        let grant = stage.grant(ask).await;
        assert!(stage.step(&subnet, spare.address, Step::Reuse(spare, grant)).await.is_done());
    }
    assert_eq!(stage.place.spare(&subnet, stage.units(2)).await.expect("an answer"), None);
}

pub(in crate::allocation::holds) async fn a_quarantine_ends(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), QUARANTINE).await;
    stage.pass(QUARANTINE - 2).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::NoneFree);
    stage.pass(4).await;
    assert_eq!(stage.place.offer_for(&subnet, &stage.ask(mac(1), None).await).await.expect("an answer"), None);
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::Granted(ip(1)));
}

pub(in crate::allocation::holds) async fn a_second_delete_leaves_the_quarantine(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), QUARANTINE).await;
    let first = stage.get(&subnet, ip(1)).await.expect("a hold");
    stage.pass(QUARANTINE / 2).await;
    let second = stage.deleted(&subnet, ip(1), Some(first.event), None, QUARANTINE).await;
    assert!(!second.is_done());
    assert_eq!(stage.get(&subnet, ip(1)).await, Some(first));
}

pub(in crate::allocation::holds) async fn a_renewed_offer_of_a_released_address_lives_as_long_as_its_quarantine(
    stage: &Stage,
) {
    let subnet = scope("10.0.0.0/24");
    stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), QUARANTINE).await;
    assert_eq!(stage.next(&subnet, mac(1), &[]).await, Some(ip(1)));
    stage.pass(LIFE + 2).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::NoneFree);
    stage.pass(QUARANTINE - LIFE).await;
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::Granted(ip(1)));
}

pub(in crate::allocation::holds) async fn a_released_address_that_changed_is_not_offered_again(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.deleted(&subnet, ip(1), None, Some(Removed::of(mac(1))), QUARANTINE).await;
    let ask = stage.ask(mac(1), None).await;
    let offer = stage.place.offer_for(&subnet, &ask).await.expect("an answer").expect("an offer");
    // The IPAM is asked meanwhile; another proxy adds the address and deletes it.
    stage.add(&subnet, ip(1)).await;
    stage
        .deleted(
            &subnet,
            ip(1),
            stage.get(&subnet, ip(1)).await.map(|hold| hold.event),
            Some(Removed::of(mac(1))),
            QUARANTINE,
        )
        .await;
    assert_eq!(stage.state(&subnet, ip(1)).await, Some(HoldState::Released));
    let grant = stage.grant(ask).await;
    assert!(!stage.step(&subnet, ip(1), Step::Renew(offer, grant)).await.is_done());
    // A claim does not offer it either: the IPAM was not asked about it.
    assert_eq!(stage.claim_with(&subnet, grant, &[ip(1), ip(2)], 10).await, Claim::Granted(ip(2)));
}

pub(in crate::allocation::holds) async fn without_quarantine_a_released_address_is_free(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    stage.promise(&subnet, mac(1), ip(1)).await;
    stage.add(&subnet, ip(1)).await;
    assert!(stage.delete(&subnet, ip(1), 0).await.is_done());
    assert!(!stage.deleted(&subnet, ip(2), None, Some(Removed::of(mac(2))), 0).await.is_done());
    assert_eq!(stage.place.list(None, 10).await.expect("a list"), []);
    assert_eq!(stage.claim(&subnet, mac(2), &[ip(1)]).await, Claim::Granted(ip(1)));
}
