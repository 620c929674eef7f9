//! What is in the database: the tree of configurations, blocks and networks, addresses, DNS, and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::net::Net;

#[derive(Debug, Clone)]
pub(super) struct Configuration {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
}

/// A block holds blocks and networks.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) id: u64,
    /// A configuration or a block.
    pub(super) parent: u64,
    pub(super) net: Net,
}

#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) id: u64,
    pub(super) block: u64,
    pub(super) configuration: u64,
    pub(super) net: Net,
    pub(super) name: Option<String>,
}

/// A range that DHCP gives addresses of.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) id: u64,
    pub(super) network: u64,
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
}

#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) id: u64,
    pub(super) network: u64,
    pub(super) configuration: u64,
    pub(super) address: IpAddr,
    /// Such as `STATIC`.
    pub(super) state: String,
    pub(super) name: Option<String>,
    /// Such as `AA-BB-CC-DD-EE-FF`.
    pub(super) mac: Option<String>,
    /// The fields that the site has defined.
    pub(super) fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) id: u64,
    pub(super) configuration: u64,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) id: u64,
    /// A view or a zone.
    pub(super) parent: u64,
    pub(super) view: u64,
    /// One label.
    pub(super) name: String,
    pub(super) absolute: String,
}

#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) id: u64,
    pub(super) zone: u64,
    pub(super) name: String,
    pub(super) absolute: String,
    pub(super) has_reverse: bool,
    /// Ids.
    pub(super) addresses: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: u64,
    /// What stands in the header `Authorization`.
    pub(super) header: String,
}

/// The one user of the API.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    /// May it change anything?
    pub(super) writes: bool,
    /// Is the server one that takes no changes, or the user one that makes none?
    pub(super) read_only: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) configurations: Vec<Configuration>,
    pub(super) blocks: Vec<Block>,
    pub(super) networks: Vec<Network>,
    pub(super) ranges: Vec<Range>,
    pub(super) addresses: Vec<Address>,
    pub(super) views: Vec<View>,
    pub(super) zones: Vec<Zone>,
    pub(super) hosts: Vec<Host>,
    pub(super) sessions: Vec<Session>,
    pub(super) user: User,
    /// The fields of addresses that the site has defined.
    pub(super) fields: BTreeSet<String>,
    /// Zones and networks that were deployed, in order.
    pub(super) deployed: Vec<u64>,
    made: u64,
}

impl State {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self {
            configurations: Vec::new(),
            blocks: Vec::new(),
            networks: Vec::new(),
            ranges: Vec::new(),
            addresses: Vec::new(),
            views: Vec::new(),
            zones: Vec::new(),
            hosts: Vec::new(),
            sessions: Vec::new(),
            user: User { name: user.to_owned(), password: password.to_owned(), writes: true, read_only: false },
            fields: BTreeSet::new(),
            deployed: Vec::new(),
            made: 100_880,
        }
    }

    /// A new id; ids are unique among objects of all kinds.
    pub(super) fn new_id(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) fn configuration(&self, id: u64) -> Option<&Configuration> {
        self.configurations.iter().find(|known| known.id == id)
    }

    /// The configuration of this name; case matters here.
    pub(super) fn configuration_named(&self, name: &str) -> &Configuration {
        self.configurations.iter().find(|known| known.name == name).expect("a configuration")
    }

    pub(super) fn network(&self, id: u64) -> Option<&Network> {
        self.networks.iter().find(|known| known.id == id)
    }

    /// The network of a configuration that an address is in.
    pub(super) fn network_around(&self, configuration: u64, address: IpAddr) -> Option<&Network> {
        self.networks.iter().find(|known| known.configuration == configuration && known.net.contains(address))
    }

    /// The record of an address in a configuration.
    pub(super) fn address(&self, configuration: u64, address: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|known| known.configuration == configuration && known.address == address)
    }

    pub(super) fn is_in_range(&self, network: u64, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.network == network && range.first <= address && address <= range.last)
    }

    /// Has nobody the address, and does DHCP not give it?
    pub(super) fn is_unassigned(&self, network: &Network, address: IpAddr) -> bool {
        let is_taken = |known: &Address| !matches!(known.state.as_str(), "UNASSIGNED" | "UNALLOCATED");
        !self.is_in_range(network.id, address)
            && !self
                .addresses
                .iter()
                .any(|known| known.network == network.id && known.address == address && is_taken(known))
    }

    /// Adds the record of an address that has none; `None` where it has one.
    pub(super) fn insert(&mut self, network: &Network, address: IpAddr, state: &str) -> Option<&mut Address> {
        let is_there = |known: &Address| known.configuration == network.configuration && known.address == address;
        if let Some(at) = self.addresses.iter().position(is_there) {
            let known = &mut self.addresses[at];
            if !matches!(known.state.as_str(), "UNASSIGNED" | "UNALLOCATED") {
                return None;
            }
            known.state = state.to_owned();
            return Some(known);
        }
        let id = self.new_id();
        self.addresses.push(Address {
            id,
            network: network.id,
            configuration: network.configuration,
            address,
            state: state.to_owned(),
            name: None,
            mac: None,
            fields: BTreeMap::new(),
        });
        self.addresses.last_mut()
    }

    /// Removes the record of an address and takes it out of host records.
    pub(super) fn remove_address(&mut self, id: u64) {
        self.addresses.retain(|known| known.id != id);
        for host in &mut self.hosts {
            host.addresses.retain(|address| *address != id);
        }
    }

    /// The zone that a name is in, and the part of the name before it.
    pub(super) fn zone_of(&self, view: u64, absolute: &str) -> Option<(&Zone, String)> {
        let zones = self.zones.iter().filter(|zone| zone.view == view);
        let inside = zones.filter_map(|zone| {
            let label = absolute.strip_suffix(&zone.absolute)?.strip_suffix('.')?;
            Some((zone, label.to_owned()))
        });
        inside.max_by_key(|(zone, _)| zone.absolute.len())
    }
}

/// `aa:bb:…`, `AABB…` and `AA-BB-…` as BlueCat writes it; `None` for what is no MAC of 6 bytes.
pub(super) fn mac_text(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_uppercase();
    let separators = text.chars().filter(|c| !c.is_ascii_hexdigit()).all(|c| matches!(c, ':' | '-' | '.'));
    let bytes: Vec<&str> = (0..digits.len() / 2).map(|at| &digits[2 * at..2 * at + 2]).collect();
    (digits.len() == 12 && separators).then(|| bytes.join("-"))
}
