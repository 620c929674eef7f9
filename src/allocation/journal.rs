//! The journal that holds survive a restart in.
//!
//! One JSON object a line in `<state_directory>/holds.journal`, each the whole state of one address's hold; of the lines
//! about an address the one with the highest `event` counts. A line is handed to the operating system before the address
//! is answered, so a killed process loses none; it is not forced to the disk, so a power cut may lose the holds of the
//! last seconds. (A *reservation* is never lost that way: it is in the IPAM.)
//!
//! Lines are appended without a lock of ours: the system keeps appended lines whole and one after the other, and `event`
//! tells their order. A hold that is merely renewed is not written each time; see [`SLACK_OF_LIFE`].
//!
//! A torn last line, left by a kill in the middle of a write, is dropped. A line that cannot be read is reported and
//! passed over. When the file holds far more lines than live holds, it is written anew, from the holds in memory, beside
//! the old one and renamed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ipam_provider::{GroupName, Mac, Prefix, state_files};
use serde::{Deserialize, Serialize};

use super::hold::{Hold, HoldState, RequestMark, Scope};
use super::packed::LAST_EVENT;
use super::table::{Count, HoldTable};
use super::{HOLD_LIFE_AT_MOST, Timestamp};

const FILE: &str = "holds.journal";

/// How much longer than promised a hold lives in the journal. While what is written covers the promise, a renewal is not
/// written again; after a restart a hold may live this much too long, never too short.
pub(super) const SLACK_OF_LIFE: Duration = Duration::from_secs(60);

/// How long an address of which nobody knows whether it is reserved is held at least after a restart, for the looks that
/// [`watch`](super::watch) takes: nobody could look while no proxy ran. Where one ran when the hold ended, its end is in the
/// journal.
const LOOKED_FOR: Duration = Duration::from_secs(300);

/// Lines beyond twice the live ones before the file is written anew.
const SLACK: usize = 10_000;

/// What was appended while the file was written anew is copied while nobody can append only when it is as short as this,
/// in bytes, or has not become so in a few rounds.
const SHORT: u64 = 65_536;
const ROUNDS: usize = 8;

/// Bytes that are read or written at a time.
const BUFFER: usize = 65_536;

/// The state of one address's hold, as one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    provider: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    group: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prefix: Cow<'a, str>,
    address: IpAddr,
    state: LineState,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    mac: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    granted: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request: Option<u64>,
    event: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LineState {
    Offered,
    Adding,
    Reserved,
    Ended,
}

/// What was read back.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The live holds.
    pub(super) tables: BTreeMap<Scope, HoldTable>,
    /// A number beyond those of all events in the file.
    pub(super) next_event: u64,
}

/// What is written of one address.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// The hold as it is now.
    Held(Hold),
    /// The hold that was there ended before its time.
    Ended,
}

