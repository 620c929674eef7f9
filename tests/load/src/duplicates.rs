//! Was an address given twice? The checker.
//!
//! # What is certain
//!
//! A caller sees a call begin and its answer arrive. The server did its work at an unknown moment between the two, the
//! *grant*. So of each [`Promise`] is known:
//!
//! - the grant lies in `asked..=answered`;
//! - the promise lives from the grant on, and is certain to live until just before `until`.
//!
//! `until` is what the callers keep, and they keep it low:
//!
//! - an offer certainly lives for the hold's seconds *from `asked`*, the earliest grant, and ends earlier when its own
//!   host begins a delete of the address, is told that the address is taken (`exists`, or an add that is refused
//!   because of it), or is offered another address. An add that fails otherwise, or whose answer is lost, ends nothing:
//!   the hold lives on;
//! - an offer without a MAC is only certain for the minute after which the server may hand it out again;
//! - a reservation begins with an *answered* add and ends when its delete begins, whether that is ever answered or not.
//!
//! # The rule
//!
//! An address was given twice when it was granted to one host at a moment at which another had it, **wherever in their
//! intervals the unknown grants lie**. What merely may have been at the same time is no duplicate.
//!
//! | another host has it by | it is offered | it is reserved |
//! | --- | --- | --- |
//! | an offer | duplicate | no: who adds an address too late, after its hold, is not refused as long as the IPAM has it free |
//! | a reservation | duplicate | duplicate |
//! | a record of somebody else | no: a batch of candidates may be some seconds old | duplicate |
//!
//! For two of the same kind, either grant may be the first. With `a` and `b` as intervals of grants and `until` as
//! above, every choice of grants leaves one of them inside the other's life exactly when
//! `a.answered < b.until && b.answered < a.until`. For an offer after a reservation or the like the order must be certain
//! too: `had.answered < given.asked && given.answered < had.until`.
//!
//! One thing must be known of all promises of an address together: who added an address too late deletes it later, and
//! that delete rightly ends the hold of whoever it had been offered to meanwhile. So a delete also cuts the offers that
//! others may have been granted before the deleted reservation was answered (`settle`). It does *not* cut an offer
//! that was certainly granted after it: a delete that is still on its way must not end the hold of the next owner.
//!
//! # What it costs
//!
//! Promises are sorted by address and answer, and each is compared with those that are still alive, longest first:
//! n log n for a server that keeps its promises, and as good for one that breaks them all, since each promise is reported
//! once at most, with one that it contradicts.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::promise::{Kind, Moment, Promise};

/// An address that two hosts had at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The promise that was answered first.
    pub first: Promise,
    /// The one that contradicts it.
    pub second: Promise,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; and {}", self.first, self.second)
    }
}

/// The promises that certainly contradict an earlier one, each with such a one, by subnet and address.
pub fn duplicates(mut promises: Vec<Promise>) -> Vec<Duplicate> {
    settle(&mut promises);
    let mut found = Vec::new();
    for group in promises.chunk_by(is_same_address) {
        // By their ends; the position tells equal ones apart.
        let mut alive: BTreeSet<(Moment, usize)> = BTreeSet::new();
        for (position, second) in group.iter().enumerate() {
            // Whatever is answered later can contradict only what lives longer.
            while alive.first().is_some_and(|(until, _)| *until <= second.answered) {
                alive.pop_first();
            }
            let longest_first = alive.iter().rev().map(|(_, earlier)| &group[*earlier]);
            if let Some(first) = longest_first.into_iter().find(|first| contradict(first, second)) {
                found.push(Duplicate { first: *first, second: *second });
            }
            alive.insert((second.until, position));
        }
    }
    found
}

/// Sorts by address and answer, and cuts offers at the deletes that may rightly have ended them.
fn settle(promises: &mut [Promise]) {
    // The kinds are in such an order that of two at the same moment the one that can forbid the other comes first.
    promises.sort_by_key(|promise| {
        (promise.place, promise.address, promise.answered, promise.kind, promise.until, promise.host)
    });
    for group in promises.chunk_by_mut(is_same_address) {
        // From the last on: the earliest delete of what was answered after the offer was asked for.
        let mut reservations: Vec<(Moment, Moment)> = Vec::new();
        let mut earliest = Moment::NEVER;
        for promise in group.iter().rev().filter(|promise| promise.kind == Kind::Reserved) {
            earliest = earliest.min(promise.until);
            reservations.push((promise.answered, earliest));
        }
        reservations.reverse();
        for offer in group.iter_mut().filter(|promise| promise.kind == Kind::Offered) {
            let next = reservations.partition_point(|(answered, _)| *answered < offer.asked);
            if let Some((_, earliest)) = reservations.get(next) {
                offer.may_end(*earliest);
            }
        }
    }
}

fn is_same_address(a: &Promise, b: &Promise) -> bool {
    (a.place, a.address) == (b.place, b.address)
}

/// Do the two certainly contradict each other? In whichever order they are given.
fn contradict(a: &Promise, b: &Promise) -> bool {
    let is_granted_within = |given: &Promise, had: &Promise| had.answered < given.asked && given.answered < had.until;
    if a.host == b.host && a.kind != Kind::Taken && b.kind != Kind::Taken {
        return false;
    }
    match (a.kind, b.kind) {
        (Kind::Offered, Kind::Offered) | (Kind::Reserved, Kind::Reserved) => {
            a.answered < b.until && b.answered < a.until
        }
        (Kind::Reserved, Kind::Offered) => is_granted_within(b, a),
        (Kind::Offered, Kind::Reserved) => is_granted_within(a, b),
        (Kind::Taken, Kind::Reserved) => is_granted_within(b, a),
        (Kind::Reserved, Kind::Taken) => is_granted_within(a, b),
        (Kind::Taken, Kind::Taken | Kind::Offered) | (Kind::Offered, Kind::Taken) => false,
    }
}

#[cfg(test)]
mod tests;
