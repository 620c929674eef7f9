//! NetBox as a provider: nouns of the contract to NetBox's records and back.
//!
//! A subnet is a prefix by its id, with a [`Note`] of what an address of it needs besides, so that nothing about its
//! addresses needs another look at the prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, ListReservations, OwnRecord,
    Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester, Reservation, Result, Subnet,
    Surroundings,
};

use crate::group_by::GroupBy;
use crate::netbox::{NULL, Note};
use crate::record::Place;
use crate::vendor::{
    ADD_ADDRESS, ADDRESSES, DELETE_ADDRESS, NAME, PREFIXES, VIEW_ADDRESS, VIEW_PREFIX, VIEW_VRF, VRFS, WHAT,
};
use crate::{Netbox, Settings, free, probe, wire};

/// So many VRFs are asked about in one request, whose line must stay below 4 kB.
const VRFS_AT_MOST: usize = 100;

impl Netbox {
    /// All records that have this name, by id: names of VRFs and tenants are not unique.
    async fn groups_named(&self, name: &GroupName) -> Result<Vec<wire::Group>> {
        let by = self.settings.group_by;
        let name = name.as_str();
        // A filter is stripped of blanks, which would make it find another name, or switch it off.
        let is_findable = name != NULL && name.trim() == name;
        let filter: &[(&str, &str)] = if name.contains('\0') {
            return Ok(Vec::new());
        } else if is_findable {
            &[("fields", "id,name,description"), ("name", name)]
        } else {
            &[("fields", "id,name,description")]
        };
        let mut found: Vec<wire::Group> = self.client.list(&by.path(), filter, by.permission()).await?;
        found.retain(|group| group.name == name);
        found.sort_by_key(|group| group.id);
        Ok(found)
    }

    /// The prefixes that a query finds, as far as they are of a wanted status.
    pub(crate) async fn prefixes(&self, query: &[(&str, &str)]) -> Result<Vec<wire::Prefix>> {
        let statuses = &self.settings.prefix_status;
        let wanted = statuses.iter().map(|status| ("status", status.as_str()));
        let query: Vec<_> =
            [("fields", wire::Prefix::FIELDS)].into_iter().chain(wanted).chain(query.iter().copied()).collect();
        let mut rows: Vec<wire::Prefix> = self.client.list(&PREFIXES, &query, VIEW_PREFIX).await?;
        rows.retain(|row| statuses.is_empty() || statuses.contains(&row.status.0));
        Ok(rows)
    }

    /// The subnets of these rows.
    async fn subnets_of(&self, rows: &[wire::Prefix]) -> Result<Vec<Subnet>> {
        let rules = self.rules(rows).await?;
        rows.iter().map(|row| self.subnet(row, &rules)).collect()
    }

    fn subnet(&self, row: &wire::Prefix, rules: &BTreeMap<u64, wire::VrfRule>) -> Result<Subnet> {
        let note = Note {
            vrf: row.vrf_id(),
            // Of the global table no look-up can tell.
            is_unique: row.vrf_id().and_then(|vrf| rules.get(&vrf)?.keeps_unique()),
            // Whoever groups by tenant wants the addresses to be the tenant's.
            tenant: row.tenant.as_ref().filter(|_| self.settings.group_by == GroupBy::Tenant).map(|tenant| tenant.id),
        };
        Ok(Subnet {
            id: RecordId::with_note(row.id, &note),
            prefix: row.cidr().ok_or_else(odd)?,
            group: self.settings.group_by.group_of(row)?,
            space: AddressSpace::new(row.vrf_id().map_or_else(|| "global".to_owned(), |vrf| format!("vrf {vrf}"))),
            description: row.description.clone(),
            pool: row.is_pool,
        })
    }

    /// The rules of the VRFs of these rows, by id.
    async fn rules(&self, rows: &[wire::Prefix]) -> Result<BTreeMap<u64, wire::VrfRule>> {
        let vrfs: BTreeSet<u64> = rows.iter().filter_map(wire::Prefix::vrf_id).collect();
        let mut rules = BTreeMap::new();
        for ids in vrfs.into_iter().collect::<Vec<_>>().chunks(VRFS_AT_MOST) {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            let query = ids.iter().map(|id| ("id", id.as_str()));
            let query: Vec<_> = [("fields", wire::VrfRule::FIELDS)].into_iter().chain(query).collect();
            let found: Vec<wire::VrfRule> = match self.client.list(&VRFS, &query, VIEW_VRF).await {
                // With another `group_by` the token need not be allowed to see VRFs.
                Err(error) if error.kind() == ErrorKind::Unauthenticated => return Ok(BTreeMap::new()),
                answer => answer?,
            };
            rules.extend(found.into_iter().map(|rule| (rule.id, rule)));
        }
        Ok(rules)
    }