/// The open journal of a running proxy.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Shared by those who append; alone by who writes the file anew.
    open: RwLock<Open>,
    lines: AtomicUsize,
    /// A failed write is reported once, until a write succeeds again.
    is_failing: AtomicBool,
    /// Something could not be written, and is not in the file.
    has_gaps: AtomicBool,
    // The directory, locked as long as the journal is used: two proxies on one journal would promise each other's addresses.
    // A file made for the lock could be deleted, and the next proxy would lock another one.
    lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    live_when_compacted: usize,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    /// Another process has it.
    #[error("another foreman-ipam-proxy keeps its holds in {0}; give each its own state_directory")]
    InUse(PathBuf),
    /// The file cannot be used.
    #[error(
        "the holds cannot be kept in {path}: {source}; the directory must exist and be writable for the proxy's user"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Journal {
    /// Opens the journal in `directory` and reads the holds back that are live at `now`; `count` counts them.
    pub(super) fn open(directory: &Path, now: Timestamp, count: &Count) -> Result<(Self, Replayed), JournalError> {
        let path = directory.join(FILE);
        let failed = |source| JournalError::Io { path: path.clone(), source };
        let lock = File::open(directory).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse(directory.to_owned()),
            TryLockError::Error(source) => {
                failed(io::Error::other(format!("a network file system may not let a directory be locked: {source}")))
            }
        })?;
        let replayed = read_back(&path, now, LOOKED_FOR, count).map_err(failed)?;
        let write = |snapshot: &mut Snapshot<'_>| {
            for (scope, table) in &replayed.tables {
                table.live(now).try_for_each(|(address, hold)| snapshot.write(scope, address, &hold, hold.sequence))?;
            }
            Ok(())
        };
        let (fresh, live) = Fresh::write(&path, write).map_err(failed)?;
        let file = fresh.put_in_place().map_err(failed)?;
        let journal = Self {
            path,
            open: RwLock::new(Open { file, live_when_compacted: live }),
            lines: AtomicUsize::new(live),
            is_failing: AtomicBool::new(false),
            has_gaps: AtomicBool::new(false),
            lock,
        };
        Ok((journal, replayed))
    }

    /// Lets another process have the journal. To be called when nobody will append any more.
    pub(super) fn unlock(&self) {
        if let Err(error) = self.lock.unlock() {
            log::error!("{} stays locked until this process ends: {error}", self.path.display());
        }
    }

    /// Writes the state of one address as of this event. A failure is logged, not returned: the hold stands in memory, and
    /// an address is worth more to the caller than its record. It is written as soon as the file can be
    /// [written anew](Self::compact_if_due).
    pub(super) fn append(&self, scope: &Scope, address: IpAddr, entry: &Entry, event: u64) {
        let hold = match entry {
            Entry::Held(hold) => Some(hold),
            Entry::Ended => None,
        };
        let mut text = encode(scope, address, hold, event);
        let was_failing = self.is_failing.load(Ordering::Relaxed);
        if was_failing {
            // The failed write may have left half a line behind.
            text.insert(0, b'\n');
        }
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let written = (&open.file).write_all(&text);
        drop(open);
        match written {
            Ok(()) if was_failing => {
                self.is_failing.store(false, Ordering::Relaxed);
                log::info!("Holds are written to {} again", self.path.display());
            }
            Ok(()) => {}
            Err(error) => {
                self.has_gaps.store(true, Ordering::Relaxed);
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    log::error!("Holds will not survive a restart: {} cannot be written: {error}", self.path.display());
                }
            }
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the file anew when most of it is about holds that have ended, when it lacks some, or when it was removed. `write` is to write all
    /// holds that are live while it runs. Blocks on the disk, but nobody who appends: they wait only while the last few
    /// lines that they appended meanwhile are copied.
    pub(super) fn compact_if_due(&self, write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>) {
        let lines = self.lines.load(Ordering::Relaxed);
        let (live_when_compacted, is_gone) = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            (open.live_when_compacted, !state_files::is_at(&open.file, &self.path))
        };
        if is_gone {
            log::error!("{} was removed or replaced while the proxy runs; it is written again", self.path.display());
        }
        let has_grown = lines >= 2 * live_when_compacted + SLACK;
        // What cannot be written from now on is a gap in the new file.
        let has_gaps = self.has_gaps.swap(false, Ordering::Relaxed) || is_gone;
        if !has_grown && !has_gaps {
            return;
        }
        let Err(error) = self.compact(write) else { return };
        self.has_gaps.fetch_or(has_gaps, Ordering::Relaxed);
        if has_grown {
            log::error!("{} cannot be written anew and keeps growing: {error}", self.path.display());
            // Not again before it has grown as much once more.
            self.open.write().unwrap_or_else(PoisonError::into_inner).live_when_compacted = lines;
        } else if !self.is_failing.load(Ordering::Relaxed) {
            log::error!("{} lacks holds and cannot be written anew: {error}", self.path.display());
        }
    }

    fn compact(&self, write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>) -> io::Result<()> {
        let (old, length, lines) = {
            // Nobody is in the middle of a line.
            let open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            (open.file.try_clone()?, open.file.metadata()?.len(), self.lines.load(Ordering::Relaxed))
        };
        // Every line up to here is about something that the holds in memory know already.
        let (mut fresh, live) = Fresh::write(&self.path, write)?;
        let mut old = Tail { file: &old, at: length };
        for _ in 0..ROUNDS {
            if io::copy(&mut old, &mut fresh.file)? < SHORT {
                break;
            }
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        io::copy(&mut old, &mut fresh.file)?;
        *open = Open { file: fresh.put_in_place()?, live_when_compacted: live };
        let since = self.lines.load(Ordering::Relaxed).saturating_sub(lines);
        self.lines.store(live + since, Ordering::Relaxed);
        Ok(())
    }
}

