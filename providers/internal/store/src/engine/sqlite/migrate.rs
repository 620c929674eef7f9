//! Brings a store of an older version to the format of this one.
//!
//! All of it is one transaction, after a copy of the store beside it: what fails or is killed leaves the store as it was.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ffi};

use super::connect::{connect, identity, is_there};
use super::publish::copy;
use super::schema;
use crate::engine::Schema;
use crate::{Result, StoreError};

/// How long another process may have the store for itself: it may be migrating millions of addresses.
const WAIT: Duration = Duration::from_secs(600);

/// Brings the store at `path` to the newest format, and returns where the copy is; does nothing if another process was
/// faster.
pub(super) fn migrate(path: &Path, schema: &Schema) -> Result<Option<PathBuf>> {
    let newest = schema.file.newest();
    let connection = connect(path)?;
    connection.busy_timeout(WAIT)?;
    // Tables that others refer to are replaced.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let (_, format) = identity(&connection)?;
    if format >= newest {
        return Ok(None);
    }
    let shown = path.display();
    log::info!("{}: {shown} is brought from format {format} to {newest}", schema.name);
    let failed = |source: StoreError| StoreError::Migration {
        path: path.to_owned(),
        from: format,
        to: newest,
        source: Box::new(source),
    };
    let backup = back_up(path, format).map_err(failed)?;
    if let Err(error) = bring_up(&connection, schema, format) {
        // Before the copy goes: the store must be as it was.
        connection.close().map_err(|(_, error)| failed(error.into()))?;
        let _ = std::fs::remove_file(&backup);
        return Err(failed(error));
    }
    log::warn!(
        "{}: {shown} has format {newest} now, which older versions refuse; {} is a copy of what it was",
        schema.name,
        backup.display()
    );
    Ok(Some(backup))
}

fn bring_up(connection: &Connection, schema: &Schema, format: i32) -> Result<()> {
    schema::bring_up(connection, schema, format)?;
    if schema::has_orphans(connection)? {
        let code = ffi::Error::new(ffi::SQLITE_CONSTRAINT_FOREIGNKEY);
        return Err(rusqlite::Error::SqliteFailure(code, None).into());
    }
    Ok(connection.execute_batch("COMMIT")?)
}

/// Copies the store to a file beside it, whose name is not taken.
fn back_up(path: &Path, format: i32) -> Result<PathBuf> {
    // The connection that is to write may not be copied from. This one reads what that one has locked.
    let reader = connect(path)?;
    for number in 1.. {
        let to = backup_path(path, format, number);
        match copy(&reader, &to) {
            Err(StoreError::FileExists(_)) => {}
            copied => return copied.map(|()| to),
        }
    }
    Err(StoreError::FileExists(backup_path(path, format, 1)))
}

/// `ipam.sqlite.format-1`; from the second on, `ipam.sqlite.format-1-2` and so on.
fn backup_path(path: &Path, format: i32, number: u32) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".format-{format}"));
    if number > 1 {
        name.push(format!("-{number}"));
    }
    path.with_file_name(name)
}

/// Is the store at `path` older than this version, so that it would be migrated?
pub(super) fn is_due(path: &Path, schema: &Schema) -> Result<bool> {
    let is_older = |(id, format): (i32, i32)| id == schema.file.application_id && schema.file.is_older(format);
    Ok(is_there(path)? && identity(&connect(path)?).is_ok_and(is_older))
}
