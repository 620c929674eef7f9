//! The last log records in memory, for the log page that Foreman shows of a smart proxy.
//!
//! Semantics of the Ruby smart proxy (`lib/proxy/log_buffer/buffer.rb`): a main ring of all records, and a tail ring of
//! those that matter and have fallen out of the main one, so that a busy hour does not push yesterday's error out of
//! sight. Its tail keeps errors only; ours keeps warnings too, because refused callers and full subnets are warnings.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use super::level::Level;
use super::request_id::RequestId;

/// Records of this level and above move into the tail when they fall out of the main ring.
const TAIL_FROM: Level = Level::Warn;

/// One log record as Foreman reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    /// Seconds since 1970, UTC, with a fraction.
    pub timestamp: f64,
    /// `DEBUG` to `UNKNOWN`.
    pub level: Level,
    /// One line, of bounded length.
    pub message: String,
    /// The request's id, of which Foreman is shown the first 8 characters.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "short")]
    pub request_id: Option<RequestId>,
    /// Where a panic came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

fn short<S: Serializer>(id: &Option<RequestId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.as_ref().map(RequestId::short).serialize(serializer)
}

/// The numbers in `info` of the logs API. `failed_modules`, which Foreman demands too, is not the log's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Info {
    /// How many records the main ring holds at most.
    pub size: usize,
    /// How many records the tail holds at most.
    pub tail_size: usize,
    /// Always `null`: the least level is that of the log itself.
    pub level: Option<u8>,
    /// The least level that moves into the tail, as Ruby's number: 2 for warnings.
    pub level_tail: u8,
}

/// The two rings. Any thread may push; a push is a few moves under a lock.
#[derive(Debug)]
pub(crate) struct Ring {
    size: usize,
    tail_size: usize,
    rings: Mutex<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    main: VecDeque<Entry>,
    tail: VecDeque<Entry>,
}

impl Ring {
    /// Rings for `size` records, and for `tail_size` older warnings and errors.
    pub(crate) fn new(size: usize, tail_size: usize) -> Self {
        Self { size, tail_size, rings: Mutex::default() }
    }

    /// Adds a record; the oldest one makes room.
    pub(crate) fn push(&self, entry: Entry) {
        let mut rings = self.rings();
        rings.main.push_back(entry);
        if rings.main.len() <= self.size {
            return;
        }
        let mut out = rings.main.pop_front();
        if out.as_ref().is_some_and(|oldest| oldest.level >= TAIL_FROM) {
            rings.tail.extend(out.take());
            if rings.tail.len() > self.tail_size {
                out = rings.tail.pop_front();
            }
        }
        // What falls out is freed when nobody waits for the lock.
        drop(rings);
        drop(out);
    }

    /// The records at and after `from` (seconds since 1970; none means all): first the tail, then the main ring, each
    /// oldest first.
    pub(crate) fn snapshot(&self, from: Option<f64>) -> Vec<Entry> {
        let rings = self.rings();
        let is_asked_for = |entry: &&Entry| from.is_none_or(|from| entry.timestamp >= from);
        rings.tail.iter().chain(&rings.main).filter(is_asked_for).cloned().collect()
    }

    /// The sizes.
    pub(crate) fn info(&self) -> Info {
        Info { size: self.size, tail_size: self.tail_size, level: None, level_tail: TAIL_FROM.number() }
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        // A panic between two moves leaves whole records; the log must go on.
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(timestamp: f64, level: Level) -> Entry {
        Entry { timestamp, level, message: format!("at {timestamp}"), request_id: None, backtrace: None }
    }

    fn times(ring: &Ring, from: Option<f64>) -> Vec<f64> {
        ring.snapshot(from).iter().map(|entry| entry.timestamp).collect()
    }

    #[test]
    fn warnings_and_errors_outlive_the_rest_and_come_first() {
        let ring = Ring::new(2, 2);
        for (time, level) in [
            (1.0, Level::Error),
            (2.0, Level::Info),
            (3.0, Level::Warn),
            (4.0, Level::Info),
            (5.0, Level::Error),
            (6.0, Level::Debug),
        ] {
            ring.push(entry(time, level));
        }
        assert_eq!(times(&ring, None), [1.0, 3.0, 5.0, 6.0]);
        ring.push(entry(7.0, Level::Info));
        assert_eq!(times(&ring, None), [3.0, 5.0, 6.0, 7.0], "the tail forgets its oldest");
        assert_eq!(times(&ring, Some(5.0)), [5.0, 6.0, 7.0], "the bound belongs to the answer");
        assert_eq!(times(&ring, Some(0.0)).len(), 4);
        assert!(times(&ring, Some(7.5)).is_empty());
    }

    #[test]
    fn rings_of_size_nothing_keep_nothing() {
        let ring = Ring::new(0, 1);
        ring.push(entry(1.0, Level::Info));
        assert!(times(&ring, None).is_empty());
        ring.push(entry(2.0, Level::Error));
        assert_eq!(times(&ring, None), [2.0]);
        let ring = Ring::new(0, 0);
        ring.push(entry(1.0, Level::Error));
        assert!(times(&ring, None).is_empty());
    }

    #[test]
    fn the_shape_is_that_of_the_logs_api() {
        let plain = entry(1795196948.692935, Level::Info);
        assert_eq!(
            serde_json::to_value(&plain).expect("JSON"),
            json!({"timestamp": 1795196948.692935, "level": "INFO", "message": "at 1795196948.692935"})
        );
        let full = Entry { request_id: RequestId::parse("0a1b2c3d-0000"), backtrace: Some("main".to_owned()), ..plain };
        let full = serde_json::to_value(&full).expect("JSON");
        assert_eq!((&full["request_id"], &full["backtrace"]), (&json!("0a1b2c3d"), &json!("main")));
        assert_eq!(
            serde_json::to_value(Ring::new(2000, 1000).info()).expect("JSON"),
            json!({"size": 2000, "tail_size": 1000, "level": null, "level_tail": 2})
        );
    }
}