/// The live holds in a journal that no process has open; for the command line.
pub(super) fn read(directory: &Path, now: Timestamp) -> io::Result<BTreeMap<Scope, HoldTable>> {
    Ok(read_back(&directory.join(FILE), now, Duration::ZERO, &Count::default())?.tables)
}

/// Reads on from an offset, while others append through the same descriptor.
struct Tail<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Tail<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn encode(scope: &Scope, address: IpAddr, hold: Option<&Hold>, event: u64) -> Vec<u8> {
    let line = Line {
        provider: Cow::Borrowed(&*scope.provider),
        group: scope.group.as_ref().map(|group| Cow::Borrowed(group.as_str())),
        prefix: scope.prefix.to_string().into(),
        address,
        state: hold.map_or(LineState::Ended, |hold| hold.state.into()),
        mac: hold.and_then(|hold| hold.mac).map(|mac| mac.to_string().into()),
        granted: hold.map(|hold| hold.granted),
        // What is promised and some more, when it is journaled just now; else what the journal had.
        until: hold.map(|hold| hold.journaled.max(hold.until)),
        request: hold.and_then(|hold| hold.request).map(|mark| mark.get().into()),
        event,
    };
    let mut text = serde_json::to_vec(&line).expect("a line of texts and numbers is JSON");
    text.push(b'\n');
    text
}

/// The holds of the file that are live at `now`; none when there is no file. Those without an answer live for `looked_for`
/// at least.
fn read_back(path: &Path, now: Timestamp, looked_for: Duration, count: &Count) -> io::Result<Replayed> {
    match state_files::open(path) {
        Ok(file) => {
            let mut replayed = read_lines(BufReader::with_capacity(BUFFER, file), path, now, count)?;
            replayed.tables.retain(|_, table| {
                table.keep_unanswered(now, looked_for);
                drop(table.remove_ended(now));
                table.live(now).next().is_some()
            });
            Ok(replayed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Replayed::default()),
        Err(error) => Err(error),
    }
}

fn read_lines(mut lines: impl BufRead, path: &Path, now: Timestamp, count: &Count) -> io::Result<Replayed> {
    let mut replayed = Replayed::default();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if lines.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let is_torn = text.pop_if(|end| *end == b'\n').is_none();
        if text.is_empty() {
            continue;
        }
        match decode(&text) {
            Some((scope, address, hold)) => replayed.take(scope, address, hold, now, count),
            None if is_torn => log::info!("{}: the last line is torn and dropped", path.display()),
            None => log::warn!("{}: line {number} is no hold and passed over", path.display()),
        }
    }
    Ok(replayed)
}

impl Replayed {
    /// Takes what a line says of an address, unless it is older than what is known. That an address was let go is kept as a
    /// hold that has ended: an older line may come later.
    fn take(&mut self, scope: Scope, address: IpAddr, mut hold: Hold, now: Timestamp, count: &Count) {
        self.next_event = self.next_event.max(hold.sequence + 1);
        // The clock may have been far ahead when the line was written.
        hold.until = hold.until.min(now + HOLD_LIFE_AT_MOST);
        let prefix = scope.prefix;
        let table = self.tables.entry(scope).or_insert_with(|| HoldTable::new(prefix, count.clone(), now));
        if table.get_even_ended(address).is_none_or(|known| known.sequence <= hold.sequence) {
            table.put(address, &hold);
        }
    }
}

/// What a line says; that an address was let go as a hold that ended at the beginning of time.
fn decode(text: &[u8]) -> Option<(Scope, IpAddr, Hold)> {
    let line: Line<'_> = serde_json::from_slice(text).ok()?;
    let prefix: Prefix = line.prefix.parse().ok().filter(|prefix: &Prefix| prefix.contains(line.address))?;
    let mac: Option<Mac> = line.mac.map(|mac| mac.parse()).transpose().ok()?;
    let scope = Scope { provider: line.provider.into(), group: line.group.and_then(GroupName::new), prefix };
    let (state, granted, until) = match line.state {
        LineState::Offered => (HoldState::Offered, line.granted?, line.until?),
        // The process ended before the IPAM's answer came, or before its own was given.
        LineState::Adding => (HoldState::Unanswered, line.granted?, line.until?),
        LineState::Reserved => (HoldState::Reserved, line.granted?, line.until?),
        LineState::Ended => (HoldState::Reserved, Timestamp::default(), Timestamp::default()),
    };
    let hold = Hold {
        mac,
        state,
        granted,
        until,
        request: line.request.map(RequestMark::of),
        sequence: Some(line.event).filter(|event| *event <= LAST_EVENT)?,
        // Nobody has looked since: the address is checked before it is offered again.
        confirmed: Timestamp::default(),
        journaled: Timestamp::default(),
    };
    Some((scope, line.address, hold))
}

