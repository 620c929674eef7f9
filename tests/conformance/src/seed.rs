//! What a subject is filled with before each case.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam_provider::{GroupName, Prefix, Requester, addresses_between};

/// The groups and subnets that a subject starts with. All prefixes are for documentation or benchmarks (RFC 5737,
/// RFC 2544, RFC 3849), so that a suite over a real product meets nobody's network.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The groups, in the order to create them; not sorted, since an IPAM does not keep them sorted either.
    pub groups: Vec<SeededGroup>,
    /// The subnets, in the order to create them; not sorted. No two of one group overlap.
    pub subnets: Vec<SeededSubnet>,
}

/// A group to create.
#[derive(Debug, Clone)]
pub struct SeededGroup {
    /// Its name.
    pub name: GroupName,
    /// Its description.
    pub description: String,
}

/// A subnet to create.
#[derive(Debug, Clone)]
pub struct SeededSubnet {
    /// What the cases use it for.
    pub role: Role,
    /// The group to create it in; `None` for the global table, or in an IPAM without groups.
    pub group: Option<GroupName>,
    /// Its prefix.
    pub prefix: Prefix,
    /// Its description.
    pub description: String,
    /// May hosts have its first and last address too?
    pub pool: bool,
    /// The addresses that another writer has taken, each with what is recorded of it where the IPAM has a place.
    pub taken: BTreeMap<IpAddr, Requester>,
}

/// What a seeded subnet is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A /28 of which the first, third and tenth host are taken; of the first, MAC and hostname are recorded.
    Plain,
    /// A /28 with nothing taken.
    Empty,
    /// A /29 with all six hosts taken.
    Full,
    /// A /24 with nothing taken.
    Wide,
    /// A /30.
    Smallest,
    /// A /31.
    PointToPoint,
    /// A /32.
    SingleHost,
    /// A /29 whose eight addresses are all for hosts.
    Pool,
    /// A prefix that is in two groups and in the global table; here the first host is taken.
    Twin,
    /// The same prefix in another group; here the second host is taken.
    OtherTwin,
    /// The same prefix outside of all groups; here the third host is taken.
    GlobalTwin,
    /// In a third group, a /25 that starts where the twins do.
    Wider,
    /// One /28 in each group whose name is hard to carry.
    Named,
    /// An IPv6 /64 of which a few addresses are taken.
    Ipv6,
    /// An IPv6 /125 with nothing taken.
    Ipv6Small,
    /// A /127.
    Ipv6PointToPoint,
    /// A /128.
    Ipv6SingleHost,
}

impl Seed {
    /// The seed for an IPAM that has room for everything.
    pub fn standard() -> Self {
        let main = Some("Production");
        let subnet = SeededSubnet::new;
        Self {
            groups: [
                ("Zürich", "An umlaut"),
                ("Production", "Most subnets"),
                ("dmz/web", "A slash"),
                ("Zone A", "A blank"),
                ("R+D", "A plus"),
                ("100% test", "A percent sign"),
                // Somebody else's id in many an IPAM, and must not be taken for it.
                ("1", "A number"),
                ("Unused", "No subnets"),
            ]
            .map(|(name, description)| SeededGroup { name: group_name(name), description: description.to_owned() })
            .to_vec(),
            subnets: vec![
                subnet(Role::Wide, main, "198.18.0.0/24"),
                subnet(Role::Plain, main, "192.0.2.0/28")
                    .with_details("192.0.2.1", "02:00:5e:00:53:01", "first.example.com")
                    .with_taken(&["192.0.2.3", "192.0.2.10"]),
                subnet(Role::Empty, main, "192.0.2.16/28"),
                subnet(Role::Full, main, "192.0.2.32/29").with_taken(&[
                    "192.0.2.33",
                    "192.0.2.34",
                    "192.0.2.35",
                    "192.0.2.36",
                    "192.0.2.37",
                    "192.0.2.38",
                ]),
                subnet(Role::PointToPoint, main, "192.0.2.48/31"),
                subnet(Role::SingleHost, main, "192.0.2.50/32"),
                subnet(Role::Smallest, main, "192.0.2.52/30"),
                SeededSubnet { pool: true, ..subnet(Role::Pool, main, "192.0.2.64/29") },
                subnet(Role::Twin, main, "198.51.100.0/28").with_taken(&["198.51.100.1"]),
                subnet(Role::OtherTwin, Some("dmz/web"), "198.51.100.0/28").with_taken(&["198.51.100.2"]),
                subnet(Role::GlobalTwin, None, "198.51.100.0/28").with_taken(&["198.51.100.3"]),
                subnet(Role::Wider, Some("Zone A"), "198.51.100.0/25"),
                subnet(Role::Named, Some("Zone A"), "203.0.113.0/28"),
                subnet(Role::Named, Some("dmz/web"), "203.0.113.16/28"),
                subnet(Role::Named, Some("R+D"), "203.0.113.32/28"),
                subnet(Role::Named, Some("100% test"), "203.0.113.48/28"),
                subnet(Role::Named, Some("Zürich"), "203.0.113.64/28"),
                subnet(Role::Named, Some("1"), "203.0.113.80/28"),
                // Two runs of zeros, so that there are several ways to write the second one short.
                subnet(Role::Ipv6, main, "2001:db8:1::/64").with_taken(&["2001:db8:1::1", "2001:db8:1:0:1::1"]),
                subnet(Role::Ipv6Small, main, "2001:db8:2::8/125"),
                subnet(Role::Ipv6PointToPoint, main, "2001:db8:3::2/127"),
                subnet(Role::Ipv6SingleHost, main, "2001:db8:3::a/128"),
            ],
        }
    }

