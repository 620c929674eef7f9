//! The journal that holds survive a restart in, `<state_directory>/holds.journal`.
//!
//! A line is handed to the operating system before the address is answered, so a killed process loses none; it is not
//! forced to the disk, so a power cut may lose the holds of the last seconds. (A *reservation* is never lost that way: it
//! is in the IPAM.) The lines of a space are appended while the space is locked, so their order is that of the changes.
//!
//! What cannot be appended, because the disk is full for example, is kept in memory, and the file is written again from
//! there as soon as that works. Until then the journal has [trouble](Journal::trouble). A file with far more lines than live
//! holds is written again too, beside the old one, and renamed.

mod fresh;
mod line;
mod replay;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use ipam_provider::state_files;

use fresh::Fresh;
pub(super) use fresh::Snapshot;
pub(super) use line::{ended, held, time};
pub(super) use replay::{Replayed, read_back};

use crate::allocation::Timestamp;

const FILE: &str = "holds.journal";

/// How much longer than promised a hold lives in the journal. While what is written covers the promise, a renewal is not
/// written again; after a restart a hold may live this much too long, never too short.
pub(super) const SLACK_OF_LIFE: Duration = Duration::from_secs(60);

/// Lines beyond twice the live ones before the file is written again.
const SLACK: usize = 10_000;

/// What was appended while the file was written again is copied while no line can be appended only when it is as short as
/// this, in bytes, or has not become so in a few rounds.
const SHORT: usize = 65_536;
const ROUNDS: usize = 8;

/// The open journal of a running proxy.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Shared by those that append; exclusive for the one that puts another file in place.
    open: RwLock<Open>,
    lines: AtomicUsize,
    /// The lines that were appended since the file is being written again; `None` when it is not.
    meanwhile: Mutex<Option<Vec<u8>>>,
    /// Something could not be written, and is in memory only until the file is written again.
    has_gaps: AtomicBool,
    /// Why, for people.
    why: Mutex<Option<String>>,
    // The directory, locked as long as the journal is used: two proxies on one journal would promise each other's addresses.
    // A file made for the lock could be deleted, and the next proxy would lock another one.
    lock: File,
}

