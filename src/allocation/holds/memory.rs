//! Holds in the memory of this process, with a journal that they survive a restart in.
//!
//! moka keeps the spaces: it makes exactly one table for each however many callers ask at once, and drops one that was not
//! used for so long that all its holds have ended. There is no capacity at which it would drop others: an evicted hold is an
//! address promised twice. More holds than `holds_at_most` are refused instead.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ipam_provider::{AddressSet, Prefix, next_address};
use moka::sync::Cache;
use parking_lot::{Mutex, MutexGuard};

use super::hold::{Ask, Grant, Hold, HoldState, Moment, Offer, Scope, Space};
use super::journal::{self, Journal, JournalError, SLACK_OF_LIFE, Snapshot};
use super::listing::HeldAddress;
use super::place::{After, Claim, Held, HeldIn, PENDING_AT_MOST, Place, PlaceError, StateCounts, Stepped};
use super::rules::{Becomes, Step};
use super::runs::Runs;
use super::table::{Promise, Swept, Table};
use crate::allocation::{Clock, HOLD_LIFE_AT_MOST, Timestamp};
use crate::telemetry::request_id::RequestId;

/// A table that was not used for this long has no live hold.
const TABLE_IDLE: Duration = HOLD_LIFE_AT_MOST.saturating_add(Duration::from_secs(600));

/// How many holds are looked at while others wait.
const SLICE: usize = 2048;

/// How many are looked at where those that have ended are removed, which takes ten times as long.
const SLICE_OF_ENDED: usize = 256;

/// How many tables are looked into while others wait.
const TABLES: usize = 256;

/// How long an address is held at least after a restart when it is unknown whether it is reserved, for the looks that
/// follow: no proxy could look while none ran.
const LOOKED_FOR: Duration = Duration::from_secs(300);

/// The holds of one process.
#[derive(Debug)]
pub struct MemoryPlace {
    spaces: Cache<Space, Arc<Mutex<Table>>>,
    clock: Clock,
    /// The clock's time when the holds' own time was `started_at`.
    clock_at_start: Timestamp,
    started_at: Timestamp,
    journal: Option<Journal>,
    count: AtomicUsize,
    events: AtomicU64,
}

impl Drop for MemoryPlace {
    fn drop(&mut self) {
        if let Some(journal) = &self.journal {
            self.bring_up_to_date(journal);
            journal.unlock();
        }
    }
}

impl MemoryPlace {
    /// Holds in memory only, for tests and benchmarks.
    pub fn new(clock: Clock) -> Self {
        let now = clock.now();
        Self::over(clock, now, None)
    }

    /// Holds that survive a restart in `state_directory`.
    ///
    /// # Errors
    /// When the directory cannot be written to, or another process keeps its holds there.
    pub fn open(state_directory: &Path, clock: Clock) -> Result<Self, JournalError> {
        let (journal, replayed) = Journal::open(state_directory)?;
        // Time goes on where the last process ended, whatever the machine's clock says.
        let now = if replayed.now == Timestamp::default() { clock.now() } else { replayed.now };
        let place = Self::over(clock, now, Some(journal));
        for (address, mut hold) in replayed.into_holds() {
            let journaled = hold.until;
            if hold.state == HoldState::Unanswered {
                hold.until = hold.until.max(now + LOOKED_FOR);
            }
            hold.event = 0;
            let table = place.table(&hold.scope.space);
            let mut table = table.lock();
            place.put(&mut table, address, hold.clone());
            table.set_journaled(address, journaled);
            place.journal_held(&mut table, address, &hold, now);
        }
        match place.count.load(Ordering::Relaxed) {
            0 => {}
            count => log::info!("{count} holds are live again after the restart"),
        }
        Ok(place)
    }

    fn over(clock: Clock, started_at: Timestamp, journal: Option<Journal>) -> Self {
        Self {
            spaces: Cache::builder().time_to_idle(TABLE_IDLE).build(),
            clock_at_start: clock.now(),
            clock,
            started_at,
            journal,
            count: AtomicUsize::new(0),
            events: AtomicU64::new(1),
        }
    }

    fn now(&self) -> Timestamp {
        self.started_at + self.clock.now().since(self.clock_at_start)
    }

    fn event(&self) -> Moment {
        Moment { now: self.now(), event: self.events.fetch_add(1, Ordering::Relaxed) }
    }

    fn table(&self, space: &Space) -> Arc<Mutex<Table>> {
        self.spaces.get(space).unwrap_or_else(|| self.spaces.get_with_by_ref(space, Arc::default))
    }

