//! Adding and deleting: what is written to the IPAM, and what becomes of a write whose answer is lost.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Error, ErrorKind, GroupName, Prefix, Provider, Released, Requester, Reservation, Turn};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::Failure;
use super::allocator::{Allocator, Deleted};
use super::events::{EventKind, Subject};
use super::holds::{Becomes, HoldState, Removed, Scope, Step, Stepped};
use super::lookup::{Found, GroupChoice};
use super::lost::{self, Lost, Unsettled};
use super::restore;
use crate::telemetry::request_id::{self, RequestId};

/// A write is not begun when it could take less than this, or less than twice as long as the slowest of the last writes.
const WRITE_AT_LEAST: Duration = Duration::from_secs(2);

/// How long an address that a request has deleted is at least kept from other hosts: Foreman may yet roll back.
const QUARANTINE_IN_REQUEST: Duration = Duration::from_secs(60);

/// How long a delete waits for the end of an add, in milliseconds, one after the other.
const END_OF_ADD: [u64; 7] = [10, 20, 40, 80, 160, 320, 640];

impl Allocator {
    /// Reserves the address. `by` wins over what the hold knows of the host.
    ///
    /// The work goes on to its end even when the caller gives up, so that the IPAM and the holds stay in step. What was
    /// reserved for a caller who was told of a failure is named in the log. What comes back is to be told to the caller, and
    /// [noted as answered](Added::answered) after that.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet); [`Failure::AlreadyReserved`] and [`Failure::NotOfferable`].
    pub async fn add(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        address: IpAddr,
        by: Requester,
    ) -> Result<Added, Failure> {
        let call = self.begin_call();
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        let work = async move {
            let outcome = this.find_and_reserve(prefix, &group, address, &by, deadline).await;
            let noted = match &outcome {
                Ok(added) => this.events.note(Subject::of(&added.scope, address), EventKind::Added { by: &added.by }),
                Err(failure) => {
                    let subject = this.subject(prefix, &group, address);
                    this.events.note(subject, EventKind::AddFailed { by: &by, failure })
                }
            };
            noted.seen().await;
            outcome
        };
        let outcome = self.to_its_end(work).await;
        match outcome {
            Ok(_) => call.accepted(),
            Err(_) => call.refused().await,
        }
        outcome
    }

    /// An address as a caller has named it.
    pub(super) fn subject<'a>(&'a self, prefix: Prefix, group: &'a GroupChoice, address: IpAddr) -> Subject<'a> {
        Subject { provider: self.provider.name(), group: group.readings().first(), prefix, address }
    }

