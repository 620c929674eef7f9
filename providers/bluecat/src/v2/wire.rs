//! The JSON of v2, as far as it is used: from the RESTful v2 API guide of 9.5 and from clients, not recorded. Keys that are
//! not named here are ignored.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam_provider::Mac;
use ipam_provider::http::{ROWS_AT_MOST, Rows};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `POST /sessions` (guide, "Authentication").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) basic_authentication_credentials: String,
}

/// `GET /sessions/current`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CurrentSession {
    /// Of a user who may only read, or of a server that is a standby.
    #[serde(default)]
    pub(super) read_only: bool,
}

/// A page of a collection (guide, "Collections").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// The rows of all pages, where `total=true` was asked for and is known.
    pub(super) total_count: Option<u64>,
    pub(super) data: Rows<T, ROWS_AT_MOST>,
}

/// A row of `/configurations`.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigurationRow {
    pub(super) id: u64,
    /// Without a name nobody can ask for it.
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
}

/// A row of `/networks`, with these fields.
#[derive(Debug, Deserialize)]
pub(super) struct NetworkRow {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    /// Such as `192.0.2.0/24`; IPv6 in upper case.
    pub(super) range: String,
    pub(super) configuration: ConfigurationRow,
}

impl NetworkRow {
    /// The fields that are asked for; as the guide's own example writes them.
    pub(super) const FIELDS: &'static str = "id,type,name,range,configuration.id,configuration.name";
}

/// A row of `/networks/<id>/ranges`: what DHCP gives addresses of.
#[derive(Debug, Deserialize)]
pub(super) struct RangeRow {
    /// Such as `192.0.2.10-192.0.2.20`, or a prefix.
    pub(super) range: String,
}

/// A row of `/addresses` and `/networks/<id>/addresses`, and the answer to a `POST` there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddressRow {
    /// An address that nobody has may have none.
    pub(super) id: Option<u64>,
    #[serde(default)]
    pub(super) name: Option<String>,
    /// IPv6 in upper case.
    pub(super) address: String,
    /// Such as `STATIC`; `UNASSIGNED` for an address that nobody has.
    #[serde(default)]
    pub(super) state: Option<String>,
    /// `{"id", "type": "MACAddress", "address"}`; a bare text is read too.
    #[serde(default)]
    mac_address: Value,
    #[serde(default)]
    pub(super) configuration: Option<ConfigurationRow>,
    #[serde(default)]
    pub(super) user_defined_fields: Option<BTreeMap<String, Value>>,
}

impl AddressRow {
    /// The address as a value.
    pub(super) fn host(&self) -> Option<IpAddr> {
        self.address.parse().ok()
    }

    /// The MAC, where there is one and it can be read.
    pub(super) fn mac(&self) -> Option<Mac> {
        self.mac_address.as_str().or_else(|| self.mac_address["address"].as_str())?.parse().ok()
    }

    /// What is in this field.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        self.user_defined_fields.as_ref()?.get(name)?.as_str().map(str::to_owned)
    }
}

/// The body of `POST /networks/<id>/addresses`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewAddressRow<'a> {
    pub(super) r#type: &'static str,
    pub(super) address: String,
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mac_address: Option<NewMac>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_defined_fields: Option<BTreeMap<&'a str, &'a str>>,
}

/// The MAC of an address, which is linked to the configuration's record of it, or makes one.
#[derive(Debug, Serialize)]
pub(super) struct NewMac {
    r#type: &'static str,
    address: String,
}

impl NewMac {
    pub(super) fn of(mac: Mac) -> Self {
        Self { r#type: "MACAddress", address: mac.to_string().to_uppercase() }
    }
}

/// `IPv4Address` or `IPv6Address`.
pub(super) fn address_type(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IPv6Address" } else { "IPv4Address" }
}

/// A row of `/zones`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ZoneRow {
    pub(super) id: u64,
    pub(super) absolute_name: Option<String>,
    #[serde(default)]
    pub(super) view: Option<ConfigurationRow>,
    #[serde(default)]
    pub(super) configuration: Option<ConfigurationRow>,
}

/// A row of `/addresses/<id>/resourceRecords`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordRow {
    pub(super) id: u64,
    pub(super) r#type: String,
    pub(super) absolute_name: Option<String>,
}

/// What a refusal says (guide, "Errors").
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) code: Option<String>,
}
