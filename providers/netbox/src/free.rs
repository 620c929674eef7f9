//! Free addresses: what NetBox lists, and what lies behind the end of its list.
//!
//! `available-ips` is a plain list from the lowest address on, with a limit and without pages. The limit is silently
//! cut to `MAX_PAGE_SIZE` (1000, unless the server is set otherwise; `-1` would list a whole /8). When held addresses fill
//! what can be listed, the rest is worked out block by block from the addresses and ranges that are recorded. Only what is
//! not held makes a block large, so that any number of held addresses in a row is passed in one step.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Prefix, Result, Subnet, next_address};

use crate::client::{ADDRESSES, VIEW_ADDRESS, WHAT};
use crate::note::Note;
use crate::provider::{gone_as, vrf_filter};
use crate::wire::PAGE;
use crate::{Netbox, wire, withheld};

/// Each block has at most so many bits of addresses that are not held: a little more than one page of them.
const BLOCK_BITS: u8 = 10;

/// How many blocks are looked through in one search: each takes some 50 ms.
const BLOCKS_AT_MOST: usize = 256;

/// Both are needed, and which one is missing NetBox does not say.
const VIEW_BOTH: &str = "ipam.view_prefix or ipam.view_ipaddress";

/// The lowest free addresses of a subnet that are not held.
pub(crate) async fn addresses(netbox: &Netbox, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let asked = (query.held.count_within(first, last) + query.at_most).min(PAGE);
    let path = ["api", "ipam", "prefixes", subnet.id.as_str(), "available-ips", ""];
    let rows = netbox.client.get(&path, &[("limit", &asked.to_string())], VIEW_BOTH).await;
    let wire::AvailableList { 0: rows } = rows.map_err(|error| gone_as(error, subnet))?;
    let listed = listed(subnet, Note::of(subnet)?, &rows)?;
    let mut free: Vec<IpAddr> = listed.iter().copied().filter(|address| is_wanted(subnet, query, *address)).collect();
    free.truncate(query.at_most);
    let Some(&highest) = listed.last() else { return withheld::nothing_listed(netbox, subnet).await };
    let may_be_cut = rows.len() >= asked || free.is_empty() || looks_like_a_page(rows.len());
    // Of an IPv6 prefix, what is listed begins before the first.
    let behind = next_address(highest).and_then(|next| query.held.absent_within(next.max(first), last).next());
    let Some(from) = behind.filter(|_| free.len() < query.at_most && may_be_cut) else { return Ok(free) };
    match add_behind(netbox, subnet, query, from, &mut free).await {
        Err(error) if may_be_left_out(&error, !free.is_empty(), rows.len() < asked) => {
            log::warn!("Whether more addresses are free in {subnet} than {WHAT} lists is not looked at: {error}");
        }
        outcome => outcome?,
    }
    Ok(free)
}

/// May what lies behind the list be left out when it cannot be looked at? What is listed is free whatever lies behind,
/// and a list that is shorter than asked for is mostly the whole.
fn may_be_left_out(error: &Error, has_some: bool, is_short: bool) -> bool {
    let is_of = |kind| error.kind() == kind;
    // `Unexpected` comes of a gateway, for example, that does not know the path of ranges.
    (has_some && is_of(ErrorKind::Unexpected)) || ((has_some || is_short) && is_of(ErrorKind::Unauthenticated))
}

/// The addresses that were listed, lowest first.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when they are of another prefix or VRF: the record has been changed.
fn listed(subnet: &Subnet, note: Note, rows: &[wire::Available]) -> Result<Vec<IpAddr>> {
    let mut listed = BTreeSet::new();
    for row in rows {
        let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} lists a free address that is none"));
        let (address, length) = wire::interface(&row.address).ok_or_else(odd)?;
        let is_of_subnet = length == subnet.prefix.length() && subnet.prefix.contains(address);
        if !is_of_subnet || row.vrf.as_ref().map(|vrf| vrf.id) != note.vrf {
            return Err(Error::new(ErrorKind::NotFound, format!("Subnet {subnet} has become another one in {WHAT}")));
        }
        listed.insert(address);
    }
    Ok(listed.into_iter().collect())
}

fn is_wanted(subnet: &Subnet, query: FreeQuery<'_>, address: IpAddr) -> bool {
    subnet.is_offerable(address) && !query.held.contains(address)
}

