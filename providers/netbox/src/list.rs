//! The records of a subnet, page by page.

use async_trait::async_trait;
use ipam_provider::{
    ListReservations, ListedReservation, Prefix, ReservationPage, Result, SortedPlace, Subnet, sorted_page,
};

use crate::netbox::{Note, vrf_filter};
use crate::vendor::WHAT;
use crate::{Netbox, wire};

impl Netbox {
    /// The prefixes inside of the subnet, whose addresses are not its own: NetBox finds them in both.
    ///
    /// # Errors
    /// [`NotFound`](ipam_provider::ErrorKind::NotFound) when the subnet itself is not among what is found.
    async fn nested(&self, subnet: &Subnet, vrf: &str) -> Result<Vec<Prefix>> {
        let whole = subnet.prefix.to_string();
        let rows = self.prefixes(&[("within_include", &whole), ("vrf_id", vrf)]).await;
        let rows = rows.map_err(|error| subnet.gone_as(WHAT, error))?;
        let is_itself = |row: &wire::Prefix| {
            let is_same = row.id.to_string() == subnet.id.as_str() && row.cidr() == Some(subnet.prefix);
            is_same && self.settings.group_by.group_of(row).is_ok_and(|group| group == subnet.group)
        };
        if !rows.iter().any(is_itself) {
            return Err(subnet.gone(WHAT));
        }
        let is_nested = |prefix: &Prefix| *prefix != subnet.prefix && subnet.prefix.contains_prefix(prefix);
        Ok(rows.iter().filter_map(wire::Prefix::cidr).filter(is_nested).collect())
    }
}

#[async_trait]
impl ListReservations for Netbox {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let place = SortedPlace::read(subnet, from)?;
        let vrf = subnet.note::<Note>(WHAT)?.vrf;
        let vrf_text = vrf_filter(vrf);
        let nested = self.nested(subnet, &vrf_text).await?;
        let (network, whole) = (subnet.prefix.network(), subnet.prefix.to_string());
        let single = network.to_string();
        // Versions differ in whether an address is within itself.
        let within =
            if network == subnet.prefix.last() { ("address", single.as_str()) } else { ("parent", whole.as_str()) };
        let query = [("fields", wire::Address::FIELDS), within, ("vrf_id", vrf_text.as_str())];
        let fetch = |offset, limit| self.client.page_of_addresses(&query, limit, offset);
        let page = sorted_page(WHAT, subnet, (place, at_most), fetch, wire::Address::ip).await;
        let page = page.map_err(|error| subnet.gone_as(WHAT, error))?;
        let mut records = Vec::new();
        for (address, mut rows) in page.rows {
            rows.retain(|row| row.vrf.as_ref().map(|vrf| vrf.id) == vrf);
            rows.sort_by_key(|row| row.id);
            let is_own = subnet.prefix.contains(address) && !nested.iter().any(|prefix| prefix.contains(address));
            let reservation = self.settings.records.reservation(&rows).filter(|_| is_own);
            records.extend(reservation.map(|reservation| ListedReservation::new(address, reservation)));
        }
        Ok(ReservationPage { records, next: page.next })
    }
}
