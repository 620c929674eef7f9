//! The calls of the contract, answered from the provider's facts and the proxy's holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{Error, ErrorKind, Group, Mac, Prefix, Provider, Released, Requester, Reservation, Subnet};
use tokio::time::{Instant, timeout_at};

use super::candidates::Candidates;
use super::hold::{Ask, Hold, HoldState, Scope};
use super::holds::{Holds, SubnetHolds};
use super::lookup::{GroupChoice, Lookup};
use super::table::{Grant, HoldTable, Offer};
use super::{Failure, Timestamp};
use crate::telemetry::request_id;

/// How long things live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long an address is held for a MAC.
    pub hold: Duration,
    /// How long it is held for a caller without one.
    pub hold_without_mac: Duration,
    /// How long a free address may be offered after the IPAM called it free.
    pub candidate: Duration,
    /// How long a found subnet or group is remembered.
    pub lookup: Duration,
    /// How many holds there may be at once.
    pub holds_at_most: usize,
    /// How long a whole request may take.
    pub request_budget: Duration,
    /// How long one attempt at a provider operation may take; the provider's layers see to that.
    pub attempt: Duration,
}

/// What became of a delete. Both are successes: Foreman cannot delete a host whose address it cannot delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The reservation was there and is gone.
    Removed,
    /// There was nothing to delete.
    WasAbsent,
}

/// Answers the calls of the contract. One for each process; the holds outlive it when settings are reloaded.
#[derive(Debug)]
pub struct Allocator {
    provider: Arc<dyn Provider>,
    holds: Arc<Holds>,
    candidates: Candidates,
    lookup: Lookup,
    rules: Rules,
}

impl Allocator {
    /// An allocator over a provider that is wrapped in its layers.
    pub fn new(provider: Arc<dyn Provider>, holds: Arc<Holds>, rules: Rules) -> Self {
        Self { provider, holds, candidates: Candidates::new(rules.candidate), lookup: Lookup::new(rules.lookup), rules }
    }

    /// The provider in its layers.
    pub fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// All holds.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// All groups of the IPAM.
    ///
    /// # Errors
    /// [`Failure::GroupsUnsupported`], or what the provider fails with.
    pub async fn groups(&self) -> Result<Vec<Group>, Failure> {
        if !self.provider.capabilities().groups {
            return Err(Failure::GroupsUnsupported);
        }
        self.in_time(async { Ok(self.provider.groups().await?) }).await
    }

    /// The group that is meant.
    ///
    /// # Errors
    /// [`Failure::GroupNotFound`] and [`Failure::GroupsUnsupported`], or what the provider fails with.
    pub async fn group(&self, choice: &GroupChoice) -> Result<Option<Group>, Failure> {
        self.in_time(self.lookup.group(self.provider(), choice)).await
    }