/// A journal that is written beside the one in use, which stays until this one is complete. One that is not completed
/// leaves no file behind: it may have taken the last room on the disk.
struct Fresh<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: File,
    is_in_place: bool,
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if !self.is_in_place
            && let Err(error) = fs::remove_file(&self.beside)
        {
            log::warn!("{} cannot be removed: {error}", self.beside.display());
        }
    }
}

impl<'a> Fresh<'a> {
    /// Writes just the holds that `write` writes. Tells how many they are.
    fn write(path: &'a Path, write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>) -> io::Result<(Self, usize)> {
        let beside = path.with_extension("journal.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = state_files::create(&beside)?;
        let fresh = Self { path, beside, file, is_in_place: false };
        let mut writer = BufWriter::with_capacity(BUFFER, &fresh.file);
        let mut snapshot = Snapshot { writer: &mut writer, holds: 0 };
        write(&mut snapshot)?;
        let holds = snapshot.holds;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((fresh, holds))
    }

    /// Puts it in place of the old one, and goes on appending to it.
    fn put_in_place(mut self) -> io::Result<File> {
        let file = self.file.try_clone()?;
        fs::rename(&self.beside, self.path)?;
        self.is_in_place = true;
        Ok(file)
    }
}

/// Takes the live holds one by one, so that they need not be in memory twice.
pub(super) struct Snapshot<'a> {
    writer: &'a mut dyn Write,
    holds: usize,
}

impl Snapshot<'_> {
    /// Writes a hold as of this event.
    pub(super) fn write(&mut self, scope: &Scope, address: IpAddr, hold: &Hold, event: u64) -> io::Result<()> {
        self.holds += 1;
        self.writer.write_all(&encode(scope, address, Some(hold), event))
    }
}

