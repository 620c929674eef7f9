//! EfficientIP SOLIDserver, its older API: `/rest/<service>` and `/rpc/<service>` with every parameter in the query.
//!
//! Spaces hold blocks and networks; addresses are in a space, once each. What is special: a list without a match is a
//! 204 without a body; every value is a text; a refusal is an object or a list of one; a list of addresses shows ranges
//! of free ones too; an address without a MAC shows `EIP:…`.
//!
//! Parameter lists, status codes, the text for a missing parameter and the shape of refusals are those of answers that a
//! client's repository recorded (gregocgt/SOLIDserverRest, `report.txt`). What no source says is a [`Site`]'s choice, so
//! that a provider is tested with both.

mod account;
pub mod condition;
mod render;
mod services;
mod state;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::Value;

use self::account::refused;
use self::condition::Dialect;
use self::services::Kind;
use self::state::{Address, Network, Space, State};
use crate::{Ipam, Request, Response};

/// How an appliance is, where that is not known.
#[derive(Debug, Clone)]
pub struct Site {
    /// How a `WHERE` is read.
    pub dialect: Dialect,
    /// Rows of a page, whatever is asked for.
    pub page_at_most: usize,
    /// Free addresses of one answer, whatever is asked for.
    pub finds_at_most: usize,
    /// Are numbers in answers numbers rather than texts?
    pub numbers_are_numbers: bool,
    /// Before version 7 addresses are shown as hexadecimal digits only.
    pub is_old: bool,
    /// Are names of addresses shown in lower case?
    pub lowers_names: bool,
    /// Can an address be added that no network is around of?
    pub has_orphans: bool,
    /// Are network and broadcast addresses offered?
    pub offers_edges: bool,
    /// Is a deleted record or network an error (else a 204)?
    pub refuses_what_is_gone: bool,
    /// Is a missing right a 400 with a text (else a 403)?
    pub denies_with_400: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// A simulated SOLIDserver.
#[derive(Debug)]
pub struct Solidserver {
    state: Mutex<State>,
    site: Site,
}

impl Solidserver {
    /// A user who may do all that an IPAM gateway needs.
    pub const USER: &str = "ipmadmin";

    /// The user's password.
    pub const PASSWORD: &str = "pa ss&word";

    /// The id of the user's API token.
    pub const TOKEN_ID: &str = "keyid123";

    /// The secret of the user's API token.
    pub const TOKEN_SECRET: &str = "keysecret456";

    /// A SOLIDserver that holds the seed. Every subnet must be in a group: there is no network without a space.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let solidserver = Self::empty(site);
        for group in &seed.groups {
            solidserver.add_space(group.name.as_str(), &group.description);
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every network is in a space").as_str();
            solidserver.add_network(group, &subnet.prefix.to_string(), true, &subnet.description);
            for (address, by) in &subnet.taken {
                solidserver.take(group, *address);
                let mut state = solidserver.state();
                let space = state.space_named(group).expect("a space").id;
                let record = state.addresses.get_mut(&(space, *address)).expect("it was just taken");
                record.name = by.hostname.clone().unwrap_or_default();
                record.mac = by.mac.map(|mac| mac.to_string());
            }
        }
        solidserver
    }

