//! What becomes of the operations of an IPAM, for something that counts them.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::ErrorKind;

/// Learns from a [`Guard`](crate::Guard) what becomes of the operations of its IPAM. Each method returns at once.
pub trait Observer: fmt::Debug + Send + Sync {
    /// An operation has ended, with all its attempts. The time does not include the wait for its turn.
    fn ended(&self, operation: &'static str, outcome: Ended, took: Duration);

    /// An attempt at a read has failed, and another one follows.
    fn retries(&self);
}

/// How an operation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It succeeded.
    Done,
    /// It failed.
    Failed(ErrorKind),
    /// Its caller waits no longer: the request is out of time.
    Abandoned,
}

/// An operation that is under way. One that is dropped before its end is [`Abandoned`](Ended::Abandoned).
pub(crate) struct Watched<'a> {
    operation: &'static str,
    began: Instant,
    observer: Option<&'a dyn Observer>,
}

impl<'a> Watched<'a> {
    /// An operation begins.
    pub(crate) fn begin(operation: &'static str, observer: Option<&'a dyn Observer>) -> Self {
        Self { operation, began: Instant::now(), observer }
    }

    /// It has ended. Returns how long it took.
    pub(crate) fn end(mut self, outcome: Ended) -> Duration {
        self.report(outcome)
    }

    fn report(&mut self, outcome: Ended) -> Duration {
        let took = self.began.elapsed();
        if let Some(observer) = self.observer.take() {
            observer.ended(self.operation, outcome, took);
        }
        took
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.report(Ended::Abandoned);
    }
}
