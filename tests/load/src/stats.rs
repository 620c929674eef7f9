//! How long calls took and how they failed.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::calls::{Call, Failure, generalised};

/// Longer calls count as this long: Foreman has given up by then.
const MICROSECONDS_AT_MOST: u64 = 60_000_000;

/// Times are kept to a hundredth of their own size.
const DIGITS: u8 = 2;

/// Of all calls of one kind.
#[derive(Debug, Clone)]
struct OfCall {
    microseconds: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

impl Default for OfCall {
    fn default() -> Self {
        let microseconds = Histogram::new_with_bounds(1, MICROSECONDS_AT_MOST, DIGITS);
        Self { microseconds: microseconds.expect("bounds of a histogram"), errors: BTreeMap::new() }
    }
}

/// Of all calls of one caller, or of several.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    calls: BTreeMap<Call, OfCall>,
}

/// Of all calls of one kind, for reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// How many, failed ones included.
    pub count: u64,
    /// Half of them were answered within this many milliseconds.
    pub p50_milliseconds: f64,
    /// 99 of 100 were.
    pub p99_milliseconds: f64,
    /// All were.
    pub longest_milliseconds: f64,
    /// How many failed with which text; addresses are left out of the texts.
    pub errors: BTreeMap<String, u64>,
}

impl Stats {
    pub(crate) fn note(&mut self, call: Call, nanoseconds: u64, failure: Option<&Failure>) {
        let of_call = self.calls.entry(call).or_default();
        of_call.microseconds.saturating_record((nanoseconds / 1000).clamp(1, MICROSECONDS_AT_MOST));
        if let Some(failure) = failure {
            *of_call.errors.entry(generalised(&failure.to_string())).or_default() += 1;
        }
    }

    /// Adds what another caller saw.
    pub(crate) fn add(&mut self, other: Self) {
        for (call, theirs) in other.calls {
            let ours = self.calls.entry(call).or_default();
            ours.microseconds.add(&theirs.microseconds).expect("equal bounds");
            for (text, count) in theirs.errors {
                *ours.errors.entry(text).or_default() += count;
            }
        }
    }

    /// What there is to say of each kind of call that was made.
    pub fn summaries(&self) -> BTreeMap<&'static str, Summary> {
        let summary = |of_call: &OfCall| {
            let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
            let times = &of_call.microseconds;
            Summary {
                count: times.len(),
                p50_milliseconds: milliseconds(times.value_at_quantile(0.5)),
                p99_milliseconds: milliseconds(times.value_at_quantile(0.99)),
                longest_milliseconds: milliseconds(times.max()),
                errors: of_call.errors.clone(),
            }
        };
        self.calls.iter().map(|(call, of_call)| (call.name(), summary(of_call))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_counted_together() {
        let mut all = Stats::default();
        for milliseconds in 1..=100 {
            let mut one = Stats::default();
            let failure = (milliseconds > 98).then(|| Failure::Refused(format!("10.0.0.{milliseconds} is taken")));
            one.note(Call::Add, milliseconds * 1_000_000, failure.as_ref());
            all.add(one);
        }
        let summaries = all.summaries();
        let add = &summaries["add"];
        assert_eq!((add.count, summaries.len()), (100, 1));
        assert!(
            (49.0..52.0).contains(&add.p50_milliseconds) && (98.0..101.0).contains(&add.p99_milliseconds),
            "{add:?}"
        );
        assert_eq!(add.errors, BTreeMap::from([("<address> is taken".to_owned(), 2)]));
    }
}
