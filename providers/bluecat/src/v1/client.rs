//! Address Manager over v1: what each operation asks for.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::http::{HttpClient, Method};
use ipam_provider::{Error, ErrorKind, FreeQuery, Prefix, Result};

use super::refusal::{chain, error, refused, said};
use super::rest::Rest;
use super::wire::{Entity, family};
use super::{dns, free, list, networks};
use crate::address_manager::{
    Address, AddressManager, AddressPage, Changes, Configuration, Host, Network, NewAddress, Place, Target, is_free,
};
use crate::settings::{Dns, Settings};
use crate::vendor::{FULL_ADDRESSES, FULL_HOSTS, VIEW_ADDRESSES, WHAT};

/// The state of new addresses.
pub(super) const STATIC: &str = "MAKE_STATIC";

/// Asks v1.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(super) rest: Rest,
    field: Option<String>,
}

impl Client {
    /// Does no network.
    pub(crate) fn new(http: HttpClient, settings: &Settings) -> Self {
        Self { rest: Rest::new(http, settings), field: settings.description_field.clone() }
    }

    /// Is there a v1?
    pub(crate) async fn is_there(&self) -> Result<bool> {
        self.rest.is_there().await
    }

    /// The entity of an address in a configuration or network; `None` when there is none.
    pub(super) async fn entity(&self, container: u64, address: IpAddr) -> Result<Option<Entity>> {
        let (container, text) = (container.to_string(), address.to_string());
        let parameters = [("containerId", container.as_str()), ("address", text.as_str())];
        let entity = self.rest.entity(family(address).get_address, &parameters, VIEW_ADDRESSES).await?;
        let Some(entity) = entity else { return Ok(None) };
        let is_it = entity.parsed().get("address").and_then(|text| text.parse().ok()) == Some(address);
        if !is_it {
            let text = format!("{WHAT} answers with another address than it was asked for");
            return Err(Error::new(ErrorKind::Unexpected, text).because(format!("{entity:?}")));
        }
        Ok(Some(entity))
    }

    /// The record of an address; `None` when it is free. An IPv6 address that has a record in whatever state cannot be added,
    /// and is taken.
    pub(super) async fn record(&self, container: u64, address: IpAddr) -> Result<Option<Address>> {
        let Some(entity) = self.entity(container, address).await? else { return Ok(None) };
        Ok(self.taken(address, &entity))
    }

    /// The record of an entity; `None` when its address is free.
    pub(super) fn taken(&self, address: IpAddr, entity: &Entity) -> Option<Address> {
        Some(self.read(entity)).filter(|record| address.is_ipv6() || !is_free(&record.state))
    }

    pub(super) fn read(&self, entity: &Entity) -> Address {
        let mut properties = entity.parsed();
        Address {
            id: entity.id,
            state: properties.get("state").map(|state| state.to_uppercase()).unwrap_or_default(),
            name: entity.name.clone(),
            mac: properties.get("macAddress").and_then(|mac| mac.parse().ok()),
            field: self.field.as_ref().and_then(|field| properties.remove(field)),
        }
    }
}

#[async_trait]
impl AddressManager for Client {
    async fn reach(&self) -> Result<String> {
        self.rest.get::<String>("getSystemInfo", &[], "a session").await?;
        Ok("REST v1".to_owned())
    }

