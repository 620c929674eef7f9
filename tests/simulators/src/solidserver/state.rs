//! What is in a SOLIDserver: spaces, networks and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// `ip_site`.
#[derive(Debug, Clone)]
pub(super) struct Space {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) is_template: bool,
}

/// A block (not terminal) or a network that holds addresses (terminal).
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) id: u64,
    pub(super) space: u64,
    pub(super) name: String,
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
    pub(super) length: u8,
    pub(super) is_terminal: bool,
}

impl Network {
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.first <= address && address <= self.last
    }
}

/// An address that is in use.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) id: u64,
    pub(super) name: String,
    /// As the client wrote it; `None` is shown as `EIP:` and something of the appliance's own.
    pub(super) mac: Option<String>,
    pub(super) class_name: String,
    pub(super) class_parameters: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) spaces: Vec<Space>,
    pub(super) networks: Vec<Network>,
    /// An address is in a space once.
    pub(super) addresses: BTreeMap<(u64, IpAddr), Address>,
    /// Services that the user may not use.
    pub(super) denied: BTreeSet<String>,
    /// What the appliance takes the time for, where it is not the machine's.
    pub(super) clock: Option<u64>,
    last_id: u64,
}

impl State {
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn space(&self, id: u64) -> Option<&Space> {
        self.spaces.iter().find(|space| space.id == id)
    }

    pub(super) fn space_named(&self, name: &str) -> Option<&Space> {
        self.spaces.iter().find(|space| space.name == name)
    }

    /// The terminal network of a space around an address: the smallest one.
    pub(super) fn network_of(&self, space: u64, address: IpAddr) -> Option<&Network> {
        let around = self.networks.iter().filter(|network| {
            network.space == space
                && network.is_terminal
                && network.first.is_ipv6() == address.is_ipv6()
                && network.contains(address)
        });
        around.max_by_key(|network| network.length)
    }

    /// Free addresses of a network from one to another, lowest first.
    pub(super) fn free(
        &self,
        network: &Network,
        from: IpAddr,
        to: IpAddr,
        offers_edges: bool,
    ) -> impl Iterator<Item = IpAddr> {
        let mut next = (from <= to).then_some(from);
        let all = std::iter::from_fn(move || {
            let current = next?;
            next = following(current).filter(|next| *next <= to);
            Some(current)
        });
        let has_edges = !network.first.is_ipv6() && network.length <= 30 && !offers_edges;
        let (space, first, last) = (network.space, network.first, network.last);
        all.filter(move |address| !(has_edges && (*address == first || *address == last)))
            .filter(move |address| !self.addresses.contains_key(&(space, *address)))
    }

    /// The address of this id, in which space.
    pub(super) fn place_of(&self, id: u64, is_v6: bool) -> Option<(u64, IpAddr)> {
        let mut known = self.addresses.iter();
        known.find(|(place, address)| address.id == id && place.1.is_ipv6() == is_v6).map(|(place, _)| *place)
    }
}

fn following(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => Some(IpAddr::V4(address.to_bits().checked_add(1)?.into())),
        IpAddr::V6(address) => Some(IpAddr::V6(address.to_bits().checked_add(1)?.into())),
    }
}

/// As the appliance writes addresses besides: `c0000200`, 32 digits for IPv6.
pub(super) fn hex(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:08x}", address.to_bits()),
        IpAddr::V6(address) => format!("{:032x}", address.to_bits()),
    }
}
