//! A store for many callers at once.

use std::path::Path;

use ipam_provider::database::Database;

use crate::engine::STORE;
use crate::{Reading, Result, SharedTables, Writing};

/// A store whose reads run beside each other and whose writes share transactions. Needs a tokio runtime.
#[derive(Debug)]
pub struct SharedStore {
    tables: SharedTables,
}

impl SharedStore {
    /// Opens a store, and creates it when there is no such file; see [`Store::open_or_create`](crate::Store::open_or_create).
    ///
    /// # Errors
    /// Those of [`Store::open_or_create`](crate::Store::open_or_create).
    pub fn open_or_create(path: &Path) -> Result<Self> {
        Ok(Self { tables: SharedTables::open_or_create(path, &STORE)? })
    }

    /// As [`open_or_create`](Self::open_or_create), but where there is no such file, or one of an older version, an empty
    /// store beside it is used. It is created when it is first asked something, and removed with this value.
    ///
    /// # Errors
    /// Those of [`open_or_create`](Self::open_or_create), some of them only then.
    pub fn open_or_stand_in(path: &Path) -> Result<Self> {
        Ok(Self { tables: SharedTables::open_or_stand_in(path, &STORE)? })
    }

    /// The store in a database, whose tables are made where there are none. It is connected to when it is needed first; what
    /// is asked of it takes no longer than the database's time limit.
    pub fn in_database(database: Database) -> Self {
        Self { tables: SharedTables::in_database(database, &STORE) }
    }

    /// As [`in_database`](Self::in_database), but where there are no tables, or older ones, empty ones are used that are gone
    /// with the connection.
    pub fn in_database_or_stand_in(database: Database) -> Self {
        Self { tables: SharedTables::in_database_or_stand_in(database, &STORE) }
    }

    /// Reads; all of `work` sees one state of the store, which has in it every write that was answered before.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.tables.read(work).await
    }

    /// As [`read`](Self::read), for a few rows that an index leads to: such a read is run at once, where it is asked for.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read_few<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.tables.read_few(work).await
    }

    /// Changes; when `work` fails, nothing has changed, and when it succeeds, the change survives a power cut.
    ///
    /// # Errors
    /// Those of `work`, and of the database: busy when another process has been writing for five seconds.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.tables.write(work).await
    }
}
