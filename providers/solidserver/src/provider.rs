//! SOLIDserver as a provider: spaces are groups, terminal networks are subnets, IP addresses are reservations.
//!
//! A subnet is a network by its id, with a [`Note`] of its space, so that nothing about its addresses needs another look at
//! the network.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName,
    ListReservations, ListedReservation, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released,
    Requester, Reservation, ReservationPage, Result, Subnet, Surroundings, first_listed, next_address,
};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::condition::Condition;
use crate::vendor::{Family, NAME, SPACES, WHAT};
use crate::wire::{AddressRow, NetworkRow, Row, SpaceRow, address_of, digits, size_of};
use crate::{Settings, free, probe, record};

/// One SOLIDserver.
#[derive(Debug)]
pub struct Solidserver {
    client: Client,
    settings: Settings,
}

impl Solidserver {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self { client: Client::new(&settings)?, settings })
    }

    /// Is this the space of the settings, or may it be any?
    fn serves(&self, space: &str) -> bool {
        self.settings.space.as_ref().is_none_or(|only| only.as_str() == space)
    }

    /// The spaces that the condition leaves and that are served, by name.
    async fn spaces(&self, condition: &Condition) -> Result<Vec<Group>> {
        let rows = self.client.list(SPACES, condition, "site_id").await?;
        let rows: Result<Vec<SpaceRow>> = rows.iter().map(SpaceRow::read).collect();
        let served = rows?.into_iter().filter(|row| !row.is_template && self.serves(&row.name));
        let mut groups: Vec<Group> = served.filter_map(group).collect();
        groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        // Another writer may add a space between two pages and so move one onto the next page.
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    /// The terminal networks of the served spaces that the condition leaves.
    async fn networks(&self, family: &Family, condition: Condition) -> Result<Vec<Subnet>> {
        let condition = condition.is("is_terminal", "1");
        let rows = self.client.list(family.networks, &condition, family.network_id).await?;
        let rows: Result<Vec<NetworkRow>> = rows.iter().map(|row| NetworkRow::read(row, family)).collect();
        let served = rows?.into_iter().filter(|row| row.is_terminal && self.serves(&row.space_name));
        let mut subnets: Vec<Subnet> = served.filter_map(subnet).collect();
        subnets.sort_by(|a, b| (a.prefix, &a.group, &a.id).cmp(&(b.prefix, &b.group, &b.id)));
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    /// Is the network still there, still this prefix, in this space, and terminal?
    async fn is_there(&self, subnet: &Subnet, note: &Note) -> Result<bool> {
        let family = Family::of(subnet.prefix.is_ipv6());
        let condition = Condition::default().is(family.network_id, subnet.id.as_str());
        let found = self.networks(family, condition).await?;
        Ok(found
            .iter()
            .any(|found| found.id == subnet.id && found.prefix == subnet.prefix && found.space.as_str() == note.space))
    }

    /// The records of an address that the condition leaves.
    async fn addresses(&self, address: IpAddr, condition: Condition) -> Result<Vec<AddressRow>> {
        let family = Family::of(address.is_ipv6());
        let condition = condition.is(family.address_digits, &digits(address));
        let rows = self.client.list(family.addresses, &condition, family.address_id).await?;
        let read = |row: &Row| AddressRow::read(row, family).transpose();
        let rows: Vec<AddressRow> = rows.iter().filter_map(read).collect::<Result<_>>()?;
        if rows.iter().any(|row| row.address != address) {
            return Err(other_record());
        }
        Ok(rows)
    }

    /// The record of the address in the space of a subnet. A space has each address once.
    async fn record(&self, note: &Note, address: IpAddr) -> Result<Option<AddressRow>> {
        let mut rows = self.addresses(address, Condition::default().is("site_id", &note.space)).await?;
        if rows.iter().any(|row| row.space_id != note.space) {
            return Err(other_record());
        }
        Ok(rows.pop())
    }
}

fn other_record() -> Error {
    let text = format!("{WHAT} answers with another address than it was asked for");
    Error::new(ErrorKind::Unexpected, text)
}

/// What a look-up notes of a network besides what everybody sees.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The id of its space.
    space: String,
}

fn group(row: SpaceRow) -> Option<Group> {
    Some(Group { id: RecordId::new(row.id), name: GroupName::new(row.name)?, description: row.description })
}

