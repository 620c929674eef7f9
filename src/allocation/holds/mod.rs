//! The promises of addresses, and the places that keep them.
//!
//! `rules` says what may become of a hold, [`Place`] is the interface of what keeps holds, and [`Holds`] is what the rest
//! of the proxy sees of it. Holds are kept by address space: two subnets of one space never promise one address, however
//! they nest and whatever they are called.

#[cfg(test)]
mod explore;
mod hold;
mod journal;
mod listing;
mod memory;
mod place;
mod postgres;
mod rules;
mod runs;
#[cfg(test)]
mod suite;
mod table;
mod trace;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipam_provider::{GroupName, Prefix};

pub use hold::{Ask, Grant, Hold, HoldState, Moment, Offer, RequestMark, Scope, Space};
pub use journal::JournalError;
pub use listing::{HeldAddress, ListError, Page};
pub use memory::MemoryPlace;
pub use place::{Claim, Held, HeldIn, Place, PlaceError, StateCounts, Stepped};
pub use postgres::{Database, DatabaseError, PostgresPlace, UrlError, check as check_database};
pub use rules::{Becomes, Step};
pub use trace::{Due, Removed, Trace};

use super::{Clock, Failure, GroupChoice};

/// How many holds are written as text while others wait.
const TEXTS: usize = 100;

/// All holds that this proxy knows of.
#[derive(Debug, Clone)]
pub struct Holds {
    place: Arc<dyn Place>,
}

impl Holds {
    /// Holds in memory only, for tests and benchmarks.
    pub fn in_memory(clock: Clock) -> Self {
        Self { place: Arc::new(MemoryPlace::new(clock)) }
    }

    /// Holds of this process, which survive a restart in `state_directory`.
    ///
    /// # Errors
    /// When the directory cannot be written to, or another process keeps its holds there.
    pub fn open(state_directory: &Path, clock: Clock) -> Result<Self, JournalError> {
        Ok(Self { place: Arc::new(MemoryPlace::open(state_directory, clock)?) })
    }

    /// Holds in a database that several proxies share. It is connected to when it is needed first.
    ///
    /// # Errors
    /// When the thread for the database cannot be started.
    pub fn shared(database: Database) -> Result<Self, DatabaseError> {
        Ok(Self { place: Arc::new(PostgresPlace::new(database)?) })
    }

    /// The live holds that a proxy which is not running left in its state directory.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(state_directory: &Path, clock: &Clock) -> io::Result<Vec<HeldAddress>> {
        memory::read_journal(state_directory, clock)
    }

    /// What keeps them.
    pub fn place(&self) -> &dyn Place {
        &*self.place
    }

    /// What is wrong with what keeps them, for people.
    pub fn trouble(&self) -> Option<String> {
        self.place.trouble()
    }

    /// Does what keeps the place in order; to be called every some seconds.
    ///
    /// # Errors
    /// When the place cannot be reached.
    pub async fn tidy(&self) -> Result<(), PlaceError> {
        self.place.clone().tidy().await
    }

    /// Live holds by address space and address: the next ones after a page.
    ///
    /// # Errors
    /// When `after` is not from a page, or the place cannot be reached.
    pub async fn page(&self, after: Option<&str>, at_most: usize) -> Result<Page, ListError> {
        let after = after.map(listing::read_after).transpose()?;
        let held = self.place.list(after.as_ref(), at_most).await?;
        let next = held.last().filter(|_| held.len() == at_most).map(|(address, hold)| listing::after(hold, *address));
        let utc = |time| self.place.utc(time);
        let mut holds = Vec::with_capacity(held.len());
        for some in held.chunks(TEXTS) {
            holds.extend(some.iter().map(|(address, hold)| HeldAddress::new(*address, hold, utc)));
            tokio::task::yield_now().await;
        }
        Ok(Page { holds, next })
    }

    /// All live holds of an address, in every space.
    ///
    /// # Errors
    /// When the place cannot be reached.
    pub async fn of_address(&self, address: IpAddr) -> Result<Vec<HeldAddress>, PlaceError> {
        let holds = self.place.find(address).await?;
        Ok(holds.iter().map(|hold| HeldAddress::new(address, hold, |time| self.place.utc(time))).collect())
    }

    /// Ends the hold of an address; `false` when there is none. `is_current` answers whether the settings still lead to
    /// where a hold is.
    ///
    /// # Errors
    /// [`Failure::BeingReserved`] while a reservation is on its way, [`Failure::Ambiguous`] when the address is held in several
    /// groups and none is chosen, and when the place cannot be reached.
    pub async fn release(
        &self,
        is_current: impl Fn(&Scope) -> bool,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
    ) -> Result<bool, Failure> {
        let Some(hold) = self.meant(is_current, prefix, group, address).await? else { return Ok(false) };
        let ended = self.place.step(&hold.scope, address, Step::End).await?;
        let is_still_there = ended.before.is_some() && !ended.is_done();
        if is_still_there { Err(Failure::BeingReserved { address }) } else { Ok(true) }
    }

    /// The hold of an address of the subnet that is meant.
    ///
    /// The holds themselves are searched, not the IPAM: a subnet may be gone while its holds live on. Those of the
    /// IPAM that has the subnet by the settings come first, as `is_current` answers; the holds of another one, from before a
    /// reload, only where it has none.
    ///
    /// # Errors
    /// [`Failure::Ambiguous`] when the address is held in several groups and none is chosen, and when the place cannot be
    /// reached.
    pub(super) async fn meant(
        &self,
        is_current: impl Fn(&Scope) -> bool,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
    ) -> Result<Option<Hold>, Failure> {
        let is_meant = |scope: &Scope| match (group.readings(), &scope.group) {
            _ if scope.prefix != prefix => false,
            ([], _) => true,
            (readings, Some(group)) => readings.contains(group),
            (_, None) => false,
        };
        let mut holding = self.place.find(address).await?;
        holding.retain(|hold| is_meant(&hold.scope));
        if holding.iter().any(|hold| is_current(&hold.scope)) {
            holding.retain(|hold| is_current(&hold.scope));
        }
        if holding.len() > 1 {
            let groups: Vec<GroupName> = holding.iter().filter_map(|hold| hold.scope.group.clone()).collect();
            return Err(Failure::Ambiguous { prefix, groups });
        }
        Ok(holding.pop())
    }
}
