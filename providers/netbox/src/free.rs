//! Free addresses: what NetBox lists, and what lies behind the end of its list.
//!
//! `available-ips` is a plain list from the lowest address on, with a limit and without pages. The limit is silently
//! cut to `MAX_PAGE_SIZE` (1000, unless the server is set otherwise; `-1` would list a whole /8). When held addresses fill
//! what can be listed, the rest is worked out block by block from the addresses and ranges that are recorded.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Prefix, Result, Subnet, add_unused, next_address};

use crate::netbox::{Note, vrf_filter};
use crate::vendor::{ADDRESSES, VIEW_ADDRESS, WHAT};
use crate::wire::PAGE;
use crate::{Netbox, wire, withheld};

/// Both are needed, and which one is missing NetBox does not say.
const VIEW_BOTH: &str = "ipam.view_prefix or ipam.view_ipaddress";

/// The lowest free addresses of a subnet that are not held.
pub(crate) async fn addresses(netbox: &Netbox, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let asked = (query.held.count_within(first, last) + query.at_most).min(PAGE);
    let path = ["api", "ipam", "prefixes", subnet.id.as_str(), "available-ips", ""];
    let rows = netbox.client.get(&path, &[("limit", &asked.to_string())], VIEW_BOTH).await;
    let wire::AvailableList { 0: rows } = rows.map_err(|error| subnet.gone_as(WHAT, error))?;
    let listed = listed(subnet, subnet.note(WHAT)?, &rows)?;
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
            return Err(subnet.gone(WHAT));
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

/// Adds the free addresses from one on, until there are enough.
async fn add_behind(
    netbox: &Netbox,
    subnet: &Subnet,
    query: FreeQuery<'_>,
    from: IpAddr,
    free: &mut Vec<IpAddr>,
) -> Result<()> {
    let record = netbox.record(subnet).await?;
    let ranges = withheld::ranges(netbox, subnet, &record).await?;
    let ranges: Vec<_> = ranges.iter().map(|range| (range.first, range.last)).collect();
    add_unused(subnet, query, from, free, |block| used(netbox, subnet, &record, &ranges, block)).await
}

/// The addresses that are recorded in a block of a prefix, and those of ranges.
async fn used(
    netbox: &Netbox,
    subnet: &Subnet,
    record: &wire::Prefix,
    ranges: &[(IpAddr, IpAddr)],
    block: Prefix,
) -> Result<AddressSet> {
    let (vrf, counts_all) = (record.vrf_id(), record.counts_all_vrfs());
    let (parent, vrf_id) = (block.to_string(), vrf_filter(vrf));
    let query = [("fields", "id,address,vrf"), ("parent", &parent), ("vrf_id", &vrf_id)];
    let query = if counts_all { &query[..2] } else { &query[..] };
    let rows = netbox.client.list(&ADDRESSES, query, VIEW_ADDRESS).await;
    let rows: Vec<wire::Address> = rows.map_err(|error| subnet.gone_as(WHAT, error))?;
    let counts = |row: &&wire::Address| counts_all || row.vrf.as_ref().map(|vrf| vrf.id) == vrf;
    let recorded = rows.iter().filter(counts).filter_map(wire::Address::ip);
    Ok(AddressSet::of_runs(recorded.map(|address| (address, address)).chain(ranges.iter().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;

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
