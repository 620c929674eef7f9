//! Infoblox NIOS with the web API (WAPI) 2.7 to 2.13.
//!
//! Written from the vendor's documents, from what the vendor's clients expect, and from captures of infoblox-client 0.6.2.
//! No answer of a real grid was seen; [`Site`] has the points on which the sources leave more than one answer open.
//!
//! What is special: a session is a cookie that the first request with Basic authentication sets; a reference is a type,
//! an opaque text and, after a colon, a name for people; lists are bare, or objects with pages; an answer leaves out
//! fields without a value; everything that is refused is a 400 with a code in the body; a fixed address is unique in its
//! network view, but a host record that is not for DHCP keeps nobody off its address.
//!
//! Simplified: a session lasts until it is ended; there are no leases that end, no discovery and no restart that takes
//! time.

mod addresses;
mod answer;
mod functions;
mod objects;
mod route;
mod search;
mod state;
mod writes;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_conformance::{Seed, SeededSubnet};
use ipnet::IpNet;
use serde_json::{Map, Value};

use self::state::{DnsView, Fixed, Network, Other, Range, State, View};
use crate::{Ipam, Request, Response};

/// The network view and the DNS view that every grid comes with.
const DEFAULT: &str = "default";

/// What a grid does where the sources leave more than one answer open.
#[derive(Debug, Clone)]
pub struct Site {
    /// Rows of a page, when more are asked for.
    pub page_at_most: usize,
    /// The largest `num` of `next_available_ip`.
    pub num_at_most: usize,
    /// The status that says that a right is missing: 403 or 400.
    pub denial: u16,
    /// Is an address outside of every network a 404, rather than an empty list?
    pub refuses_outside: bool,
    /// Is only what the Grid Master knows searched when the request says so, as on a cloud member?
    pub is_cloud_member: bool,
    /// Does the answer to a new session set the cookie?
    pub sets_cookie: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            page_at_most: 1000,
            num_at_most: 20,
            denial: 403,
            refuses_outside: false,
            is_cloud_member: false,
            sets_cookie: true,
        }
    }
}

/// A grid.
#[derive(Debug)]
pub struct Infoblox {
    state: Mutex<State>,
    site: Site,
}

impl Infoblox {
    /// A user who may do all that an IPAM gateway needs.
    pub const USER: &str = "foreman";

    /// Of that user.
    pub const PASSWORD: &str = "correct horse";

    /// Another user, for what other writers do.
    pub const OTHER_USER: &str = "admin";

    /// Of that user.
    pub const OTHER_PASSWORD: &str = "infoblox";

