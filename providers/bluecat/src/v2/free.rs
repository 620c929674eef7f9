//! Free addresses in v2: the list of those that nobody has, past what is held.
//!
//! The vendor's table from v1 to v2 names that list (state `UNASSIGNED`) for "next available address". Whether it holds every
//! address without a record is not documented. If it shows no address that may be offered, those with a record are listed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{AddressSet, Error, ErrorKind, FreeQuery, Prefix, Result, add_unused, next_address};

use super::rest::Rest;
use super::wire::{AddressRow, Page, RangeRow};
use crate::address_manager::{Place, is_free};
use crate::vendor::{VIEW_ADDRESSES, WHAT};

/// Rows of a page.
const PAGE: usize = 1000;

/// How many pages are asked for in one search.
const PAGES_AT_MOST: usize = 256;

/// The lowest free addresses of the network that the query allows.
pub(super) async fn free(rest: &Rest, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let subnet = place.subnet;
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let mut found = BTreeSet::new();
    let lowest = query.held.absent_within(first, last).next();
    let (mut from, mut pages) = (lowest, 0);
    while let Some(start) = from.filter(|_| found.len() < query.at_most) {
        if pages == PAGES_AT_MOST {
            break;
        }
        pages += 1;
        let held = query.held.count_within(start, last);
        let page = unassigned(rest, place, start, (query.at_most - found.len() + held + 1).min(PAGE)).await?;
        let Some(highest) = page.last().copied() else { break };
        let is_wanted = |address: &IpAddr| subnet.is_offerable(*address) && !query.held.contains(*address);
        found.extend(page.into_iter().filter(is_wanted));
        from = next_address(highest).and_then(|next| query.held.absent_within(next, last).next());
    }
    let mut found: Vec<IpAddr> = found.into_iter().take(query.at_most).collect();
    if let Some(lowest) = lowest.filter(|_| found.is_empty()) {
        let ranges = ranges(rest, place).await?;
        add_unused(subnet, query, lowest, &mut found, |block| used(rest, place, block, &ranges)).await?;
    }
    Ok(found)
}

/// A page of the addresses that nobody has, in order, from one on.
async fn unassigned(rest: &Rest, place: Place<'_>, from: IpAddr, limit: usize) -> Result<BTreeSet<IpAddr>> {
    let id = place.network.to_string();
    let (filter, limit) = (format!("state:'UNASSIGNED' and address:ge('{from}')"), limit.to_string());
    let query = [("filter", filter.as_str()), ("limit", &limit)];
    let page: Page<AddressRow> = rest.page(&["networks", &id, "addresses"], &query, VIEW_ADDRESSES).await?;
    let mut addresses = BTreeSet::new();
    for row in page.data.0 {
        let address = host(&row)?;
        if !place.subnet.prefix.contains(address) {
            return Err(place.subnet.gone(WHAT));
        }
        if address < from || !row.state.as_deref().is_some_and(is_free) {
            let text = format!("{WHAT} lists addresses that were not asked for; set api: v1, and report it");
            return Err(Error::new(ErrorKind::Unexpected, text).because(format!("{row:?}")));
        }
        addresses.insert(address);
    }
    Ok(addresses)
}

/// What is used within a block of the network: addresses with a record, and what DHCP gives.
async fn used(rest: &Rest, place: Place<'_>, block: Prefix, ranges: &[(IpAddr, IpAddr)]) -> Result<AddressSet> {
    let id = place.network.to_string();
    let filter = format!("address:ge('{}') and address:le('{}')", block.network(), block.last());
    let at = ["networks", id.as_str(), "addresses"];
    let rows: Vec<AddressRow> = rest.list(&at, &[("filter", &filter)], VIEW_ADDRESSES).await?;
    let mut runs = ranges.to_vec();
    for row in rows {
        let address = host(&row)?;
        if !row.state.as_deref().is_some_and(is_free) {
            runs.push((address, address));
        }
    }
    Ok(AddressSet::of_runs(runs))
}

/// The first and last addresses of the network's DHCP ranges.
async fn ranges(rest: &Rest, place: Place<'_>) -> Result<Vec<(IpAddr, IpAddr)>> {
    let id = place.network.to_string();
    let rows: Vec<RangeRow> = rest.list(&["networks", &id, "ranges"], &[], VIEW_ADDRESSES).await?;
    let ends = |row: RangeRow| ends(&row.range).ok_or_else(|| unexpected("a DHCP range").because(row.range));
    rows.into_iter().map(ends).collect()
}

/// The ends of `192.0.2.10-192.0.2.20` and of a prefix.
fn ends(range: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((first, last)) = range.split_once('-') {
        return Some((first.trim().parse().ok()?, last.trim().parse().ok()?));
    }
    let prefix: Prefix = range.parse().ok()?;
    Some((prefix.network(), prefix.last()))
}

fn host(row: &AddressRow) -> Result<IpAddr> {
    row.host().ok_or_else(|| unexpected("an address").because(format!("{row:?}")))
}

fn unexpected(word: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{WHAT} answers with {word} that cannot be read"))
}
