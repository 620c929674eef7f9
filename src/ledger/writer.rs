//! The ledger of a proxy that runs: what happens to addresses goes into a queue, and from there into the database, as many
//! records at a time as have queued up.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::records::{Place, Records};
use super::retention;
use super::{LedgerError, Record, observe};
use crate::allocation::{Event, Pending};
use crate::telemetry::with_causes;

/// How many records are saved at a time, so that the first does not wait long.
const RECORDS_AT_MOST: usize = 256;

/// How many records wait in memory while the ledger cannot be written.
const BACKLOG_AT_MOST: usize = 10_000;

/// When a ledger that cannot be written is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How long the end of the process waits for the last records.
const LAST_WITHIN: Duration = Duration::from_secs(5);

/// The ledger of a proxy that runs. It outlives a reload. A clone is the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    /// How long records are kept; 0 when there are to be none.
    days: AtomicU32,
    /// `None` when the process ends.
    queue: Mutex<Option<mpsc::UnboundedSender<Waiting>>>,
    /// What is open now.
    records: Mutex<Option<Arc<Records>>>,
    trouble: Mutex<Option<String>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    seen: AtomicU64,
    saved: AtomicU64,
    lost: AtomicU64,
}

/// How a ledger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Health {
    /// Can it be written?
    pub is_written: bool,
    /// How many records wait to be saved.
    pub waiting: u64,
    /// How many were saved since the process started.
    pub saved: u64,
    /// How many will never be, because too many waited.
    pub lost: u64,
}

/// A record that is to be saved, and who waits for that.
struct Waiting {
    record: Record,
    saved: oneshot::Sender<()>,
}

impl Ledger {
    /// Starts writing. What is wrong with the place is trouble, and is logged. Needs a tokio runtime that lives as long.
    pub fn start(place: Place, days: u32) -> Self {
        let (queue, waiting) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            place,
            days: AtomicU32::new(days),
            queue: Mutex::new(Some(queue)),
            records: Mutex::default(),
            trouble: Mutex::default(),
            writer: Mutex::default(),
            seen: AtomicU64::new(0),
            saved: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let writer = Writer { inner: inner.clone(), backlog: VecDeque::new(), lost: 0 };
        *lock(&inner.writer) = Some(tokio::spawn(writer.serve(waiting)));
        let ledger = Self { inner };
        tokio::spawn(retention::keep(ledger.clone()));
        ledger
    }

    /// For how many days records are kept; 0 when there are to be none.
    pub(crate) fn days(&self) -> u32 {
        self.inner.days.load(Ordering::Relaxed)
    }

    /// Keeps records for so many days from now on; 0 ends recording, and what is recorded stays.
    pub fn keep(&self, days: u32) {
        self.inner.days.store(days, Ordering::Relaxed);
    }

    /// What is wrong with the ledger now.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.inner.trouble).clone()
    }

    /// How it does; `None` when there are to be no records.
    pub(crate) fn health(&self) -> Option<Health> {
        // In this order no record counts as waiting that is saved meanwhile.
        let [lost, saved, seen] =
            [&self.inner.lost, &self.inner.saved, &self.inner.seen].map(|count| count.load(Ordering::Relaxed));
        let waiting = seen.saturating_sub(saved + lost);
        (self.days() > 0).then(|| Health { is_written: self.trouble().is_none(), waiting, saved, lost })
    }

    /// Records an event if it is the outcome of a write. The answer comes when the record is saved, or cannot be.
    pub(crate) fn see(&self, event: &Event<'_>) -> Option<Pending> {
        if self.days() == 0 {
            return None;
        }
        let record = observe::record(event)?.tidied();
        let (saved, pending) = oneshot::channel();
        // Without a queue the process ends, and has no caller.
        let queue = lock(&self.inner.queue).clone()?;
        match self.records() {
            // To the thread that writes the file, which takes many at once. What it cannot save takes the longer way.
            Some(records) if matches!(self.inner.place, Place::File(_)) && self.trouble().is_none() => {
                let inner = self.inner.clone();
                records.send(record, move |outcome| match outcome {
                    Ok(()) => {
                        inner.saved.fetch_add(1, Ordering::Relaxed);
                        let _ = saved.send(());
                    }
                    Err(record) => drop(queue.send(Waiting { record, saved })),
                });
            }
            _ => queue.send(Waiting { record, saved }).ok()?,
        }
        self.inner.seen.fetch_add(1, Ordering::Relaxed);
        Some(pending)
    }

    /// Saves what is queued, and ends.
    pub async fn close(&self) {
        drop(lock(&self.inner.queue).take());
        let writer = lock(&self.inner.writer).take();
        if let Some(writer) = writer
            && tokio::time::timeout(LAST_WITHIN, writer).await.is_err()
        {
            log::error!("The last records of the ledger are not saved: {} gives no answer in time", self.inner.place);
        }
    }

    /// The open records, if they can be used now.
    pub(crate) fn records(&self) -> Option<Arc<Records>> {
        lock(&self.inner.records).clone()
    }

    /// Does the process end?
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.inner.queue).is_none()
    }
}

