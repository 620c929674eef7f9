//! Connections for reading: a few, so that reads wait neither for writes nor for each other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::file::{Access, open};
use super::session::read;
use crate::engine::Schema;
use crate::{Reading, Result, StoreError};

/// How many reads run at the same time. A read takes microseconds, so more would only cost memory.
const READERS: usize = 4;

/// A pool of connections that cannot write, opened as they are needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    schema: &'static Schema,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// A pool for the store at `path`.
    pub(super) fn new(path: PathBuf, schema: &'static Schema) -> Self {
        Self { path, schema, permits: Arc::new(Semaphore::new(READERS)), idle: Arc::default() }
    }

    /// Runs `work` on a thread that may block. Needs a tokio runtime.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let (path, schema, idle) = (self.path.clone(), self.schema, Arc::clone(&self.idle));
        let task = spawn_blocking(move || {
            // Here and not outside, so that a caller who stops waiting does not let in one more reader than there are.
            let _permit = permit;
            // No code that holds the lock can panic half-way.
            let reused = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match reused {
                Some(connection) => connection,
                None => open(&path, schema, Access::Read)?,
            };
            let outcome = read(&connection, work);
            put_back(&idle, connection);
            outcome
        });
        task.await.map_err(|_| StoreError::Stopped)?
    }

    /// Runs `work` on this thread when a connection is idle. For reads of a few rows: they take a few microseconds, far
    /// less than handing them to another thread, and no writer makes them wait.
    pub(super) async fn run_here<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(connection) = idle else { return self.run(work).await };
        let outcome = read(&connection, work);
        put_back(&self.idle, connection);
        outcome
    }
}

/// Keeps the connection for the next read, unless enough are kept.
fn put_back(idle: &Mutex<Vec<Connection>>, connection: Connection) {
    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
    if idle.len() < READERS {
        idle.push(connection);
    }
}
