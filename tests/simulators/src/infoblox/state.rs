//! What is in the grid's database, and how objects are referred to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value};

/// Makes a fixed address a reservation.
pub(super) const ZERO_MAC: &str = "00:00:00:00:00:00";

#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) comment: String,
}

#[derive(Debug, Clone)]
pub(super) struct DnsView {
    pub(super) name: String,
    /// The network view it belongs to.
    pub(super) view: u64,
    pub(super) zones: Vec<String>,
}

/// A network or a network container.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) view: u64,
    pub(super) net: IpNet,
    pub(super) comment: String,
    pub(super) is_container: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) view: u64,
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
}

#[derive(Debug, Clone)]
pub(super) struct Fixed {
    pub(super) view: u64,
    pub(super) address: IpAddr,
    /// A MAC or, of IPv6, a DUID.
    pub(super) client: String,
    pub(super) name: String,
    pub(super) comment: String,
    pub(super) extattrs: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub(super) struct HostAddress {
    pub(super) address: IpAddr,
    /// A MAC or a DUID; may be empty.
    pub(super) client: String,
    pub(super) is_for_dhcp: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) id: u64,
    pub(super) view: u64,
    /// `None` when it is not configured for DNS.
    pub(super) dns_view: Option<String>,
    pub(super) name: String,
    pub(super) comment: String,
    pub(super) extattrs: Map<String, Value>,
    pub(super) addresses: Vec<HostAddress>,
}

impl Host {
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|known| known.address == address)
    }
}

/// Something else that uses an address.
#[derive(Debug, Clone)]
pub(super) struct Other {
    pub(super) view: u64,
    pub(super) address: IpAddr,
    /// As `types` has it.
    pub(super) kind: &'static str,
    pub(super) name: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) views: Vec<View>,
    pub(super) dns_views: Vec<DnsView>,
    pub(super) networks: Vec<Network>,
    pub(super) ranges: Vec<Range>,
    pub(super) fixed: Vec<Fixed>,
    pub(super) hosts: Vec<Host>,
    pub(super) others: Vec<Other>,
    /// Extensible attributes that are defined.
    pub(super) attributes: BTreeSet<String>,
    pub(super) passwords: BTreeMap<String, String>,
    /// The values of cookies that are let in.
    pub(super) sessions: BTreeSet<String>,
    /// Such as `write fixedaddress`.
    pub(super) revoked: BTreeSet<String>,
    /// The rows that are left of lists, by page id.
    pub(super) pages: BTreeMap<String, Vec<Value>>,
    pub(super) restarts: Vec<Value>,
    made: u64,
}

impl State {
    pub(super) fn new_id(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    pub(super) fn view(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|view| view.name == name)
    }

    pub(super) fn view_name(&self, id: u64) -> &str {
        self.views.iter().find(|view| view.id == id).map_or("", |view| &view.name)
    }

    /// The network around an address. Containers hold no addresses.
    pub(super) fn network_of(&self, view: u64, address: IpAddr) -> Option<&Network> {
        let mut around = self.networks.iter().filter(|known| !known.is_container && known.view == view);
        around.find(|known| known.net.contains(&address))
    }

    /// Every address of the view that something is recorded for.
    pub(super) fn used(&self, view: u64) -> BTreeSet<IpAddr> {
        let fixed = self.fixed.iter().filter(|fixed| fixed.view == view).map(|fixed| fixed.address);
        let hosts = self.hosts.iter().filter(|host| host.view == view);
        let hosts = hosts.flat_map(|host| host.addresses.iter().map(|at| at.address));
        let others = self.others.iter().filter(|other| other.view == view).map(|other| other.address);
        fixed.chain(hosts).chain(others).collect()
    }

    pub(super) fn is_in_range(&self, view: u64, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.view == view && (range.first..=range.last).contains(&address))
    }
}

/// A reference: `type/opaque:name`. The colons of an IPv6 address in a name are encoded.
fn reference(kind: &str, inside: &str, name: &str) -> String {
    let opaque = openssl::base64::encode_block(inside.as_bytes());
    format!("{kind}/{}:{name}", opaque.trim_end_matches('='))
}

fn readable(address: impl ToString) -> String {
    address.to_string().replace(':', "%3A")
}

impl View {
    pub(super) fn reference(&self) -> String {
        let is_default = self.id == 0;
        reference("networkview", &format!("dns.network_view${}", self.id), &format!("{}/{is_default}", self.name))
    }
}

impl Network {
    pub(super) fn kind(&self) -> &'static str {
        match (self.net, self.is_container) {
            (IpNet::V4(_), false) => "network",
            (IpNet::V6(_), false) => "ipv6network",
            (IpNet::V4(_), true) => "networkcontainer",
            (IpNet::V6(_), true) => "ipv6networkcontainer",
        }
    }

    pub(super) fn reference(&self, state: &State) -> String {
        let inside = format!("dns.network${}/{}", self.net, self.view);
        reference(self.kind(), &inside, &format!("{}/{}", readable(self.net), state.view_name(self.view)))
    }
}

impl Range {
    pub(super) fn kind(&self) -> &'static str {
        if self.first.is_ipv6() { "ipv6range" } else { "range" }
    }

    pub(super) fn reference(&self, state: &State) -> String {
        let inside = format!("dns.dhcp_range${}/{}///{}/", self.first, self.last, self.view);
        let name = format!("{}/{}/{}", readable(self.first), readable(self.last), state.view_name(self.view));
        reference(self.kind(), &inside, &name)
    }
}

impl Fixed {
    pub(super) fn kind(&self) -> &'static str {
        if self.address.is_ipv6() { "ipv6fixedaddress" } else { "fixedaddress" }
    }

    pub(super) fn reference(&self, state: &State) -> String {
        let inside = format!("dns.fixed_address${}.{}..", self.address, self.view);
        reference(self.kind(), &inside, &format!("{}/{}", readable(self.address), state.view_name(self.view)))
    }
}

impl Host {
    pub(super) fn reference(&self) -> String {
        // The name of the DNS view; of a host without DNS there is a blank.
        let view = self.dns_view.as_deref().unwrap_or(" ");
        reference("record:host", &format!("dns.host$.{}.{}", self.id, self.name), &format!("{}/{view}", self.name))
    }
}

/// What identifies the object: the reference without the name for people.
pub(super) fn identity(reference: &str) -> &str {
    // The type of a host record has a colon of its own.
    let at = reference.find('/').unwrap_or(0);
    reference[at..].find(':').map_or(reference, |colon| &reference[..at + colon])
}
