//! The checker against histories that are known to be right or wrong, and against brute force.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::promise::Host;

fn address(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

fn promise(host: Host, kind: Kind, asked: u64, answered: u64, until: u64) -> Promise {
    let [asked, answered, until] = [asked, answered, until].map(Moment);
    Promise { host, place: 0, address: address(1), kind, asked, answered, until }
}

fn count(promises: &[Promise]) -> usize {
    duplicates(promises.to_vec()).len()
}

use Kind::{Offered, Reserved, Taken};

#[test]
fn an_address_offered_to_two_hosts_is_found() {
    let first = promise(1, Offered, 10, 12, 1000);
    let second = promise(2, Offered, 20, 22, 1010);
    assert_eq!(duplicates(vec![second, first]), [Duplicate { first, second }]);
}

#[test]
fn two_parallel_answers_with_one_address_are_found() {
    // Neither is certainly the first, and both hosts have it afterwards.
    assert_eq!(count(&[promise(1, Offered, 10, 30, 1000), promise(2, Offered, 20, 25, 1000)]), 1);
    assert_eq!(count(&[promise(1, Reserved, 10, 30, 1000), promise(2, Reserved, 10, 30, 1000)]), 1);
}

#[test]
fn sixty_four_hosts_with_one_address_are_sixty_three_duplicates() {
    let promises: Vec<Promise> = (0..64).map(|host| promise(host, Offered, host, 100 + host, 9999)).collect();
    assert_eq!(count(&promises), 63);
}

#[test]
fn an_address_given_on_after_its_delete_began_is_fine() {
    let first = [promise(1, Offered, 10, 12, 50), promise(1, Reserved, 20, 22, 50)];
    // The delete began at 50, and the server may have done it at once.
    assert_eq!(count(&[first[0], first[1], promise(2, Offered, 45, 55, 1000)]), 0);
    assert_eq!(count(&[first[0], first[1], promise(2, Offered, 45, 49, 1000)]), 1);
}

#[test]
fn a_hold_that_may_have_ended_is_no_duplicate_and_one_that_has_not_is() {
    let first = promise(1, Offered, 10, 20, 110);
    assert_eq!(count(&[first, promise(2, Offered, 100, 110, 200)]), 0);
    assert_eq!(count(&[first, promise(2, Offered, 100, 109, 200)]), 1);
}

#[test]
fn an_offer_of_what_is_reserved_is_found() {
    let reserved = promise(1, Reserved, 10, 20, 100);
    assert_eq!(count(&[reserved, promise(2, Offered, 21, 30, 500)]), 1);
    // The offer may have come before the reservation: somebody has added an address that nobody had offered them.
    assert_eq!(count(&[reserved, promise(2, Offered, 20, 30, 500)]), 0);
}

#[test]
fn a_host_that_adds_too_late_is_no_duplicate_and_neither_is_what_follows_its_delete() {
    let late = [promise(1, Offered, 10, 11, 20), promise(1, Reserved, 40, 41, 60)];
    let meanwhile = promise(2, Offered, 30, 31, 130);
    assert_eq!(count(&[late[0], late[1], meanwhile]), 0);
    // The delete of host 1 began at 60 and ended the hold of host 2.
    assert_eq!(count(&[late[0], late[1], meanwhile, promise(3, Offered, 70, 71, 170)]), 0);
}

#[test]
fn a_delete_on_its_way_does_not_end_the_hold_of_the_next_owner() {
    let deleted = promise(1, Reserved, 10, 11, 60);
    let next = promise(2, Offered, 61, 62, 1000);
    assert_eq!(count(&[deleted, next, promise(3, Offered, 70, 71, 1000)]), 1);
}

#[test]
fn what_somebody_else_took_may_still_be_offered_and_not_be_reserved() {
    let taken = promise(0, Taken, 10, 11, u64::MAX);
    assert_eq!(count(&[taken, promise(1, Offered, 20, 21, 100)]), 0);
    assert_eq!(count(&[taken, promise(1, Reserved, 20, 21, 100)]), 1);
    assert_eq!(count(&[taken, promise(1, Reserved, 9, 21, 100)]), 0, "the order is not certain");
}

#[test]
fn a_host_has_its_own_address_as_often_as_it_likes() {
    assert_eq!(
        count(&[promise(1, Offered, 1, 2, 99), promise(1, Offered, 3, 4, 99), promise(1, Reserved, 5, 6, 99)]),
        0
    );
}

#[test]
fn the_same_address_in_another_subnet_is_another_one() {
    let first = promise(1, Offered, 10, 12, 1000);
    assert_eq!(count(&[first, Promise { host: 2, place: 1, ..first }]), 0);
    assert_eq!(count(&[first, Promise { host: 2, address: address(2), ..first }]), 0);
    assert_eq!(count(&[first, Promise { host: 2, ..first }]), 1);
}

/// A promise with all that makes its certain end: the hold's life, and when it may have been cut.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    host: Host,
    kind: Kind,
    asked: u64,
    answered: u64,
    hold: u64,
    cut: u64,
}

