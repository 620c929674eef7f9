//! Free addresses: as many as are held are asked for besides, because SOLIDserver takes no list of what to leave out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, FreeQuery, Result, Subnet, next_address};

use crate::client::Client;
use crate::vendor::{Family, WHAT};
use crate::wire::{PAGE, SMALLEST_PAGE, address_of};

/// How many answers are asked for in one search.
const ANSWERS_AT_MOST: usize = 256;

/// The lowest free addresses of the network that the query allows; none where SOLIDserver finds none.
///
/// The first answer is large enough for what is held, so that it is nearly always the only one. The next one starts
/// after the run of held addresses that follows the highest one.
pub(crate) async fn free_addresses(
    client: &Client,
    subnet: &Subnet,
    space: &str,
    query: FreeQuery<'_>,
) -> Result<Vec<IpAddr>> {
    let (first, last) = subnet.prefix.offerable(subnet.pool);
    let mut found = BTreeSet::new();
    let mut from = None;
    let mut answers = 0;
    loop {
        if answers == ANSWERS_AT_MOST {
            if found.is_empty() {
                return Err(too_many_held(subnet));
            }
            break;
        }
        answers += 1;
        let held = query.held.count_within(from.unwrap_or(first), last);
        // Two more, because network and broadcast address may be among the answers.
        let at_most = (query.at_most - found.len() + held + 2).min(PAGE);
        let answer = answer(client, subnet, space, at_most, from).await?;
        if from.is_some_and(|from| answer.first().is_some_and(|lowest| *lowest < from)) {
            // Whether every version takes a first address to look from is not known. What was found is right.
            if found.is_empty() {
                let text = format!("This version of {WHAT} cannot list free addresses from a given one on");
                return Err(Error::new(ErrorKind::Unexpected, text));
            }
            break;
        }
        let highest = answer.last().copied();
        let is_last = answer.len() < at_most.min(SMALLEST_PAGE);
        let offerable = |address: &IpAddr| subnet.is_offerable(*address) && !query.held.contains(*address);
        found.extend(answer.into_iter().filter(offerable));
        let next = highest.and_then(next_address);
        from = next.and_then(|next| query.held.absent_within(next, last).next());
        if found.len() >= query.at_most || from.is_none() || is_last {
            break;
        }
    }
    Ok(found.into_iter().take(query.at_most).collect())
}

fn too_many_held(subnet: &Subnet) -> Error {
    let text = format!("Subnet {subnet} has too many held addresses for a search in {WHAT}; use another subnet");
    Error::new(ErrorKind::Rejected, text)
}

/// One answer, in order.
async fn answer(
    client: &Client,
    subnet: &Subnet,
    space: &str,
    at_most: usize,
    from: Option<IpAddr>,
) -> Result<BTreeSet<IpAddr>> {
    let family = Family::of(subnet.prefix.is_ipv6());
    let mut answer = BTreeSet::new();
    for row in client.find_free(family, subnet.id.as_str(), at_most, from).await? {
        let address = address_of(&row, family)?;
        // The network may have become another one, or be in another space now.
        if !subnet.prefix.contains(address) || row.get("site_id").is_some_and(|id| id != space) {
            return Err(subnet.gone(WHAT));
        }
        answer.insert(address);
    }
    Ok(answer)
}
