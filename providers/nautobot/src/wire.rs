//! Nautobot's JSON, field for field, as far as it is used. Recorded from Nautobot 3.2.7; keys that are not named here
//! are ignored.

use std::net::IpAddr;

use ipam_provider::Prefix;
use ipam_provider::http::Rows;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Rows of a page. More are not given (`MAX_PAGE_SIZE`, 1000 by default); a site may have set less.
pub(crate) const PAGE: usize = 1000;

/// A page of `GET /api/<app>/<objects>/` (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// How many rows there are on all pages.
    pub(crate) count: u64,
    /// The URL of the next page. Only whether there is one is used: its host comes from the request's `Host`, and the
    /// token must not go wherever an answer says.
    pub(crate) next: Option<String>,
    /// Never more rows than were asked for.
    pub(crate) results: Rows<T, PAGE>,
}

/// A row of `/api/ipam/namespaces/` (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct NamespaceRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
}

/// A row of `/api/ipam/prefixes/` (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct PrefixRow {
    pub(crate) id: String,
    /// Such as `10.1.0.0/24`.
    pub(crate) prefix: String,
    pub(crate) r#type: Choice,
    pub(crate) namespace: NamespaceReference,
    pub(crate) description: String,
}

impl PrefixRow {
    /// The prefix as a value.
    pub(crate) fn value(&self) -> Option<Prefix> {
        self.prefix.parse().ok()
    }

    /// Every address of a pool is for hosts.
    pub(crate) fn is_pool(&self) -> bool {
        self.r#type.value == "pool"
    }

    /// A container is there to hold prefixes, not addresses.
    pub(crate) fn is_container(&self) -> bool {
        self.r#type.value == "container"
    }
}

/// `{"value": "network", "label": "Network"}`; also `container` and `pool` (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    pub(crate) value: String,
}

/// A namespace in another object: `{"id", "object_type", "url"}`, with `depth=1` the whole of it (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct NamespaceReference {
    pub(crate) id: String,
    /// Only with `depth=1`.
    pub(crate) name: Option<String>,
}

/// The prefix of an address: `{"id", "object_type", "url"}`, with `depth=1` the whole of it (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct ParentReference {
    /// Only with `depth=1`; then without its name.
    pub(crate) namespace: Option<NamespaceReference>,
}

/// A row of `/api/ipam/ip-addresses/` and the answer to a `POST` there (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct AddressRow {
    pub(crate) id: String,
    /// Such as `10.1.0.4/24`. The mask is whatever the writer gave.
    pub(crate) address: String,
    /// The smallest prefix of the namespace around the address.
    pub(crate) parent: ParentReference,
    /// Empty when there is none; always lower case.
    pub(crate) dns_name: String,
    pub(crate) description: String,
    pub(crate) custom_fields: Map<String, Value>,
}

impl AddressRow {
    /// The address without its mask.
    pub(crate) fn host(&self) -> Option<IpAddr> {
        host(&self.address)
    }
}

/// The whole of `GET /api/ipam/prefixes/<id>/available-ips/`, which is a bare list (3.2.7).
pub(crate) type AvailableList = Rows<AvailableRow, PAGE>;

/// A row of it (3.2.7).
#[derive(Debug, Deserialize)]
pub(crate) struct AvailableRow {
    /// Such as `10.1.0.2/24`: the mask is the prefix's.
    pub(crate) address: String,
}

impl AvailableRow {
    /// The address without its mask.
    pub(crate) fn host(&self) -> Option<IpAddr> {
        host(&self.address)
    }

    /// The length of the prefix.
    pub(crate) fn length(&self) -> Option<u8> {
        self.address.split_once('/')?.1.parse().ok()
    }
}

fn host(address: &str) -> Option<IpAddr> {
    address.split_once('/').map_or(address, |(host, _)| host).parse().ok()
}

/// A row of `/api/extras/statuses/`, `/api/extras/tags/` or `/api/tenancy/tenants/`, which all have a name. Not
/// recorded.
#[derive(Debug, Deserialize)]
pub(crate) struct NamedRow {
    pub(crate) name: String,
    /// The object types that a status or a tag is for, such as `ipam.ipaddress`; a tenant has none.
    #[serde(default)]
    pub(crate) content_types: Option<Vec<String>>,
}

/// The body of `POST /api/ipam/ip-addresses/` (3.2.7).
#[derive(Debug, Serialize)]
pub(crate) struct NewAddress {
    /// With the mask of its subnet; without one it would become /32.
    pub(crate) address: String,
    /// The id.
    pub(crate) namespace: String,
    /// The id of the prefix. With both, Nautobot refuses a prefix that is not the smallest one of the namespace around
    /// the address; without, it finds that one itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    /// Required, by name; case matters.
    pub(crate) status: String,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<Named>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) custom_fields: Map<String, Value>,
}

/// The body of `PATCH /api/ipam/ip-addresses/<id>/` (3.2.7): what is missing stays, also each custom field.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct AddressChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_name: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) custom_fields: Map<String, Value>,
}

/// An object in a request, by its name rather than by its id (3.2.7).
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

/// What a refusal says: `{"detail": text}`, or for a 500 `{"error", "exception", "nautobot_version", "python_version"}`
/// (3.2.7).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub(crate) detail: Option<String>,
    pub(crate) exception: Option<String>,
}
