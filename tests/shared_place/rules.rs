//! What the place does when the database is well.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use foreman_ipam_proxy::allocation::HoldState;
use foreman_ipam_proxy::allocation::holds::{Becomes, Claim, Place, Removed, Step};
use futures_util::future::join_all;
use ipam_simulators::postgres::Server;

use crate::support::{LIFE, MANY, addresses, claim, grant, granted, ip, mac, offer, place, scope, step};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn two_places_promise_each_address_once() {
    let Some(server) = Server::start() else { return };
    let places = [place(&server.url()), place(&server.url())];
    let scope = scope("vrf 1", "10.0.0.0/24");
    let asked = (0..200u16).map(|number| {
        let (place, scope) = (places[usize::from(number % 2)].clone(), scope.clone());
        async move { granted(&*place, &scope, (number % 3 == 0).then(|| mac(number))).await }
    });
    let promised: Vec<IpAddr> = join_all(asked).await;
    assert_eq!(promised.iter().collect::<BTreeSet<_>>().len(), 200);
    for place in &places {
        assert_eq!(place.count().await.expect("a count"), 200);
        let held = place.held(&scope).await.expect("what is held");
        assert_eq!((held.addresses.len(), held.promised), (200, 200));
    }
    // The lowest, first.
    assert!(promised.iter().all(|address| *address <= ip("10.0.0.200")));
}

#[tokio::test]
async fn nested_subnets_of_a_space_share_its_addresses() {
    let Some(server) = Server::start() else { return };
    let (a, b) = (place(&server.url()), place(&server.url()));
    let (wide, narrow, other) = (scope("v", "10.0.0.0/16"), scope("v", "10.0.0.0/24"), scope("w", "10.0.0.0/24"));
    assert_eq!(granted(&*a, &wide, Some(mac(1))).await, ip("10.0.0.1"));
    assert_eq!(granted(&*b, &narrow, Some(mac(2))).await, ip("10.0.0.2"));
    assert_eq!(granted(&*b, &other, Some(mac(3))).await, ip("10.0.0.1"));
    let found = a.find(ip("10.0.0.1")).await.expect("holds");
    let spaces: Vec<_> = found.iter().map(|hold| hold.scope.space.name.to_string()).collect();
    assert_eq!(spaces, ["v", "w"]);
}

#[tokio::test]
async fn a_mac_gets_one_answer_from_both_places() {
    let Some(server) = Server::start() else { return };
    let places = [place(&server.url()), place(&server.url())];
    let scope = scope("vrf 1", "2001:db8::/64");
    let asked = (0..50).map(|number| {
        let (place, scope) = (places[number % 2].clone(), scope.clone());
        async move { granted(&*place, &scope, Some(mac(7))).await }
    });
    let promised: BTreeSet<IpAddr> = join_all(asked).await.into_iter().collect();
    assert_eq!(promised, BTreeSet::from([ip("2001:db8::1")]));
    let again = offer(&*places[0], &scope, mac(7)).await.expect("an offer");
    assert_eq!(again.address, ip("2001:db8::1"));
    assert_eq!(offer(&*places[1], &scope, mac(8)).await, None);
    let renewed = step(&*places[1], &scope, "2001:db8::1", Step::Renew(again, grant(Some(mac(7)), LIFE))).await;
    assert!(renewed.is_done());
    let infiniband = ipam_provider::Mac::from_bytes(&[7; 20]).expect("twenty bytes");
    assert_eq!(granted(&*places[0], &scope, Some(infiniband)).await, ip("2001:db8::2"));
    assert_eq!(offer(&*places[1], &scope, infiniband).await.map(|offer| offer.address), Some(ip("2001:db8::2")));
}

#[tokio::test]
async fn events_are_in_one_order_and_time_is_the_databases() {
    let Some(server) = Server::start() else { return };
    let (a, b) = (place(&server.url()), place(&server.url()));
    let scope = scope("vrf 1", "10.0.0.0/24");
    let before = a.moment().await.expect("the time");
    let address = granted(&*b, &scope, None).await;
    let after = a.moment().await.expect("the time");
    let hold = a.get(&scope.space, address).await.expect("the database").expect("a hold");
    assert!(before.event < hold.event && hold.event < after.event, "{before:?} {hold:?} {after:?}");
    assert!(before.now <= hold.granted && hold.granted <= after.now);
    let now: u64 = server.sql("ipam", "SELECT (extract(epoch FROM now()) * 1000)::bigint").parse().expect("a number");
    assert!(after.now.since(Default::default()).as_millis().abs_diff(now.into()) < 5000);
    assert_eq!(hold.until.since(hold.granted), LIFE);
    // Callers at the same time may share a number; it is later than all before.
    let together = join_all((0..100).map(|_| a.moment())).await;
    assert!(together.iter().all(|moment| moment.as_ref().expect("the time").event > after.event));
}

