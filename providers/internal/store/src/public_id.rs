//! Ids that other programs keep: they stay when a record is renamed, exported, imported or copied to another database.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::value::{FromValue, Value};

/// The id of a group, subnet, excluded range or address: 24 hexadecimal digits, which sort by the time of their making.
///
/// Like an `ObjectId` of `MongoDB`, it begins with the second in 4 bytes. After these are the microsecond in 20 bits and 44
/// random ones. Within a process each is higher than the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; Self::LENGTH]);

/// The text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 24 hexadecimal digits")]
pub struct PublicIdError;

/// How many bits of an id are random.
const RANDOM_BITS: u32 = 44;

/// How many bits have the microsecond.
const MICROSECOND_BITS: u32 = 20;

impl PublicId {
    const LENGTH: usize = 12;

    /// A new one.
    pub(crate) fn new(now: Timestamp) -> Self {
        static LATEST: Mutex<u128> = Mutex::new(0);
        // A number is always whole, whatever happened to a thread that had the lock.
        let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Self::at(now, random()).max(*latest + 1);
        Self::of_number(*latest)
    }

    fn at(now: Timestamp, random: u64) -> u128 {
        let second = u32::try_from(now.as_second().max(0)).unwrap_or(u32::MAX);
        let microsecond = now.subsec_microsecond().unsigned_abs();
        let time = (u128::from(second) << MICROSECOND_BITS) | u128::from(microsecond);
        (time << RANDOM_BITS) | u128::from(random >> (u64::BITS - RANDOM_BITS))
    }

    fn of_number(number: u128) -> Self {
        let mut id = Self([0; Self::LENGTH]);
        id.0.copy_from_slice(&number.to_be_bytes()[size_of::<u128>() - Self::LENGTH..]);
        id
    }
}

/// Each state of the standard library's hash maps has other keys, which begin at random.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({self})")
    }
}

impl FromStr for PublicId {
    type Err = PublicIdError;

    fn from_str(text: &str) -> Result<Self, PublicIdError> {
        let is_hexadecimal = text.len() == 2 * Self::LENGTH && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_hexadecimal {
            return Err(PublicIdError);
        }
        u128::from_str_radix(text, 16).map(Self::of_number).map_err(|_| PublicIdError)
    }
}

impl Serialize for PublicId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'v> From<&'v PublicId> for Value<'v> {
    fn from(id: &'v PublicId) -> Self {
        Self::Bytes(&id.0)
    }
}

impl FromValue<'_> for PublicId {
    fn from_value(value: Value<'_>) -> Option<Self> {
        <&[u8]>::from_value(value)?.try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn they_are_unique_and_sort_by_time_also_within_one_moment() {
        let now = Timestamp::now();
        let ids: Vec<PublicId> = (0..10_000).map(|_| PublicId::new(now)).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(PublicId::new(Timestamp::now()) > ids[ids.len() - 1]);
        assert!(PublicId::new(Timestamp::UNIX_EPOCH) > ids[ids.len() - 1], "the clock was set back");
    }

    #[test]
    fn they_begin_with_the_second() {
        let time: Timestamp = "2026-01-31T12:00:00.5Z".parse().expect("a time");
        let id = PublicId::of_number(PublicId::at(time, u64::MAX)).to_string();
        assert_eq!(id, format!("{:08x}{:05x}fffffffffff", time.as_second(), 500_000));
    }

    #[test]
    fn texts_of_24_hexadecimal_digits_are_ids_and_nothing_else() {
        let id: PublicId = "0123456789ABCDEF01234567".parse().expect("an id");
        assert_eq!(id.to_string(), "0123456789abcdef01234567");
        for text in [
            "",
            "0123456789abcdef0123456",
            "0123456789abcdef012345678",
            "+123456789abcdef01234567",
            "g123456789abcdef01234567",
        ] {
            assert_eq!(text.parse::<PublicId>(), Err(PublicIdError), "{text}");
        }
    }
}
