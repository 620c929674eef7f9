//! Databases that get their name only when they are whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ipam_provider::state_files::{self, directory_of};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ffi};

use super::connect::{connect, identity, io_error, is_there};
use super::{leftovers, schema};
use crate::engine::Schema;
use crate::{Result, StoreError};

/// Copies the store that `from` has open into a new file, which has its name only if it can be opened and is whole.
pub(super) fn copy(from: &Connection, to: &Path) -> Result<()> {
    publish(to, |connection| {
        // In one step: with several, each write by another connection would begin the copy anew.
        let copied = Backup::new(from, connection)?.step(-1)?;
        if !matches!(copied, StepResult::Done) {
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into());
        }
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        // A store that is about to be migrated has an older format.
        let is_equal = found == "ok" && identity(connection)? == identity(from)?;
        if is_equal { Ok(()) } else { Err(StoreError::CopyDiffers(found)) }
    })
}

/// Makes a database under another name and gives it its own when it is whole, so that nobody ever sees half of one.
///
/// # Errors
/// [`FileExists`](StoreError::FileExists) when the name is taken.
pub(super) fn publish<T>(path: &Path, fill: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
    if is_there(path)? {
        return Err(StoreError::FileExists(path.to_owned()));
    }
    let draft = Draft::create(path)?;
    let mut connection = connect(&draft.0)?;
    let filled = fill(&mut connection)?;
    // Closing moves the write-ahead log into the file and syncs it.
    connection.close().map_err(|(_, error)| error)?;
    match fs::hard_link(&draft.0, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::FileExists(path.to_owned())),
        linked => linked.map_err(io_error("Creating", path)),
    }?;
    let directory = directory_of(path);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error("Saving", directory))?;
    Ok(filled)
}

/// A database that is not yet what it will be; removed when it is dropped.
#[derive(Debug)]
pub(super) struct Draft(PathBuf);

impl Draft {
    /// A draft that is a store already, without anything in it.
    pub(super) fn empty_store(path: &Path, schema: &Schema) -> Result<Self> {
        let draft = Self::create(path)?;
        let connection = connect(&draft.0)?;
        schema::create(&connection, schema)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(draft)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn create(path: &Path) -> Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new-");
        leftovers::remove(path, &name);
        name.push(format!("{}-{number}", std::process::id()));
        let draft = Self(path.with_file_name(name));
        // SQLite gives its own files beside it the same rights and owner.
        state_files::create(&draft.0).map_err(io_error("Creating", path))?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        leftovers::remove_all_of(self.0.clone());
    }
}
