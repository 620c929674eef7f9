//! Free addresses: TCPWave's free ranges, and, where these do not tell enough, what the list of objects leaves.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, Result, Subnet, unused};

use crate::client::{Client, Place};
use crate::vendor::WHAT;
use crate::wire::{ObjectRow, RangeRow};

/// What the free ranges tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The lowest free addresses that the ranges show.
    Free(Vec<IpAddr>),
    /// There is no range, or the request is refused: the subnet is full, or gone.
    FullOrGone,
}

/// The lowest free addresses that the query allows.
///
/// Of a range without an end only its first address is known to be free. If all of those are held, the list of objects
/// decides.
pub(crate) async fn free_addresses(client: &Client, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Found> {
    let mut ranges = match client.free_ranges(Place::of(subnet)?).await {
        Err(error) if error.kind() == ErrorKind::Rejected => {
            log::debug!("tcpwave: no free ranges of {subnet}: {error}");
            return Ok(Found::FullOrGone);
        }
        ranges => ranges?,
    };
    if ranges.iter().any(|range| !subnet.prefix.contains(range.start.into())) {
        // It has been made smaller or moved.
        return Err(subnet.gone(WHAT));
    }
    ranges.sort_by_key(|range| range.start);
    let Some(lowest) = ranges.first().map(|range| range.start) else { return Ok(Found::FullOrGone) };
    let free = within(&ranges, subnet, query);
    if !free.is_empty() || ranges.iter().all(|range| range.end.is_some()) {
        return Ok(Found::Free(free));
    }
    Ok(Found::Free(unlisted(client, subnet, lowest, query).await?))
}

/// The addresses of ranges that hosts may have and nobody holds.
fn within(ranges: &[RangeRow], subnet: &Subnet, query: FreeQuery<'_>) -> Vec<IpAddr> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let mut found = BTreeSet::new();
    for range in ranges {
        let start = IpAddr::from(range.start).max(first);
        let end = IpAddr::from(range.end.unwrap_or(range.start)).min(last);
        found.extend(query.held.absent_within(start, end).take(query.at_most));
        if found.len() >= query.at_most {
            break;
        }
    }
    found.into_iter().take(query.at_most).collect()
}

/// The addresses from one on that have no object.
pub(crate) async fn unlisted(
    client: &Client,
    subnet: &Subnet,
    from: Ipv4Addr,
    query: FreeQuery<'_>,
) -> Result<Vec<IpAddr>> {
    let rows = client.objects::<ObjectRow>(Place::of(subnet)?, None).await?;
    let taken = rows.iter().map(|(address, _)| (IpAddr::from(*address), IpAddr::from(*address)));
    let below = from.to_bits().checked_sub(1).map(|last| (subnet.prefix.network(), Ipv4Addr::from_bits(last).into()));
    Ok(unused(subnet, query, &AddressSet::of_runs(taken.chain(below))))
}
