//! Lists, searches and removal.

use std::net::IpAddr;

use super::super::hold::{HoldState, Space};
use super::super::place::Held;
use super::super::rules::Step;
use super::super::trace::Removed;
use super::Stage;
use super::stage::{LIFE, SETTLED, ip, mac, scope, scope_in};

fn place_of((address, hold): &Held) -> (Space, IpAddr) {
    (hold.scope.space.clone(), *address)
}

pub(in crate::allocation::holds) async fn holds_are_listed_in_pages(stage: &Stage) {
    // In the order of bytes, which not every database sorts by.
    let spaces = ["B", "a", "a b", "ä"];
    let mut expected = Vec::new();
    for space in spaces {
        let (v4, v6) = (scope_in(space, "10.0.0.0/16"), scope_in(space, "2001:db8::/64"));
        for (subnet, address) in [
            (&v4, "10.0.0.9"),
            (&v4, "10.0.0.10"),
            (&v4, "10.0.2.1"),
            (&v6, "2001:db8::9"),
            (&v6, "2001:db8::10"),
            (&v6, "2001:db8::ffff:0:0:1"),
        ] {
            let address = address.parse().expect("an address");
            stage.promise(subnet, None, address).await;
            expected.push((subnet.space.clone(), address));
        }
    }
    for at_most in [1, 4, 5, 6, 100] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = stage.place.list(after.as_ref(), at_most).await.expect("a list");
            assert!(page.len() <= at_most);
            let Some(last) = page.last() else { break };
            after = Some(place_of(last));
            all.extend(page.iter().map(place_of));
        }
        assert_eq!(all, expected, "{at_most} at a time");
    }
}

pub(in crate::allocation::holds) async fn a_list_goes_on_after_a_hold_that_is_gone(stage: &Stage) {
    let subnet = scope("10.0.0.0/24");
    for n in 1..=4 {
        stage.promise(&subnet, None, ip(n)).await;
    }
    let page = stage.place.list(None, 2).await.expect("a list");
    let after = place_of(page.last().expect("two"));
    assert!(stage.step(&subnet, ip(2), Step::End).await.is_done());
    assert!(stage.step(&subnet, ip(3), Step::End).await.is_done());
    stage.promise(&scope_in("vrf 2", "10.0.0.0/24"), None, ip(1)).await;
    let rest = stage.place.list(Some(&after), 10).await.expect("a list");
    let rest: Vec<_> = rest.iter().map(|(address, hold)| (hold.scope.space.name.as_str(), *address)).collect();
    assert_eq!(rest, [("vrf 1", ip(4)), ("vrf 2", ip(1))]);
    // A space that has no holds at all is a place to go on from as well.
    let between = (Space { provider: "netbox".into(), name: ipam_provider::AddressSpace::new("vrf 1b") }, ip(1));
    let rest = stage.place.list(Some(&between), 10).await.expect("a list");
    assert_eq!(rest.len(), 1);
}

pub(in crate::allocation::holds) async fn an_address_is_found_in_every_space(stage: &Stage) {
    for (space, prefix) in [("vrf 1", "10.0.0.0/24"), ("vrf 2", "10.0.0.0/16"), ("vrf 3", "10.0.0.0/24")] {
        stage.promise(&scope_in(space, prefix), mac(1), ip(7)).await;
    }
    stage.promise(&scope_in("vrf 4", "10.0.0.0/24"), mac(1), ip(8)).await;
    let found = stage.place.find(ip(7)).await.expect("an answer");
    let mut names: Vec<_> = found.iter().map(|hold| hold.scope.space.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["vrf 1", "vrf 2", "vrf 3"]);
    assert_eq!(stage.place.find(ip(9)).await.expect("an answer"), []);
}

