//! TCPWave IPAM (TIMS).
//!
//! Organizations hold networks, these hold subnets, and an address that is taken has an object. What is special: names
//! of organizations go with every request, under another parameter in almost each of them; refusals are status 500 and
//! a text that begins with `TIMS-`, a number and a colon; an object has a name and a domain, of which A and PTR records
//! are made.
//!
//! Requests are those of the vendor's clients: paths, parameters and bodies of tcpwave-client 1.0.2 as captured, the
//! rest from the vendor's playbooks, Postman collection and OpenStack listener. No answer of a real server is known.
//! Where there are several readings of what clients do with an answer, [`Site`] has each. The number `TIMS-0000` stands
//! for one that is not known.

mod net;
mod read;
mod render;
mod route;
mod state;
mod write;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::Value;

use self::net::Net;
use self::state::{Network, Object, Organization, State, Subnet};
use crate::{Ipam, Request, Response};

/// What an administrator may do.
const RIGHTS: [&str; 13] = [
    "organization:read",
    "network:read",
    "network:add",
    "network:delete",
    "subnet:read",
    "subnet:add",
    "subnet:delete",
    "object:read",
    "object:add",
    "object:edit",
    "object:delete",
    "zone:add",
    "zone:delete",
];

/// How `object/checkObjectExists` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exists {
    /// `true` as JSON.
    Flag,
    /// `Yes` or `No` as text.
    Word,
    /// `{"exists": true}`.
    Object,
}

/// One reading of what clients do with the answers.
#[derive(Debug, Clone)]
pub struct Site {
    /// More rows of a page are not given.
    pub page_at_most: usize,
    /// The key that `organization/list` has its rows under; a plain list without one.
    pub list_key: Option<&'static str>,
    /// How `object/checkObjectExists` answers.
    pub exists: Exists,
    /// Have the free ranges of `object/nextfreeip` an end?
    pub ranges_have_ends: bool,
    /// Does `fullAddress` carry the mask?
    pub mask_in_address: bool,
    /// Does `object/paged` list free addresses too?
    pub lists_free: bool,
    /// Are `filterRules` ignored?
    pub ignores_filters: bool,
    /// Is a subnet that does not exist an empty answer, not a refusal?
    pub absent_is_empty: bool,
    /// Is upper and lower case in names of organizations the same?
    pub ignores_case: bool,
    /// Is the question for free ranges of a full subnet refused, not an empty list?
    pub full_is_refused: bool,
    /// Is a second object of one name refused?
    pub names_are_unique: bool,
    /// Is the delete of an object that does not exist a success?
    pub deletes_what_is_absent: bool,
    /// Does `object/paged` show whole names, with a dot at the end, and the kind of an allocation as a word?
    pub shows_words: bool,
    /// Is a missing right status 500, as every other refusal, and not 403?
    pub right_as_500: bool,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            page_at_most: 1000,
            list_key: None,
            exists: Exists::Flag,
            ranges_have_ends: true,
            mask_in_address: false,
            lists_free: false,
            ignores_filters: false,
            absent_is_empty: false,
            ignores_case: false,
            full_is_refused: false,
            names_are_unique: false,
            deletes_what_is_absent: false,
            shows_words: false,
            right_as_500: false,
        }
    }
}

/// A TCPWave.
#[derive(Debug)]
pub struct Tcpwave {
    state: Mutex<State>,
    site: Site,
}

impl Tcpwave {
    /// The session token of an administrator who may do everything.
    pub const TOKEN: &str = "3c9f1ad2-0b1e-4f0a-9a44-6d1f0f8c7e21";

    /// The common name of the certificate of an administrator who may do everything.
    pub const CERTIFICATE: &str = "test-client";

    /// The domain of objects that others have made.
    pub const DOMAIN: &str = "example.com";

    /// A TCPWave that holds the seed. Every subnet must be in a group and of IPv4.
    pub fn start(seed: &Seed, site: Site) -> Self {
        let tcpwave = Self::empty(site);
        for group in &seed.groups {
            tcpwave.add_organization(group.name.as_str(), &group.description);
        }
        for seeded in &seed.subnets {
            let organization = seeded.group.as_ref().expect("every subnet is in an organization").as_str();
            tcpwave.add_subnet(organization, &seeded.prefix.to_string(), &seeded.description);
            for (address, by) in &seeded.taken {
                let mac = by.mac.map(|mac| mac.to_string());
                tcpwave.insert(organization, v4(*address), by.hostname.as_deref(), mac);
            }
        }
        tcpwave
    }

