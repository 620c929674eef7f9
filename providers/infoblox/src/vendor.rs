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
    pub(crate) right: &'static str,
    /// The fields that are read of it.
    pub(crate) fields: &'static str,
}

const READ_NETWORKS: &str = "read-only on IPv4 Networks";
const READ_IPV6_NETWORKS: &str = "read-only on IPv6 Networks";
const WRITE_FIXED: &str = "read/write on IPv4 Fixed Addresses/Reservations";
const WRITE_IPV6_FIXED: &str = "read/write on IPv6 Fixed Addresses";

pub(crate) const VIEWS: Kind =
    Kind { name: "networkview", right: "read-only on Network Views", fields: "name,comment" };
pub(crate) const NETWORKS: Kind =
    Kind { name: "network", right: READ_NETWORKS, fields: "network,network_view,comment" };
pub(crate) const IPV6_NETWORKS: Kind = Kind { name: "ipv6network", right: READ_IPV6_NETWORKS, fields: NETWORKS.fields };
pub(crate) const RANGES: Kind =
    Kind { name: "range", right: "read-only on IPv4 DHCP Ranges", fields: "start_addr,network_view" };
pub(crate) const IPV6_RANGES: Kind =
    Kind { name: "ipv6range", right: "read-only on IPv6 DHCP Ranges", fields: RANGES.fields };
pub(crate) const ADDRESSES: Kind = Kind {
    name: "ipv4address",
    right: READ_NETWORKS,
    fields: "ip_address,network_view,status,types,objects,names,mac_address",
};
pub(crate) const IPV6_ADDRESSES: Kind = Kind {
    name: "ipv6address",
    right: READ_IPV6_NETWORKS,
    fields: "ip_address,network_view,status,types,objects,names,duid",
};
pub(crate) const FIXED: Kind =
    Kind { name: "fixedaddress", right: WRITE_FIXED, fields: "ipv4addr,network_view,mac,name,comment" };
pub(crate) const IPV6_FIXED: Kind =
    Kind { name: "ipv6fixedaddress", right: WRITE_IPV6_FIXED, fields: "ipv6addr,network_view,duid,name,comment" };
pub(crate) const HOSTS: Kind =
    Kind { name: "record:host", right: "read/write on Hosts", fields: "name,network_view,comment,ipv4addrs,ipv6addrs" };
pub(crate) const ATTRIBUTES: Kind =
    Kind { name: "extensibleattributedef", right: "read-only on Grid Properties", fields: "name" };
pub(crate) const GRID: Kind =
    Kind { name: "grid", right: "permission to restart services on the Grid", fields: "name" };

/// The kind for the family of an address: the first for IPv4, the second for IPv6.
pub(crate) fn of_family(is_ipv6: bool, kinds: [Kind; 2]) -> Kind {
    kinds[usize::from(is_ipv6)]
}

/// The kind of fixed addresses for an address.
pub(crate) fn fixed(address: IpAddr) -> Kind {
    of_family(address.is_ipv6(), [FIXED, IPV6_FIXED])
}

/// The name of the field, or of the search, for an address.
pub(crate) fn address_key(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ipv6addr" } else { "ipv4addr" }
}
