//! Nautobot 3.2.7.
//!
//! Namespaces hold trees of prefixes, and an address belongs to the smallest prefix around it. What is special:
//! everything about access is a 403 and told apart by its text; a parameter that is not known is a 400; a filter by
//! what is no address is a 500; related objects are ids unless `depth=1`; the first address of an IPv6 prefix is
//! offered; an address that two add at once may be refused with a 500.
//!
//! Simplified: the tree is looked up, not stored; times are all the same; a `DELETE` happens once, where several at
//! once can all be told of success by the real one.

mod list;
mod net;
mod recorded;
mod render;
mod route;
mod state;
mod write;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::Value;

use self::net::Net;
use self::render::Depth;
use self::route::detail;
use self::state::{Named, Namespace, Prefix, State, User};
use crate::{Ipam, Request, Response};

/// The namespace that every Nautobot comes with.
const GLOBAL: &str = "Global";

/// How a site has set up its Nautobot.
#[derive(Debug, Clone)]
pub struct Site {
    /// `MAX_PAGE_SIZE`.
    pub page_at_most: usize,
    /// The key of a custom field of addresses.
    pub custom_field: Option<String>,
    /// Whoever adds an address that is there already is told so as the loser of a race is.
    pub races: bool,
    /// The host in the URL of the next page, when it is not the request's.
    pub next_host: Option<String>,
}

impl Default for Site {
    fn default() -> Self {
        Self { page_at_most: 1000, custom_field: None, races: false, next_host: None }
    }
}

/// A Nautobot.
#[derive(Debug)]
pub struct Nautobot {
    state: Mutex<State>,
    page_at_most: usize,
    races: bool,
    next_host: Option<String>,
}

impl Nautobot {
    /// The token of a user who may do all that an IPAM gateway needs.
    pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