    /// All subnets of the group that is meant.
    ///
    /// # Errors
    /// As [`group`](Self::group).
    pub async fn subnets(&self, choice: &GroupChoice) -> Result<Vec<Subnet>, Failure> {
        self.in_time(async {
            match self.lookup.group(self.provider(), choice).await? {
                Some(group) => Ok(self.provider.subnets(&group.name).await?),
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    /// The subnet that is meant.
    ///
    /// # Errors
    /// [`Failure::SubnetNotFound`], [`Failure::GroupNotFound`], [`Failure::Ambiguous`], or what the provider fails with.
    pub async fn subnet(&self, prefix: Prefix, group: &GroupChoice) -> Result<Subnet, Failure> {
        self.in_time(self.lookup.subnet(self.provider(), prefix, group)).await
    }

    /// Is the address reserved? Always asks the IPAM; holds do not count.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet).
    pub async fn exists(&self, prefix: Prefix, group: &GroupChoice, address: IpAddr) -> Result<bool, Failure> {
        self.in_time(async {
            let mut subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            let mut found = self.provider.reservation(&subnet, address).await;
            if found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                subnet = self.look_up_again(&subnet, group).await?;
                found = self.provider.reservation(&subnet, address).await;
            }
            let exists = found?.is_some();
            if exists {
                self.take_back_offer(&subnet, address).await;
            }
            Ok(exists)
        })
        .await
    }

    /// The IPAM says that the address is taken: whoever it was offered to gets another when they ask again.
    async fn take_back_offer(&self, subnet: &Subnet, address: IpAddr) {
        let holds = self.holds_of(subnet).await;
        let now = holds.now();
        let is_offered = holds.table().get(address, now).is_some_and(|hold| hold.state == HoldState::Offered);
        if is_offered {
            self.give_up(&holds, address);
        }
    }

    /// Offers a free address and holds it.
    ///
    /// `request` tells the questions of one request from those of another: a second question with the same MAC in one
    /// request is for a second interface.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet); [`Failure::NoFreeAddress`] and [`Failure::TooManyHolds`].
    pub async fn next_ip(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        mac: Option<Mac>,
        request: Option<u64>,
    ) -> Result<IpAddr, Failure> {
        let ask = Ask { mac, request, arrival: self.holds.tick() };
        self.in_time(async {
            let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            match self.offer(&subnet, ask).await {
                Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                    let subnet = self.look_up_again(&subnet, group).await?;
                    self.offer(&subnet, ask).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    async fn offer(&self, subnet: &Subnet, ask: Ask) -> Result<IpAddr, Failure> {
        let holds = self.holds_of(subnet).await;
        loop {
            let now = holds.now();
            let again = holds.table().offer_for(&ask, now);
            if let Some(offer) = again {
                match self.offer_again(subnet, &holds, offer, ask).await? {
                    Some(address) => return Ok(address),
                    None => continue,
                }
            }
            if self.holds.count() >= self.rules.holds_at_most {
                self.holds.sweep();
                if self.holds.count() >= self.rules.holds_at_most {
                    return Err(Failure::TooManyHolds { at_most: self.rules.holds_at_most });
                }
            }
            let batch = self.candidates.of(self.provider(), subnet, &holds).await?;
            let claimed = holds.change(|table, now| table.claim(batch.left(), self.grant(ask, now, batch.fetched)));
            if let Some(address) = claimed {
                batch.mark_used(address);
                return Ok(address);
            }
            // "Full" is believed of an answer to this very question only: holds may have ended since an earlier one.
            if batch.is_all && batch.event > ask.arrival {
                return self.recycle(subnet, &holds, ask).await;
            }
            holds.drop_candidates(batch.generation);
        }
    }

    /// Offers a MAC its address again, unless somebody has reserved it meanwhile.
    async fn offer_again(
        &self,
        subnet: &Subnet,
        holds: &SubnetHolds,
        offer: Offer,
        ask: Ask,
    ) -> Result<Option<IpAddr>, Failure> {
        let is_fresh = holds.now().since(offer.confirmed) <= self.rules.candidate;
        if !is_fresh && !self.is_still_free(subnet, holds, offer.address).await? {
            return Ok(None);
        }
        let renew = |table: &mut HoldTable, now| {
            let confirmed = if is_fresh { offer.confirmed } else { now };
            table.renew(offer, self.grant(ask, now, confirmed)).map(|_| offer.address)
        };
        Ok(holds.change(renew))
    }

    /// Hands the oldest hold without a MAC to this caller, or says that the subnet is full.
    async fn recycle(&self, subnet: &Subnet, holds: &SubnetHolds, ask: Ask) -> Result<IpAddr, Failure> {
        loop {
            let now = holds.now();
            let oldest = holds.table().recyclable(now);
            let Some(offer) = oldest else {
                let held = holds.table().held(now).len();
                return Err(Failure::NoFreeAddress { prefix: subnet.prefix, group: subnet.group.clone(), held });
            };
            if !self.is_still_free(subnet, holds, offer.address).await? {
                continue;
            }
            let recycle =
                |table: &mut HoldTable, now| table.recycle(offer, self.grant(ask, now, now)).then_some(offer.address);
            if let Some(address) = holds.change(recycle) {
                return Ok(address);
            }
        }
    }

    /// Asks the IPAM about an address that is held; one that was reserved behind our back is not offered any more.
    async fn is_still_free(&self, subnet: &Subnet, holds: &SubnetHolds, address: IpAddr) -> Result<bool, Failure> {
        let is_free = self.provider.reservation(subnet, address).await?.is_none();
        if !is_free {
            log::info!("{address} in {subnet} was held and has been reserved in the IPAM meanwhile");
            self.give_up(holds, address);
        }
        Ok(is_free)
    }

    /// Reserves the address. `by` wins over what the hold knows of the host.
    ///
    /// The work goes on to its end even when the caller gives up, so that the IPAM and the holds stay in step.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet); [`Failure::AlreadyReserved`] and [`Failure::NotOfferable`].
    pub async fn add(
        self: &Arc<Self>,
        prefix: Prefix,
        group: GroupChoice,
        address: IpAddr,
        by: Requester,
    ) -> Result<(), Failure> {
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        self.to_its_end(async move {
            let subnet = this.lookup.subnet(this.provider(), prefix, &group).await?;
            match this.reserve(&subnet, address, &by, deadline).await {
                Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                    let subnet = this.look_up_again(&subnet, &group).await?;
                    this.reserve(&subnet, address, &by, deadline).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    async fn reserve(
        &self,
        subnet: &Subnet,
        address: IpAddr,
        by: &Requester,
        deadline: Instant,
    ) -> Result<(), Failure> {
        if !subnet.is_offerable(address) {
            return Err(Failure::NotOfferable { address, prefix: subnet.prefix });
        }
        self.demand_time_for_a_write(deadline)?;
        let holds = self.holds_of(subnet).await;
        let (before, ticket) = self.begin_adding(&holds, address);
        let by = Requester { mac: by.mac.or(before.as_ref().and_then(|hold| hold.mac)), hostname: by.hostname.clone() };
        let already = || Failure::AlreadyReserved { address, prefix: subnet.prefix };
        let Err(error) = self.provider.reserve(subnet, address, &by).await else {
            self.keep_from_offers(&holds, address);
            return Ok(());
        };
        match error.kind() {
            ErrorKind::AlreadyExists => {
                let was_unanswered = before.as_ref().is_some_and(|hold| hold.state == HoldState::Unanswered);
                if !was_unanswered {
                    self.give_up(&holds, address);
                    return Err(already());
                }
                self.settle(subnet, &holds, address, &by, Attempt { before, ticket, deadline })
                    .await?
                    .ok_or_else(already)
            }
            kind if kind.leaves_write_unknown() => {
                let attempt = Attempt { before, ticket, deadline };
                match self.settle(subnet, &holds, address, &by, attempt).await {
                    Ok(Some(())) => {
                        log::info!("{address} in {subnet} is reserved, although the IPAM's answer was lost ({error})");
                        Ok(())
                    }
                    Ok(None) => Err(already()),
                    Err(Unsettled::Absent) => Err(error.into()),
                    Err(Unsettled::Unknown(look)) => {
                        log::warn!(
                            "Whether {address} in {subnet} is reserved is unknown: {error}; a look failed: {look}"
                        );
                        Err(error.into())
                    }
                }
            }
            _ => {
                self.put_back(&holds, address, ticket, before);
                Err(error.into())
            }
        }
    }

    /// Looks what became of a reservation whose answer was lost: `Some` when it took effect, `None` when the address is
    /// somebody else's. However the look ends, it ends before the caller is told anything.
    async fn settle(
        &self,
        subnet: &Subnet,
        holds: &SubnetHolds,
        address: IpAddr,
        by: &Requester,
        Attempt { before, ticket, deadline }: Attempt,
    ) -> Result<Option<()>, Unsettled> {
        let look = timeout_at(deadline, self.provider.reservation(subnet, address)).await;
        match look.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "there was no time left"))) {
            Ok(Some(record)) if is_own(&record, by, before.as_ref()) => {
                self.keep_from_offers(holds, address);
                Ok(Some(()))
            }
            Ok(Some(_)) => {
                self.give_up(holds, address);
                Ok(None)
            }
            Ok(None) => {
                self.mark_unanswered(holds, address, ticket, by);
                Err(Unsettled::Absent)
            }
            Err(error) => {
                self.mark_unanswered(holds, address, ticket, by);
                Err(Unsettled::Unknown(error))
            }
        }
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
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        self.to_its_end(async move {
            match this.find_and_release(prefix, &group, address, deadline).await {
                Err(gone) if is_gone(&gone) => {
                    log::warn!("{address} counts as deleted: {gone}");
                    // By what the caller said: the IPAM knows of no subnet.
                    if let Err(failure) = this.holds.release(prefix, &group, address).await {
                        log::info!("No hold of {address} is ended: {failure}");
                    }
                    Ok(Deleted::WasAbsent)
                }
                outcome => outcome,
            }
        })
        .await
    }

    async fn find_and_release(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
        deadline: Instant,
    ) -> Result<Deleted, Failure> {
        let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
        match self.release(&subnet, address, deadline).await {
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                let subnet = self.look_up_again(&subnet, group).await?;
                self.release(&subnet, address, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr, deadline: Instant) -> Result<Deleted, Failure> {
        self.demand_time_for_a_write(deadline)?;
        let holds = self.holds_of(subnet).await;
        let deleted = match self.provider.release(subnet, address).await {
            Ok(Released::Removed) => Deleted::Removed,
            Ok(Released::WasAbsent) => {
                log::info!("{address} in {subnet} was not reserved; nothing to delete");
                Deleted::WasAbsent
            }
            Err(error) if error.kind().leaves_write_unknown() => {
                match timeout_at(deadline, self.provider.reservation(subnet, address)).await {
                    Ok(Ok(None)) => {
                        log::info!("{address} in {subnet} is deleted, although the IPAM's answer was lost ({error})");
                        Deleted::Removed
                    }
                    // The subnet is gone, and every record in it.
                    Ok(Err(look)) if look.kind() == ErrorKind::NotFound => return Err(look.into()),
                    Ok(Ok(Some(_)) | Err(_)) | Err(_) => return Err(error.into()),
                }
            }
            Err(error) => return Err(error.into()),
        };
        holds.end(address);
        Ok(deleted)
    }

    async fn holds_of(&self, subnet: &Subnet) -> Arc<SubnetHolds> {
        self.holds.of(Scope::new(self.provider.name(), subnet)).await
    }

    fn grant(&self, ask: Ask, now: Timestamp, confirmed: Timestamp) -> Grant {
        let life = if ask.mac.is_some() { self.rules.hold } else { self.rules.hold_without_mac };
        Grant { ask, life, now, sequence: self.holds.tick(), confirmed }
    }

    /// A write is only begun when there is time left to look for its effect, should its answer be lost. So none begins
    /// after the caller has been told that there was no answer.
    fn demand_time_for_a_write(&self, deadline: Instant) -> Result<(), Failure> {
        if Instant::now() + 2 * self.rules.attempt > deadline { Err(self.out_of_time()) } else { Ok(()) }
    }

    /// Marks the address as on its way into the IPAM. Tells what was held before, and a ticket to undo just this with.
    fn begin_adding(&self, holds: &SubnetHolds, address: IpAddr) -> (Option<Hold>, u64) {
        let mut before = None;
        let sequence = self.holds.tick();
        holds.change(|table, now| {
            before = table.get(address, now).cloned();
            let hold = before.clone().unwrap_or_else(|| self.hold_of_nobody(now));
            // The hold must not end while the reservation is on its way.
            let until = hold.until.max(self.settled_by(now));
            table.put(address, Hold { state: HoldState::Adding, until, sequence, ..hold });
            Some(address)
        });
        (before, sequence)
    }

    /// Nothing was reserved: things are as they were, unless somebody else has changed them.
    fn put_back(&self, holds: &SubnetHolds, address: IpAddr, ticket: u64, before: Option<Hold>) {
        holds.change(|table, now| {
            marked_with(table, address, ticket, now)?;
            match before.filter(|hold| hold.is_live(now)) {
                Some(hold) => table.put(address, hold),
                None => {
                    table.remove(address);
                }
            }
            Some(address)
        });
    }

    /// Nobody knows whether the address is reserved.
    fn mark_unanswered(&self, holds: &SubnetHolds, address: IpAddr, ticket: u64, by: &Requester) {
        holds.change(|table, now| {
            let hold = marked_with(table, address, ticket, now)?;
            let until = hold.until.max(now + self.rules.hold_without_mac);
            table.put(address, Hold { state: HoldState::Unanswered, mac: by.mac, until, ..hold });
            Some(address)
        });
    }

    /// Somebody else has reserved the address: what was known of the subnet is out of date.
    fn give_up(&self, holds: &SubnetHolds, address: IpAddr) {
        self.keep_from_offers(holds, address);
        holds.drop_candidates(holds.generation());
    }

    /// The address is taken: no batch of candidates from before may offer it, and its MAC gets another.
    fn keep_from_offers(&self, holds: &SubnetHolds, address: IpAddr) {
        holds.change(|table, now| {
            let hold = table.get(address, now).cloned().unwrap_or_else(|| self.hold_of_nobody(now));
            let until = hold.until.max(self.settled_by(now));
            table.put(address, Hold { state: HoldState::Reserved, until, ..hold });
            Some(address)
        });
    }

    /// When no batch of candidates and no request of now is alive any more.
    fn settled_by(&self, now: Timestamp) -> Timestamp {
        now + self.rules.candidate + self.rules.request_budget
    }

    /// A hold for an address that was never offered.
    fn hold_of_nobody(&self, now: Timestamp) -> Hold {
        Hold {
            mac: None,
            state: HoldState::Reserved,
            granted: now,
            until: self.settled_by(now),
            request: None,
            sequence: self.holds.tick(),
            confirmed: now,
            journaled: Timestamp::default(),
        }
    }

    /// The IPAM says that a remembered subnet is gone: it may have been made anew.
    async fn look_up_again(&self, gone: &Subnet, group: &GroupChoice) -> Result<Subnet, Failure> {
        self.lookup.forget(gone).await;
        self.lookup.subnet(self.provider(), gone.prefix, group).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let deadline = Instant::now() + self.rules.request_budget;
        timeout_at(deadline, work).await.unwrap_or_else(|_| Err(self.out_of_time()))
    }

    /// Runs a write in a task of its own. When the budget is over the caller is told so, and the write goes on: the
    /// IPAM's answer, or a look, still brings the holds in step.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, Failure> {
        let task = tokio::spawn(request_id::inherit(work));
        self.in_time(async {
            task.await.unwrap_or_else(|panic| {
                let error = Error::new(ErrorKind::Unexpected, "The proxy failed; see its log").because(panic);
                Err(error.into())
            })
        })
        .await
    }

    fn out_of_time(&self) -> Failure {
        Failure::OutOfTime { seconds: self.rules.request_budget.as_secs() }
    }
}

/// One attempt at a reservation: what was held before, the ticket of the mark it left, and when its caller is told.
struct Attempt {
    before: Option<Hold>,
    ticket: u64,
    deadline: Instant,
}

/// A look that did not find the reservation.
enum Unsettled {
    /// The address is not reserved; the write may still be on its way.
    Absent,
    /// The look failed too.
    Unknown(Error),
}

impl From<Unsettled> for Failure {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Absent => {
                Error::new(ErrorKind::Unexpected, "External IPAM contradicts itself about the address; try again")
                    .into()
            }
            Unsettled::Unknown(error) => error.into(),
        }
    }
}

/// The hold of the address, if it is still the mark that the reservation with this ticket left.
fn marked_with(table: &HoldTable, address: IpAddr, ticket: u64, now: Timestamp) -> Option<Hold> {
    table.get(address, now).filter(|hold| hold.state == HoldState::Adding && hold.sequence == ticket).cloned()
}

/// Does the failure say that there is nothing left to delete from?
fn is_gone(failure: &Failure) -> bool {
    match failure {
        // A group of an IPAM that has none was one of the IPAM before.
        Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } | Failure::GroupsUnsupported => true,
        Failure::Provider(error) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}

/// Is the record that was found after a lost answer provably the one that the lost reservation made?
///
/// Only while the address was promised and not yet reserved: a record that was there before belongs to another host.
/// Two MACs decide it. Without them the mark that only this proxy sets does: while the hold lived, the proxy offered the
/// address to nobody else.
fn is_own(record: &Reservation, by: &Requester, before: Option<&Hold>) -> bool {
    let was_promised = before.is_some_and(|hold| matches!(hold.state, HoldState::Offered | HoldState::Unanswered));
    match (record.mac, by.mac) {
        (Some(recorded), Some(wanted)) => was_promised && recorded == wanted,
        _ => was_promised && record.ours,
    }
}