    /// Records an address where NetBox may let it have a second record, and takes that back when another one was there
    /// first: of several the record with the lowest id stays.
    ///
    /// # Errors
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when there was. When that cannot be seen, one that leaves open
    /// whether the address is the caller's: the record may be one of several.
    async fn record_once(&self, subnet: &Subnet, note: Note, address: IpAddr, by: &Requester) -> Result<()> {
        let new = self.new_address(subnet, note, address, by);
        let own = self.create(subnet, address, &new).await?;
        let rows = self.addresses(note.vrf, subnet, address).await.map_err(|error| {
            if error.kind().leaves_write_unknown() {
                return error;
            }
            let text = format!("{WHAT} has recorded {address} in subnet {subnet}, and does not show whether only once");
            Error::new(ErrorKind::Unexpected, text).because(error)
        })?;
        if rows.iter().any(|row| row.id < own.id) {
            if let Err(error) = self.delete(note.vrf, subnet, address, own.id).await {
                log::error!(
                    "{address} in {subnet} was recorded twice, and record {} could not be deleted: {error}",
                    own.id
                );
            }
            return Err(subnet.taken(address));
        }
        Ok(())
    }

    /// Deletes a record of an address; `false` when it is gone already.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) also when a permission with constraints leaves the record out.
    async fn delete(&self, vrf: Option<u64>, subnet: &Subnet, address: IpAddr, id: u64) -> Result<bool> {
        if self.client.delete(id).await? {
            return Ok(true);
        }
        // NetBox hides from whoever deletes what the permission leaves out: that is a 404 as well.
        if self.addresses(vrf, subnet, address).await?.iter().any(|row| row.id == id) {
            let text = format!(
                "{WHAT} refuses to delete {address} for the proxy's token: the constraints of {DELETE_ADDRESS} leave \
                 its record out"
            );
            return Err(Error::new(ErrorKind::Unauthenticated, text));
        }
        Ok(false)
    }

    /// May the token add addresses at all?
    async fn may_add_others(&self) -> bool {
        self.client.try_blank(&self.settings.records.blank()).await.is_ok()
    }

    fn new_address(&self, subnet: &Subnet, note: Note, address: IpAddr, by: &Requester) -> wire::NewAddress<'_> {
        self.settings.records.address(Place { subnet, vrf: note.vrf, tenant: note.tenant }, address, by)
    }

    /// Records an address.
    async fn create(&self, subnet: &Subnet, address: IpAddr, new: &wire::NewAddress<'_>) -> Result<wire::Address> {
        let created = match self.client.create(new).await {
            Ok(created) => created,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(subnet.taken(address).because(error)),
            // A record that the constraints of a permission leave out is refused as without the permission.
            Err(error) if error.kind() == ErrorKind::Unauthenticated && self.may_add_others().await => {
                let text = format!(
                    "{WHAT} refuses to record {address} for the proxy's token: the constraints of {ADD_ADDRESS} leave \
                     the record out"
                );
                return Err(Error::new(ErrorKind::Unauthenticated, text).because(error));
            }
            Err(error) => return Err(subnet.gone_as(WHAT, error)),
        };
        if created.ip() == Some(address) && created.vrf.as_ref().map(|vrf| vrf.id) == new.vrf {
            return Ok(created);
        }
        let text = format!("{WHAT} has recorded something else than {address} in subnet {subnet}; look for it there");
        Err(Error::new(ErrorKind::Unexpected, text))
    }
}

