//! The records of a network, page by page.
//!
//! Infoblox's own pages go on at an id that is good for one question and ends after a time. So a page goes on at an address:
//! the used addresses from there on, and then the records of all of them in one search for each kind.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::{ListReservations, ListedReservation, ReservationPage, Result, Subnet, first_listed, next_address};

use crate::addresses::other_address;
use crate::provider::{Infoblox, Note};
use crate::record::Record;
use crate::vendor::{ADDRESSES, HOSTS, IPV6_ADDRESSES, IPV6_NETWORKS, NETWORKS, WHAT, address_like, fixed, of_family};
use crate::wire::{AddressRow, FixedRow, HostRow, NetworkRow};

/// So many addresses are looked for in one search, whose URL may not be too long.
const AT_MOST: usize = 100;

#[async_trait]
impl ListReservations for Infoblox {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let first = first_listed(subnet, from)?;
        let note: Note = subnet.note(WHAT)?;
        let (rows, has_more) = self.used(subnet, &note, first, at_most.min(AT_MOST)).await?;
        if rows.is_empty() {
            self.check_network(subnet, &note).await?;
        }
        let behind = rows.last().and_then(|row| next_address(row.ip_address));
        let mut taken = Vec::new();
        for row in rows {
            if !row.is_edge() && !row.is_only_in_range() && self.is_taken(&row)? {
                taken.push(row);
            }
        }
        let records = self.records_of(&note, &taken).await?;
        let mut page = ReservationPage::default();
        for row in &taken {
            let address = row.ip_address;
            let found = records.iter().find(|record| record.view() == note.view && record.has(address));
            let reservation = match found {
                Some(record) => record.reservation(&self.settings, address),
                None => self.recorded(&note, row).await?,
            };
            page.records.push(ListedReservation::new(address, reservation));
        }
        let next = behind.filter(|next| has_more && subnet.prefix.contains(*next));
        page.next = next.map(|next| next.to_string());
        Ok(page)
    }
}

impl Infoblox {
    /// The lowest used addresses from one on, and whether there are more.
    async fn used(
        &self,
        subnet: &Subnet,
        note: &Note,
        first: IpAddr,
        at_most: usize,
    ) -> Result<(Vec<AddressRow>, bool)> {
        let kind = of_family(first.is_ipv6(), [ADDRESSES, IPV6_ADDRESSES]);
        let (network, from) = (subnet.prefix.to_string(), first.to_string());
        let filters = [
            ("network", network.as_str()),
            ("network_view", note.view.as_str()),
            ("status", "USED"),
            ("ip_address>", from.as_str()),
        ];
        let found = self.client.first(kind, &filters, at_most).await;
        let (rows, has_more): (Vec<AddressRow>, bool) = found.map_err(|error| subnet.gone_as(WHAT, error))?;
        let mut lowest = Some(first);
        for row in &rows {
            let is_in = subnet.prefix.contains(row.ip_address) && row.network_view == note.view;
            if !is_in || lowest.is_none_or(|lowest| row.ip_address < lowest) {
                return Err(other_address());
            }
            lowest = next_address(row.ip_address);
        }
        Ok((rows, has_more))
    }

    /// The fixed addresses and host records of these addresses: of each address that which is told of it first.
    async fn records_of(&self, note: &Note, rows: &[AddressRow]) -> Result<Vec<Record>> {
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        let key = address_like(first.ip_address.is_ipv6());
        let pattern = |has: fn(&AddressRow) -> bool| {
            let addresses =
                rows.iter().filter(|row| has(row)).map(|row| row.ip_address.to_string().replace('.', "\\."));
            let addresses: Vec<String> = addresses.collect();
            (!addresses.is_empty()).then(|| format!("^({})$", addresses.join("|")))
        };
        let mut records = Vec::new();
        if let Some(pattern) = pattern(AddressRow::has_fixed) {
            let filters = [(key, pattern.as_str()), ("network_view", note.view.as_str())];
            let found: Vec<FixedRow> = self.client.list(fixed(first.ip_address), &filters).await?;
            records.extend(found.into_iter().map(Record::Fixed));
        }
        if let Some(pattern) = pattern(AddressRow::has_host) {
            let filters = [(key, pattern.as_str()), ("network_view", note.view.as_str())];
            let found: Vec<HostRow> = self.client.list(HOSTS, &filters).await?;
            records.extend(found.into_iter().map(Record::Host));
        }
        Ok(records)
    }

    /// Fails when the network is not there any more, or its view is another one.
    async fn check_network(&self, subnet: &Subnet, note: &Note) -> Result<()> {
        self.check_view(subnet, note).await?;
        let kind = of_family(subnet.prefix.is_ipv6(), [NETWORKS, IPV6_NETWORKS]);
        let network = subnet.prefix.to_string();
        let filters = [("network", network.as_str()), ("network_view", note.view.as_str())];
        let rows: Vec<NetworkRow> = self.client.list(kind, &filters).await?;
        if rows.iter().any(|row| row.network == network) { Ok(()) } else { Err(subnet.gone(WHAT)) }
    }
}
