//! What happens to addresses, as events: the log, the ledger, and whatever else is to know, subscribe to them.
//!
//! Of each write there is one event that says how it ended ([`Added`](EventKind::Added), [`AddFailed`](EventKind::AddFailed),
//! [`Deleted`](EventKind::Deleted), [`OrphanReleased`](EventKind::OrphanReleased), [`DeleteFailed`](EventKind::DeleteFailed), [`Restored`](EventKind::Restored),
//! [`RestoreGivenUp`](EventKind::RestoreGivenUp), [`Annotated`](EventKind::Annotated) unless nothing was to be changed,
//! [`AnnotateFailed`](EventKind::AnnotateFailed)). All others say what was found out about an address on the way there, or
//! afterwards.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Annotation, Error, GroupName, Prefix, Requester};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Failure;
use super::holds::{PlaceError, Removed, Scope};
use super::lost::{Finding, Lost, Unsettled};
use crate::caller::Caller;
use crate::telemetry::request_id::{self, RequestId};

/// Something that happened to an address.
#[derive(Debug)]
#[allow(dead_code, reason = "what the log leaves out is for the ledger")]
pub(crate) struct Event<'a> {
    /// When.
    pub(crate) at: jiff::Timestamp,
    /// The request in which it happened, or whose consequence it is; `None` when that is not known.
    pub(crate) request: Option<RequestId>,
    /// The caller in whose call it happened, and its door; `None` for what the proxy found out by itself.
    pub(crate) caller: Option<Caller>,
    /// The address.
    pub(crate) subject: Subject<'a>,
    /// What happened.
    pub(crate) kind: EventKind<'a>,
}

/// The address that an event is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The provider's name.
    pub(crate) provider: &'a str,
    /// The subnet's group.
    pub(crate) group: Option<&'a GroupName>,
    /// The subnet.
    pub(crate) prefix: Prefix,
    /// The address.
    pub(crate) address: IpAddr,
}

impl<'a> Subject<'a> {
    /// An address in a subnet that was found.
    pub(super) fn of(scope: &'a Scope, address: IpAddr) -> Self {
        let Scope { space, group, prefix } = scope;
        Self { provider: &space.provider, group: group.as_ref(), prefix: *prefix, address }
    }
}

/// What happened to an address.
#[derive(Debug)]
#[allow(dead_code, reason = "what the log leaves out is for the ledger")]
pub(crate) enum EventKind<'a> {
    /// It is reserved for this host, as a caller wanted.
    Added {
        /// The host.
        by: &'a Requester,
    },
    /// A caller wanted it reserved for this host and is told of the failure.
    AddFailed {
        /// The host, as the caller named it.
        by: &'a Requester,
        /// Why it is not, or not known to be.
        failure: &'a Failure,
    },
    /// An addition took effect although its answer was lost.
    AddConfirmed {
        /// How the answer was lost.
        error: &'a Error,
    },
    /// The answer to an addition was lost, and a look did not show its effect.
    AddUnknown {
        /// The addition.
        lost: &'a Lost,
        /// How the answer was lost.
        error: &'a Error,
        /// What the look showed.
        look: &'a Unsettled,
    },
    /// The answer to an addition was lost, and the address is reserved, not provably by it.
    ReservedBySomebody {
        /// The addition.
        lost: &'a Lost,
        /// How the answer was lost.
        error: &'a Error,
    },
    /// The proxy that began an addition has not gone on.
    AddLeft {
        /// The addition.
        lost: &'a Lost,
    },
    /// An addition whose outcome is unknown is not looked for again.
    NotWatched {
        /// How many others are.
        others: usize,
    },
    /// What a later look showed of an addition whose outcome was unknown.
    LostAddFound {
        /// The addition.
        lost: &'a Lost,
        /// What was found.
        finding: &'a Finding,
    },
    /// It is reserved, and its caller did not get the answer.
    AddUnanswered {
        /// The host.
        by: &'a Requester,
        /// The request, for people.
        request: &'a str,
    },
    /// It is reserved, and its hold does not say so.
    AddUnfinished {
        /// Why.
        error: &'a PlaceError,
    },
    /// It is not reserved any more, as a caller wanted.
    Deleted {
        /// What was recorded; `None` when there was no record.
        record: Option<&'a Removed>,
    },
    /// It is not reserved any more, because no host has it.
    OrphanReleased {
        /// What was recorded.
        record: &'a Removed,
        /// On what ground.
        why: &'static str,
    },
    /// A caller wanted it deleted and is told of the failure.
    DeleteFailed {
        /// Why.
        failure: &'a Failure,
    },
    /// Its record has this host name and MAC now.
    Annotated {
        /// What was to be recorded.
        note: &'a Annotation,
    },
    /// Its record was to have this host name and MAC, and the caller is told of the failure.
    AnnotateFailed {
        /// What was to be recorded.
        note: &'a Annotation,
        /// Why it is not, or not known to be.
        failure: &'a Failure,
    },
    /// The IPAM had no record to delete.
    NothingToDelete,
    /// A deletion took effect although its answer was lost.
    DeleteConfirmed {
        /// How the answer was lost.
        error: &'a Error,
    },
    /// The subnet cannot be found, and the IPAM has no record by this proxy: it counts as deleted.
    CountsAsDeleted {
        /// Why the subnet cannot be found.
        gone: &'a Failure,
    },
    /// The answer to a deletion was lost, and it may yet take effect.
    DeleteUnknown {
        /// The request, for people.
        request: &'a str,
        /// Why that cannot be noted in the holds, if it cannot.
        unnoted: Option<&'a Failure>,
    },
    /// It is deleted, and its hold does not say so.
    DeleteUnnoted {
        /// Why.
        failure: &'a Failure,
    },
    /// It counts as deleted, and its hold is not ended.
    HoldKept {
        /// Why.
        failure: &'a Failure,
    },
    /// Its hold does not say what was found out about it.
    NotNoted {
        /// Why.
        failure: &'a Failure,
    },
    /// A delete failed after others of the same request.
    DeleteFailedAfterOthers {
        /// The addresses that were deleted before, for people.
        others: &'a str,
    },
    /// It was held, and somebody has reserved it in the IPAM.
    TakenWhileHeld,
    /// It is reserved, and the offer of it cannot be taken back.
    OfferStays {
        /// Why.
        error: &'a PlaceError,
    },
    /// The provider calls it free, and it cannot be given out.
    UnsoundCandidate,
    /// It is reserved again as it was, because the request that deleted it was refused later.
    Restored {
        /// The request, for people.
        request: &'a str,
        /// What is recorded again.
        record: &'a Removed,
    },
    /// It is not reserved again, because Foreman has dealt with it.
    RestoreNotWanted,
    /// It need not be reserved again: its host has it.
    RestoreNotNeeded,
    /// It is not reserved again yet.
    RestorePutOff {
        /// Why.
        why: &'a str,
    },
    /// It will not be reserved again.
    RestoreGivenUp {
        /// The request that deleted it, for people.
        request: &'a str,
        /// What was recorded.
        record: &'a Removed,
        /// Why.
        why: &'a str,
    },
    /// It was added by a request that was refused later.
    LeftOver {
        /// The request, for people.
        request: &'a str,
    },
}

