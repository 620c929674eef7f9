//! The records of a subnet, page by page.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::{Error, ErrorKind, Reservation, Result, Subnet, next_address};

/// An IPAM that tells which addresses of a subnet have a record.
/// [`Provider::list_reservations`](crate::Provider::list_reservations) hands it out.
#[async_trait]
pub trait ListReservations: fmt::Debug + Send + Sync {
    /// One page of the records of this subnet: never those of a subnet inside it, nor those of the same prefix elsewhere.
    ///
    /// The first page is asked for without `from`, each further one with the [`next`](ReservationPage::next) of the page
    /// before, until there is none. A record that stays while one pages is on exactly one page; one that comes or goes
    /// meanwhile may be on one or on none. The records come by address where the product can order them.
    ///
    /// A page has at most `at_most` records, which is at least 1. It may have fewer, or none, and yet not be the last one.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the subnet is gone: an empty list would be taken for an empty subnet.
    /// [`Rejected`](ErrorKind::Rejected) for a `from` that no page of this subnet [has given](bad_place).
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage>;
}

/// A page of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationPage {
    /// The records, each address once.
    pub records: Vec<ListedReservation>,
    /// Where the list goes on, opaque to all but the provider; `None` after the last page.
    pub next: Option<String>,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedReservation {
    /// The address.
    pub address: IpAddr,
    /// What [`Provider::reservation`](crate::Provider::reservation) answers of it.
    pub reservation: Reservation,
    /// Does the record carry the mark that only this proxy sets?
    pub is_ours: bool,
}

impl ListedReservation {
    /// The record of an address.
    pub fn new(address: IpAddr, reservation: Reservation) -> Self {
        let is_ours = reservation.ours;
        Self { address, reservation, is_ours }
    }
}

impl ReservationPage {
    /// A page of a list that goes by address: of the records that there are from the page's first address on, the lowest
    /// ones. `next` is the first address that is left over, so that what comes and goes moves no other record to another
    /// page.
    pub fn lowest(records: BTreeMap<IpAddr, Reservation>, at_most: usize) -> Self {
        let mut records = records.into_iter();
        let page = records.by_ref().take(at_most).map(|(address, record)| ListedReservation::new(address, record));
        let page = page.collect();
        Self { records: page, next: records.next().map(|(address, _)| address.to_string()) }
    }

    /// The same, of records of which there may be more behind these: the page then goes on behind the last of them.
    pub fn lowest_of_more(records: BTreeMap<IpAddr, Reservation>, at_most: usize, subnet: &Subnet) -> Self {
        let behind = records.last_key_value().and_then(|(last, _)| next_address(*last));
        let mut page = Self::lowest(records, at_most);
        page.next = page.next.or_else(|| Some(behind.filter(|next| subnet.prefix.contains(*next))?.to_string()));
        page
    }
}

/// The first address to look at, where the places of a list are addresses.
///
/// # Errors
/// [`bad_place`].
pub fn first_listed(subnet: &Subnet, from: Option<&str>) -> Result<IpAddr> {
    let Some(from) = from else { return Ok(subnet.prefix.network()) };
    let address = from.parse().ok().filter(|address| subnet.prefix.contains(*address));
    address.ok_or_else(|| bad_place(subnet))
}

/// A list of this subnet cannot go on there: no page of it has said so.
pub fn bad_place(subnet: &Subnet) -> Error {
    let text = format!(
        "The list of the addresses of subnet {subnet} does not go on at the given place; list it again from its beginning"
    );
    Error::new(ErrorKind::Rejected, text).without_request()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressSpace, RecordId};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn subnet(prefix: &str) -> Subnet {
        let prefix = prefix.parse().expect("a prefix");
        let space = AddressSpace::new("global");
        Subnet { id: RecordId::new(1), prefix, group: None, space, description: String::new(), pool: false }
    }

    fn records(addresses: &[&str]) -> BTreeMap<IpAddr, Reservation> {
        addresses.iter().map(|address| (ip(address), Reservation::default())).collect()
    }

    fn shown(page: ReservationPage) -> (Vec<String>, Option<String>) {
        (page.records.iter().map(|record| record.address.to_string()).collect(), page.next)
    }

    #[test]
    fn a_list_goes_on_at_an_address_of_the_subnet_only() {
        let subnet = subnet("192.0.2.0/28");
        assert_eq!(first_listed(&subnet, None).expect("the beginning"), ip("192.0.2.0"));
        assert_eq!(first_listed(&subnet, Some("192.0.2.15")).expect("an address"), ip("192.0.2.15"));
        for from in ["", "2", "192.0.2.16", "192.0.2.1/32", "2001:db8::1", "192.0.2.3'", "\u{0}"] {
            let error = first_listed(&subnet, Some(from)).expect_err(from);
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(from.is_empty() || from == "2" || !error.to_string().contains(from), "{error}");
        }
    }

    #[test]
    fn a_page_has_the_lowest_records_and_names_the_first_that_is_left_over() {
        let all = records(&["192.0.2.10", "192.0.2.9", "192.0.2.1"]);
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let page = |at_most| shown(ReservationPage::lowest(all.clone(), at_most));
        assert_eq!(page(2), (strings(&["192.0.2.1", "192.0.2.9"]), Some("192.0.2.10".to_owned())));
        assert_eq!(page(3), (strings(&["192.0.2.1", "192.0.2.9", "192.0.2.10"]), None));
        assert_eq!(shown(ReservationPage::lowest(BTreeMap::new(), 1)), (Vec::new(), None));
    }

    #[test]
    fn where_more_may_follow_a_page_goes_on_behind_its_last_record_if_the_subnet_does() {
        let subnet = subnet("192.0.2.0/28");
        let next = |addresses: &[&str], at_most| {
            shown(ReservationPage::lowest_of_more(records(addresses), at_most, &subnet)).1
        };
        assert_eq!(next(&["192.0.2.1", "192.0.2.4"], 1).as_deref(), Some("192.0.2.4"));
        assert_eq!(next(&["192.0.2.1", "192.0.2.4"], 2).as_deref(), Some("192.0.2.5"));
        assert_eq!(next(&["192.0.2.15"], 1), None);
    }
}
