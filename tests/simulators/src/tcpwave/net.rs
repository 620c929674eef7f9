//! IPv4 networks.

use std::fmt;
use std::net::Ipv4Addr;

/// A network without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Net {
    first: u32,
    pub(super) length: u8,
}

impl Net {
    /// The network of this length around an address.
    pub(super) fn around(address: Ipv4Addr, length: u8) -> Self {
        Self { first: address.to_bits() & mask(length), length }
    }

    /// `192.0.2.0/24`; `None` for what is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (Ipv4Addr, u8) = (address.parse().ok()?, length.parse().ok()?);
        (length <= 32 && Self::around(address, length).first == address.to_bits())
            .then_some(Self { first: address.to_bits(), length })
    }

    pub(super) fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first)
    }

    pub(super) fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first | !mask(self.length))
    }

    pub(super) fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.length) == self.first
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.contains(other.first()) || other.contains(self.first())
    }

    /// Every address, lowest first.
    pub(super) fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (self.first..=self.last().to_bits()).map(Ipv4Addr::from_bits)
    }

    /// The first and the last address that hosts may have: of up to /30 neither the network nor the broadcast address.
    pub(super) fn hosts(self) -> (Ipv4Addr, Ipv4Addr) {
        let edge = u32::from(self.length <= 30);
        (Ipv4Addr::from_bits(self.first + edge), Ipv4Addr::from_bits(self.last().to_bits() - edge))
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}
