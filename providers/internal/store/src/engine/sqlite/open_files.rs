//! Are the files of an open store still where they were opened?
//!
//! A process goes on writing to a file that somebody has removed, and what it wrote is gone when the process is killed.
//! Another process would make new files in their place, and the two would not see each other's locks. SQLite does not
//! look for that while it runs, so the writer does.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use crate::engine::Schema;
use crate::{Result, StoreError};

/// What SQLite has open of a store: the database, the write-ahead log, and the log's index, which also has the locks.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The files of a store that this process has open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    path: PathBuf,
    schema: &'static Schema,
    identities: [Identity; 3],
    are_lost: AtomicBool,
}

/// Device and inode.
type Identity = (u64, u64);

impl OpenFiles {
    /// Notes which they are. A connection must have read from the store already: SQLite creates the other two then.
    pub(super) fn of(path: &Path, schema: &'static Schema) -> Result<Self> {
        let doing = format!("Looking at {}", path.display());
        let identities = identities(path).map_err(|source| StoreError::Io { doing, source })?;
        Ok(Self { path: path.to_owned(), schema, identities, are_lost: AtomicBool::new(false) })
    }

    /// Has one been removed or replaced? Then nothing more may be read or written through the open connections.
    pub(super) fn are_lost(&self) -> bool {
        self.are_lost.load(Ordering::Acquire)
    }

    /// Looks whether all are in place. If not, they are lost from now on, and what was committed to them is saved if the
    /// database itself is in place.
    ///
    /// # Errors
    /// [`Replaced`](StoreError::Replaced) if what was committed is not in the store.
    pub(super) fn check(&self, connection: &Connection) -> Result<()> {
        let replaced = || Err(StoreError::Replaced(self.path.clone()));
        if self.are_lost() {
            return replaced();
        }
        let found = identities(&self.path);
        if found.as_ref().is_ok_and(|found| *found == self.identities) {
            return Ok(());
        }
        self.are_lost.store(true, Ordering::Release);
        let (path, name) = (self.path.display(), self.schema.name);
        if identity(&self.path).ok() == Some(self.identities[0]) && checkpoint(connection).is_ok() {
            log::error!("{name}: files beside {path} were removed while it was open; what was in them is saved");
            return Ok(());
        }
        log::error!("{name}: {path} was removed or replaced while it was open; what was recorded since may be lost");
        replaced()
    }
}

fn identities(path: &Path) -> io::Result<[Identity; 3]> {
    let mut found = [(0, 0); 3];
    for (found, suffix) in found.iter_mut().zip(SUFFIXES) {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        *found = identity(name.as_ref())?;
    }
    Ok(found)
}

fn identity(path: &Path) -> io::Result<Identity> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Moves all that is in the log, whose open file is still there, into the database.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    // The answer's first column is 1 if a reader was in the way.
    let is_blocked: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_blocked { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
}
