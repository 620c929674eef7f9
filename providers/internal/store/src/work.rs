//! A unit of work: what can be asked of a store and changed in it.
//!
//! The methods are where their nouns are: groups, subnets, ranges, addresses.

use std::io;
use std::ops::Deref;

use jiff::Timestamp;

use crate::connection::Connection;
use crate::csv::{self, Imported, Rows};
use crate::progress::Progress;
use crate::{Finding, Result, verify};

/// What can be asked of a store: one state of it, seen by one transaction.
#[derive(Debug)]
pub struct Reading<'c> {
    pub(crate) connection: &'c dyn Connection,
}

impl<'c> Reading<'c> {
    /// Within a transaction of `connection`.
    pub(crate) fn new(connection: &'c dyn Connection) -> Self {
        Self { connection }
    }

    /// The transaction, for the statements of other tables than the store's.
    pub fn connection(&self) -> &'c dyn Connection {
        self.connection
    }

    /// Writes everything as CSV; the columns are in `providers/internal/README.md`.
    ///
    /// # Errors
    /// [`Export`](crate::StoreError::Export) when `to` fails.
    pub fn export(&self, to: impl io::Write, progress: &dyn Progress) -> Result<()> {
        csv::export(self, to, progress)
    }

    /// Checks the database and everything that must hold in it; no finding means all is well. Reads every record.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&self, progress: &dyn Progress) -> Result<Vec<Finding>> {
        verify::verify(self, progress)
    }

    /// How many addresses are recorded. Counts them all.
    pub(crate) fn address_count(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM allocation")
    }

    /// How many ranges are excluded.
    pub(crate) fn range_count(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM excluded_range")
    }

    fn count(&self, sql: &'static str) -> Result<u64> {
        let count: Option<i64> = self.connection.row(sql, &[], |row| row.get(0))?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }
}

/// What can be changed in a store, and asked meanwhile: one transaction that happens wholly or not at all.
#[derive(Debug)]
pub struct Writing<'c> {
    reading: Reading<'c>,
    pub(crate) now: Timestamp,
}

impl<'c> Writing<'c> {
    /// Within a transaction of `connection` that began at `now`.
    pub(crate) fn new(connection: &'c dyn Connection, now: Timestamp) -> Self {
        Self { reading: Reading::new(connection), now }
    }

    /// Adds all rows of a CSV file; the transaction must not be kept when this fails.
    ///
    /// # Errors
    /// [`Import`](crate::StoreError::Import) with every faulty row.
    pub fn add_rows(&self, rows: &Rows, progress: &dyn Progress) -> Result<Imported> {
        csv::add(self, rows, progress)
    }
}

impl<'c> Deref for Writing<'c> {
    type Target = Reading<'c>;

    fn deref(&self) -> &Self::Target {
        &self.reading
    }
}
