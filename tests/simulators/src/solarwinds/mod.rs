//! SolarWinds IPAM (Orion, SolarWinds Platform) behind the JSON interface of its Information Service, SWIS.
//!
//! Written from the published schema, the vendor's wiki and what clients send; no answer of a server is on record. A tree of
//! groups holds subnets, and each address of a small subnet has a row, free ones included. What is special: any status can
//! be given to an address that is taken, and only `StartIpReservation` takes one in one step; a reservation that is
//! not finished ends by itself; texts are compared without regard to case; arguments of verbs have no names.
//!
//! Simplified: accounts may see everything; the scanner changes nothing; time passes when a test says so.

mod crud;
mod query;
mod state;
mod swql;
mod verbs;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::{Value, json};

use self::state::{AVAILABLE, Group, HIERARCHY, State, Subnet};
use crate::{Ipam, Request, Response};

pub use self::state::Right;

/// Where the interface is; letter case does not matter.
const BASE: [&str; 4] = ["solarwinds", "informationservice", "v3", "json"];

/// How a site's server is.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// Can a reservation begin at a given address? New in 2022.2.
    pub has_start_address: bool,
    /// The status of an address whose reservation was started: 16, Blocked, or 4, Reserved.
    pub held_as: u8,
    /// IPv4 subnets with at most this many bits for hosts have a row for each address.
    pub bits_with_rows: u8,
    /// Do queries show IPv6 addresses in full, with all zeros?
    pub ipv6_in_full: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self { has_start_address: true, held_as: 16, bits_with_rows: 12, ipv6_in_full: false }
    }
}

/// A SolarWinds IPAM.
#[derive(Debug)]
pub struct Solarwinds {
    state: Mutex<State>,
    site: Site,
}

impl Solarwinds {
    /// The account of the proxy.
    pub const USER: &str = r"EXAMPLE\foreman";

    /// Its password.
    pub const PASSWORD: &str = "pa:ss w%rd'";

