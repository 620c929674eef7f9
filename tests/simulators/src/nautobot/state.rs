//! What is in the database: namespaces, the trees of prefixes, addresses, and who may do what.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::net::Net;

#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
}

#[derive(Debug, Clone)]
pub(super) struct Prefix {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) net: Net,
    pub(super) kind: &'static str,
    pub(super) status: String,
    pub(super) description: String,
}

#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) host: IpAddr,
    pub(super) mask: u8,
    pub(super) status: String,
    pub(super) dns_name: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) tenant: Option<String>,
    pub(super) custom_fields: Map<String, Value>,
}

/// A status, a tag or a tenant.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) content_types: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone)]
pub(super) struct Vrf {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) rd: String,
}

#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) token: String,
    /// May the token do more than read?
    pub(super) writes: bool,
    /// Such as `view ipam.prefix`.
    pub(super) permissions: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) namespaces: Vec<Namespace>,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) addresses: Vec<Address>,
    pub(super) vrfs: Vec<Vrf>,
    pub(super) statuses: Vec<Named>,
    pub(super) tags: Vec<Named>,
    pub(super) tenants: Vec<Named>,
    /// The keys of the custom fields of addresses.
    pub(super) custom_fields: Vec<String>,
    pub(super) users: Vec<User>,
    /// Addresses with these ids are seen and not deleted: a permission with conditions.
    pub(super) undeletable: BTreeSet<String>,
    made: u64,
    lost_races: u64,
}

impl State {
    /// A new id. Nautobot makes random ones.
    pub(super) fn new_id(&mut self) -> String {
        self.made += 1;
        format!("{:08x}-5d1e-4a51-8bad-{:012x}", self.made.wrapping_mul(0x9e37_79b9) & 0xffff_ffff, self.made)
    }

    /// Is the next loser of a race refused by a look, rather than by the database? They take turns.
    pub(super) fn races_are_caught_by_a_look(&mut self) -> bool {
        self.lost_races += 1;
        self.lost_races.is_multiple_of(2)
    }

    /// By id or, for what is no id, by name.
    pub(super) fn namespace(&self, key: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|known| if is_id(key) { known.id == key } else { known.name == key })
    }

    /// By name, also when that looks like an id.
    pub(super) fn namespace_named(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|known| known.name == name)
    }

    pub(super) fn prefix(&self, id: &str) -> Option<&Prefix> {
        self.prefixes.iter().find(|known| known.id == id)
    }

    pub(super) fn address(&self, id: &str) -> Option<&Address> {
        self.addresses.iter().find(|known| known.id == id)
    }

    pub(super) fn namespace_of(&self, address: &Address) -> Option<&str> {
        self.prefix(&address.parent).map(|prefix| prefix.namespace.as_str())
    }

    /// The smallest prefix of the namespace around the prefix.
    pub(super) fn parent(&self, prefix: &Prefix) -> Option<&Prefix> {
        let around =
            self.prefixes.iter().filter(|other| other.namespace == prefix.namespace && other.net.is_around(prefix.net));
        around.max_by_key(|other| other.net.length())
    }

    /// The smallest prefix of the namespace around the host.
    pub(super) fn parent_for(&self, namespace: &str, host: IpAddr) -> Option<&Prefix> {
        let around = self.prefixes.iter().filter(|prefix| prefix.namespace == namespace && prefix.net.contains(host));
        around.max_by_key(|prefix| prefix.net.length())
    }

    /// Every address in the namespace that lies in the prefix, whichever smaller prefix it belongs to.
    pub(super) fn taken_in(&self, prefix: &Prefix) -> BTreeSet<IpAddr> {
        let inside = self.addresses.iter().filter(|address| prefix.net.contains(address.host));
        inside
            .filter(|address| self.namespace_of(address) == Some(&prefix.namespace))
            .map(|address| address.host)
            .collect()
    }

    /// The addresses of the prefix that may be had, lowest first: neither the network nor the broadcast address of IPv4
    /// up to /30 but in a pool. Of IPv6 all, the first one too. Prefixes inside are not left out.
    pub(super) fn available(&self, prefix: &Prefix, from: IpAddr, to: IpAddr, at_most: usize) -> Vec<IpAddr> {
        let taken = self.taken_in(prefix);
        let has_edges = prefix.net.version() == 4 && prefix.net.length() <= 30 && prefix.kind != "pool";
        let edges = [prefix.net.first(), prefix.net.last()];
        let hosts = prefix.net.hosts(from, to).filter(|host| !taken.contains(host));
        hosts.filter(|host| !(has_edges && edges.contains(host))).take(at_most).collect()
    }

    /// Puts an address where it belongs. Addresses of a prefix that is added later move to it.
    pub(super) fn insert(&mut self, namespace: &str, host: IpAddr, mask: u8) -> &mut Address {
        let parent = self.parent_for(namespace, host).expect("a prefix around the address").id.clone();
        let (id, status) = (self.new_id(), self.statuses[0].id.clone());
        self.addresses.push(Address {
            id,
            parent,
            host,
            mask,
            status,
            dns_name: String::new(),
            description: String::new(),
            tags: Vec::new(),
            tenant: None,
            custom_fields: self.custom_fields.iter().map(|key| (key.clone(), Value::Null)).collect(),
        });
        self.addresses.last_mut().expect("it was just put there")
    }
}

/// Does it look like a UUID?
pub(super) fn is_id(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
