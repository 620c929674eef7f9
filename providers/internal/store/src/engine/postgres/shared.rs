//! A database that many callers have open: a few units at a time that read, and a few that write.

use std::sync::Arc;

use ipam_provider::database::Database;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::pool::{Pool, too_many};
use super::session::{Absent, Patience};
use crate::engine::Schema;
use crate::{Reading, Result, StoreError, Writing};

/// How many units write at the same time. Those of one subnet wait for each other in the database.
const WRITERS: usize = 8;

/// How many units read at the same time: they never wait for one that writes.
const READERS: usize = 4;

/// What [`SharedStore`](crate::SharedStore) is here. Needs a tokio runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    pool: Arc<Pool>,
    writers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Shared {
    /// The database is connected to when it is needed first.
    pub(crate) fn new(database: Database, schema: &'static Schema, absent: Absent) -> Self {
        Self {
            pool: Arc::new(Pool::new(database, schema, absent, Patience::Limited)),
            writers: Arc::new(Semaphore::new(WRITERS)),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(&self.readers, move |pool| pool.read(work)).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(&self.writers, move |pool| pool.write(work)).await
    }

    /// Runs a unit on a thread that may block. One whose caller goes away meanwhile runs to its end.
    async fn run<T: Send + 'static>(
        &self,
        permits: &Arc<Semaphore>,
        unit: impl FnOnce(&Pool) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = timeout(self.pool.database().timeout(), Arc::clone(permits).acquire_owned()).await;
        let permit = permit.map_err(|_| too_many())?.map_err(|_| StoreError::Stopped)?;
        let pool = Arc::clone(&self.pool);
        let task = spawn_blocking(move || {
            let _permit = permit;
            unit(&pool)
        });
        task.await.map_err(|_| StoreError::Stopped)?
    }
}
