//! A store for one caller at a time.

use std::io;
use std::path::Path;

use crate::engine::sqlite;
use crate::{Finding, GroupRecord, Imported, Reading, Result, Writing};

/// A store, opened for one caller at a time.
#[derive(Debug)]
pub struct Store {
    pub(crate) session: sqlite::Session,
}

impl Store {
    /// Opens a store that exists. One that an older version has made gets the format of this one, after a copy beside it.
    ///
    /// # Errors
    /// [`Missing`](crate::StoreError::Missing), [`NotAStore`](crate::StoreError::NotAStore),
    /// [`Newer`](crate::StoreError::Newer) and [`Migration`](crate::StoreError::Migration).
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { session: sqlite::Session::open(path)? })
    }

    /// Opens a store, and creates it, for its owner only, when there is no such file. The directory must exist.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`Io`](crate::StoreError::Io) when the file cannot be created.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        Ok(Self { session: sqlite::Session::open_or_create(path)? })
    }

    /// Changes a store as [`write`](Self::write) does. Where there is none it creates one as
    /// [`open_or_create`](Self::open_or_create) does, and only when `work` succeeds.
    ///
    /// # Errors
    /// Those of both, and [`JustCreated`](crate::StoreError::JustCreated).
    pub fn write_or_create<T>(path: &Path, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        sqlite::Session::write_or_create(path, work)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.session.path()
    }

    /// The copy of what it was, if opening it has brought it to the format of this version.
    pub fn copy_of_older(&self) -> Option<&Path> {
        self.session.copy_of_older()
    }

    /// Reads; all of `work` sees one state of the store.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
        self.session.read(work)
    }

    /// All groups, by name: [`Reading::groups`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of the database.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is not general enough")]
    pub fn groups(&self) -> Result<Vec<GroupRecord>> {
        self.read(|reading| reading.groups())
    }

    /// Changes; when `work` fails, nothing has changed, and when it succeeds, the change survives a power cut.
    ///
    /// # Errors
    /// Those of `work`, and of the database: busy when another process has been writing for five seconds.
    pub fn write<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        self.session.write(work)
    }

    /// What `work` comes to as [`write`](Self::write) would run it; nothing is changed.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn try_out<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        self.session.try_out(work)
    }

    /// [`Reading::export`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of [`Reading::export`].
    pub fn export(&self, to: impl io::Write) -> Result<()> {
        self.read(|reading| reading.export(to))
    }

    /// Adds all rows of a CSV file, or none when there is a fault in any.
    ///
    /// # Errors
    /// [`Import`](crate::StoreError::Import) with every faulty row.
    pub fn import(&mut self, from: impl io::Read) -> Result<Imported> {
        self.write(|writing| writing.import(from))
    }

    /// [`Reading::verify`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of [`Reading::verify`].
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's path is not general enough")]
    pub fn verify(&self) -> Result<Vec<Finding>> {
        self.read(|reading| reading.verify())
    }

    /// Writes a copy of the store to a new file, readable for its owner only. The copy is one state of the store, and
    /// nobody who writes to it meanwhile has to wait.
    ///
    /// # Errors
    /// [`FileExists`](crate::StoreError::FileExists), and [`Io`](crate::StoreError::Io) when the file cannot be written.
    pub fn backup(&self, to: &Path) -> Result<()> {
        self.session.backup(to)
    }
}
