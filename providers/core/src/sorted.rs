//! Lists of records that an IPAM sorts by address and pages by a count of rows.
//!
//! A count shifts when rows come or go. So a page goes on at an address, and the count beside it only says where to look for
//! that: one row more is read than needed, which lies before the address and shows that none is left out. Where it does not,
//! the place is searched for.

use std::net::IpAddr;

use crate::http::{Page, changed_meanwhile};
use crate::{Error, ErrorKind, Result, Subnet, bad_place, first_listed, next_address};

/// No more rows are asked for in one request.
const ROWS_AT_MOST: usize = 1000;

/// How many requests a page may cost: a search halves what is left of a list with each.
const REQUESTS_AT_MOST: usize = 40;

/// Where a page of such a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortedPlace {
    address: IpAddr,
    /// How many rows were before it.
    rows_before: u32,
}

impl SortedPlace {
    /// Reads the text that a page has given; the beginning without one.
    ///
    /// # Errors
    /// [`bad_place`].
    pub fn read(subnet: &Subnet, from: Option<&str>) -> Result<Self> {
        let Some(from) = from else { return Ok(Self { address: subnet.prefix.network(), rows_before: 0 }) };
        let (address, rows) = from.split_once('@').ok_or_else(|| bad_place(subnet))?;
        let rows_before = rows.parse().map_err(|_| bad_place(subnet))?;
        Ok(Self { address: first_listed(subnet, Some(address))?, rows_before })
    }
}

/// A page of a sorted list.
#[derive(Debug)]
pub struct SortedPage<T> {
    /// The rows by address; of an address all that there are.
    pub rows: Vec<(IpAddr, Vec<T>)>,
    /// Where the list goes on; `None` after the last page.
    pub next: Option<String>,
}

/// The page of at most `at_most` addresses that begins at `place`. `fetch` reads so many rows after so many others, or fewer;
/// `what` is the product's name for people.
///
/// # Errors
/// What `fetch` fails with. [`Unavailable`](ErrorKind::Unavailable) when the list changes faster than it can be read, and
/// [`Unexpected`](ErrorKind::Unexpected) for rows that are not sorted.
pub async fn sorted_page<T, F>(
    what: &str,
    subnet: &Subnet,
    (place, at_most): (SortedPlace, usize),
    fetch: impl Fn(usize, usize) -> F,
    address: impl Fn(&T) -> Option<IpAddr>,
) -> Result<SortedPage<T>>
where
    F: Future<Output = Result<Page<T>>>,
{
    let first = place.address;
    // One row before the place, and one behind the page.
    let mut limit = at_most.min(ROWS_AT_MOST - 2) + 2;
    let mut offset = usize::try_from(place.rows_before).unwrap_or(usize::MAX).saturating_sub(1);
    // The row at `low` lies before the place, the one at `high` does not.
    let (mut low, mut high, mut step) = (None, None, limit);
    for _ in 0..REQUESTS_AT_MOST {
        let page = fetch(offset, limit).await?;
        let rows = addressed(what, page.rows, &address)?;
        let below = rows.iter().take_while(|(address, _)| *address < first).count();
        if below == 0 && offset > 0 {
            high = Some(offset);
            offset = low.map_or(offset.saturating_sub(step), |low| usize::midpoint(low, offset));
            (limit, step) = (ROWS_AT_MOST, step.saturating_mul(8));
            continue;
        }
        if below == rows.len() && below > 0 && page.has_next {
            let last = offset + (below - 1).max(1);
            low = Some(last);
            offset = high.map_or(last.saturating_add(step), |high| usize::midpoint(last, high));
            (limit, step) = (ROWS_AT_MOST, step.saturating_mul(8));
            continue;
        }
        let mut groups = by_address(rows.into_iter().skip(below));
        let mut behind = None;
        if page.has_next {
            // Of the last address there may be more rows behind the page.
            if groups.len() > 1 {
                behind = groups.pop().map(|(address, _)| address);
            } else if limit < ROWS_AT_MOST || below > 1 {
                // One row before the place is enough, and leaves the most room for the rows of the address.
                offset += below.saturating_sub(1);
                limit = ROWS_AT_MOST;
                continue;
            } else {
                let next = groups.last().and_then(|(address, _)| next_address(*address));
                behind = next.filter(|next| subnet.prefix.contains(*next));
            }
        }
        let left_over = groups.split_off(at_most.min(groups.len()));
        let next = left_over.first().map(|(address, _)| *address).or(behind);
        let count = offset + below + groups.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        return Ok(SortedPage { rows: groups, next: next.map(|next| format!("{next}@{count}")) });
    }
    Err(changed_meanwhile(what))
}

/// The rows with their addresses, in the order that they have to be in.
fn addressed<T>(what: &str, rows: Vec<T>, address: impl Fn(&T) -> Option<IpAddr>) -> Result<Vec<(IpAddr, T)>> {
    let unexpected = |text: String| Error::new(ErrorKind::Unexpected, text);
    let rows = rows.into_iter().map(|row| Some((address(&row)?, row))).collect::<Option<Vec<_>>>();
    let rows = rows.ok_or_else(|| unexpected(format!("{what} lists an address that is none")))?;
    match rows.is_sorted_by_key(|(address, _)| *address) {
        true => Ok(rows),
        false => Err(unexpected(format!(
            "{what} lists addresses in an order that is not theirs, so that some may be missing"
        ))),
    }
}