    async fn find_and_reserve(
        self: &Arc<Self>,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        by: &Requester,
        deadline: Instant,
    ) -> Result<Added, Failure> {
        let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
        match self.reserve(&subnet, address, by, deadline).await {
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                let subnet = self.look_up_again(&subnet, group).await?;
                self.reserve(&subnet, address, by, deadline).await
            }
            outcome => outcome,
        }
    }

    pub(super) async fn reserve(
        self: &Arc<Self>,
        subnet: &Arc<Found>,
        address: IpAddr,
        by: &Requester,
        deadline: Instant,
    ) -> Result<Added, Failure> {
        if !subnet.is_offerable(address) {
            return Err(Failure::NotOfferable { address, prefix: subnet.prefix });
        }
        let turn = self.turn_to_write(subnet, deadline).await?;
        let begun = Step::BeginAdd { at_least: self.excluded_while_added(), request: restore::of_foreman() };
        let begun = self.place().step(&subnet.scope, address, begun).await?;
        self.send(turn, subnet, address, by.clone(), begun, deadline).await
    }

    /// How long the hold of an address that is being added lives at least. It must not end while the reservation is on its
    /// way. When this process ends in the middle, another proxy sees the hold only: it excludes the address as long as one
    /// whose answer is lost.
    pub(super) fn excluded_while_added(&self) -> Duration {
        self.settled() + self.rules.hold_without_mac
    }

    /// Sends the reservation that has begun so to the IPAM.
    pub(super) async fn send(
        self: &Arc<Self>,
        turn: Turn<'_>,
        subnet: &Arc<Found>,
        address: IpAddr,
        by: Requester,
        begun: Stepped,
        deadline: Instant,
    ) -> Result<Added, Failure> {
        let (before, ticket) = (begun.before, begun.at.event);
        let mac = by.mac.or(before.as_ref().filter(|hold| hold.state != HoldState::Released).and_then(|hold| hold.mac));
        let by = Requester { mac, ..by };
        let already = || Failure::AlreadyReserved { address, prefix: subnet.prefix };
        let Err(error) = turn.reserve(subnet, address, &by).await else {
            return Ok(self.added(subnet, address, by, ticket));
        };
        let was_unanswered = before.as_ref().is_some_and(|hold| hold.state == HoldState::Unanswered);
        match error.kind() {
            ErrorKind::AlreadyExists if !was_unanswered => {
                self.mark_reserved(subnet, address).await?;
                return Err(already());
            }
            kind if kind.leaves_write_unknown() || kind == ErrorKind::AlreadyExists => {}
            _ => {
                // Nothing was reserved.
                self.place().step(&subnet.scope, address, Step::UndoAdd { ticket, before }).await?;
                return Err(error.into());
            }
        }
        let request = lost::request(request_id::current().as_ref());
        let lost = Lost { scope: subnet.scope.clone(), address, by, before, ticket, request };
        let emit = |kind: EventKind<'_>| self.events.emit(Subject::of(&subnet.scope, address), kind);
        match self.resolve_lost_add(&turn, subnet, &lost, deadline).await {
            Ok(Some(())) => {
                emit(EventKind::AddConfirmed { error: &error });
                Ok(self.added(subnet, address, lost.by, ticket))
            }
            Ok(None) => {
                if error.kind().leaves_write_unknown() {
                    emit(EventKind::ReservedBySomebody { lost: &lost, error: &error });
                }
                Err(already())
            }
            Err(look) => {
                emit(EventKind::AddUnknown { lost: &lost, error: &error, look: &look });
                self.watch(lost);
                Err(if error.kind() == ErrorKind::AlreadyExists { look.into() } else { error.into() })
            }
        }
    }

    /// Looks what became of a reservation whose answer was lost, in the same turn: `Some` when it took effect, `None` when
    /// the address is reserved by another one. However the look ends, it ends before the caller has an answer.
    async fn resolve_lost_add(
        &self,
        turn: &Turn<'_>,
        subnet: &Found,
        lost: &Lost,
        deadline: Instant,
    ) -> Result<Option<()>, Unsettled> {
        let emit = |kind: EventKind<'_>| self.events.emit(Subject::of(&lost.scope, lost.address), kind);
        let look = timeout_at(deadline, turn.reservation(subnet, lost.address)).await;
        let unsettled = match look.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "there was no time left"))) {
            Ok(Some(record)) if lost.is_own(&record) => return Ok(Some(())),
            Ok(Some(_)) => {
                if let Err(failure) = self.mark_reserved(subnet, lost.address).await {
                    emit(EventKind::NotNoted { failure: &failure });
                }
                return Ok(None);
            }
            Ok(None) => Unsettled::Absent,
            Err(error) => Unsettled::Unknown(error),
        };
        let step = Step::LoseAdd { ticket: lost.ticket, mac: lost.by.mac, at_least: self.rules.hold_without_mac };
        if let Err(error) = self.place().step(&lost.scope, lost.address, step).await {
            // The mark of the addition excludes the address for some time.
            emit(EventKind::NotNoted { failure: &error.into() });
        }
        Err(unsettled)
    }

    /// Deletes the reservation; one that is not there, or whose subnet or group is gone, is deleted.
    ///
    /// # Errors
    /// [`Failure::Ambiguous`], or what the provider fails with.
    pub async fn delete(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        address: IpAddr,
    ) -> Result<Deleted, Failure> {
        let call = self.begin_call();
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        let asked_for = group.clone();
        let work = async move { this.delete_and_note(prefix, &group, address, deadline).await };
        let outcome = self.to_its_end(work).await;
        // Foreman does not come to a new address, and keeps the host.
        call.accepted();
        if outcome.is_err() {
            self.name_deleted_before(prefix, asked_for, address);
        }
        outcome
    }

    /// A whole delete, and what became of it in the ledger.
    pub(super) async fn delete_and_note(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        deadline: Instant,
    ) -> Result<Deleted, Failure> {
        let outcome = match self.find_and_release(prefix, group, address, deadline).await {
            Err(gone) if is_gone(&gone) => self.release_without_subnet(prefix, group, address, gone).await,
            outcome => outcome,
        };
        if let Err(failure) = &outcome {
            let subject = self.subject(prefix, group, address);
            self.events.note(subject, EventKind::DeleteFailed { failure }).seen().await;
        }
        outcome
    }

    /// Deletes from a subnet that cannot be found. That it cannot be found does not show that the address is free: a
    /// group may have been renamed. So the IPAM is asked for records of ours by the address alone.
    async fn release_without_subnet(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        gone: Failure,
    ) -> Result<Deleted, Failure> {
        let own = self.provider.own_records(address).await?;
        if !own.is_empty() {
            let places = own.into_iter().map(|record| record.place).collect();
            return Err(Failure::StillReserved { address, prefix, group: group.readings().first().cloned(), places });
        }
        let emit = |kind: EventKind<'_>| self.events.emit(self.subject(prefix, group, address), kind);
        emit(EventKind::CountsAsDeleted { gone: &gone });
        // By what the caller said: the IPAM knows of no subnet.
        match self.holds.meant(|scope| self.has(scope), prefix, group, address).await {
            Ok(Some(hold)) => self.deleted(&hold.scope, address, Some(hold.event), None).await?,
            Ok(None) => {}
            Err(failure) => emit(EventKind::HoldKept { failure: &failure }),
        }
        self.events.note(self.subject(prefix, group, address), EventKind::Deleted { record: None }).seen().await;
        Ok(Deleted::WasAbsent)
    }

    async fn find_and_release(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        deadline: Instant,
    ) -> Result<Deleted, Failure> {
        let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
        match self.release(&subnet, address, None, deadline).await {
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                let subnet = self.look_up_again(&subnet, group).await?;
                self.release(&subnet, address, None, deadline).await
            }
            outcome => outcome,
        }
    }

    /// Waits a moment while the address is being added: the caller of the add has its answer a little earlier than the hold
    /// has its end, and may send a delete at once.
    async fn await_end_of_add(&self, scope: &Scope, address: IpAddr) -> Result<(), Failure> {
        for milliseconds in END_OF_ADD {
            let there = self.place().get(&scope.space, address).await?;
            if there.is_none_or(|hold| hold.state != HoldState::Adding) {
                break;
            }
            sleep(Duration::from_millis(milliseconds)).await;
        }
        Ok(())
    }

    /// Deletes the record of an address, for a caller or, `as_orphan`, because no host has it.
    pub(super) async fn release(
        &self,
        subnet: &Found,
        address: IpAddr,
        as_orphan: Option<&'static str>,
        deadline: Instant,
    ) -> Result<Deleted, Failure> {
        let emit = |kind: EventKind<'_>| self.events.emit(Subject::of(&subnet.scope, address), kind);
        self.await_end_of_add(&subnet.scope, address).await?;
        let turn = self.turn_to_write(subnet, deadline).await?;
        let there = self.place().get(&subnet.scope.space, address).await?;
        let seen = there.as_ref().map(|hold| hold.event);
        let removed = match turn.release(subnet, address).await {
            Ok(Released::Removed(record)) => Some(record),
            Ok(Released::WasAbsent) => {
                emit(EventKind::NothingToDelete);
                None
            }
            Err(error) if error.kind().leaves_write_unknown() => {
                match timeout_at(deadline, turn.reservation(subnet, address)).await {
                    Ok(Ok(None)) => {
                        emit(EventKind::DeleteConfirmed { error: &error });
                        // What it was is not known, but for its host.
                        Some(Reservation { mac: there.and_then(|hold| hold.mac), ..Reservation::default() })
                    }
                    // The subnet is gone, and every record in it.
                    Ok(Err(look)) if look.kind() == ErrorKind::NotFound => return Err(look.into()),
                    look => {
                        let record = look.ok().and_then(Result::ok).flatten().map(Removed::from);
                        let record = record.unwrap_or_else(|| Removed::of(there.and_then(|hold| hold.mac)));
                        self.keep_from_others(&subnet.scope, address, seen, record).await;
                        return Err(error.into());
                    }
                }
            }
            Err(error) => return Err(error.into()),
        };
        let removed = removed.map(Removed::from);
        match self.deleted(&subnet.scope, address, seen, removed.clone()).await {
            // The caller is told what is in the IPAM now: Foreman would keep an address that is deleted.
            Err(failure) if removed.is_some() => emit(EventKind::DeleteUnnoted { failure: &failure }),
            noted => noted?,
        }
        let kind = match (as_orphan, &removed) {
            (Some(why), Some(record)) => EventKind::OrphanReleased { record, why },
            (_, record) => EventKind::Deleted { record: record.as_ref() },
        };
        self.events.note(Subject::of(&subnet.scope, address), kind).seen().await;
        Ok(if removed.is_some() { Deleted::Removed } else { Deleted::WasAbsent })
    }

    /// A delete whose answer is lost may take effect after its caller was told that it failed, and Foreman keeps the address.
    /// It is in quarantine from now on, so that no other host is offered it soon.
    async fn keep_from_others(&self, scope: &Arc<Scope>, address: IpAddr, seen: Option<u64>, record: Removed) {
        let request = lost::request(request_id::current().as_ref());
        let unnoted = self.deleted(scope, address, seen, Some(record)).await.err();
        let kind = EventKind::DeleteUnknown { request: &request, unnoted: unnoted.as_ref() };
        self.events.emit(Subject::of(scope, address), kind);
    }

    /// The IPAM has no record of the address, whether one was removed or not.
    async fn deleted(
        &self,
        scope: &Arc<Scope>,
        address: IpAddr,
        seen: Option<u64>,
        removed: Option<Removed>,
    ) -> Result<(), Failure> {
        let request = restore::of_foreman();
        let at_least = if request.is_some() { QUARANTINE_IN_REQUEST } else { Duration::ZERO };
        let step = Step::Delete { seen, removed, quarantine: self.rules.quarantine.max(at_least), request };
        let ended = self.place().step(scope, address, step).await?;
        if ended.becomes == Becomes::Ended {
            self.candidates.drop_current(scope);
        }
        Ok(())
    }

    /// Waits for the turn to write. Half of the time that is left then is for the write and half for the look that
    /// follows a lost answer, so none begins after the caller has been told that there was no answer.
    pub(super) async fn turn_to_write<'a>(&self, subnet: &'a Found, deadline: Instant) -> Result<Turn<'a>, Failure> {
        let guard = subnet.provider();
        let least = || 2 * WRITE_AT_LEAST.max(2 * guard.slowest_write()).min(self.rules.attempt);
        let left = || deadline.saturating_duration_since(Instant::now());
        if left() < least() {
            return Err(self.out_of_time());
        }
        match timeout_at(deadline - least(), guard.turn()).await {
            Ok(turn) if left() >= least() => Ok(turn.limited_to(left() / 2)),
            Ok(_) | Err(_) => Err(Failure::QueueTooLong { seconds: self.rules.request_budget.as_secs() }),
        }
    }

    /// The address is reserved, and the caller has yet to get the answer.
    pub(super) fn added(self: &Arc<Self>, subnet: &Found, address: IpAddr, by: Requester, ticket: u64) -> Added {
        let request = request_id::current();
        Added { allocator: self.clone(), scope: subnet.scope.clone(), address, by, ticket, request, is_answered: false }
    }

    /// Runs a write in a task of its own. When the budget is over the caller is told so, and the write goes on: the
    /// IPAM's answer, or a look, still brings the holds in step. A success that the caller is not there to hear is dropped.
    pub(super) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let task = tokio::spawn(request_id::inherit(async move {
            let _ = answer.send(work.await);
        }));
        self.in_time(async {
            if let Ok(outcome) = answered.await {
                return outcome;
            }
            let error = Error::new(ErrorKind::Unexpected, "The proxy failed; see its log");
            Err(match task.await {
                Ok(()) => error.into(),
                Err(panic) => error.because(panic).into(),
            })
        })
        .await
    }
}