    /// A TCPWave with nothing in it but its administrators.
    pub fn empty(site: Site) -> Self {
        let mut state = State::default();
        for administrator in [Self::TOKEN, Self::CERTIFICATE] {
            state.administrators.insert(administrator.to_owned(), RIGHTS.into());
        }
        Self { state: Mutex::new(state), site }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an organization.
    pub fn add_organization(&self, name: &str, description: &str) {
        let mut state = self.state();
        let id = state.new_id();
        state.organizations.push(Organization { id, name: name.to_owned(), description: description.to_owned() });
    }

    /// Renames an organization.
    pub fn rename_organization(&self, name: &str, new: &str) {
        let mut state = self.state();
        state.organizations.iter_mut().find(|known| known.name == name).expect("an organization").name = new.to_owned();
    }

    /// Adds a network.
    pub fn add_network(&self, organization: &str, net: &str, name: &str) {
        let mut state = self.state();
        let (id, organization) = (state.new_id(), state.organization_named(organization).expect("an organization"));
        let net = Net::parse(net).expect("a network");
        state.networks.push(Network { id, organization, name: name.to_owned(), net });
    }

    /// Adds a subnet; where no network is around it, the /16 or /8 is made one.
    pub fn add_subnet(&self, organization: &str, net: &str, description: &str) {
        let net = Net::parse(net).expect("a subnet");
        let around = Net::around(net.first(), if net.length < 16 { 8 } else { 16 });
        let id = self.state().organization_named(organization).expect("an organization");
        if self.state().network_around(id, net).is_none() {
            self.add_network(organization, &around.to_string(), &format!("net-{}", around.first()));
        }
        let mut state = self.state();
        let subnet = Subnet {
            id: state.new_id(),
            organization: id,
            name: format!("subnet-{}", net.first()),
            description: description.to_owned(),
            net,
            router: String::new(),
            primary_domain: Self::DOMAIN.to_owned(),
        };
        state.subnets.push(subnet);
    }

    /// Another writer takes an address.
    pub fn take(&self, organization: &str, address: IpAddr) {
        self.insert(organization, v4(address), None, None);
    }

    fn insert(&self, organization: &str, address: Ipv4Addr, hostname: Option<&str>, mac: Option<String>) {
        let [a, b, c, d] = address.octets();
        let derived = format!("ip-{a}-{b}-{c}-{d}");
        let name = hostname.map(|name| name.strip_suffix(&format!(".{}", Self::DOMAIN)).expect("a name in the domain"));
        let mut state = self.state();
        let object = Object {
            id: state.new_id(),
            name: name.unwrap_or(&derived).to_owned(),
            domain: Self::DOMAIN.to_owned(),
            class: "Others".to_owned(),
            alloc_type: 1,
            mac,
            description: String::new(),
            contact: String::new(),
            has_records: true,
        };
        let organization = state.organization_named(organization).expect("an organization");
        assert!(state.subnet_of(organization, address).is_some(), "{address} is in a subnet");
        state.insert(organization, address, object);
    }

    /// Another writer deletes an object.
    pub fn free(&self, organization: &str, address: IpAddr) {
        let mut state = self.state();
        let organization = state.organization_named(organization).expect("an organization");
        assert!(state.remove(organization, v4(address), true), "{address} is taken");
    }

    /// Another writer deletes a subnet and its objects.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let organization = subnet.group.as_ref().expect("every subnet is in an organization").as_str();
        let net = Net::parse(&subnet.prefix.to_string()).expect("a subnet");
        let mut state = self.state();
        let organization = state.organization_named(organization).expect("an organization");
        write::remove_subnet(&mut state, organization, net, true);
    }

    /// Takes a right away, such as `object:add`.
    pub fn revoke(&self, administrator: &str, right: &str) {
        let mut state = self.state();
        let rights = state.administrators.get_mut(administrator).expect("an administrator");
        assert!(rights.remove(right), "the administrator had the right");
    }

    /// The object of an address as `object/paged` shows it.
    pub fn object(&self, organization: &str, address: IpAddr) -> Option<Value> {
        let state = self.state();
        let organization = state.organization_named(organization)?;
        let object = state.objects.get(&(organization, v4(address)))?;
        Some(render::object(&state, &self.site, state.subnet_of(organization, v4(address))?, v4(address), object))
    }

    /// Another writer notes whom to ask about an object.
    pub fn set_contact(&self, organization: &str, address: IpAddr, contact: &str) {
        let mut state = self.state();
        let organization = state.organization_named(organization).expect("an organization");
        state.objects.get_mut(&(organization, v4(address))).expect("an object").contact = contact.to_owned();
    }

    /// The resource records of an organization as `owner type data`.
    pub fn resource_records(&self, organization: &str) -> Vec<String> {
        let state = self.state();
        let organization = state.organization_named(organization).expect("an organization");
        let own = state.records.iter().filter(|record| record.organization == organization);
        own.map(|record| format!("{} {} {}", record.owner, record.kind, record.data)).collect()
    }
}

/// Panics for IPv6, which nothing is known of.
fn v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => panic!("{address}: only IPv4 is simulated"),
    }
}

impl Ipam for Tcpwave {
    fn answer(&self, request: &Request) -> Response {
        self.respond(request).unwrap_or_else(|refusal| refusal)
    }

    fn is_write(&self, request: &Request) -> bool {
        request.method != "GET"
    }

    fn session_expired(&self) -> Response {
        route::unauthenticated()
    }
}
