//! Allocating: an address is chosen and reserved in one call.
//!
//! Foreman asks for an address, and adds it in a second call. Other callers want both at once. An allocation goes the same
//! way: the address is promised to the call first, so that no other caller at any door is offered it, and then added. When
//! somebody past the proxy was faster, the next address is tried.

use std::fmt;
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::{ErrorKind, GroupName, Prefix, Provider, Requester, Reservation};
use tokio::time::{Instant, timeout_at};

use super::allocator::Allocator;
use super::choice::Choice;
use super::events::{EventKind, Subject};
use super::holds::{Ask, Claim, HoldState, Moment, Offer, RequestMark, Step};
use super::lookup::{Found, GroupChoice};
use super::writes::Added;
use super::{Failure, holds};

/// No more addresses are allocated in one call.
pub const ALLOCATED_AT_MOST: usize = 256;

/// Which address is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The lowest of those that the IPAM calls free and that are neither held nor in quarantine, as next_ip has it.
    Lowest,
    /// The next one above the address that this process has last allocated in the subnet, whatever the strategy was; above
    /// the highest, the lowest again. The next one is looked for among the 1000 lowest free addresses: a provider answers no
    /// others.
    Next,
    /// One of the 1000 lowest free addresses, each as likely as the others.
    Random,
    /// This one. It may be in quarantine; it must not be promised to another caller.
    Address(IpAddr),
}

/// What is to be allocated.
#[derive(Debug, Clone)]
pub struct AllocationRequest {
    /// Where: the first of these subnets that is not full. An address that is given is looked for in the first subnet that
    /// contains it.
    pub subnets: Vec<(Prefix, GroupChoice)>,
    /// Which address.
    pub strategy: Strategy,
    /// How many: 1 to [`ALLOCATED_AT_MOST`], and 1 of an address that is given.
    pub count: usize,
    /// For which host.
    pub by: Requester,
}

impl AllocationRequest {
    /// The subnets that can have what is wanted.
    pub(super) fn candidates(&self) -> Result<&[(Prefix, GroupChoice)], Failure> {
        let Strategy::Address(address) = self.strategy else { return Ok(&self.subnets) };
        let containing = self.subnets.iter().position(|(prefix, _)| prefix.contains(address));
        let prefixes = || self.subnets.iter().map(|(prefix, _)| *prefix).collect();
        containing
            .map(|index| &self.subnets[index..=index])
            .ok_or_else(|| Failure::NotInSubnet { address, prefixes: prefixes() })
    }
}

/// An address that an attempt is about to reserve, or has reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intended {
    /// Of its subnet.
    pub(crate) prefix: Prefix,
    /// Of its subnet.
    pub(crate) group: Option<GroupName>,
    /// The address.
    pub(crate) address: IpAddr,
}

/// Keeps what an attempt is about to reserve, so that a later attempt at the same request finds it.
#[async_trait]
pub(crate) trait Intentions: fmt::Debug + Send + Sync {
    /// Keeps these in place of what was kept before.
    async fn keep(&self, intended: &[Intended]) -> Result<(), Failure>;
}

/// An attempt at a request.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// What earlier attempts were about to reserve, and this one is.
    pub(crate) intended: Vec<Intended>,
    /// What keeps it; `None` if no later attempt needs to know.
    pub(crate) keeper: Option<Arc<dyn Intentions>>,
}

impl Attempt {
    async fn intend(&mut self, subnet: &Found, address: IpAddr) -> Result<(), Failure> {
        let (prefix, group) = (subnet.prefix, subnet.group.clone());
        self.intended.push(Intended { prefix, group, address });
        match &self.keeper {
            Some(keeper) => keeper.keep(&self.intended).await,
            None => Ok(()),
        }
    }
}

/// No add has it.
const NO_TICKET: u64 = 0;

/// May the write that failed so have taken effect, or take effect yet?
pub(crate) fn leaves_unknown(failure: &Failure) -> bool {
    match failure {
        Failure::Provider(error) => error.kind().leaves_write_unknown(),
        Failure::OutOfTime { .. } | Failure::Holds(_) | Failure::LeftReserved { .. } => true,
        _ => false,
    }
}

