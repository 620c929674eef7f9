//! phpIPAM as a provider: sections are groups, rows of addresses are reservations.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Filling, FreeQuery, Group, GroupName,
    ListReservations, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester, Reservation,
    Result, Subnet, Surroundings,
};

use crate::failure::Failure;
use crate::phpipam::{Note, list};
use crate::vendor::{NAME, WHAT};
use crate::wire::{
    AddressChanges, AddressRow, DESCRIPTION_AT_MOST, HOSTNAME_AT_MOST, NewAddress, Number, SectionRow, SubnetRow,
};
use crate::{Phpipam, Settings};

impl Phpipam {
    /// The section of exactly this name. phpIPAM's own look-up ignores case, accents and blanks at the end, and takes a
    /// number for an id; so the list is compared here.
    async fn section(&self, name: &GroupName) -> Result<Option<SectionRow>> {
        Ok(self.sections().await?.into_iter().find(|section| section.name == name.as_str()))
    }

    /// The rows of a prefix in all sections, those around it and those inside of it. The last ones tell which row
    /// contains subnets, at the price of the call `cidr` for the prefix alone.
    async fn rows_around(&self, prefix: Prefix) -> Result<Vec<SubnetRow>> {
        if prefix.length() == 0 {
            // A segment of the path that is exactly `0` is dropped, so that this prefix cannot be asked for.
            return list(self.client.get(&["subnets"]).await);
        }
        let (network, length) = (prefix.network().to_string(), prefix.length().to_string());
        list(self.client.get(&["subnets", "overlapping", &network, &length]).await)
    }

