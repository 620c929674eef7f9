//! BlueCat Address Manager as a provider: configurations are groups, networks are subnets, IP addresses are reservations.
//!
//! A subnet is a network by its id, with a [`Note`] of its configuration, so that nothing about its addresses needs another
//! look at the network. Which of the two APIs is asked makes no difference here.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::settings::Section;
use ipam_provider::{
    Annotate, Annotated, Annotation, Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, ListReservations,
    ListedReservation, OwnRecord, Prefix, Probe, Provider, ProviderSettings, RecordId, Released, Requester,
    Reservation, ReservationPage, Result, Subnet, Surroundings,
};

use crate::address_manager::{Address, AddressManager, Configuration, Place, Target};
use crate::deploy::Deployments;
use crate::note::{Note, subnet};
use crate::settings::{Deploy, Settings};
use crate::vendor::{NAME, WHAT};
use crate::version::Versions;
use crate::{hosts, probe, record};

/// One Address Manager.
#[derive(Debug)]
pub struct Bluecat {
    versions: Arc<Versions>,
    deployments: Deployments,
    settings: Settings,
}

impl Bluecat {
    /// A provider of these settings. Does no network.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) when a certificate file cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        let versions = Arc::new(Versions::new(&settings)?);
        let deployments = Deployments::new(versions.clone(), settings.dns.clone());
        Ok(Self { versions, deployments, settings })
    }

    /// The configuration to look in, where there is a group or only one is served. `Err` when that is another one: nothing
    /// is there.
    fn wanted<'a>(&'a self, group: Option<&'a GroupName>) -> Result<Option<&'a str>, NotServed> {
        match (&self.settings.configuration, group) {
            (Some(only), Some(group)) if only != group.as_str() => Err(NotServed),
            (Some(only), _) => Ok(Some(only)),
            (None, group) => Ok(group.map(GroupName::as_str)),
        }
    }

    /// Makes a host record for a name in the zone of the settings. The address is recorded, so that a failure costs nobody a
    /// host.
    async fn add_host(&self, api: &dyn AddressManager, place: Place<'_>, id: u64, address: IpAddr, by: &Requester) {
        let (Some(dns), Some(hostname)) = (&self.settings.dns, &by.hostname) else { return };
        let Some(name) = hosts::name_in(&dns.zone, hostname) else {
            log::warn!("bluecat: {address} has no host record: its name is none of the zone {}", dns.zone);
            return;
        };
        if let Err(error) = api.add_host(place.configuration, dns, &name, (id, address)).await {
            log::warn!("bluecat: {address} is recorded without the host record {name}: {error}");
        }
    }

    /// Deletes the host records of an address in the zone of the settings that have no other address.
    async fn delete_hosts(&self, api: &dyn AddressManager, address: u64) -> Result<()> {
        let Some(dns) = &self.settings.dns else { return Ok(()) };
        for host in api.hosts_of(address).await? {
            if hosts::name_in(&dns.zone, &host.name).is_some_and(|name| name == host.name) {
                api.delete_host(&host).await?;
            }
        }
        Ok(())
    }

    /// Has what was changed in the network deployed, where the settings say so.
    fn deploy(&self, place: Place<'_>) {
        if self.settings.deploy == Deploy::Quick {
            let zone = self.settings.dns.as_ref().map(|_| Target::ZoneOf(place.configuration));
            self.deployments.request([Target::Network(place.network)].into_iter().chain(zone));
        }
    }
}

/// The settings serve another configuration only.
struct NotServed;

