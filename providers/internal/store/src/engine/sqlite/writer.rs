//! One thread that writes, and puts all the writes that wait into one transaction.
//!
//! A durable commit costs a sync of the disk, however much is in it. So the writer takes what has queued up while the
//! last commit ran, does it within one transaction, and answers after the commit. Each job has a savepoint of its own:
//! one that fails takes nothing of the others with it.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::open_files::OpenFiles;
use crate::engine::{Durability, Schema};
use crate::{Result, StoreError, Writing};

/// How many jobs share a transaction at most, so that the first does not wait long for its answer.
const JOBS_AT_MOST: usize = 256;

/// How long jobs gather where a commit does not wait for the disk. It would be over before the next job comes, and each job
/// would have a commit of its own.
const GATHER: Duration = Duration::from_micros(200);

/// How long the files are not looked at when nothing is written.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Something to write.
trait Job: Send {
    /// Is nobody waiting for the answer any more? Then it is not begun: its caller has been told that it failed.
    fn is_abandoned(&self) -> bool;

    /// Does it; `false` when it failed and is to be undone.
    fn run(&mut self, writing: &Writing<'_>) -> bool;

    /// Tells the outcome; `not_saved` is why all of the transaction was lost, if it was.
    fn answer(self: Box<Self>, not_saved: Option<&str>);
}

struct Task<W, T, D> {
    work: Option<W>,
    outcome: Option<Result<T>>,
    done: D,
}

/// What has the outcome of a job.
trait Done<T>: Send {
    /// Is nobody waiting for it any more?
    fn is_abandoned(&self) -> bool;

    fn tell(self, outcome: Result<T>);
}

impl<T: Send> Done<T> for oneshot::Sender<Result<T>> {
    fn is_abandoned(&self) -> bool {
        self.is_closed()
    }

    fn tell(self, outcome: Result<T>) {
        // The caller may have gone meanwhile.
        let _ = self.send(outcome);
    }
}

/// Called on the thread that writes.
struct Callback<F>(F);

impl<T, F: FnOnce(Result<T>) + Send> Done<T> for Callback<F> {
    fn is_abandoned(&self) -> bool {
        false
    }

    fn tell(self, outcome: Result<T>) {
        (self.0)(outcome);
    }
}

impl<W, T, D> Job for Task<W, T, D>
where
    W: FnOnce(&Writing<'_>) -> Result<T> + Send,
    T: Send,
    D: Done<T>,
{
    fn is_abandoned(&self) -> bool {
        self.done.is_abandoned()
    }

    fn run(&mut self, writing: &Writing<'_>) -> bool {
        self.outcome = self.work.take().map(|work| work(writing));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, not_saved: Option<&str>) {
        self.done.tell(match (self.outcome, not_saved) {
            // A job that failed by itself keeps its own error, whatever became of the others.
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(_)) | None, Some(why)) => Err(StoreError::NotSaved(why.to_owned())),
            (Some(outcome), None) => outcome,
            (None, None) => Err(StoreError::Stopped),
        });
    }
}

/// The queue to the writing thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    schema: &'static Schema,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, schema: &'static Schema, files: Arc<OpenFiles>) -> Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let work = move || serve(&connection, schema, &files, &jobs);
        let thread = thread::Builder::new().name(format!("{}-writer", schema.name)).spawn(work);
        let thread = thread.map_err(|source| StoreError::Io { doing: "Starting a thread".to_owned(), source })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), schema })
    }

    /// Runs `work` in a transaction, and answers when it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), outcome: None, done: reply });
        self.queue(job).map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Has `work` run in a transaction, also when nobody waits for it, and calls `done` on the thread that writes.
    pub(super) fn send(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<()> + Send + 'static,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) {
        let job = Box::new(Task { work: Some(work), outcome: None, done: Callback(done) });
        if let Err(job) = self.queue(job) {
            job.answer(Some(&StoreError::Stopped.to_string()));
        }
    }

    fn queue(&self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        match &self.queue {
            Some(queue) => queue.send(job).map_err(|mpsc::SendError(job)| job),
            None => Err(job),
        }
    }
}

impl Drop for Writer {
    /// Waits until what is queued is written and the connection is closed.
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("{}: the thread that writes had failed", self.schema.name);
        }
    }
}