#[tokio::test]
async fn a_reservation_of_one_place_is_seen_by_the_other() {
    let Some(server) = Server::start() else { return };
    let (a, b) = (place(&server.url()), place(&server.url()));
    let scope = scope("vrf 1", "10.0.0.0/24");
    granted(&*a, &scope, Some(mac(1))).await;
    let begun = step(&*a, &scope, "10.0.0.1", Step::BeginAdd { at_least: LIFE, request: None }).await;
    assert_eq!(begun.before.as_ref().and_then(|hold| hold.mac), Some(mac(1)));
    // Being added: not offered, not ended.
    assert_eq!(offer(&*b, &scope, mac(1)).await, None);
    assert!(!step(&*b, &scope, "10.0.0.1", Step::End).await.is_done());
    // Only its own ticket ends it.
    let ticket = begun.at.event;
    assert!(
        !step(&*b, &scope, "10.0.0.1", Step::FinishAdd { ticket: ticket + 1, settled: LIFE, is_restored: false })
            .await
            .is_done()
    );
    assert!(
        step(&*b, &scope, "10.0.0.1", Step::FinishAdd { ticket, settled: LIFE, is_restored: false }).await.is_done()
    );
    let hold = a.get(&scope.space, ip("10.0.0.1")).await.expect("the database").expect("a hold");
    assert_eq!(hold.state, HoldState::Reserved);
    // Undone: as it was before.
    granted(&*a, &scope, Some(mac(2))).await;
    let begun = step(&*a, &scope, "10.0.0.2", Step::BeginAdd { at_least: LIFE, request: None }).await;
    let undo = Step::UndoAdd { ticket: begun.at.event, before: begun.before.clone() };
    assert_eq!(step(&*b, &scope, "10.0.0.2", undo).await.becomes, Becomes::Held(begun.before.expect("a hold")));
    assert_eq!(offer(&*b, &scope, mac(2)).await.map(|offer| offer.address), Some(ip("10.0.0.2")));
}

#[tokio::test]
async fn a_released_address_is_in_quarantine_and_spare_when_nothing_else_is_free() {
    let Some(server) = Server::start() else { return };
    let (a, b) = (place(&server.url()), place(&server.url()));
    let scope = scope("vrf 1", "10.0.0.0/30");
    for number in 1..=2u16 {
        step(&*a, &scope, &format!("10.0.0.{number}"), Step::MarkReserved { settled: LIFE }).await;
    }
    assert_eq!(a.held(&scope).await.expect("what is held").promised, 0);
    assert_eq!(granted(&*a, &scope, None).await, ip("10.0.0.3"));
    assert_eq!(claim(&*b, &scope, Some(mac(1))).await.expect("an answer"), Claim::NoneFree);
    // Nothing may be given away yet.
    assert_eq!(b.spare(&scope, LIFE).await.expect("an answer"), None);
    assert_eq!(
        b.spare(&scope, Duration::ZERO).await.expect("an answer").map(|offer| offer.address),
        Some(ip("10.0.0.3"))
    );
    for address in ["10.0.0.2", "10.0.0.1"] {
        let seen = a.get(&scope.space, ip(address)).await.expect("the database").map(|hold| hold.event);
        let removed = Some(Removed::of(Some(mac(9))));
        assert!(
            step(&*a, &scope, address, Step::Delete { seen, removed, quarantine: LIFE, request: None }).await.is_done()
        );
    }
    assert_eq!(claim(&*b, &scope, Some(mac(1))).await.expect("an answer"), Claim::NoneFree);
    // The one that was released first.
    let spare = b.spare(&scope, Duration::ZERO).await.expect("an answer").expect("a spare address");
    assert_eq!(spare.address, ip("10.0.0.2"));
    let reuse = Step::Reuse(spare, grant(Some(mac(1)), LIFE));
    assert!(step(&*b, &scope, "10.0.0.2", reuse.clone()).await.is_done());
    assert!(!step(&*a, &scope, "10.0.0.2", reuse).await.is_done());
    assert_eq!(offer(&*a, &scope, mac(9)).await.map(|offer| offer.address), Some(ip("10.0.0.1")));
}

