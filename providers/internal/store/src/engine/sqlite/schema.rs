//! The tables: how they are created, and how those of an older format become them.

use rusqlite::{Connection, OptionalExtension};

use crate::engine::Schema;

/// Creates the tables in an empty database.
pub(super) fn create(connection: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;")?;
    connection.execute_batch(schema.file.tables)?;
    connection.pragma_update(None, "application_id", schema.file.application_id)?;
    connection.pragma_update(None, "user_version", schema.file.newest())?;
    connection.execute_batch("COMMIT;")
}

/// Within a transaction, makes the tables of `format` those of the newest.
///
/// # Errors
/// When a row is against a constraint; the caller ends the transaction.
pub(super) fn bring_up(connection: &Connection, schema: &Schema, format: i32) -> rusqlite::Result<()> {
    let steps = schema.file.steps;
    let done = usize::try_from(format - schema.file.oldest).unwrap_or(steps.len());
    for step in steps.iter().skip(done).copied().flatten() {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", schema.file.newest())
}

/// Does a row belong to one that is not there?
pub(super) fn has_orphans(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA foreign_key_check", [], |_| Ok(())).optional().map(|found| found.is_some())
}
