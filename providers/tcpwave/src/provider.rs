//! TCPWave as a provider: organizations are groups, subnets are subnets, objects are reservations.
//!
//! Requests name organization and subnet by what they are called, so that a [`Subnet`] needs no note. Which text means
//! "not there" or "taken" is not known: after a refusal the provider looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    AddressSpace, Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName,
    ListReservations, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester, Reservation,
    ReservationPage, Result, Subnet, Surroundings, first_listed,
};

use crate::client::{Client, Place};
use crate::free::Found;
use crate::vendor::{NAME, WHAT};
use crate::wire::{Object, ObjectRow, OrganizationRow, SubnetRow, WholeObject};
use crate::{Settings, free, probe, record};

/// One TCPWave.
#[derive(Debug)]
pub struct Tcpwave {
    client: Client,
    settings: Settings,
}

impl Tcpwave {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        Ok(Self { client: Client::new(&settings)?, settings })
    }

    /// The subnet of exactly this prefix in the organization. A refusal does not show that there is none: then the
    /// lists of networks and subnets decide.
    async fn subnet_in(&self, organization: &GroupName, prefix: Prefix) -> Result<Option<Subnet>> {
        let IpAddr::V4(first) = prefix.network() else { return Err(no_ipv6()) };
        match self.client.subnet(Place { organization, first }).await {
            Ok(Some(row)) => {
                let found = if self.is_of(&row, organization).await? { Some(subnet(row, organization)?) } else { None };
                Ok(found.filter(|subnet| subnet.prefix == prefix))
            }
            Ok(None) => self.listed(organization, prefix).await,
            Err(error) if error.kind() == ErrorKind::Rejected => {
                log::debug!("tcpwave: is {prefix} in {organization}? {error}");
                self.listed(organization, prefix).await
            }
            Err(error) => Err(error),
        }
    }

    /// Is the subnet of the organization of exactly this name? TCPWave's own comparison may be loose.
    async fn is_of(&self, row: &SubnetRow, organization: &GroupName) -> Result<bool> {
        match &row.organization_name {
            Some(name) => Ok(name == organization.as_str()),
            None => Ok(self.group(organization).await?.is_some()),
        }
    }

    /// The subnet as the list of its network has it.
    async fn listed(&self, organization: &GroupName, prefix: Prefix) -> Result<Option<Subnet>> {
        let mut subnets = self.subnets_within(organization, Some(prefix)).await?;
        subnets.retain(|subnet| subnet.prefix == prefix);
        Ok(subnets.pop())
    }

    /// The subnets of those networks of the organization that are around the prefix, or of all of them.
    async fn subnets_within(&self, organization: &GroupName, prefix: Option<Prefix>) -> Result<Vec<Subnet>> {
        let mut subnets = Vec::new();
        for (network, name) in self.networks().await? {
            let is_meant = name == *organization && prefix.is_none_or(|prefix| network.contains_prefix(&prefix));
            let IpAddr::V4(first) = network.network() else { continue };
            if !is_meant {
                continue;
            }
            for row in self.client.subnets(Place { organization, first }).await? {
                subnets.push(subnet(row, organization)?);
            }
        }
        Ok(subnets)
    }

    /// Every network with its organization, each once: one may have moved from page to page meanwhile.
    async fn networks(&self) -> Result<BTreeSet<(Prefix, GroupName)>> {
        let rows = self.client.networks().await?;
        let networks = rows.into_iter().map(|row| {
            let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} lists a network that is none"));
            let prefix = row.prefix().ok_or_else(odd)?;
            Ok((prefix, GroupName::new(row.organization_name).ok_or_else(odd)?))
        });
        networks.collect()
    }

    /// The object of an address.
    ///
    /// Whether the filter of the list is heeded is not known. Only the question for the one address shows that there is
    /// no object.
    async fn object<T: Object>(&self, of: Place<'_>, address: Ipv4Addr) -> Result<Option<T>> {
        let find = |rows: Vec<(Ipv4Addr, T)>| rows.into_iter().find(|(at, _)| *at == address).map(|(_, row)| row);
        match self.client.objects(of, Some(address)).await {
            Ok(rows) => {
                if let Some(row) = find(rows) {
                    return Ok(Some(row));
                }
            }
            Err(error) if error.kind() == ErrorKind::Rejected => {
                log::debug!("tcpwave: objects like {address}: {error}");
            }
            Err(error) => return Err(error),
        }
        if !self.client.exists(of.organization, address).await? {
            return Ok(None);
        }
        let row = find(self.client.objects(of, None).await?);
        let text = || {
            format!("{WHAT} has an object for {address}, and does not list it in its subnet. Check the subnet there")
        };
        row.map(Some).ok_or_else(|| Error::new(ErrorKind::Unexpected, text()))
    }
}

