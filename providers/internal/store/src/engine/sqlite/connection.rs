//! The statements of the store on SQLite.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ToSql, params_from_iter};

use crate::connection::{Connection, Row, Visit, Writers};
use crate::{DatabaseError, Result, Value};

/// How many rows that belong nowhere are reported; SQLite's own check stops at as many.
const ROWS_AT_MOST: usize = 100;

/// Statements stay prepared as long as the connection, so the texts are looked up, not parsed.
impl Connection for rusqlite::Connection {
    fn query_each(&self, sql: &'static str, values: &[Value<'_>], visit: &mut Visit<'_>) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if let ControlFlow::Break(()) = visit(row)? {
                break;
            }
        }
        Ok(())
    }

    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64> {
        let changed = self.prepare_cached(sql)?.execute(params_from_iter(values))?;
        Ok(changed as u64)
    }

    fn writers(&self) -> Writers {
        Writers::One
    }

    /// Pages, indices, CHECK constraints and foreign keys.
    fn damage(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut integrity = self.prepare("PRAGMA integrity_check")?;
        for line in integrity.query_map([], |row| row.get::<_, String>(0))? {
            found.push(line?);
        }
        found.retain(|line| line != "ok");
        let mut keys = self.prepare("PRAGMA foreign_key_check")?;
        let described = |row: &rusqlite::Row<'_>| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            Ok(format!("a row of {table} belongs to a row of {parent} that is not there"))
        };
        for broken in keys.query_map([], described)?.take(ROWS_AT_MOST) {
            found.push(broken?);
        }
        Ok(found)
    }
}

impl Row for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        let unreadable = || DatabaseError::unreadable(column);
        Ok(match self.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(text) => Value::Text(str::from_utf8(text).map_err(|_| unreadable())?),
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
            ValueRef::Real(_) => return Err(unreadable().into()),
        })
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Address(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
