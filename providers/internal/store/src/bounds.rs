//! What a subnet covers: a prefix, or the addresses from a first to a last one.

use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipam_provider::{Prefix, PrefixError};
use serde::{Serialize, Serializer};

use crate::key::{Key, Span, shadows_ipv4};

/// What a subnet covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bounds {
    /// A prefix such as `10.1.2.0/24`.
    Prefix(Prefix),
    /// A range such as `10.1.2.10-10.1.2.20`. It has no network or broadcast address: hosts may have all of it.
    Range(AddressRange),
}

/// The addresses from a first to a last one, both of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

/// The text is neither a prefix nor a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// It looks like a prefix.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// An end is no address.
    #[error("'{0}' is not a range; use FIRST-LAST such as 10.1.2.10-10.1.2.20")]
    Form(String),
    /// IPv4 and IPv6.
    #[error("one end is IPv4 and the other IPv6")]
    Families,
    /// The wrong way round.
    #[error("it ends before it begins")]
    Order,
}

impl AddressRange {
    /// A range of both ends.
    ///
    /// # Errors
    /// [`Families`](BoundsError::Families) and [`Order`](BoundsError::Order).
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, BoundsError> {
        if first.is_ipv4() != last.is_ipv4() {
            return Err(BoundsError::Families);
        }
        if first > last { Err(BoundsError::Order) } else { Ok(Self { first, last }) }
    }
}

impl Bounds {
    /// What a row of the database has: both ends, and the length of a prefix.
    pub(crate) fn stored(first: Key, last: Key, length: Option<u8>) -> Option<Self> {
        match length {
            Some(length) => first.prefix(length).ok().map(Self::Prefix),
            None => AddressRange::new(first.address(), last.address()).ok().map(Self::Range),
        }
    }

    /// The prefix, unless it is a range.
    pub fn prefix(&self) -> Option<Prefix> {
        match self {
            Self::Prefix(prefix) => Some(*prefix),
            Self::Range(_) => None,
        }
    }

    /// The lowest address.
    pub fn first(&self) -> IpAddr {
        match self {
            Self::Prefix(prefix) => prefix.network(),
            Self::Range(range) => range.first,
        }
    }

    /// The highest address.
    pub fn last(&self) -> IpAddr {
        match self {
            Self::Prefix(prefix) => prefix.last(),
            Self::Range(range) => range.last,
        }
    }

    /// Does the address lie in it?
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first().is_ipv4() && self.first() <= address && address <= self.last()
    }

    /// May a host be given this address?
    pub(crate) fn is_offerable(&self, address: IpAddr, pool: bool) -> bool {
        self.contains(address) && self.offerable(pool).contains(address.into())
    }

    /// What of it may be offered to hosts.
    pub(crate) fn offerable(&self, pool: bool) -> Span {
        match self {
            Self::Prefix(prefix) => prefix.offerable(pool).into(),
            Self::Range(_) => self.whole(),
        }
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Span {
        (self.first(), self.last()).into()
    }

    /// Is it IPv6 and would be taken for IPv4, wholly or in part?
    pub(crate) fn shadows_ipv4(&self) -> bool {
        self.first().is_ipv6() && shadows_ipv4(self.whole())
    }
}

/// IPv4 before IPv6, then by the lowest address, then the larger first: what holds others stands before them.
impl Ord for Bounds {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |bounds: &Self| (bounds.first(), Reverse(bounds.last()), bounds.prefix());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Bounds {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Prefix> for Bounds {
    fn from(prefix: Prefix) -> Self {
        Self::Prefix(prefix)
    }
}

impl From<AddressRange> for Bounds {
    fn from(range: AddressRange) -> Self {
        Self::Range(range)
    }
}

impl FromStr for Bounds {
    type Err = BoundsError;

    fn from_str(text: &str) -> Result<Self, BoundsError> {
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self::Prefix(text.parse()?));
        };
        let address = |end: &str| end.trim().parse::<IpAddr>().map_err(|_| BoundsError::Form(text.to_owned()));
        Ok(Self::Range(AddressRange::new(address(first)?, address(last)?)?))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Range(AddressRange { first, last }) => write!(f, "{first}-{last}"),
        }
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> Bounds {
        text.parse().expect("bounds")
    }

    #[test]
    fn prefixes_and_ranges_read_back_as_they_are_written() {
        for text in
            ["10.1.2.0/24", "10.1.2.10-10.1.2.20", "10.1.2.10-10.1.2.10", "2001:db8::/64", "2001:db8::1-2001:db8::ff"]
        {
            assert_eq!(bounds(text).to_string(), text);
        }
        assert_eq!(bounds("10.1.2.10 - 10.1.2.20"), bounds("10.1.2.10-10.1.2.20"));
        assert_ne!(bounds("10.1.2.0/24"), bounds("10.1.2.0-10.1.2.255"));
    }

    #[test]
    fn what_is_neither_is_refused_with_the_reason() {
        let said = |text: &str| text.parse::<Bounds>().expect_err("a fault").to_string();
        assert_eq!(said("10.1.2.5/24"), "Network address 10.1.2.5 should be 10.1.2.0 with prefix 24");
        assert_eq!(said("10.1.2.5"), "'10.1.2.5' is not a prefix; use address/length such as 10.1.2.0/24");
        assert_eq!(said("10.1.2.5-20"), "'10.1.2.5-20' is not a range; use FIRST-LAST such as 10.1.2.10-10.1.2.20");
        assert_eq!(said("10.1.2.5-10.1.2.4"), "it ends before it begins");
        assert_eq!(said("10.1.2.5-2001:db8::"), "one end is IPv4 and the other IPv6");
    }

    #[test]
    fn a_range_offers_all_it_has_and_contains_only_its_family() {
        let range = bounds("10.1.2.0-10.1.2.255");
        assert!(range.is_offerable("10.1.2.0".parse().expect("an address"), false));
        assert!(!range.contains("::ffff:10.1.2.5".parse().expect("an address")));
        assert!(!bounds("10.1.2.0/24").is_offerable("10.1.2.0".parse().expect("an address"), false));
    }

    #[test]
    fn prefixes_that_would_be_taken_for_ipv4_are_recognised() {
        for (text, shadows) in [
            ("::/0", true),
            ("::ffff:0:0/96", true),
            ("::ffff:a00:0/104", true),
            ("2000::/3", false),
            ("0.0.0.0/0", false),
            ("::-::ffff:0:1", true),
            ("0.0.0.0-255.255.255.255", false),
        ] {
            assert_eq!(bounds(text).shadows_ipv4(), shadows, "{text}");
        }
    }

    #[test]
    fn what_holds_others_stands_before_them() {
        let mut sorted: Vec<Bounds> =
            ["10.0.0.0/24", "2001:db8::/64", "10.0.0.0-10.0.0.9", "10.0.0.0/8", "9.0.0.0/8"].map(bounds).into();
        sorted.sort();
        let texts: Vec<String> = sorted.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0-10.0.0.9", "2001:db8::/64"]);
    }
}