pub(in crate::allocation::holds) async fn what_is_held_in_a_subnet(stage: &Stage) {
    let (wide, narrow) = (scope("10.0.0.0/16"), scope("10.0.0.0/24"));
    stage.promise(&narrow, mac(1), ip(1)).await;
    stage.promise(&wide, None, ip(2)).await;
    stage.promise(&wide, None, ip(255)).await;
    stage.promise(&wide, None, [10, 0, 1, 0].into()).await;
    stage.promise(&wide, None, [9, 255, 255, 255].into()).await;
    stage.add(&narrow, ip(3)).await;
    stage.begin(&narrow, ip(4)).await;
    stage.deleted(&narrow, ip(5), None, Some(Removed::of(None)), LIFE).await;
    stage.promise(&scope_in("vrf 2", "10.0.0.0/24"), None, ip(6)).await;
    let held = stage.place.held(&narrow).await.expect("an answer");
    let expected: Vec<IpAddr> = [1, 2, 3, 4, 5, 255].map(ip).into();
    assert!(expected.iter().all(|address| held.addresses.contains(*address)));
    assert_eq!((held.addresses.len(), held.promised), (expected.len(), expected.len() - 1));
    let nothing = stage.place.held(&scope_in("vrf 9", "10.0.0.0/24")).await.expect("an answer");
    assert_eq!((nothing.addresses.len(), nothing.promised), (0, 0));
}

pub(in crate::allocation::holds) async fn holds_are_counted_by_state(stage: &Stage) {
    let subnets = [scope("10.0.0.0/24"), scope_in("vrf 2", "10.0.0.0/24")];
    let counted = async || {
        let counts = stage.place.count_states().await.expect("numbers");
        HoldState::ALL.map(|state| counts.of(state))
    };
    assert_eq!(counted().await, [0; 5]);
    for subnet in &subnets {
        stage.promise(subnet, mac(1), ip(1)).await;
        // Renewed, which makes it no second one.
        stage.promise(subnet, mac(1), ip(1)).await;
        stage.promise(subnet, None, ip(2)).await;
        stage.begin(subnet, ip(3)).await;
        let ticket = stage.begin(subnet, ip(4)).await.at.event;
        let lost = Step::LoseAdd { ticket, mac: None, at_least: stage.units(LIFE) };
        assert!(stage.step(subnet, ip(4), lost).await.is_done());
        stage.add(subnet, ip(5)).await;
        stage.deleted(subnet, ip(6), None, Some(Removed::of(None)), LIFE).await;
    }
    assert_eq!(counted().await, [4, 2, 2, 2, 2]);
    assert!(stage.step(&subnets[0], ip(1), Step::End).await.is_done());
    assert_eq!(counted().await, [3, 2, 2, 2, 2]);
    stage.pass(LIFE + SETTLED).await;
    stage.place.clone().tidy().await.expect("tidied");
    assert_eq!(counted().await, [0; 5]);
}

pub(in crate::allocation::holds) async fn tidying_removes_what_has_ended_and_nothing_else(stage: &Stage) {
    let subnets = [scope("10.0.0.0/24"), scope_in("vrf 2", "10.0.0.0/24")];
    for subnet in &subnets {
        for n in 1..=20 {
            stage.promise(subnet, mac(n), ip(n)).await;
        }
    }
    stage.pass(LIFE / 2).await;
    stage.promise(&subnets[0], mac(30), ip(30)).await;
    assert_eq!(stage.next(&subnets[1], mac(7), &[]).await, Some(ip(7)));
    assert!(stage.begin(&subnets[0], ip(7)).await.is_done());
    stage.pass(LIFE / 2 + SETTLED).await;
    stage.begin(&subnets[0], ip(8)).await;
    stage.place.clone().tidy().await.expect("tidied");
    let left = stage.place.list(None, 100).await.expect("a list");
    let left: Vec<_> = left.iter().map(|held| place_of(held).1).collect();
    assert_eq!(left, [ip(8), ip(30), ip(7)]);
    assert_eq!(stage.place.count().await.expect("a number"), 3);
    assert_eq!(stage.place.trouble(), None);
}
