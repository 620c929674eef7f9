//! Networks and hosts as numbers of one family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Net {
    is_v6: bool,
    network: u128,
    length: u8,
}

impl Net {
    /// `10.1.7.5/24` is 10.1.7.0/24: host bits are dropped.
    pub(super) fn around(address: IpAddr, length: u8) -> Option<Self> {
        let is_v6 = address.is_ipv6();
        (length <= width(is_v6)).then(|| Self { is_v6, network: number(address) & mask(is_v6, length), length })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = parse_interface(text)?;
        Self::around(address, length?)
    }

    pub(super) fn length(self) -> u8 {
        self.length
    }

    pub(super) fn version(self) -> u8 {
        if self.is_v6 { 6 } else { 4 }
    }

    pub(super) fn first(self) -> IpAddr {
        address(self.is_v6, self.network)
    }

    pub(super) fn last(self) -> IpAddr {
        address(self.is_v6, self.network | !mask(self.is_v6, self.length) & mask_of_width(self.is_v6))
    }

    pub(super) fn contains(self, host: IpAddr) -> bool {
        host.is_ipv6() == self.is_v6 && number(host) & mask(self.is_v6, self.length) == self.network
    }

    /// Does it lie around the other one, which is not the same?
    pub(super) fn is_around(self, other: Self) -> bool {
        self.length < other.length && self.contains(other.first())
    }

    /// The addresses of it in order, from one number to another, one at a time.
    pub(super) fn hosts(self, from: IpAddr, to: IpAddr) -> impl Iterator<Item = IpAddr> {
        let (from, to) = (number(from.max(self.first())), number(to.min(self.last())));
        let mut next = (from <= to).then_some(from);
        std::iter::from_fn(move || {
            let current = next?;
            next = (current < to).then(|| current + 1);
            Some(address(self.is_v6, current))
        })
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.length)
    }
}

/// An address with or without a mask; `None` for what is neither.
pub(super) fn parse_interface(text: &str) -> Option<(IpAddr, Option<u8>)> {
    match text.split_once('/') {
        None => Some((text.parse().ok()?, None)),
        Some((address, length)) => {
            let (address, length): (IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
            (length <= width(address.is_ipv6())).then_some((address, Some(length)))
        }
    }
}

/// The bits of an address of this family.
pub(super) fn width(is_v6: bool) -> u8 {
    if is_v6 { 128 } else { 32 }
}

fn mask_of_width(is_v6: bool) -> u128 {
    if is_v6 { u128::MAX } else { u128::from(u32::MAX) }
}

fn mask(is_v6: bool, length: u8) -> u128 {
    let host_bits = u32::from(width(is_v6) - length);
    u128::MAX.checked_shl(host_bits).unwrap_or(0) & mask_of_width(is_v6)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(is_v6: bool, number: u128) -> IpAddr {
    if is_v6 {
        Ipv6Addr::from_bits(number).into()
    } else {
        Ipv4Addr::from_bits(u32::try_from(number).expect("an IPv4 number")).into()
    }
}
