//! BlueCat Address Manager: REST v1 of versions 8 to 9.4, REST v2 of 9.5 and later, over one database.
//!
//! Written from the vendor's guides of both APIs and from the sources of clients, never from an appliance. What is special:
//! v1 takes all parameters in the query, answers "not there" with the id 0, and errors with 500 and a text; v2 has
//! collections with filters, drops unknown fields, writes IPv6 in upper case, and lists addresses that nobody has with the
//! state `UNASSIGNED`. Names are compared without regard to case.
//!
//! Simplified: there is one user, who may see everything; deployments end at once; a host record with several addresses
//! loses those that are deleted.

mod filter;
mod net;
mod recorded;
mod state;
mod v1;
mod v2;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::Value;

use self::net::Net;
use self::state::{Block, Configuration, Network, Range, State, View, Zone, mac_text};
use crate::{Ipam, Request, Response};

/// How a site has set up its Address Manager, and which oddities it has.
#[derive(Debug, Clone)]
pub struct Site {
    /// Is REST v1 there?
    pub has_v1: bool,
    /// Is REST v2 there?
    pub has_v2: bool,
    /// No page of a list has more rows, whatever is asked for.
    pub page_at_most: usize,
    /// The field that the site has defined for addresses.
    pub field: Option<String>,
    /// v1: is a name in the properties of an assignment recorded? One client has seen that it is not.
    pub assigns_names: bool,
    /// v2: are addresses that nobody has listed with the state `UNASSIGNED`, or only those that have a record?
    pub lists_unassigned: bool,
    /// v2: is IPv6 in filters compared as text, in upper case?
    pub compares_text: bool,
    /// v2: is an address that is taken refused with a code of its own?
    pub refuses_oddly: bool,
    /// May the MAC of a record be written when the record is changed?
    pub changes_macs: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            has_v1: true,
            has_v2: true,
            page_at_most: 100_000,
            field: None,
            assigns_names: true,
            lists_unassigned: true,
            compares_text: false,
            refuses_oddly: false,
            changes_macs: true,
        }
    }
}

/// An Address Manager.
#[derive(Debug)]
pub struct Bluecat {
    state: Mutex<State>,
    site: Site,
}

impl Bluecat {
    /// The name of the API user.
    pub const USER: &str = "foreman";

    /// The password of the API user. Some of its characters must be encoded in a URL.
    pub const PASSWORD: &str = "pa ss&wörd+%";