/// Might a server have cut its answer to this many rows? Page sizes are round numbers; to look behind the end costs
/// three requests, so that it is not done for every short answer.
fn looks_like_a_page(rows: usize) -> bool {
    rows >= 10 && (rows.is_multiple_of(5) || rows.is_power_of_two())
}

/// Adds the free addresses from one on that may be offered and is not held, until there are enough.
async fn add_behind(
    netbox: &Netbox,
    subnet: &Subnet,
    query: FreeQuery<'_>,
    from: IpAddr,
    free: &mut Vec<IpAddr>,
) -> Result<()> {
    let record = netbox.record(subnet).await?;
    let ranges = withheld::ranges(netbox, subnet, &record).await?;
    let (_, last) = subnet.prefix.offerable(subnet.pool);
    let (mut next, mut blocks) = (Some(from), 0);
    while let Some(from) = next.filter(|_| free.len() < query.at_most) {
        if blocks == BLOCKS_AT_MOST {
            return if free.is_empty() { Err(too_many(subnet, from)) } else { Ok(()) };
        }
        blocks += 1;
        let block = block(subnet.prefix, query.held, from);
        let used = used(netbox, subnet, &record, block).await?;
        let is_free =
            |address: &IpAddr| !used.contains(address) && !ranges.iter().any(|range| range.contains(*address));
        let absent = query.held.absent_within(from, block.last().min(last));
        free.extend(absent.filter(is_free).take(query.at_most - free.len()));
        next = next_address(block.last()).and_then(|behind| query.held.absent_within(behind, last).next());
    }
    Ok(())
}

fn too_many(subnet: &Subnet, from: IpAddr) -> Error {
    let text = format!(
        "Subnet {subnet} has too many recorded and held addresses below {from} for a search; use another subnet"
    );
    Error::new(ErrorKind::Rejected, text)
}

/// The addresses that are recorded in a block of a prefix.
async fn used(netbox: &Netbox, subnet: &Subnet, record: &wire::Prefix, block: Prefix) -> Result<BTreeSet<IpAddr>> {
    let (vrf, counts_all) = (record.vrf_id(), record.counts_all_vrfs());
    let (parent, vrf_id) = (block.to_string(), vrf_filter(vrf));
    let query = [("fields", "id,address,vrf"), ("parent", &parent), ("vrf_id", &vrf_id)];
    let query = if counts_all { &query[..2] } else { &query[..] };
    let rows = netbox.client.list(&ADDRESSES, query, VIEW_ADDRESS).await;
    let rows: Vec<wire::Address> = rows.map_err(|error| gone_as(error, subnet))?;
    let counts = |row: &&wire::Address| counts_all || row.vrf.as_ref().map(|vrf| vrf.id) == vrf;
    Ok(rows.iter().filter(counts).filter_map(wire::Address::ip).collect())
}

/// The block that an address of a prefix is in: the widest one within the prefix that has few addresses that are not
/// held.
fn block(prefix: Prefix, held: &AddressSet, address: IpAddr) -> Prefix {
    let all = if prefix.is_ipv6() { 128 } else { 32 };
    let is_small = |block: &Prefix| {
        // `None` stands for all of IPv6.
        let size = 1_u128.checked_shl(u32::from(all - block.length()));
        let held = held.count_within(block.network(), block.last()) as u128;
        size.is_some_and(|size| size.saturating_sub(held) <= 1 << BLOCK_BITS)
    };
    let smallest = prefix.length().max(all - BLOCK_BITS);
    let wider = (prefix.length()..smallest).rev().map(|length| around(address, length)).take_while(is_small);
    wider.last().unwrap_or_else(|| around(address, smallest))
}

/// The prefix of this length that an address is in.
fn around(address: IpAddr, length: u8) -> Prefix {
    let network = match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & !host).into())
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & !host).into())
        }
    };
    Prefix::new(network, length).expect("the bits behind the length are zero")
}

#[cfg(test)]
mod tests {
    use ipam_provider::addresses_between;

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

    #[test]
    fn round_numbers_may_be_page_sizes() {
        for rows in [10, 16, 20, 25, 50, 100, 128, 250, 500, 512, 1000] {
            assert!(looks_like_a_page(rows), "{rows}");
        }
        for rows in [0, 1, 5, 8, 13, 62, 253] {
            assert!(!looks_like_a_page(rows), "{rows}");
        }
    }
}
