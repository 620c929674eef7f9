//! NetBox's JSON, as far as it is used. Recorded from 4.6.8; what older versions leave out is optional.
//!
//! Unknown keys are ignored: every version has more of them, and `fields=` is unknown before 4.0.

use std::net::IpAddr;

use ipam_provider::Prefix as Cidr;
use ipam_provider::http::Rows;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest page that is asked for; a server may be set to give less (`MAX_PAGE_SIZE`), and says so nowhere.
pub(crate) const PAGE: usize = 1000;

/// One page of any list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// How many rows there are on all pages; `null` only for pages by cursor (4.6), which are not asked for.
    pub(crate) count: Option<u64>,
    /// The URL of the next page, built from headers that a front end may set. Only its presence counts.
    pub(crate) next: Option<String>,
    /// The rows of this page; never more than were asked for.
    pub(crate) results: Rows<T, PAGE>,
}

/// A row of a list with pages.
pub(crate) trait Row: DeserializeOwned + Send + 'static {
    /// Its id: what came on two pages is one row.
    fn id(&self) -> u64;
}

macro_rules! rows {
    ($($row:ty)+) => {$(
        impl Row for $row {
            fn id(&self) -> u64 {
                self.id
            }
        }
    )+};
}

rows!(Group VrfRule Prefix Address Range);

/// A record as it is shown inside of another one.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Nested {
    /// Its id.
    pub(crate) id: u64,
    /// Its name; not unique for VRFs and tenants.
    pub(crate) name: String,
}

/// The scope of a prefix, from 4.2 on: a site, a location, a region, a site group, or whatever a plugin adds.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Scope {
    /// Its name, where it has one.
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// `{"value": "active", "label": "Active"}`, or `"active"` alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Choice(pub(crate) String);

impl TryFrom<Value> for Choice {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let value = match value {
            Value::Object(mut choice) => choice.remove("value").unwrap_or_default(),
            other => other,
        };
        value.as_str().map(|value| Self(value.to_owned())).ok_or("a choice is a text")
    }
}

/// A row of `/api/ipam/vrfs/`, `/api/tenancy/tenants/`, `/api/dcim/sites/` or `/api/ipam/roles/`.
#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    /// Its id.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// Free text.
    #[serde(default)]
    pub(crate) description: String,
}

/// A row of `/api/ipam/vrfs/`, for its rule.
#[derive(Debug, Deserialize)]
pub(crate) struct VrfRule {
    /// Its id.
    pub(crate) id: u64,
    /// Is a second record of an address refused?
    pub(crate) enforce_unique: bool,
    /// From 4.0 on.
    #[serde(default)]
    pub(crate) display_url: Option<String>,
}

impl VrfRule {
    /// What is asked for of a row.
    pub(crate) const FIELDS: &'static str = "id,enforce_unique,display_url";

    /// Does NetBox refuse a second record of an address? `None` for versions that do it only when nobody else writes at
    /// the same moment: they do so before 3.3, and a `display_url`, which is there from 4.0 on, is a sure sign of a later one.
    pub(crate) fn keeps_unique(&self) -> Option<bool> {
        let is_sure = !self.enforce_unique || self.display_url.is_some();
        is_sure.then_some(self.enforce_unique)
    }
}

/// A row of `/api/ipam/prefixes/`, and the whole of `/api/ipam/prefixes/{id}/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Prefix {
    /// Its id.
    pub(crate) id: u64,
    /// Network and length, canonical.
    pub(crate) prefix: String,
    /// `null` in the global table.
    pub(crate) vrf: Option<Nested>,
    /// `null` without.
    pub(crate) tenant: Option<Nested>,
    /// `null` without.
    pub(crate) role: Option<Nested>,
    /// Up to 4.1.
    #[serde(default)]
    pub(crate) site: Option<Nested>,
    /// From 4.2 on, such as `dcim.site`.
    #[serde(default)]
    pub(crate) scope_type: Option<String>,
    /// From 4.2 on.
    #[serde(default)]
    pub(crate) scope: Option<Scope>,
    /// `container`, `active`, `reserved`, `deprecated`, or what the site has added.
    pub(crate) status: Choice,
    /// May hosts have every address?
    pub(crate) is_pool: bool,
    /// From 3.0 on, as IP ranges. Up to 4.2 no address of a prefix is listed as free that is marked so.
    #[serde(default)]
    pub(crate) mark_utilized: Option<bool>,
    /// Free text.
    pub(crate) description: String,
}

/// The status of a prefix that holds prefixes.
const CONTAINER: &str = "container";

impl Prefix {
    /// What is asked for of a row; names that a version does not know are ignored.
    pub(crate) const FIELDS: &'static str =
        "id,prefix,vrf,tenant,role,site,scope_type,scope,status,is_pool,mark_utilized,description";

    /// The id of its VRF; `None` in the global table.
    pub(crate) fn vrf_id(&self) -> Option<u64> {
        self.vrf.as_ref().map(|vrf| vrf.id)
    }

