//! The tables: how they are created, how those of an older version become them, and what tells them from those of others.
//!
//! A format is a number. `schema/version_N.sql` has the tables of format N, and stays as it is once it is released: the way
//! from an older format leads over it. To change the tables, add a file for the next number, and a step to [`STEPS`].

use rusqlite::{Connection, OptionalExtension};

/// `PRAGMA application_id`: "IPAM" in ASCII. Tells a store from any other SQLite file.
pub(super) const APPLICATION_ID: i32 = 0x4950_414d;

/// `PRAGMA user_version` of the tables of this version.
pub(super) const VERSION: i32 = 2;

/// The oldest format that can be brought to [`VERSION`].
pub(super) const OLDEST: i32 = 1;

/// The tables of [`VERSION`].
const TABLES: &str = include_str!("schema/version_2.sql");

/// What leads from each format to the next, beginning with [`OLDEST`].
const STEPS: [&[&str]; (VERSION - OLDEST) as usize] = [&[
    include_str!("schema/to_2_set_aside.sql"),
    include_str!("schema/version_2.sql"),
    include_str!("schema/to_2_take_over.sql"),
]];

/// Creates the tables in an empty database.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;")?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT;")
}

/// Within a transaction, makes the tables of `format` those of [`VERSION`].
///
/// # Errors
/// When a row is against a constraint; the caller ends the transaction.
pub(super) fn bring_up(connection: &Connection, format: i32) -> rusqlite::Result<()> {
    let done = usize::try_from(format - OLDEST).unwrap_or(STEPS.len());
    for step in STEPS.iter().skip(done).copied().flatten() {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}

/// Does a row belong to one that is not there?
pub(super) fn has_orphans(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA foreign_key_check", [], |_| Ok(())).optional().map(|found| found.is_some())
}