    /// The seed for an IPAM without groups: of subnets that overlap, the first remains.
    #[must_use]
    pub fn without_groups(mut self) -> Self {
        self.groups.clear();
        let mut remaining: Vec<SeededSubnet> = Vec::new();
        for subnet in self.subnets {
            if !remaining.iter().any(|earlier| earlier.prefix.overlaps(&subnet.prefix)) {
                remaining.push(SeededSubnet { group: None, ..subnet });
            }
        }
        Self { groups: self.groups, subnets: remaining }
    }

    /// The seed for an IPAM without IPv6.
    #[must_use]
    pub fn without_ipv6(mut self) -> Self {
        self.subnets.retain(|subnet| !subnet.prefix.is_ipv6());
        self
    }

    /// The seed for an IPAM that has no room for this kind of subnet, such as [`Role::GlobalTwin`] where every subnet is
    /// in a group, or [`Role::Pool`].
    #[must_use]
    pub fn without(mut self, role: Role) -> Self {
        self.subnets.retain(|subnet| subnet.role != role);
        self
    }

    /// The first subnet of this role.
    pub fn subnet(&self, role: Role) -> Option<&SeededSubnet> {
        self.subnets.iter().find(|subnet| subnet.role == role)
    }

    /// The subnets of a group by prefix, or those outside of groups.
    pub fn subnets_of(&self, group: Option<&GroupName>) -> Vec<&SeededSubnet> {
        let mut subnets: Vec<_> = self.subnets.iter().filter(|subnet| subnet.group.as_ref() == group).collect();
        subnets.sort_by_key(|subnet| subnet.prefix);
        subnets
    }
}

impl SeededSubnet {
    fn new(role: Role, group: Option<&str>, prefix: &str) -> Self {
        Self {
            role,
            group: group.map(group_name),
            prefix: prefix.parse().expect("the seed's prefixes are prefixes"),
            description: format!("Conformance {role:?}"),
            pool: false,
            taken: BTreeMap::new(),
        }
    }

    fn with_taken(mut self, addresses: &[&str]) -> Self {
        let taken = addresses.iter().map(|address| (ip(address), Requester::default()));
        self.taken.extend(taken);
        self
    }

    fn with_details(mut self, address: &str, mac: &str, hostname: &str) -> Self {
        let mac = Some(mac.parse().expect("the seed's MACs are MACs"));
        self.taken.insert(ip(address), Requester { mac, hostname: Some(hostname.to_owned()), ..Requester::default() });
        self
    }

    /// The lowest free addresses as they should be, at most so many.
    pub fn free(&self, at_most: usize) -> Vec<IpAddr> {
        self.addresses().filter(|address| !self.taken.contains_key(address)).take(at_most).collect()
    }

    /// Every address that a host may have, lowest first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        hosts(self.prefix, self.pool)
    }
}

/// Every address of the prefix that a host may have, lowest first, one at a time.
pub(crate) fn hosts(prefix: Prefix, pool: bool) -> impl Iterator<Item = IpAddr> + use<> {
    let (first, last) = prefix.offerable(pool);
    addresses_between(first, last)
}

fn group_name(name: &str) -> GroupName {
    GroupName::new(name).expect("the seed's groups have names")
}

fn ip(address: &str) -> IpAddr {
    address.parse().expect("the seed's addresses are addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_subnets_of_a_group_overlap_and_what_is_taken_lies_inside() {
        for seed in [Seed::standard(), Seed::standard().without_groups(), Seed::standard().without_ipv6()] {
            for (index, subnet) in seed.subnets.iter().enumerate() {
                let mut earlier = seed.subnets[..index].iter().filter(|other| other.group == subnet.group);
                assert!(!earlier.any(|other| other.prefix.overlaps(&subnet.prefix)), "{}", subnet.prefix);
                for address in subnet.taken.keys() {
                    assert!(subnet.prefix.is_offerable(*address, subnet.pool), "{address}");
                }
            }
        }
    }

    #[test]
    fn every_subnet_is_in_a_seeded_group() {
        for seed in [Seed::standard(), Seed::standard().without_groups()] {
            for group in seed.subnets.iter().filter_map(|subnet| subnet.group.as_ref()) {
                assert!(seed.groups.iter().any(|seeded| seeded.name == *group), "{group}");
            }
        }
    }

    #[test]
    fn free_addresses_are_counted_from_the_lowest() {
        let seed = Seed::standard();
        let free = |role, at_most| {
            let addresses = seed.subnet(role).expect("a standard role").free(at_most);
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(free(Role::Plain, 3), ["192.0.2.2", "192.0.2.4", "192.0.2.5"]);
        assert_eq!(free(Role::Plain, 99).len(), 11);
        assert_eq!(free(Role::Full, 9), [""; 0]);
        assert_eq!(free(Role::Pool, 99).len(), 8);
        assert_eq!(free(Role::PointToPoint, 9), ["192.0.2.48", "192.0.2.49"]);
        assert_eq!(free(Role::Ipv6, 1), ["2001:db8:1::2"]);
    }
}
