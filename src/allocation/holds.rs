//! All holds of the process, one [`HoldTable`] for each subnet.
//!
//! moka keeps the tables: it makes exactly one for each scope however many callers ask at once, and drops one that
//! nobody has touched for so long that all its holds have ended. There is no capacity at which it would drop others: an
//! evicted hold is an address promised twice. More holds than `holds_at_most` are refused instead.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_provider::Prefix;
use moka::future::Cache;

use super::hold::{Hold, HoldState, Scope};
use super::journal::{self, Entry, Journal, JournalError, Snapshot};
use super::listing::{HeldAddress, Listing};
use super::table::{Claim, Count, Grant, HoldTable};
use super::{Clock, Failure, GroupChoice, Timestamp};

/// No hold lives longer: settings are checked against it, and what the journal says is cut to it.
pub const HOLD_LIFE_AT_MOST: Duration = Duration::from_secs(86_400);

/// A table that was not touched for this long has no live hold, and nobody is in the middle of using it.
const TABLE_IDLE: Duration = HOLD_LIFE_AT_MOST.saturating_add(Duration::from_secs(600));

/// How many holds are copied at a time, while others wait.
const COPIED_AT_ONCE: usize = 256;

/// All holds of the process.
#[derive(Debug)]
pub struct Holds {
    tables: Cache<Scope, Arc<SubnetHolds>>,
    shared: Arc<Shared>,
}

impl Drop for Holds {
    fn drop(&mut self) {
        // The cache may drop its tables, and what they share, a little later.
        if let Some(journal) = &self.shared.journal {
            journal.unlock();
        }
    }
}

/// What the tables have in common.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    journal: Option<Journal>,
    count: Count,
    sequence: AtomicU64,
}

impl Shared {
    fn tick(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }
}

/// The holds cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HoldsError(#[from] JournalError);

impl Holds {
    /// Holds in memory only, for tests and benchmarks.
    pub fn in_memory(clock: Clock) -> Self {
        Self::new(clock, None, Count::default())
    }

    /// Holds that survive a restart in `state_directory`.
    ///
    /// # Errors
    /// When the directory cannot be written to, or another process keeps its holds there.
    pub async fn open(state_directory: &Path, clock: Clock) -> Result<Self, HoldsError> {
        let count = Count::default();
        let (journal, replayed) = Journal::open(state_directory, clock.now(), &count)?;
        let holds = Self::new(clock, Some(journal), count);
        if holds.count() > 0 {
            log::info!("{} holds are live again after the restart", holds.count());
        }
        holds.shared.sequence.fetch_max(replayed.next_event, Ordering::Relaxed);
        for (scope, table) in replayed.tables {
            let subnet = Arc::new(SubnetHolds::new(scope.clone(), table, holds.shared.clone()));
            holds.tables.insert(scope, subnet).await;
        }
        Ok(holds)
    }

    fn new(clock: Clock, journal: Option<Journal>, count: Count) -> Self {
        let shared = Shared { clock, journal, count, sequence: AtomicU64::new(1) };
        Self { tables: Cache::builder().time_to_idle(TABLE_IDLE).build(), shared: Arc::new(shared) }
    }

    /// The holds of one subnet.
    pub(super) async fn of(&self, scope: Scope) -> Arc<SubnetHolds> {
        if let Some(known) = self.tables.get(&scope).await {
            return known;
        }
        let make = || {
            let table = HoldTable::new(scope.prefix, self.shared.count.clone(), self.shared.clock.now());
            Arc::new(SubnetHolds::new(scope.clone(), table, self.shared.clone()))
        };
        self.tables.get_with_by_ref(&scope, async { make() }).await
    }

    /// Orders an event among all events of this process.
    pub(super) fn tick(&self) -> u64 {
        self.shared.tick()
    }

    /// The time that the holds live by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// How many holds are in memory. Ended ones count until they are swept, so this is never too low.
    pub fn count(&self) -> usize {
        self.shared.count.get()
    }

    /// All live holds, by subnet and address, some at a time.
    pub fn list(&self) -> Listing {
        let mut subnets: Vec<_> = self.tables.iter().map(|(_, subnet)| subnet).collect();
        subnets.sort_by(|a, b| a.scope().cmp(b.scope()));
        Listing::new(subnets)
    }

    /// The addresses of a provider of which nobody knows whether they are reserved.
    pub(super) fn unanswered(&self, provider: &str) -> Vec<(Scope, IpAddr, Hold)> {
        let now = self.shared.clock.now();
        let mut all = Vec::new();
        for (scope, subnet) in self.tables.iter().filter(|(scope, _)| &*scope.provider == provider) {
            let table = subnet.table();
            let unanswered = table.live(now).filter(|(_, hold)| hold.state == HoldState::Unanswered);
            all.extend(unanswered.map(|(address, hold)| (Scope::clone(&scope), address, hold)));
        }
        all
    }

