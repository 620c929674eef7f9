//! What Foreman's refused edit has deleted is reserved again.
//!
//! When somebody changes the address of an interface, Foreman sends DELETE for the old one, then GET and POST for the new
//! one, all with one `X-Request-Id`. When the new one is refused, Foreman rolls back: the interface keeps the old address in
//! Foreman, and the IPAM would give it to the next host. So the proxy remembers for some minutes what a request has deleted
//! (`requests`). A refusal makes all of that due, and when no further call of the request has come for some seconds, each
//! address is reserved again as it was recorded.
//!
//! That may be one too many, when the request was not rolled back after all: an address that is reserved for no host is found
//! later, one that two hosts have hurts at once. It goes the way of an addition, and never takes an address that another
//! host has got or is being offered meanwhile. What the request has added before the refusal stays in the IPAM, because
//! Foreman's roll-back does not delete it, and is named in the log. Of what Foreman rolls back for a reason of its own, nothing
//! can be known here.

pub(super) mod requests;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Provider, Requester, Reservation};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::allocator::Allocator;
use super::holds::{HoldState, Scope, Step};
use super::lookup::{Found, GroupChoice};
use super::watch;
use crate::telemetry::request_id::{self, RequestId};

pub use requests::Restores;
use requests::{Deletion, Request};

/// When no call of a request has come for so long, it is over. Foreman's calls of one host follow each other at once.
const SILENCE: Duration = Duration::from_secs(5);

/// When to try again, after a failure that may pass: the IPAM that refused the new address may be out of order.
const AGAIN: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(300)];

/// What an attempt to reserve an address again came to.
#[derive(Debug)]
enum Outcome {
    /// It is reserved again.
    Restored,
    /// The same host has it already.
    IsThere,
    /// It cannot be, and trying again would not help.
    GivenUp(String),
    /// It failed, and may succeed later.
    Failed(String),
}

/// One call of a request that has deleted or added something. Dropped without having been [`accepted`](Self::accepted), it counts as
/// refused: it failed, or its caller did not wait.
#[derive(Debug)]
#[must_use = "a call that is dropped counts as refused"]
pub(super) struct Call(Option<Known>);

#[derive(Debug)]
struct Known {
    allocator: Arc<Allocator>,
    id: RequestId,
    request: Arc<Request>,
    is_accepted: bool,
}

impl Call {
    /// The caller has the answer that it wants.
    pub(super) fn accepted(mut self) {
        if let Some(known) = &mut self.0 {
            known.is_accepted = true;
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(Known { allocator, id, request, is_accepted }) = self.0.take() else { return };
        let is_first = request.end_call(&allocator.restores, &id, !is_accepted);
        if is_first {
            allocator.restore_when_silent(id, request);
        }
    }
}

impl Allocator {
    /// Notes that a call begins which may be refused.
    pub(super) fn begin_call(self: &Arc<Self>) -> Call {
        let known = || {
            let id = request_id::current()?;
            let request = self.restores.begin_call(&id)?;
            Some(Known { allocator: self.clone(), id, request, is_accepted: false })
        };
        Call(known())
    }

    /// Reserves again what the request has deleted, once it is over, in the background.
    fn restore_when_silent(self: Arc<Self>, id: RequestId, request: Arc<Request>) {
        let (restores, runtime) = (self.restores.clone(), self.restores.runtime());
        let Some(permit) = restores.permit() else {
            for deletion in request.take_due(&restores, &id) {
                give_up(&restores, &deletion, &id, "too many others are waiting for that");
            }
            return;
        };
        let work = async move {
            self.restore_all(&id, &request).await;
            drop(permit);
        };
        // Without a runtime the process ends; what is due is named then.
        if let Some(runtime) = runtime {
            runtime.spawn(request_id::inherit(work));
        }
    }