    /// A grid that holds the seed. Every subnet must be in a group: there is no network without a network view.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let infoblox = Self::empty(site);
        for group in &seed.groups {
            infoblox.add_network_view(group.name.as_str(), &group.description);
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every network is in a network view").as_str();
            infoblox.add_network(group, &subnet.prefix.to_string(), &subnet.description);
            for (address, by) in &subnet.taken {
                infoblox.take(group, *address);
                let mut state = infoblox.state();
                let fixed = state.fixed.last_mut().expect("it was just taken");
                fixed.name = by.hostname.clone().unwrap_or_default();
                if let Some(mac) = by.mac {
                    fixed.client = mac.to_string();
                }
            }
        }
        infoblox
    }

    /// A grid with nothing in it but the two views it comes with, and the users.
    pub fn empty(site: Site) -> Self {
        let mut state = State::default();
        state.views.push(View { id: 0, name: DEFAULT.to_owned(), comment: String::new() });
        state.dns_views.push(DnsView { name: DEFAULT.to_owned(), view: 0, zones: Vec::new() });
        state.passwords.insert(Self::USER.to_owned(), Self::PASSWORD.to_owned());
        state.passwords.insert(Self::OTHER_USER.to_owned(), Self::OTHER_PASSWORD.to_owned());
        Self { state: Mutex::new(state), site }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a network view.
    pub fn add_network_view(&self, name: &str, comment: &str) {
        let mut state = self.state();
        let id = state.new_id();
        state.views.push(View { id, name: name.to_owned(), comment: comment.to_owned() });
    }

    /// Renames a network view.
    pub fn rename_network_view(&self, name: &str, new: &str) {
        let mut state = self.state();
        state.views.iter_mut().find(|view| view.name == name).expect("a network view").name = new.to_owned();
    }

    /// Adds a network.
    pub fn add_network(&self, view: &str, network: &str, comment: &str) {
        self.add(view, network, comment, false);
    }

    /// Adds a container, which has networks in it and no addresses.
    pub fn add_container(&self, view: &str, network: &str) {
        self.add(view, network, "", true);
    }

    fn add(&self, view: &str, network: &str, comment: &str, is_container: bool) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        let net: IpNet = network.parse().expect("a network");
        state.networks.push(Network { view, net: net.trunc(), comment: comment.to_owned(), is_container });
    }

    /// Makes a container of a network, as splitting it does.
    pub fn contain(&self, view: &str, network: &str) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        let net: IpNet = network.parse().expect("a network");
        let found = state.networks.iter_mut().find(|known| known.view == view && known.net == net);
        found.expect("a network").is_container = true;
    }

    /// Adds a DHCP range.
    pub fn add_range(&self, view: &str, first: IpAddr, last: IpAddr) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        state.ranges.push(Range { view, first, last });
    }

    /// Adds a zone to a DNS view, which belongs to a network view and is made when it is not there.
    pub fn add_zone(&self, view: &str, dns_view: &str, zone: &str) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        if !state.dns_views.iter().any(|known| known.name == dns_view) {
            state.dns_views.push(DnsView { name: dns_view.to_owned(), view, zones: Vec::new() });
        }
        let known = state.dns_views.iter_mut().find(|known| known.name == dns_view);
        known.expect("it is there now").zones.push(zone.to_owned());
    }

    /// Defines an extensible attribute.
    pub fn define_attribute(&self, name: &str) {
        self.state().attributes.insert(name.to_owned());
    }

    /// Another writer takes an address by a reservation.
    pub fn take(&self, view: &str, address: IpAddr) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        let client = if address.is_ipv6() { format!("00:04:{address}") } else { state::ZERO_MAC.to_owned() };
        let (name, comment, extattrs) = (String::new(), String::new(), Map::new());
        state.fixed.push(Fixed { view, address, client, name, comment, extattrs });
    }

    /// Another writer frees an address, whatever it is taken by.
    pub fn free(&self, view: &str, address: IpAddr) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        state.fixed.retain(|fixed| fixed.view != view || fixed.address != address);
        for host in state.hosts.iter_mut().filter(|host| host.view == view) {
            host.addresses.retain(|known| known.address != address);
        }
        state.hosts.retain(|host| !host.addresses.is_empty());
    }

    /// Something of another type is at an address, such as `LEASE` or `A`.
    pub fn use_as(&self, view: &str, address: IpAddr, kind: &'static str, name: &str) {
        let mut state = self.state();
        let view = state.view(view).expect("a network view").id;
        state.others.push(Other { view, address, kind, name: name.to_owned() });
    }

    /// Another writer deletes a network and everything in it.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let group = subnet.group.as_ref().expect("every network is in a network view");
        let net: IpNet = subnet.prefix.to_string().parse().expect("a network");
        let mut state = self.state();
        let view = state.view(group.as_str()).expect("a network view").id;
        state.networks.retain(|known| known.view != view || known.net != net);
        state.fixed.retain(|fixed| fixed.view != view || !net.contains(&fixed.address));
        state.hosts.retain(|host| host.view != view || !host.addresses.iter().any(|at| net.contains(&at.address)));
    }

    /// Takes a right from everybody, such as `write fixedaddress` or `read network`.
    pub fn revoke(&self, right: &str) {
        self.state().revoked.insert(right.to_owned());
    }

    /// Ends every session.
    pub fn end_sessions(&self) {
        self.state().sessions.clear();
    }

    /// What services were asked to restart with, since the last time this was asked.
    pub fn take_restarts(&self) -> Vec<Value> {
        std::mem::take(&mut self.state().restarts)
    }

    /// The fixed address or host record of an address, with all its fields.
    pub fn record(&self, view: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let id = state.view(view)?.id;
        let fixed = state.fixed.iter().find(|fixed| fixed.view == id && fixed.address == address);
        let host = || state.hosts.iter().find(|host| host.view == id && host.has(address));
        fixed.map(|fixed| state.fixed_json(fixed)).or_else(|| host().map(|host| state.host_json(host)))
    }
}

impl Ipam for Infoblox {
    fn answer(&self, request: &Request) -> Response {
        self.respond(request).unwrap_or_else(|refusal| refusal)
    }

    /// A function changes no reservation.
    fn is_write(&self, request: &Request) -> bool {
        request.method != "GET" && request.parameter("_function").is_none() && !request.path.ends_with("/logout")
    }

    fn session_expired(&self) -> Response {
        answer::unauthorized()
    }
}
