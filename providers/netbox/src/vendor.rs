//! NetBox's names: of itself, its paths and its permissions.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "netbox";

/// The product's name for people.
pub(crate) const WHAT: &str = "NetBox";

pub(crate) const STATUS: [&str; 3] = ["api", "status", ""];
pub(crate) const PREFIXES: [&str; 4] = ["api", "ipam", "prefixes", ""];
pub(crate) const ADDRESSES: [&str; 4] = ["api", "ipam", "ip-addresses", ""];
pub(crate) const VRFS: [&str; 4] = ["api", "ipam", "vrfs", ""];
pub(crate) const RANGES: [&str; 4] = ["api", "ipam", "ip-ranges", ""];

pub(crate) const VIEW_PREFIX: &str = "ipam.view_prefix";
pub(crate) const VIEW_ADDRESS: &str = "ipam.view_ipaddress";
pub(crate) const ADD_ADDRESS: &str = "ipam.add_ipaddress";
pub(crate) const CHANGE_ADDRESS: &str = "ipam.change_ipaddress";
pub(crate) const DELETE_ADDRESS: &str = "ipam.delete_ipaddress";
pub(crate) const VIEW_VRF: &str = "ipam.view_vrf";
pub(crate) const VIEW_RANGE: &str = "ipam.view_iprange";
