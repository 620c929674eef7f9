//! Infoblox's names: of itself, of the types of objects, and of what the user must be allowed to do.

use std::net::IpAddr;

/// The name in settings and log lines.
pub(crate) const NAME: &str = "infoblox";

/// The product for people.
pub(crate) const WHAT: &str = "Infoblox";

/// The cookie that stands for a session.
pub(crate) const COOKIE: &str = "ibapauth";

/// A type of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As paths and references name it.
    pub(crate) name: &'static str,
    /// The permission that reads it, as "Administrators > Permissions" shows it.
    pub(crate) read: &'static str,
    /// The permission that changes it; the same for what is only read.
    pub(crate) write: &'static str,
    /// The fields that are read of it.
    pub(crate) fields: &'static str,
}

impl Kind {
    const fn new(name: &'static str, read: &'static str, fields: &'static str) -> Self {
        Self { name, read, write: read, fields }
    }

    const fn writable(self, write: &'static str) -> Self {
        Self { write, ..self }
    }
}

const READ_NETWORKS: &str = "read-only on IPv4 Networks";
const READ_IPV6_NETWORKS: &str = "read-only on IPv6 Networks";

pub(crate) const VIEWS: Kind = Kind::new("networkview", "read-only on Network Views", "name,comment");
pub(crate) const NETWORKS: Kind = Kind::new("network", READ_NETWORKS, "network,network_view,comment");
pub(crate) const IPV6_NETWORKS: Kind = Kind::new("ipv6network", READ_IPV6_NETWORKS, NETWORKS.fields);
pub(crate) const RANGES: Kind = Kind::new("range", "read-only on IPv4 DHCP Ranges", "start_addr,end_addr");
pub(crate) const IPV6_RANGES: Kind = Kind::new("ipv6range", "read-only on IPv6 DHCP Ranges", RANGES.fields);
pub(crate) const ADDRESSES: Kind =
    Kind::new("ipv4address", READ_NETWORKS, "ip_address,network_view,status,types,objects,names,mac_address");
pub(crate) const IPV6_ADDRESSES: Kind =
    Kind::new("ipv6address", READ_IPV6_NETWORKS, "ip_address,network_view,status,types,objects,names,duid");
pub(crate) const FIXED: Kind = Kind::new(
    "fixedaddress",
    "read-only on IPv4 Fixed Addresses/Reservations",
    "ipv4addr,network_view,mac,name,comment",
)
.writable("read/write on IPv4 Fixed Addresses/Reservations");
pub(crate) const IPV6_FIXED: Kind =
    Kind::new("ipv6fixedaddress", "read-only on IPv6 Fixed Addresses", "ipv6addr,network_view,duid,name,comment")
        .writable("read/write on IPv6 Fixed Addresses");
pub(crate) const HOSTS: Kind =
    Kind::new("record:host", "read-only on Hosts", "name,network_view,comment,ipv4addrs,ipv6addrs")
        .writable("read/write on Hosts");
const READ_GRID: &str = "read-only on Grid Properties";
pub(crate) const ATTRIBUTES: Kind = Kind::new("extensibleattributedef", READ_GRID, "name");
pub(crate) const GRID: Kind =
    Kind::new("grid", READ_GRID, "name").writable("permission to restart services on the Grid");

/// The kind for the family of an address: the first for IPv4, the second for IPv6.
pub(crate) fn of_family(is_ipv6: bool, kinds: [Kind; 2]) -> Kind {
    kinds[usize::from(is_ipv6)]
}

/// The kind of fixed addresses for an address.
pub(crate) fn fixed(address: IpAddr) -> Kind {
    of_family(address.is_ipv6(), [FIXED, IPV6_FIXED])
}

/// The search for addresses by a regular expression.
pub(crate) fn address_like(is_ipv6: bool) -> &'static str {
    if is_ipv6 { "ipv6addr~" } else { "ipv4addr~" }
}

/// The name of the field, or of the search, for an address.
pub(crate) fn address_key(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ipv6addr" } else { "ipv4addr" }
}
