//! The file of a store: how it is created and opened.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connect::{connect, identity, is_there};
use super::publish::publish;
use super::{migrate, schema};
use crate::engine::{Durability, FileSchema, Schema};
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
pub(super) fn open(path: &Path, schema: &Schema, access: Access) -> Result<Connection> {
    Ok(open_migrating(path, schema, access)?.0)
}

/// As [`open`]; also returns the copy of a store that had an older format.
pub(super) fn open_migrating(path: &Path, schema: &Schema, access: Access) -> Result<(Connection, Option<PathBuf>)> {
    let FileSchema { application_id, .. } = schema.file;
    let newest = schema.file.newest();
    if !is_there(path)? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let mut connection = connect(path)?;
    let mut found = identity(&connection);
    let mut copy = None;
    if found.as_ref().is_ok_and(|(id, format)| *id == application_id && schema.file.is_older(*format)) {
        drop(connection);
        copy = migrate::migrate(path, schema)?;
        connection = connect(path)?;
        found = identity(&connection);
    }
    match found {
        Ok((id, format)) if id == application_id && format == newest => {}
        Ok((id, found)) if id == application_id && found > newest => {
            return Err(StoreError::Newer { path: path.to_owned(), found, known: newest });
        }
        Ok(_) => return Err(StoreError::NotAStore(path.to_owned())),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(StoreError::NotAStore(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    set_up(&connection, schema, access)?;
    Ok((connection, copy))
}

/// Settings that last as long as the connection.
fn set_up(connection: &Connection, schema: &Schema, access: Access) -> Result<()> {
    // Otherwise SQLite, built to plan by the values that it is asked with, plans anew for each of them: that was half of
    // the work of a look at one address. There are no statistics that would make one plan better than another.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(
        None,
        "synchronous",
        match schema.file.durability {
            Durability::PowerCut => "FULL",
            Durability::Kill => "NORMAL",
        },
    )?;
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
pub(super) fn create(path: &Path, schema: &Schema) -> Result<()> {
    match create_with(path, schema, |_| Ok(())) {
        Err(StoreError::FileExists(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Creates a store with what `fill` puts into it; when that fails, there is none.
///
/// # Errors
/// Those of `fill`, and [`FileExists`](StoreError::FileExists) when another process was faster.
pub(super) fn create_with<T>(
    path: &Path,
    schema: &Schema,
    fill: impl FnOnce(&mut Connection) -> Result<T>,
) -> Result<T> {
    publish(path, |connection| {
        schema::create(connection, schema)?;
        set_up(connection, schema, Access::Write)?;
        fill(connection)
    })
}
