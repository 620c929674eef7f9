//! NetBox as a provider: nouns of the contract to NetBox's records and back.
//!
//! A subnet is a prefix by its id. Whatever is asked about one of its addresses, the prefix is read first: its VRF says
//! where the address is looked for, and a prefix that has gone is seen.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::{
    Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, Prefix, Probe, Provider, RecordId, Released,
    Requester, Reservation, Result, Subnet,
};

use crate::client::{ADDRESSES, Client, PREFIXES, VIEW_ADDRESS, VIEW_PREFIX, WHAT};
use crate::group_by::GroupBy;
use crate::record::Place;
use crate::{Settings, free, probe, wire};

/// The name in settings and log lines.
pub(crate) const NAME: &str = "netbox";

/// The one name that no filter finds: NetBox takes it for "without a name".
const NULL: &str = "null";

/// One NetBox.
#[derive(Debug)]
pub struct Netbox {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

impl Netbox {
    /// A provider for the settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let client = Client::new(&settings.http, settings.authorization.clone())?;
        Ok(Self { client, settings })
    }

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
    async fn prefixes(&self, query: &[(&str, &str)]) -> Result<Vec<Subnet>> {
        let statuses = &self.settings.prefix_status;
        let wanted = statuses.iter().map(|status| ("status", status.as_str()));
        let query: Vec<_> =
            [("fields", wire::Prefix::FIELDS)].into_iter().chain(wanted).chain(query.iter().copied()).collect();
        let rows: Vec<wire::Prefix> = self.client.list(&PREFIXES, &query, VIEW_PREFIX).await?;
        let wanted = rows.iter().filter(|row| statuses.is_empty() || statuses.contains(&row.status.0));
        wanted.map(|row| self.subnet(row)).collect()
    }

    fn subnet(&self, row: &wire::Prefix) -> Result<Subnet> {
        let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} shows a prefix that is none"));
        Ok(Subnet {
            id: RecordId::new(row.id),
            prefix: row.cidr().ok_or_else(odd)?,
            group: self.settings.group_by.group_of(row)?,
            description: row.description.clone(),
            pool: row.is_pool,
        })
    }

    /// The prefix behind a subnet, as it is now.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when it has gone, or has become another prefix or part of another group.
    pub(crate) async fn record(&self, subnet: &Subnet) -> Result<wire::Prefix> {
        let gone = || Error::new(ErrorKind::NotFound, format!("Subnet {subnet} has gone from {WHAT}"));
        let id = subnet.id.as_str();
        if id.parse::<u64>().is_err() {
            return Err(gone());
        }
        let path = ["api", "ipam", "prefixes", id, ""];
        let row = self.client.get(&path, &[("fields", wire::Prefix::FIELDS)], VIEW_PREFIX).await;
        let row: wire::Prefix = row.map_err(|error| gone_as(error, subnet))?;
        let now = self.subnet(&row)?;
        if now.id == subnet.id && now.prefix == subnet.prefix && now.group == subnet.group {
            Ok(row)
        } else {
            Err(gone())
        }
    }

    /// All records of an address in the VRF of a prefix, by id. Their length may be any.
    async fn addresses(&self, record: &wire::Prefix, subnet: &Subnet, address: IpAddr) -> Result<Vec<wire::Address>> {
        let vrf = record.vrf.as_ref().map(|vrf| vrf.id);
        // Without a length any length is found. `Display` writes IPv6 as NetBox does; 3.x finds no other spelling.
        let text = address.to_string();
        let query = [("fields", wire::Address::FIELDS), ("address", &text), ("vrf_id", &vrf_filter(vrf))];
        let rows = self.client.list(&ADDRESSES, &query, VIEW_ADDRESS).await;
        let mut rows: Vec<wire::Address> = rows.map_err(|error| gone_as(error, subnet))?;
        rows.retain(|row| row.ip() == Some(address) && row.vrf.as_ref().map(|vrf| vrf.id) == vrf);
        rows.sort_by_key(|row| row.id);
        Ok(rows)
    }

    /// Takes our own record back when another one was there first. Where a VRF does not enforce unique addresses,
    /// NetBox records one address for everybody who asks; of those, the record with the lowest id stays.
    async fn keep_only_first(&self, record: &wire::Prefix, subnet: &Subnet, address: IpAddr, own: u64) -> Result<()> {
        let rows = match self.addresses(record, subnet, address).await {
            Ok(rows) => rows,
            Err(error) => {
                // The address is recorded, which is what was asked for.
                log::warn!("whether {address} in {subnet} is recorded only once could not be seen: {error}");
                return Ok(());
            }
        };
        if rows.iter().all(|row| row.id >= own) {
            return Ok(());
        }
        if let Err(error) = self.client.delete(own).await {
            log::error!("{address} in {subnet} was recorded twice, and record {own} could not be deleted: {error}");
        }
        Err(taken(subnet, address))
    }
}