/// How long the caller of a write waits for subscribers at most.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// What is called with every event. It must not block; what it has yet to do before the caller of a write has its answer is
/// done when it sends, or drops, the other end of what it returns.
pub(crate) type Subscriber = Arc<dyn Fn(&Event<'_>) -> Option<Pending> + Send + Sync>;

/// Something that a subscriber has yet to do.
pub(crate) type Pending = oneshot::Receiver<()>;

/// What subscribers have yet to do about an event.
#[derive(Debug)]
pub(super) struct Noted(Vec<Pending>);

impl Noted {
    /// Waits until it is done, and not for long: no subscriber may keep a caller from its answer.
    pub(super) async fn seen(self) {
        for pending in self.0 {
            if timeout(SEEN_WITHIN, pending).await.is_err() {
                log::warn!("A write is answered before its record is in the ledger, which takes too long");
            }
        }
    }
}

/// Where events go.
#[derive(Clone, Default)]
pub(crate) struct Events(Vec<Subscriber>);

impl Events {
    /// To all of these, in their order.
    pub(crate) fn to(subscribers: impl IntoIterator<Item = Subscriber>) -> Self {
        Self(subscribers.into_iter().collect())
    }

    /// Something happened in the call that is being answered, or outside of calls.
    pub(super) fn emit(&self, subject: Subject<'_>, kind: EventKind<'_>) {
        self.emit_for(None, subject, kind);
    }

    /// Something happened that is a consequence of this request, unless it happened in the call that is being answered.
    pub(super) fn emit_for(&self, request: Option<&RequestId>, subject: Subject<'_>, kind: EventKind<'_>) {
        // Dropped: whatever subscribers have yet to do, they do.
        drop(self.note_for(request, subject, kind));
    }

    /// As [`emit`](Self::emit), for a caller that waits until the event is seen.
    pub(super) fn note(&self, subject: Subject<'_>, kind: EventKind<'_>) -> Noted {
        self.note_for(None, subject, kind)
    }

    fn note_for(&self, request: Option<&RequestId>, subject: Subject<'_>, kind: EventKind<'_>) -> Noted {
        let request = request_id::current().or_else(|| request.cloned());
        let event = Event { at: jiff::Timestamp::now(), request, caller: request_id::caller(), subject, kind };
        Noted(self.0.iter().filter_map(|subscriber| subscriber(&event)).collect())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("subscribers", &self.0.len()).finish()
    }
}