    /// A SOLIDserver with nothing in it, and one user.
    pub fn empty(site: Site) -> Self {
        Self { state: Mutex::default(), site }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a space.
    pub fn add_space(&self, name: &str, description: &str) {
        self.push_space(name, description, false);
    }

    /// Adds a template of spaces, which is listed as they are.
    pub fn add_template(&self, name: &str) {
        self.push_space(name, "", true);
    }

    fn push_space(&self, name: &str, description: &str, is_template: bool) {
        let mut state = self.state();
        let id = state.new_id();
        let (name, description) = (name.to_owned(), description.to_owned());
        state.spaces.push(Space { id, name, description, is_template });
    }

    /// Renames a space.
    pub fn rename_space(&self, name: &str, new: &str) {
        let mut state = self.state();
        state.spaces.iter_mut().find(|known| known.name == name).expect("a space").name = new.to_owned();
    }

    /// Adds a network that holds addresses (terminal), or a block or network that holds networks, and gives its id.
    pub fn add_network(&self, space: &str, prefix: &str, is_terminal: bool, name: &str) -> u64 {
        let mut state = self.state();
        let space = state.space_named(space).expect("a space").id;
        let (first, length) = prefix.split_once('/').expect("a prefix");
        let first: IpAddr = first.parse().expect("an address");
        let length: u8 = length.parse().expect("a length");
        let last = match first {
            IpAddr::V4(first) => {
                IpAddr::V4((first.to_bits() | u32::MAX.checked_shr(length.into()).unwrap_or(0)).into())
            }
            IpAddr::V6(first) => {
                IpAddr::V6((first.to_bits() | u128::MAX.checked_shr(length.into()).unwrap_or(0)).into())
            }
        };
        let id = state.new_id();
        state.networks.push(Network { id, space, name: name.to_owned(), first, last, length, is_terminal });
        id
    }

    /// Makes a network one that holds networks, as an edit does, or the other way round.
    pub fn set_terminal(&self, id: u64, is_terminal: bool) {
        let mut state = self.state();
        state.networks.iter_mut().find(|known| known.id == id).expect("a network").is_terminal = is_terminal;
    }

    /// Takes a service away from the user.
    pub fn revoke(&self, service: &str) {
        assert!(self.state().denied.insert(service.to_owned()), "it was revoked already");
    }

    /// The appliance's clock shows this time (Unix).
    pub fn set_clock(&self, time: u64) {
        self.state().clock = Some(time);
    }

    /// Another writer takes an address.
    pub fn take(&self, space: &str, address: IpAddr) {
        let mut state = self.state();
        let space = state.space_named(space).expect("a space").id;
        let id = state.new_id();
        let nothing = String::new;
        let record = Address { id, name: nothing(), mac: None, class_name: nothing(), class_parameters: nothing() };
        assert!(state.addresses.insert((space, address), record).is_none(), "{address} was taken");
    }

    /// Another writer deletes an address.
    pub fn free(&self, space: &str, address: IpAddr) {
        let mut state = self.state();
        let space = state.space_named(space).expect("a space").id;
        state.addresses.remove(&(space, address)).expect("the address is taken");
    }

    /// Another writer deletes a network and every address in it.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let group = subnet.group.as_ref().expect("every network is in a space").as_str();
        let mut state = self.state();
        let space = state.space_named(group).expect("a space").id;
        let is_it = |known: &Network| {
            known.space == space && known.first == subnet.prefix.network() && known.length == subnet.prefix.length()
        };
        let at = state.networks.iter().position(is_it).expect("the network is there");
        let gone = state.networks.remove(at);
        state.addresses.retain(|place, _| place.0 != space || !gone.contains(place.1));
    }

    /// The record of an address as SOLIDserver shows it.
    pub fn record(&self, space: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let place = (state.space_named(space)?.id, address);
        let record = state.addresses.get(&place)?;
        Some(render::json(&self.site, render::address(&state, &self.site, place, record)))
    }

    fn respond(&self, request: &Request) -> Result<Response, Response> {
        let segments = request.segments();
        let [part, service] = segments.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
            return Err(Response::html(404, "<html><body>Not Found</body></html>"));
        };
        let mut state = self.state();
        self.check(&state, request, service)?;
        match (part, request.method.as_str(), service) {
            // The Python library asks with OPTIONS, Terraform with GET.
            ("rpc", "GET" | "OPTIONS", "ip_find_free_address") => self.find_free(&state, request, false),
            ("rpc", "GET" | "OPTIONS", "ip6_find_free_address6") => self.find_free(&state, request, true),
            ("rest", "OPTIONS", _) => Ok(Self::help(service)),
            ("rest", "POST" | "PUT", "ip_add") => self.add(&mut state, request, false),
            ("rest", "POST" | "PUT", "ip6_address6_add") => self.add(&mut state, request, true),
            ("rest", "DELETE", "ip_delete") => self.delete(&mut state, request, false),
            ("rest", "DELETE", "ip6_address6_delete") => self.delete(&mut state, request, true),
            ("rest", "GET", _) => {
                let of = |suffix: &str| service.strip_suffix(suffix).and_then(Kind::of);
                if let Some(kind) = of("_list") {
                    self.list(&state, request, kind, service)
                } else if let Some(kind) = of("_count") {
                    self.count(&state, request, kind, service)
                } else if let Some(kind) = of("_info") {
                    self.info(&state, request, kind)
                } else {
                    Err(Self::unknown(service))
                }
            }
            _ => Err(Self::unknown(service)),
        }
    }
}

impl Ipam for Solidserver {
    fn answer(&self, request: &Request) -> Response {
        self.respond(request).unwrap_or_else(|refusal| refusal)
    }

    fn is_write(&self, request: &Request) -> bool {
        matches!(request.method.as_str(), "POST" | "PUT" | "DELETE")
    }

    /// There are no sessions; a user may be locked.
    fn session_expired(&self) -> Response {
        refused(401, "Authentication failed")
    }
}