    /// Ends the hold of an address; `false` when there is none.
    ///
    /// The holds themselves are searched, not the IPAM: a subnet may be gone while its holds live on. Those of `provider`
    /// come first; the holds of another one, from before a reload, are only ended where it has none.
    ///
    /// # Errors
    /// [`Failure::BeingReserved`] while a reservation is on its way, and [`Failure::Ambiguous`] when the address is held in
    /// several groups and none is chosen.
    pub async fn release(
        &self,
        provider: &str,
        prefix: Prefix,
        group: &GroupChoice,
        address: IpAddr,
    ) -> Result<bool, Failure> {
        let now = self.shared.clock.now();
        let is_meant = |scope: &Scope| match (group.readings(), &scope.group) {
            _ if scope.prefix != prefix => false,
            ([], _) => true,
            (readings, Some(group)) => readings.contains(group),
            (_, None) => false,
        };
        let of_prefix = self.tables.iter().filter(|(scope, _)| is_meant(scope)).map(|(_, subnet)| subnet);
        let mut holding: Vec<Arc<SubnetHolds>> =
            of_prefix.filter(|subnet| subnet.table().get(address, now).is_some()).collect();
        let is_of_provider = |subnet: &Arc<SubnetHolds>| &*subnet.scope.provider == provider;
        if holding.iter().any(is_of_provider) {
            holding.retain(is_of_provider);
        }
        match holding.pop() {
            None => Ok(false),
            Some(subnet) if holding.is_empty() => {
                let is_being_reserved =
                    subnet.end_if(address, |_| true).is_none() && subnet.table().get(address, now).is_some();
                if is_being_reserved { Err(Failure::BeingReserved { address }) } else { Ok(true) }
            }
            Some(subnet) => {
                holding.push(subnet);
                let groups = holding.iter().filter_map(|subnet| subnet.scope.group.clone());
                Err(Failure::Ambiguous { prefix, groups: groups.collect() })
            }
        }
    }

    /// Ends all batches of candidates: somebody has written to the IPAM by another of our ways.
    pub fn drop_candidates(&self) {
        for (_, subnet) in &self.tables {
            subnet.drop_candidates(subnet.generation());
        }
    }

    /// The live holds that a proxy which is not running left in its state directory.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(state_directory: &Path, clock: &Clock) -> io::Result<Vec<HeldAddress>> {
        let now = clock.now();
        let tables = journal::read(state_directory, now)?;
        let of_table = |(scope, table): (&Scope, &HoldTable)| -> Vec<HeldAddress> {
            table.live(now).map(|(address, hold)| HeldAddress::new(scope, address, &hold)).collect()
        };
        Ok(tables.iter().flat_map(of_table).collect())
    }

    /// Removes ended holds, so that [`count`](Self::count) is right again.
    pub(super) fn sweep(&self) {
        for (_, subnet) in &self.tables {
            subnet.change(|_, _| None);
        }
    }

    /// Housekeeping: removes ended holds and writes the journal anew when it has grown. Blocks on the disk.
    pub fn tidy(&self) {
        self.sweep();
        let now = self.shared.clock.now();
        if let Some(journal) = &self.shared.journal {
            journal.compact_if_due(|snapshot| self.write_to(snapshot, now));
        }
    }

    /// Writes all live holds, some at a time: nobody waits for all of them.
    fn write_to(&self, snapshot: &mut Snapshot<'_>, now: Timestamp) -> io::Result<()> {
        for (_, subnet) in &self.tables {
            subnet.write_to(snapshot, now)?;
        }
        Ok(())
    }
}

/// The holds of one subnet: its table behind a lock that is never held across a provider call.
#[derive(Debug)]
pub(super) struct SubnetHolds {
    table: Mutex<HoldTable>,
    scope: Scope,
    shared: Arc<Shared>,
    /// Which batch of candidates is current; see `candidates`.
    generation: AtomicU64,
}