    /// An assignment in no configuration at all is refused for that, or before that for the session or the right.
    async fn may_write(&self) -> Result<()> {
        let parameters = [
            ("configurationId", "0"),
            ("ip4Address", "0.0.0.0"),
            ("macAddress", ""),
            ("hostInfo", ""),
            ("action", STATIC),
            ("properties", ""),
        ];
        let answer = self.rest.call(Method::POST, "assignIP4Address", &parameters).await?;
        let error = error(&answer, FULL_ADDRESSES);
        let says_no_right = matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Rejected);
        let is_refused_for_itself = said(&answer).is_some() && (answer.status == 400 || !says_no_right);
        if is_refused_for_itself { Ok(()) } else { Err(error) }
    }

    async fn may_view_networks(&self, configuration: &Configuration) -> Result<()> {
        networks::children(&self.rest, configuration.id, "IP4Block").await.map(drop)
    }

    async fn configurations(&self) -> Result<Vec<Configuration>> {
        networks::configurations(&self.rest).await
    }

    async fn configuration(&self, name: &str) -> Result<Option<Configuration>> {
        networks::configuration_named(&self.rest, name).await
    }

    async fn networks(&self, configuration: &Configuration) -> Result<Vec<Network>> {
        networks::all(&self.rest, configuration).await
    }

    /// One configuration after the other: v1 has no search over all of them whose parameters are known.
    async fn find(&self, prefix: Prefix, configuration: Option<&str>) -> Result<Vec<Network>> {
        let mut found = Vec::new();
        for configuration in self.wanted(configuration).await? {
            found.extend(networks::find(&self.rest, prefix, &configuration).await?);
        }
        Ok(found)
    }

    async fn address(&self, place: Place<'_>, address: IpAddr) -> Result<Option<Address>> {
        self.record(place.configuration, address).await
    }

    async fn addresses(&self, address: IpAddr) -> Result<Vec<(String, Address)>> {
        let mut found = Vec::new();
        for configuration in self.configurations().await? {
            let record = self.record(configuration.id, address).await?;
            found.extend(record.map(|record| (configuration.name, record)));
        }
        Ok(found)
    }

    async fn free(&self, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        free::free(&self.rest, place, query).await
    }

    async fn list(&self, place: Place<'_>, from: Option<&str>, at_most: usize) -> Result<AddressPage> {
        let taken = |address, entity: &Entity| self.taken(address, entity);
        list::list(&self.rest, taken, place, (from, at_most)).await
    }

    async fn add(&self, place: Place<'_>, new: &NewAddress) -> Result<u64> {
        self.record_new(place, new).await
    }

    /// The entity is written back as it was read, but for what changes. A client is known that changes name and MAC so.
    async fn change(&self, place: Place<'_>, address: IpAddr, record: &Address, changes: &Changes) -> Result<bool> {
        let Some(mut entity) = self.entity(place.configuration, address).await? else { return Ok(false) };
        if entity.id != record.id {
            return Ok(false);
        }
        if let Some(name) = &changes.name {
            entity.name = Some(name.clone());
        }
        if let Some(mac) = changes.mac {
            entity.set("macAddress", &mac.to_string());
        }
        if let Some((field, text)) = &changes.field {
            entity.set(field, text);
        }
        let Err(refusal) = self.rest.update(&entity, FULL_ADDRESSES).await else { return Ok(true) };
        if !refusal.is_open() {
            return Err(refusal.error);
        }
        // What is said of a record that has gone is not known.
        match self.record(place.configuration, address).await {
            Ok(Some(left)) if left.id == record.id => Err(refused().because(chain(refusal.error))),
            Ok(_) => Ok(false),
            Err(_) => Err(refusal.error),
        }
    }

    async fn delete(&self, place: Place<'_>, address: IpAddr, record: &Address) -> Result<bool> {
        let answer = self.rest.call(Method::DELETE, "delete", &[("objectId", &record.id.to_string())]).await?;
        if answer.is_success() {
            return Ok(true);
        }
        let error = error(&answer, FULL_ADDRESSES);
        // What is said of a record that has gone is not known.
        let is_open = said(&answer).is_some() && error.kind() == ErrorKind::Unavailable;
        if is_open && self.record(place.configuration, address).await?.is_none_or(|left| left.id != record.id) {
            return Ok(false);
        }
        Err(error)
    }

    async fn has_zone(&self, configuration: u64, place: &Dns) -> Result<bool> {
        Ok(dns::zone(&self.rest, configuration, place).await?.is_some())
    }

    async fn add_host(&self, configuration: u64, place: &Dns, name: &str, (_, address): (u64, IpAddr)) -> Result<()> {
        dns::add(&self.rest, configuration, place, name, address).await
    }

    async fn hosts_of(&self, address: u64) -> Result<Vec<Host>> {
        dns::hosts_of(&self.rest, address).await
    }

    async fn delete_host(&self, host: &Host) -> Result<()> {
        let answer = self.rest.call(Method::DELETE, "delete", &[("objectId", &host.id.to_string())]).await?;
        if answer.is_success() { Ok(()) } else { Err(error(&answer, FULL_HOSTS)) }
    }

    async fn deploy(&self, target: Target, place: Option<&Dns>) -> Result<()> {
        dns::deploy(&self.rest, target, place).await
    }
}

impl Client {
    /// The configuration of this name, or all of them.
    async fn wanted(&self, configuration: Option<&str>) -> Result<Vec<Configuration>> {
        match configuration {
            Some(name) => Ok(self.configuration(name).await?.into_iter().collect()),
            None => self.configurations().await,
        }
    }
}
