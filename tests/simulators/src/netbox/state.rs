//! What is in the database.

use serde_json::{Map, Value};

use super::net::Net;

/// A record with an id and a name: tenants, sites, roles of prefixes, tags.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) description: String,
}

#[derive(Debug, Clone)]
pub(super) struct Vrf {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) rd: Option<String>,
    pub(super) tenant: Option<u64>,
    pub(super) enforce_unique: bool,
    pub(super) description: String,
}

impl Vrf {
    pub(super) fn display(&self) -> String {
        self.rd.as_ref().map_or_else(|| self.name.clone(), |rd| format!("{} ({rd})", self.name))
    }
}

/// What a prefix belongs to, from 4.2 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Site(u64),
    /// A location of this site.
    Location(u64),
}

#[derive(Debug, Clone)]
pub(super) struct Prefix {
    pub(super) id: u64,
    pub(super) net: Net,
    pub(super) vrf: Option<u64>,
    pub(super) tenant: Option<u64>,
    pub(super) role: Option<u64>,
    pub(super) scope: Option<Scope>,
    pub(super) status: String,
    pub(super) is_pool: bool,
    pub(super) mark_utilized: bool,
    pub(super) description: String,
}

#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) id: u64,
    pub(super) net: Net,
    pub(super) vrf: Option<u64>,
    pub(super) tenant: Option<u64>,
    pub(super) status: String,
    pub(super) role: Option<String>,
    pub(super) dns_name: String,
    pub(super) description: String,
    pub(super) comments: String,
    pub(super) is_assigned: bool,
    pub(super) tags: Vec<u64>,
    pub(super) custom_fields: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) id: u64,
    pub(super) first: Net,
    pub(super) last: Net,
    pub(super) vrf: Option<u64>,
    pub(super) status: String,
    pub(super) mark_populated: bool,
    pub(super) mark_utilized: bool,
}

/// A custom field of IP addresses.
#[derive(Debug, Clone)]
pub(super) struct CustomField {
    pub(super) name: String,
    pub(super) required: bool,
    /// Must it be a MAC of 6 bytes in lower case?
    pub(super) is_mac: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) vrfs: Vec<Vrf>,
    pub(super) tenants: Vec<Named>,
    pub(super) sites: Vec<Named>,
    pub(super) roles: Vec<Named>,
    pub(super) tags: Vec<Named>,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) addresses: Vec<Address>,
    pub(super) ranges: Vec<Range>,
    pub(super) custom_fields: Vec<CustomField>,
    pub(super) enforce_global_unique: bool,
    pub(super) last_address: u64,
}

impl State {
    /// The next id of an address: ids are never used again.
    pub(super) fn next_address_id(&mut self) -> u64 {
        self.last_address += 1;
        self.last_address
    }

    pub(super) fn vrf(&self, id: u64) -> Option<&Vrf> {
        self.vrfs.iter().find(|vrf| vrf.id == id)
    }

    pub(super) fn prefix(&self, id: u64) -> Option<&Prefix> {
        self.prefixes.iter().find(|prefix| prefix.id == id)
    }

    /// All custom fields of an address, `null` where not set.
    pub(super) fn all_custom_fields(&self, set: &Map<String, Value>) -> Map<String, Value> {
        let value = |field: &CustomField| (field.name.clone(), set.get(&field.name).cloned().unwrap_or_default());
        self.custom_fields.iter().map(value).collect()
    }

    /// May there be no second record of an address in this VRF?
    pub(super) fn enforces_unique(&self, vrf: Option<u64>) -> bool {
        vrf.map_or(self.enforce_global_unique, |id| self.vrf(id).is_some_and(|vrf| vrf.enforce_unique))
    }
}

impl Vrf {
    pub(super) fn new(id: u64, name: &str) -> Self {
        Self { id, name: name.to_owned(), rd: None, tenant: None, enforce_unique: true, description: String::new() }
    }
}

impl Named {
    pub(super) fn new(id: u64, name: &str) -> Self {
        Self { id, name: name.to_owned(), slug: slug(name, id), description: String::new() }
    }
}

impl Prefix {
    pub(super) fn new(id: u64, net: &str) -> Self {
        Self {
            id,
            net: Net::parse(net).expect("a prefix"),
            vrf: None,
            tenant: None,
            role: None,
            scope: None,
            status: "active".to_owned(),
            is_pool: false,
            mark_utilized: false,
            description: String::new(),
        }
    }
}

impl Address {
    pub(super) fn new(id: u64, net: Net) -> Self {
        Self {
            id,
            net,
            vrf: None,
            tenant: None,
            status: "active".to_owned(),
            role: None,
            dns_name: String::new(),
            description: String::new(),
            comments: String::new(),
            is_assigned: false,
            tags: Vec::new(),
            custom_fields: Map::new(),
        }
    }
}

fn slug(name: &str, id: u64) -> String {
    let plain: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    if plain.is_empty() { format!("record-{id}") } else { plain }
}
