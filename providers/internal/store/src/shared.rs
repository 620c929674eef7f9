//! A store for many callers at once.

use std::path::Path;

use crate::engine::sqlite;
use crate::{Reading, Result, Writing};

/// A store whose reads run beside each other and whose writes share transactions. Needs a tokio runtime.
#[derive(Debug)]
pub struct SharedStore {
    shared: sqlite::Shared,
}

impl SharedStore {
    /// Opens a store, and creates it when there is no such file; see [`Store::open_or_create`](crate::Store::open_or_create).
    ///
    /// # Errors
    /// Those of [`Store::open_or_create`](crate::Store::open_or_create).
    pub fn open_or_create(path: &Path) -> Result<Self> {
        Ok(Self { shared: sqlite::Shared::open_or_create(path)? })
    }

    /// As [`open_or_create`](Self::open_or_create), but where there is no such file, or one of an older version, an empty
    /// store beside it is used, and is removed with this value.
    ///
    /// # Errors
    /// Those of [`open_or_create`](Self::open_or_create).
    pub fn open_or_stand_in(path: &Path) -> Result<Self> {
        Ok(Self { shared: sqlite::Shared::open_or_stand_in(path)? })
    }

    /// Reads; all of `work` sees one state of the store, which has in it every write that was answered before.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.read(work).await
    }

    /// As [`read`](Self::read), for a few rows that an index leads to: such a read is run at once, where it is asked for.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn read_few<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.read_few(work).await
    }

    /// Changes; when `work` fails, nothing has changed, and when it succeeds, the change survives a power cut.
    ///
    /// # Errors
    /// Those of `work`, and of the database: busy when another process has been writing for five seconds.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.shared.write(work).await
    }
}
