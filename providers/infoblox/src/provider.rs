//! Infoblox as a provider: network views are groups, networks are subnets, fixed addresses, reservations and host records
//! are reservations.
//!
//! A subnet is a network by its reference, with a [`Note`] of its network view, so that nothing about its addresses needs
//! another look at the network.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName,
    ListReservations, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester, Reservation,
    Result, Subnet, Surroundings,
};
use serde::{Deserialize, Serialize};

use crate::client::{Client, Created};
use crate::record::New;
use crate::restart::Restarts;
use crate::settings::RecordType;
use crate::vendor::{IPV6_NETWORKS, NAME, NETWORKS, VIEWS, WHAT, of_family};
use crate::wire::{NetworkRow, ViewRow};
use crate::{Settings, free, probe};

/// One grid.
#[derive(Debug)]
pub struct Infoblox {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    restarts: Restarts,
}

/// What a look-up notes of a network besides what everybody sees.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The name of its network view.
    pub(crate) view: String,
}

impl Infoblox {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self { client: Client::new(&settings)?, restarts: Restarts::new(settings.restart), settings })
    }

    /// The network views that are served: all of them, or the one of this name.
    async fn views(&self, name: Option<&GroupName>) -> Result<Vec<ViewRow>> {
        let only = self.settings.network_view.as_ref();
        if name.is_some() && only.is_some() && name != only {
            return Ok(Vec::new());
        }
        let Some(name) = name.or(only) else { return self.client.list(VIEWS, &[]).await };
        let mut rows: Vec<ViewRow> = self.client.list(VIEWS, &[("name", name.as_str())]).await?;
        // Whatever Infoblox makes of the name.
        rows.retain(|row| row.name == name.as_str());
        Ok(rows)
    }

    /// The networks of these views that the filters leave.
    async fn networks(&self, views: &[ViewRow], is_ipv6: bool, filters: &[(&str, &str)]) -> Result<Vec<Subnet>> {
        let rows: Vec<NetworkRow> = self.client.list(of_family(is_ipv6, [NETWORKS, IPV6_NETWORKS]), filters).await?;
        let mut subnets = Vec::new();
        for row in rows {
            if let Some(view) = views.iter().find(|view| view.name == row.network_view) {
                subnets.push(subnet(row, view)?);
            }
        }
        Ok(subnets)
    }
}

fn group(row: ViewRow) -> Option<Group> {
    let id = RecordId::new(row.identity());
    Some(Group { id, name: GroupName::new(row.name)?, description: row.comment.unwrap_or_default() })
}