/// Nothing of IPv6 can be recorded.
fn no_ipv6() -> Error {
    let text = format!(
        "IPv6 is not supported with {WHAT}: its API for IPv6 is not documented. Use another IPAM for this subnet"
    );
    Error::new(ErrorKind::Unsupported, text)
}

/// An address of a subnet that this provider has found.
fn v4(subnet: &Subnet, address: IpAddr) -> Result<Ipv4Addr> {
    match address {
        IpAddr::V4(address) if subnet.prefix.contains(address.into()) => Ok(address),
        _ => Err(subnet.not_offerable(address)),
    }
}

/// Organizations go by their names in every request, and rows of subnets have no id of theirs in all clients. So the
/// name is the address space: an organization that is renamed is another one.
fn subnet(row: SubnetRow, organization: &GroupName) -> Result<Subnet> {
    let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} answers with a subnet that is none"));
    Ok(Subnet {
        prefix: row.prefix().ok_or_else(odd)?,
        id: RecordId::new(row.id),
        group: Some(organization.clone()),
        space: AddressSpace::new(organization),
        description: row.description.unwrap_or_default(),
        pool: false,
    })
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Tcpwave::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Tcpwave {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ipv6: false, records_mac: true, records_hostname: true }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.client).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let rows = self.client.organizations().await?;
        let group = |row: OrganizationRow| {
            let description = row.description.unwrap_or_default();
            Some(Group { id: RecordId::new(row.id), name: GroupName::new(row.name)?, description })
        };
        let mut groups: Vec<Group> = rows.into_iter().filter_map(group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        Ok(self.groups().await?.into_iter().find(|group| group.name == *name))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no subnet outside of organizations.
        let Some(group) = group else { return Ok(Vec::new()) };
        let mut subnets = self.subnets_within(group, None).await?;
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        if prefix.is_ipv6() {
            return Err(no_ipv6());
        }
        if let Some(group) = group {
            return Ok(self.subnet_in(group, prefix).await?.into_iter().collect());
        }
        // Only an organization with a network around the prefix can have it.
        let networks = self.networks().await?;
        let around = networks.into_iter().filter(|(network, _)| network.contains_prefix(&prefix));
        let organizations: BTreeSet<GroupName> = around.map(|(_, organization)| organization).collect();
        let mut subnets = Vec::new();
        for organization in &organizations {
            subnets.extend(self.subnet_in(organization, prefix).await?);
        }
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let Ok(address) = v4(subnet, address) else { return Ok(None) };
        let place = Place::of(subnet)?;
        // Mostly it is free, and this is the smaller question.
        if !self.client.exists(place.organization, address).await? {
            return Ok(None);
        }
        let object = self.object(place, address).await?;
        Ok(object.map(|row: ObjectRow| record::reservation(&self.settings, address, &row)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        let IpAddr::V4(address) = address else { return Ok(Vec::new()) };
        let mut own = Vec::new();
        // No call finds an address in all organizations.
        for Group { name, .. } in self.groups().await? {
            if !self.client.exists(&name, address).await? {
                continue;
            }
            let odd = || {
                Error::new(ErrorKind::Unexpected, format!("{WHAT} has an object for {address}, and no subnet for it"))
            };
            let around = self.client.subnet_of(&name, address).await?.ok_or_else(odd)?;
            let subnet = subnet(around, &name)?;
            let object = self.object(Place::of(&subnet)?, address).await?;
            if object.is_some_and(|row: ObjectRow| record::is_ours(&self.settings, &row)) {
                own.push(OwnRecord { place: format!("organization {name}") });
            }
        }
        Ok(own)
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let Place { organization, first } = Place::of(subnet)?;
        match free::free_addresses(&self.client, subnet, query).await? {
            Found::Free(free) => Ok(free),
            Found::FullOrGone => {
                self.subnet_in(organization, subnet.prefix).await?.ok_or_else(|| subnet.gone(WHAT))?;
                let free = free::unlisted(&self.client, subnet, first, query).await?;
                if free.is_empty() {
                    return Ok(free);
                }
                let text = format!(
                    "{WHAT} gives no free address of subnet {subnet}, and lists fewer objects than it has addresses"
                );
                Err(Error::new(ErrorKind::Rejected, text))
            }
        }
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let (address, place) = (v4(subnet, address)?, Place::of(subnet)?);
        let mut new = record::new(&self.settings, place.organization, subnet, address, by);
        loop {
            let error = match self.client.add(&new).await {
                Err(error) if error.kind() == ErrorKind::Rejected => error,
                outcome => return outcome,
            };
            if self.client.exists(place.organization, address).await? {
                return Err(subnet.taken(address.into()).because(error));
            }
            if self.subnet_in(place.organization, subnet.prefix).await?.is_none() {
                return Err(subnet.gone(WHAT).because(error));
            }
            let derived = record::derived_name(address);
            if new.name == derived {
                return Err(error);
            }
            // A name that is there already, for example: it must cost nobody a host.
            log::warn!("{address} is recorded without its host name: {WHAT} refuses it with that name");
            new.name = derived;
        }
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let Ok(at) = v4(subnet, address) else { return Ok(Released::WasAbsent) };
        let place = Place::of(subnet)?;
        let Some(row) = self.object::<ObjectRow>(place, at).await? else { return Ok(Released::WasAbsent) };
        if self.settings.delete_only_own && !record::is_ours(&self.settings, &row) {
            return Err(subnet.not_ours(WHAT, address));
        }
        match self.client.delete(place.organization, at).await {
            Ok(()) => Ok(Released::Removed(record::reservation(&self.settings, at, &row))),
            // Somebody else has deleted it meanwhile.
            Err(error)
                if error.kind() == ErrorKind::Rejected && !self.client.exists(place.organization, at).await? =>
            {
                log::debug!("tcpwave: the delete of {at}: {error}");
                Ok(Released::WasAbsent)
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

/// How objects are ordered in pages is not known, so that all of them are read and cut into pages here.
#[async_trait]
impl ListReservations for Tcpwave {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let first = first_listed(subnet, from)?;
        let place = Place::of(subnet)?;
        let (rows, refusal) = match self.client.objects::<ObjectRow>(place, None).await {
            Err(error) if error.kind() == ErrorKind::Rejected => (Vec::new(), Some(error)),
            rows => (rows?, None),
        };
        if rows.is_empty() && self.subnet_in(place.organization, subnet.prefix).await?.is_none() {
            return Err(subnet.gone(WHAT));
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let mut records = BTreeMap::new();
        for (address, row) in rows {
            if !subnet.prefix.contains(address.into()) {
                // It has been made smaller or moved.
                return Err(subnet.gone(WHAT));
            }
            records.insert(address.into(), record::reservation(&self.settings, address, &row));
        }
        Ok(ReservationPage::lowest(records.split_off(&first), at_most))
    }
}

#[async_trait]
impl Annotate for Tcpwave {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let Ok(at) = v4(subnet, address) else { return Ok(Annotated::Absent) };
        let place = Place::of(subnet)?;
        // Mostly it is there; when it is not, one request says so.
        let Some(object) = self.object::<WholeObject>(place, at).await? else { return Ok(Annotated::Absent) };
        if !record::is_ours(&self.settings, &object.row) {
            return Ok(Annotated::NotOurs);
        }
        let mut changes = record::changes(&self.settings, &object.row, note, (subnet, at));
        while !changes.is_empty() {
            let whole = record::changed(&self.settings, &object, (place.organization, subnet, at), &changes);
            let error = match self.client.edit(&whole).await {
                Err(error) if error.kind() == ErrorKind::Rejected => error,
                outcome => return outcome.map(|()| Annotated::Changed),
            };
            if !self.client.exists(place.organization, at).await? {
                return Ok(Annotated::Absent);
            }
            if changes.name.take().is_none() {
                return Err(error);
            }
            log::warn!("{address} keeps the host name that is recorded: {WHAT} refuses the new one");
        }
        Ok(Annotated::AsItWas)
    }
}