impl From<HoldState> for LineState {
    fn from(state: HoldState) -> Self {
        match state {
            HoldState::Offered => Self::Offered,
            HoldState::Adding | HoldState::Unanswered => Self::Adding,
            HoldState::Reserved => Self::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::Clock;

    fn scope() -> Scope {
        let prefix = "2001:db8::/64".parse().expect("a prefix");
        Scope { provider: "internal".into(), group: GroupName::new("My Group/ä"), prefix }
    }

    fn hold(clock: &Clock, state: HoldState) -> Hold {
        let now = clock.now();
        Hold {
            mac: Some("00:01:02:03:04:05".parse().expect("a MAC")),
            state,
            granted: now,
            until: now + Duration::from_secs(1800),
            request: Some(RequestMark::of(u64::MAX)),
            sequence: 1,
            confirmed: now,
            journaled: now + Duration::from_secs(1800),
        }
    }

    fn address(last: u16) -> IpAddr {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into()
    }

    /// Opens the journal, and tells the holds in it.
    fn open(directory: &Path, clock: &Clock) -> (Journal, Vec<(IpAddr, Hold)>) {
        let (journal, replayed) = Journal::open(directory, clock.now(), &Count::default()).expect("a journal");
        assert!(replayed.tables.keys().all(|known| *known == scope()));
        let holds = replayed.tables.values().flat_map(|table| table.live(clock.now()));
        (journal, holds.collect())
    }

    /// How many holds are in a journal that is not open.
    fn count(directory: &Path, clock: &Clock) -> usize {
        read(directory, clock.now()).expect("holds").values().map(|table| table.live(clock.now()).count()).sum()
    }

    fn states(holds: &[(IpAddr, Hold)]) -> Vec<(IpAddr, HoldState)> {
        holds.iter().map(|(address, hold)| (*address, hold.state)).collect()
    }

    #[test]
    fn the_last_line_about_an_address_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, holds) = open(directory.path(), &clock);
        assert_eq!(holds, []);
        for last in 1..=4 {
            journal.append(&scope(), address(last), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        }
        journal.append(&scope(), address(2), &Entry::Held(hold(&clock, HoldState::Adding)), 1);
        journal.append(&scope(), address(3), &Entry::Ended, 1);
        journal.append(&scope(), address(4), &Entry::Held(hold(&clock, HoldState::Reserved)), 1);
        drop(journal);
        let (_journal, holds) = open(directory.path(), &clock);
        let expected =
            [(address(1), HoldState::Offered), (address(2), HoldState::Unanswered), (address(4), HoldState::Reserved)];
        assert_eq!(states(&holds), expected);
        let unknown = Timestamp::default();
        let expected = Hold { confirmed: unknown, journaled: unknown, ..hold(&clock, HoldState::Offered) };
        assert_eq!(holds[0].1, expected);
    }

    #[test]
    fn the_order_of_events_counts_not_that_of_lines() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        journal.append(&scope(), address(1), &Entry::Ended, 8);
        journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 7);
        journal.append(&scope(), address(2), &Entry::Held(hold(&clock, HoldState::Reserved)), 10);
        journal.append(&scope(), address(2), &Entry::Held(hold(&clock, HoldState::Offered)), 9);
        drop(journal);
        let (_journal, holds) = open(directory.path(), &clock);
        assert_eq!(states(&holds), [(address(2), HoldState::Reserved)]);
    }

    #[test]
    fn a_line_about_an_address_outside_its_subnet_is_passed_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        journal.append(&scope(), [10, 0, 0, 1].into(), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        drop(journal);
        assert_eq!(open(directory.path(), &clock).1, []);
    }

    #[test]
    fn ended_holds_are_dropped_at_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        drop(journal);
        clock.advance(Duration::from_secs(1800));
        let (_journal, holds) = open(directory.path(), &clock);
        assert_eq!(holds, []);
        assert_eq!(fs::read(directory.path().join(FILE)).expect("the file"), b"");
    }

    #[test]
    fn an_addition_without_an_answer_is_looked_for_however_long_nobody_could() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Adding)), 1);
        drop(journal);
        for _ in 0..2 {
            clock.advance(Duration::from_secs(100 * 3600));
            assert_eq!(count(directory.path(), &clock), 0, "to commands it has ended");
            let (_journal, holds) = open(directory.path(), &clock);
            assert_eq!(states(&holds), [(address(1), HoldState::Unanswered)]);
        }
        let (journal, _) = open(directory.path(), &clock);
        journal.append(&scope(), address(1), &Entry::Ended, 2);
        drop(journal);
        assert_eq!(open(directory.path(), &clock).1, []);
    }

    #[test]
    fn what_could_not_be_written_is_written_when_it_can_be() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        let held = [address(1), address(2)].map(|address| (address, hold(&clock, HoldState::Offered)));
        let append = |at: usize| journal.append(&scope(), held[at].0, &Entry::Held(held[at].1.clone()), 1);
        let tidy = || {
            journal.compact_if_due(|snapshot| {
                held.iter().try_for_each(|(address, hold)| snapshot.write(&scope(), *address, hold, 1))
            });
        };
        let unwritable = File::open(&journal.path).expect("the file");
        let writable = std::mem::replace(&mut journal.open.write().expect("no panic").file, unwritable);
        append(0);
        journal.open.write().expect("no panic").file = writable;
        append(1);
        assert_eq!(count(directory.path(), &clock), 1, "one is lacking");
        tidy();
        assert_eq!(count(directory.path(), &clock), 2);
        let text = || fs::read(&journal.path).expect("the file");
        let complete = text();
        append(1);
        tidy();
        assert!(text().len() > complete.len(), "it is not written anew without need");
    }

    #[test]
    fn a_line_torn_anywhere_is_dropped_and_the_rest_stands() {
        let clock = Clock::manual();
        let whole = encode(&scope(), address(1), Some(&hold(&clock, HoldState::Offered)), 1);
        let torn = encode(&scope(), address(2), Some(&hold(&clock, HoldState::Offered)), 1);
        for cut in 0..torn.len() - 1 {
            let directory = tempfile::tempdir().expect("a directory");
            let text = [&whole[..], &torn[..cut]].concat();
            fs::write(directory.path().join(FILE), text).expect("written");
            let (journal, holds) = open(directory.path(), &clock);
            assert_eq!(states(&holds), [(address(1), HoldState::Offered)], "cut at {cut}");
            journal.append(&scope(), address(3), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
            drop(journal);
            assert_eq!(count(directory.path(), &clock), 2, "cut at {cut}");
        }
    }

    #[test]
    fn garbage_in_the_middle_loses_no_other_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let line = |last| encode(&scope(), address(last), Some(&hold(&clock, HoldState::Offered)), 1);
        let text = [&line(1)[..], b"\xff\0 garbage\n{}\n\n", &line(2)[..]].concat();
        fs::write(directory.path().join(FILE), text).expect("written");
        assert_eq!(count(directory.path(), &clock), 2);
    }

    #[test]
    fn a_second_proxy_on_one_journal_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let _first = open(directory.path(), &clock);
        let second = Journal::open(directory.path(), clock.now(), &Count::default()).expect_err("a fault");
        assert!(matches!(second, JournalError::InUse(_)), "{second}");
    }

    #[test]
    fn deleting_files_does_not_let_a_second_proxy_in() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let _first = open(directory.path(), &clock);
        for entry in fs::read_dir(directory.path()).expect("a directory") {
            fs::remove_file(entry.expect("an entry").path()).expect("removed");
        }
        let second = Journal::open(directory.path(), clock.now(), &Count::default()).expect_err("a fault");
        assert!(matches!(second, JournalError::InUse(_)), "{second}");
    }

    #[test]
    fn a_journal_that_was_removed_is_written_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        let offered = || Entry::Held(hold(&clock, HoldState::Offered));
        journal.append(&scope(), address(1), &offered(), 1);
        fs::remove_file(&journal.path).expect("removed");
        journal.append(&scope(), address(2), &offered(), 1);
        journal.compact_if_due(|snapshot| {
            snapshot.write(&scope(), address(1), &hold(&clock, HoldState::Offered), 1)?;
            snapshot.write(&scope(), address(2), &hold(&clock, HoldState::Offered), 1)?;
            // Written to the file that is gone, and copied.
            journal.append(&scope(), address(3), &offered(), 1);
            Ok(())
        });
        journal.append(&scope(), address(4), &offered(), 1);
        assert_eq!(count(directory.path(), &clock), 4);
    }

    #[test]
    fn links_in_the_directory_lead_nowhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        let target = elsewhere.path().join("of root");
        fs::write(&target, "secret").expect("written");
        let clock = Clock::manual();
        let link = |name: &str| std::os::unix::fs::symlink(&target, directory.path().join(name)).expect("a link");
        link("holds.journal.new");
        drop(open(directory.path(), &clock));
        fs::remove_file(directory.path().join(FILE)).expect("removed");
        link(FILE);
        let refused = Journal::open(directory.path(), clock.now(), &Count::default()).expect_err("a link");
        assert!(refused.to_string().contains("it is a symbolic link"), "{refused}");
        assert!(read(directory.path(), clock.now()).is_err());
        assert_eq!(fs::read_to_string(&target).expect("a file"), "secret");
    }

    #[test]
    fn a_journal_that_cannot_be_written_anew_takes_no_room() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        journal.has_gaps.store(true, Ordering::Relaxed);
        journal.compact_if_due(|snapshot| {
            snapshot.write(&scope(), address(1), &hold(&clock, HoldState::Offered), 1)?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let files = fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(files, 1, "the journal");
        assert!(journal.has_gaps.load(Ordering::Relaxed), "it is tried again");
    }

    #[test]
    fn a_journal_of_ended_holds_is_written_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = open(directory.path(), &clock);
        for _ in 0..SLACK / 2 {
            journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
            journal.append(&scope(), address(2), &Entry::Ended, 1);
        }
        journal.compact_if_due(|snapshot| {
            snapshot.write(&scope(), address(1), &hold(&clock, HoldState::Offered), 2)?;
            // Somebody lets it go while the file is being written.
            journal.append(&scope(), address(1), &Entry::Ended, 3);
            snapshot.write(&scope(), address(4), &hold(&clock, HoldState::Offered), 4)
        });
        let text = fs::read_to_string(directory.path().join(FILE)).expect("the file");
        assert_eq!(text.lines().count(), 3);
        journal.append(&scope(), address(3), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        assert_eq!(count(directory.path(), &clock), 2);
    }
}