    /// An Address Manager that holds the seed. Every subnet must be in a group: there is no network without a
    /// configuration.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let bluecat = Self::empty(site);
        for group in &seed.groups {
            bluecat.add_configuration(group.name.as_str(), &group.description);
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every network is in a configuration");
            bluecat.add_network(group.as_str(), &subnet.prefix.to_string(), &subnet.description);
            for (address, by) in &subnet.taken {
                bluecat.take(group.as_str(), *address);
                let mut state = bluecat.state();
                let record = state.addresses.last_mut().expect("it was just taken");
                record.name.clone_from(&by.hostname);
                record.mac = by.mac.and_then(|mac| mac_text(&mac.to_string()));
            }
        }
        bluecat
    }

    /// An Address Manager with nothing in it but one user.
    pub fn empty(site: Site) -> Self {
        let mut state = State::new(Self::USER, Self::PASSWORD);
        state.fields.extend(site.field.clone());
        Self { state: Mutex::new(state), site }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a configuration.
    pub fn add_configuration(&self, name: &str, description: &str) {
        let mut state = self.state();
        let id = state.new_id();
        let (name, description) = (name.to_owned(), description.to_owned());
        state.configurations.push(Configuration { id, name, description });
    }

    /// Renames a configuration.
    pub fn rename_configuration(&self, name: &str, new: &str) {
        let mut state = self.state();
        let known = state.configurations.iter_mut().find(|known| known.name == name);
        known.expect("a configuration").name = new.to_owned();
    }

    /// Adds a network, in a block within a block, and gives its id.
    pub fn add_network(&self, configuration: &str, prefix: &str, name: &str) -> u64 {
        let mut state = self.state();
        let configuration = state.configuration_named(configuration).id;
        let net = Net::parse(prefix).expect("a prefix");
        let mut parent = configuration;
        for length in if net.is_ipv6() { [16, 32] } else { [4, 8] } {
            let around = Net::around(net.first, length).expect("a prefix");
            let known = state.blocks.iter().find(|known| known.parent == parent && known.net == around);
            parent = match known {
                Some(known) => known.id,
                None => {
                    let id = state.new_id();
                    state.blocks.push(Block { id, parent, net: around });
                    id
                }
            };
        }
        let id = state.new_id();
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        state.networks.push(Network { id, block: parent, configuration, net, name });
        id
    }

    /// Makes another network of a network, as an edit does. Its addresses stay where they are.
    pub fn move_network(&self, id: u64, prefix: &str) {
        let mut state = self.state();
        let known = state.networks.iter_mut().find(|known| known.id == id).expect("a network");
        known.net = Net::parse(prefix).expect("a prefix");
    }

    /// The id of the network of a seeded subnet.
    pub fn id_of(&self, subnet: &SeededSubnet) -> u64 {
        let group = subnet.group.as_ref().expect("every network is in a configuration");
        let state = self.state();
        let configuration = state.configuration_named(group.as_str()).id;
        let net = Net::parse(&subnet.prefix.to_string()).expect("a prefix");
        let mut networks = state.networks.iter();
        let is_it = |known: &&Network| known.configuration == configuration && known.net == net;
        networks.find(is_it).expect("the network is there").id
    }

    /// Adds a range that DHCP gives addresses of.
    pub fn add_range(&self, network: u64, first: IpAddr, last: IpAddr) {
        let mut state = self.state();
        let id = state.new_id();
        state.ranges.push(Range { id, network, first, last });
    }

    /// Adds a view and a zone in it, with a zone for each of its labels.
    pub fn add_zone(&self, configuration: &str, view: &str, zone: &str) -> u64 {
        let mut state = self.state();
        let configuration = state.configuration_named(configuration).id;
        let known = state.views.iter().find(|known| known.configuration == configuration && known.name == view);
        let view = match known {
            Some(known) => known.id,
            None => {
                let id = state.new_id();
                state.views.push(View { id, configuration, name: view.to_owned() });
                id
            }
        };
        let (mut parent, mut absolute) = (view, String::new());
        for label in zone.rsplit('.') {
            absolute = if absolute.is_empty() { label.to_owned() } else { format!("{label}.{absolute}") };
            let known = state.zones.iter().find(|known| known.view == view && known.absolute == absolute);
            parent = match known {
                Some(known) => known.id,
                None => {
                    let id = state.new_id();
                    let (name, absolute) = (label.to_owned(), absolute.clone());
                    state.zones.push(Zone { id, parent, view, name, absolute });
                    id
                }
            };
        }
        parent
    }

    /// The names of all host records, each with its addresses and whether it has a record for the way back.
    pub fn hosts(&self) -> Vec<(String, Vec<IpAddr>, bool)> {
        let state = self.state();
        let address = |id: &u64| state.addresses.iter().find(|known| known.id == *id).map(|known| known.address);
        let host = |host: &state::Host| {
            (host.absolute.clone(), host.addresses.iter().filter_map(address).collect(), host.has_reverse)
        };
        state.hosts.iter().map(host).collect()
    }

    /// Another address for a host record.
    pub fn link_host(&self, absolute: &str, configuration: &str, address: IpAddr) {
        let mut state = self.state();
        let configuration = state.configuration_named(configuration).id;
        let id = state.address(configuration, address).expect("a record").id;
        let host = state.hosts.iter_mut().find(|host| host.absolute == absolute).expect("a host record");
        host.addresses.push(id);
    }

    /// The ids of zones and networks that were deployed since this was asked last.
    pub fn take_deployed(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().deployed)
    }

    /// Another writer takes an address.
    pub fn take(&self, configuration: &str, address: IpAddr) {
        self.take_as(configuration, address, "STATIC");
    }

    /// Another writer takes an address in this state, such as `GATEWAY`.
    pub fn take_as(&self, configuration: &str, address: IpAddr, is: &str) {
        let mut state = self.state();
        let configuration = state.configuration_named(configuration).id;
        let network = state.network_around(configuration, address).expect("a network around the address").clone();
        state.insert(&network, address, is).expect("the address is free");
    }

    /// Another writer deletes an address.
    pub fn free(&self, configuration: &str, address: IpAddr) {
        let mut state = self.state();
        let configuration = state.configuration_named(configuration).id;
        let id = state.address(configuration, address).expect("the address is taken").id;
        state.remove_address(id);
    }

    /// Another writer deletes a network and every address in it.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let id = self.id_of(subnet);
        let mut state = self.state();
        state.networks.retain(|known| known.id != id);
        state.addresses.retain(|known| known.network != id);
    }

    /// The record of an address as v2 shows it.
    pub fn record(&self, configuration: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let configuration = state.configuration_named(configuration).id;
        Some(v2::address_json(&state, state.address(configuration, address)?))
    }

    /// Another writer fills a field that the site has defined besides.
    pub fn set_field(&self, configuration: &str, address: IpAddr, field: &str, text: &str) {
        let mut state = self.state();
        state.fields.insert(field.to_owned());
        let configuration = state.configuration_named(configuration).id;
        let is_it = |known: &&mut state::Address| known.configuration == configuration && known.address == address;
        let record = state.addresses.iter_mut().find(is_it).expect("a record");
        record.fields.insert(field.to_owned(), text.to_owned());
    }

    /// May the user change anything? A user who may not is refused each change.
    pub fn set_writes(&self, writes: bool) {
        self.state().user.writes = writes;
    }

    /// Is the server a standby, which lets no session change anything?
    pub fn set_read_only(&self, read_only: bool) {
        self.state().user.read_only = read_only;
    }

    /// Changes the user's password; sessions go on.
    pub fn set_password(&self, password: &str) {
        self.state().user.password = password.to_owned();
    }

    /// Ends all sessions, as time does.
    pub fn end_sessions(&self) {
        self.state().sessions.clear();
    }

    /// A session of another user of the API, as the header `Authorization` shows it.
    pub fn log_in(&self) -> String {
        v2::new_session(&mut self.state()).header
    }
}

impl Ipam for Bluecat {
    fn answer(&self, request: &Request) -> Response {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut state = self.state();
        match segments[..] {
            ["Services", "REST", ref rest @ ..] if self.site.has_v1 => {
                v1::answer(&self.site, &mut state, request, rest)
            }
            ["api", "v2", ref rest @ ..] if self.site.has_v2 => v2::answer(&self.site, &mut state, request, rest),
            _ => Response::html(404, "<html><body>HTTP Status 404 - Not Found</body></html>"),
        }
    }

    fn is_write(&self, request: &Request) -> bool {
        let segments = request.segments();
        match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["Services", "REST", "v1", "quickDeploy"] | ["api", "v2", "sessions", ..] => false,
            ["api", "v2", .., "deployments"] => false,
            _ => request.method != "GET",
        }
    }

    fn session_expired(&self) -> Response {
        if self.site.has_v2 { v2::unauthorized() } else { v1::unauthorized() }
    }
}