    /// A Nautobot that holds the seed. Every subnet must be in a group: there is no prefix without a namespace.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let nautobot = Self::empty(site);
        for group in &seed.groups {
            nautobot.add_namespace(group.name.as_str(), &group.description);
        }
        for subnet in &seed.subnets {
            let group = subnet.group.as_ref().expect("every prefix is in a namespace");
            let kind = if subnet.pool { "pool" } else { "network" };
            nautobot.add_prefix(group.as_str(), &subnet.prefix.to_string(), kind, &subnet.description);
            for (address, by) in &subnet.taken {
                nautobot.take(group.as_str(), *address);
                let mut state = nautobot.state();
                let has_field = !state.custom_fields.is_empty();
                let record = state.addresses.last_mut().expect("it was just taken");
                record.dns_name = by.hostname.clone().unwrap_or_default();
                if let (true, Some(mac)) = (has_field, by.mac) {
                    record.custom_fields.values_mut().for_each(|value| *value = mac.to_string().into());
                }
            }
        }
        nautobot
    }

    /// A Nautobot with nothing in it but what it comes with, and one user.
    pub fn empty(site: Site) -> Self {
        let mut state = State::default();
        state.custom_fields.extend(site.custom_field);
        for (name, types) in [
            ("Active", vec!["dcim.device", "ipam.ipaddress", "ipam.prefix"]),
            ("Reserved", vec!["ipam.ipaddress", "ipam.prefix"]),
            ("Planned", vec!["dcim.device"]),
        ] {
            let id = state.new_id();
            state.statuses.push(Named { id, name: name.to_owned(), content_types: Some(types) });
        }
        let (id, name) = (state.new_id(), GLOBAL.to_owned());
        let description = "Default Global namespace. Created by Nautobot.".to_owned();
        state.namespaces.push(Namespace { id, name, description });
        state.users.push(User {
            token: Self::TOKEN.to_owned(),
            writes: true,
            permissions: [
                "view ipam.namespace",
                "view ipam.prefix",
                "view ipam.ipaddress",
                "add ipam.ipaddress",
                "change ipam.ipaddress",
                "delete ipam.ipaddress",
                "view extras.status",
            ]
            .map(str::to_owned)
            .into(),
        });
        let Site { page_at_most, races, next_host, .. } = site;
        Self { state: Mutex::new(state), page_at_most, races, next_host }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a namespace.
    pub fn add_namespace(&self, name: &str, description: &str) {
        let mut state = self.state();
        let id = state.new_id();
        state.namespaces.push(Namespace { id, name: name.to_owned(), description: description.to_owned() });
        state.namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Adds a prefix of type `network`, `container` or `pool`, and gives its id. Addresses that it is around of move to
    /// it.
    pub fn add_prefix(&self, namespace: &str, prefix: &str, kind: &'static str, description: &str) -> String {
        let mut state = self.state();
        let (id, status) = (state.new_id(), state.statuses[0].id.clone());
        let namespace = state.namespace_named(namespace).expect("a namespace").id.clone();
        let net = Net::parse(prefix).expect("a prefix");
        let description = description.to_owned();
        state.prefixes.push(Prefix { id: id.clone(), namespace, net, kind, status, description });
        reparent(&mut state);
        id
    }

    /// Changes the type of a prefix.
    pub fn set_type(&self, id: &str, kind: &'static str) {
        let mut state = self.state();
        state.prefixes.iter_mut().find(|prefix| prefix.id == id).expect("a prefix").kind = kind;
    }

    /// Makes another prefix of a prefix, as an edit does. Its addresses stay where they are.
    pub fn move_prefix(&self, id: &str, namespace: &str, prefix: &str) {
        let mut state = self.state();
        let namespace = state.namespace_named(namespace).expect("a namespace").id.clone();
        let known = state.prefixes.iter_mut().find(|known| known.id == id).expect("a prefix");
        known.net = Net::parse(prefix).expect("a prefix");
        known.namespace = namespace;
    }

    /// Renames a namespace.
    pub fn rename_namespace(&self, name: &str, new: &str) {
        let mut state = self.state();
        state.namespaces.iter_mut().find(|known| known.name == name).expect("a namespace").name = new.to_owned();
    }

    /// Adds a tag for addresses.
    pub fn add_tag(&self, name: &str) {
        let mut state = self.state();
        let id = state.new_id();
        state.tags.push(Named { id, name: name.to_owned(), content_types: Some(vec!["ipam.ipaddress"]) });
    }

    /// Adds a tenant.
    pub fn add_tenant(&self, name: &str) {
        let mut state = self.state();
        let id = state.new_id();
        state.tenants.push(Named { id, name: name.to_owned(), content_types: None });
    }

    /// Gives the user of the token a permission, such as `view extras.status`.
    pub fn grant(&self, token: &str, permission: &str) {
        self.user(token, |user| user.permissions.insert(permission.to_owned()));
    }

    /// Takes a permission away from the user of the token.
    pub fn revoke(&self, token: &str, permission: &str) {
        self.user(token, |user| user.permissions.remove(permission));
    }

    fn user(&self, token: &str, change: impl FnOnce(&mut User) -> bool) {
        let mut state = self.state();
        let user = state.users.iter_mut().find(|user| user.token == token).expect("a user");
        assert!(change(user), "the permission was so already");
    }

    /// May the token do more than read?
    pub fn set_writes(&self, token: &str, writes: bool) {
        let mut state = self.state();
        state.users.iter_mut().find(|user| user.token == token).expect("a user").writes = writes;
    }

    /// Another writer takes an address.
    pub fn take(&self, namespace: &str, address: IpAddr) {
        let mut state = self.state();
        let namespace = state.namespace_named(namespace).expect("a namespace").id.clone();
        let length = state.parent_for(&namespace, address).expect("a prefix around the address").net.length();
        state.insert(&namespace, address, length);
    }

    /// Another writer deletes an address.
    pub fn free(&self, namespace: &str, address: IpAddr) {
        let mut state = self.state();
        let namespace = state.namespace_named(namespace).expect("a namespace").id.clone();
        let is_it = |state: &State, known: &state::Address| {
            known.host == address && state.namespace_of(known) == Some(&namespace)
        };
        let at = state.addresses.iter().position(|known| is_it(&state, known)).expect("the address is taken");
        state.addresses.remove(at);
    }

    /// Another writer deletes a prefix and every address in it.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let group = subnet.group.as_ref().expect("every prefix is in a namespace");
        let mut state = self.state();
        let namespace = state.namespace_named(group.as_str()).expect("a namespace").id.clone();
        let net = Net::parse(&subnet.prefix.to_string()).expect("a prefix");
        let at = state.prefixes.iter().position(|known| known.namespace == namespace && known.net == net);
        let gone = state.prefixes.remove(at.expect("the prefix is there"));
        state.addresses.retain(|address| address.parent != gone.id);
    }

    /// The user of the token may see this address and not delete it, as a permission with conditions has it.
    pub fn protect(&self, address: IpAddr) {
        let mut state = self.state();
        let ids: Vec<String> =
            state.addresses.iter().filter(|known| known.host == address).map(|known| known.id.clone()).collect();
        state.undeletable.extend(ids);
    }

    /// The record of an address as Nautobot shows it.
    pub fn record(&self, namespace: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let namespace = state.namespace_named(namespace)?.id.clone();
        let mut known = state.addresses.iter().filter(|known| known.host == address);
        let record = known.find(|known| state.namespace_of(known) == Some(&namespace))?;
        Some(state.address_json(record, Depth(1)))
    }
}

/// Moves every address to the smallest prefix around it.
fn reparent(state: &mut State) {
    let parents: Vec<Option<String>> = state
        .addresses
        .iter()
        .map(|address| {
            let namespace = state.namespace_of(address)?;
            state.parent_for(namespace, address.host).map(|parent| parent.id.clone())
        })
        .collect();
    for (address, parent) in state.addresses.iter_mut().zip(parents) {
        address.parent = parent.unwrap_or_else(|| address.parent.clone());
    }
}

/// Everything that the recordings and the tests ask for.
fn all_permissions() -> BTreeSet<String> {
    let kinds = [
        "ipam.namespace",
        "ipam.prefix",
        "ipam.ipaddress",
        "ipam.vrf",
        "extras.status",
        "extras.tag",
        "tenancy.tenant",
    ];
    let actions = ["view", "add", "change", "delete"];
    actions.iter().flat_map(|action| kinds.iter().map(move |kind| format!("{action} {kind}"))).collect()
}

impl Ipam for Nautobot {
    fn answer(&self, request: &Request) -> Response {
        self.respond(request).unwrap_or_else(|refusal| refusal).with_header("API-Version", "3.2")
    }

    fn is_write(&self, request: &Request) -> bool {
        request.method != "GET"
    }

    /// There are no sessions; a token may expire.
    fn session_expired(&self) -> Response {
        detail(403, "Token expired")
    }
}
