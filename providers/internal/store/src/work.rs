//! A unit of work: what can be asked of a store and changed in it.
//!
//! The methods are where their nouns are: groups, subnets, ranges, addresses.

use std::io;
use std::ops::Deref;

use jiff::Timestamp;

use crate::connection::Connection;
use crate::csv::{self, Imported};
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

    /// Writes everything as CSV; the columns are in `providers/internal/README.md`.
    ///
    /// # Errors
    /// [`Export`](crate::StoreError::Export) when `to` fails.
    pub fn export(&self, to: impl io::Write) -> Result<()> {
        csv::export(self, to)
    }

    /// Checks the database and everything that must hold in it; no finding means all is well. Reads every record.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&self) -> Result<Vec<Finding>> {
        verify::verify(self)
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
    pub fn import(&self, from: impl io::Read) -> Result<Imported> {
        csv::import(self, from)
    }
}

impl<'c> Deref for Writing<'c> {
    type Target = Reading<'c>;

    fn deref(&self) -> &Self::Target {
        &self.reading
    }
}
