//! Address Manager over v2: what each operation asks for.

use std::net::IpAddr;

use async_trait::async_trait;
use ipam_provider::http::HttpClient;
use ipam_provider::{Error, ErrorKind, FreeQuery, Prefix, Result, bad_place};
use serde_json::{Map, Value, json};

use super::filter::{address_is, quoted, range_is};
use super::refusal::{code, error};
use super::rest::{PAGE, Rest};
use super::wire::{AddressRow, ConfigurationRow, CurrentSession, NetworkRow, NewAddressRow, NewMac, address_type};
use super::{dns, free};
use crate::address_manager::{
    Address, AddressManager, AddressPage, Changes, Configuration, Host, Network, NewAddress, Place, Target,
    absent_if_gone, is_free,
};
use crate::settings::{Dns, Settings};
use crate::vendor::{FULL_ADDRESSES, VIEW_ADDRESSES, VIEW_CONFIGURATIONS, VIEW_NETWORKS, WHAT};

/// Asks v2.
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

    /// Is there a v2?
    pub(crate) async fn is_there(&self) -> Result<bool> {
        self.rest.is_there().await
    }

    /// The rows of an address in a network, or in all of them; those that are free are left out.
    async fn rows(&self, at: &[&str], address: IpAddr) -> Result<Vec<AddressRow>> {
        let filter = address_is(address);
        let mut rows: Vec<AddressRow> = self.rest.list(at, &[("filter", &filter)], VIEW_ADDRESSES).await?;
        if let Some(other) = rows.iter().find(|row| row.host() != Some(address)) {
            let text = format!("{WHAT} answers with another address than it was asked for");
            return Err(Error::new(ErrorKind::Unexpected, text).because(format!("{other:?}")));
        }
        rows.retain(|row| !row.state.as_deref().is_some_and(is_free));
        Ok(rows)
    }

    fn record(&self, row: &AddressRow) -> Result<Address> {
        let nameless = || {
            let text = format!("{WHAT} answers with an address that has no id");
            Error::new(ErrorKind::Unexpected, text).because(format!("{row:?}"))
        };
        Ok(Address {
            id: row.id.ok_or_else(nameless)?,
            state: row.state.clone().unwrap_or_default().to_uppercase(),
            name: row.name.clone(),
            mac: row.mac(),
            field: self.field.as_deref().and_then(|field| row.field(field)),
        })
    }
}

fn configuration(row: ConfigurationRow) -> Configuration {
    let (name, description) = (row.name.unwrap_or_default(), row.description.unwrap_or_default());
    Configuration { id: row.id, name, description }
}

/// A network whose range is no prefix is none that Foreman could ask for.
fn network(row: NetworkRow) -> Option<Network> {
    let prefix = row.range.parse().ok()?;
    let name = row.name.unwrap_or_default();
    Some(Network { id: row.id, prefix, name, configuration: configuration(row.configuration) })
}