    /// The row, or `None` when the address has none, even if the subnet was made anew since it was found. An address
    /// without any row is free in both; one with rows elsewhere may be taken in the new one.
    async fn known_row(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<AddressRow>> {
        let rows = self.rows_of(address).await?;
        let is_elsewhere = !rows.is_empty();
        let row = rows.into_iter().find(|row| row.is_in(subnet));
        if row.is_none() && is_elsewhere {
            self.row_of(subnet).await?;
        }
        Ok(row)
    }

    pub(crate) fn reservation_of(&self, row: AddressRow) -> Reservation {
        let (mac, ours) = (row.mac(), self.is_ours(&row));
        let hostname = row.hostname.filter(|name| !name.is_empty());
        Reservation { mac, hostname, description: Some(row.description.unwrap_or_default()), ours }
    }

    /// The description of a record of ours after an annotation. The owner is the mark, so that all of it is the template's.
    fn annotated(&self, record: &Reservation, note: &Annotation, place: (&Subnet, IpAddr)) -> Option<String> {
        let current = record.description.as_deref()?;
        self.description.annotated(current, record, note, place, DESCRIPTION_AT_MOST)
    }

    fn is_ours(&self, row: &AddressRow) -> bool {
        row.owner.as_deref() == Some(self.owner.as_str())
    }
}

#[async_trait]
impl Annotate for Phpipam {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let Some(row) = self.known_row(subnet, address).await? else { return Ok(Annotated::Absent) };
        if !self.is_ours(&row) {
            return Ok(Annotated::NotOurs);
        }
        let (id, tag) = (row.id, row.tag);
        let record = self.reservation_of(row);
        let new = note.besides(&record);
        let changes = AddressChanges {
            hostname: new.hostname_for(WHAT, address, |name| name.chars().count() <= HOSTNAME_AT_MOST),
            mac: new.mac.filter(|mac| !mac.is_infiniband()),
            description: self.annotated(&record, note, (subnet, address)),
            tag: None,
        };
        if changes == AddressChanges::default() {
            return Ok(Annotated::AsItWas);
        }
        match self.client.patch(&["addresses", &id.to_string()], &AddressChanges { tag, ..changes }).await {
            Ok(()) => Ok(Annotated::Changed),
            Err(Failure::Absent) => Ok(Annotated::Absent),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn group(section: SectionRow) -> Option<Group> {
    let name = GroupName::new(section.name)?;
    Some(Group { id: RecordId::new(section.id), name, description: section.description.unwrap_or_default() })
}

/// The ids of the subnets that contain subnets.
fn parents(rows: &[SubnetRow]) -> BTreeSet<Number> {
    rows.iter().filter_map(|row| row.master).collect()
}

/// `None` for a folder and whatever else is no prefix.
fn subnet(row: SubnetRow, section: &SectionRow, parents: &BTreeSet<Number>) -> Option<Subnet> {
    let prefix = row.prefix();
    if prefix.is_none() && !row.is_folder.0 {
        log::warn!("subnet {} in section {} of {WHAT} is no prefix and is left out", row.id, section.name);
    }
    let note = Note { asks_first: row.is_full.0 || parents.contains(&row.id) };
    Some(Subnet {
        id: RecordId::with_note(row.id, &note),
        prefix: prefix?,
        group: GroupName::new(&section.name),
        space: AddressSpace::new(format!("section {} vrf {}", section.id, row.vrf_id.map_or(0, |vrf| vrf.0))),
        description: row.description.unwrap_or_default(),
        pool: row.is_pool.0,
    })
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Phpipam::new(&self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Phpipam {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        self.look_at_everything().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let mut groups: Vec<Group> = self.sections().await?.into_iter().filter_map(group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        Ok(self.section(name).await?.and_then(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no subnet outside of sections.
        let Some(group) = group else { return Ok(Vec::new()) };
        let Some(section) = self.section(group).await? else { return Ok(Vec::new()) };
        // The section's own list counts what is used in each subnet: a second for 5,000 subnets, out of memory at 20,000.
        let found = self.client.get_filtered(&["subnets"], "sectionId", &section.id.to_string()).await;
        let rows: Vec<SubnetRow> = list(found)?;
        let parents = parents(&rows);
        let rows = rows.into_iter().filter(|row| row.section_id == section.id);
        let mut subnets: Vec<Subnet> = rows.filter_map(|row| subnet(row, &section, &parents)).collect();
        subnets.sort_by(|a, b| (a.prefix, &a.id).cmp(&(b.prefix, &b.id)));
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let mut sections = self.sections().await?;
        sections.retain(|section| group.is_none_or(|group| section.name == group.as_str()));
        if sections.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.rows_around(prefix).await?;
        let parents = parents(&rows);
        rows.retain(|row| row.prefix() == Some(prefix));
        rows.sort_by_key(|row| row.id);
        let mut subnets = Vec::new();
        for row in rows {
            match sections.iter().find(|section| section.id == row.section_id) {
                Some(section) => subnets.extend(subnet(row, section, &parents)),
                None if group.is_none() => {
                    log::warn!("subnet {} of {WHAT} is in section {}, which is not there", row.id, row.section_id);
                }
                None => {}
            }
        }
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let row = self.known_row(subnet, address).await?;
        Ok(row.map(|row| self.reservation_of(row)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let rows = self.rows_of(address).await?;
        // A row names its subnet by id only, and the section not at all.
        let place = |row: &AddressRow| OwnRecord { place: format!("the subnet with id {}", row.subnet_id) };
        Ok(rows.iter().filter(|row| self.is_ours(row)).map(place).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        self.free(subnet, query).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if subnet.note::<Note>(WHAT)?.asks_first {
            // phpIPAM would record the address, and a subnet inside would then give it out again.
            self.first_free(subnet).await?;
        }
        let fill = || self.description.fill(Filling { by, address, subnet }, usize::MAX);
        let whole = by.description.clone().or_else(|| by.remark.clone()).unwrap_or_else(fill);
        let description: String = whole.chars().take(DESCRIPTION_AT_MOST).collect();
        if description != whole {
            log::info!(
                "the description of {address} is cut to the {DESCRIPTION_AT_MOST} characters that {WHAT} has room for"
            );
        }
        let mac = by.mac.filter(|mac| !mac.is_infiniband());
        if mac != by.mac {
            log::info!("{WHAT} has no room for the InfiniBand MAC of {address}, which is left out");
        }
        let record = NewAddress {
            subnet_id: subnet.id.as_str(),
            ip: address,
            description: description.trim_end(),
            owner: &self.owner,
            hostname: by.hostname_for(WHAT, address, |name| name.chars().count() <= HOSTNAME_AT_MOST),
            mac,
        };
        self.client.post(&["addresses"], &record).await.map_err(|failure| match failure {
            Failure::Conflict => subnet.taken(address),
            Failure::NoSubnet => subnet.gone(WHAT),
            other => other.into(),
        })
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let Some(row) = self.known_row(subnet, address).await? else { return Ok(Released::WasAbsent) };
        if self.delete_only_own && !self.is_ours(&row) {
            return Err(subnet.not_ours(WHAT, address));
        }
        // By the row's id: deleting by address does nothing before version 1.7, and says 500 for what is not there.
        match self.client.delete(&["addresses", &row.id.to_string()]).await {
            Ok(()) => Ok(Released::Removed(self.reservation_of(row))),
            Err(Failure::Absent) => Ok(Released::WasAbsent),
            Err(failure) => Err(failure.into()),
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