fn odd() -> Error {
    Error::new(ErrorKind::Unexpected, format!("{WHAT} shows a prefix that is none"))
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Netbox::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Netbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let records_mac = self.settings.records.custom_fields.mac_field().is_some();
        Capabilities { groups: true, ipv6: true, records_mac, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(self).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let by = self.settings.group_by;
        let fields = [("fields", "id,name,description")];
        let mut rows: Vec<wire::Group> = self.client.list(&by.path(), &fields, by.permission()).await?;
        rows.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        // Of several of one name Foreman can only choose the name.
        rows.dedup_by(|later, earlier| later.name == earlier.name);
        Ok(rows.into_iter().filter_map(group).collect())
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        Ok(self.groups_named(name).await?.into_iter().next().and_then(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let by = self.settings.group_by;
        let ids: Vec<String> = match group {
            Some(name) => self.groups_named(name).await?.iter().map(|group| group.id.to_string()).collect(),
            None => by.outside().map(str::to_owned).into_iter().collect(),
        };
        if ids.is_empty() && group.is_some() {
            // Without a filter all prefixes would come.
            return Ok(Vec::new());
        }
        let query: Vec<_> = ids.iter().map(|id| (by.filter(), id.as_str())).collect();
        let rows = match self.prefixes(&query).await {
            // The group has gone since it was found.
            Err(error) if group.is_some() && error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut subnets = self.subnets_of(&rows).await?;
        subnets.retain(|subnet| subnet.group.as_ref() == group);
        subnets.sort_by_key(|subnet| subnet.prefix);
        Ok(subnets)
    }

    /// One request for all groups, because prefixes show the names of their groups, and a filter by name does not exist;
    /// and one for the rules of the VRFs.
    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let mut rows = Vec::new();
        for row in self.prefixes(&[("prefix", &prefix.to_string())]).await? {
            let is_in_group = group.is_none() || self.settings.group_by.group_of(&row)?.as_ref() == group;
            if row.cidr().ok_or_else(odd)? == prefix && is_in_group {
                rows.push(row);
            }
        }
        let mut subnets = self.subnets_of(&rows).await?;
        subnets.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let rows = self.addresses(subnet.note::<Note>(WHAT)?.vrf, subnet, address).await?;
        Ok(self.settings.records.reservation(&rows))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let text = address.to_string();
        let query = [("fields", wire::Address::FIELDS), ("address", text.as_str())];
        let mut rows: Vec<wire::Address> = self.client.list(&ADDRESSES, &query, VIEW_ADDRESS).await?;
        rows.retain(|row| row.ip() == Some(address) && self.settings.records.is_ours(row));
        let place = |row: wire::Address| OwnRecord {
            place: row.vrf.map_or_else(|| "the global table".to_owned(), |vrf| format!("VRF {}", vrf.name)),
        };
        Ok(rows.into_iter().map(place).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        free::addresses(self, subnet, query).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.is_offerable(address) {
            // NetBox records network and broadcast addresses, and addresses of other subnets, without a word.
            return Err(subnet.not_offerable(address));
        }
        let note: Note = subnet.note(WHAT)?;
        if note.is_unique == Some(true) {
            return self.create(subnet, address, &self.new_address(subnet, note, address, by)).await.map(drop);
        }
        // What is known to get a second record is looked at first; `record_once` is then for those who come at once.
        if note.is_unique == Some(false) && !self.addresses(note.vrf, subnet, address).await?.is_empty() {
            return Err(subnet.taken(address));
        }
        // A task of its own, so that a second record is taken back also when the caller does not wait for it.
        let (this, subnet, by) = (self.clone(), subnet.clone(), by.clone());
        let task = tokio::spawn(async move { this.record_once(&subnet, note, address, &by).await });
        task.await.unwrap_or_else(|panic| {
            Err(Error::new(ErrorKind::Unexpected, "The NetBox provider failed; see the proxy's log").because(panic))
        })
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let vrf = subnet.note::<Note>(WHAT)?.vrf;
        let mut rows = self.addresses(vrf, subnet, address).await?;
        if self.settings.delete_only_own && !rows.is_empty() {
            rows.retain(|row| self.settings.records.is_ours(row));
            if rows.is_empty() {
                return Err(subnet.not_ours(WHAT, address));
            }
        }
        // Several records of one address are all deleted: only then it is free.
        let mut is_removed = false;
        for row in &rows {
            is_removed |= self.delete(vrf, subnet, address, row.id).await?;
        }
        let record = self.settings.records.reservation(&rows).filter(|_| is_removed);
        Ok(record.map_or(Released::WasAbsent, Released::Removed))
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

fn group(row: wire::Group) -> Option<Group> {
    // NetBox has no group without a name.
    let name = GroupName::new(&row.name)?;
    Some(Group { id: RecordId::new(row.id), name, description: row.description })
}