fn group(configuration: Configuration) -> Option<Group> {
    let name = GroupName::new(&configuration.name)?;
    Some(Group { id: RecordId::new(configuration.id), name, description: configuration.description })
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Self::read(section)
    }

    fn build(self, _: &Surroundings) -> Result<Arc<dyn Provider>> {
        Ok(Arc::new(Bluecat::new(self)?))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Bluecat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let records_hostname = self.settings.description_field.is_some();
        Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname }
    }

    fn max_parallel(&self) -> Option<usize> {
        Some(self.settings.http.max_parallel)
    }

    async fn probe(&self) -> Vec<Probe> {
        probe::probe(&self.versions, &self.settings).await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        let api = self.versions.api().await?;
        let configurations = match &self.settings.configuration {
            Some(only) => api.configuration(only).await?.into_iter().collect(),
            None => api.configurations().await?,
        };
        let mut groups: Vec<Group> = configurations.into_iter().filter_map(group).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        // Somebody may add a configuration between two pages and so move another onto the next one.
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        let Ok(Some(name)) = self.wanted(Some(name)) else { return Ok(None) };
        Ok(self.versions.api().await?.configuration(name).await?.and_then(group))
    }

    async fn subnets(&self, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        // There is no network outside of configurations.
        let Some(group) = group else { return Ok(Vec::new()) };
        let Ok(Some(name)) = self.wanted(Some(group)) else { return Ok(Vec::new()) };
        let api = self.versions.api().await?;
        let Some(configuration) = api.configuration(name).await? else { return Ok(Vec::new()) };
        let networks = api.networks(&configuration).await?;
        let mut subnets: Vec<Subnet> = networks.into_iter().filter_map(subnet).collect();
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        let Ok(configuration) = self.wanted(group) else { return Ok(Vec::new()) };
        let networks = self.versions.api().await?.find(prefix, configuration).await?;
        let mut subnets: Vec<Subnet> = networks.into_iter().filter_map(subnet).collect();
        subnets.sort_by(|a, b| (&a.group, &a.id).cmp(&(&b.group, &b.id)));
        subnets.dedup_by(|a, b| a.id == b.id);
        Ok(subnets)
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let note: Note = subnet.note(WHAT)?;
        let api = self.versions.api().await?;
        let record = api.address(Place::of(subnet, &note), address).await;
        let record = record.map_err(|error| subnet.gone_as(WHAT, error))?;
        Ok(record.map(|record| record::reservation(&self.settings, &record)))
    }

    async fn own_records(&self, address: IpAddr) -> Result<Vec<OwnRecord>> {
        // In configurations that are not served too: the one of the settings may have been renamed.
        let records = self.versions.api().await?.addresses(address).await?;
        let own = records.into_iter().filter(|(_, record)| record::is_ours(&self.settings, record));
        Ok(own.map(|(name, _)| OwnRecord { place: format!("configuration {name}") }).collect())
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        let note: Note = subnet.note(WHAT)?;
        let api = self.versions.api().await?;
        api.free(Place::of(subnet, &note), query).await.map_err(|error| subnet.gone_as(WHAT, error))
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        if !subnet.prefix.contains(address) {
            return Err(subnet.not_offerable(address));
        }
        let note: Note = subnet.note(WHAT)?;
        let place = Place::of(subnet, &note);
        let api = self.versions.api().await?;
        let new = record::new(&self.settings, subnet, address, by);
        let id = api.add(place, &new).await.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => subnet.taken(address).because(error),
            _ => subnet.gone_as(WHAT, error),
        })?;
        self.add_host(api, place, id, address, by).await;
        self.deploy(place);
        Ok(())
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let note: Note = subnet.note(WHAT)?;
        let place = Place::of(subnet, &note);
        let api = self.versions.api().await?;
        let record = api.address(place, address).await.map_err(|error| subnet.gone_as(WHAT, error))?;
        let Some(record) = record else { return Ok(Released::WasAbsent) };
        if self.settings.delete_only_own && !record::is_ours(&self.settings, &record) {
            return Err(subnet.not_ours(WHAT, address));
        }
        if record.is_gateway() {
            let text = format!(
                "IP address {address} is the gateway of subnet {subnet} in {WHAT}, which cannot be deleted; take it from the \
                 network there"
            );
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        self.delete_hosts(api, record.id).await?;
        if !api.delete(place, address, &record).await? {
            return Ok(Released::WasAbsent);
        }
        self.deploy(place);
        Ok(Released::Removed(record::reservation(&self.settings, &record)))
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
impl ListReservations for Bluecat {
    async fn list(&self, subnet: &Subnet, from: Option<&str>, at_most: usize) -> Result<ReservationPage> {
        let note: Note = subnet.note(WHAT)?;
        let api = self.versions.api().await?;
        let page = api.list(Place::of(subnet, &note), from, at_most).await;
        let page = page.map_err(|error| subnet.gone_as(WHAT, error))?;
        if page.records.keys().any(|address| !subnet.prefix.contains(*address)) {
            // It has been made smaller or moved.
            return Err(subnet.gone(WHAT));
        }
        let listed = |(address, record): (IpAddr, Address)| {
            ListedReservation::new(address, record::reservation(&self.settings, &record))
        };
        Ok(ReservationPage { records: page.records.into_iter().map(listed).collect(), next: page.next })
    }
}

#[async_trait]
impl Annotate for Bluecat {
    async fn annotate(&self, subnet: &Subnet, address: IpAddr, note: &Annotation) -> Result<Annotated> {
        let ids: Note = subnet.note(WHAT)?;
        let place = Place::of(subnet, &ids);
        let api = self.versions.api().await?;
        let record = api.address(place, address).await.map_err(|error| subnet.gone_as(WHAT, error))?;
        let Some(record) = record else { return Ok(Annotated::Absent) };
        if !record::is_ours(&self.settings, &record) {
            return Ok(Annotated::NotOurs);
        }
        let mut changes = record::changes(&self.settings, &record, note, (subnet, address));
        while !changes.is_empty() {
            match api.change(place, address, &record, &changes).await {
                Ok(true) => return Ok(Annotated::Changed),
                Ok(false) => return Ok(Annotated::Absent),
                // Whether the MAC of a record can be changed is not known: it must not cost the host its name.
                Err(refused) if refused.kind() == ErrorKind::Rejected && changes.mac.is_some() => {
                    log::warn!("bluecat: {address} keeps the MAC that is recorded: {refused}");
                    changes.mac = None;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Annotated::AsItWas)
    }
}