/// Changes the resource of an address, and nothing else in it.
fn change(whole: &mut Map<String, Value>, changes: &Changes) {
    if let Some(name) = &changes.name {
        whole.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(mac) = changes.mac {
        whole.insert("macAddress".to_owned(), json!(NewMac::of(mac)));
    }
    if let Some((field, text)) = &changes.field {
        let fields = whole.entry("userDefinedFields").or_insert(Value::Null);
        if fields.is_null() {
            *fields = json!({});
        }
        if let Some(fields) = fields.as_object_mut() {
            fields.insert(field.clone(), text.as_str().into());
        }
    }
}

#[async_trait]
impl AddressManager for Client {
    async fn reach(&self) -> Result<String> {
        self.rest.get::<CurrentSession>(&["sessions", "current"], "a session").await?;
        Ok("REST v2".to_owned())
    }

    /// A session says whether it may write at all. The right for one network shows when an address is added: which of
    /// network and right is looked at first is not known, so that a refusal that names the network proves nothing.
    async fn may_write(&self) -> Result<()> {
        let session: CurrentSession = self.rest.get(&["sessions", "current"], "a session").await?;
        if session.read_only {
            return Err(crate::address_manager::read_only());
        }
        let answer = self.rest.post(&["networks", "0", "addresses"], &json!({})).await?;
        match answer.status {
            400 | 404 | 409 if code(&answer).is_some() => Ok(()),
            _ => Err(error(&answer, FULL_ADDRESSES)),
        }
    }

    async fn may_view_networks(&self, configuration: &Configuration) -> Result<()> {
        let filter = format!("configuration.id:{}", configuration.id);
        let query = [("filter", filter.as_str()), ("limit", "1"), ("fields", NetworkRow::FIELDS)];
        self.rest.page::<Value>(&["networks"], &query, VIEW_NETWORKS).await.map(drop)
    }

    async fn configurations(&self) -> Result<Vec<Configuration>> {
        let query = [("fields", "id,name,description")];
        let rows = self.rest.list(&["configurations"], &query, VIEW_CONFIGURATIONS).await?;
        Ok(rows.into_iter().map(configuration).collect())
    }

    async fn configuration(&self, name: &str) -> Result<Option<Configuration>> {
        let Some(text) = quoted(name) else {
            return Ok(self.configurations().await?.into_iter().find(|known| known.name == name));
        };
        let filter = format!("name:{text}");
        let query = [("filter", filter.as_str()), ("fields", "id,name,description")];
        let rows: Vec<ConfigurationRow> = self.rest.list(&["configurations"], &query, VIEW_CONFIGURATIONS).await?;
        // Whether case counts is not known.
        Ok(rows.into_iter().map(configuration).find(|known| known.name == name))
    }

    async fn networks(&self, configuration: &Configuration) -> Result<Vec<Network>> {
        let filter = format!("configuration.id:{}", configuration.id);
        let query = [("filter", filter.as_str()), ("fields", NetworkRow::FIELDS)];
        let rows: Vec<NetworkRow> = self.rest.list(&["networks"], &query, VIEW_NETWORKS).await?;
        let networks = rows.into_iter().filter_map(network);
        Ok(networks.filter(|known| known.configuration.id == configuration.id).collect())
    }

    /// All configurations are asked for, also when one is meant: there are few records of a prefix, and a name may be one
    /// that no filter can hold.
    async fn find(&self, prefix: Prefix, configuration: Option<&str>) -> Result<Vec<Network>> {
        let filter = range_is(prefix);
        let query = [("filter", filter.as_str()), ("fields", NetworkRow::FIELDS)];
        let rows: Vec<NetworkRow> = self.rest.list(&["networks"], &query, VIEW_NETWORKS).await?;
        let is_meant = |known: &Network| {
            known.prefix == prefix && configuration.is_none_or(|name| known.configuration.name == name)
        };
        Ok(rows.into_iter().filter_map(network).filter(is_meant).collect())
    }

    async fn address(&self, place: Place<'_>, address: IpAddr) -> Result<Option<Address>> {
        let id = place.network.to_string();
        let rows = self.rows(&["networks", &id, "addresses"], address).await?;
        rows.first().map(|row| self.record(row)).transpose()
    }

    async fn addresses(&self, address: IpAddr) -> Result<Vec<(String, Address)>> {
        let named = |row: &AddressRow| {
            let name = row.configuration.as_ref().and_then(|known| known.name.clone()).unwrap_or_default();
            Ok((name, self.record(row)?))
        };
        self.rows(&["addresses"], address).await?.iter().map(named).collect()
    }

    async fn free(&self, place: Place<'_>, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        free::free(&self.rest, place, query).await
    }

    /// By id: that lists can be ordered by it is documented.
    async fn list(&self, place: Place<'_>, from: Option<&str>, at_most: usize) -> Result<AddressPage> {
        let after: u64 = from.map_or(Ok(0), str::parse).map_err(|_| bad_place(place.subnet))?;
        let id = place.network.to_string();
        let (filter, limit) = (format!("id:gt({after})"), at_most.min(PAGE).to_string());
        let query = [("filter", filter.as_str()), ("orderBy", "asc(id)"), ("limit", &limit), ("total", "true")];
        let at = ["networks", id.as_str(), "addresses"];
        let rows: super::wire::Page<AddressRow> = self.rest.page(&at, &query, VIEW_ADDRESSES).await?;
        let has_more = rows.total_count.map_or(!rows.data.0.is_empty(), |total| total > rows.data.0.len() as u64);
        let mut page = AddressPage::default();
        let mut last = after;
        for row in rows.data.0 {
            let (Some(address), Some(id)) = (row.host(), row.id.filter(|id| *id > last)) else {
                let text = format!("{WHAT} lists addresses that were not asked for; set api: v1, and report it");
                return Err(Error::new(ErrorKind::Unexpected, text).because(format!("{row:?}")));
            };
            last = id;
            if !row.state.as_deref().is_some_and(is_free) {
                page.records.insert(address, self.record(&row)?);
            }
        }
        page.next = (has_more && last > after).then(|| last.to_string());
        Ok(page)
    }

    async fn add(&self, place: Place<'_>, new: &NewAddress) -> Result<u64> {
        let id = place.network.to_string();
        let body = NewAddressRow {
            r#type: address_type(new.address),
            address: new.address.to_string(),
            state: "STATIC",
            name: new.name.as_deref(),
            mac_address: new.mac.map(NewMac::of),
            user_defined_fields: new.field.as_ref().map(|(field, text)| [(field.as_str(), text.as_str())].into()),
        };
        let answer = self.rest.post(&["networks", &id, "addresses"], &body).await?;
        if answer.status != 201 {
            let error = error(&answer, FULL_ADDRESSES);
            // A conflict may have other names.
            let is_open = answer.status == 409 && error.kind() == ErrorKind::Rejected;
            return match is_open && self.address(place, new.address).await?.is_some() {
                true => Err(Error::new(ErrorKind::AlreadyExists, error.to_string()).because(answer.cause())),
                false => Err(error),
            };
        }
        let row: AddressRow = answer.json()?;
        if row.host() != Some(new.address) {
            let text = format!("{WHAT} added another address than it was asked to add");
            return Err(Error::new(ErrorKind::Unexpected, text).because(answer.cause()));
        }
        if let Some((field, text)) = &new.field
            && row.field(field).as_deref() != Some(text)
        {
            // Unknown fields are dropped without a word.
            log::warn!(
                "bluecat: {} is recorded without its description: IP addresses have no field {field}",
                new.address
            );
        }
        Ok(self.record(&row)?.id)
    }

    /// The whole resource is read and written back, as the guide has it ("Updating resources"): what a `PUT` leaves out is
    /// lost.
    async fn change(&self, _: Place<'_>, _: IpAddr, record: &Address, changes: &Changes) -> Result<bool> {
        let id = record.id.to_string();
        let at = ["addresses", id.as_str()];
        let whole: Result<Option<Map<String, Value>>> = self.rest.get(&at, VIEW_ADDRESSES).await;
        let Some(mut whole) = absent_if_gone(whole)? else { return Ok(false) };
        if whole.get("id").and_then(Value::as_u64) != Some(record.id) {
            let text = format!("{WHAT} answers with another record than it was asked for");
            return Err(Error::new(ErrorKind::Unexpected, text));
        }
        change(&mut whole, changes);
        self.rest.put(&at, &whole, FULL_ADDRESSES).await
    }

    async fn delete(&self, _: Place<'_>, _: IpAddr, record: &Address) -> Result<bool> {
        self.rest.delete(&["addresses", &record.id.to_string()], FULL_ADDRESSES).await
    }

    async fn has_zone(&self, configuration: u64, place: &Dns) -> Result<bool> {
        Ok(dns::zone(&self.rest, configuration, place).await?.is_some())
    }

    async fn add_host(&self, configuration: u64, place: &Dns, name: &str, address: (u64, IpAddr)) -> Result<()> {
        dns::add(&self.rest, configuration, place, name, address).await
    }

    async fn hosts_of(&self, address: u64) -> Result<Vec<Host>> {
        absent_if_gone(dns::hosts_of(&self.rest, address).await)
    }

    async fn delete_host(&self, host: &Host) -> Result<()> {
        self.rest.delete(&["resourceRecords", &host.id.to_string()], crate::vendor::FULL_HOSTS).await.map(drop)
    }

    async fn deploy(&self, target: Target, place: Option<&Dns>) -> Result<()> {
        dns::deploy(&self.rest, target, place).await
    }
}