    /// In a container of the global table the addresses of all VRFs count as recorded.
    pub(crate) fn counts_all_vrfs(&self) -> bool {
        self.vrf.is_none() && self.status.0 == CONTAINER
    }

    /// The prefix as a value, if it is one.
    pub(crate) fn cidr(&self) -> Option<Cidr> {
        self.prefix.parse().ok()
    }
}

/// The whole of `/api/ipam/prefixes/{id}/available-ips/`, which is a plain list without pages.
pub(crate) type AvailableList = Rows<Available, PAGE>;

/// A row of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Available {
    /// The address with the length of the prefix that was asked.
    pub(crate) address: String,
    /// The VRF of the prefix; `null` in the global table.
    pub(crate) vrf: Option<Nested>,
}

/// A row of `/api/ipam/ip-addresses/`, and the answer to its creation.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Address {
    /// Its id. Ids only grow.
    pub(crate) id: u64,
    /// The address with a length, which need not be that of a prefix.
    pub(crate) address: String,
    /// `null` in the global table.
    pub(crate) vrf: Option<Nested>,
    /// Lower case; empty without.
    #[serde(default)]
    pub(crate) dns_name: String,
    /// At most 200 characters.
    #[serde(default)]
    pub(crate) description: String,
    /// All custom fields, `null` where not set.
    #[serde(default)]
    pub(crate) custom_fields: Map<String, Value>,
}

impl Address {
    /// What is asked for of a row.
    pub(crate) const FIELDS: &'static str = "id,address,vrf,dns_name,description,custom_fields";

    /// The address without its length, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        Some(interface(&self.address)?.0)
    }
}

/// A row of `/api/ipam/ip-ranges/`, which 2.11 and older do not have.
#[derive(Debug, Deserialize)]
pub(crate) struct Range {
    /// Its id.
    pub(crate) id: u64,
    /// Its first address, with a length.
    pub(crate) start_address: String,
    /// Its last address, with a length.
    pub(crate) end_address: String,
    /// `null` in the global table.
    pub(crate) vrf: Option<Nested>,
    /// From 4.3 on: are all its addresses in use? Before, no address of any range is given out.
    #[serde(default)]
    pub(crate) mark_populated: Option<bool>,
}

/// The body of `POST /api/ipam/ip-addresses/`. Choices and related records are written differently from how they are
/// read. Keys that are left out take NetBox's defaults; `null` is refused for texts.
#[derive(Debug, Serialize)]
pub(crate) struct NewAddress<'a> {
    /// With the length of the subnet; without one NetBox records a /32 or /128. Without an address it creates nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    /// The id, or `null` for the global table.
    pub(crate) vrf: Option<u64>,
    /// The choice's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a str>,
    /// Letters, digits, `-`, `_`, dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_name: Option<String>,
    /// At most 200 characters.
    pub(crate) description: String,
    /// An existing tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<Related<'a>>,
    /// Existing tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<Related<'a>>,
    /// Only the fields to set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) custom_fields: Map<String, Value>,
}

/// The body of `PATCH /api/ipam/ip-addresses/{id}/`: what is missing stays, also each custom field.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct AddressChanges {
    /// As in [`NewAddress`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dns_name: Option<String>,
    /// As in [`NewAddress`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// As in [`NewAddress`].
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) custom_fields: Map<String, Value>,
}

/// How a related record is named in a body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Related<'a> {
    /// By its id.
    Id(u64),
    /// By its slug.
    Slug(&'a str),
}

/// Most refusals.
#[derive(Debug, Deserialize)]
pub(crate) struct Detail {
    /// One sentence, translated into the language that was asked for.
    pub(crate) detail: String,
}

/// Address and length of `10.1.0.4/24`.
pub(crate) fn interface(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    Some((address.parse().ok()?, length.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_an_object_or_a_text() {
        for status in [json!({"value": "active", "label": "Active"}), json!("active")] {
            let Choice(value) = serde_json::from_value(status).expect("a choice");
            assert_eq!(value, "active");
        }
        assert!(serde_json::from_value::<Choice>(json!({"label": "Active"})).is_err());
        assert!(serde_json::from_value::<Choice>(json!(1)).is_err());
    }

    #[test]
    fn related_records_are_written_as_objects() {
        let written = serde_json::to_value([Related::Id(7), Related::Slug("foreman")]).expect("JSON");
        assert_eq!(written, json!([{"id": 7}, {"slug": "foreman"}]));
    }

    #[test]
    fn an_address_has_a_length() {
        assert_eq!(interface("10.1.0.4/32"), Some(([10, 1, 0, 4].into(), 32)));
        assert_eq!(interface("2001:db8::1/64").map(|(_, length)| length), Some(64));
        assert_eq!(interface("10.1.0.4"), None);
        assert_eq!(interface("x/24"), None);
    }
}
