//! What the statements of the store need of a database, and nothing more: two engines can offer it.
//!
//! A statement is a literal, with its values as `?1`, `?2` and so on. It uses what SQLite and PostgreSQL both have:
//! `ON CONFLICT DO NOTHING`, `RETURNING`, `IS NOT DISTINCT FROM`, `LIMIT`; `1` and `0` for true and false in columns; bytes
//! for addresses and MACs; `SELECT 1` and a look whether there is a row in place of `EXISTS` as a result. Text compares and
//! sorts by its bytes, which the tables see to.

use std::fmt;
use std::ops::ControlFlow;

use crate::value::{FromValue, Value};
use crate::{DatabaseError, Result};

/// One transaction of a database, as the statements see it.
///
/// Everything takes `&self`: a statement may run while the rows of another are looked at.
pub trait Connection: fmt::Debug {
    /// Runs a statement that answers rows, and calls `visit` with each until it answers [`Break`](ControlFlow::Break).
    /// Only so much is kept in memory as does not depend on the number of rows.
    ///
    /// # Errors
    /// Those of `visit`, and of the database.
    fn query_each(&self, sql: &'static str, values: &[Value<'_>], visit: &mut Visit<'_>) -> Result<()>;

    /// As [`query_each`](Self::query_each), for few rows, or rows that are all kept: an engine may read them all before it
    /// calls `visit`.
    ///
    /// # Errors
    /// As [`query_each`](Self::query_each).
    fn query_few(&self, sql: &'static str, values: &[Value<'_>], visit: &mut Visit<'_>) -> Result<()> {
        self.query_each(sql, values, visit)
    }

    /// Runs a statement that answers no rows, and tells how many it has changed.
    ///
    /// # Errors
    /// Those of the database.
    fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64>;

    /// May others write at the same time?
    fn writers(&self) -> Writers;

    /// What the database finds wrong with itself, sentence by sentence: files, indices, constraints. May read everything.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    fn damage(&self) -> Result<Vec<String>>;
}

/// What looks at each row of an answer.
pub type Visit<'v> = dyn FnMut(&dyn Row) -> Result<ControlFlow<()>> + 'v;

/// How many units of work may write to a store at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// A unit of work that writes is alone.
    One,
    /// Others write meanwhile: what a unit relies on has to be locked.
    Several,
}

/// One row of an answer.
pub trait Row {
    /// What is in a column; the first is 0.
    ///
    /// # Errors
    /// When the database has something there that is no [`Value`].
    fn value(&self, column: usize) -> Result<Value<'_>>;
}

impl dyn Row + '_ {
    /// What is in a column, as the type that belongs there.
    ///
    /// # Errors
    /// When it is something else: the row is damaged.
    pub fn get<'r, T: FromValue<'r>>(&'r self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?).ok_or_else(|| DatabaseError::unreadable(column).into())
    }
}

impl dyn Connection + '_ {
    /// Calls `visit` with each row.
    pub fn each(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut visit: impl FnMut(&dyn Row) -> Result<()>,
    ) -> Result<()> {
        self.query_each(sql, values, &mut |row| visit(row).map(ControlFlow::Continue))
    }

    /// All rows, as `read` reads them.
    pub fn rows<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.query_few(sql, values, &mut |row| {
            rows.push(read(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(rows)
    }

    /// The first row, as `read` reads it; the statement answers few.
    pub fn row<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.query_few(sql, values, &mut |row| {
            found = Some(read(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Does the statement answer any row?
    pub fn is_any(&self, sql: &'static str, values: &[Value<'_>]) -> Result<bool> {
        Ok(self.row(sql, values, |_| Ok(()))?.is_some())
    }

    /// Runs `work` within the transaction, and undoes what it did unless it answers `true`.
    ///
    /// # Errors
    /// When the whole transaction is lost.
    pub fn savepoint(&self, work: impl FnOnce() -> bool) -> Result<()> {
        self.execute("SAVEPOINT unit", &[])?;
        if !work() {
            self.execute("ROLLBACK TO SAVEPOINT unit", &[])?;
        }
        self.execute("RELEASE SAVEPOINT unit", &[]).map(drop)
    }
}
