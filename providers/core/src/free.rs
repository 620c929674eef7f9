//! Free addresses of products that list the used ones.

use std::net::IpAddr;

use crate::{AddressSet, Error, ErrorKind, FreeQuery, Prefix, Result, Subnet, next_address};

/// The addresses of a block that are not held have at most this many bits: a little more than a page of 1,000.
const BLOCK_BITS: u8 = 10;

/// How many blocks are looked through in one search: each takes some 50 ms.
const BLOCKS_AT_MOST: usize = 256;

/// The lowest addresses for hosts that are neither used nor held.
pub fn unused(subnet: &Subnet, query: FreeQuery<'_>, used: &AddressSet) -> Vec<IpAddr> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    query.held.absent_within(first, last).filter(|address| !used.contains(*address)).take(query.at_most).collect()
}

/// Adds the addresses for hosts from one on that are neither used nor held, until there are `query.at_most`. `used` reads
/// what is used in a block of the subnet.
///
/// Only what is not held makes a block large, so that any number of held addresses in a row is passed in one step.
///
/// # Errors
/// What `used` fails with. [`Rejected`](ErrorKind::Rejected) when the search ends before it has found anything.
pub async fn add_unused<F>(
    subnet: &Subnet,
    query: FreeQuery<'_>,
    from: IpAddr,
    free: &mut Vec<IpAddr>,
    used: impl Fn(Prefix) -> F,
) -> Result<()>
where
    F: Future<Output = Result<AddressSet>>,
{
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let next_from = |from: IpAddr| query.held.absent_within(from, last).next();
    let (mut next, mut blocks) = (next_from(from.max(first)), 0);
    while let Some(from) = next.filter(|_| free.len() < query.at_most) {
        if blocks == BLOCKS_AT_MOST {
            return if free.is_empty() { Err(too_many(subnet, from)) } else { Ok(()) };
        }
        blocks += 1;
        let block = block(subnet.prefix, query.held, from);
        let used = used(block).await?;
        let absent = query.held.absent_within(from, block.last().min(last));
        free.extend(absent.filter(|address| !used.contains(*address)).take(query.at_most - free.len()));
        next = next_address(block.last()).and_then(next_from);
    }
    Ok(())
}

fn too_many(subnet: &Subnet, from: IpAddr) -> Error {
    let text = format!(
        "Subnet {subnet} has too many recorded and held addresses below {from} for a search; use another subnet"
    );
    Error::new(ErrorKind::Rejected, text)
}

/// The block that an address of a prefix is in: the widest one within the prefix that has few addresses that are not
/// held.
fn block(prefix: Prefix, held: &AddressSet, address: IpAddr) -> Prefix {
    let all = if prefix.is_ipv6() { 128 } else { 32 };
    let around = |length| Prefix::around(address, length).expect("no longer than the address");
    let is_small = |block: &Prefix| {
        // `None` stands for all of IPv6.
        let size = 1_u128.checked_shl(u32::from(all - block.length()));
        let held = held.count_within(block.network(), block.last()) as u128;
        size.is_some_and(|size| size.saturating_sub(held) <= 1 << BLOCK_BITS)
    };
    let smallest = prefix.length().max(all - BLOCK_BITS);
    let wider = (prefix.length()..smallest).rev().map(around).take_while(is_small);
    wider.last().unwrap_or_else(|| around(smallest))
}

#[cfg(test)]
mod tests {
    use crate::addresses_between;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn block_among(held: &AddressSet, prefix: &str, address: &str) -> String {
        block(prefix.parse().expect("a prefix"), held, ip(address)).to_string()
    }

    fn block_of(prefix: &str, address: &str) -> String {
        block_among(&AddressSet::default(), prefix, address)
    }

    #[test]
    fn a_block_holds_the_address_and_is_no_larger_than_the_prefix() {
        assert_eq!(block_of("10.0.0.0/8", "10.1.7.9"), "10.1.4.0/22");
        assert_eq!(block_of("10.1.7.0/24", "10.1.7.9"), "10.1.7.0/24");
        assert_eq!(block_of("10.1.7.8/32", "10.1.7.8"), "10.1.7.8/32");
        assert_eq!(block_of("0.0.0.0/0", "255.255.255.255"), "255.255.252.0/22");
        assert_eq!(block_of("2001:db8::/64", "2001:db8::1:0:7"), "2001:db8::1:0:0/118");
        assert_eq!(block_of("::/0", "::1"), "::/118");
    }

    #[test]
    fn held_addresses_make_a_block_no_larger() {
        // Each eighth of 10.1.0.0/16 has one address that is not held.
        let held = |address: &IpAddr| !matches!(address, IpAddr::V4(address) if address.to_bits() % 8192 == 77);
        let held: AddressSet = addresses_between(ip("10.1.0.0"), ip("10.1.255.255")).filter(held).collect();
        assert_eq!(block_among(&held, "10.0.0.0/8", "10.1.0.77"), "10.1.0.0/16");
        assert_eq!(block_among(&held, "10.1.128.0/17", "10.1.128.77"), "10.1.128.0/17", "within the prefix");
        assert_eq!(block_among(&held, "10.0.0.0/8", "10.2.0.0"), "10.2.0.0/22", "nothing is held there");
        let held: AddressSet = addresses_between(ip("2001:db8::"), ip("2001:db8::fbff")).collect();
        assert_eq!(block_among(&held, "2001:db8::/64", "2001:db8::fc00"), "2001:db8::/112");
        assert_eq!(block_among(&held, "::/0", "2001:db8::fc00"), "2001:db8::/112");
    }
}
