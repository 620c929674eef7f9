//! Which changes share a transaction.
//!
//! While a transaction of a space is under way, the changes of the space that come meanwhile wait, and the next one takes
//! them all. One task works for a space, as long as something waits.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::DatabaseError;
use super::change::{self, Failed, Outcome, Wish, Written};
use super::pool::Pool;
use crate::allocation::holds::PlaceError;
use crate::allocation::holds::hold::{Scope, Space};

/// How many changes share a transaction.
const TOGETHER: usize = 64;

/// How long to wait before the next try to look a commit up.
const PAUSE: Duration = Duration::from_millis(100);

type Answer = oneshot::Sender<Result<Outcome, PlaceError>>;

/// One change that waits.
pub(super) struct Job {
    pub(super) scope: Arc<Scope>,
    pub(super) wish: Wish,
    pub(super) answer: Answer,
}

/// The changes that wait, by space. A space that is there has a task that works for it.
#[derive(Default)]
pub(super) struct Queue(Mutex<HashMap<Space, Vec<Job>>>);

impl Queue {
    /// Lets a change wait; `true` when a task has to be started for the space.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.entry(job.scope.space.clone()) {
            Entry::Occupied(mut jobs) => {
                jobs.get_mut().push(job);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![job]);
                true
            }
        }
    }

    /// The next changes of a space. When there are none, the space is not worked for any more.
    fn take(&self, space: &Space) -> Vec<Job> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = waiting.get_mut(space) else { return Vec::new() };
        // Nobody waits for the answer to these.
        jobs.retain(|job| !job.answer.is_closed());
        let taken: Vec<Job> = jobs.drain(..jobs.len().min(TOGETHER)).collect();
        if taken.is_empty() {
            waiting.remove(space);
        }
        taken
    }

    /// Works for a space until nothing waits.
    pub(super) async fn work(&self, pool: &Pool, space: &Space) {
        loop {
            let jobs = self.take(space);
            if jobs.is_empty() {
                return;
            }
            let wishes: Vec<_> = jobs.iter().map(|job| (&job.scope, &job.wish)).collect();
            match together(pool, space, &wishes).await {
                Ok(outcomes) => {
                    for (job, outcome) in jobs.into_iter().zip(outcomes) {
                        let _ = job.answer.send(Ok(outcome));
                    }
                }
                Err(error) => {
                    let error = PlaceError::from(error);
                    for job in jobs {
                        let _ = job.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }
}

/// One transaction, repeated when it certainly had no effect and its failure may pass.
async fn together(pool: &Pool, space: &Space, wishes: &[(&Arc<Scope>, &Wish)]) -> Result<Vec<Outcome>, DatabaseError> {
    let deadline = Instant::now() + pool.timeout();
    pool.again_while_passing(|| once(pool, space, wishes, deadline).boxed()).await
}

async fn once(
    pool: &Pool,
    space: &Space,
    wishes: &[(&Arc<Scope>, &Wish)],
    deadline: Instant,
) -> Result<Vec<Outcome>, DatabaseError> {
    let session = pool.lend().await?;
    match change::run(&session, space, wishes).await {
        Ok(outcomes) => {
            session.give_back();
            Ok(outcomes)
        }
        Err(Failed::NoEffect(error)) => {
            if error.is_refusal() && session.client.batch_execute("ROLLBACK").await.is_ok() {
                session.give_back();
            }
            Err(error)
        }
        Err(Failed::Unknown(error, written)) => {
            log::warn!("The database's answer to a commit is lost ({error}); it is looked up");
            drop(session);
            // Nothing took effect: it may be tried again.
            look_up(pool, space, written, deadline).await?.ok_or(error)
        }
    }
}

/// Looks whether a transaction took effect, until the database says so or time is up.
async fn look_up(
    pool: &Pool,
    space: &Space,
    mut written: Written,
    deadline: Instant,
) -> Result<Option<Vec<Outcome>>, DatabaseError> {
    loop {
        let lent = match timeout_at(deadline, pool.lend()).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) if error.is_passing() && Instant::now() + PAUSE < deadline => {
                sleep(PAUSE).await;
                continue;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(DatabaseError::TimedOut(pool.timeout())),
        };
        match written.take_effect(&lent, space).await {
            Ok(found) => {
                lent.give_back();
                return Ok(found);
            }
            Err((error, still)) if error.is_passing() && Instant::now() + PAUSE < deadline => {
                written = still;
                sleep(PAUSE).await;
            }
            Err((error, _)) => return Err(error),
        }
    }
}
