//! The time that holds live by.

use std::fmt;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub(super) u64);

impl Timestamp {
    /// How long ago `earlier` was; zero when it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This much earlier.
    pub(super) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time as UTC, to the second, such as `2026-11-20T17:49:08Z`.
    pub fn to_utc(self) -> String {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds).map_or_else(|_| self.0.to_string(), |time| time.to_string())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Tells the time.
///
/// The system's clock is read once; from then on time goes on evenly, so that a corrected wall clock neither ends all
/// holds nor makes them live for ever. Wall-clock time is needed at all because holds survive a restart.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Steady { start: Instant, at_start: Timestamp },
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The system's time.
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::Steady { start: Instant::now(), at_start: Timestamp(0) + since_epoch })
    }

    /// A clock that stands still until [`advance`](Self::advance)d; its clones go with it. For tests.
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(1_795_196_948_000))))
    }

    /// Moves a manual clock on; a system clock needs no help.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(milliseconds) = &self.0 {
            milliseconds.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Steady { start, at_start } => *at_start + start.elapsed(),
            Source::Manual(milliseconds) => Timestamp(milliseconds.load(Ordering::SeqCst)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().to_utc())
    }
}
