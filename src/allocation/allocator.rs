//! The calls of the contract that read, answered from the provider's facts and the proxy's holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Group, Mac, Prefix, Provider, Subnet};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::Failure;
use super::candidates::Candidates;
use super::choice::{Choice, LastAllocated};
use super::events::{EventKind, Events, Subject};
use super::holds::{Ask, Claim, Grant, Holds, Moment, Offer, Place, RequestMark, Scope, Step};
use super::lookup::{Found, GroupChoice, Lookup};
use super::offer_counts::OfferCounts;
use crate::routes::Routes;

/// How many additions are looked for in the background at once: an IPAM that fails for all is not to be asked for all of
/// them.
pub(super) const WATCHED_AT_MOST: usize = 1000;

/// How long things live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long an address is held for a MAC.
    pub hold: Duration,
    /// How long it is held for a caller without one.
    pub hold_without_mac: Duration,
    /// How long a hold without a MAC is kept from other hosts when nothing else is free.
    pub recycle_after: Duration,
    /// How long a released address is kept from other hosts while others are free.
    pub quarantine: Duration,
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
    pub(super) provider: Routes,
    pub(super) holds: Holds,
    pub(super) candidates: Candidates,
    pub(super) last_allocated: LastAllocated,
    pub(super) lookup: Lookup,
    pub(super) events: Events,
    pub(super) rules: Rules,
    /// A permit for each addition that is looked for in the background.
    pub(super) watches: Arc<Semaphore>,
}

impl Allocator {
    /// An allocator over the IPAMs behind the proxy, or over one guarded provider. Nobody subscribes to its events.
    pub fn new(provider: impl Into<Routes>, holds: Holds, rules: Rules) -> Self {
        Self {
            provider: provider.into(),
            holds,
            candidates: Candidates::new(rules.candidate),
            last_allocated: LastAllocated::default(),
            lookup: Lookup::new(rules.lookup),
            events: Events::default(),
            rules,
            watches: Arc::new(Semaphore::new(WATCHED_AT_MOST)),
        }
    }

    /// The same, with subscribers to its events.
    pub(crate) fn reporting_to(self, events: Events) -> Self {
        Self { events, ..self }
    }

    /// The same, with counts that outlive it.
    #[must_use]
    pub fn counting_in(mut self, counts: Arc<OfferCounts>) -> Self {
        self.candidates.counts = counts;
        self
    }

    /// The IPAMs behind the proxy.
    pub fn provider(&self) -> &Routes {
        &self.provider
    }

    /// How long a whole request may take.
    pub(crate) fn request_budget(&self) -> Duration {
        self.rules.request_budget
    }

    /// All holds.
    pub fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Does an IPAM behind the proxy have this subnet? The settings may have changed since it was found.
    pub(super) fn has(&self, scope: &Scope) -> bool {
        self.provider.is_of(&scope.space.provider, scope.prefix, scope.group.as_ref())
    }

    /// What keeps the holds.
    pub(super) fn place(&self) -> &dyn Place {
        self.holds.place()
    }

    /// Ends all batches of candidates: the IPAM was written to past this proxy, in a way of our own.
    pub fn drop_candidates(&self) {
        self.candidates.drop_all();
    }

    /// Ends the hold of an address, so that it can be offered to others; `false` when there is none.
    ///
    /// # Errors
    /// As [`Holds::release`].
    pub async fn release_hold(&self, prefix: Prefix, group: &GroupChoice, address: IpAddr) -> Result<bool, Failure> {
        let is_released = self.holds.release(|scope| self.has(scope), prefix, group, address).await?;
        if is_released {
            // Batches leave out what was held.
            self.candidates.drop_all();
        }
        Ok(is_released)
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
        self.in_time(self.lookup.group(self.provider(), None, choice)).await
    }