    /// A server that holds the seed. Every subnet must be in a group, and none is a pool.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let solarwinds = Self::empty(site);
        for group in &seed.groups {
            solarwinds.add_hierarchy(group.name.as_str(), &group.description);
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every subnet is in a hierarchy group").as_str();
            let parent = solarwinds.state().groups.iter().find(|known| known.name == group).expect("a group").id;
            let id = solarwinds.add_subnet(parent, &subnet.prefix.to_string(), &subnet.description);
            for (address, by) in &subnet.taken {
                let mut state = solarwinds.state();
                let node = state.row(id, *address);
                let node = state.node_mut(node).expect("a row");
                node.set_status(1);
                node.texts.extend(by.mac.map(|mac| ("MAC", mac.to_string().to_uppercase().replace(':', "-"))));
                node.texts.extend(by.hostname.clone().map(|name| ("DnsBackward", name)));
            }
        }
        solarwinds
    }

    /// A server with nothing in it.
    pub fn empty(site: Site) -> Self {
        let rights = [Right::ChangeAddresses, Right::CallVerbs].into();
        Self { state: Mutex::new(State { rights, ..State::default() }), site }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server as the requests on record expect it: 192.0.2.0/24 in "IP Networks", with ten addresses that are taken.
    pub fn recorded() -> Self {
        let solarwinds = Self::empty(Site::default());
        let mut state = solarwinds.state();
        let (id, name) = (0, "IP Networks".to_owned());
        state.groups.push(Group { id, parent: -1, kind: HIERARCHY, name, comments: String::new() });
        let subnet = Subnet {
            id: 101,
            group: 102,
            parent: 0,
            network: [192, 0, 2, 0].into(),
            length: 24,
            name: "net-a".to_owned(),
            comments: String::new(),
        };
        for last in 0..=255 {
            let status = if last <= 10 || last == 255 { 1 } else { AVAILABLE };
            state.insert_as(4701 + i64::from(last), 101, [192, 0, 2, last].into(), status);
        }
        state.subnets.insert(101, subnet);
        state.count_from(5000);
        state.custom.insert(("IPAM.NodesCustomProperties".to_owned(), "Owner".to_owned()));
        drop(state);
        solarwinds
    }

    /// Adds a hierarchy group and gives its id. Two may have one name.
    pub fn add_hierarchy(&self, name: &str, comments: &str) -> i64 {
        self.add_node(-1, HIERARCHY, name, comments)
    }

    /// Adds a node of the tree: 2 is a folder, 4 a supernet, 128 a global prefix.
    pub fn add_node(&self, parent: i64, kind: u64, name: &str, comments: &str) -> i64 {
        let mut state = self.state();
        let id = state.new_id();
        state.groups.push(Group { id, parent, kind, name: name.to_owned(), comments: comments.to_owned() });
        id
    }

    /// Adds a subnet below a node of the tree and gives its id.
    pub fn add_subnet(&self, parent: i64, prefix: &str, comments: &str) -> i64 {
        let mut state = self.state();
        let (network, length) = prefix.split_once('/').expect("a prefix");
        let (network, length) = (network.parse::<IpAddr>().expect("an address"), length.parse().expect("a length"));
        let (id, group) = (state.new_id(), state.new_id());
        let (name, comments) = (prefix.to_owned(), comments.to_owned());
        let subnet = Subnet { id, group, parent, network, length, name, comments };
        if network.is_ipv4() && 32 - length <= self.site.bits_with_rows {
            let last = subnet.size() - 1;
            for address in subnet.addresses(0) {
                let is_edge = length <= 30 && [0, last].contains(&subnet.offset(address));
                state.insert(id, address, if is_edge { 4 } else { AVAILABLE });
            }
        }
        state.subnets.insert(id, subnet);
        id
    }

    /// Renames a hierarchy group.
    pub fn rename_group(&self, name: &str, new: &str) {
        self.state().groups.iter_mut().find(|group| group.name == name).expect("a group").name = new.to_owned();
    }

    /// Defines a custom property of addresses: in `IPAM.NodesCustomProperties`, or in the older `IPAM.IPNodeAttr`.
    pub fn define(&self, place: &str, name: &str) {
        self.state().custom.insert((place.to_owned(), name.to_owned()));
    }

    /// Takes a right away from the account.
    pub fn revoke(&self, right: Right) {
        assert!(self.state().rights.remove(&right), "the account had it");
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.state().now += by;
    }

    /// The subnet of the hierarchy group that the address is in.
    fn subnet_of(state: &State, group: &str, address: IpAddr) -> i64 {
        let around = state.subnets_around(address, Some(group));
        *around.first().expect("a subnet around the address")
    }

    /// Another writer takes an address, as the web console does; `false` when it is taken already.
    pub fn take(&self, group: &str, address: IpAddr) -> bool {
        let mut state = self.state();
        let subnet = Self::subnet_of(&state, group, address);
        let id = state.row(subnet, address);
        let node = state.node_mut(id).expect("a row");
        let is_free = node.status == AVAILABLE;
        if is_free {
            node.set_status(1);
        }
        is_free
    }

    /// Another writer gives an address a comment.
    pub fn comment(&self, group: &str, address: IpAddr, text: &str) {
        let mut state = self.state();
        let subnet = Self::subnet_of(&state, group, address);
        let id = state.row(subnet, address);
        state.node_mut(id).expect("a row").texts.insert("Comments", text.to_owned());
    }

    /// Another writer frees an address.
    pub fn free(&self, group: &str, address: IpAddr) {
        let mut state = self.state();
        let subnet = Self::subnet_of(&state, group, address);
        let id = state.row(subnet, address);
        state.node_mut(id).expect("a row").set_status(AVAILABLE);
    }

    /// Another writer removes the row of an address, which is then not managed.
    pub fn forget(&self, group: &str, address: IpAddr) {
        let mut state = self.state();
        let subnet = Self::subnet_of(&state, group, address);
        let id = state.row(subnet, address);
        state.remove(id);
    }

    /// Another writer removes a subnet and every row in it.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let group = subnet.group.as_ref().expect("every subnet is in a hierarchy group").as_str();
        let mut state = self.state();
        let id = Self::subnet_of(&state, group, subnet.prefix.network());
        state.subnets.remove(&id);
        let rows: Vec<i64> = state.nodes.values().filter(|node| node.subnet == id).map(|node| node.id).collect();
        for row in rows {
            state.remove(row);
        }
    }

    /// The row of an address as the server shows it, with its custom properties; `None` where there is none.
    pub fn node(&self, group: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let subnet = *state.subnets_around(address, Some(group)).first()?;
        let node = state.nodes.get(&(subnet, address))?;
        let mut row = query::whole(&state, &self.site, node);
        row["Custom"] = Value::Object(node.custom.clone());
        Some(row)
    }

    /// The rows of a subnet that are not available, but for network and broadcast address and for reservations that end by
    /// themselves.
    pub fn taken(&self, group: &str, subnet: &SeededSubnet) -> Vec<Value> {
        let state = self.state();
        let id = Self::subnet_of(&state, group, subnet.prefix.network());
        let rows = state.nodes.values().filter(|node| node.subnet == id && node.status != AVAILABLE);
        let rows = rows.filter(|node| node.held_until.is_none());
        let rows = rows.filter(|node| subnet.prefix.is_offerable(node.address, false));
        rows.map(|node| query::whole(&state, &self.site, node)).collect()
    }

    fn respond(&self, request: &Request) -> Response {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let is_base =
            path.len() > BASE.len() && BASE.iter().zip(&path).all(|(base, given)| given.eq_ignore_ascii_case(base));
        if !is_base {
            return Response::html(404, "<html><body>404 - File or directory not found.</body></html>");
        }
        if request.header("authorization")
            != Some(&format!("Basic {}", base64(&format!("{}:{}", Self::USER, Self::PASSWORD))))
        {
            return self.session_expired();
        }
        let mut state = self.state();
        state.expire();
        let json = request.json();
        let body = json.as_ref();
        let method = request.method.as_str();
        let denied = |right: Right| {
            (!state.rights.contains(&right)).then(|| fault(403, "System.Security.SecurityException", "Access denied."))
        };
        let denied = match (method, &path[BASE.len()..]) {
            ("POST", ["Query"]) | ("GET", _) => None,
            ("POST", ["Invoke", ..]) => denied(Right::CallVerbs),
            _ => denied(Right::ChangeAddresses),
        };
        if let Some(denied) = denied {
            return denied;
        }
        match (method, &path[BASE.len()..]) {
            ("POST", ["Query"]) => query::answer(&state, &self.site, body),
            ("GET", ["Query"]) => {
                let text = request.parameter("query").unwrap_or_default();
                query::answer(&state, &self.site, Some(&json!({"query": text})))
            }
            ("POST", ["Invoke", entity, verb]) => verbs::invoke(&mut state, &self.site, entity, verb, body),
            ("POST", ["Create", entity]) => crud::create(&mut state, entity, body),
            ("POST", ["BulkUpdate" | "BulkDelete"]) => crud::bulk(&mut state, body),
            (method, ["swis:", "", _server, uri @ ..]) => crud::at_uri(&mut state, &self.site, method, uri, body),
            _ => fault(404, "System.ServiceModel.EndpointNotFoundException", "There was no endpoint listening."),
        }
    }
}

impl State {
    /// The row of an address, which is made where there is none.
    fn row(&mut self, subnet: i64, address: IpAddr) -> i64 {
        match self.nodes.get(&(subnet, address)) {
            Some(node) => node.id,
            None => self.insert(subnet, address, AVAILABLE),
        }
    }
}

/// How the service refuses.
fn fault(status: u16, kind: &str, text: &str) -> Response {
    let body =
        json!({"Message": text, "ExceptionType": kind, "FullException": format!("{kind}: {text}\r\n   at SolarWinds")});
    Response::json(status, &body)
}

fn base64(text: &str) -> String {
    openssl::base64::encode_block(text.as_bytes())
}

impl Ipam for Solarwinds {
    fn answer(&self, request: &Request) -> Response {
        self.respond(request)
    }

    fn is_write(&self, request: &Request) -> bool {
        let segments = request.segments();
        let is_look = segments.iter().any(|segment| segment == "Query" || segment.starts_with("GetFirst"));
        request.method != "GET" && !is_look
    }

    /// There are no sessions; an account may be disabled.
    fn session_expired(&self) -> Response {
        Response::html(401, "").with_header("WWW-Authenticate", r#"Basic realm="SolarWinds""#)
    }
}