/// A reservation that is in the IPAM, and whose caller has yet to get the answer.
///
/// Until then the hold says that the address is being added. When the process is killed before the caller has the answer,
/// the next one finds it so, looks into the IPAM, and names it in the log. One that is dropped unanswered is named at once.
#[derive(Debug)]
#[must_use = "what is dropped counts as not answered"]
pub struct Added {
    allocator: Arc<Allocator>,
    scope: Arc<Scope>,
    address: IpAddr,
    by: Requester,
    ticket: u64,
    request: Option<RequestId>,
    is_answered: bool,
}

impl Added {
    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The subnet that it is in.
    pub fn prefix(&self) -> Prefix {
        self.scope.prefix
    }

    /// The subnet's group.
    pub fn group(&self) -> Option<&GroupName> {
        self.scope.group.as_ref()
    }

    /// What is recorded of the host.
    pub fn by(&self) -> &Requester {
        &self.by
    }

    /// Notes that the caller's answer is in the hands of the operating system.
    pub async fn answered(mut self) {
        self.is_answered = true;
        finish(self.allocator.clone(), self.scope.clone(), self.address, self.ticket, false).await;
    }

    /// Notes that the address is reserved again as it was. There is no caller.
    pub(super) async fn restored(mut self) {
        self.is_answered = true;
        finish(self.allocator.clone(), self.scope.clone(), self.address, self.ticket, true).await;
    }
}

