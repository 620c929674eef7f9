//! Free addresses: what is not recorded as anything but available. Addresses without a row are free too: large subnets and
//! those of IPv6 have rows only for what was recorded or seen.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use ipam_provider::{AddressSet, FreeQuery, Prefix, Result, Subnet, add_unused, unused};
use serde_json::json;

use crate::client::Client;
use crate::vendor::{SUBNET, USED, USED_BETWEEN, WHAT};
use crate::wire::Row;

/// IPv4 subnets of at least this length are read as a whole.
const READ_AS_A_WHOLE: u8 = 22;

/// The lowest free addresses of the subnet with this id that the query allows.
pub(crate) async fn free_addresses(
    client: &Client,
    subnet: &Subnet,
    id: i64,
    query: FreeQuery<'_>,
) -> Result<Vec<IpAddr>> {
    let prefix = subnet.prefix;
    let mut free = Vec::new();
    let is_known = AtomicBool::new(false);
    if prefix.is_ipv6() || prefix.length() >= READ_AS_A_WHOLE {
        let rows = client.pages(USED, "IpNodeId", &[("subnet", id)]).await?;
        let used = addresses(&rows, prefix)?;
        is_known.store(!used.is_empty(), Ordering::Relaxed);
        free = unused(subnet, query, &used);
    } else {
        let used = |block: Prefix| {
            let is_known = &is_known;
            async move {
                let (first, last) = (offset(prefix, block.network()), offset(prefix, block.last()));
                let parameters = [("subnet", id), ("first", first), ("last", last)];
                let rows = client.pages(USED_BETWEEN, "IpNodeId", &parameters).await?;
                is_known.fetch_or(!rows.is_empty(), Ordering::Relaxed);
                addresses(&rows, block)
            }
        };
        add_unused(subnet, query, prefix.network(), &mut free, used).await?;
        if !is_known.load(Ordering::Relaxed) {
            let rows = first_used(client, id, free.last().copied()).await?;
            is_known.store(rows > 0, Ordering::Relaxed);
        }
    }
    // A subnet that is gone has no rows either.
    if is_known.into_inner() || is_there(client, id).await? { Ok(free) } else { Err(subnet.gone(WHAT)) }
}

/// How many of the first used addresses of a large subnet there are, asked for without a part.
///
/// If no part up to the last free address has a used one, but the subnet has one there, addresses are not counted from the
/// network address, and what seemed free is not.
async fn first_used(client: &Client, id: i64, last_free: Option<IpAddr>) -> Result<usize> {
    let rows = client.query(USED, &json!({"subnet": id, "after": -1})).await?;
    for row in &rows {
        if Some(row.address("IPAddress")?) <= last_free {
            return Err(row.unexpected("IPAddress"));
        }
    }
    Ok(rows.len())
}

/// Is the subnet of this id there?
pub(crate) async fn is_there(client: &Client, id: i64) -> Result<bool> {
    Ok(!client.query(SUBNET, &json!({"subnet": id})).await?.is_empty())
}

/// The addresses of rows, which must be in this part of the subnet: that they are counted from the network address is not
/// documented.
fn addresses(rows: &[Row], within: Prefix) -> Result<AddressSet> {
    let address = |row: &Row| {
        let address = row.address("IPAddress")?;
        if within.contains(address) { Ok(address) } else { Err(row.unexpected("IPAddress")) }
    };
    rows.iter().map(address).collect()
}

/// How far an IPv4 address is from the first one of the prefix.
fn offset(prefix: Prefix, address: IpAddr) -> i64 {
    match (prefix.network(), address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => i64::from(address.to_bits()) - i64::from(first.to_bits()),
        _ => 0,
    }
}
