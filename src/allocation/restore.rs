//! What Foreman's refused edit has deleted is reserved again.
//!
//! When somebody changes the address of an interface, Foreman sends DELETE for the old one, then GET and POST for the new
//! one, all with one `X-Request-Id`. When the new one is refused, Foreman rolls back: the interface keeps the old address in
//! Foreman, and the IPAM would give it to the next host. So the hold of a deleted address has a trace of the request with
//! what was recorded. A refusal makes all of these due, and some seconds later each address is reserved again as it was
//! recorded. A delete or an add of the address by Foreman in the meantime has the same effect as at any other time.
//!
//! The hold is in the place that keeps holds, so any proxy over it can have got the delete, the refusal or the time to do it,
//! and a process that was killed has forgotten nothing.
//!
//! An address may be reserved that should not be, when the request was not rolled back after all: an address that is
//! reserved for no host is found later, one that two hosts have hurts at once. It goes the way of an addition, and never
//! takes an address that another host has got or is being offered meanwhile. What the request has added before the refusal
//! stays in the IPAM, because Foreman's roll-back does not delete it, and is named in the log. Of what Foreman rolls back for
//! a reason of its own, nothing can be known here.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Prefix, Provider, Requester};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Failure;
use super::allocator::Allocator;
use super::events::{EventKind, Subject};
use super::holds::{Due, Held, Hold, HoldState, PlaceError, Removed, Scope, Step};
use super::lookup::{Found, GroupChoice};
use super::lost;
use crate::caller::Door;
use crate::telemetry::request_id::{self, RequestId};

/// How long after a refusal the request is over. Foreman's calls of one host follow each other at once.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// When to try again, after a failure that may pass: the IPAM that refused the new address may be out of order. The last one
/// is also how long another proxy leaves the last attempt alone.
const AGAIN: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(300)];

/// How long the caller of a refused call waits for that to be noted. A database may be away.
const NOTED_WITHIN: Duration = Duration::from_secs(1);

/// What an attempt to reserve an address again came to.
#[derive(Debug)]
enum Outcome {
    /// It is reserved again.
    Restored,
    /// The same host has it already.
    IsThere,
    /// Foreman has dealt with the address in the meantime.
    DealtWith,
    /// It cannot be, and trying again would not help.
    GivenUp(String),
    /// It failed, and may succeed later.
    Failed(String),
}

/// A deleted address that is due to be reserved again.
struct Deletion<'a> {
    scope: &'a Arc<Scope>,
    address: IpAddr,
    request: &'a RequestId,
    record: &'a Removed,
}

/// One call of a request. Dropped without having been [`accepted`](Self::accepted), it counts as refused: it failed, or its
/// caller did not wait.
#[derive(Debug)]
#[must_use = "a call that is dropped counts as refused"]
pub(super) struct Call {
    allocator: Arc<Allocator>,
    /// `None` outside of requests, and when it is known how the call ended.
    request: Option<RequestId>,
}

impl Call {
    /// The caller has the answer that it wants.
    pub(super) fn accepted(mut self) {
        self.request = None;
    }

    /// It has not. What the request has done before is due when this returns, or a little later.
    pub(super) async fn refused(mut self) {
        if let Some(noting) = self.note() {
            let _ = timeout(NOTED_WITHIN, noting).await;
        }
    }

    /// In a task of its own, because a caller may go away at any time.
    fn note(&mut self) -> Option<JoinHandle<()>> {
        let (request, runtime) = (self.request.take()?, Handle::try_current().ok()?);
        let allocator = self.allocator.clone();
        Some(runtime.spawn(request_id::inherit(async move { allocator.refuse(&request).await })))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.note();
    }
}

/// The request that is being answered, if it is one of Foreman's. A caller at another door may send one id with calls that
/// have nothing to do with each other, and rolls back by deletes of its own.
pub(super) fn of_foreman() -> Option<RequestId> {
    let is_foreman = request_id::caller().is_none_or(|caller| caller.door == Door::Foreman);
    request_id::current().filter(|_| is_foreman)
}

impl Allocator {
    /// Notes that a call begins which may be refused.
    pub(super) fn begin_call(self: &Arc<Self>) -> Call {
        Call { allocator: self.clone(), request: of_foreman() }
    }

    /// Makes due what the request has done.
    async fn refuse(&self, request: &RequestId) {
        let refused = async {
            for (address, hold) in self.traced(request).await? {
                let step = Step::Refuse { request: request.clone(), wait: SILENCE };
                self.place().step(&hold.scope, address, step).await?;
            }
            Ok::<(), PlaceError>(())
        };
        if let Err(error) = refused.await {
            let request = lost::request(Some(request));
            log::warn!("What {request} deleted before it was refused may not be reserved again: {error}");
        }
    }

    /// The holds of these IPAMs that a request has left a trace on.
    async fn traced(&self, request: &RequestId) -> Result<Vec<Held>, PlaceError> {
        let mut held = self.place().traced(request).await?;
        held.retain(|(_, hold)| self.has(&hold.scope));
        Ok(held)
    }

    /// `false` when another proxy, or Foreman, was faster.
    async fn forget(&self, scope: &Arc<Scope>, address: IpAddr, request: &RequestId) -> Result<bool, PlaceError> {
        let forgotten = self.place().step(scope, address, Step::Forget { request: request.clone() }).await?;
        Ok(forgotten.is_done())
    }

    /// A delete of the request that is being answered has failed: Foreman keeps the host with all of its addresses.
    pub(super) fn name_deleted_before(self: &Arc<Self>, prefix: Prefix, group: GroupChoice, address: IpAddr) {
        let Some(request) = of_foreman() else { return };
        let this = self.clone();
        tokio::spawn(request_id::inherit(async move {
            let subject = this.subject(prefix, &group, address);
            this.name_deleted(subject, &request).await;
        }));
    }

