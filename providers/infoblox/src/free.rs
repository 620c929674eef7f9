//! Free addresses: Infoblox finds them, past what is held.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, FreeQuery, Result, Subnet, addresses_between};

use crate::client::{Client, Found};
use crate::vendor::{IPV6_NETWORKS, IPV6_RANGES, Kind, NETWORKS, RANGES, WHAT, of_family};
use crate::wire::RangeRow;

/// No more addresses are asked for at once.
const NUM_AT_MOST: usize = 256;

/// So many may be asked for in every version, of a range at least; how many more is not documented.
const NUM_SURELY: usize = 20;

/// More held addresses of one subnet are not sent along.
const HELD_AT_MOST: usize = 20_000;

/// How many requests one search makes.
const REQUESTS_AT_MOST: usize = 256;

/// The lowest free addresses of the subnet that the query allows: of the network outside of its DHCP ranges, or of its
/// ranges.
pub(crate) async fn free_addresses(
    client: &Client,
    view: &str,
    from_ranges: bool,
    subnet: &Subnet,
    query: FreeQuery<'_>,
) -> Result<Vec<IpAddr>> {
    let mut search = Search::new(client, subnet, query)?;
    let is_ipv6 = subnet.prefix.is_ipv6();
    if !from_ranges {
        let kind = of_family(is_ipv6, [NETWORKS, IPV6_NETWORKS]);
        search.look_in(kind, subnet.id.as_str(), NUM_AT_MOST).await?;
        return Ok(search.found.into_iter().collect());
    }
    let kind = of_family(is_ipv6, [RANGES, IPV6_RANGES]);
    let network = subnet.prefix.to_string();
    let mut ranges: Vec<RangeRow> = client.list(kind, &[("network", &network), ("network_view", view)]).await?;
    if ranges.is_empty() {
        // The network may be gone, which only the network itself shows.
        let kind = of_family(is_ipv6, [NETWORKS, IPV6_NETWORKS]);
        search.ask(kind, subnet.id.as_str(), 1).await?;
    }
    ranges.sort_by_key(|range| range.start_addr);
    for range in ranges {
        let ends = range.start_addr.zip(range.end_addr);
        let size = ends.map_or(NUM_AT_MOST, |(first, last)| count(first, last));
        search.look_in(kind, &range._ref, size).await?;
    }
    Ok(search.found.into_iter().collect())
}

struct Search<'a> {
    client: &'a Client,
    subnet: &'a Subnet,
    at_most: usize,
    found: BTreeSet<IpAddr>,
    /// What is held, what was found, and what else must not come again.
    exclude: BTreeSet<IpAddr>,
    /// No more than this can be free.
    room: usize,
    requests: usize,
}

impl<'a> Search<'a> {
    fn new(client: &'a Client, subnet: &'a Subnet, query: FreeQuery<'_>) -> Result<Self> {
        let (first, last) = subnet.prefix.offerable(subnet.pool);
        if query.held.count_within(first, last) > HELD_AT_MOST {
            let text = format!(
                "Subnet {subnet} has more held addresses than Infoblox is told in one search; use another subnet"
            );
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        let held = query.held.runs_within(first, last).flat_map(|(first, last)| addresses_between(first, last));
        let mut exclude: BTreeSet<IpAddr> = held.collect();
        if subnet.prefix.is_ipv6() && first != subnet.prefix.network() {
            // The anycast address of the routers, which may be free for Infoblox.
            exclude.insert(subnet.prefix.network());
        }
        let room = count(first, last);
        Ok(Self { client, subnet, at_most: query.at_most, found: BTreeSet::new(), exclude, room, requests: 0 })
    }

    /// Adds what is free in a network or range of this size until there is enough. A call for more than are left fails as a whole, so
    /// that fewer are asked for until one fits.
    async fn look_in(&mut self, kind: Kind, reference: &str, size: usize) -> Result<()> {
        // So many are not left, as far as is known.
        let (mut too_many, mut at_once) = (usize::MAX, size);
        while self.found.len() < self.at_most && too_many > 1 {
            let wanted = (self.at_most - self.found.len()).min(at_once).min(self.room);
            let num = if wanted < too_many { wanted } else { too_many / 2 };
            if num == 0 {
                break;
            }
            if self.requests == REQUESTS_AT_MOST {
                return if self.found.is_empty() { Err(too_many_ranges(self.subnet)) } else { Ok(()) };
            }
            match self.ask(kind, reference, num).await? {
                Found::TooFew => too_many = num,
                Found::Malformed(_) if num > NUM_SURELY => at_once = NUM_SURELY,
                Found::Malformed(error) => return Err(error),
                Found::Free(addresses) => {
                    let is_fewer = addresses.len() < num;
                    too_many = too_many.saturating_sub(addresses.len());
                    self.take(addresses)?;
                    if is_fewer {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, kind: Kind, reference: &str, num: usize) -> Result<Found> {
        self.requests += 1;
        let exclude = self.exclude.iter().copied().collect();
        let found = self.client.next_available(kind, reference, num, exclude).await;
        found.map_err(|error| self.subnet.gone_as(WHAT, error))
    }

    fn take(&mut self, addresses: Vec<IpAddr>) -> Result<()> {
        for address in addresses {
            if !self.subnet.prefix.contains(address) {
                return Err(unexpected("Infoblox offers an address outside of the subnet"));
            }
            if !self.exclude.insert(address) {
                return Err(unexpected("Infoblox offers an address that it was told to leave out"));
            }
            if self.subnet.is_offerable(address) {
                self.found.insert(address);
            }
        }
        if self.room < NUM_AT_MOST {
            let (first, last) = self.subnet.prefix.offerable(self.subnet.pool);
            let all = addresses_between(first, last);
            self.room = all.filter(|address| !self.exclude.contains(address)).count();
        }
        Ok(())
    }
}

/// How many addresses there are, up to what is asked for at once.
fn count(first: IpAddr, last: IpAddr) -> usize {
    addresses_between(first, last).take(NUM_AT_MOST).count()
}

fn too_many_ranges(subnet: &Subnet) -> Error {
    let text = format!("Subnet {subnet} has too many full DHCP ranges for a search; use another subnet");
    Error::new(ErrorKind::Rejected, text)
}

fn unexpected(message: &str) -> Error {
    Error::new(ErrorKind::Unexpected, message)
}
