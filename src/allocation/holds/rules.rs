//! The rules of holds: what may become of one address, as pure functions. No clock, no lock, no file, no database.
//!
//! A place that keeps holds reads what is there, asks a rule, and writes what the rule says, as one atomic step. A hold
//! that has ended counts as absent; callers leave it out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::Mac;

use super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope};
use crate::allocation::Timestamp;

/// A change of the hold of one address.
#[derive(Debug, Clone)]
pub enum Step {
    /// Promises an offer again to its MAC, unless it changed hands since it was read.
    Renew(Offer, Grant),
    /// Promises a [`spare`](super::Place::spare) address to another host, unless it changed since it was read.
    Reuse(Offer, Grant),
    /// A reservation is sent to the IPAM. The hold lives for `at_least` from now.
    BeginAdd {
        /// Until the answer and all that was asked before it are done with.
        at_least: Duration,
    },
    /// The same for an address that is to be reserved again, unless it is promised to another host or being added.
    BeginRestore {
        /// The host that had it.
        mac: Option<Mac>,
        /// As above.
        at_least: Duration,
    },
    /// The reservation that began with the event `ticket` is in the IPAM.
    FinishAdd {
        /// The event of its [`BeginAdd`](Step::BeginAdd).
        ticket: u64,
        /// How long a batch of candidates or a request from before may still be alive.
        settled: Duration,
    },
    /// The reservation that began with `ticket` was not made: the hold is again what it was before.
    UndoAdd {
        /// The event of its [`BeginAdd`](Step::BeginAdd).
        ticket: u64,
        /// What was there before.
        before: Option<Hold>,
    },
    /// The answer to the reservation that began with `ticket` is lost.
    LoseAdd {
        /// The event of its [`BeginAdd`](Step::BeginAdd).
        ticket: u64,
        /// The host it was for.
        mac: Option<Mac>,
        /// How long the address is held at least, so that its fate can be looked for.
        at_least: Duration,
    },
    /// The IPAM says that the address is reserved, by whomever.
    MarkReserved {
        /// How long a batch of candidates or a request from before may still be alive.
        settled: Duration,
    },
    /// The same, if it is only offered.
    MarkReservedIfOffered {
        /// As above.
        settled: Duration,
    },
    /// The IPAM has answered a delete.
    Delete {
        /// The event of the hold that was there when the delete began, if one was.
        seen: Option<u64>,
        /// The MAC of the record that was removed; `None` when there was no record.
        removed: Option<Removed>,
        /// How long the address is not offered to others.
        quarantine: Duration,
    },
    /// Ends the promise, unless a reservation is on its way: until that has landed, the address is offered to no other
    /// host.
    End,
}

/// A record that a delete removed from the IPAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The MAC in it, if it had one.
    pub mac: Option<Mac>,
}

/// What becomes of the hold of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// It stays as it is.
    Unchanged,
    /// It is this from now on.
    Held(Hold),
    /// It is gone.
    Ended,
}

impl Step {
    /// What the step makes of the live hold that is `there`.
    pub fn apply(&self, scope: &Arc<Scope>, there: Option<&Hold>, at: Moment) -> Becomes {
        match self {
            Self::Renew(offer, grant) => match there {
                Some(hold) if is_offer(hold) && hold.mac == grant.ask.mac => {
                    let confirmed = hold.confirmed.max(grant.confirmed);
                    // A released address is only offered again when the IPAM has just called it free.
                    let is_known_free = hold.state == HoldState::Offered || hold.event == offer.event;
                    if is_known_free {
                        let renewed = granted(scope, &Grant { confirmed, ..*grant }, at);
                        // The promise does not end a quarantine sooner.
                        let quarantined = if hold.state == HoldState::Released { hold.until } else { at.now };
                        Becomes::Held(Hold { until: renewed.until.max(quarantined), ..renewed })
                    } else {
                        Becomes::Unchanged
                    }
                }
                _ => Becomes::Unchanged,
            },
            Self::Reuse(offer, grant) => match there {
                Some(hold) if is_offer(hold) && hold.event == offer.event => Becomes::Held(granted(scope, grant, at)),
                _ => Becomes::Unchanged,
            },
            Self::BeginAdd { at_least } => {
                let hold = there.cloned().unwrap_or_else(|| unknown(scope, at));
                let until = hold.until.max(at.now + *at_least);
                // A released address is added for any host, not only for the one that had it.
                let mac = hold.mac.filter(|_| hold.state != HoldState::Released);
                Becomes::Held(Hold { mac, state: HoldState::Adding, until, event: at.event, ..hold })
            }
            Self::BeginRestore { mac, at_least } => match there {
                Some(hold) if !can_be_restored(hold, *mac) => Becomes::Unchanged,
                _ => Self::BeginAdd { at_least: *at_least }.apply(scope, there, at),
            },
            Self::FinishAdd { ticket, settled } => match of_ticket(there, *ticket) {
                // With an event of its own: a delete that began during the add may have been answered before it.
                Some(hold) => Becomes::Held(Hold { event: at.event, ..reserved(hold, at.now + *settled) }),
                None => Becomes::Unchanged,
            },
            Self::UndoAdd { ticket, before } => match (of_ticket(there, *ticket), before) {
                (None, _) => Becomes::Unchanged,
                (Some(_), Some(before)) if before.is_live(at.now) => Becomes::Held(before.clone()),
                (Some(_), _) => Becomes::Ended,
            },
            Self::LoseAdd { ticket, mac, at_least } => match of_ticket(there, *ticket) {
                Some(hold) => {
                    let until = hold.until.max(at.now + *at_least);
                    Becomes::Held(Hold { state: HoldState::Unanswered, mac: *mac, until, ..hold.clone() })
                }
                None => Becomes::Unchanged,
            },
            Self::MarkReserved { settled } => {
                let hold = there.cloned().unwrap_or_else(|| unknown(scope, at));
                Becomes::Held(Hold { event: at.event, ..reserved(&hold, at.now + *settled) })
            }
            Self::MarkReservedIfOffered { settled } => match there {
                Some(hold) if is_offer(hold) => {
                    Becomes::Held(Hold { event: at.event, ..reserved(hold, at.now + *settled) })
                }
                _ => Becomes::Unchanged,
            },
            Self::Delete { seen, removed, quarantine } => deleted(scope, there, *seen, *removed, *quarantine, at),
            Self::End => match there {
                Some(hold) if hold.state != HoldState::Adding => Becomes::Ended,
                _ => Becomes::Unchanged,
            },
        }
    }
}

