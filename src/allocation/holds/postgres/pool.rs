//! The connections to the database, and what is wrong with it now.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::session::Session;
use super::statements::Statements;
use super::{Database, DatabaseError};
use crate::telemetry::with_causes;

/// How many connections a proxy has. Changes of one space use one at a time.
const CONNECTIONS: usize = 8;

/// How long to wait before the next try to reach a database that was there a moment ago.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections of this proxy.
pub(super) struct Pool {
    database: Database,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    trouble: Mutex<Option<Trouble>>,
}

struct Trouble {
    since: Instant,
    text: String,
}

/// A connection in use. One that is dropped without being [given back](Self::give_back) is closed.
pub(super) struct Lent<'a> {
    session: Session,
    pool: &'a Pool,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Lent<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Lent<'_> {
    /// Makes the connection free for others; no transaction is open in it.
    pub(super) fn give_back(self) {
        if !self.session.client.is_closed() {
            locked(&self.pool.idle).push(self.session);
        }
    }
}

impl Pool {
    pub(super) fn new(database: Database) -> Self {
        let permits = Arc::new(Semaphore::new(CONNECTIONS));
        Self { database, permits, idle: Mutex::default(), trouble: Mutex::default() }
    }

    /// How long anything may take.
    pub(super) fn timeout(&self) -> Duration {
        self.database.timeout()
    }

    /// A connection that nobody else uses; a new one when none is free.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, DatabaseError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| DatabaseError::Gone)?;
        let known = {
            let mut idle = locked(&self.idle);
            idle.retain(|session| !session.client.is_closed());
            idle.pop()
        };
        let session = match known {
            Some(session) => session,
            None => self.note(Session::open(&self.database).await)?,
        };
        Ok(Lent { session, pool: self, _permit: permit })
    }

    /// The rows of one statement that changes nothing, or only the sequence.
    pub(super) async fn query(
        &self,
        statement: fn(&Statements) -> &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DatabaseError> {
        self.again_while_passing(|| {
            let asked = async move {
                let session = self.lend().await?;
                let rows = session.client.query(statement(&session.statements), values).await?;
                session.give_back();
                Ok(rows)
            };
            asked.boxed()
        })
        .await
    }

    /// Repeats an operation that had no effect while its failure may pass: the database is being restarted, or another
    /// one takes its place. One that is away for longer fails at once, so that callers do not queue up.
    pub(super) async fn again_while_passing<'a, T>(
        &self,
        mut operation: impl FnMut() -> BoxFuture<'a, Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let deadline = tokio::time::Instant::now() + self.timeout();
        loop {
            let outcome = timeout_at(deadline, operation()).await;
            let outcome = self.note(outcome.unwrap_or_else(|_| Err(DatabaseError::TimedOut(self.timeout()))));
            match outcome {
                Err(error) if error.is_passing() && !self.is_away_for_long() => {
                    if tokio::time::Instant::now() + PAUSE >= deadline {
                        return Err(error);
                    }
                    sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Notes whether the database works.
    fn note<T>(&self, outcome: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let mut trouble = locked(&self.trouble);
        match &outcome {
            Ok(_) => {
                if trouble.take().is_some() {
                    log::info!("The database {} answers again", self.database);
                }
            }
            Err(error) => {
                let text = with_causes(error);
                match &mut *trouble {
                    Some(known) => known.text = text,
                    None => *trouble = Some(Trouble { since: Instant::now(), text }),
                }
            }
        }
        outcome
    }

    fn is_away_for_long(&self) -> bool {
        locked(&self.trouble).as_ref().is_some_and(|trouble| trouble.since.elapsed() > self.timeout())
    }

    /// What is wrong with the database now.
    pub(super) fn trouble(&self) -> Option<String> {
        locked(&self.trouble).as_ref().map(|trouble| trouble.text.clone())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