fn subnet(row: NetworkRow, view: &ViewRow) -> Result<Subnet> {
    let prefix: Option<Prefix> = row.network.parse().ok();
    let prefix = prefix
        .ok_or_else(|| Error::new(ErrorKind::Unexpected, "Infoblox answers with a network that cannot be read"))?;
    let note = Note { view: row.network_view.clone() };
    Ok(Subnet {
        id: RecordId::with_note(row._ref, &note),
        prefix,
        group: GroupName::new(row.network_view),
        space: AddressSpace::new(view.identity()),
        description: row.comment.unwrap_or_default(),
        pool: false,
    })
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Infoblox::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Infoblox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let records_mac = self.settings.record_type != RecordType::Reservation;
        Capabilities { groups: true, ipv6: true, records_mac, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.client, &self.settings).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = self.views(None).await?.into_iter().filter_map(group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        Ok(self.views(Some(name)).await?.into_iter().next().and_then(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no network outside of network views.
        let Some(group) = group else { return Ok(Vec::new()) };
        let views = self.views(Some(group)).await?;
        if views.is_empty() {
            return Ok(Vec::new());
        }
        let filters = [("network_view", group.as_str())];
        let mut subnets = self.networks(&views, false, &filters).await?;
        subnets.extend(self.networks(&views, true, &filters).await?);
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let views = self.views(group).await?;
        if views.is_empty() {
            return Ok(Vec::new());
        }
        let text = prefix.to_string();
        let mut filters = vec![("network", text.as_str())];
        filters.extend(group.or(self.settings.network_view.as_ref()).map(|view| ("network_view", view.as_str())));
        let mut subnets = self.networks(&views, prefix.is_ipv6(), &filters).await?;
        subnets.retain(|subnet| subnet.prefix == prefix);
        subnets.sort_by(|a, b| (&a.group, &a.id).cmp(&(&b.group, &b.id)));
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let note: Note = subnet.note(WHAT)?;
        let Some(row) = self.address(&note, address).await? else {
            self.check_view(subnet, &note).await?;
            return Ok(None);
        };
        if !self.is_taken(&row)? {
            return Ok(None);
        }
        Ok(Some(self.recorded(&note, &row).await?))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let mut records = self.fixed(None, address).await?;
        records.extend(self.hosts(None, address).await?);
        records.retain(|record| record.is_ours(&self.settings));
        Ok(records.iter().map(|record| OwnRecord { place: format!("network view {}", record.view()) }).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let note: Note = subnet.note(WHAT)?;
        let from_ranges = self.settings.allocate_from_ranges;
        let free = free::free_addresses(&self.client, &note.view, from_ranges, subnet, query).await;
        free.map_err(|error| subnet.gone_as(WHAT, error))
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.is_offerable(address) {
            return Err(subnet.not_offerable(address));
        }
        let note: Note = subnet.note(WHAT)?;
        let full = New::full(&self.settings, &note.view, subnet, address, by);
        let mut created = self.create(subnet, address, &full).await?;
        if let Created::Refused(error) = created {
            if self.has_record(subnet, &note, address).await? {
                return Err(subnet.taken(address).because(error));
            }
            created = match by.mac.is_some() || by.hostname.is_some() {
                true => self.create_otherwise(subnet, &note, address, &full, by, &error).await?,
                false => Created::Refused(error),
            };
        }
        match created {
            Created::Done => {
                self.restarts.plan(&self.client);
                Ok(())
            }
            Created::Refused(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(subnet.taken(address).because(error))
            }
            Created::Refused(error) => Err(error),
        }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let note: Note = subnet.note(WHAT)?;
        let records = self.records(&note, address).await.map_err(|error| subnet.gone_as(WHAT, error))?;
        if records.is_empty() {
            self.check_view(subnet, &note).await?;
            return Ok(Released::WasAbsent);
        }
        if self.settings.delete_only_own && !records.iter().all(|record| record.is_ours(&self.settings)) {
            return Err(subnet.not_ours(WHAT, address));
        }
        let mut removed = Released::WasAbsent;
        for record in &records {
            if self.remove(record, address).await? {
                removed = Released::Removed(record.reservation(&self.settings, address));
            }
        }
        if removed.is_removed() {
            self.restarts.plan(&self.client);
        }
        Ok(removed)
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

/// Of several records of one address, each of ours is changed.
#[async_trait]
impl Annotate for Infoblox {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let place: Note = subnet.note(WHAT)?;
        let mut records = self.records(&place, address).await.map_err(|error| subnet.gone_as(WHAT, error))?;
        if records.is_empty() {
            self.check_view(subnet, &place).await?;
            return Ok(Annotated::Absent);
        }
        records.retain(|record| record.is_ours(&self.settings));
        let mut outcome = if records.is_empty() { Annotated::NotOurs } else { Annotated::AsItWas };
        for record in &records {
            for (kind, reference, changes) in record.changes(&self.settings, note, (subnet, address)) {
                match self.client.update(kind, reference, &changes).await? {
                    true => outcome = Annotated::Changed,
                    false if outcome == Annotated::AsItWas => outcome = Annotated::Absent,
                    false => {}
                }
            }
        }
        if outcome == Annotated::Changed {
            self.restarts.plan(&self.client);
        }
        Ok(outcome)
    }
}
