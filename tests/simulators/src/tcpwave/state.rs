//! What is in the database: organizations, their networks, subnets and objects, records of zones, and administrators.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::net::Net;

#[derive(Debug, Clone)]
pub(super) struct Organization {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
}

#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) id: u64,
    /// The id of its organization.
    pub(super) organization: u64,
    pub(super) name: String,
    pub(super) net: Net,
}

#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) id: u64,
    /// The id of its organization.
    pub(super) organization: u64,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) net: Net,
    pub(super) router: String,
    pub(super) primary_domain: String,
}

#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) class: String,
    pub(super) alloc_type: u64,
    pub(super) mac: Option<String>,
    pub(super) description: String,
    /// Whom to ask about it.
    pub(super) contact: String,
    /// Has it an A and a PTR record?
    pub(super) has_records: bool,
}

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// The id of its organization.
    pub(super) organization: u64,
    /// Such as `web.example.com.`.
    pub(super) owner: String,
    /// Such as `A`.
    pub(super) kind: String,
    pub(super) data: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) organizations: Vec<Organization>,
    pub(super) networks: Vec<Network>,
    pub(super) subnets: Vec<Subnet>,
    /// By the id of the organization and the address.
    pub(super) objects: BTreeMap<(u64, Ipv4Addr), Object>,
    pub(super) records: BTreeSet<Record>,
    /// What each session token or certificate may do.
    pub(super) administrators: BTreeMap<String, BTreeSet<&'static str>>,
    made: u64,
}

impl State {
    pub(super) fn new_id(&mut self) -> u64 {
        self.made += 1;
        100 + self.made
    }

    pub(super) fn organization(&self, id: u64) -> &Organization {
        self.organizations.iter().find(|known| known.id == id).expect("records are of organizations that exist")
    }

    pub(super) fn organization_named(&self, name: &str) -> Option<u64> {
        self.organizations.iter().find(|known| known.name == name).map(|known| known.id)
    }

    /// The network of the organization around a net.
    pub(super) fn network_around(&self, organization: u64, net: Net) -> Option<&Network> {
        let mut networks = self.networks.iter().filter(|known| known.organization == organization);
        networks.find(|known| known.net.length <= net.length && known.net.contains(net.first()))
    }

    /// The subnet of the organization that begins with the address.
    pub(super) fn subnet(&self, organization: u64, first: Ipv4Addr) -> Option<&Subnet> {
        self.subnets.iter().find(|known| known.organization == organization && known.net.first() == first)
    }

    /// The subnet of the organization that the address is in.
    pub(super) fn subnet_of(&self, organization: u64, address: Ipv4Addr) -> Option<&Subnet> {
        self.subnets.iter().find(|known| known.organization == organization && known.net.contains(address))
    }

    /// The objects of a subnet by address.
    pub(super) fn objects_in(&self, subnet: &Subnet) -> impl Iterator<Item = (Ipv4Addr, &Object)> {
        let keys = (subnet.organization, subnet.net.first())..=(subnet.organization, subnet.net.last());
        self.objects.range(keys).map(|((_, address), object)| (*address, object))
    }

    /// The free addresses of a subnet as ranges, lowest first.
    pub(super) fn free(&self, subnet: &Subnet) -> Vec<(Ipv4Addr, Ipv4Addr)> {
        let (first, last) = subnet.net.hosts();
        let taken =
            self.objects_in(subnet).map(|(address, _)| address).filter(|address| (first..=last).contains(address));
        let (mut ranges, mut next) = (Vec::new(), u64::from(first.to_bits()));
        // One more, so that the last range ends too.
        for taken in taken.map(|address| u64::from(address.to_bits())).chain([u64::from(last.to_bits()) + 1]) {
            if next < taken {
                ranges.push((next, taken - 1));
            }
            next = taken + 1;
        }
        let address = |number: u64| Ipv4Addr::from_bits(u32::try_from(number).expect("an IPv4 number"));
        ranges.into_iter().map(|(first, last)| (address(first), address(last))).collect()
    }

    /// Adds an object, with its A and PTR record when DNS is wanted.
    pub(super) fn insert(&mut self, organization: u64, address: Ipv4Addr, object: Object) {
        if object.has_records {
            let (owner, reverse) = (format!("{}.{}.", object.name, object.domain), reverse(address));
            let record = |owner: &str, kind: &str, data: String| Record {
                organization,
                owner: owner.to_owned(),
                kind: kind.to_owned(),
                data,
            };
            self.records.insert(record(&owner, "A", address.to_string()));
            self.records.insert(record(&reverse, "PTR", owner));
        }
        self.objects.insert((organization, address), object);
    }

    /// Removes an object, and its records when they are not to be kept. Was it there?
    pub(super) fn remove(&mut self, organization: u64, address: Ipv4Addr, with_records: bool) -> bool {
        if with_records {
            let (data, owner) = (address.to_string(), reverse(address));
            self.records
                .retain(|record| record.organization != organization || (record.data != data && record.owner != owner));
        }
        self.objects.remove(&(organization, address)).is_some()
    }
}

/// `10.2.0.192.in-addr.arpa.`
fn reverse(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
}
