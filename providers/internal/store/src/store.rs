//! A store for one caller at a time.

use std::io;
use std::path::Path;

use ipam_provider::database::Database;

use crate::copy::Contents;
use crate::engine::{STORE, postgres, sqlite};
use crate::{Finding, GroupRecord, Imported, Progress, Reading, Result, Rows, StoreError, Unseen, Writing};

/// A store, opened for one caller at a time.
#[derive(Debug)]
pub struct Store {
    pub(crate) engine: Engine,
}

/// What it is in.
#[derive(Debug)]
pub(crate) enum Engine {
    File(sqlite::Session),
    Database(Box<postgres::Pool>),
}

impl Store {
    /// Opens a store that exists. One that an older version has made gets the format of this one, after a copy beside it.
    ///
    /// # Errors
    /// [`Missing`](crate::StoreError::Missing), [`NotAStore`](crate::StoreError::NotAStore),
    /// [`Newer`](crate::StoreError::Newer) and [`Migration`](crate::StoreError::Migration).
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { engine: Engine::File(sqlite::Session::open(path, &STORE)?) })
    }

    /// Opens a store, and creates it, for its owner only, when there is no such file. The directory must exist.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`Io`](crate::StoreError::Io) when the file cannot be created.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        Ok(Self { engine: Engine::File(sqlite::Session::open_or_create(path, &STORE)?) })
    }

    /// Opens the store in a database, and makes its tables where there are none. What is asked of it may take as long as it
    /// needs.
    ///
    /// # Errors
    /// [`Newer`](crate::StoreError::Newer), and when the database cannot be used.
    pub fn open_database(database: &Database) -> Result<Self> {
        Self::in_database(database, postgres::Absent::Make)
    }

    /// As [`open_database`](Self::open_database), but where there are no tables, or older ones, empty ones are used that are
    /// gone with this value.
    ///
    /// # Errors
    /// As [`open_database`](Self::open_database).
    pub fn open_database_or_stand_in(database: &Database) -> Result<Self> {
        Self::in_database(database, postgres::Absent::StandIn)
    }

    fn in_database(database: &Database, absent: postgres::Absent) -> Result<Self> {
        let pool = postgres::Pool::new(database.clone(), &STORE, absent, postgres::Patience::Unlimited);
        pool.connect()?;
        Ok(Self { engine: Engine::Database(Box::new(pool)) })
    }

    /// Changes a store as [`write`](Self::write) does. Where there is none it creates one as
    /// [`open_or_create`](Self::open_or_create) does, and only when `work` succeeds.
    ///
    /// # Errors
    /// Those of both, and [`JustCreated`](crate::StoreError::JustCreated).
    pub fn write_or_create<T>(path: &Path, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        sqlite::Session::write_or_create(path, &STORE, work)
    }

    /// Its file, if it is in one.
    pub fn path(&self) -> Option<&Path> {
        match &self.engine {
            Engine::File(session) => Some(session.path()),
            Engine::Database(_) => None,
        }
    }

    /// The copy of what it was, if opening it has brought it to the format of this version.
    pub fn copy_of_older(&self) -> Option<&Path> {
        match &self.engine {
            Engine::File(session) => session.copy_of_older(),
            Engine::Database(_) => None,
        }
    }

    /// Reads; all of `work` sees one state of the store.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
        match &self.engine {
            Engine::File(session) => session.read(work),
            Engine::Database(pool) => pool.read(work),
        }
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
        match &mut self.engine {
            Engine::File(session) => session.write(work),
            Engine::Database(pool) => pool.write(work),
        }
    }

    /// What `work` comes to as [`write`](Self::write) would run it; nothing is changed.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn try_out<T>(&mut self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        match &mut self.engine {
            Engine::File(session) => session.try_out(work),
            Engine::Database(pool) => pool.try_out(work),
        }
    }

    /// [`Reading::export`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of [`Reading::export`].
    pub fn export(&self, to: impl io::Write) -> Result<()> {
        self.read(|reading| reading.export(to, &Unseen))
    }

    /// Adds all rows of a CSV file, or none when there is a fault in any. Others can write until all of it is read.
    ///
    /// # Errors
    /// [`Import`](crate::StoreError::Import) with every faulty row.
    pub fn import(&mut self, from: impl io::Read) -> Result<Imported> {
        let rows = Rows::read(from, None, &Unseen)?;
        self.write(|writing| writing.add_rows(&rows, &Unseen))
    }

    /// [`Reading::verify`] in a transaction of its own.
    ///
    /// # Errors
    /// Those of [`Reading::verify`].
    pub fn verify(&self) -> Result<Vec<Finding>> {
        self.read(|reading| reading.verify(&Unseen))
    }

    /// Writes a copy of the store to a new file, readable for its owner only. The copy is one state of the store, and
    /// nobody who writes to it meanwhile has to wait.
    ///
    /// # Errors
    /// [`FileExists`](crate::StoreError::FileExists), [`Io`](crate::StoreError::Io) when the file cannot be written, and
    /// [`Invalid`](crate::StoreError::Invalid) for a store in a database, which has means of its own.
    pub fn backup(&self, to: &Path) -> Result<()> {
        match &self.engine {
            Engine::File(session) => session.backup(to),
            Engine::Database(pool) => Err(StoreError::Invalid(format!(
                "The address store is in the database {}; back it up with pg_dump",
                pool.database()
            ))),
        }
    }

    /// Copies all that the store has into a new or empty one in a file. The copy is there wholly or not at all, and is compared with
    /// what was copied before it is kept. Nobody who writes to this store meanwhile has to wait.
    ///
    /// # Errors
    /// [`NotNew`](crate::StoreError::NotNew), [`CopyDiffers`](crate::StoreError::CopyDiffers), and those of
    /// [`write_or_create`](Self::write_or_create).
    pub fn copy(&self, to: &Path, progress: &dyn Progress) -> Result<Imported> {
        let contents = self.read(|reading| Contents::of(reading, progress))?;
        Self::write_or_create(to, |writing| contents.add(writing, progress))
    }

    /// As [`copy`](Self::copy), into a store that is open.
    ///
    /// # Errors
    /// Those of [`copy`](Self::copy).
    pub fn copy_into(&self, to: &mut Self, progress: &dyn Progress) -> Result<Imported> {
        let contents = self.read(|reading| Contents::of(reading, progress))?;
        to.write(|writing| contents.add(writing, progress))
    }
}
