//! Free addresses. No call of phpIPAM gives several, so that they are computed from the used ones.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam_provider::{Error, ErrorKind, FreeQuery, Result, Subnet};

use crate::Phpipam;
use crate::failure::{Failure, WHAT};
use crate::wire::AddressRow;

/// How many addresses are looked up one by one, when phpIPAM cannot list those of a subnet: some 5 ms each.
const LOOK_UPS_AT_MOST: usize = 256;

impl Phpipam {
    /// `first_free` comes first: it alone knows of subnets that are marked as full or contain subnets.
    pub(crate) async fn free(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let first = match self.client.get::<String>(&["subnets", subnet.id.as_str(), "first_free"]).await {
            Ok(Some(text)) => text.parse().ok().filter(|address| subnet.prefix.contains(*address)),
            Ok(None) => None,
            Err(Failure::NoSubnet) => return Err(gone(subnet)),
            Err(Failure::Absent) => return self.free_in_full(subnet, query).await,
            Err(Failure::Conflict) => return Err(contains_subnets(subnet)),
            Err(failure) => return Err(failure.into()),
        };
        let first: IpAddr = first.ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                format!("{WHAT} offers no address of subnet {subnet} as its first free one"),
            )
        })?;
        let is_candidate = subnet.is_offerable(first) && !query.held.contains(&first);
        if query.at_most == 1 && is_candidate {
            return Ok(vec![first]);
        }
        match self.used(subnet).await {
            Ok(used) => Ok(unused(subnet, query, &used)),
            // Above some 20,000 rows PHP runs out of memory over the list.
            Err(Failure::Silent) => self.free_from(subnet, query, first).await,
            Err(failure) => Err(failure.into()),
        }
    }

    /// What is free in a subnet that is said to be full. Rows on the network and broadcast address count as hosts there,
    /// so that such a subnet is said to be full too early.
    async fn free_in_full(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let row = self.row_of(subnet).await?;
        let has_such_addresses = !subnet.is_offerable(subnet.prefix.network());
        if row.is_full.0 || subnet.prefix.is_ipv6() || !has_such_addresses {
            return Ok(Vec::new());
        }
        match self.used(subnet).await {
            Ok(used) => Ok(unused(subnet, query, &used)),
            Err(Failure::Silent) => Ok(Vec::new()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The addresses of the subnet that have a row, whatever its tag.
    async fn used(&self, subnet: &Subnet) -> Result<BTreeSet<IpAddr>, Failure> {
        let rows = match self.client.get::<Vec<AddressRow>>(&["subnets", subnet.id.as_str(), "addresses"]).await {
            Ok(rows) => rows.unwrap_or_default(),
            Err(Failure::NoSubnet) => return Err(gone(subnet).into()),
            Err(Failure::Absent) => Vec::new(),
            Err(failure) => return Err(failure),
        };
        let used: Option<BTreeSet<IpAddr>> = rows.iter().map(|row| self.address_in(subnet, row)).collect();
        let strange = || {
            Error::new(ErrorKind::Unexpected, format!("{WHAT} lists something else than addresses of subnet {subnet}"))
        };
        Ok(used.ok_or_else(strange)?)
    }

    fn address_in(&self, subnet: &Subnet, row: &AddressRow) -> Option<IpAddr> {
        row.address(subnet.prefix.is_ipv6()).filter(|_| row.subnet_id.to_string() == subnet.id.as_str())
    }

    /// Walks upward from the first free address, asking for each. What is found is the lowest, but may be less than there
    /// is.
    async fn free_from(&self, subnet: &Subnet, query: FreeQuery<'_>, first: IpAddr) -> Result<Vec<IpAddr>> {
        log::warn!(
            "{WHAT} cannot list the addresses of subnet {subnet}, so each is asked for. Raise memory_limit in its php.ini"
        );
        let (lowest, last) = subnet.prefix.offerable(subnet.pool);
        let (mut found, mut look_ups) = (Vec::new(), 0);
        for address in addresses(lowest.max(first), last).filter(|address| !query.held.contains(address)) {
            if found.len() == query.at_most || look_ups == LOOK_UPS_AT_MOST {
                break;
            }
            let is_free = address == first || {
                look_ups += 1;
                self.row(subnet, address).await?.is_none()
            };
            if is_free {
                found.push(address);
            }
        }
        if found.is_empty() && look_ups == LOOK_UPS_AT_MOST {
            let text = format!(
                "Subnet {subnet} has too many addresses for {WHAT} to list, and the {LOOK_UPS_AT_MOST} after {first} are \
                 taken. Raise memory_limit in the php.ini of {WHAT}"
            );
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        Ok(found)
    }
}

/// The lowest addresses for hosts that are neither used nor held.
fn unused(subnet: &Subnet, query: FreeQuery<'_>, used: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let is_free = |address: &IpAddr| !used.contains(address) && !query.held.contains(address);
    addresses(first, last).filter(is_free).take(query.at_most).collect()
}

/// The addresses from the first to the last, one at a time: there may be 2^128.
fn addresses(first: IpAddr, last: IpAddr) -> impl Iterator<Item = IpAddr> {
    let next = |address: IpAddr| match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() + 1).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() + 1).into(),
    };
    std::iter::successors((first <= last).then_some(first), move |address| (*address < last).then(|| next(*address)))
}

/// For operations on a subnet that was found before.
pub(crate) fn gone(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::NotFound, format!("Subnet {subnet} is no longer in {WHAT}"))
}

/// phpIPAM gives out no address of such a subnet.
pub(crate) fn contains_subnets(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::Rejected, format!("Subnet {subnet} contains subnets in {WHAT}; choose one of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_at_its_last_address() {
        let count = |first: &str, last: &str| {
            addresses(first.parse().expect("an address"), last.parse().expect("an address")).count()
        };
        assert_eq!(count("255.255.255.254", "255.255.255.255"), 2);
        assert_eq!(count("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1);
        assert_eq!(count("10.0.0.2", "10.0.0.1"), 0);
    }
}
