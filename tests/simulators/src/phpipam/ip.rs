//! Addresses as phpIPAM keeps them: decimal numbers, wider for IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of an address.
pub(super) fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The address of a number, in the family of `like`.
pub(super) fn address(number: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(number).expect("a number of an IPv4 range")).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }
}

/// An address as a caller may write it: any spelling, or its number.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let number: u128 = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(
        u32::try_from(number)
            .map_or_else(|_| Ipv6Addr::from_bits(number).into(), |bits| Ipv4Addr::from_bits(bits).into()),
    )
}

/// What PHP takes for a number (`is_numeric`), and the whole part of it.
pub(super) fn numeric(text: &str) -> Option<u64> {
    let is_numeric = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let number: f64 = text.parse().ok().filter(|_| is_numeric)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as PHP casts it")]
    Some(number as u64)
}

/// The addresses of a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) network: IpAddr,
    pub(super) length: u8,
}

impl Range {
    pub(super) fn new(network: IpAddr, length: u8) -> Self {
        Self { network, length }
    }

    pub(super) fn is_v4(self) -> bool {
        self.network.is_ipv4()
    }

    /// How many addresses there are, less one: a /0 of IPv6 has one more than fits.
    fn span(self) -> u128 {
        let bits = if self.is_v4() { 32 } else { 128 };
        u128::MAX.checked_shr(128 - (bits - u32::from(self.length))).unwrap_or(0)
    }

    pub(super) fn first(self) -> u128 {
        number(self.network)
    }

    pub(super) fn last(self) -> u128 {
        self.first() + self.span()
    }

    pub(super) fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.is_v4() && (self.first()..=self.last()).contains(&number(ip))
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.is_v4() == other.is_v4() && self.first() <= other.last() && other.first() <= self.last()
    }

    /// The first and last address that phpIPAM gives out: all of IPv6, of a pool, of a /31 and a /32.
    pub(super) fn hosts(self, is_pool: bool) -> (u128, u128) {
        if self.is_v4() && self.length < 31 && !is_pool {
            (self.first() + 1, self.last() - 1)
        } else {
            (self.first(), self.last())
        }
    }
}