    async fn restore_all(self: &Arc<Self>, id: &RequestId, request: &Request) {
        let mut stopping = self.restores.stopping();
        while let Some(left) = request.until(SILENCE)
            && !is_stopped_within(left, &mut stopping).await
        {}
        for (scope, address) in request.take_added() {
            log::warn!("{}", left_over(address, &scope, id));
        }
        let mut due = request.take_due(&self.restores, id);
        let mut pauses = AGAIN.into_iter();
        loop {
            let pause = pauses.next().filter(|_| !*stopping.borrow());
            let mut failed = Vec::new();
            for deletion in due {
                // Another call may have dealt with the address.
                if !self.restores.is_due(&deletion) {
                    continue;
                }
                let outcome = self.restore(&deletion).await;
                match outcome {
                    Outcome::Failed(why) if pause.is_some() => {
                        log::info!("{} in {} is not reserved again yet: {why}", deletion.address, deletion.scope);
                        failed.push(deletion);
                    }
                    Outcome::Restored => self.restores.done(&deletion, || {
                        log::warn!("{}", restored(&deletion, id));
                    }),
                    Outcome::IsThere => self.restores.done(&deletion, || {
                        log::info!("{} in {} is reserved again already", deletion.address, deletion.scope);
                    }),
                    Outcome::GivenUp(why) | Outcome::Failed(why) => give_up(&self.restores, &deletion, id, &why),
                }
            }
            let Some(pause) = pause.filter(|_| !failed.is_empty()) else { return };
            due = failed;
            is_stopped_within(pause, &mut stopping).await;
        }
    }

    /// Reserves an address again as it was recorded.
    async fn restore(self: &Arc<Self>, deletion: &Deletion) -> Outcome {
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
        deletion: &Deletion,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let Deletion { scope, address, record } = deletion;
        if subnet.scope.space != scope.space {
            return Ok(Outcome::GivenUp("its subnet is in another address space now".to_owned()));
        }
        let turn = self.turn_to_write(deadline).await?;
        let begin = Step::BeginRestore { mac: record.mac, at_least: self.settled() };
        let begun = self.place().step(&subnet.scope, *address, begin).await?;
        if !begun.is_done() {
            let is_being_added = begun.before.is_some_and(|hold| hold.state == HoldState::Adding);
            return Ok(match is_being_added {
                true => Outcome::Failed("it is being added by another call".to_owned()),
                false => Outcome::GivenUp("it is offered to another host".to_owned()),
            });
        }
        match self.send(turn, subnet, *address, Requester::from(record.clone()), begun, deadline).await {
            Ok(added) => {
                added.answered().await;
                Ok(Outcome::Restored)
            }
            Err(Failure::AlreadyReserved { .. }) => self.judge_record(subnet, *address, record).await,
            Err(failure) => Err(failure),
        }
    }

    /// The address has a record meanwhile: that of its host, or another one?
    async fn judge_record(&self, subnet: &Found, address: IpAddr, was: &Reservation) -> Result<Outcome, Failure> {
        let found = self.in_time(async { Ok(self.provider.reservation(subnet, address).await?) }).await?;
        Ok(match found {
            None => Outcome::Failed("the IPAM contradicts itself about it".to_owned()),
            Some(record) if record.mac.is_some() && record.mac == was.mac => Outcome::IsThere,
            Some(_) => Outcome::GivenUp("the IPAM has a record of it that is not known to be its host's".to_owned()),
        })
    }
}

impl Restores {
    /// Waits until what is due has been reserved again, at most until the deadline; names what has not.
    pub async fn stopped(&self, deadline: Instant) {
        self.stop();
        for (id, deletion) in self.left_at(deadline).await {
            give_up(self, &deletion, &id, "the proxy ended before it could");
        }
    }
}

/// Waits; not longer than until the process is to end, of which it tells.
async fn is_stopped_within(time: Duration, stopping: &mut Receiver<bool>) -> bool {
    tokio::select! {
        () = sleep(time) => false,
        // It is never dropped before those who wait for it.
        _ = stopping.wait_for(|stopping| *stopping) => true,
    }
}

fn restored(deletion: &Deletion, id: &RequestId) -> String {
    let (Deletion { address, scope, .. }, request) = (deletion, watch::request(Some(id)));
    format!(
        "{address} in {scope} is reserved again as it was: {request} deleted it, and then its new address was refused, so that Foreman keeps this one"
    )
}

fn left_over(address: IpAddr, scope: &Scope, id: &RequestId) -> String {
    let request = watch::request(Some(id));
    format!(
        "{address} in {scope} was added by {request} before another address of it was refused, and Foreman most likely does not keep it; delete the reservation if no host uses it"
    )
}

fn give_up(restores: &Restores, deletion: &Deletion, id: &RequestId, why: &str) {
    let (Deletion { address, scope, .. }, request) = (deletion, watch::request(Some(id)));
    restores.done(deletion, || {
        log::error!(
            "{address} in {scope} is not reserved again, although {request} deleted it before its new address was refused, and Foreman most likely keeps it: {why}. Find the host that has {address} in Foreman; add the address to the IPAM again, or give the host another one if the IPAM has it for another host"
        );
    });
}
