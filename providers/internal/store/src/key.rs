//! Addresses as the database keeps them: 16 bytes, so that the order of bytes is the order of numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::{Prefix, PrefixError};

/// The first 96 bits of an IPv4-mapped address, `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
const MAPPED: u128 = 0xffff_0000_0000;

/// An address of either family as one number; IPv4 lies in `::ffff:0:0/96`.
///
/// In the database it is 16 bytes, most significant byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) u128);

impl Key {
    /// The next higher one; `None` after the very last.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The next lower one; `None` before the very first.
    pub(crate) fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// The address that the number stands for.
    pub fn address(self) -> IpAddr {
        match u32::try_from(self.0 ^ MAPPED) {
            Ok(bits) => Ipv4Addr::from_bits(bits).into(),
            Err(_) => Ipv6Addr::from_bits(self.0).into(),
        }
    }

    /// What the database keeps.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What the database has kept.
    pub(crate) fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The prefix of this network address.
    ///
    /// # Errors
    /// When the length does not fit the address: the row is damaged.
    pub(crate) fn prefix(self, length: u8) -> Result<Prefix, PrefixError> {
        Prefix::new(self.address(), length)
    }
}

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(MAPPED | u128::from(address.to_bits())),
            IpAddr::V6(address) => Self(address.to_bits()),
        }
    }
}

/// An interval of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The lowest.
    pub(crate) first: Key,
    /// The highest; never below the lowest.
    pub(crate) last: Key,
}

impl Span {
    /// What both have in common.
    pub(crate) fn common(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (first <= last).then_some(Self { first, last })
    }

    /// Does the address lie in it?
    pub(crate) fn contains(self, key: Key) -> bool {
        self.first <= key && key <= self.last
    }

    /// How many addresses it has. A store takes no prefix that holds all of IPv6, so the number fits.
    pub(crate) fn count(self) -> u128 {
        self.last.0 - self.first.0 + 1
    }
}

impl From<(IpAddr, IpAddr)> for Span {
    fn from((first, last): (IpAddr, IpAddr)) -> Self {
        Self { first: first.into(), last: last.into() }
    }
}

/// Would IPv6 addresses be taken for IPv4, all of them or some?
pub(crate) fn shadows_ipv4(span: Span) -> bool {
    let mapped = Span { first: Key(MAPPED), last: Key(MAPPED | u128::from(u32::MAX)) };
    span.common(mapped).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_families_come_back_as_they_went_in() {
        for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "ffff:ffff::ffff"] {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(Key::from(address).address(), address);
        }
    }

    proptest! {
        #[test]
        fn the_order_of_bytes_is_the_order_of_addresses(a: u128, b: u128) {
            prop_assert_eq!(Key(a).bytes().cmp(&Key(b).bytes()), a.cmp(&b));
        }
    }
}
