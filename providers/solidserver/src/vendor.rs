//! SOLIDserver's names: of itself, of its services, and of the fields that are different for IPv4 and IPv6.
//!
//! A service is what a group of users is given the right to use, so that its name is the name of the right too.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "solidserver";

/// The product for people.
pub(crate) const WHAT: &str = "SOLIDserver";

/// The list of spaces.
pub(crate) const SPACES: &str = "ip_site_list";

/// Which part of the API a service is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `/rest/`: lists and writes.
    Rest,
    /// `/rpc/`: everything else.
    Rpc,
}

impl Part {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Rpc => "rpc",
        }
    }
}

/// Services and fields of one address family (parameter lists in gregocgt/SOLIDserverRest `docs/`; fields as read by
/// EfficientIP's Terraform provider).
#[derive(Debug)]
pub(crate) struct Family {
    /// Lists blocks and networks.
    pub(crate) networks: &'static str,
    /// Finds free addresses of a network.
    pub(crate) find_free: &'static str,
    /// Lists addresses, and ranges of free ones.
    pub(crate) addresses: &'static str,
    pub(crate) add: &'static str,
    pub(crate) delete: &'static str,

    pub(crate) network_id: &'static str,
    pub(crate) network_name: &'static str,
    /// The first address of a network, as hexadecimal digits.
    pub(crate) network_start: &'static str,
    /// The size of a network: the number of its addresses for IPv4, the length of its prefix for IPv6.
    pub(crate) network_size: &'static str,

    pub(crate) address_id: &'static str,
    /// An address as hexadecimal digits.
    pub(crate) address_digits: &'static str,
    /// An address as people write it. Old versions do not show it in lists.
    pub(crate) address_text: &'static str,
    pub(crate) address_name: &'static str,
    /// Where the MAC is read.
    pub(crate) mac: &'static str,
    /// Where the MAC is written. For IPv6 the documents and EfficientIP's own client differ, so that it is sent as both;
    /// a parameter that a service does not know is ignored (recorded).
    pub(crate) macs: &'static [&'static str],
    pub(crate) class_name: &'static str,
    pub(crate) class_parameters: &'static str,
}

const V4: Family = Family {
    networks: "ip_block_subnet_list",
    find_free: "ip_find_free_address",
    addresses: "ip_address_list",
    add: "ip_add",
    delete: "ip_delete",
    network_id: "subnet_id",
    network_name: "subnet_name",
    network_start: "start_ip_addr",
    network_size: "subnet_size",
    address_id: "ip_id",
    address_digits: "ip_addr",
    address_text: "hostaddr",
    address_name: "name",
    mac: "mac_addr",
    macs: &["mac_addr"],
    class_name: "ip_class_name",
    class_parameters: "ip_class_parameters",
};

const V6: Family = Family {
    networks: "ip6_block6_subnet6_list",
    find_free: "ip6_find_free_address6",
    addresses: "ip6_address6_list",
    add: "ip6_address6_add",
    delete: "ip6_address6_delete",
    network_id: "subnet6_id",
    network_name: "subnet6_name",
    network_start: "start_ip6_addr",
    network_size: "subnet6_prefix",
    address_id: "ip6_id",
    address_digits: "ip6_addr",
    address_text: "hostaddr6",
    address_name: "ip6_name",
    mac: "ip6_mac_addr",
    macs: &["mac_addr", "ip6_mac_addr"],
    class_name: "ip6_class_name",
    class_parameters: "ip6_class_parameters",
};

impl Family {
    /// IPv4 and IPv6.
    pub(crate) const ALL: [&'static Self; 2] = [&V4, &V6];

    pub(crate) fn of(is_ipv6: bool) -> &'static Self {
        if is_ipv6 { &V6 } else { &V4 }
    }
}
