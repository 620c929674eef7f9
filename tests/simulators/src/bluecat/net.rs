//! Networks and addresses of either family, by number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
    pub(super) length: u32,
}

impl Net {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        Self::around(address.parse().ok()?, length.parse().ok()?)
    }

    /// The network of this length around an address.
    pub(super) fn around(address: IpAddr, length: u32) -> Option<Self> {
        let bits: u32 = if address.is_ipv6() { 128 } else { 32 };
        let host = u128::MAX.checked_shr(128 - bits.checked_sub(length)?).unwrap_or(0);
        let first = number(address) & !host;
        Some(Self { first: of_number(first, address), last: of_number(first | host, address), length })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        address.is_ipv6() == self.first.is_ipv6() && self.first <= address && address <= self.last
    }

    pub(super) fn is_ipv6(self) -> bool {
        self.first.is_ipv6()
    }

    /// As BlueCat writes it: IPv6 in upper case.
    pub(super) fn text(self) -> String {
        format!("{}/{}", address_text(self.first), self.length)
    }

    /// All addresses that may be assigned, from one on. Of IPv6 the first one is among them.
    pub(super) fn assignable(self, from: IpAddr) -> impl Iterator<Item = IpAddr> {
        let has_edges = !self.is_ipv6() && self.length <= 30;
        let (first, last) = (self.first, self.last);
        let mut next = Some(from.max(first));
        let all = std::iter::from_fn(move || {
            let address = next.filter(|address| *address <= last)?;
            next = following(address);
            Some(address)
        });
        all.filter(move |address| !has_edges || (*address != first && *address != last))
    }
}

pub(super) fn address_text(address: IpAddr) -> String {
    address.to_string().to_uppercase()
}

pub(super) fn following(address: IpAddr) -> Option<IpAddr> {
    let next = number(address).checked_add(1)?;
    (address.is_ipv6() || next <= u32::MAX.into()).then(|| of_number(next, address))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn of_number(number: u128, like: IpAddr) -> IpAddr {
    if like.is_ipv6() {
        Ipv6Addr::from_bits(number).into()
    } else {
        Ipv4Addr::from_bits(u32::try_from(number).expect("an IPv4 number")).into()
    }
}
