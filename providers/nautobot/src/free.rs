//! Free addresses: page after page of `available-ips`, past what is held.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, FreeQuery, Result, Subnet, next_address};

use crate::client::Client;
use crate::vendor::WHAT;
use crate::wire::PAGE;

/// How many pages are asked for in one search.
const PAGES_AT_MOST: usize = 256;

/// The lowest free addresses of the prefix that the query allows.
///
/// The first page starts at the beginning and is large enough for what is held, so that it is nearly always the only
/// one. The next one starts behind what is held there. A page may be shorter than was asked for because of the site's
/// `MAX_PAGE_SIZE`, hence only an empty one is the end.
pub(crate) async fn free_addresses(client: &Client, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let mut found = BTreeSet::new();
    let (mut from, mut pages) = (None, 0);
    while found.len() < query.at_most {
        if pages == PAGES_AT_MOST {
            let no_end = || unexpected("The list of free addresses in Nautobot does not end");
            return if found.is_empty() { Err(no_end()) } else { Ok(found.into_iter().collect()) };
        }
        pages += 1;
        let held = query.held.count_within(from.unwrap_or(first), last);
        // One more, because the network address of an IPv6 prefix is among the answers.
        let limit = (query.at_most - found.len() + held + 1).min(PAGE);
        let page = page(client, subnet, limit, from).await?;
        let Some(highest) = page.last().copied() else { break };
        let offerable =
            page.into_iter().filter(|address| subnet.is_offerable(*address) && !query.held.contains(*address));
        found.extend(offerable);
        from = next_address(highest).and_then(|next| query.held.absent_within(next, last).next());
        if from.is_none() {
            break;
        }
    }
    Ok(found.into_iter().take(query.at_most).collect())
}

/// One page, in order, with what is not in the subnet left out.
async fn page(client: &Client, subnet: &Subnet, limit: usize, from: Option<IpAddr>) -> Result<BTreeSet<IpAddr>> {
    let mut page = BTreeSet::new();
    for row in client.available(subnet.id.as_str(), limit, from).await? {
        let address = row.host().ok_or_else(|| unexpected("Nautobot answers with a free address that is none"))?;
        if row.length() != Some(subnet.prefix.length()) || !subnet.prefix.contains(address) {
            return Err(subnet.gone(WHAT));
        }
        if from.is_some_and(|from| address < from) {
            return Err(unexpected("This version of Nautobot cannot list free addresses from a given one on"));
        }
        page.insert(address);
    }
    Ok(page)
}

fn unexpected(message: &str) -> Error {
    Error::new(ErrorKind::Unexpected, message)
}