/// The IPAM had the address free before its answer to the delete was here. What was offered or sent meanwhile stays.
///
/// A delete that found no record ends only what was known as reserved. The contract's DELETE names no host, so an offer may
/// be another host's; and a reservation whose answer was lost may still take effect.
fn deleted(
    scope: &Arc<Scope>,
    there: Option<&Hold>,
    seen: Option<u64>,
    removed: Option<Removed>,
    quarantine: Duration,
    at: Moment,
) -> Becomes {
    let is_same = there.map(|hold| hold.event) == seen;
    let is_being_added = there.is_some_and(|hold| hold.state == HoldState::Adding);
    if !is_same || is_being_added {
        return Becomes::Unchanged;
    }
    let was_recorded = removed.is_some() || there.is_some_and(|hold| hold.state == HoldState::Reserved);
    match there {
        _ if !was_recorded => Becomes::Unchanged,
        None if quarantine.is_zero() => Becomes::Unchanged,
        Some(_) if quarantine.is_zero() => Becomes::Ended,
        there => Becomes::Held(Hold {
            mac: removed.and_then(|record| record.mac).or(there.and_then(|hold| hold.mac)),
            state: HoldState::Released,
            until: at.now + quarantine,
            ..unknown(scope, at)
        }),
    }
}

/// Can the address be offered: again to its MAC, or to another host when nothing else is free?
fn is_offer(hold: &Hold) -> bool {
    matches!(hold.state, HoldState::Offered | HoldState::Released)
}

/// Does nobody but the host with this MAC have to do with the address? Of a reserved one the IPAM decides.
fn can_be_restored(hold: &Hold, mac: Option<Mac>) -> bool {
    match hold.state {
        HoldState::Offered => mac.is_some() && hold.mac == mac,
        HoldState::Unanswered => hold.mac == mac,
        HoldState::Adding => false,
        HoldState::Reserved | HoldState::Released => true,
    }
}

/// The hold, if it is still the mark that the reservation with this ticket left.
fn of_ticket(there: Option<&Hold>, ticket: u64) -> Option<&Hold> {
    there.filter(|hold| hold.state == HoldState::Adding && hold.event == ticket)
}

fn reserved(hold: &Hold, until: Timestamp) -> Hold {
    // Not longer: what is deleted in the IPAM itself is free again.
    Hold { state: HoldState::Reserved, until, ..hold.clone() }
}

/// The promise of an address.
pub(super) fn granted(scope: &Arc<Scope>, grant: &Grant, at: Moment) -> Hold {
    Hold {
        scope: scope.clone(),
        mac: grant.ask.mac,
        state: HoldState::Offered,
        granted: at.now,
        until: at.now + grant.life,
        request: grant.ask.request,
        event: at.event,
        confirmed: grant.confirmed,
    }
}

/// A hold of an address that was never offered.
fn unknown(scope: &Arc<Scope>, at: Moment) -> Hold {
    Hold {
        scope: scope.clone(),
        mac: None,
        state: HoldState::Reserved,
        granted: at.now,
        until: at.now,
        request: None,
        event: at.event,
        confirmed: Timestamp::default(),
    }
}

/// Of the live holds that the asking MAC has in the subnet, by address, the one that it is to be offered again.
///
/// One that was already the answer to an earlier question of the same request is passed over: Foreman asks with the
/// host's MAC for each of its interfaces, so the second question of a request is for a second interface. "Earlier" is an
/// answer given before this question came; parallel questions are not interfaces.
pub(super) fn offer_for<'a>(of_mac: impl Iterator<Item = (IpAddr, &'a Hold)>, ask: &Ask) -> Option<Offer> {
    let is_answered = |hold: &Hold| ask.request.is_some() && hold.request == ask.request && hold.event < ask.arrival;
    let mut offers: Vec<_> = of_mac.filter(|(_, hold)| is_offer(hold) && !is_answered(hold)).collect();
    // What it was promised comes before what it once had.
    offers.sort_by_key(|(address, hold)| (hold.state == HoldState::Released, *address));
    offers.first().map(|(address, hold)| Offer::of(*address, hold))
}

/// How soon an address that is held may be given to another host when nothing else is free; the lowest first, `None` for
/// never. What was released is free in the IPAM; after that come offers without a MAC that are old enough.
pub(super) fn spare(hold: &Hold, now: Timestamp, recycle_after: Duration) -> Option<(bool, Timestamp, u64)> {
    let is_old = now.since(hold.granted) > recycle_after;
    match hold.state {
        HoldState::Released => Some((false, hold.granted, hold.event)),
        HoldState::Offered if hold.mac.is_none() && is_old => Some((true, hold.granted, hold.event)),
        _ => None,
    }
}
