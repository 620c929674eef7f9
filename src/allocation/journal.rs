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
//! passed over. When the file holds far more lines than live holds, it is written anew beside the old one and renamed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ipam_provider::{GroupName, Mac, Prefix};
use serde::{Deserialize, Serialize};

use super::{HOLD_LIFE_AT_MOST, Hold, HoldState, Scope, Timestamp};

const FILE: &str = "holds.journal";
const LOCK: &str = "holds.lock";

/// How much longer than promised a hold lives in the journal. While what is written covers the promise, a renewal is not
/// written again; after a restart a hold may live this much too long, never too short.
pub(super) const SLACK_OF_LIFE: Duration = Duration::from_secs(60);

/// Lines beyond twice the live ones before the file is written anew.
const SLACK: usize = 10_000;

/// The state of one address's hold, as one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    group: Option<String>,
    prefix: String,
    address: IpAddr,
    state: LineState,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    mac: Option<String>,
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

/// A hold that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replayed {
    pub(super) scope: Scope,
    pub(super) address: IpAddr,
    pub(super) hold: Hold,
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
    // Held as long as the journal is: two proxies on one journal would promise each other's addresses.
    _lock: File,
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
    /// Opens the journal in `directory` and reads the holds back that are live at `now`.
    pub(super) fn open(directory: &Path, now: Timestamp) -> Result<(Self, Vec<Replayed>), JournalError> {
        let path = directory.join(FILE);
        let failed = |source| JournalError::Io { path: path.clone(), source };
        let lock = create(private().append(true), &directory.join(LOCK)).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse(directory.to_owned()),
            TryLockError::Error(source) => failed(source),
        })?;
        let holds = read_back(&path, now).map_err(failed)?;
        let file = Fresh::write(&path, &holds).and_then(Fresh::put_in_place).map_err(failed)?;
        let journal = Self {
            path,
            open: RwLock::new(Open { file, live_when_compacted: holds.len() }),
            lines: AtomicUsize::new(holds.len()),
            is_failing: AtomicBool::new(false),
            _lock: lock,
        };
        Ok((journal, holds))
    }

    /// Writes the state of one address as of this event. A failure is logged, not returned: the hold stands in memory, and
    /// an address is worth more to the caller than its record.
    pub(super) fn append(&self, scope: &Scope, address: IpAddr, entry: &Entry, event: u64) {
        let mut text = encode(scope, address, entry, event);
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
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    log::error!("Holds will not survive a restart: {} cannot be written: {error}", self.path.display());
                }
            }
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes the file anew when most of it is about holds that have ended. Blocks on the disk, but nobody who appends: they
    /// wait only while what they appended meanwhile is copied.
    pub(super) fn compact_if_due(&self, now: Timestamp) {
        let lines = self.lines.load(Ordering::Relaxed);
        let live_when_compacted = self.open.read().unwrap_or_else(PoisonError::into_inner).live_when_compacted;
        if lines < 2 * live_when_compacted + SLACK {
            return;
        }
        if let Err(error) = self.compact(now, lines) {
            log::error!("{} cannot be written anew and keeps growing: {error}", self.path.display());
            // Not again before it has grown as much once more.
            self.open.write().unwrap_or_else(PoisonError::into_inner).live_when_compacted = lines;
        }
    }

    fn compact(&self, now: Timestamp, lines: usize) -> io::Result<()> {
        let mut old = File::open(&self.path)?;
        let length = old.metadata()?.len();
        let holds = read_lines(BufReader::new((&old).take(length)), &self.path, now)?;
        let mut fresh = Fresh::write(&self.path, &holds)?;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        old.seek(SeekFrom::Start(length))?;
        io::copy(&mut old, &mut fresh.file)?;
        *open = Open { file: fresh.put_in_place()?, live_when_compacted: holds.len() };
        self.lines.fetch_sub(lines - holds.len().min(lines), Ordering::Relaxed);
        Ok(())
    }
}

