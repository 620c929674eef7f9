//! Tables in a database, whichever it is and whatever they are for, for many callers at once.

use std::path::Path;

use ipam_provider::database::Database;

use crate::engine::{Schema, postgres, sqlite};
use crate::{Reading, Result, StoreError, Writing};

/// Tables whose reads run beside each other and whose writes share transactions. Needs a tokio runtime.
#[derive(Debug)]
pub struct SharedTables {
    engine: Engine,
}

/// What they are in.
#[derive(Debug)]
enum Engine {
    File(sqlite::Shared),
    Database(postgres::Shared),
}

impl SharedTables {
    /// Opens a file, and creates it, for its owner only, when there is none. The directory must exist.
    ///
    /// # Errors
    /// [`NotAStore`](crate::StoreError::NotAStore), [`Newer`](crate::StoreError::Newer),
    /// [`Migration`](crate::StoreError::Migration), and [`Io`](crate::StoreError::Io) when the file cannot be created.
    pub fn open_or_create(path: &Path, schema: &'static Schema) -> Result<Self> {
        Ok(Self { engine: Engine::File(sqlite::Shared::open_or_create(path, schema)?) })
    }

    /// As [`open_or_create`](Self::open_or_create), but where there is no file, or one of an older version, an empty one
    /// beside it is used. It is created when it is first asked something, and removed with this value.
    ///
    /// # Errors
    /// Those of [`open_or_create`](Self::open_or_create), some of them only then.
    pub fn open_or_stand_in(path: &Path, schema: &'static Schema) -> Result<Self> {
        Ok(Self { engine: Engine::File(sqlite::Shared::open_or_stand_in(path, schema)?) })
    }

    /// Tables in a database, made where there are none. It is connected to when it is needed first; what is asked of it takes
    /// no longer than the database's time limit.
    pub fn in_database(database: Database, schema: &'static Schema) -> Self {
        Self { engine: Engine::Database(postgres::Shared::new(database, schema, postgres::Absent::Make)) }
    }

    /// As [`in_database`](Self::in_database), but where there are no tables, or older ones, empty ones are used that are gone
    /// with the connection.
    pub fn in_database_or_stand_in(database: Database, schema: &'static Schema) -> Self {
        Self { engine: Engine::Database(postgres::Shared::new(database, schema, postgres::Absent::StandIn)) }
    }

    /// Reads; all of `work` sees one state, which has in it every write that was answered before.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.engine {
            Engine::File(shared) => shared.read(work).await,
            Engine::Database(shared) => shared.read(work).await,
        }
    }

    /// As [`read`](Self::read), for a few rows that an index leads to: such a read is run at once, where it is asked for.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read_few<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.engine {
            Engine::File(shared) => shared.read_few(work).await,
            Engine::Database(shared) => shared.read(work).await,
        }
    }

    /// Changes; when `work` fails, nothing has changed, and when it succeeds, the change survives what the schema says.
    ///
    /// # Errors
    /// Those of `work`, and of the database: busy when another process has been writing for five seconds.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match &self.engine {
            Engine::File(shared) => shared.write(work).await,
            Engine::Database(shared) => shared.write(work).await,
        }
    }

    /// As [`write`](Self::write), for a file only, since a database has no such thread, and without waiting: `done` is called with the outcome, on the thread that
    /// writes. It is called in any case, and `work` is run whether anybody still waits or not.
    pub fn send(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<()> + Send + 'static,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) {
        match &self.engine {
            Engine::File(shared) => shared.send(work, done),
            Engine::Database(_) => done(Err(StoreError::Stopped)),
        }
    }
}