/// `None` for a network that is no prefix, and for one in a space without a name: neither can be asked for.
fn subnet(row: NetworkRow) -> Option<Subnet> {
    let (prefix, group) = (row.prefix?, GroupName::new(row.space_name)?);
    let space = AddressSpace::new(&row.space_id);
    let id = RecordId::with_note(row.id, &Note { space: row.space_id });
    Some(Subnet { id, prefix, group: Some(group), space, description: row.name, pool: false })
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Solidserver::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Solidserver {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.client, &self.settings).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.spaces(&Condition::default()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let found = self.spaces(&Condition::default().is("site_name", name.as_str())).await?;
        Ok(found.into_iter().find(|group| group.name == *name))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no network outside of spaces.
        let Some(group) = group else { return Ok(Vec::new()) };
        let Some(space) = self.group(group).await? else { return Ok(Vec::new()) };
        let mut subnets = Vec::new();
        for family in Family::ALL {
            subnets.extend(self.networks(family, Condition::default().is("site_id", space.id.as_str())).await?);
        }
        subnets.retain(|subnet| subnet.group.as_ref() == Some(group));
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let family = Family::of(prefix.is_ipv6());
        let mut condition = Condition::default()
            .is(family.network_start, &digits(prefix.network()))
            .is(family.network_size, &size_of(prefix));
        if let Some(name) = group.or(self.settings.space.as_ref()) {
            condition = condition.is("site_name", name.as_str());
        }
        let mut subnets = self.networks(family, condition).await?;
        subnets.retain(|subnet| subnet.prefix == prefix && (group.is_none() || subnet.group.as_ref() == group));
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let record = self.record(&subnet.note(WHAT)?, address).await?;
        Ok(record.map(|record| record::reservation(&self.settings, &record)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        // In spaces that are not served too: the one of the settings may have been renamed.
        let mut rows = self.addresses(address, Condition::default()).await?;
        rows.retain(|row| record::is_ours(&self.settings, row));
        Ok(rows.into_iter().map(|row| OwnRecord { place: format!("space {}", row.space_name) }).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let note: Note = subnet.note(WHAT)?;
        let found = free::free_addresses(&self.client, subnet, &note.space, query).await;
        // What is said of a network that is gone is not known: nothing, or a refusal.
        let says_nothing = match &found {
            Ok(found) => found.is_empty(),
            Err(error) => error.kind() == ErrorKind::Rejected,
        };
        if says_nothing && !self.is_there(subnet, &note).await? {
            return Err(subnet.gone(WHAT));
        }
        found
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.prefix.contains(address) {
            return Err(subnet.not_offerable(address));
        }
        let note: Note = subnet.note(WHAT)?;
        let new = record::new(&self.settings, &note.space, subnet, address, by);
        match self.client.add(Family::of(address.is_ipv6()), &new).await {
            // The number of the refusal is not known: whether the address is taken is looked up.
            Err(refused) if refused.kind() == ErrorKind::Rejected => {
                if self.record(&note, address).await?.is_some() {
                    Err(subnet.taken(address).because(refused))
                } else if self.is_there(subnet, &note).await? {
                    Err(refused)
                } else {
                    Err(subnet.gone(WHAT).because(refused))
                }
            }
            outcome => outcome,
        }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let note: Note = subnet.note(WHAT)?;
        let Some(record) = self.record(&note, address).await? else { return Ok(Released::WasAbsent) };
        if self.settings.delete_only_own && !record::is_ours(&self.settings, &record) {
            return Err(subnet.not_ours(WHAT, address));
        }
        match self.client.delete(Family::of(address.is_ipv6()), &record.id).await {
            Ok(()) => Ok(Released::Removed(record::reservation(&self.settings, &record))),
            // Another caller may have been quicker.
            Err(refused) if refused.kind() == ErrorKind::Rejected => {
                let left = self.record(&note, address).await?;
                if left.is_some_and(|left| left.id == record.id) { Err(refused) } else { Ok(Released::WasAbsent) }
            }
            Err(error) => Err(error),
        }
    }

    fn manage_subnets(&self) -> Option<&dyn ipam_provider::ManageSubnets> {
        None
    }

    fn annotate(&self) -> Option<&dyn Annotate> {
        Some(self)
    }

    fn list_reservations(&self) -> Option<&dyn ListReservations> {
        Some(self)
    }
}

#[async_trait]
impl ListReservations for Solidserver {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let first = first_listed(subnet, from)?;
        let note: Note = subnet.note(WHAT)?;
        let family = Family::of(first.is_ipv6());
        let condition = Condition::default()
            .is(family.network_id, subnet.id.as_str())
            .is("type", "ip")
            .from(family.address_digits, &digits(first));
        let (rows, has_more) = self.client.first(family.addresses, &condition, family.address_digits, at_most).await?;
        if rows.is_empty() && !self.is_there(subnet, &note).await? {
            return Err(subnet.gone(WHAT));
        }
        let mut page = ReservationPage::default();
        let mut lowest = Some(first);
        for row in &rows {
            let address = address_of(row, family)?;
            if !subnet.prefix.contains(address) || row.get("site_id").is_some_and(|id| id != note.space) {
                // It has become another network, or is in another space.
                return Err(subnet.gone(WHAT));
            }
            if lowest.is_none_or(|lowest| address < lowest) {
                return Err(row.unexpected("an address out of order"));
            }
            lowest = next_address(address);
            if let Some(row) = AddressRow::read(row, family)? {
                page.records.push(ListedReservation::new(address, record::reservation(&self.settings, &row)));
            }
        }
        let next = lowest.filter(|next| has_more && subnet.prefix.contains(*next));
        page.next = next.map(|next| next.to_string());
        Ok(page)
    }
}

#[async_trait]
impl Annotate for Solidserver {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let place: Note = subnet.note(WHAT)?;
        let Some(record) = self.record(&place, address).await? else { return Ok(Annotated::Absent) };
        if !record::is_ours(&self.settings, &record) {
            return Ok(Annotated::NotOurs);
        }
        let changes = record::changes(&self.settings, &record, note, (subnet, address));
        if changes.is_empty() {
            return Ok(Annotated::AsItWas);
        }
        match self.client.edit(Family::of(address.is_ipv6()), &record.id, &changes).await {
            Ok(()) => Ok(Annotated::Changed),
            // The number of the refusal is not known: whether the address is still there is looked up.
            Err(refused) if refused.kind() == ErrorKind::Rejected => {
                let left = self.record(&place, address).await?;
                if left.is_some_and(|left| left.id == record.id) { Err(refused) } else { Ok(Annotated::Absent) }
            }
            Err(error) => Err(error),
        }
    }
}