/// The live holds in a journal that no process has open; for the command line.
pub(super) fn read(directory: &Path, now: Timestamp) -> io::Result<Vec<Replayed>> {
    read_back(&directory.join(FILE), now)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// Opens a file that may be new. One that root makes belongs to the directory's owner, so that a command run as root does
/// not lock the service out.
fn create(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.open(path)?;
    let directory = path.parent().map(fs::metadata).transpose()?;
    if let Some(owner) = directory.filter(|owner| file.metadata().is_ok_and(|file| file.uid() == 0) && owner.uid() != 0)
    {
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(file)
}

fn encode(scope: &Scope, address: IpAddr, entry: &Entry, event: u64) -> Vec<u8> {
    let (state, hold) = match entry {
        Entry::Held(hold) => (hold.state.into(), Some(hold)),
        Entry::Ended => (LineState::Ended, None),
    };
    let line = Line {
        provider: scope.provider.to_string(),
        group: scope.group.as_ref().map(ToString::to_string),
        prefix: scope.prefix.to_string(),
        address,
        state,
        mac: hold.and_then(|hold| hold.mac).map(|mac| mac.to_string()),
        granted: hold.map(|hold| hold.granted),
        // Fresh from the table, this is what is promised and some more; read back and written anew, what it was.
        until: hold.map(|hold| hold.journaled),
        request: hold.and_then(|hold| hold.request),
        event,
    };
    let mut text = serde_json::to_vec(&line).expect("a line of texts and numbers is JSON");
    text.push(b'\n');
    text
}

/// The holds of the file that are live at `now`; none when there is no file.
fn read_back(path: &Path, now: Timestamp) -> io::Result<Vec<Replayed>> {
    match File::open(path) {
        Ok(file) => read_lines(BufReader::new(file), path, now),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn read_lines(mut lines: impl BufRead, path: &Path, now: Timestamp) -> io::Result<Vec<Replayed>> {
    let mut last: BTreeMap<(Scope, IpAddr), (u64, Option<Hold>)> = BTreeMap::new();
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
            Some((scope, address, hold, event)) => {
                let known = last.entry((scope, address)).or_insert((0, None));
                if event >= known.0 {
                    *known = (event, hold);
                }
            }
            None if is_torn => log::info!("{}: the last line is torn and dropped", path.display()),
            None => log::warn!("{}: line {number} is no hold and passed over", path.display()),
        }
    }
    let live = last.into_iter().filter_map(|((scope, address), (_, hold))| {
        let mut hold = hold.filter(|hold| hold.is_live(now))?;
        // The clock may have been far ahead when the line was written.
        hold.until = hold.until.min(now + HOLD_LIFE_AT_MOST);
        Some(Replayed { scope, address, hold })
    });
    Ok(live.collect())
}

fn decode(text: &[u8]) -> Option<(Scope, IpAddr, Option<Hold>, u64)> {
    let line: Line = serde_json::from_slice(text).ok()?;
    let prefix: Prefix = line.prefix.parse().ok()?;
    let mac: Option<Mac> = line.mac.map(|mac| mac.parse()).transpose().ok()?;
    let scope = Scope { provider: line.provider.into(), group: line.group.and_then(GroupName::new), prefix };
    let state = match line.state {
        LineState::Offered => HoldState::Offered,
        // The process ended before the IPAM's answer came.
        LineState::Adding => HoldState::Unanswered,
        LineState::Reserved => HoldState::Reserved,
        LineState::Ended => return Some((scope, line.address, None, line.event)),
    };
    let hold = Hold {
        mac,
        state,
        granted: line.granted?,
        until: line.until?,
        request: line.request,
        sequence: line.event,
        // Nobody has looked since: the address is checked before it is offered again.
        confirmed: Timestamp::default(),
        journaled: line.until?,
    };
    Some((scope, line.address, Some(hold), line.event))
}

/// A journal that is written beside the one in use, which stays until this one is complete.
struct Fresh<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: File,
}

impl<'a> Fresh<'a> {
    /// Writes just these holds.
    fn write(path: &'a Path, holds: &[Replayed]) -> io::Result<Self> {
        let beside = path.with_extension("journal.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut writer = BufWriter::new(create(private().append(true), &beside)?);
        for Replayed { scope, address, hold } in holds {
            writer.write_all(&encode(scope, *address, &Entry::Held(hold.clone()), hold.sequence))?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(Self { path, beside, file })
    }

    /// Puts it in place of the old one, and goes on appending to it.
    fn put_in_place(self) -> io::Result<File> {
        fs::rename(&self.beside, self.path)?;
        Ok(self.file)
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
            request: Some(u64::MAX),
            sequence: 1,
            confirmed: now,
            journaled: now + Duration::from_secs(1800),
        }
    }

    fn address(last: u16) -> IpAddr {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into()
    }

    fn states(holds: &[Replayed]) -> Vec<(IpAddr, HoldState)> {
        holds.iter().map(|replayed| (replayed.address, replayed.hold.state)).collect()
    }

    #[test]
    fn the_last_line_about_an_address_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, holds) = Journal::open(directory.path(), clock.now()).expect("a journal");
        assert_eq!(holds, []);
        let now = clock.now();
        for last in 1..=4 {
            journal.append(&scope(), address(last), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        }
        journal.append(&scope(), address(2), &Entry::Held(hold(&clock, HoldState::Adding)), 1);
        journal.append(&scope(), address(3), &Entry::Ended, 1);
        journal.append(&scope(), address(4), &Entry::Held(hold(&clock, HoldState::Reserved)), 1);
        drop(journal);
        let (_journal, holds) = Journal::open(directory.path(), now).expect("a journal");
        let expected =
            [(address(1), HoldState::Offered), (address(2), HoldState::Unanswered), (address(4), HoldState::Reserved)];
        assert_eq!(states(&holds), expected);
        let expected = Hold { confirmed: Timestamp::default(), ..hold(&clock, HoldState::Offered) };
        assert_eq!((&holds[0].scope, &holds[0].hold), (&scope(), &expected));
    }

    #[test]
    fn ended_holds_are_dropped_at_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = Journal::open(directory.path(), clock.now()).expect("a journal");
        journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        drop(journal);
        clock.advance(Duration::from_secs(1800));
        let (_journal, holds) = Journal::open(directory.path(), clock.now()).expect("a journal");
        assert_eq!(holds, []);
        assert_eq!(fs::read(directory.path().join(FILE)).expect("the file"), b"");
    }

    #[test]
    fn a_line_torn_anywhere_is_dropped_and_the_rest_stands() {
        let clock = Clock::manual();
        let whole = encode(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        let torn = encode(&scope(), address(2), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        for cut in 0..torn.len() - 1 {
            let directory = tempfile::tempdir().expect("a directory");
            let text = [&whole[..], &torn[..cut]].concat();
            fs::write(directory.path().join(FILE), text).expect("written");
            let (journal, holds) = Journal::open(directory.path(), clock.now()).expect("a journal");
            assert_eq!(states(&holds), [(address(1), HoldState::Offered)], "cut at {cut}");
            journal.append(&scope(), address(3), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
            drop(journal);
            assert_eq!(read(directory.path(), clock.now()).expect("holds").len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn garbage_in_the_middle_loses_no_other_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let line = |last| encode(&scope(), address(last), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        let text = [&line(1)[..], b"\xff\0 garbage\n{}\n\n", &line(2)[..]].concat();
        fs::write(directory.path().join(FILE), text).expect("written");
        assert_eq!(read(directory.path(), clock.now()).expect("holds").len(), 2);
    }

    #[test]
    fn a_second_proxy_on_one_journal_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let now = Clock::manual().now();
        let _first = Journal::open(directory.path(), now).expect("a journal");
        let second = Journal::open(directory.path(), now).expect_err("a fault");
        assert!(matches!(second, JournalError::InUse(_)), "{second}");
    }

    #[test]
    fn a_journal_of_ended_holds_is_written_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = Journal::open(directory.path(), clock.now()).expect("a journal");
        for _ in 0..SLACK / 2 {
            journal.append(&scope(), address(1), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
            journal.append(&scope(), address(2), &Entry::Ended, 1);
        }
        journal.compact_if_due(clock.now());
        let text = fs::read_to_string(directory.path().join(FILE)).expect("the file");
        assert_eq!(text.lines().count(), 1);
        journal.append(&scope(), address(3), &Entry::Held(hold(&clock, HoldState::Offered)), 1);
        assert_eq!(read(directory.path(), clock.now()).expect("holds").len(), 2);
    }
}
