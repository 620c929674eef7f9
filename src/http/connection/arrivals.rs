//! Connections that have been accepted and have had no request so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The end of the process waits this long at most for requests on connections that have been accepted.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);

/// No connection has arrived for this long: then none is on its way from the thread that accepts to a worker.
const QUIET: Duration = Duration::from_millis(200);

/// Counts connections of all workers. Clones are one count.
///
/// actix drops connections without a request when it stops. Their callers would see a connection that is reset, although
/// they have done nothing but connect a moment before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// All connections ever.
    seen: AtomicUsize,
    /// Connections without a request so far.
    silent: AtomicUsize,
    is_ending: AtomicBool,
}

impl Arrivals {
    /// Counts a connection that a worker has got.
    pub(super) fn arrive(&self) -> Newcomer {
        self.0.seen.fetch_add(1, Ordering::Relaxed);
        self.0.silent.fetch_add(1, Ordering::Relaxed);
        Newcomer(self.clone())
    }

    /// Is the process about to end?
    pub(super) fn is_ending(&self) -> bool {
        self.0.is_ending.load(Ordering::Relaxed)
    }

    /// Waits until each accepted connection has had its first request, for 3 seconds at most. To be called when no more
    /// connections are accepted.
    pub(crate) async fn settle(&self) {
        self.0.is_ending.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + SETTLED_WITHIN;
        while Instant::now() < deadline {
            let seen = self.0.seen.load(Ordering::Relaxed);
            sleep(QUIET).await;
            if seen == self.0.seen.load(Ordering::Relaxed) && self.0.silent.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// A connection without a request so far.
#[derive(Debug)]
pub(super) struct Newcomer(Arrivals);

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.0.0.silent.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The clock stands still and leaps: nothing is waited for.
    #[tokio::test(start_paused = true)]
    async fn connections_without_a_request_are_waited_for_but_not_for_long() {
        let arrivals = Arrivals::default();
        drop(arrivals.arrive());
        let began = Instant::now();
        arrivals.settle().await;
        assert_eq!(began.elapsed(), QUIET);

        let newcomer = arrivals.arrive();
        let speaks = async {
            sleep(3 * QUIET).await;
            drop(newcomer);
        };
        let began = Instant::now();
        tokio::join!(arrivals.settle(), speaks);
        assert!((3 * QUIET..=4 * QUIET).contains(&began.elapsed()), "{:?}", began.elapsed());

        let _silent = arrivals.arrive();
        let began = Instant::now();
        arrivals.settle().await;
        assert_eq!(began.elapsed(), SETTLED_WITHIN);
        assert!(arrivals.is_ending());
    }
}
