//! The subnets that hosts are made in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipam_conformance::{Role, Seed, SeededGroup, SeededSubnet};
use ipam_provider::{GroupName, Prefix};

use crate::products::names::{cgi_escape, form_escape};

/// Generated IPv4 subnets lie in 10.0.0.0/8.
const IPV4: u32 = 0x0a00_0000;
const IPV4_LENGTH: u8 = 8;

/// Generated IPv6 subnets are /64 and lie in 2001:db8::/32, the prefix for documentation.
const IPV6: u128 = 0x2001_0db8 << 96;
const IPV6_LENGTH: u8 = 64;
const IPV6_AT_MOST: usize = 1 << 32;

/// One subnet, as Foreman names it. No two places of a run may be the same subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its prefix.
    pub prefix: Prefix,
    /// Its group; `None` where Foreman's field is empty.
    pub group: Option<GroupName>,
    read_group: String,
    write_group: String,
}

impl Place {
    /// The subnet of this prefix and group.
    pub fn new(prefix: Prefix, group: Option<GroupName>) -> Self {
        let name = group.as_ref().map_or("", GroupName::as_str);
        let (read_group, write_group) = (form_escape(name), cgi_escape(name));
        Self { prefix, group, read_group, write_group }
    }

    /// The same subnet, asked for without its group.
    #[must_use]
    pub fn without_naming_the_group(self) -> Self {
        Self { read_group: String::new(), write_group: String::new(), ..self }
    }

    /// The target of `next_ip`, as Foreman 3.2 and newer write it.
    pub(crate) fn next_ip(&self, mac: Option<&str>) -> String {
        let mac = mac.map(|mac| format!("={}", mac.replace(':', "%3A"))).unwrap_or_default();
        format!("/ipam/subnet/{}/next_ip?mac{mac}&group={}", self.prefix, self.read_group)
    }

    /// The target of a look whether the address exists.
    pub(crate) fn read(&self, address: IpAddr) -> String {
        format!("/ipam/subnet/{}/{address}?group={}", self.prefix, self.read_group)
    }

    /// The target of add and delete.
    pub(crate) fn write(&self, address: IpAddr) -> String {
        format!("/ipam/subnet/{}/{address}?group={}", self.prefix, self.write_group)
    }

    /// The id of the subnet in the management API, which is made of prefix and group.
    pub(crate) fn api_id(&self) -> String {
        let plain = match &self.group {
            Some(group) => format!("{} {group}", self.prefix),
            None => self.prefix.to_string(),
        };
        URL_SAFE_NO_PAD.encode(plain)
    }

    /// The subnet as the simulators take it.
    pub(crate) fn seeded(&self) -> SeededSubnet {
        SeededSubnet {
            role: Role::Wide,
            group: self.group.clone(),
            prefix: self.prefix,
            description: "Of the load".to_owned(),
            pool: false,
            taken: std::collections::BTreeMap::new(),
        }
    }
}

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// How many IPv4 subnets.
    pub ipv4: usize,
    /// Their prefix length.
    pub length: u8,
    /// How many IPv6 subnets, each a /64.
    pub ipv6: usize,
    /// Over how many groups they are spread, each in one of them; with 0 they are in the global table.
    pub groups: usize,
}

/// More subnets than there is room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for so many subnets: use at most {at_most} of /{length}, of a length from 9 to 30")]
pub struct NoRoom {
    length: u8,
    at_most: usize,
}