    /// A table that is there already.
    fn known(&self, space: &Space) -> Option<Arc<Mutex<Table>>> {
        self.spaces.get(space)
    }

    /// Looks at some of a table. Callers that wait for it have their turn before the next look.
    fn look<T>(table: &Mutex<Table>, look: impl FnOnce(&mut Table) -> T) -> T {
        let mut table = table.lock();
        let found = look(&mut table);
        MutexGuard::unlock_fair(table);
        found
    }

    fn put(&self, table: &mut Table, address: IpAddr, hold: Hold) {
        let before = table.len();
        table.put(address, hold);
        self.count.fetch_add(table.len() - before, Ordering::Relaxed);
    }

    fn remove(&self, table: &mut Table, address: IpAddr) {
        let before = table.len();
        table.remove(address);
        self.count.fetch_sub(before - table.len(), Ordering::Relaxed);
    }

    /// Enters what a rule says, and its line in the journal before anything else can happen to the address.
    fn enter(&self, table: &mut Table, space: &Space, address: IpAddr, becomes: &Becomes, now: Timestamp) {
        match becomes {
            Becomes::Unchanged => {}
            Becomes::Held(hold) => {
                self.put(table, address, hold.clone());
                self.journal_held(table, address, hold, now);
            }
            Becomes::Ended => {
                self.remove(table, address);
                if let Some(journal) = &self.journal {
                    journal.append(&journal::ended(space, address, now));
                }
            }
        }
    }

    fn journal_held(&self, table: &mut Table, address: IpAddr, hold: &Hold, now: Timestamp) {
        let Some(journal) = &self.journal else { return };
        if hold.until <= table.journaled(address) {
            return;
        }
        let until = hold.until + SLACK_OF_LIFE;
        table.set_journaled(address, until);
        journal.append(&journal::held(address, hold, until, now));
    }

