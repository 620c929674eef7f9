//! The file of a store: how it is created and opened.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connect::{connect, identity, is_there};
use super::publish::publish;
use super::{migrate, schema};
use crate::{Result, StoreError};

/// What SQLite may keep in memory, in KiB, for the one connection that writes and for each that reads.
const WRITER_CACHE: i32 = 2048;
const READER_CACHE: i32 = 512;

/// The write-ahead log shrinks to this after a large import.
const LOG_BYTES: i64 = 16 << 20;

/// Statements that stay prepared in each connection: more than the hot paths have.
const STATEMENTS: usize = 48;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
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