    /// All subnets of the group that is meant.
    ///
    /// # Errors
    /// As [`group`](Self::group).
    pub async fn subnets(&self, choice: &GroupChoice) -> Result<Vec<Subnet>, Failure> {
        self.in_time(async {
            match self.lookup.group(self.provider(), None, choice).await? {
                Some(group) => Ok(self.provider.subnets(Some(&group.name)).await?),
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    /// All subnets outside of groups.
    ///
    /// # Errors
    /// What the provider fails with.
    pub async fn subnets_outside_of_groups(&self) -> Result<Vec<Subnet>, Failure> {
        self.in_time(async { Ok(self.provider.subnets(None).await?) }).await
    }

    /// The subnet that is meant.
    ///
    /// # Errors
    /// [`Failure::SubnetNotFound`], [`Failure::GroupNotFound`], [`Failure::Ambiguous`], or what the provider fails with.
    pub async fn subnet(&self, prefix: Prefix, group: &GroupChoice) -> Result<Subnet, Failure> {
        self.in_time(async { Ok(self.lookup.subnet(self.provider(), prefix, group).await?.of_routes()) }).await
    }

    /// Is the address reserved? Always asks the IPAM; holds do not count.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet).
    pub async fn exists(
        self: &Arc<Self>,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
    ) -> Result<bool, Failure> {
        let call = self.begin_call();
        let look = self.in_time(async {
            let mut subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            let mut found = subnet.provider().reservation(&subnet, address).await;
            if found.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                subnet = self.look_up_again(&subnet, group).await?;
                found = subnet.provider().reservation(&subnet, address).await;
            }
            let exists = found?.is_some();
            if exists {
                self.take_back_offer(&subnet, address).await;
            }
            Ok(exists)
        });
        let outcome = look.await;
        match outcome {
            Ok(false) => call.accepted(),
            Ok(true) | Err(_) => call.refused().await,
        }
        outcome
    }

    /// The IPAM says that the address is taken: a host that it was offered to gets another one when it asks again. The
    /// question has its answer whether the holds can be reached or not.
    async fn take_back_offer(&self, subnet: &Found, address: IpAddr) {
        let step = Step::MarkReservedIfOffered { settled: self.settled() };
        match self.place().step(&subnet.scope, address, step).await {
            Ok(done) if done.is_done() => self.candidates.drop_current(&subnet.scope),
            Ok(_) => {}
            Err(error) => {
                self.events.emit(Subject::of(&subnet.scope, address), EventKind::OfferStays { error: &error });
            }
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
        self.in_time(async {
            let came = self.place().moment().await?;
            let ask = Ask { mac, request: request.map(RequestMark::of), arrival: came.event };
            let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            match self.offer(&subnet, ask, came, Choice::Lowest).await {
                Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                    let subnet = self.look_up_again(&subnet, group).await?;
                    self.offer(&subnet, ask, came, Choice::Lowest).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    /// Promises a free address to the asking caller.
    pub(super) async fn offer(
        &self,
        subnet: &Found,
        ask: Ask,
        came: Moment,
        choice: Choice,
    ) -> Result<IpAddr, Failure> {
        let mut now = came.now;
        loop {
            if let Some(offer) = self.place().offer_for(&subnet.scope, &ask).await? {
                match self.offer_again(subnet, offer, ask).await? {
                    Some(address) => return Ok(address),
                    None => continue,
                }
            }
            let batch = self.candidates.of(subnet, self.place(), &self.events, now, choice.width()).await?;
            let grant = self.grant(ask, batch.asked);
            let mut candidates = choice.among(&batch);
            match self.place().claim(&subnet.scope, &mut candidates, grant, self.rules.holds_at_most).await? {
                Claim::Granted(address) => {
                    if choice == Choice::Lowest {
                        batch.mark_used(address);
                    }
                    return Ok(address);
                }
                Claim::TooManyHolds => {
                    self.make_room(subnet, &ask).await?;
                    continue;
                }
                Claim::NoneFree => {}
            }
            // "Full" is believed only of an answer that was asked for after this question came: an address may have become
            // free since an earlier one.
            if batch.is_all && batch.asked.event > ask.arrival {
                return self.reuse(subnet, ask, batch.promised).await;
            }
            self.candidates.drop_batch(&subnet.scope, batch.generation);
            now = self.place().moment().await?.now;
        }
    }

    /// Removes ended holds.
    ///
    /// # Errors
    /// [`Failure::TooManyHolds`] when there are as many live ones as there may be, and none is for the asking MAC: a
    /// parallel question of it may have been answered with the last that there was room for.
    pub(super) async fn make_room(&self, subnet: &Found, ask: &Ask) -> Result<(), Failure> {
        let at_most = self.rules.holds_at_most;
        self.place().sweep().await?;
        let is_full = self.place().count().await? >= at_most;
        if is_full && self.place().offer_for(&subnet.scope, ask).await?.is_none() {
            return Err(Failure::TooManyHolds { at_most });
        }
        Ok(())
    }

    /// Offers a MAC its address again, unless it was reserved meanwhile.
    async fn offer_again(&self, subnet: &Found, offer: Offer, ask: Ask) -> Result<Option<IpAddr>, Failure> {
        let mut confirmed = self.place().moment().await?;
        let is_fresh = confirmed.now.since(offer.confirmed) <= self.rules.candidate;
        if is_fresh {
            confirmed.now = offer.confirmed;
        } else if !self.is_still_free(subnet, offer.address).await? {
            return Ok(None);
        }
        let renewed = Step::Renew(offer, self.grant(ask, confirmed));
        let renewed = self.place().step(&subnet.scope, offer.address, renewed).await?;
        Ok(renewed.is_done().then_some(offer.address))
    }

    /// Nothing is free that is not held: hands a [`spare`](Place::spare) address to this caller, or says that the subnet is
    /// full.
    async fn reuse(&self, subnet: &Found, ask: Ask, held: usize) -> Result<IpAddr, Failure> {
        loop {
            let Some(offer) = self.place().spare(&subnet.scope, self.rules.recycle_after).await? else {
                self.candidates.counts.refuse();
                return Err(Failure::NoFreeAddress { prefix: subnet.prefix, group: subnet.group.clone(), held });
            };
            let asked = self.place().moment().await?;
            if !self.is_still_free(subnet, offer.address).await? {
                continue;
            }
            let reused = Step::Reuse(offer, self.grant(ask, asked));
            if self.place().step(&subnet.scope, offer.address, reused).await?.is_done() {
                return Ok(offer.address);
            }
        }
    }

    /// Asks the IPAM about an address that is held; one that was reserved past this proxy is not offered any more.
    async fn is_still_free(&self, subnet: &Found, address: IpAddr) -> Result<bool, Failure> {
        let is_free = subnet.provider().reservation(subnet, address).await?.is_none();
        if !is_free {
            self.events.emit(Subject::of(&subnet.scope, address), EventKind::TakenWhileHeld);
            self.mark_reserved(subnet, address).await?;
        }
        Ok(is_free)
    }

    pub(super) fn grant(&self, ask: Ask, confirmed: Moment) -> Grant {
        let life = if ask.mac.is_some() { self.rules.hold } else { self.rules.hold_without_mac };
        Grant { ask, life, confirmed: confirmed.now }
    }

    /// The address is reserved by another host or writer: what was known of the subnet is out of date.
    pub(super) async fn mark_reserved(&self, subnet: &Found, address: IpAddr) -> Result<(), Failure> {
        self.place().step(&subnet.scope, address, Step::MarkReserved { settled: self.settled() }).await?;
        self.candidates.drop_current(&subnet.scope);
        Ok(())
    }

    /// How long a batch of candidates or a request of now may still be alive.
    pub(super) fn settled(&self) -> Duration {
        self.rules.candidate + self.rules.request_budget
    }

    /// The IPAM says that a remembered subnet is gone: it may have been made again.
    pub(super) async fn look_up_again(&self, gone: &Found, group: &GroupChoice) -> Result<Arc<Found>, Failure> {
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