/// No code that holds one of these locks can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task that writes.
struct Writer {
    inner: Arc<Inner>,
    /// What could not be saved yet, the oldest first.
    backlog: VecDeque<Record>,
    /// How many records found no room there.
    lost: u64,
}

impl Writer {
    async fn serve(mut self, mut queue: mpsc::UnboundedReceiver<Waiting>) {
        if self.inner.days.load(Ordering::Relaxed) > 0 {
            // So that what is wrong is known before the first write.
            let opened = self.open().await.map(drop);
            self.note(opened);
        }
        let mut again = Instant::now() + AGAIN_AFTER;
        loop {
            let is_in_trouble = self.is_in_trouble();
            let first = tokio::select! {
                biased;
                () = sleep_until(again), if is_in_trouble => None,
                first = queue.recv() => match first {
                    Some(first) => Some(first),
                    None => break,
                },
            };
            let mut waiting = Vec::from_iter(first);
            while waiting.len() < RECORDS_AT_MOST
                && let Ok(next) = queue.try_recv()
            {
                waiting.push(next);
            }
            let is_due = !is_in_trouble || Instant::now() >= again;
            let (records, saved): (Vec<_>, Vec<_>) =
                waiting.into_iter().map(|waiting| (waiting.record, waiting.saved)).unzip();
            self.save(records, is_due).await;
            if is_due {
                again = Instant::now() + AGAIN_AFTER;
            }
            for saved in saved {
                // The caller may have gone.
                let _ = saved.send(());
            }
        }
        self.save(Vec::new(), true).await;
        if !self.backlog.is_empty() {
            log::error!("{} records are not in the ledger: it could not be written", self.backlog.len());
        }
        drop(lock(&self.inner.records).take());
    }

    /// Saves records, and those before them that could not be saved; while the ledger is in trouble only if that `is_due`.
    async fn save(&mut self, records: Vec<Record>, is_due: bool) {
        if !is_due {
            return self.put_off(records);
        }
        if self.backlog.is_empty() && !self.is_in_trouble() {
            let records = Arc::new(records);
            let outcome = self.append(records.clone()).await;
            if outcome.is_err() {
                self.put_off(Arc::unwrap_or_clone(records));
            }
            return self.note(outcome);
        }
        self.put_off(records);
        // Also without any record: a ledger that can be opened again is in no trouble.
        let mut outcome = self.open().await.map(drop);
        while outcome.is_ok() && !self.backlog.is_empty() {
            let next: Vec<_> = self.backlog.iter().take(RECORDS_AT_MOST).cloned().collect();
            let number = next.len();
            outcome = self.append(Arc::new(next)).await;
            if outcome.is_ok() {
                self.backlog.drain(..number);
            }
        }
        self.note(outcome);
    }

    fn put_off(&mut self, records: Vec<Record>) {
        for record in records {
            if self.backlog.len() < BACKLOG_AT_MOST {
                self.backlog.push_back(record);
            } else {
                self.lost += 1;
                self.inner.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn append(&self, records: Arc<Vec<Record>>) -> Result<(), LedgerError> {
        if records.is_empty() {
            return Ok(());
        }
        let number = records.len() as u64;
        self.open().await?.append(records).await?;
        self.inner.saved.fetch_add(number, Ordering::Relaxed);
        Ok(())
    }

    async fn open(&self) -> Result<Arc<Records>, LedgerError> {
        if let Some(records) = lock(&self.inner.records).clone() {
            return Ok(records);
        }
        let place = self.inner.place.clone();
        let opening = tokio::task::spawn_blocking(move || Records::open_or_create(place));
        let records = opening.await.expect("opening does not panic, and the runtime lives")?;
        let records = Arc::new(records);
        *lock(&self.inner.records) = Some(records.clone());
        Ok(records)
    }

    fn is_in_trouble(&self) -> bool {
        lock(&self.inner.trouble).is_some()
    }

    /// Notes whether the ledger can be written; a change is logged.
    fn note(&mut self, outcome: Result<(), LedgerError>) {
        let was_in_trouble = self.is_in_trouble();
        match outcome {
            Ok(()) if was_in_trouble => {
                log::warn!("The ledger is written again");
                if self.lost > 0 {
                    log::error!(
                        "{} records are not in the ledger: too many waited for it",
                        std::mem::take(&mut self.lost)
                    );
                }
                *lock(&self.inner.trouble) = None;
            }
            Ok(()) => {}
            Err(error) => {
                let why = error.to_string();
                if !was_in_trouble {
                    log::error!(
                        "The ledger is not written for now: {}. Calls are answered; up to {BACKLOG_AT_MOST} records wait in memory",
                        with_causes(&error)
                    );
                }
                *lock(&self.inner.trouble) = Some(why);
            }
        }
    }
}