fn by_address<T>(rows: impl Iterator<Item = (IpAddr, T)>) -> Vec<(IpAddr, Vec<T>)> {
    let mut groups: Vec<(IpAddr, Vec<T>)> = Vec::new();
    for (address, row) in rows {
        match groups.last_mut() {
            Some((last, rows)) if *last == address => rows.push(row),
            _ => groups.push((address, vec![row])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::{AddressSpace, RecordId};

    fn subnet() -> Subnet {
        let prefix = "10.0.0.0/8".parse().expect("a prefix");
        let space = AddressSpace::new("global");
        Subnet { id: RecordId::new(1), prefix, group: None, space, description: String::new(), pool: false }
    }

    fn host(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    /// One page of a list of these hosts from a server that gives so many rows at most; and what it costs.
    async fn page(
        hosts: &[u32],
        from: Option<&str>,
        at_most: usize,
        server: usize,
    ) -> (Result<SortedPage<u32>>, usize) {
        let asked = AtomicUsize::new(0);
        let fetch = |offset: usize, limit: usize| {
            asked.fetch_add(1, Ordering::Relaxed);
            let limit = limit.min(server);
            let rows: Vec<u32> = hosts.iter().skip(offset).take(limit).copied().collect();
            let has_next = offset.saturating_add(limit) < hosts.len();
            async move { Ok(Page { rows, count: Some(hosts.len() as u64), has_next }) }
        };
        let subnet = subnet();
        let place = SortedPlace::read(&subnet, from).expect("a place");
        let page = sorted_page("An IPAM", &subnet, (place, at_most), fetch, |number| Some(host(*number))).await;
        (page, asked.load(Ordering::Relaxed))
    }

    proptest! {
        /// Whatever comes and goes between the pages, what stays is listed once, with all its rows.
        #[test]
        fn what_stays_is_listed_once(
            start in prop::collection::vec(0..300_u32, 0..60),
            changes in prop::collection::vec((0..300_u32, any::<bool>()), 0..60),
            at_most in 1..9_usize,
            server in 3..40_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let mut hosts = start;
            hosts.sort_unstable();
            let mut stay: BTreeMap<u32, usize> = BTreeMap::new();
            for host in &hosts {
                *stay.entry(*host).or_default() += 1;
            }
            let (mut listed, mut from) = (BTreeMap::<IpAddr, Vec<usize>>::new(), None::<String>);
            let mut changes = changes.chunks(5);
            loop {
                let (page, asked) = runtime.block_on(page(&hosts, from.as_deref(), at_most, server));
                let page = page.expect("a page");
                prop_assert!(asked <= REQUESTS_AT_MOST && page.rows.len() <= at_most);
                for (address, rows) in page.rows {
                    listed.entry(address).or_default().push(rows.len());
                }
                if page.next.is_none() {
                    break;
                }
                from = page.next;
                for (host, is_coming) in changes.next().unwrap_or_default() {
                    stay.remove(host);
                    match is_coming {
                        true => hosts.push(*host),
                        false => hosts.retain(|known| known != host),
                    }
                }
                hosts.sort_unstable();
            }
            for (number, rows) in stay {
                // A server that gives less than all rows of an address may have some of them lost.
                if rows + 2 <= server {
                    prop_assert_eq!(listed.get(&host(number)), Some(&vec![rows]), "{}", number);
                }
            }
            prop_assert!(listed.values().all(|times| times.len() == 1));
        }
    }

    #[tokio::test]
    async fn a_page_costs_one_request_wherever_it_is() {
        let hosts: Vec<u32> = (0..100_000).collect();
        let mut from = None;
        for number in 0..1_000 {
            let (page, asked) = page(&hosts, from.as_deref(), 100, 1_000).await;
            let page = page.expect("a page");
            assert_eq!((page.rows.len(), asked), (100, 1), "page {number}");
            from = page.next;
        }
        assert_eq!(from, None);
    }

    #[tokio::test]
    async fn a_place_is_found_however_many_rows_came_or_went() {
        let some: Vec<u32> = (50_000..50_010).collect();
        let many: Vec<u32> = (0..50_010).collect();
        for (hosts, from) in [(&some, "10.0.195.85@50005"), (&many, "10.0.195.85@5"), (&many, "10.0.195.85@4294967295")]
        {
            let (page, asked) = page(hosts, Some(from), 3, 1_000).await;
            let rows: Vec<IpAddr> = page.expect("a page").rows.iter().map(|(address, _)| *address).collect();
            assert_eq!(rows, [host(50_005), host(50_006), host(50_007)], "{from}");
            assert!(asked <= REQUESTS_AT_MOST, "{from}: {asked}");
        }
        let (beyond, _) = page(&some, Some("10.1.0.0@7"), 3, 1_000).await;
        let beyond = beyond.expect("a page");
        assert_eq!((beyond.rows.len(), beyond.next), (0, None));
    }

    #[tokio::test]
    async fn rows_before_a_place_do_not_cut_off_rows_of_its_address() {
        let (page, asked) = page(&[0, 1, 2, 5, 5, 6], Some("10.0.0.5@1"), 2, 4).await;
        let rows: Vec<usize> = page.expect("a page").rows.iter().map(|(_, rows)| rows.len()).collect();
        assert_eq!((rows, asked), (vec![2, 1], 2));
    }

    #[tokio::test]
    async fn rows_in_another_order_are_not_believed() {
        let (page, _) = page(&[1, 10, 2], None, 5, 100).await;
        assert_eq!(page.expect_err("no order").kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn only_an_address_of_the_subnet_and_a_count_is_a_place() {
        for from in ["", "@", "10.0.0.1", "10.0.0.1@", "10.0.0.1@-1", "10.0.0.1@4294967296", "11.0.0.1@5", "x@5", "5"] {
            let error = SortedPlace::read(&subnet(), Some(from)).expect_err(from);
            assert_eq!(error.kind(), ErrorKind::Rejected);
        }
    }
}
