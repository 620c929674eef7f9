//! A way past the store, for tests.

use std::path::Path;

use rusqlite::Connection;

use super::Session;
use super::file::{Access, open};
use crate::Result;
use crate::engine::STORE;

/// A connection that may do what the store never would, apart from what the database itself refuses.
pub(crate) fn raw(path: &Path) -> Connection {
    open(path, &STORE, Access::Write).expect("a connection")
}

pub(crate) fn hurry(session: &Session) {
    session.connection.pragma_update(None, "synchronous", "OFF").expect("a pragma");
}

pub(crate) fn execute(path: &Path, sql: &str) -> Result<u64> {
    Ok(raw(path).execute(sql, [])? as u64)
}

/// Runs statements without the constraints that would forbid them, which are gone then.
pub(crate) fn damage(path: &Path, sql: &str) {
    let raw = raw(path);
    let triggers: Vec<String> = raw
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut triggers| triggers.query_map([], |row| row.get(0))?.collect())
        .expect("the triggers");
    let drops: String = triggers.iter().map(|name| format!("DROP TRIGGER {name};")).collect();
    raw.execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {drops} {sql};"))
        .expect("a damage");
}