/// Is the record one that an earlier attempt made for this host?
fn is_for(record: &Reservation, by: &Requester) -> bool {
    let is_same_host = match (record.mac, by.mac) {
        (Some(recorded), Some(wanted)) => recorded == wanted,
        _ => match (&record.hostname, &by.hostname) {
            (Some(recorded), Some(wanted)) => recorded.eq_ignore_ascii_case(wanted),
            _ => true,
        },
    };
    record.ours && is_same_host
}

/// The failure when all subnets are full, of the failure of one.
pub(super) fn all_full(subnets: &[(Prefix, GroupChoice)], last: Failure) -> Failure {
    match subnets {
        [_] => last,
        all => Failure::NoneFreeInAny { prefixes: all.iter().map(|(prefix, _)| *prefix).collect() },
    }
}

impl Allocator {
    /// Chooses addresses and reserves them: all of them or none.
    ///
    /// When not all can be had, those that were reserved before are released again; the ledger has both. Those that cannot be
    /// released are named in [`Failure::LeftReserved`] and in the log. The same request is another allocation each time. The
    /// work goes on to its end when the caller gives up, as of [`add`](Self::add), and each address that comes back is to be
    /// [noted as answered](Added::answered).
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet) and [`add`](Self::add); [`Failure::NoFreeAddress`] and [`Failure::NoneFreeInAny`];
    /// [`Failure::NotInSubnet`], [`Failure::Promised`], [`Failure::BeingReserved`] and [`Failure::AlreadyReserved`] of an
    /// address that is given.
    pub async fn allocate(self: &Arc<Self>, request: AllocationRequest) -> Result<Vec<Added>, Failure> {
        self.allocate_again(request, Attempt::default()).await
    }

    /// The same for a request that may have been tried before: what an earlier attempt has reserved, or may yet have reserved,
    /// is part of the answer, and nothing is reserved in its place.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate); [`Failure::NotKept`] when what is about to be reserved cannot be kept for a later
    /// attempt.
    pub(crate) async fn allocate_again(
        self: &Arc<Self>,
        request: AllocationRequest,
        attempt: Attempt,
    ) -> Result<Vec<Added>, Failure> {
        let this = self.clone();
        let deadline = Instant::now() + self.rules.request_budget;
        self.to_its_end(async move { this.allocate_all(&request, attempt, deadline).await }).await
    }

    async fn allocate_all(
        self: &Arc<Self>,
        request: &AllocationRequest,
        mut attempt: Attempt,
        deadline: Instant,
    ) -> Result<Vec<Added>, Failure> {
        let subnets = request.candidates()?;
        let (mut allocated, mut full) = (Vec::new(), 0);
        for intended in attempt.intended.clone() {
            match self.take_up(&intended, request, deadline).await? {
                Some(added) if allocated.len() < request.count => allocated.push(added),
                _ => attempt.intended.retain(|other| *other != intended),
            }
        }
        while allocated.len() < request.count {
            let outcome = match subnets.get(full) {
                Some((prefix, group)) => self.allocate_one(*prefix, group, request, &mut attempt, deadline).await,
                None => return Ok(allocated),
            };
            match outcome {
                Ok(added) => allocated.push(added),
                Err(Failure::NoFreeAddress { .. }) if full + 1 < subnets.len() => full += 1,
                Err(failure @ Failure::NoFreeAddress { .. }) => {
                    return Err(self.give_back(allocated, all_full(subnets, failure)).await);
                }
                Err(failure) => return Err(self.give_back(allocated, failure).await),
            }
        }
        Ok(allocated)
    }

    /// Releases what was reserved before the call failed.
    async fn give_back(self: &Arc<Self>, allocated: Vec<Added>, cause: Failure) -> Failure {
        let mut left = Vec::new();
        for added in allocated {
            let (prefix, address) = (added.prefix(), added.address());
            let group = GroupChoice::of(added.group().cloned());
            added.answered().await;
            let deadline = Instant::now() + self.rules.request_budget;
            if let Err(failure) = self.delete_and_note(prefix, &group, address, deadline).await {
                log::warn!(
                    "{address} in {prefix} was allocated together with others that cannot be had, and stays reserved: {failure}"
                );
                left.push(address);
            }
        }
        if left.is_empty() { cause } else { Failure::LeftReserved { cause: Box::new(cause), left } }
    }

    /// What an earlier attempt has reserved; `None` when it has not, and will not.
    async fn take_up(
        self: &Arc<Self>,
        intended: &Intended,
        request: &AllocationRequest,
        deadline: Instant,
    ) -> Result<Option<Added>, Failure> {
        let Intended { prefix, group, address } = intended;
        let subnet = match self.lookup.subnet(self.provider(), *prefix, &GroupChoice::of(group.clone())).await {
            Err(Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. }) => return Ok(None),
            found => found?,
        };
        match subnet.provider().reservation(&subnet, *address).await? {
            Some(record) if is_for(&record, &request.by) => {
                self.mark_reserved(&subnet, *address).await?;
                let added = self.added(&subnet, *address, request.by.clone(), NO_TICKET);
                self.events
                    .note(Subject::of(&subnet.scope, *address), EventKind::Added { by: added.by() })
                    .seen()
                    .await;
                Ok(Some(added))
            }
            Some(_) => Ok(None),
            None => {
                let hold = self.place().get(&subnet.scope.space, *address).await?;
                if hold.is_none_or(|hold| hold.state != HoldState::Unanswered || hold.mac != request.by.mac) {
                    return Ok(None);
                }
                // The write may still be on its way: the same address is asked for again, so that there is one.
                let outcome = self.reserve(&subnet, *address, &request.by, deadline).await;
                self.note_outcome(&subnet, *address, request, &outcome).await;
                match outcome {
                    Err(Failure::AlreadyReserved { .. }) => Ok(None),
                    outcome => outcome.map(Some),
                }
            }
        }
    }

    async fn allocate_one(
        self: &Arc<Self>,
        prefix: Prefix,
        group: &GroupChoice,
        request: &AllocationRequest,
        attempt: &mut Attempt,
        deadline: Instant,
    ) -> Result<Added, Failure> {
        let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
        match self.promise_and_reserve(&subnet, request, attempt, deadline).await {
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::NotFound => {
                let subnet = self.look_up_again(&subnet, group).await?;
                self.promise_and_reserve(&subnet, request, attempt, deadline).await
            }
            outcome => outcome,
        }
    }

    async fn promise_and_reserve(
        self: &Arc<Self>,
        subnet: &Arc<Found>,
        request: &AllocationRequest,
        attempt: &mut Attempt,
        deadline: Instant,
    ) -> Result<Added, Failure> {
        // Of this call alone: no promise to another one is taken for it.
        let mark = RequestMark::of(fastrand::u64(..));
        loop {
            let promise = self.promise(subnet, request, mark);
            let address = timeout_at(deadline, promise).await.unwrap_or_else(|_| Err(self.out_of_time()))?;
            let outcome = match attempt.intend(subnet, address).await {
                Ok(()) => self.reserve_promised(subnet, address, request, mark, deadline).await,
                Err(failure) => Err(failure),
            };
            if !matches!(&outcome, Ok(Some(_))) && !outcome.as_ref().is_err_and(leaves_unknown) {
                attempt.intended.pop();
            }
            match outcome {
                Ok(Some(added)) => {
                    self.last_allocated.note(&subnet.scope, address);
                    return Ok(added);
                }
                Ok(None) => {}
                Err(Failure::AlreadyReserved { .. }) if !matches!(request.strategy, Strategy::Address(_)) => {}
                Err(failure) => {
                    self.place().step(&subnet.scope, address, Step::Withdraw { mark }).await?;
                    return Err(failure);
                }
            }
        }
    }

    /// Reserves an address that is promised to the call; `None` if it is no more.
    async fn reserve_promised(
        self: &Arc<Self>,
        subnet: &Arc<Found>,
        address: IpAddr,
        request: &AllocationRequest,
        mark: RequestMark,
        deadline: Instant,
    ) -> Result<Option<Added>, Failure> {
        let turn = self.turn_to_write(subnet, deadline).await?;
        let begin = Step::BeginAllocation { mark, at_least: self.excluded_while_added() };
        let begun = self.place().step(&subnet.scope, address, begin).await?;
        if !begun.is_done() {
            return Ok(None);
        }
        let outcome = self.send(turn, subnet, address, request.by.clone(), begun, deadline).await;
        self.note_outcome(subnet, address, request, &outcome).await;
        outcome.map(Some)
    }

    async fn note_outcome(
        &self,
        subnet: &Found,
        address: IpAddr,
        request: &AllocationRequest,
        outcome: &Result<Added, Failure>,
    ) {
        let kind = match outcome {
            Ok(added) => EventKind::Added { by: added.by() },
            Err(failure) => EventKind::AddFailed { by: &request.by, failure },
        };
        self.events.note(Subject::of(&subnet.scope, address), kind).seen().await;
    }

    /// Promises an address to the call.
    async fn promise(&self, subnet: &Found, request: &AllocationRequest, mark: RequestMark) -> Result<IpAddr, Failure> {
        let came = self.place().moment().await?;
        // Without the MAC: what Foreman was offered for it stays offered to Foreman.
        let ask = Ask { mac: None, request: Some(mark), arrival: came.event };
        match self.choice(subnet, request.strategy) {
            Ok(choice) => self.offer(subnet, ask, came, choice).await,
            Err(address) => self.promise_given(subnet, address, request, ask, came).await,
        }
    }

    /// The order in which addresses are tried, or the address that is given.
    pub(super) fn choice(&self, subnet: &Found, strategy: Strategy) -> Result<Choice, IpAddr> {
        match strategy {
            Strategy::Lowest => Ok(Choice::Lowest),
            Strategy::Next => Ok(Choice::After(self.last_allocated.get(&subnet.scope))),
            Strategy::Random => Ok(Choice::Random),
            Strategy::Address(address) => Err(address),
        }
    }

    /// Promises an address that the caller has chosen, unless it is reserved or promised to another caller.
    async fn promise_given(
        &self,
        subnet: &Found,
        address: IpAddr,
        request: &AllocationRequest,
        ask: Ask,
        came: Moment,
    ) -> Result<IpAddr, Failure> {
        self.expect_offerable(subnet, address)?;
        // It is promised only after the IPAM has called it free. So a record that a look finds after a lost answer was not
        // there before.
        if subnet.provider().reservation(subnet, address).await?.is_some() {
            self.mark_reserved(subnet, address).await?;
            return Err(Failure::AlreadyReserved { address, prefix: subnet.prefix });
        }
        let (grant, at_most) = (self.grant(ask, came), self.rules.holds_at_most);
        loop {
            match self.place().claim(&subnet.scope, &mut iter::once(address), grant, at_most).await? {
                Claim::Granted(address) => return Ok(address),
                Claim::TooManyHolds => {
                    self.make_room(subnet, &ask).await?;
                    continue;
                }
                Claim::NoneFree => {}
            }
            let Some(hold) = self.place().get(&subnet.scope.space, address).await? else { continue };
            may_be_taken_over(address, &hold, request)?;
            let reuse = Step::Reuse(Offer::of(address, &hold), grant);
            if self.place().step(&subnet.scope, address, reuse).await?.is_done() {
                return Ok(address);
            }
        }
    }

    /// Can a host have this address of the subnet?
    pub(super) fn expect_offerable(&self, subnet: &Found, address: IpAddr) -> Result<(), Failure> {
        match subnet.is_offerable(address) {
            true => Ok(()),
            false => Err(Failure::NotOfferable { address, prefix: subnet.prefix }),
        }
    }
}

/// May an address that has this hold be allocated to the host? One in quarantine may, unless it is about to be given back to
/// its host; so may one that is offered to this very host.
pub(super) fn may_be_taken_over(
    address: IpAddr,
    hold: &holds::Hold,
    request: &AllocationRequest,
) -> Result<(), Failure> {
    let is_of_host = hold.mac.is_some() && hold.mac == request.by.mac;
    match hold.state {
        _ if hold.due().is_some() => Err(Failure::BeingReserved { address }),
        HoldState::Released => Ok(()),
        HoldState::Offered if is_of_host => Ok(()),
        HoldState::Offered => Err(Failure::Promised { address }),
        HoldState::Adding | HoldState::Unanswered | HoldState::Reserved => Err(Failure::BeingReserved { address }),
    }
}
