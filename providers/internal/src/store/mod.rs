//! The store: one SQLite file that holds groups, subnets, excluded ranges and addresses.
//!
//! All that can be asked of it is in [`Reading`], all that can be changed in [`Writing`]; each stands for one
//! transaction. [`Store`] runs them one at a time, for the command line. The provider runs the same through
//! [`SharedStore`], whose writes share transactions. Several processes may have one file open: nothing of its content
//! is remembered from one transaction to the next.

mod addresses;
mod csv;
mod error;
mod extents;
mod file;
mod groups;
mod key;
mod open_files;
mod ranges;
mod readers;
mod records;
mod schema;
mod shared;
mod subnets;
mod verify;
mod writer;

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use csv::{Fault, Faults, Imported};
pub use error::{Result, StoreError};
pub use records::{
    AddressDetails, AddressEdit, AddressRecord, Contents, ExcludedRange, GroupEdit, GroupRecord, NewSubnet, Scope,
    SubnetEdit, SubnetRecord, Usage,
};
pub use shared::SharedStore;
pub use verify::Finding;

/// The owner of addresses that the proxy records for Foreman. Whoever else writes to the store uses another.
pub const OWNER: &str = "foreman-ipam-proxy";

/// A store, opened for one caller at a time.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens a store that exists.
    ///
    /// # Errors
    /// [`Missing`](StoreError::Missing), [`NotAStore`](StoreError::NotAStore) and [`Newer`](StoreError::Newer).
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { connection: file::open(path, file::Access::Write)?, path: path.to_owned() })
    }

    /// Opens a store, and creates it, for its owner only, when there is no such file. The directory must exist.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`Io`](StoreError::Io) when the file cannot be created.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        if !file::is_there(path)? {
            file::create(path)?;
        }
        Self::open(path)
    }

    /// Changes a store as [`write`](Self::write) does. Where there is none it creates one as
    /// [`open_or_create`](Self::open_or_create) does, and only when `work` succeeds.
    ///
    /// # Errors
    /// Those of both, and [`JustCreated`](StoreError::JustCreated).
    pub fn write_or_create<T>(path: &Path, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        if file::is_there(path)? {
            return Self::open(path)?.write(work);
        }
        match file::create_with(path, |connection| write(connection, work)) {
            Err(StoreError::FileExists(path)) => Err(StoreError::JustCreated(path)),
            outcome => outcome,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads; all of `work` sees one state of the store.
    ///
    /// # Errors
    /// Those of `work`, and of SQLite.
    pub fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
        read(&self.connection, work)
    }

    /// All groups, by name: [`Reading::groups`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of SQLite.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is not general enough")]
    pub fn groups(&self) -> Result<Vec<GroupRecord>> {
        self.read(|reading| reading.groups())
    }

    /// Changes; when `work` fails, nothing has changed, and when it succeeds, the change survives a power cut.
    ///
    /// # Errors
    /// Those of `work`, and of SQLite: busy when another process has been writing for five seconds.
    pub fn write<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        write(&mut self.connection, work)
    }

    /// What `work` comes to as [`write`](Self::write) would run it; nothing is changed.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn try_out<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let outcome = work(&Writing::new(&transaction));
        transaction.rollback()?;
        outcome
    }

    /// Writes the whole store as CSV; the columns are in the crate's documentation.
    ///
    /// # Errors
    /// [`Export`](StoreError::Export) when `to` fails.
    pub fn export(&self, to: impl io::Write) -> Result<()> {
        self.read(|reading| csv::export(reading, to))
    }

    /// Adds all rows of a CSV file, or none when there is a fault in any.
    ///
    /// # Errors
    /// [`Import`](StoreError::Import) with every faulty row.
    pub fn import(&mut self, from: impl io::Read) -> Result<Imported> {
        self.write(|writing| writing.import(from))
    }

    /// Checks the file and everything that must hold in it; no finding means all is well. Reads every record.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn verify(&self) -> Result<Vec<Finding>> {
        self.read(verify::verify)
    }

    /// Writes a copy of the store to a new file, readable for its owner only. The copy is one state of the store, and
    /// nobody who writes to it meanwhile has to wait.
    ///
    /// # Errors
    /// [`FileExists`](StoreError::FileExists), and [`Io`](StoreError::Io) when the file cannot be written.
    pub fn backup(&self, to: &Path) -> Result<()> {
        file::copy(&self.connection, to)
    }
}

/// What can be asked of a store: one state of it, seen by one transaction.
#[derive(Debug)]
pub struct Reading<'c> {
    connection: &'c Connection,
}

/// What can be changed in a store, and asked meanwhile: one transaction that happens wholly or not at all.
#[derive(Debug)]
pub struct Writing<'c> {
    reading: Reading<'c>,
    now: Timestamp,
}

impl<'c> Writing<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { reading: Reading { connection }, now: Timestamp::now() }
    }

    /// Adds all rows of a CSV file; the transaction must not be kept when this fails.
    ///
    /// # Errors
    /// [`Import`](StoreError::Import) with every faulty row.
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

/// Runs `work` within one read transaction.
fn read<T>(connection: &Connection, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let outcome = work(&Reading { connection: &transaction })?;
    transaction.finish()?;
    Ok(outcome)
}

/// Runs `work` within one transaction, which is kept when it succeeds.
fn write<T>(connection: &mut Connection, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let outcome = work(&Writing::new(&transaction))?;
    transaction.commit()?;
    Ok(outcome)
}

#[cfg(test)]
mod tests;
