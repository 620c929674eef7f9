//! The calls of the contract that read, answered from the provider's facts and the proxy's holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Group, Guard, Mac, Prefix, Provider, Subnet};
use tokio::time::{Instant, timeout_at};

use super::candidates::Candidates;
use super::hold::{Ask, Hold, HoldState, RequestMark, Scope};
use super::holds::{Holds, SubnetHolds};
use super::lookup::{GroupChoice, Lookup};
use super::table::{Claim, Grant, HoldTable, Offer};
use super::watch::Watches;
use super::{Failure, Timestamp};

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
    /// How long one attempt at a provider operation may take; the guard ends it then.
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
    pub(super) provider: Guard,
    pub(super) holds: Arc<Holds>,
    candidates: Candidates,
    pub(super) lookup: Lookup,
    pub(super) rules: Rules,
    pub(super) watches: Watches,
}

impl Allocator {
    /// An allocator over a guarded provider.
    pub fn new(provider: Guard, holds: Arc<Holds>, rules: Rules) -> Self {
        Self {
            provider,
            holds,
            candidates: Candidates::new(rules.candidate),
            lookup: Lookup::new(rules.lookup),
            rules,
            watches: Watches::new(),
        }
    }

    /// The guarded provider.
    pub fn provider(&self) -> &dyn Provider {
        &self.provider
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
    /// `request` is a hash that tells the questions of one request from those of another: a second question with the same
    /// MAC in one request is for a second interface.
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
        let ask = Ask { mac, request: request.map(RequestMark::of), arrival: self.holds.tick() };
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
            if self.has_too_many_holds() {
                // A parallel question of this MAC may have been answered with the last that there was room for.
                match holds.table().offer_for(&ask, now) {
                    Some(_) => continue,
                    None => return Err(Failure::TooManyHolds { at_most: self.rules.holds_at_most }),
                }
            }
            let batch = self.candidates.of(self.provider(), subnet, &holds).await?;
            let grant = |now| self.grant(ask, now, batch.asked_at);
            match holds.claim(batch.left(), grant, self.rules.holds_at_most) {
                Claim::Granted(address) => {
                    batch.mark_used(address);
                    return Ok(address);
                }
                // Parallel callers took the last that there was room for; the next round tells.
                Claim::TooManyHolds => continue,
                Claim::NoneFree => {}
            }
            // "Full" is believed only of an answer that was asked for after this question came: an address may have become
            // free since an earlier one.
            if batch.is_all && batch.asked_event > ask.arrival {
                return self.recycle(subnet, &holds, ask).await;
            }
            holds.drop_candidates(batch.generation);
        }
    }

    /// Are there as many holds as there may be, ended ones not counted?
    fn has_too_many_holds(&self) -> bool {
        let is_full = || self.holds.count() >= self.rules.holds_at_most;
        if is_full() {
            self.holds.sweep();
        }
        is_full()
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
            table.renew(offer, self.grant(ask, now, confirmed))
        };
        Ok(holds.change(renew))
    }

    /// Hands the oldest hold without a MAC to this caller, or says that the subnet is full.
    async fn recycle(&self, subnet: &Subnet, holds: &SubnetHolds, ask: Ask) -> Result<IpAddr, Failure> {
        loop {
            let now = holds.now();
            let oldest = holds.table().recyclable(now);
            let Some(offer) = oldest else {
                let held = holds.table().promised(now);
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

    pub(super) async fn holds_of(&self, subnet: &Subnet) -> Arc<SubnetHolds> {
        self.holds.of(Scope::new(self.provider.name(), subnet)).await
    }

    fn grant(&self, ask: Ask, now: Timestamp, confirmed: Timestamp) -> Grant {
        let life = if ask.mac.is_some() { self.rules.hold } else { self.rules.hold_without_mac };
        Grant { ask, life, now, sequence: self.holds.tick(), confirmed }
    }

    /// Somebody else has reserved the address: what was known of the subnet is out of date.
    pub(super) fn give_up(&self, holds: &SubnetHolds, address: IpAddr) {
        holds.change(|table, now| {
            self.mark_reserved(table, address, now);
            Some(address)
        });
        holds.drop_candidates(holds.generation());
    }

    /// The address is taken: no batch of candidates from before may offer it, and its MAC gets another.
    pub(super) fn mark_reserved(&self, table: &mut HoldTable, address: IpAddr, now: Timestamp) {
        let hold = table.get(address, now).unwrap_or_else(|| self.hold_of_nobody(now));
        // Not longer: what is deleted in the IPAM itself is free again.
        let until = self.settled_by(now);
        table.put(address, &Hold { state: HoldState::Reserved, until, ..hold });
    }

    /// When no batch of candidates and no request of now is alive any more.
    pub(super) fn settled_by(&self, now: Timestamp) -> Timestamp {
        now + self.rules.candidate + self.rules.request_budget
    }

    /// A hold for an address that was never offered.
    pub(super) fn hold_of_nobody(&self, now: Timestamp) -> Hold {
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
    pub(super) async fn look_up_again(&self, gone: &Subnet, group: &GroupChoice) -> Result<Subnet, Failure> {
        self.lookup.forget(gone).await;
        self.lookup.subnet(self.provider(), gone.prefix, group).await
    }

    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let deadline = Instant::now() + self.rules.request_budget;
        timeout_at(deadline, work).await.unwrap_or_else(|_| Err(self.out_of_time()))
    }

    pub(super) fn out_of_time(&self) -> Failure {
        Failure::OutOfTime { seconds: self.rules.request_budget.as_secs(), is_busy: self.provider.is_busy() }
    }
}