/// The value of the filter `vrf_id`: without one all VRFs would be looked at.
pub(crate) fn vrf_filter(vrf: Option<u64>) -> String {
    vrf.map_or_else(|| NULL.to_owned(), |id| id.to_string())
}

/// Names the subnet in an error that says that a record has gone.
pub(crate) fn gone_as(error: Error, subnet: &Subnet) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return Error::new(ErrorKind::NotFound, format!("Subnet {subnet} has gone from {WHAT}")).because(error);
    }
    error
}

fn taken(subnet: &Subnet, address: IpAddr) -> Error {
    Error::new(ErrorKind::AlreadyExists, format!("{address} is already recorded in subnet {subnet} of {WHAT}"))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Netbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let records_mac = self.settings.records.mac_field.is_some();
        Capabilities { groups: true, ipv6: true, records_mac, records_hostname: true }
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

    async fn subnets(&self, name: &GroupName) -> Result<Vec<Subnet>> {
        let groups = self.groups_named(name).await?;
        if groups.is_empty() {
            // Without a filter all prefixes would come.
            return Ok(Vec::new());
        }
        let ids: Vec<String> = groups.iter().map(|group| group.id.to_string()).collect();
        let filter = self.settings.group_by.filter();
        let query: Vec<_> = ids.iter().map(|id| (filter, id.as_str())).collect();
        let mut subnets = match self.prefixes(&query).await {
            // The group has gone since it was found.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        subnets.retain(|subnet| subnet.group.as_ref() == Some(name));
        subnets.sort_by_key(|subnet| subnet.prefix);
        Ok(subnets)
    }

    /// One request for all groups: prefixes show the names of their groups, and a filter by name does not exist.
    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let mut subnets = self.prefixes(&[("prefix", &prefix.to_string())]).await?;
        subnets.retain(|subnet| subnet.prefix == prefix && (group.is_none() || subnet.group.as_ref() == group));
        subnets.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let record = self.record(subnet).await?;
        let rows = self.addresses(&record, subnet, address).await?;
        Ok(self.settings.records.reservation(&rows))
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        free::addresses(self, subnet, query).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.is_offerable(address) {
            // NetBox records network and broadcast addresses, and addresses of other subnets, without a word.
            let text = format!("{address} is not an address for hosts of subnet {subnet}");
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        let record = self.record(subnet).await?;
        // The IPAM refuses a second record only where it is told to; see `keep_only_first`.
        if !self.addresses(&record, subnet, address).await?.is_empty() {
            return Err(taken(subnet, address));
        }
        // Whoever groups by tenant wants the address to be the tenant's.
        let tenant = record.tenant.as_ref().filter(|_| self.settings.group_by == GroupBy::Tenant);
        let vrf = record.vrf.as_ref().map(|vrf| vrf.id);
        let place = Place { subnet, vrf, tenant: tenant.map(|tenant| tenant.id) };
        let created = self.client.create(&self.settings.records.address(place, address, by)).await;
        let created = created.map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists { taken(subnet, address).because(error) } else { error }
        })?;
        if created.ip() != Some(address) || created.vrf.as_ref().map(|vrf| vrf.id) != vrf {
            let text =
                format!("{WHAT} has recorded something else than {address} in subnet {subnet}; look for it there");
            return Err(Error::new(ErrorKind::Unexpected, text));
        }
        self.keep_only_first(&record, subnet, address, created.id).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let record = self.record(subnet).await?;
        let mut rows = self.addresses(&record, subnet, address).await?;
        if self.settings.delete_only_own && !rows.is_empty() {
            rows.retain(|row| self.settings.records.is_ours(row));
            if rows.is_empty() {
                let text = format!(
                    "{address} in subnet {subnet} was not recorded by this proxy, which deletes only its own records; \
                     delete it in {WHAT}"
                );
                return Err(Error::new(ErrorKind::Rejected, text));
            }
        }
        // Several records of one address are all deleted: only then it is free.
        let mut released = Released::WasAbsent;
        for row in rows {
            if self.client.delete(row.id).await? {
                released = Released::Removed;
            }
        }
        Ok(released)
    }
}

fn group(row: wire::Group) -> Option<Group> {
    // NetBox has no group without a name.
    let name = GroupName::new(&row.name)?;
    Some(Group { id: RecordId::new(row.id), name, description: row.description })
}
