//! The interface of a place that keeps holds.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ipam_provider::AddressSet;

use super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope, Space};
use super::rules::{Becomes, Step};
use crate::allocation::Timestamp;
use crate::telemetry::request_id::RequestId;

/// Why the holds cannot be reached: the sentence for Foreman's user, and the cause for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("The proxy cannot reach the database that keeps its holds. Try again; if it goes on, tell its administrators")]
pub struct PlaceError(#[source] pub Arc<dyn std::error::Error + Send + Sync>);

/// How many holds that a proxy has to see to are read at a time.
pub(super) const PENDING_AT_MOST: usize = 1000;

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// This address is promised.
    Granted(IpAddr),
    /// None of the candidates is free.
    NoneFree,
    /// One is free, and there are too many holds already.
    TooManyHolds,
}

/// What a [`Step`] did.
#[derive(Debug, Clone)]
pub struct Stepped {
    /// The live hold that was there.
    pub before: Option<Hold>,
    /// What it became.
    pub becomes: Becomes,
    /// The time and number of the step.
    pub at: Moment,
}

impl Stepped {
    /// Did it change anything?
    pub fn is_done(&self) -> bool {
        self.becomes != Becomes::Unchanged
    }
}

/// What is held in a subnet.
#[derive(Debug, Default)]
pub struct HeldIn {
    /// Every address that is held.
    pub addresses: AddressSet,
    /// How many of them are promised, and not reserved in the IPAM as far as is known.
    pub promised: usize,
}

/// How many holds there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts([usize; HoldState::ALL.len()]);

impl StateCounts {
    /// How many are in this state.
    pub fn of(&self, state: HoldState) -> usize {
        self.0[state as usize]
    }

    pub(super) fn add(&mut self, state: HoldState, number: usize) {
        self.0[state as usize] += number;
    }

    pub(super) fn remove_one(&mut self, state: HoldState) {
        self.0[state as usize] -= 1;
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        for state in HoldState::ALL {
            self.add(state, others.of(state));
        }
    }
}

/// One hold with its address.
pub type Held = (IpAddr, Hold);

/// Where a list of holds goes on: after this address of this space.
pub(super) type After = (Space, IpAddr);

/// Keeps holds. Each method is one atomic step; between two steps anything may happen.
///
/// The address space of a scope decides what collides. A hold that has ended counts as absent everywhere, and no method
/// looks at all holds in one go.
#[async_trait]
pub trait Place: fmt::Debug + Send + Sync {
    /// The time, and the number of a new event.
    async fn moment(&self) -> Result<Moment, PlaceError>;

    /// The live hold of an address.
    async fn get(&self, space: &Space, address: IpAddr) -> Result<Option<Hold>, PlaceError>;

    /// What the asking MAC is to be offered again in the subnet: `rules::offer_for`.
    async fn offer_for(&self, scope: &Scope, ask: &Ask) -> Result<Option<Offer>, PlaceError>;

    /// Promises the first candidate that is not held. When the asking MAC has been answered meanwhile, by a parallel
    /// question, that answer is given again. There will not be more than `at_most` holds in all.
    async fn claim(
        &self,
        scope: &Arc<Scope>,
        candidates: &mut (dyn Iterator<Item = IpAddr> + Send),
        grant: Grant,
        at_most: usize,
    ) -> Result<Claim, PlaceError>;

    /// Changes the hold of one address by a rule.
    async fn step(&self, scope: &Arc<Scope>, address: IpAddr, step: Step) -> Result<Stepped, PlaceError>;

    /// What is held in the subnet. Above thousands of holds it may name what has ended since the last sweep.
    async fn held(&self, scope: &Scope) -> Result<HeldIn, PlaceError>;

    /// Removes the ended holds of a subnet, so that [`held`](Self::held) names none of them; `true` when there were some.
    /// A place whose `held` never does has nothing to remove.
    async fn remove_ended_in(&self, _: &Scope) -> Result<bool, PlaceError> {
        Ok(false)
    }

    /// The address of the subnet that is given to another host first when nothing else is free, if there is one:
    /// `rules::spare`.
    async fn spare(&self, scope: &Scope, recycle_after: Duration) -> Result<Option<Offer>, PlaceError>;

    /// Live holds by space and address, the next `at_most` after `after`.
    async fn list(&self, after: Option<&After>, at_most: usize) -> Result<Vec<Held>, PlaceError>;

    /// All live holds of an address, in every space.
    async fn find(&self, address: IpAddr) -> Result<Vec<Hold>, PlaceError>;

    /// The live holds that a request has left a trace on, in every space.
    async fn traced(&self, request: &RequestId) -> Result<Vec<Held>, PlaceError>;

    /// The live holds that a proxy has to see to: the first `PENDING_AT_MOST` in the order of `Hold::pending`.
    async fn pending(&self) -> Result<Vec<Held>, PlaceError>;

    /// How many holds there are; ended ones may count until they are removed.
    async fn count(&self) -> Result<usize, PlaceError>;

    /// How many holds there are in each state; ended ones may count until they are removed.
    async fn count_states(&self) -> Result<StateCounts, PlaceError>;

    /// Removes ended holds, some at a time, so that [`count`](Self::count) is right again.
    async fn sweep(&self) -> Result<(), PlaceError>;

    /// Does what keeps the place in order; called every some seconds.
    async fn tidy(self: Arc<Self>) -> Result<(), PlaceError>;

    /// A time of the place as UTC, to the second, such as `2026-11-20T17:49:08Z`.
    fn utc(&self, time: Timestamp) -> String;

    /// What is wrong with the place now, for people.
    fn trouble(&self) -> Option<String>;
}
