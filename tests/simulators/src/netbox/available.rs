//! Free addresses of a prefix or a range: listed, or taken at once.

use super::net::{Net, number};
use super::state::{Prefix, Range, State};
use super::version::Version;

/// The free addresses of a prefix, lowest first, each with the prefix's length.
pub(super) fn of_prefix(state: &State, prefix: &Prefix, version: Version, at_most: usize) -> Vec<Net> {
    if prefix.mark_utilized && version.honours_utilized() {
        return Vec::new();
    }
    let net = prefix.net;
    let (mut first, mut last) = (net.first(), net.last());
    let has_edges = net.length < net.width() - 1;
    if version.withholds_ipv6_ends() && (net.is_v6() || net.length == net.width()) {
        // As if IPv6 had a broadcast address; and a /32 has nothing between its ends.
        (first, last) = (first + 1, last.saturating_sub(1));
    } else if !prefix.is_pool && has_edges {
        first += 1;
        if !net.is_v6() {
            last -= 1;
        }
    }
    // In a container of the global table the addresses of all VRFs count.
    let counts_all = prefix.vrf.is_none() && prefix.status == "container";
    let mut taken: Vec<(u128, u128)> = state
        .addresses
        .iter()
        .filter(|address| (counts_all || address.vrf == prefix.vrf) && net.contains(address.net.address))
        .map(|address| (number(address.net.address), number(address.net.address)))
        .collect();
    let keeps_back = |populated: bool| populated || !version.offers_ranges();
    let ranges = state.ranges.iter().filter(|range| range.vrf == prefix.vrf && keeps_back(range.mark_populated));
    taken.extend(ranges.map(|range| (number(range.first.address), number(range.last.address))));
    free(net, first, last, taken, at_most)
}

/// The numbers from `first` to `last` that are not taken.
fn free(net: Net, first: u128, last: u128, mut taken: Vec<(u128, u128)>, at_most: usize) -> Vec<Net> {
    taken.sort_unstable();
    let mut free = Vec::new();
    let mut next = first;
    let end = (last.wrapping_add(1), last.wrapping_add(1));
    for (low, high) in taken.into_iter().chain([end]) {
        while next < low && next <= last && free.len() < at_most {
            free.push(Net::new(net.at(next), net.length));
            next += 1;
        }
        next = next.max(high.saturating_add(1));
    }
    free
}

/// The free addresses of a range; none of one that is marked as populated.
pub(super) fn of_range(state: &State, range: &Range, at_most: usize) -> Vec<Net> {
    if range.mark_populated {
        return Vec::new();
    }
    let taken = state.addresses.iter().filter(|address| address.vrf == range.vrf);
    let taken = taken.map(|address| (number(address.net.address), number(address.net.address))).collect();
    free(range.first, number(range.first.address), number(range.last.address), taken, at_most)
}
