//! The records of a subnet, page by page.

use async_trait::async_trait;
use ipam_provider::http::Page;
use ipam_provider::{ListReservations, ListedReservation, ReservationPage, Result, SortedPlace, Subnet, sorted_page};

use crate::provider::{Nautobot, Note};
use crate::record;
use crate::vendor::{ADDRESSES, WHAT};
use crate::wire::{self, AddressRow};

/// Each address names the smallest prefix around it as its parent, and a list is by address.
#[async_trait]
impl ListReservations for Nautobot {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let place = SortedPlace::read(subnet, from)?;
        let note: Note = subnet.note(WHAT)?;
        self.current(subnet, &note).await?;
        let filters = [("parent", subnet.id.as_str())];
        let filters = &filters;
        let fetch = |offset, limit| async move {
            let page: wire::Page<AddressRow> = self.client.page(ADDRESSES, filters, limit, offset).await?;
            Ok(Page { rows: page.results.0, count: Some(page.count), has_next: page.next.is_some() })
        };
        let page = sorted_page(WHAT, subnet, (place, at_most), fetch, AddressRow::host).await;
        let page = page.map_err(|error| subnet.gone_as(WHAT, error))?;
        let mut records = Vec::new();
        for (address, rows) in page.rows.into_iter().filter(|(address, _)| subnet.prefix.contains(*address)) {
            let reservation = rows.first().map(|row| record::reservation(&self.settings, row));
            records.extend(reservation.map(|reservation| ListedReservation::new(address, reservation)));
        }
        Ok(ReservationPage { records, next: page.next })
    }
}
