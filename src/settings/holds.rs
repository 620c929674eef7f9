//! For how long addresses are promised, and how long answers of the IPAM are believed.

use std::time::Duration;

use ipam_provider::settings::Section;

use crate::allocation::HOLD_LIFE_AT_MOST;

/// Settings of holds, in `settings.d/externalipam.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holds {
    /// `hold_seconds`: how long an address is held for a MAC.
    pub with_mac: Duration,
    /// `hold_seconds_without_mac`: how long an address is held for a caller that named no MAC.
    pub without_mac: Duration,
    /// `recycle_after_seconds`: how long such an address is kept from other callers when nothing else is free.
    pub recycle_after: Duration,
    /// `release_quarantine_seconds`: how long a released address is kept from other hosts while others are free.
    pub quarantine: Duration,
    /// `candidate_seconds`: how long a batch of free addresses is used; zero asks the IPAM every time.
    pub candidates: Duration,
    /// `lookup_seconds`: how long subnets and groups are remembered; zero asks the IPAM every time.
    pub lookups: Duration,
    /// `holds_at_most`: how many holds there may be at one time.
    pub at_most: usize,
}

impl Holds {
    pub(super) fn read(section: &mut Section) -> Self {
        let mut seconds = |key, range, default| section.seconds(key, range).unwrap_or(Duration::from_secs(default));
        let with_mac = seconds("hold_seconds", 60..=HOLD_LIFE_AT_MOST.as_secs(), 1800);
        let without_mac = seconds("hold_seconds_without_mac", 60..=HOLD_LIFE_AT_MOST.as_secs(), 300);
        let quarantine = seconds("release_quarantine_seconds", 0..=HOLD_LIFE_AT_MOST.as_secs(), 3600);
        // What is promised for a time is not taken away before it can be recycled.
        let recycle_after = seconds("recycle_after_seconds", 0..=without_mac.as_secs(), 60);
        let candidates = seconds("candidate_seconds", 0..=60, 5);
        let lookups = seconds("lookup_seconds", 0..=3600, 60);
        let at_most = section.number("holds_at_most", 1000..=10_000_000).unwrap_or(1_000_000);
        let at_most = usize::try_from(at_most).expect("ten million fit in any address space");
        Self { with_mac, without_mac, recycle_after, quarantine, candidates, lookups, at_most }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::testing::{faults, section};

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let mut section = section(json!({}));
        let expected = Holds {
            with_mac: Duration::from_secs(1800),
            without_mac: Duration::from_secs(300),
            recycle_after: Duration::from_secs(60),
            quarantine: Duration::from_secs(3600),
            candidates: Duration::from_secs(5),
            lookups: Duration::from_secs(60),
            at_most: 1_000_000,
        };
        assert_eq!(Holds::read(&mut section), expected);
        assert_eq!(faults(section), "");
    }

    #[test]
    fn the_ends_of_the_ranges_are_inside() {
        for (hold, candidate, lookup, at_most) in [(60, 0, 0, 1000), (86_400, 60, 3600, 10_000_000)] {
            let mut section = section(json!({
                "hold_seconds": hold, "hold_seconds_without_mac": hold, "candidate_seconds": candidate,
                "lookup_seconds": lookup, "holds_at_most": at_most, "recycle_after_seconds": candidate,
                "release_quarantine_seconds": lookup,
            }));
            let holds = Holds::read(&mut section);
            assert_eq!(holds.with_mac.as_secs(), hold);
            assert_eq!(holds.without_mac.as_secs(), hold);
            assert_eq!(holds.candidates.as_secs(), candidate);
            assert_eq!(holds.lookups.as_secs(), lookup);
            assert_eq!(holds.at_most, at_most);
            assert_eq!(faults(section), "");
        }
    }

    #[test]
    fn what_is_outside_is_a_fault() {
        let mut section = section(json!({
            "hold_seconds": 59, "hold_seconds_without_mac": 86_401, "candidate_seconds": -1, "lookup_seconds": 1.5,
            "holds_at_most": "many",
        }));
        Holds::read(&mut section);
        insta::assert_snapshot!(faults(section), @r"
        test.yml: hold_seconds has a value that cannot be used; write a whole number from 60 to 86400
        test.yml: hold_seconds_without_mac has a value that cannot be used; write a whole number from 60 to 86400
        test.yml: candidate_seconds has a value that cannot be used; write a whole number from 0 to 60
        test.yml: lookup_seconds has a value that cannot be used; write a whole number from 0 to 3600
        test.yml: holds_at_most has a value that cannot be used; write a whole number from 1000 to 10000000
        ");
    }
}
