//! The JSON of v1, as far as it is used: from the legacy v1 guide and from clients, not recorded.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam_provider::Prefix;
use ipam_provider::http::{ROWS_AT_MOST, Rows};
use serde::{Deserialize, Serialize};

use super::properties;

/// Any object: `{"id": 100923, "name": "net-a", "type": "IP4Network", "properties": "CIDR=192.0.2.0/24|"}`. What is not there
/// has the id 0 and nulls besides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entity {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) properties: Option<String>,
}

/// A list of entities.
pub(super) type Entities = Rows<Entity, ROWS_AT_MOST>;

impl Entity {
    /// Is it there?
    pub(super) fn is_there(&self) -> bool {
        self.id != 0
    }

    /// Its properties.
    pub(super) fn parsed(&self) -> BTreeMap<String, String> {
        self.properties.as_deref().map(properties::parse).unwrap_or_default()
    }

    /// Sets a property; the others stay as they are written.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.properties = Some(properties::set(self.properties.as_deref().unwrap_or_default(), key, value));
    }

    /// The prefix of a network or block; a block may be a range that is no prefix.
    pub(super) fn prefix(&self) -> Option<Prefix> {
        let properties = self.parsed();
        properties.get("CIDR").or_else(|| properties.get("prefix"))?.parse().ok()
    }
}

/// The types of networks, blocks and addresses of one family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) block: &'static str,
    pub(super) network: &'static str,
    pub(super) address: &'static str,
    pub(super) get_address: &'static str,
}

pub(super) const FAMILIES: [Family; 2] = [
    Family { block: "IP4Block", network: "IP4Network", address: "IP4Address", get_address: "getIP4Address" },
    Family { block: "IP6Block", network: "IP6Network", address: "IP6Address", get_address: "getIP6Address" },
];

/// The family of an address.
pub(super) fn family(address: IpAddr) -> Family {
    FAMILIES[usize::from(address.is_ipv6())]
}
