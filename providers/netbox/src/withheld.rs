//! Free addresses that NetBox gives to no caller: those of some ranges, and of prefixes that are marked as utilized.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, Result, Subnet};

use crate::netbox::vrf_filter;
use crate::vendor::{ADDRESSES, RANGES, VIEW_ADDRESS, VIEW_RANGE, WHAT};
use crate::{Netbox, wire};

/// NetBox lists no free address: the subnet is full, or NetBox gives out nothing of what is free in it. It gives out no
/// address of some ranges, and up to 4.2 none of a prefix that is marked as utilized.
///
/// # Errors
/// [`Rejected`](ErrorKind::Rejected) when fewer addresses are recorded than the subnet has, and a mark or a range explains
/// why none is listed.
pub(crate) async fn nothing_listed(netbox: &Netbox, subnet: &Subnet) -> Result<Vec<IpAddr>> {
    let record = netbox.record(subnet).await?;
    // The mark and ranges came with the same version.
    let Some(is_marked) = record.mark_utilized else { return Ok(Vec::new()) };
    if is_all_recorded(netbox, subnet, &record).await? {
        return Ok(Vec::new());
    }
    let ranges = match ranges(netbox, subnet, &record).await {
        // Nothing else shows why none is listed; records that the token may not view also count as reserved.
        Err(error) if matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Unexpected) => Vec::new(),
        outcome => outcome?,
    };
    let has_marked_range = ranges.iter().any(|range| range.is_marked);
    let text = match ranges.first() {
        // A version that has marks of ranges ignores that of the prefix.
        _ if is_marked && !has_marked_range => format!(
            "Subnet {subnet} is marked as utilized in {WHAT}, which then gives out no address of it. Remove the mark there, \
             or use another subnet"
        ),
        Some(_) if has_marked_range => format!(
            "Subnet {subnet} has no free address outside of the IP ranges that are marked as populated in {WHAT}, which \
             gives out no address of them. Remove the mark there, or use another subnet"
        ),
        Some(_) => format!(
            "Subnet {subnet} has no free address outside of IP ranges, and this version of {WHAT} gives out no address of \
             them. Remove or shorten a range there, or use another subnet"
        ),
        None => return Ok(Vec::new()),
    };
    Err(Error::new(ErrorKind::Rejected, text))
}

/// Are as many addresses recorded in the subnet as hosts may have?
async fn is_all_recorded(netbox: &Netbox, subnet: &Subnet, record: &wire::Prefix) -> Result<bool> {
    let (parent, vrf_id) = (subnet.prefix.to_string(), vrf_filter(record.vrf_id()));
    let query = [("fields", "id"), ("parent", parent.as_str()), ("vrf_id", vrf_id.as_str())];
    let query = if record.counts_all_vrfs() { &query[..2] } else { &query[..] };
    let recorded =
        netbox.client.count(&ADDRESSES, query, VIEW_ADDRESS).await.map_err(|error| subnet.gone_as(WHAT, error))?;
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    Ok(recorded.is_some_and(|recorded| u128::from(recorded) > distance(first, last)))
}

/// How far it is from one address to another of the same family.
fn distance(first: IpAddr, last: IpAddr) -> u128 {
    let bits = |address| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    bits(last).saturating_sub(bits(first))
}

/// A range that NetBox gives no address out of.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) first: IpAddr,
    pub(crate) last: IpAddr,
    /// As populated. Before 4.3 there is no such mark.
    is_marked: bool,
}

/// The ranges of a prefix that NetBox gives no address out of: those marked as populated, before 4.3 all.
pub(crate) async fn ranges(netbox: &Netbox, subnet: &Subnet, record: &wire::Prefix) -> Result<Vec<Range>> {
    if record.mark_utilized.is_none() {
        // Ranges and this mark came with the same version.
        return Ok(Vec::new());
    }
    let vrf = record.vrf_id();
    let (parent, vrf_id) = (subnet.prefix.to_string(), vrf_filter(vrf));
    let query =
        [("fields", "id,start_address,end_address,vrf,mark_populated"), ("parent", &parent), ("vrf_id", &vrf_id)];
    let rows = netbox.client.list(&RANGES, &query, VIEW_RANGE).await;
    let mut rows: Vec<wire::Range> = rows.map_err(|error| subnet.gone_as(WHAT, error))?;
    rows.retain(|range| range.vrf.as_ref().map(|vrf| vrf.id) == vrf && range.mark_populated != Some(false));
    let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} shows a range that is none"));
    let range = |row: &wire::Range| {
        let (first, last) = (wire::interface(&row.start_address)?.0, wire::interface(&row.end_address)?.0);
        Some(Range { first, last, is_marked: row.mark_populated.is_some() })
    };
    rows.iter().map(|row| range(row).ok_or_else(odd)).collect()
}
