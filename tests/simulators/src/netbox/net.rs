//! Addresses with a length, as NetBox keeps them: host bits stay.

use std::net::IpAddr;

/// `10.1.0.4/24`: the address, and how long its network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Net {
    pub(super) address: IpAddr,
    pub(super) length: u8,
}

impl Net {
    pub(super) fn new(address: IpAddr, length: u8) -> Self {
        Self { address, length }
    }

    /// Reads an address with a length or an IPv4 netmask; without either it is one address.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().ok()?;
        let length = match (length, address) {
            ("", _) if text.contains('/') => return None,
            ("", _) => width(address),
            (mask, IpAddr::V4(_)) if mask.contains('.') => {
                let mask = u32::from_be_bytes(mask.parse::<std::net::Ipv4Addr>().ok()?.octets());
                (mask.leading_ones() + mask.trailing_zeros() == 32).then(|| mask.leading_ones() as u8)?
            }
            (digits, _) => digits.parse().ok()?,
        };
        (length <= width(address)).then_some(Self { address, length })
    }

    pub(super) fn is_v6(&self) -> bool {
        self.address.is_ipv6()
    }

    pub(super) fn width(&self) -> u8 {
        width(self.address)
    }

    pub(super) fn first(&self) -> u128 {
        number(self.address) & self.mask()
    }

    pub(super) fn last(&self) -> u128 {
        self.first() | (!self.mask() & full(self.width()))
    }

    pub(super) fn has_host_bits(&self) -> bool {
        number(self.address) != self.first()
    }

    pub(super) fn network(&self) -> Self {
        Self { address: self.at(self.first()), length: self.length }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.is_v6() == address.is_ipv6() && (self.first()..=self.last()).contains(&number(address))
    }

    pub(super) fn contains_net(&self, other: &Self) -> bool {
        self.is_v6() == other.is_v6() && self.first() <= other.first() && other.last() <= self.last()
    }

    /// The address of this family with this number.
    pub(super) fn at(&self, number: u128) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(number).expect("it is of an IPv4 network").into()),
            IpAddr::V6(_) => IpAddr::V6(number.into()),
        }
    }

    fn mask(&self) -> u128 {
        let hosts = u32::from(self.width() - self.length);
        full(self.width()) & u128::MAX.checked_shl(hosts).unwrap_or(0)
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv6() { 128 } else { 32 }
}

fn full(width: u8) -> u128 {
    if width == 128 { u128::MAX } else { (1 << width) - 1 }
}