impl Drawn {
    fn promise(self) -> Promise {
        let held_until = if self.kind == Offered { self.asked + self.hold } else { u64::MAX };
        promise(self.host, self.kind, self.asked, self.answered, held_until.min(self.cut))
    }

    /// Until when it lives at least when it was granted at this moment.
    fn until(self, grant: u64) -> u64 {
        if self.kind == Offered { (grant + self.hold).min(self.cut) } else { self.cut }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let kind = prop_oneof![Just(Offered), Just(Reserved), Just(Taken)];
    (0u64..4, kind, 0u64..12, 0u64..4, 1u64..8, 1u64..14).prop_map(|(host, kind, asked, takes, hold, cut)| {
        let answered = asked + takes;
        Drawn { host, kind, asked, answered, hold, cut: answered + cut }
    })
}

/// The rule by its words: whatever the grants, one of the two lies within the life of the other.
fn certainly_contradict(a: Drawn, b: Drawn) -> bool {
    let is_given_away = |had: Drawn, had_grant: u64, given: Drawn, grant: u64| {
        let is_wrong = matches!(
            (had.kind, given.kind),
            (Offered, Offered) | (Reserved, Offered) | (Reserved, Reserved) | (Taken, Reserved)
        );
        // Of two of one kind at the same moment either may be the first.
        let is_later = had_grant < grant || had_grant == grant && had.kind == given.kind;
        is_wrong && is_later && grant < had.until(had_grant)
    };
    let is_other_host = a.host != b.host || a.kind == Taken || b.kind == Taken;
    is_other_host
        && (a.asked..=a.answered).all(|grant_a| {
            (b.asked..=b.answered)
                .all(|grant_b| is_given_away(a, grant_a, b, grant_b) || is_given_away(b, grant_b, a, grant_a))
        })
}

/// What [`settle`] does, promise by promise.
fn settled_by_hand(all: &[Drawn]) -> Vec<Drawn> {
    let cut = |offer: &Drawn| {
        let deletes = all.iter().filter(|other| other.kind == Reserved && other.answered >= offer.asked);
        let earliest = deletes.map(|other| other.cut).min().unwrap_or(u64::MAX);
        if offer.kind == Offered { Drawn { cut: offer.cut.min(earliest), ..*offer } } else { *offer }
    };
    all.iter().map(cut).collect()
}

/// One step of a host against a server that is right.
#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Add,
    Delete,
}

/// A step with the pauses around it: before the call, until the server does it, until the answer.
type Timed = (Step, u64, u64, u64);

fn steps() -> impl Strategy<Value = Vec<Vec<Timed>>> {
    let step = prop_oneof![4 => Just(Step::Ask), 3 => Just(Step::Add), 2 => Just(Step::Delete)];
    let timed = (step, 0u64..30, 0u64..6, 0u64..6);
    prop::collection::vec(prop::collection::vec(timed, 1..14), 1..6)
}

const HOLD: u64 = 25;

/// A server that is right: it offers the lowest address that is neither held nor reserved, and lets anybody add what is
/// not reserved.
#[derive(Default)]
struct RightServer {
    held: BTreeMap<u8, (Host, u64)>,
    reserved: BTreeMap<u8, Host>,
}

impl RightServer {
    fn ask(&mut self, host: Host, now: u64) -> Option<u8> {
        let is_free = |last: &u8| {
            let is_held = self.held.get(last).is_some_and(|(holder, until)| *until > now && *holder != host);
            !is_held && !self.reserved.contains_key(last)
        };
        let last = (1..4).find(is_free)?;
        self.held.insert(last, (host, now + HOLD));
        Some(last)
    }
}

