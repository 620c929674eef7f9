//! One connection to a file, for one caller at a time.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connect::is_there;
use super::{file, publish};
use crate::engine::Schema;
use crate::{Reading, Result, StoreError, Writing};

/// A file that one caller has open.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Made when opening it has migrated it.
    copy_of_older: Option<PathBuf>,
}

impl Session {
    pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Self> {
        let (connection, copy_of_older) = file::open_migrating(path, schema, file::Access::Write)?;
        Ok(Self { connection, path: path.to_owned(), copy_of_older })
    }

    pub(crate) fn open_or_create(path: &Path, schema: &Schema) -> Result<Self> {
        if !is_there(path)? {
            file::create(path, schema)?;
        }
        Self::open(path, schema)
    }

    pub(crate) fn write_or_create<T>(
        path: &Path,
        schema: &Schema,
        work: impl FnOnce(&Writing<'_>) -> Result<T>,
    ) -> Result<T> {
        if is_there(path)? {
            return Self::open(path, schema)?.write(work);
        }
        match file::create_with(path, schema, |connection| write(connection, work)) {
            Err(StoreError::FileExists(path)) => Err(StoreError::JustCreated(path)),
            outcome => outcome,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn copy_of_older(&self) -> Option<&Path> {
        self.copy_of_older.as_deref()
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
        read(&self.connection, work)
    }

    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        write(&mut self.connection, work)
    }

    pub(crate) fn try_out<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let outcome = work(&Writing::new(&*transaction, Timestamp::now()));
        transaction.rollback()?;
        outcome
    }

    pub(crate) fn backup(&self, to: &Path) -> Result<()> {
        publish::copy(&self.connection, to)
    }
}

/// Runs `work` within one read transaction.
pub(super) fn read<T>(connection: &Connection, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let outcome = work(&Reading::new(&*transaction))?;
    transaction.finish()?;
    Ok(outcome)
}

/// Runs `work` within one transaction, which is kept when it succeeds.
fn write<T>(connection: &mut Connection, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let outcome = work(&Writing::new(&*transaction, Timestamp::now()))?;
    transaction.commit()?;
    Ok(outcome)
}