fn serve(connection: &Connection, schema: &Schema, files: &OpenFiles, jobs: &mpsc::Receiver<Box<dyn Job>>) {
    loop {
        let first = match jobs.recv_timeout(LOOK_EVERY) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                // What it finds is in the log, and in the next answer.
                let _ = files.check(connection);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if schema.file.durability == Durability::Kill {
            gather();
        }
        let mut group = Vec::new();
        let outcome = if files.are_lost() {
            group.push(first);
            files.check(connection)
        } else {
            write_group(connection, first, jobs, &mut group)
        };
        if outcome.is_err() && !connection.is_autocommit() {
            // The error is reported below; should the rollback fail too, the next BEGIN says so.
            let _ = connection.execute_batch("ROLLBACK");
        }
        // Before anybody is answered: what went to a file that was removed is not saved.
        let not_saved = outcome.and_then(|()| files.check(connection)).err().map(|error| {
            log::error!("{}: {} writes could not be saved: {}", schema.name, group.len(), cause(&error));
            error.to_string()
        });
        for job in group {
            job.answer(not_saved.as_deref());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "it is a thread of its own")]
fn gather() {
    thread::sleep(GATHER);
}

/// SQLite's own text where there is one.
fn cause(error: &StoreError) -> &dyn std::error::Error {
    std::error::Error::source(error).unwrap_or(error)
}

/// Runs `first` and what waits behind it in one transaction, and collects all of it in `group`.
fn write_group(
    connection: &Connection,
    first: Box<dyn Job>,
    jobs: &mpsc::Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<()> {
    let statements: &dyn crate::Connection = connection;
    group.push(first);
    statements.execute("BEGIN IMMEDIATE", &[])?;
    let writing = Writing::new(statements, Timestamp::now());
    let mut next = 0;
    while next < group.len() {
        let job = &mut group[next];
        if !job.is_abandoned() {
            // A full disk or a read error may have ended the whole transaction: then this fails too.
            statements.savepoint(|| job.run(&writing))?;
        }
        next += 1;
        if group.len() < JOBS_AT_MOST {
            group.extend(jobs.try_recv());
        }
    }
    statements.execute("COMMIT", &[]).map(drop)
}

#[cfg(test)]
mod tests {
    use ipam_provider::GroupName;

    use super::super::file::{Access, open};
    use super::*;
    use crate::Store;
    use crate::engine::STORE;

    fn group(number: usize) -> GroupName {
        GroupName::new(format!("group {number:03}")).expect("a name")
    }

    struct Fixture {
        _directory: tempfile::TempDir,
        store: Store,
        connection: Connection,
    }

    fn fixture() -> Fixture {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ipam.sqlite");
        let store = Store::open_or_create(&path).expect("a store");
        let connection = open(&path, &STORE, Access::Write).expect("a connection");
        Fixture { _directory: directory, store, connection }
    }

    type Reply = oneshot::Receiver<Result<()>>;

    fn job(work: impl FnOnce(&Writing<'_>) -> Result<()> + Send + 'static) -> (Box<dyn Job>, Reply) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Task { work: Some(work), outcome: None, done: reply }), answer)
    }

    /// Has all jobs queued before the writer begins, so that they share a transaction.
    fn serve_all(connection: &Connection, waiting: Vec<Box<dyn Job>>) {
        let (queue, jobs) = mpsc::channel();
        for job in waiting {
            queue.send(job).expect("a receiver");
        }
        drop(queue);
        let files = OpenFiles::of(connection.path().expect("a file").as_ref(), &STORE).expect("open files");
        serve(connection, &STORE, &files, &jobs);
    }

    #[test]
    fn one_failing_job_undoes_itself_and_nothing_else() {
        let fixture = fixture();
        let (first, mut first_answer) = job(|writing| writing.add_group(&group(1), "").map(drop));
        let (failing, mut failing_answer) = job(|writing| {
            writing.add_group(&group(2), "")?;
            writing.add_group(&group(1), "").map(drop)
        });
        let (last, mut last_answer) = job(|writing| writing.add_group(&group(3), "").map(drop));
        serve_all(&fixture.connection, vec![first, failing, last]);
        assert!(matches!(first_answer.try_recv(), Ok(Ok(()))));
        assert!(matches!(failing_answer.try_recv(), Ok(Err(StoreError::GroupExists(name))) if name == group(1)));
        assert!(matches!(last_answer.try_recv(), Ok(Ok(()))));
        let groups = fixture.store.groups().expect("groups");
        let names: Vec<_> = groups.into_iter().map(|group| group.name).collect();
        assert_eq!(names, [group(1), group(3)]);
    }

    #[test]
    fn more_jobs_than_fit_into_one_transaction_are_all_done() {
        let fixture = fixture();
        let (waiting, answers): (Vec<_>, Vec<_>) = (0..JOBS_AT_MOST + 10)
            .map(|number| job(move |writing| writing.add_group(&group(number), "").map(drop)))
            .unzip();
        serve_all(&fixture.connection, waiting);
        for mut answer in answers {
            assert!(matches!(answer.try_recv(), Ok(Ok(()))));
        }
        assert_eq!(fixture.store.groups().expect("groups").len(), JOBS_AT_MOST + 10);
    }

    #[test]
    fn a_job_that_nobody_waits_for_is_not_begun() {
        let fixture = fixture();
        let (abandoned, answer) = job(|writing| writing.add_group(&group(1), "").map(drop));
        drop(answer);
        serve_all(&fixture.connection, vec![abandoned]);
        assert_eq!(fixture.store.groups().expect("groups"), []);
    }

    #[test]
    fn when_the_transaction_is_lost_every_job_of_it_is_told() {
        let fixture = fixture();
        let (first, mut first_answer) = job(|writing| writing.add_group(&group(1), "").map(drop));
        // As SQLite does by itself when the disk is full.
        let (ending, mut ending_answer) = job(|writing| writing.connection.execute("ROLLBACK", &[]).map(drop));
        serve_all(&fixture.connection, vec![first, ending]);
        assert!(matches!(first_answer.try_recv(), Ok(Err(StoreError::NotSaved(_)))));
        assert!(matches!(ending_answer.try_recv(), Ok(Err(StoreError::NotSaved(_)))));
        assert_eq!(fixture.store.groups().expect("groups"), []);
        let (next, mut next_answer) = job(|writing| writing.add_group(&group(2), "").map(drop));
        serve_all(&fixture.connection, vec![next]);
        assert!(matches!(next_answer.try_recv(), Ok(Ok(()))));
    }
}
