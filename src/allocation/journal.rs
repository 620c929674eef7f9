//! The journal that holds survive a restart in.
//!
//! One JSON object a line in `<state_directory>/holds.journal`, each the whole state of one address's hold; the last
//! line about an address counts. A line is handed to the operating system before the address is answered, so a killed
//! process loses none; it is not forced to the disk, so a power cut may lose the holds of the last seconds. (A
//! *reservation* is never lost that way: it is in the IPAM.)
//!
//! A torn last line, left by a kill in the middle of a write, is dropped. A line that cannot be read is reported and
//! passed over. When the file holds far more lines than live holds, it is written anew beside the old one and renamed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ipam_provider::{GroupName, Mac, Prefix};
use serde::{Deserialize, Serialize};

use super::{HOLD_LIFE_AT_MOST, Hold, HoldState, Scope, Timestamp};

const FILE: &str = "holds.journal";
const LOCK: &str = "holds.lock";

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
    granted: Timestamp,
    until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    request: Option<u64>,
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
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// The hold as it is now.
    Held(&'a Hold),
    /// The hold that was there ended before its time.
    Ended,
}

/// The open journal of a running proxy.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Open>,
    // Held as long as the journal is: two proxies on one journal would promise each other's addresses.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    lines: usize,
    live_when_compacted: usize,
    /// A failed write is reported once, until a write succeeds again.
    is_failing: bool,
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
        let file = rewrite(&path, &holds).map_err(failed)?;
        let open = Open { file, lines: holds.len(), live_when_compacted: holds.len(), is_failing: false };
        Ok((Self { path, open: Mutex::new(open), _lock: lock }, holds))
    }

    /// Writes the state of one address. A failure is logged, not returned: the hold stands in memory, and an address is
    /// worth more to the caller than its record.
    pub(super) fn append(&self, scope: &Scope, address: IpAddr, entry: Entry<'_>, now: Timestamp) {
        let mut text = encode(scope, address, entry, now);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_failing {
            // The failed write may have left half a line behind.
            text.insert(0, b'\n');
        }
        match open.file.write_all(&text) {
            Ok(()) => {
                if std::mem::take(&mut open.is_failing) {
                    log::info!("Holds are written to {} again", self.path.display());
                }
            }
            Err(error) if !open.is_failing => {
                open.is_failing = true;
                log::error!("Holds will not survive a restart: {} cannot be written: {error}", self.path.display());
            }
            Err(_) => {}
        }
        open.lines += 1;
    }

    /// Writes the file anew when most of it is about holds that have ended. Blocks; meant for now and then.
    pub(super) fn compact_if_due(&self, now: Timestamp) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.lines < 2 * open.live_when_compacted + SLACK {
            return;
        }
        let rewritten = read_back(&self.path, now).and_then(|holds| Ok((rewrite(&self.path, &holds)?, holds.len())));
        match rewritten {
            Ok((file, live)) => *open = Open { file, lines: live, live_when_compacted: live, is_failing: false },
            Err(error) => {
                log::error!("{} cannot be written anew and keeps growing: {error}", self.path.display());
                // Not again before it has grown as much once more.
                open.live_when_compacted = open.lines;
            }
        }
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

fn encode(scope: &Scope, address: IpAddr, entry: Entry<'_>, now: Timestamp) -> Vec<u8> {
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
        granted: hold.map_or(now, |hold| hold.granted),
        until: hold.map_or(now, |hold| hold.until),
        request: hold.and_then(|hold| hold.request),
    };
    let mut text = serde_json::to_vec(&line).expect("a line of texts and numbers is JSON");
    text.push(b'\n');
    text
}

/// The holds of the file that are live at `now`; none when there is no file.
fn read_back(path: &Path, now: Timestamp) -> io::Result<Vec<Replayed>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file);
    let mut last: BTreeMap<(Scope, IpAddr), Option<Hold>> = BTreeMap::new();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if reader.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let is_torn = text.pop_if(|end| *end == b'\n').is_none();
        if text.is_empty() {
            continue;
        }
        match decode(&text) {
            Some((scope, address, hold)) => {
                last.insert((scope, address), hold);
            }
            None if is_torn => log::info!("{}: the last line is torn and dropped", path.display()),
            None => log::warn!("{}: line {number} is no hold and passed over", path.display()),
        }
    }
    let live = last.into_iter().filter_map(|((scope, address), hold)| {
        let mut hold = hold.filter(|hold| hold.is_live(now))?;
        // The clock may have been far ahead when the line was written.
        hold.until = hold.until.min(now + HOLD_LIFE_AT_MOST);
        Some(Replayed { scope, address, hold })
    });
    Ok(live.collect())
}