    /// Counts one more hold, unless there are `at_most` already. Of parallel callers just as many succeed as there is room.
    fn count_one_more(&self, at_most: usize) -> bool {
        let one_more = |count| Some(count + 1).filter(|more| *more <= at_most);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// All spaces in order.
    fn sorted_spaces(&self) -> Vec<(Space, Arc<Mutex<Table>>)> {
        let mut spaces: Vec<_> = self.spaces.iter().map(|(space, table)| (Space::clone(&space), table)).collect();
        spaces.sort_by(|a, b| a.0.cmp(&b.0));
        spaces
    }

    /// What is found in all tables, some at a time.
    async fn of_all(&self, find: impl Fn(&Table) -> Vec<Held>) -> Vec<Held> {
        let tables: Vec<_> = self.spaces.iter().map(|(_, table)| table).collect();
        let mut found = Vec::new();
        for some in tables.chunks(TABLES) {
            found.extend(some.iter().flat_map(|table| find(&table.lock())));
            tokio::task::yield_now().await;
        }
        found
    }

    /// Removes all ended holds, some at a time.
    async fn remove_ended(&self) {
        for (space, table) in self.sorted_spaces() {
            while !self.remove_some_ended(&space, &table) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Removes what has ended of the next holds; `true` when all have been looked at.
    fn remove_some_ended(&self, space: &Space, table: &Mutex<Table>) -> bool {
        let now = self.now();
        Self::look(table, |table| {
            let swept = table.sweep(SLICE_OF_ENDED, now);
            self.note_swept(space, &swept, now);
            swept.last.is_none()
        })
    }

    /// The same of a subnet, after an address.
    fn sweep_within(&self, scope: &Scope, table: &Mutex<Table>, after: Option<IpAddr>) -> Swept {
        let now = self.now();
        Self::look(table, |table| {
            let swept = table.sweep_after(after, Some(scope.prefix), SLICE_OF_ENDED, now);
            self.note_swept(&scope.space, &swept, now);
            swept
        })
    }

    /// To be called while the table is locked.
    fn note_swept(&self, space: &Space, swept: &Swept, now: Timestamp) {
        self.count.fetch_sub(swept.removed, Ordering::Relaxed);
        if let Some(journal) = &self.journal {
            // They were looked for as long as they were held; the next process need not.
            for address in &swept.unanswered {
                journal.append(&journal::ended(space, *address, now));
            }
        }
    }

    /// The addresses of a prefix in these runs, read some at a time.
    async fn set_of(table: &Mutex<Table>, runs: fn(&Table) -> &Runs, prefix: Prefix) -> AddressSet {
        let (mut set, mut from) = (AddressSet::default(), prefix.network());
        loop {
            let some = Self::look(table, |table| runs(table).some_within(from, prefix.last(), SLICE));
            for (first, last) in &some {
                set.append_run(*first, *last);
            }
            match some.last().and_then(|run| next_address(run.1)) {
                Some(next) if some.len() == SLICE && next <= prefix.last() => from = next,
                _ => return set,
            }
            tokio::task::yield_now().await;
        }
    }

    fn bring_up_to_date(&self, journal: &Journal) {
        // So that the next process knows how long this one ran.
        journal.append(&journal::time(self.now()));
        journal.write_again_if_due(self.now(), |snapshot| self.write_to(snapshot));
    }

    /// Writes all live holds, some at a time: no caller waits for all of them.
    fn write_to(&self, snapshot: &mut Snapshot<'_>) -> io::Result<()> {
        for (_, table) in self.sorted_spaces() {
            let mut last = None;
            loop {
                let now = self.now();
                let some: Vec<Held> = Self::look(&table, |table| {
                    table.some_after(last, None, SLICE).map(|(address, hold)| (address, hold.clone())).collect()
                });
                for (address, hold) in some.iter().filter(|(_, hold)| hold.is_live(now)) {
                    snapshot.write(*address, hold, hold.until + SLACK_OF_LIFE)?;
                }
                match some.last() {
                    Some((address, _)) => last = Some(*address),
                    None => break,
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Place for MemoryPlace {
    async fn moment(&self) -> Result<Moment, PlaceError> {
        Ok(self.event())
    }

    async fn get(&self, space: &Space, address: IpAddr) -> Result<Option<Hold>, PlaceError> {
        let now = self.now();
        Ok(self.known(space).and_then(|table| table.lock().get(address, now).cloned()))
    }

    async fn offer_for(&self, scope: &Scope, ask: &Ask) -> Result<Option<Offer>, PlaceError> {
        let now = self.now();
        Ok(self.known(&scope.space).and_then(|table| table.lock().offer_for(scope.prefix, ask, now)))
    }

    async fn claim(
        &self,
        scope: &Arc<Scope>,
        candidates: &mut (dyn Iterator<Item = IpAddr> + Send),
        grant: Grant,
        at_most: usize,
    ) -> Result<Claim, PlaceError> {
        let table = self.table(&scope.space);
        let mut table = table.lock();
        let at = self.event();
        let Some(Promise { address, hold, is_one_more }) = table.promise(scope, candidates, &grant, at) else {
            return Ok(Claim::NoneFree);
        };
        if is_one_more && !self.count_one_more(at_most) {
            return Ok(Claim::TooManyHolds);
        }
        table.put(address, hold.clone());
        self.journal_held(&mut table, address, &hold, at.now);
        Ok(Claim::Granted(address))
    }

    async fn step(&self, scope: &Arc<Scope>, address: IpAddr, step: Step) -> Result<Stepped, PlaceError> {
        let table = self.table(&scope.space);
        let mut table = table.lock();
        let at = self.event();
        let before = table.get(address, at.now).cloned();
        let becomes = step.apply(scope, before.as_ref(), at);
        self.enter(&mut table, &scope.space, address, &becomes, at.now);
        Ok(Stepped { before, becomes, at })
    }

    async fn held(&self, scope: &Scope) -> Result<HeldIn, PlaceError> {
        let Some(table) = self.known(&scope.space) else { return Ok(HeldIn::default()) };
        // The lowest are offered first: of those none is left out that has ended.
        let mut last = None;
        for _ in 0..SLICE / SLICE_OF_ENDED {
            last = self.sweep_within(scope, &table, last).last;
            if last.is_none() {
                break;
            }
        }
        let addresses = Self::set_of(&table, Table::held, scope.prefix).await;
        let reserved = Self::set_of(&table, Table::reserved, scope.prefix).await.len();
        // Between the two some may have changed.
        let promised = addresses.len().saturating_sub(reserved);
        Ok(HeldIn { addresses, promised })
    }

    async fn remove_ended_in(&self, scope: &Scope) -> Result<bool, PlaceError> {
        let Some(table) = self.known(&scope.space) else { return Ok(false) };
        let (mut is_any, mut last) = (false, None);
        loop {
            let swept = self.sweep_within(scope, &table, last);
            is_any |= swept.removed > 0;
            if swept.last.is_none() {
                return Ok(is_any);
            }
            last = swept.last;
            tokio::task::yield_now().await;
        }
    }

    async fn spare(&self, scope: &Scope, recycle_after: Duration) -> Result<Option<Offer>, PlaceError> {
        let Some(table) = self.known(&scope.space) else { return Ok(None) };
        let (mut best, mut last) = (None, None);
        loop {
            let now = self.now();
            let (found, end) =
                Self::look(&table, |table| table.spare_after(last, scope.prefix, SLICE, now, recycle_after));
            best = match (best, found) {
                (Some(known), Some(found)) => Some(if lower(&found, &known) { found } else { known }),
                (known, found) => found.or(known),
            };
            if end.is_none() {
                return Ok(best.map(|(_, offer)| offer));
            }
            last = end;
            tokio::task::yield_now().await;
        }
    }

    async fn list(&self, after: Option<&After>, at_most: usize) -> Result<Vec<Held>, PlaceError> {
        let mut page = Vec::new();
        for (space, table) in self.sorted_spaces() {
            let mut last = match after {
                Some((from, _)) if space < *from => continue,
                Some((from, address)) if space == *from => Some(*address),
                _ => None,
            };
            loop {
                let now = self.now();
                let is_complete = Self::look(&table, |table| {
                    let mut count = 0;
                    for (address, hold) in table.some_after(last, None, SLICE) {
                        count += 1;
                        last = Some(address);
                        if hold.is_live(now) {
                            page.push((address, hold.clone()));
                            if page.len() == at_most {
                                break;
                            }
                        }
                    }
                    count < SLICE
                });
                if page.len() == at_most {
                    return Ok(page);
                }
                if is_complete {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        Ok(page)
    }

    async fn find(&self, address: IpAddr) -> Result<Vec<Hold>, PlaceError> {
        let now = self.now();
        let spaces = self.sorted_spaces();
        Ok(spaces.iter().filter_map(|(_, table)| table.lock().get(address, now).cloned()).collect())
    }

    async fn traced(&self, request: &RequestId) -> Result<Vec<Held>, PlaceError> {
        let now = self.now();
        Ok(self.of_all(|table| table.traced(request, now)).await)
    }

    async fn pending(&self) -> Result<Vec<Held>, PlaceError> {
        let now = self.now();
        let mut pending = self.of_all(|table| table.pending(now, PENDING_AT_MOST)).await;
        pending.sort_by_key(|(address, hold)| (hold.pending(), *address));
        pending.truncate(PENDING_AT_MOST);
        Ok(pending)
    }

    async fn count(&self) -> Result<usize, PlaceError> {
        Ok(self.count.load(Ordering::Relaxed))
    }

    async fn count_states(&self) -> Result<StateCounts, PlaceError> {
        let mut counts = StateCounts::default();
        for (number, (_, table)) in self.spaces.iter().enumerate() {
            counts.add_all(table.lock().states());
            if number % TABLES == TABLES - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(counts)
    }

    async fn sweep(&self) -> Result<(), PlaceError> {
        self.remove_ended().await;
        Ok(())
    }

    async fn tidy(self: Arc<Self>) -> Result<(), PlaceError> {
        self.remove_ended().await;
        // The journal may be written again, which blocks on the disk.
        let tidied = tokio::task::spawn_blocking(move || {
            let Some(journal) = &self.journal else { return };
            self.bring_up_to_date(journal);
        });
        tidied.await.map_err(|panic| PlaceError(Arc::new(panic)))
    }

    fn utc(&self, time: Timestamp) -> String {
        utc(time, self.now(), self.clock.now())
    }

    fn trouble(&self) -> Option<String> {
        self.journal.as_ref().and_then(Journal::trouble)
    }
}

fn lower<T: PartialOrd, O>(a: &(T, O), b: &(T, O)) -> bool {
    a.0 < b.0
}

/// What a proxy that is not running left in its state directory, as it would be listed now.
///
/// # Errors
/// When the journal cannot be read.
pub(super) fn read_journal(state_directory: &Path, clock: &Clock) -> io::Result<Vec<HeldAddress>> {
    let replayed = journal::read_back(state_directory)?;
    let ended_at = replayed.now;
    let utc = |time: Timestamp| utc(time, ended_at, clock.now());
    Ok(replayed.into_holds().map(|(address, hold)| HeldAddress::new(address, &hold, utc)).collect())
}

/// A time of the holds, which is `now` when the clock shows `shown`.
fn utc(time: Timestamp, now: Timestamp, shown: Timestamp) -> String {
    let shown = if time >= now { shown + time.since(now) } else { shown.before(now.since(time)) };
    shown.to_utc()
}

#[cfg(test)]
mod restarts;
#[cfg(test)]
mod tests;