impl SubnetHolds {
    fn new(scope: Scope, table: HoldTable, shared: Arc<Shared>) -> Self {
        Self { table: Mutex::new(table), scope, shared, generation: AtomicU64::new(0) }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(super) fn tick(&self) -> u64 {
        self.shared.tick()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The table, for looking.
    pub(super) fn table(&self) -> MutexGuard<'_, HoldTable> {
        // A panic while the lock was held can at most have left a hold out of the index by MAC: the address stays excluded.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One atomic step: `change` the table. The hold of the address that it names is in the journal before this returns,
    /// so before anybody is told of it.
    pub(super) fn change(&self, change: impl FnOnce(&mut HoldTable, Timestamp) -> Option<IpAddr>) -> Option<IpAddr> {
        let now = self.shared.clock.now();
        let mut table = self.table();
        // A proxy that ran when they ended has looked for them as long as they were held; the next one need not.
        let given_up: Vec<_> = table.sweep(now).into_iter().map(|address| (address, self.shared.tick())).collect();
        let changed = change(&mut table, now);
        let entry = match &self.shared.journal {
            Some(_) => changed.and_then(|address| table.take_for_journal(address, now)),
            None => None,
        };
        // Numbered under the lock: the order of lines is that of the events, not of the writes.
        let entry = entry.map(|entry| (entry, self.shared.tick()));
        drop(table);
        if let Some(journal) = &self.shared.journal {
            let given_up = given_up.into_iter().map(|(address, event)| (address, Entry::Ended, event));
            let changed = changed.zip(entry).map(|(address, (entry, event))| (address, entry, event));
            for (address, entry, event) in given_up.chain(changed) {
                journal.append(&self.scope, address, &entry, event);
            }
        }
        changed
    }

    /// Promises the first candidate that nobody holds, unless there are `at_most` holds already.
    pub(super) fn claim(
        &self,
        candidates: impl Iterator<Item = IpAddr>,
        grant: impl FnOnce(Timestamp) -> Grant,
        at_most: usize,
    ) -> Claim {
        let mut claim = Claim::NoneFree;
        self.change(|table, now| {
            claim = table.claim(candidates, grant(now), at_most);
            match claim {
                Claim::Granted(address) => Some(address),
                Claim::NoneFree | Claim::TooManyHolds => None,
            }
        });
        claim
    }

    /// Ends the hold of an address, if it `is_meant` and no reservation is on its way: until that has landed, nobody else
    /// may be offered the address.
    pub(super) fn end_if(&self, address: IpAddr, is_meant: impl FnOnce(&Hold) -> bool) -> Option<Hold> {
        let mut ended = None;
        self.change(|table, now| {
            if table.get(address, now).is_some_and(|hold| hold.state != HoldState::Adding && is_meant(&hold)) {
                ended = table.remove(address);
            }
            ended.as_ref().map(|_| address)
        });
        if ended.is_some() {
            self.drop_candidates(self.generation());
        }
        ended
    }

    /// The current batch of candidates.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes a batch of candidates no longer current. Of several callers that found the same batch used up, the first
    /// moves on; the others find that done.
    pub(super) fn drop_candidates(&self, generation: u64) {
        let _ = self.generation.compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Of the live holds behind an address, or of all, the first few by address: nobody waits for long. `make` is called
    /// under the lock.
    pub(super) fn some_behind<T>(
        &self,
        address: Option<IpAddr>,
        now: Timestamp,
        make: impl FnMut((IpAddr, Hold)) -> T,
    ) -> Vec<T> {
        self.table().live_behind(address, now).take(COPIED_AT_ONCE).map(make).collect()
    }

    /// Writes the live holds, some at a time.
    fn write_to(&self, snapshot: &mut Snapshot<'_>, now: Timestamp) -> io::Result<()> {
        let mut last = None;
        loop {
            // Numbered under the lock: what was journaled of the address before is older than this, what will be is newer.
            let some = self.some_behind(last, now, |(address, hold)| (address, hold, self.shared.tick()));
            for (address, hold, event) in &some {
                snapshot.write(&self.scope, *address, hold, *event)?;
            }
            match some.last() {
                Some((address, ..)) => last = Some(*address),
                None => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hold_of_a_former_provider_does_not_make_a_release_ambiguous() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (now, until) = (clock.now().0, (clock.now() + Duration::from_secs(600)).0);
        let line = |provider: &str| {
            format!(
                r#"{{"provider":"{provider}","prefix":"10.0.0.0/24","address":"10.0.0.9","state":"offered","granted":{now},"until":{until},"event":1}}"#
            ) + "\n"
        };
        std::fs::write(directory.path().join("holds.journal"), line("netbox") + &line("phpipam")).expect("written");
        let holds = Holds::open(directory.path(), clock).await.expect("holds");
        let (prefix, address) = ("10.0.0.0/24".parse().expect("a prefix"), [10, 0, 0, 9].into());
        let release =
            async || holds.release("phpipam", prefix, &GroupChoice::none(), address).await.expect("an answer");
        let providers =
            || holds.tables.iter().filter(|(_, subnet)| subnet.table().get(address, holds.clock().now()).is_some());
        assert!(release().await);
        assert_eq!(providers().map(|(scope, _)| scope.provider.to_string()).collect::<Vec<_>>(), ["netbox"]);
        assert!(release().await, "what is listed can be released");
        assert!(!release().await);
    }
}