fn decode(text: &[u8]) -> Option<(Scope, IpAddr, Option<Hold>)> {
    let line: Line = serde_json::from_slice(text).ok()?;
    let prefix: Prefix = line.prefix.parse().ok()?;
    let mac: Option<Mac> = line.mac.map(|mac| mac.parse()).transpose().ok()?;
    let scope = Scope { provider: line.provider.into(), group: line.group.and_then(GroupName::new), prefix };
    let state = match line.state {
        LineState::Offered => HoldState::Offered,
        // The process ended before the IPAM's answer came.
        LineState::Adding => HoldState::Unanswered,
        LineState::Reserved => HoldState::Reserved,
        LineState::Ended => return Some((scope, line.address, None)),
    };
    let hold = Hold {
        mac,
        state,
        granted: line.granted,
        until: line.until,
        request: line.request,
        sequence: 0,
        confirmed: line.granted,
    };
    Some((scope, line.address, Some(hold)))
}

/// Writes the file with just these holds, and opens it for appending. The old file stays until the new one is complete.
fn rewrite(path: &Path, holds: &[Replayed]) -> io::Result<File> {
    let fresh = path.with_extension("journal.new");
    let mut writer = BufWriter::new(create(private().write(true).truncate(true), &fresh)?);
    for Replayed { scope, address, hold } in holds {
        writer.write_all(&encode(scope, *address, Entry::Held(hold), hold.granted))?;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&fresh, path)?;
    OpenOptions::new().append(true).open(path)
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
    use std::time::Duration;

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
            sequence: 0,
            confirmed: now,
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
            journal.append(&scope(), address(last), Entry::Held(&hold(&clock, HoldState::Offered)), now);
        }
        journal.append(&scope(), address(2), Entry::Held(&hold(&clock, HoldState::Adding)), now);
        journal.append(&scope(), address(3), Entry::Ended, now);
        journal.append(&scope(), address(4), Entry::Held(&hold(&clock, HoldState::Reserved)), now);
        drop(journal);
        let (_journal, holds) = Journal::open(directory.path(), now).expect("a journal");
        let expected =
            [(address(1), HoldState::Offered), (address(2), HoldState::Unanswered), (address(4), HoldState::Reserved)];
        assert_eq!(states(&holds), expected);
        assert_eq!((&holds[0].scope, &holds[0].hold), (&scope(), &hold(&clock, HoldState::Offered)));
    }

    #[test]
    fn ended_holds_are_dropped_at_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let (journal, _) = Journal::open(directory.path(), clock.now()).expect("a journal");
        journal.append(&scope(), address(1), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
        drop(journal);
        clock.advance(Duration::from_secs(1800));
        let (_journal, holds) = Journal::open(directory.path(), clock.now()).expect("a journal");
        assert_eq!(holds, []);
        assert_eq!(fs::read(directory.path().join(FILE)).expect("the file"), b"");
    }

    #[test]
    fn a_line_torn_anywhere_is_dropped_and_the_rest_stands() {
        let clock = Clock::manual();
        let whole = encode(&scope(), address(1), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
        let torn = encode(&scope(), address(2), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
        for cut in 0..torn.len() - 1 {
            let directory = tempfile::tempdir().expect("a directory");
            let text = [&whole[..], &torn[..cut]].concat();
            fs::write(directory.path().join(FILE), text).expect("written");
            let (journal, holds) = Journal::open(directory.path(), clock.now()).expect("a journal");
            assert_eq!(states(&holds), [(address(1), HoldState::Offered)], "cut at {cut}");
            journal.append(&scope(), address(3), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
            drop(journal);
            assert_eq!(read(directory.path(), clock.now()).expect("holds").len(), 2, "cut at {cut}");
        }
    }

    #[test]
    fn garbage_in_the_middle_loses_no_other_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Clock::manual();
        let line = |last| encode(&scope(), address(last), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
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
            journal.append(&scope(), address(1), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
            journal.append(&scope(), address(2), Entry::Ended, clock.now());
        }
        journal.compact_if_due(clock.now());
        let text = fs::read_to_string(directory.path().join(FILE)).expect("the file");
        assert_eq!(text.lines().count(), 1);
        journal.append(&scope(), address(3), Entry::Held(&hold(&clock, HoldState::Offered)), clock.now());
        assert_eq!(read(directory.path(), clock.now()).expect("holds").len(), 2);
    }
}