impl Generated {
    /// The places, IPv4 first.
    ///
    /// # Errors
    /// When they do not fit into the prefixes that are generated in.
    pub fn places(&self) -> Result<Vec<Place>, NoRoom> {
        let fits = (IPV4_LENGTH + 1..=30).contains(&self.length);
        let at_most = if fits { 1 << (self.length - IPV4_LENGTH) } else { 0 };
        if self.ipv4 > at_most {
            return Err(NoRoom { length: self.length, at_most });
        }
        if self.ipv6 > IPV6_AT_MOST {
            return Err(NoRoom { length: IPV6_LENGTH, at_most: IPV6_AT_MOST });
        }
        let ipv4 = (0..self.ipv4).map(|number| {
            let network = IPV4 + (u32::try_from(number).unwrap_or(u32::MAX) << (32 - self.length));
            (IpAddr::V4(Ipv4Addr::from_bits(network)), self.length)
        });
        let ipv6 = (0..self.ipv6).map(|number| {
            let network = IPV6 + ((number as u128) << (128 - IPV6_LENGTH));
            (IpAddr::V6(Ipv6Addr::from_bits(network)), IPV6_LENGTH)
        });
        let place = |(number, (network, length)): (usize, (IpAddr, u8))| {
            let prefix = Prefix::new(network, length).expect("a network address of that length");
            let group = (self.groups > 0).then(|| format!("Load {}", number % self.groups.max(1) + 1));
            Place::new(prefix, group.and_then(GroupName::new))
        };
        Ok(ipv4.chain(ipv6).enumerate().map(place).collect())
    }
}

/// The groups of these places, in the order of the names.
fn groups(places: &[Place]) -> Vec<GroupName> {
    let mut groups: Vec<GroupName> = places.iter().filter_map(|place| place.group.clone()).collect();
    groups.sort();
    groups.dedup();
    groups
}

/// The places as a simulator takes them.
pub(crate) fn seed(places: &[Place]) -> Seed {
    let group = |name: GroupName| SeededGroup { name, description: String::new() };
    Seed {
        groups: groups(places).into_iter().map(group).collect(),
        subnets: places.iter().map(Place::seeded).collect(),
    }
}

/// The places as the CSV that the proxy's `import` reads.
pub(crate) fn csv(places: &[Place]) -> String {
    // Names may hold anything; in quotes only a quote must be written otherwise.
    let quoted = |group: Option<&GroupName>| {
        let name = group.map_or("", GroupName::as_str);
        format!("\"{}\"", name.replace('"', "\"\""))
    };
    let mut text = String::from("kind,group,prefix\n");
    for group in groups(places) {
        text.push_str(&format!("group,{},\n", quoted(Some(&group))));
    }
    for Place { prefix, group, .. } in places {
        text.push_str(&format!("subnet,{},{prefix}\n", quoted(group.as_ref())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_places_do_not_overlap_and_are_spread_over_the_groups() {
        let places = Generated { ipv4: 8, length: 24, ipv6: 3, groups: 2 }.places().expect("there is room");
        assert_eq!(places.len(), 11);
        for (index, place) in places.iter().enumerate() {
            assert!(!places[..index].iter().any(|other| other.prefix.overlaps(&place.prefix)), "{}", place.prefix);
        }
        assert_eq!(places[7].prefix.to_string(), "10.0.7.0/24");
        assert_eq!(places[10].prefix.to_string(), "2001:db8:0:2::/64");
        assert_eq!(groups(&places).len(), 2);
    }

    #[test]
    fn too_many_are_refused() {
        let generated = |ipv4, length| Generated { ipv4, length, ipv6: 0, groups: 0 }.places();
        assert!(generated(65_536, 24).is_ok());
        assert_eq!(generated(65_537, 24), Err(NoRoom { length: 24, at_most: 65_536 }));
        assert_eq!(generated(1, 31), Err(NoRoom { length: 31, at_most: 0 }));
    }

    #[test]
    fn targets_are_written_as_foreman_writes_them() {
        let group = GroupName::new("My Group");
        let place = Place::new("2001:db8::/64".parse().expect("a prefix"), group);
        let mac = place.next_ip(Some("02:00:00:00:00:01"));
        assert_eq!(mac, "/ipam/subnet/2001:db8::/64/next_ip?mac=02%3A00%3A00%3A00%3A00%3A01&group=My+Group");
        let place = Place::new("10.0.0.0/24".parse().expect("a prefix"), None);
        assert_eq!(place.next_ip(None), "/ipam/subnet/10.0.0.0/24/next_ip?mac&group=");
        assert_eq!(place.write([10, 0, 0, 5].into()), "/ipam/subnet/10.0.0.0/24/10.0.0.5?group=");
    }
}