#[tokio::test]
async fn holds_end_by_the_databases_clock_and_are_removed() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let scope = scope("vrf 1", "10.0.0.0/16");
    for _ in 0..3 {
        let claimed = place.claim(&scope, &mut addresses(scope.prefix), grant(Some(mac(1)), SHORT), MANY).await;
        assert_eq!(claimed.expect("an answer"), Claim::Granted(ip("10.0.0.1")));
    }
    let kept = granted(&*place, &scope, Some(mac(2))).await;
    // More than are removed at a time.
    server.sql(
        "ipam",
        "INSERT INTO ipam_proxy_hold SELECT id, decode('040a01' || lpad(to_hex(n), 4, '0'), 'hex'), '10.0.0.0/16', NULL, NULL, \
         'offered', 1, 2, NULL, 3, 0 FROM ipam_proxy_space, generate_series(1, 2500) n; \
         UPDATE ipam_proxy_space SET held = held + 2500",
    );
    assert_eq!(place.count().await.expect("a count"), 2502);
    tokio::time::sleep(SHORT).await;
    assert_eq!(place.get(&scope.space, ip("10.0.0.1")).await.expect("the database"), None);
    assert_eq!(place.list(None, 10).await.expect("a list").len(), 1);
    assert_eq!(place.held(&scope).await.expect("what is held").addresses.len(), 1);
    place.sweep().await.expect("a sweep");
    assert_eq!(place.count().await.expect("a count"), 1);
    assert_eq!(server.sql("ipam", "SELECT count(*) FROM ipam_proxy_hold"), "1");
    assert_eq!(kept, ip("10.0.0.2"));
}

#[tokio::test]
async fn there_are_not_more_holds_than_there_may_be() {
    let Some(server) = Server::start() else { return };
    let places = [place(&server.url()), place(&server.url())];
    let scope = scope("vrf 1", "10.0.0.0/24");
    let asked = (0..30).map(|number: usize| {
        let (place, scope) = (places[number % 2].clone(), scope.clone());
        async move { place.claim(&scope, &mut addresses(scope.prefix), grant(None, LIFE), 20).await.expect("an answer") }
    });
    let claims = join_all(asked).await;
    assert_eq!(claims.iter().filter(|claim| matches!(claim, Claim::Granted(_))).count(), 20);
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::TooManyHolds).count(), 10);
}

#[tokio::test]
async fn candidates_are_looked_at_until_one_is_free() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let scope = scope("vrf 1", "10.0.0.0/24");
    let held = join_all((0..200u16).map(|_| granted(&*place, &scope, None))).await;
    assert_eq!(held.len(), 200);
    assert_eq!(granted(&*place, &scope, None).await, ip("10.0.0.201"));
    let mut few = held.into_iter();
    assert_eq!(place.claim(&scope, &mut few, grant(None, LIFE), MANY).await.expect("an answer"), Claim::NoneFree);
}

#[tokio::test]
async fn a_list_comes_in_pages_by_space_and_address() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let mut expected = Vec::new();
    // More in one space than a page, spaces with few, both families, names whose order depends on the language.
    for (space, prefix, count) in [
        ("B", "10.0.0.0/24", 2),
        ("a", "10.0.0.0/24", 25),
        ("ä", "9.0.0.0/24", 1),
        ("a-b", "2001:db8::/64", 3),
        ("ab", "192.0.2.0/24", 3),
    ] {
        let scope = scope(space, prefix);
        for _ in 0..count {
            expected.push((scope.space.clone(), granted(&*place, &scope, None).await));
        }
    }
    let both = scope("a", "2001:db8::/64");
    expected.push((both.space.clone(), granted(&*place, &both, None).await));
    expected.sort();
    for size in [1, 2, 7, 10, 100] {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = place.list(after.as_ref(), size).await.expect("a page");
            assert!(page.len() <= size);
            all.extend(page.into_iter().map(|(address, hold)| (hold.scope.space.clone(), address)));
            if all.len() % size != 0 || all.len() == expected.len() {
                break;
            }
            after = all.last().cloned();
        }
        assert_eq!(all, expected, "in pages of {size}");
        let page = place.list(expected.last(), size).await.expect("a page");
        assert_eq!(page, [], "after the last");
    }
}

#[tokio::test]
async fn a_subnet_with_many_holds_is_read_whole() {
    let Some(server) = Server::start() else { return };
    let place = place(&server.url());
    let scope = scope("vrf 1", "10.0.0.0/15");
    granted(&*place, &scope, Some(mac(1))).await;
    server.sql(
        "ipam",
        "INSERT INTO ipam_proxy_hold SELECT id, decode('04' || lpad(to_hex(167772160 + n), 8, '0'), 'hex'), '10.0.0.0/15', NULL, \
         NULL, CASE WHEN n > 100000 THEN 'reserved' ELSE 'offered' END, 1, 9223372036854775807, NULL, 3, 0 \
         FROM ipam_proxy_space, generate_series(2, 120000) n",
    );
    let held = place.held(&scope).await.expect("what is held");
    assert_eq!((held.addresses.len(), held.promised), (120_000, 100_000));
    let narrow = crate::support::scope("vrf 1", "10.0.0.128/25");
    assert_eq!(place.held(&narrow).await.expect("what is held").addresses.len(), 128);
}
