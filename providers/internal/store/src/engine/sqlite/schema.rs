//! Creates the tables, and tells them from those of others.

use rusqlite::Connection;

/// `PRAGMA application_id`: "IPAM" in ASCII. Tells a store from any other SQLite file.
pub(super) const APPLICATION_ID: i32 = 0x4950_414d;

/// `PRAGMA user_version` of the tables. Raise it with every change to them.
pub(super) const VERSION: i32 = 1;

/// Creates the tables in an empty database.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;")?;
    connection.execute_batch(include_str!("schema.sql"))?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT;")
}
