//! The rules of holds: what may become of one address, as pure functions. No clock, no lock, no file, no database.
//!
//! A place that keeps holds reads what is there, asks a rule, and writes what the rule says, as one atomic step. A hold
//! that has ended counts as absent; callers leave it out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::Mac;

use super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, RequestMark, Scope};
use super::trace::{Due, Removed, Trace};
use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// How long a hold lives at least after the time at which it is to be dealt with.
const KEPT_WHEN_DUE: Duration = Duration::from_secs(60);

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
        /// The request that it is a call of.
        request: Option<RequestId>,
    },
    /// The same for an address that a request has deleted and that is to be reserved again, unless it is promised to
    /// another host or being added.
    BeginRestore {
        /// The request that deleted it.
        request: RequestId,
        /// The host that had it.
        mac: Option<Mac>,
        /// As above.
        at_least: Duration,
    },
    /// A reservation is sent to the IPAM of an address that was promised to the call of this mark, unless it has changed
    /// hands since.
    BeginAllocation {
        /// Of the call's own promises.
        mark: RequestMark,
        /// As above.
        at_least: Duration,
    },
    /// The call of this mark does without the address that was promised to it.
    Withdraw {
        /// As above.
        mark: RequestMark,
    },
    /// The reservation that began with the event `ticket` is in the IPAM.
    FinishAdd {
        /// The event of its [`BeginAdd`](Step::BeginAdd).
        ticket: u64,
        /// How long a batch of candidates or a request from before may still be alive.
        settled: Duration,
        /// It was a [`BeginRestore`](Step::BeginRestore): nothing is left to do.
        is_restored: bool,
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
        /// The request that it is a call of.
        request: Option<RequestId>,
    },
    /// A call of the request was refused: what it has done to the address before is dealt with after `wait`.
    Refuse {
        /// The request.
        request: RequestId,
        /// How long a further call of the request is waited for.
        wait: Duration,
    },
    /// One proxy begins to deal with the address; others do not until `wait` is over.
    Attempt {
        /// The request.
        request: RequestId,
        /// How many attempts had begun.
        attempts: u8,
        /// When the next one may begin.
        wait: Duration,
    },
    /// What the request has done to the address is dealt with.
    Forget {
        /// The request.
        request: RequestId,
    },
    /// Ends the promise, unless a reservation is on its way: until that has landed, the address is offered to no other
    /// host.
    End,
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
        match self.becomes(scope, there, at) {
            Becomes::Held(hold) => {
                // What is to be dealt with is still there then.
                let until = hold.due().map_or(hold.until, |due| hold.until.max(due.at + KEPT_WHEN_DUE));
                Becomes::Held(Hold { until, ..hold })
            }
            becomes => becomes,
        }
    }

    fn becomes(&self, scope: &Arc<Scope>, there: Option<&Hold>, at: Moment) -> Becomes {
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
                        let until = renewed.until.max(quarantined);
                        Becomes::Held(Hold { until, trace: hold.trace.clone(), ..renewed })
                    } else {
                        Becomes::Unchanged
                    }
                }
                _ => Becomes::Unchanged,
            },
            Self::Reuse(offer, grant) => match there {
                // A refusal is no event.
                Some(hold) if is_offer(hold) && hold.event == offer.event && hold.due().is_none() => {
                    Becomes::Held(Hold { trace: hold.trace.clone(), ..granted(scope, grant, at) })
                }
                _ => Becomes::Unchanged,
            },
            Self::BeginAdd { at_least, request } => {
                let hold = there.cloned().unwrap_or_else(|| unknown(scope, at));
                let until = hold.until.max(at.now + *at_least);
                // A released address is added for any host, not only for the one that had it.
                let mac = hold.mac.filter(|_| hold.state != HoldState::Released);
                let trace = trace_of_add(hold.trace.as_ref(), request.as_ref());
                Becomes::Held(adding(Hold { mac, until, trace, ..hold }, at))
            }
            Self::BeginRestore { request, mac, at_least } => match there {
                Some(hold) if has_deleted(hold, request) && can_be_restored(hold, *mac) => {
                    let until = hold.until.max(at.now + *at_least);
                    Becomes::Held(adding(Hold { mac: *mac, until, ..hold.clone() }, at))
                }
                _ => Becomes::Unchanged,
            },
            Self::BeginAllocation { mark, at_least } => match promised_to(there, *mark) {
                Some(hold) => {
                    let until = hold.until.max(at.now + *at_least);
                    Becomes::Held(adding(Hold { until, ..hold.clone() }, at))
                }
                None => Becomes::Unchanged,
            },
            Self::Withdraw { mark } => match promised_to(there, *mark) {
                // What a request has deleted may have to be given back to its host.
                Some(hold) if hold.trace.is_none() => Becomes::Ended,
                _ => Becomes::Unchanged,
            },
            Self::FinishAdd { ticket, settled, is_restored } => match of_ticket(there, *ticket) {
                Some(hold) => {
                    let trace = hold.trace.clone().filter(|_| !is_restored);
                    // With an event of its own: a delete that began during the add may have been answered before it.
                    Becomes::Held(Hold { event: at.event, trace, ..reserved(hold, at.now + *settled) })
                }
                None => Becomes::Unchanged,
            },
            Self::UndoAdd { ticket, before } => match (of_ticket(there, *ticket), before) {
                (None, _) => Becomes::Unchanged,
                // A refusal may have come meanwhile: then what it is about lives on.
                (Some(hold), Some(before)) if before.is_live(at.now) || hold.due().is_some() => {
                    let newer = hold.trace.clone().filter(|trace| trace.is_deletion());
                    Becomes::Held(Hold { trace: newer.or_else(|| before.trace.clone()), ..before.clone() })
                }
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
                // It is not this add that has reserved it.
                let trace = hold.trace.clone().filter(|trace| trace.is_deletion());
                Becomes::Held(Hold { event: at.event, trace, ..reserved(&hold, at.now + *settled) })
            }
            Self::MarkReservedIfOffered { settled } => match there {
                Some(hold) if is_offer(hold) => {
                    Becomes::Held(Hold { event: at.event, ..reserved(hold, at.now + *settled) })
                }
                _ => Becomes::Unchanged,
            },
            Self::Delete { seen, removed, quarantine, request } => {
                let is_same = there.map(|hold| hold.event) == *seen;
                let is_being_added = there.is_some_and(|hold| hold.state == HoldState::Adding);
                match is_same && !is_being_added {
                    true => deleted(scope, there, removed.as_ref(), *quarantine, request.as_ref(), at),
                    false => Becomes::Unchanged,
                }
            }
            Self::Refuse { request, wait } => match there {
                Some(hold) if is_rolled_back(hold, request) => with_due(hold, Due { at: at.now + *wait, attempts: 0 }),
                _ => Becomes::Unchanged,
            },
            Self::Attempt { request, attempts, wait } => match there {
                Some(hold) if hold.trace_of(request).and(hold.due()).is_some_and(|due| due.attempts == *attempts) => {
                    with_due(hold, Due { at: at.now + *wait, attempts: attempts.saturating_add(1) })
                }
                _ => Becomes::Unchanged,
            },
            Self::Forget { request } => match there {
                Some(hold) if hold.trace_of(request).is_some() => Becomes::Held(Hold { trace: None, ..hold.clone() }),
                _ => Becomes::Unchanged,
            },
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
    removed: Option<&Removed>,
    quarantine: Duration,
    request: Option<&RequestId>,
    at: Moment,
) -> Becomes {
    let was_recorded = removed.is_some() || there.is_some_and(|hold| hold.state == HoldState::Reserved);
    match there {
        Some(hold) if !was_recorded => deleted_again(hold, request),
        None if !was_recorded => Becomes::Unchanged,
        None if quarantine.is_zero() => Becomes::Unchanged,
        Some(_) if quarantine.is_zero() => Becomes::Ended,
        there => Becomes::Held(Hold {
            mac: removed.and_then(|record| record.mac).or(there.and_then(|hold| hold.mac)),
            state: HoldState::Released,
            until: at.now + quarantine,
            trace: trace_of_delete(there, removed, request),
            ..unknown(scope, at)
        }),
    }
}