#[derive(Debug)]
struct Open {
    /// `None` when no file could be written at the start.
    file: Option<File>,
    live_when_written: usize,
}

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
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
    /// Opens the journal in `directory` and reads back what it has.
    ///
    /// On a full or read-only disk the journal opens with trouble: what was held is held.
    pub(super) fn open(directory: &Path) -> Result<(Self, Replayed), JournalError> {
        let path = directory.join(FILE);
        let failed = |source| JournalError::Io { path: path.clone(), source };
        let lock = File::open(directory).map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse(directory.to_owned()),
            TryLockError::Error(source) => {
                failed(io::Error::other(format!("a network file system may not let a directory be locked: {source}")))
            }
        })?;
        let replayed = read_back(directory).map_err(failed)?;
        let journal = Self {
            path: path.clone(),
            open: RwLock::new(Open { file: None, live_when_written: 0 }),
            lines: AtomicUsize::new(0),
            meanwhile: Mutex::default(),
            has_gaps: AtomicBool::new(false),
            why: Mutex::default(),
            lock,
        };
        let write = |snapshot: &mut Snapshot<'_>| {
            replayed.holds().try_for_each(|(address, hold)| snapshot.write(address, hold, hold.until))
        };
        match journal.write_again(replayed.now, write) {
            Err(error) if is_about_the_disk(&error) => journal.note_failure(&error),
            outcome => outcome.map_err(failed)?,
        }
        Ok((journal, replayed))
    }

    /// Lets another process have the journal. To be called when no line will be appended any more.
    pub(super) fn unlock(&self) {
        if let Err(error) = self.lock.unlock() {
            log::error!("{} stays locked until this process ends: {error}", self.path.display());
        }
    }

    /// Appends a line. A failure is logged and is [trouble](Self::trouble), not returned: the hold stands in memory, and an
    /// address is worth more to the caller than its record.
    pub(super) fn append(&self, line: &[u8]) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(meanwhile) = &mut *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) {
            meanwhile.extend_from_slice(line);
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
        if self.has_gaps.load(Ordering::Relaxed) {
            return;
        }
        let written = match &open.file {
            Some(file) => (&*file).write_all(line),
            None => return,
        };
        if let Err(error) = written {
            self.note_failure(&error);
        }
    }

    /// From now on the disk is full, until the file is written again.
    #[cfg(test)]
    pub(super) fn fill_disk(&self) {
        let full = File::options().write(true).open("/dev/full").expect("a device without room");
        self.open.write().unwrap_or_else(PoisonError::into_inner).file = Some(full);
    }

    /// Is there something that the file lacks?
    fn has_gaps(&self) -> bool {
        self.has_gaps.load(Ordering::Relaxed)
    }

    /// Why holds would not survive a restart now.
    pub(super) fn trouble(&self) -> Option<String> {
        if !self.has_gaps() {
            return None;
        }
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_failure(&self, error: &io::Error) {
        let text = format!("Holds will not survive a restart: {} cannot be written: {error}", self.path.display());
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_gaps.swap(true, Ordering::Relaxed) {
            log::error!("{text}");
        }
        *why = Some(text);
    }

    /// Writes the file again when most of it is about holds that have ended, when it lacks some, or when it was removed.
    /// `write` writes all holds that are live while it runs. Blocks on the disk, but no caller that appends: that waits only
    /// while the last few lines that were appended meanwhile are copied.
    pub(super) fn write_again_if_due(&self, at: Timestamp, write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>) {
        let lines = self.lines.load(Ordering::Relaxed);
        let (live_when_written, is_gone) = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let is_gone = open.file.as_ref().is_some_and(|file| !state_files::is_at(file, &self.path));
            (open.live_when_written, is_gone)
        };
        if is_gone {
            log::error!("{} was removed or replaced while the proxy runs; it is written again", self.path.display());
        }
        let has_grown = lines >= 2 * live_when_written + SLACK;
        let had_gaps = self.has_gaps();
        if !has_grown && !had_gaps && !is_gone {
            return;
        }
        match self.write_again(at, write) {
            Ok(()) if had_gaps => log::info!("Holds are written to {} again, all of them", self.path.display()),
            Ok(()) => {}
            Err(error) if had_gaps || is_gone => self.note_failure(&error),
            Err(error) => {
                log::error!("{} cannot be written again and keeps growing: {error}", self.path.display());
                // Not again before it has grown as much once more.
                self.open.write().unwrap_or_else(PoisonError::into_inner).live_when_written = lines;
            }
        }
    }

    fn write_again(&self, at: Timestamp, write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>) -> io::Result<()> {
        let take = || self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(std::mem::take);
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        let written = (|| {
            // All that was appended before this is known to the holds in memory.
            let (mut fresh, live) = Fresh::write(&self.path, at, write)?;
            for _ in 0..ROUNDS {
                let lines = take().unwrap_or_default();
                fresh.file.write_all(&lines)?;
                if lines.len() < SHORT {
                    break;
                }
            }
            let replaced = {
                let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
                fresh.file.write_all(&take().unwrap_or_default())?;
                let fresh = Open { file: Some(fresh.put_in_place()?), live_when_written: live };
                self.lines.store(live, Ordering::Relaxed);
                self.has_gaps.store(false, Ordering::Relaxed);
                std::mem::replace(&mut *open, fresh)
            };
            // With the last handle of a file that has no name its blocks are freed, which takes a while for a large one.
            drop(replaced);
            Ok(())
        })();
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = None;
        written
    }
}

/// Will the same work when there is room again?
fn is_about_the_disk(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem
    )
}