/// Plays the steps, and notes what the callers see as the load does.
fn played(hosts: &[Vec<Timed>]) -> Vec<Promise> {
    let mut calls: Vec<(u64, Host, usize, Step, u64, u64)> = Vec::new();
    for (host, steps) in (0..).zip(hosts) {
        let mut now = 0;
        for (number, (step, pause, before, after)) in steps.iter().enumerate() {
            let (asked, done) = (now + pause, now + pause + before);
            now = done + after + 1;
            calls.push((done, host, number, *step, asked, now - 1));
        }
    }
    calls.sort_by_key(|(done, host, number, ..)| (*done, *host, *number));
    let mut server = RightServer::default();
    let mut promises: Vec<Promise> = Vec::new();
    // What each host has: its address, and whether it was added.
    let mut has: BTreeMap<Host, (u8, bool)> = BTreeMap::new();
    for (done, host, _, step, asked, answered) in calls {
        let mut may_end = |last: u8| {
            let own = promises.iter_mut().filter(|promise| promise.host == host && promise.address == address(last));
            own.for_each(|promise| promise.may_end(Moment(asked)));
        };
        match (step, has.get(&host).copied()) {
            (Step::Ask, None | Some((_, false))) => {
                if let Some((last, _)) = has.remove(&host) {
                    may_end(last);
                }
                if let Some(last) = server.ask(host, done) {
                    has.insert(host, (last, false));
                    let until = asked + HOLD;
                    promises.push(Promise { address: address(last), ..promise(host, Offered, asked, answered, until) });
                }
            }
            (Step::Add, Some((last, false))) => {
                let is_added = *server.reserved.entry(last).or_insert(host) == host;
                if is_added {
                    has.insert(host, (last, true));
                    let added = promise(host, Reserved, asked, answered, u64::MAX);
                    promises.push(Promise { address: address(last), ..added });
                } else {
                    has.remove(&host);
                    may_end(last);
                }
            }
            (Step::Delete, Some((last, true))) => {
                server.reserved.remove(&last);
                server.held.remove(&last);
                has.remove(&host);
                may_end(last);
            }
            _ => {}
        }
    }
    promises
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Exactly what the words of the rule say, for every pair.
    #[test]
    fn the_checker_finds_what_brute_force_finds(drawn in prop::collection::vec(drawn(), 1..10)) {
        let mut promises: Vec<Promise> = drawn.iter().map(|drawn| drawn.promise()).collect();
        let found = duplicates(promises.clone());
        let settled = settled_by_hand(&drawn);
        let mut order: Vec<usize> = (0..drawn.len()).collect();
        order.sort_by_key(|index| {
            let promise = settled[*index].promise();
            (promise.answered, promise.kind, promises[*index].until, promise.host)
        });
        let contradicts_an_earlier_one = |(position, index): (usize, &usize)| {
            let mut earlier = order[..position].iter();
            earlier.any(|other| certainly_contradict(settled[*other], settled[*index]))
        };
        let expected = order.iter().enumerate().filter(|pair| contradicts_an_earlier_one(*pair)).count();
        prop_assert_eq!(found.len(), expected, "{:?}", found);
        promises.reverse();
        prop_assert_eq!(duplicates(promises).len(), expected, "the order in which promises were noted does not count");
    }

    /// No false alarm, however calls overlap, holds end, adds come too late and deletes linger.
    #[test]
    fn a_server_that_is_right_is_never_accused(hosts in steps()) {
        let found = duplicates(played(&hosts));
        prop_assert!(found.is_empty(), "{:?}", found);
    }

    /// An offer of an address in the midst of somebody else's certain reservation does not go unnoticed.
    #[test]
    fn a_duplicate_in_a_right_history_is_found(hosts in steps(), chosen: prop::sample::Index, inside in 0u64..3) {
        let mut promises = played(&hosts);
        let reserved: Vec<Promise> =
            promises.iter().filter(|promise| promise.kind == Reserved && promise.answered.0 + 5 < promise.until.0).copied().collect();
        prop_assume!(!reserved.is_empty());
        let victim = chosen.get(&reserved);
        let asked = Moment(victim.answered.0 + 1 + inside);
        let thief = Promise {
            host: 99, kind: Offered, asked, answered: Moment(asked.0 + 1), until: Moment(asked.0 + HOLD), ..*victim
        };
        promises.push(thief);
        let found = duplicates(promises);
        prop_assert!(found.iter().any(|duplicate| duplicate.second.host == 99 || duplicate.first.host == 99), "{:?}", found);
    }
}
