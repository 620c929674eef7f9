//! What is in IPAM: the tree of groups, subnets, and a row for each address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value};

/// `GroupType` of the nodes of the tree.
pub(super) const HIERARCHY: u64 = 1;
pub(super) const SUBNET: u64 = 8;
pub(super) const SUBNET_IPV6: u64 = 512;

pub(super) const AVAILABLE: u8 = 2;

/// The words of verbs and of changes, and the numbers of queries.
pub(super) const STATUSES: [(&str, u8); 5] =
    [("Used", 1), ("Available", AVAILABLE), ("Reserved", 4), ("Transient", 8), ("Blocked", 16)];

/// A node of the tree that is not a subnet.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: i64,
    /// -1 for a hierarchy group.
    pub(super) parent: i64,
    pub(super) kind: u64,
    pub(super) name: String,
    pub(super) comments: String,
}

#[derive(Debug, Clone)]
pub(super) struct Subnet {
    pub(super) id: i64,
    /// Its id in the tree, which is another number.
    pub(super) group: i64,
    pub(super) parent: i64,
    pub(super) network: IpAddr,
    pub(super) length: u8,
    pub(super) name: String,
    pub(super) comments: String,
}

impl Subnet {
    pub(super) fn kind(&self) -> u64 {
        if self.network.is_ipv6() { SUBNET_IPV6 } else { SUBNET }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv6() == address.is_ipv6() && self.offset(address) < self.size()
    }

    /// How far the address is from the first one; more than the size when it is below.
    pub(super) fn offset(&self, address: IpAddr) -> u128 {
        bits(address).wrapping_sub(bits(self.network))
    }

    /// How many addresses there are; the highest number for all of IPv6.
    pub(super) fn size(&self) -> u128 {
        let all = if self.network.is_ipv6() { 128 } else { 32 };
        1_u128.checked_shl(u32::from(all - self.length)).unwrap_or(u128::MAX)
    }

    /// The addresses from an offset on, lowest first.
    pub(super) fn addresses(&self, from: u128) -> impl Iterator<Item = IpAddr> + use<> {
        let (network, is_ipv6) = (bits(self.network), self.network.is_ipv6());
        (from..self.size()).map(move |offset| address(network + offset, is_ipv6))
    }
}

pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(bits: u128, is_ipv6: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if !is_ipv6 => std::net::Ipv4Addr::from_bits(bits).into(),
        _ => std::net::Ipv6Addr::from_bits(bits).into(),
    }
}

/// A row of `IPAM.IPNode`.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) id: i64,
    pub(super) subnet: i64,
    pub(super) address: IpAddr,
    pub(super) status: u8,
    /// The columns that people may write: `MAC`, `DnsBackward`, …
    pub(super) texts: BTreeMap<&'static str, String>,
    pub(super) skip_scan: bool,
    pub(super) custom: Map<String, Value>,
    /// The end of a reservation that was started and not finished.
    pub(super) held_until: Option<Duration>,
}

/// What must be undefined while an address is available.
pub(super) const TEXTS: [&str; 6] = ["MAC", "DnsBackward", "Alias", "Comments", "DhcpClientName", "IPMapped"];

/// What the account may do besides looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Change the records of addresses.
    ChangeAddresses,
    /// Call the verbs of subnets.
    CallVerbs,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) groups: Vec<Group>,
    pub(super) subnets: BTreeMap<i64, Subnet>,
    /// By subnet and address.
    pub(super) nodes: BTreeMap<(i64, IpAddr), Node>,
    /// Where the row of an id is.
    pub(super) by_id: BTreeMap<i64, (i64, IpAddr)>,
    /// Custom properties of addresses, with the place that they are in.
    pub(super) custom: BTreeSet<(String, String)>,
    pub(super) rights: BTreeSet<Right>,
    pub(super) now: Duration,
    pub(super) made: i64,
}

impl State {
    pub(super) fn new_id(&mut self) -> i64 {
        self.made += 1;
        self.made
    }

    pub(super) fn count_from(&mut self, id: i64) {
        self.made = id - 1;
    }

    pub(super) fn group(&self, id: i64) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The hierarchy group above a node.
    pub(super) fn hierarchy(&self, mut parent: i64) -> Option<&Group> {
        loop {
            let group = self.group(parent)?;
            if group.kind == HIERARCHY {
                return Some(group);
            }
            parent = group.parent;
        }
    }

    pub(super) fn insert(&mut self, subnet: i64, address: IpAddr, status: u8) -> i64 {
        let id = self.new_id();
        self.insert_as(id, subnet, address, status);
        id
    }

    pub(super) fn insert_as(&mut self, id: i64, subnet: i64, address: IpAddr, status: u8) {
        let (texts, custom) = (BTreeMap::new(), Map::new());
        let node = Node { id, subnet, address, status, texts, skip_scan: false, custom, held_until: None };
        self.nodes.insert((subnet, address), node);
        self.by_id.insert(id, (subnet, address));
    }

    pub(super) fn node_mut(&mut self, id: i64) -> Option<&mut Node> {
        self.nodes.get_mut(self.by_id.get(&id)?)
    }

    pub(super) fn remove(&mut self, id: i64) -> bool {
        self.by_id.remove(&id).and_then(|key| self.nodes.remove(&key)).is_some()
    }

    /// Reservations that were not finished in time end.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        for node in self.nodes.values_mut().filter(|node| node.held_until.is_some_and(|until| until <= now)) {
            node.set_status(AVAILABLE);
        }
    }

    /// The subnets of this address, in one hierarchy group or in all.
    pub(super) fn subnets_around(&self, address: IpAddr, hierarchy: Option<&str>) -> Vec<i64> {
        let around = self.subnets.values().filter(|subnet| subnet.contains(address));
        let is_in =
            |subnet: &&Subnet| hierarchy.is_none_or(|name| self.hierarchy(subnet.parent).is_some_and(|g| g.is(name)));
        around.filter(is_in).map(|subnet| subnet.id).collect()
    }
}

impl Group {
    /// The database ignores case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.to_lowercase() == name.to_lowercase()
    }
}

impl Node {
    /// A finished status; one that is available has no metadata.
    pub(super) fn set_status(&mut self, status: u8) {
        self.status = status;
        self.held_until = None;
        if status == AVAILABLE {
            self.texts.clear();
        }
    }
}

/// The number of a status's word; a number is one too.
pub(super) fn status_of(value: &Value) -> Option<u8> {
    let number = |number: u64| STATUSES.iter().find(|(_, known)| u64::from(*known) == number);
    let known = match value {
        Value::Number(value) => number(value.as_u64()?),
        Value::String(word) => STATUSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)),
        _ => None,
    };
    known.map(|(_, status)| *status)
}