/// The address is reserved, and its hold lives only as long as something from before may still offer it.
async fn finish(allocator: Arc<Allocator>, scope: Arc<Scope>, address: IpAddr, ticket: u64, is_restored: bool) {
    let step = Step::FinishAdd { ticket, settled: allocator.settled(), is_restored };
    if let Err(error) = allocator.place().step(&scope, address, step).await {
        allocator.events.emit(Subject::of(&scope, address), EventKind::AddUnfinished { error: &error });
    }
}

impl Drop for Added {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let request = lost::request(self.request.as_ref());
        let kind = EventKind::AddUnanswered { by: &self.by, request: &request };
        self.allocator.events.emit_for(self.request.as_ref(), Subject::of(&self.scope, self.address), kind);
        let finished = finish(self.allocator.clone(), self.scope.clone(), self.address, self.ticket, false);
        // Without a runtime the process ends, and the next one looks.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(finished);
        }
    }
}

/// Does the failure say that there is nothing left to delete from?
fn is_gone(failure: &Failure) -> bool {
    match failure {
        // A group of an IPAM that has none was one of the IPAM before.
        Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } | Failure::GroupsUnsupported => true,
        // What the IPAM cannot have, such as an IPv6 subnet, it has no record in.
        Failure::Provider(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported),
        _ => false,
    }
}
