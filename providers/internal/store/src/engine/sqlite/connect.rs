//! Opening any database of SQLite.
//!
//! Nothing here opens a store's file but SQLite: closing any other descriptor of it would drop SQLite's locks (POSIX
//! advisory locks belong to the process, not to the descriptor).

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use ipam_provider::state_files::directory_of;
use rusqlite::{Connection, OpenFlags, ffi};

use crate::{Result, StoreError};

/// How long a transaction waits for one of another process.
const BUSY: Duration = Duration::from_secs(5);

/// What SQLite calls the files that it keeps beside a database.
pub(super) const FILES_BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn io_error(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
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

/// What the file says that it is, and in which format.
pub(super) fn identity(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let value = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
    Ok((value("application_id")?, value("user_version")?))
}