/// A delete of what an earlier request has deleted: the host is rid of the address, or gets it back when this request is
/// refused.
fn deleted_again(hold: &Hold, request: Option<&RequestId>) -> Becomes {
    match hold.trace.as_deref() {
        Some(Trace { request: earlier, deleted: Some(record), due })
            if hold.state == HoldState::Released && (due.is_some() || Some(earlier) != request) =>
        {
            let trace = request.map(|request| Arc::new(Trace::deleted(request.clone(), record.clone())));
            Becomes::Held(Hold { trace, ..hold.clone() })
        }
        _ => Becomes::Unchanged,
    }
}

/// What is left to know of a delete: nothing where a request removes what it has added itself, because Foreman rolls back.
fn trace_of_delete(there: Option<&Hold>, removed: Option<&Removed>, request: Option<&RequestId>) -> Option<Arc<Trace>> {
    let (record, request) = (removed?, request?);
    let was_added = there.and_then(|hold| hold.trace_of(request)).is_some_and(|trace| !trace.is_deletion());
    (!was_added).then(|| Arc::new(Trace::deleted(request.clone(), record.clone())))
}

/// What is left to know of an add: nothing where a request adds what it has deleted itself, because Foreman rolls back. What
/// another request has deleted may have to be given back to its host.
fn trace_of_add(there: Option<&Arc<Trace>>, request: Option<&RequestId>) -> Option<Arc<Trace>> {
    match there.filter(|trace| trace.is_deletion()) {
        Some(deletion) => Some(deletion.clone()).filter(|deletion| Some(&deletion.request) != request),
        None => request.map(|request| Arc::new(Trace::added(request.clone()))),
    }
}