    async fn name_deleted(&self, subject: Subject<'_>, request: &RequestId) {
        let mut deleted = Vec::new();
        for (before, hold) in self.traced(request).await.unwrap_or_default() {
            let is_meant = hold.due().is_none() && hold.trace.as_ref().is_some_and(|trace| trace.is_deletion());
            if is_meant && self.forget(&hold.scope, before, request).await.unwrap_or(false) {
                deleted.push(format!("{before} in {}", hold.scope));
            }
        }
        if !deleted.is_empty() {
            let others = deleted.join(", ");
            self.events.emit(subject, EventKind::DeleteFailedAfterOthers { others: &others });
        }
    }

    /// Deals with what a refused request has done to an address. Of several proxies one does.
    pub(super) async fn deal_with(self: &Arc<Self>, address: IpAddr, hold: &Hold, due: Due) -> Result<(), PlaceError> {
        let Some(trace) = hold.trace.as_deref() else { return Ok(()) };
        let (scope, request) = (&hold.scope, &trace.request);
        let of_request = lost::request(Some(request));
        let emit = |kind: EventKind<'_>| self.events.emit_for(Some(request), Subject::of(scope, address), kind);
        let Some(record) = &trace.deleted else {
            if hold.state == HoldState::Reserved && self.forget(scope, address, request).await? {
                emit(EventKind::LeftOver { request: &of_request });
            }
            return Ok(());
        };
        let next = AGAIN.get(usize::from(due.attempts));
        let wait = *next.unwrap_or(&AGAIN[AGAIN.len() - 1]);
        let attempt = Step::Attempt { request: request.clone(), attempts: due.attempts, wait };
        if !self.place().step(scope, address, attempt).await?.is_done() {
            return Ok(());
        }
        let deletion = Deletion { scope, address, request, record };
        match self.restore(&deletion).await {
            Outcome::Restored => emit(EventKind::Restored { request: &of_request, record }),
            Outcome::DealtWith => emit(EventKind::RestoreNotWanted),
            Outcome::IsThere => {
                self.forget(scope, address, request).await?;
                emit(EventKind::RestoreNotNeeded);
            }
            Outcome::Failed(why) if next.is_some() => {
                emit(EventKind::RestorePutOff { why: &why });
            }
            Outcome::GivenUp(why) | Outcome::Failed(why) => {
                if self.forget(scope, address, request).await? {
                    emit(EventKind::RestoreGivenUp { request: &of_request, record, why: &why });
                }
            }
        }
        Ok(())
    }

    /// One attempt.
    async fn restore(self: &Arc<Self>, deletion: &Deletion<'_>) -> Outcome {
        let deadline = Instant::now() + self.rules.request_budget;
        let attempt = async {
            let group = GroupChoice::of(deletion.scope.group.clone());
            let look_up = self.lookup.subnet(self.provider(), deletion.scope.prefix, &group);
            let subnet = self.in_time(look_up).await?;
            match self.reserve_again(&subnet, deletion, deadline).await {
                Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                    let subnet = self.in_time(self.look_up_again(&subnet, &group)).await?;
                    self.reserve_again(&subnet, deletion, deadline).await
                }
                outcome => outcome,
            }
        };
        // The write is not cut off: when its answer is lost, the look that follows needs its time.
        attempt.await.unwrap_or_else(|failure| match &failure {
            Failure::Provider(error) if error.kind() == ErrorKind::Rejected => Outcome::GivenUp(failure.to_string()),
            _ => Outcome::Failed(failure.to_string()),
        })
    }

    async fn reserve_again(
        self: &Arc<Self>,
        subnet: &Arc<Found>,
        deletion: &Deletion<'_>,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let Deletion { scope, address, request, record } = *deletion;
        if subnet.scope.space != scope.space {
            return Ok(Outcome::GivenUp("its subnet is in another address space now".to_owned()));
        }
        let turn = self.turn_to_write(subnet, deadline).await?;
        let begin = Step::BeginRestore { request: request.clone(), mac: record.mac, at_least: self.settled() };
        let begun = self.place().step(&subnet.scope, address, begin).await?;
        if !begun.is_done() {
            return Ok(match begun.before {
                Some(hold) if hold.trace_of(request).is_none() => Outcome::DealtWith,
                None => Outcome::DealtWith,
                Some(hold) if hold.state == HoldState::Adding => {
                    Outcome::Failed("it is being added by another call".to_owned())
                }
                Some(_) => Outcome::GivenUp("it is offered to another host".to_owned()),
            });
        }
        let by = Requester {
            mac: record.mac,
            hostname: record.hostname.clone(),
            description: record.description.clone(),
            remark: None,
        };
        match self.send(turn, subnet, address, by, begun, deadline).await {
            Ok(added) => {
                added.restored().await;
                Ok(Outcome::Restored)
            }
            Err(Failure::AlreadyReserved { .. }) => self.judge_record(subnet, address, record).await,
            Err(failure) => Err(failure),
        }
    }

    /// The address has a record meanwhile: that of its host, or another one?
    async fn judge_record(&self, subnet: &Found, address: IpAddr, was: &Removed) -> Result<Outcome, Failure> {
        let found = self.in_time(async { Ok(subnet.provider().reservation(subnet, address).await?) }).await?;
        Ok(match found {
            None => Outcome::Failed("the IPAM contradicts itself about it".to_owned()),
            Some(record) if record.mac.is_some() && record.mac == was.mac => Outcome::IsThere,
            Some(_) => Outcome::GivenUp("the IPAM has a record of it that is not known to be its host's".to_owned()),
        })
    }
}
