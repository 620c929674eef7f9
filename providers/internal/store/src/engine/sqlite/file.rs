//! The file of a store: how it is created, opened and copied.
//!
//! Nothing here opens a store's file but SQLite: closing any other descriptor of it would drop SQLite's locks (POSIX
//! advisory locks belong to the process, not to the descriptor).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipam_provider::state_files::{self, directory_of};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use super::{leftovers, migrate, schema};
use crate::{Result, StoreError};

/// How long a transaction waits for one of another process.
const BUSY: Duration = Duration::from_secs(5);

/// What SQLite may keep in memory, in KiB, for the one connection that writes and for each that reads.
const WRITER_CACHE: i32 = 2048;
const READER_CACHE: i32 = 512;

/// The write-ahead log shrinks to this after a large import.
const LOG_BYTES: i64 = 16 << 20;

/// Statements that stay prepared in each connection: more than the hot paths have.
const STATEMENTS: usize = 48;

/// What SQLite calls the files that it keeps beside a database.
pub(super) const FILES_BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

fn io_error(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let doing = format!("{doing} {}", path.display());
    move |source| StoreError::Io { doing, source }
}

/// Is the name taken, if only by a link that leads nowhere?
pub(super) fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true).map_err(io_error("Looking for", path)),
    }
}

/// Opens a store that exists, after a look at what the file is. One of an older version gets the format of this one.
pub(super) fn open(path: &Path, access: Access) -> Result<Connection> {
    Ok(open_migrating(path, access)?.0)
}

/// As [`open`]; also returns the copy of a store that had an older format.
pub(super) fn open_migrating(path: &Path, access: Access) -> Result<(Connection, Option<PathBuf>)> {
    if !is_there(path)? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let mut connection = connect(path)?;
    let mut found = identity(&connection);
    let mut copy = None;
    if let Ok((schema::APPLICATION_ID, schema::OLDEST..schema::VERSION)) = found {
        drop(connection);
        copy = migrate::migrate(path)?;
        connection = connect(path)?;
        found = identity(&connection);
    }
    match found {
        Ok((schema::APPLICATION_ID, schema::VERSION)) => {}
        Ok((schema::APPLICATION_ID, found)) if found > schema::VERSION => {
            return Err(StoreError::Newer { path: path.to_owned(), found, known: schema::VERSION });
        }
        Ok(_) => return Err(StoreError::NotAStore(path.to_owned())),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(StoreError::NotAStore(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    set_up(&connection, access)?;
    Ok((connection, copy))
}

/// Settings that last as long as the connection.
fn set_up(connection: &Connection, access: Access) -> Result<()> {
    // Otherwise SQLite, built to plan by the values that it is asked with, plans anew for each of them: that was half of
    // the work of a look at one address. There are no statistics that would make one plan better than another.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A commit that is lost to a power cut is an address given twice.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    connection.pragma_update(None, "query_only", access == Access::Read)?;
    let cache = if access == Access::Read { READER_CACHE } else { WRITER_CACHE };
    // Negative is KiB, positive would be pages.
    connection.pragma_update(None, "cache_size", -cache)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Opens a database that exists. It may lie in a directory that belongs to another user, who could put a link there: so
/// none is followed, which SQLite never does for the files that it keeps beside the database.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    // Each connection is used by one thread at a time, which the types ensure.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // SQLite would refuse links on the way to the directory too, and those are none of its owner's.
    let directory = fs::canonicalize(directory_of(path)).map_err(io_error("Looking for", path))?;
    match Connection::open_with_flags(directory.join(path.file_name().unwrap_or_default()), flags) {
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == ffi::SQLITE_CANTOPEN_SYMLINK => {
            Err(StoreError::Link(path.to_owned()))
        }
        opened => {
            let connection = opened?;
            connection.busy_timeout(BUSY)?;
            Ok(connection)
        }
    }
}

pub(super) fn identity(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let value = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
    Ok((value("application_id")?, value("user_version")?))
}

/// Creates an empty store. When another process was faster, its store stays.
pub(super) fn create(path: &Path) -> Result<()> {
    match create_with(path, |_| Ok(())) {
        Err(StoreError::FileExists(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Creates a store with what `fill` puts into it; when that fails, there is none.
///
/// # Errors
/// Those of `fill`, and [`FileExists`](StoreError::FileExists) when another process was faster.
pub(super) fn create_with<T>(path: &Path, fill: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
    publish(path, |connection| {
        schema::create(connection)?;
        set_up(connection, Access::Write)?;
        fill(connection)
    })
}

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
fn publish<T>(path: &Path, fill: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
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
    pub(super) fn empty_store(path: &Path) -> Result<Self> {
        let draft = Self::create(path)?;
        let connection = connect(&draft.0)?;
        schema::create(&connection)?;
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