fn has_deleted(hold: &Hold, request: &RequestId) -> bool {
    hold.trace_of(request).is_some_and(Trace::is_deletion)
}

/// Has the request done something to the address that Foreman's roll-back leaves behind, and that is not dealt with yet?
fn is_rolled_back(hold: &Hold, request: &RequestId) -> bool {
    let is_reserved = matches!(hold.state, HoldState::Adding | HoldState::Reserved);
    let has_added = is_reserved && hold.trace_of(request).is_some();
    (has_added || has_deleted(hold, request)) && hold.due().is_none_or(|due| due.attempts == 0)
}

fn with_due(hold: &Hold, due: Due) -> Becomes {
    let trace = hold.trace.as_deref().map(|trace| Arc::new(Trace { due: Some(due), ..trace.clone() }));
    Becomes::Held(Hold { trace, ..hold.clone() })
}

/// Can the address be offered: again to its MAC, or to another host when nothing else is free?
fn is_offer(hold: &Hold) -> bool {
    matches!(hold.state, HoldState::Offered | HoldState::Released)
}

/// The hold, if it is a promise to the call of this mark.
fn promised_to(there: Option<&Hold>, mark: RequestMark) -> Option<&Hold> {
    there.filter(|hold| hold.state == HoldState::Offered && hold.request == Some(mark))
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

fn adding(hold: Hold, at: Moment) -> Hold {
    Hold { state: HoldState::Adding, granted: at.now, event: at.event, ..hold }
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
        trace: None,
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
        trace: None,
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
/// never. What was released is free in the IPAM, and is kept only while it is to be reserved again for its host; after that
/// come offers without a MAC that are old enough.
pub(super) fn spare(hold: &Hold, now: Timestamp, recycle_after: Duration) -> Option<(bool, Timestamp, u64)> {
    let is_old = now.since(hold.granted) > recycle_after;
    match hold.state {
        _ if hold.due().is_some() => None,
        HoldState::Released => Some((false, hold.granted, hold.event)),
        HoldState::Offered if hold.mac.is_none() && is_old => Some((true, hold.granted, hold.event)),
        _ => None,
    }
}
