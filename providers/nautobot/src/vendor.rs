//! Nautobot's names: of itself, of what can be listed, and of what the token's user must be allowed to do.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "nautobot";

/// The product for people.
pub(crate) const WHAT: &str = "Nautobot";

// Permissions, an action on an object type, as "Admin > Permissions" shows them.
pub(crate) const VIEW_NAMESPACES: &str = "view on ipam.namespace";
pub(crate) const VIEW_PREFIXES: &str = "view on ipam.prefix";
pub(crate) const VIEW_ADDRESSES: &str = "view on ipam.ipaddress";
pub(crate) const ADD_ADDRESSES: &str = "add on ipam.ipaddress";
pub(crate) const CHANGE_ADDRESSES: &str = "change on ipam.ipaddress";
pub(crate) const DELETE_ADDRESSES: &str = "delete on ipam.ipaddress";
pub(crate) const VIEW_STATUSES: &str = "view on extras.status";

/// A list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Objects {
    /// Ends with a slash: without one Nautobot redirects, a `POST` too.
    pub(crate) path: [&'static str; 4],
    /// The permission to see it.
    pub(crate) right: &'static str,
}

pub(crate) const NAMESPACES: Objects = Objects { path: ["api", "ipam", "namespaces", ""], right: VIEW_NAMESPACES };
pub(crate) const PREFIXES: Objects = Objects { path: ["api", "ipam", "prefixes", ""], right: VIEW_PREFIXES };
pub(crate) const ADDRESSES: Objects = Objects { path: ["api", "ipam", "ip-addresses", ""], right: VIEW_ADDRESSES };
pub(crate) const STATUSES: Objects = Objects { path: ["api", "extras", "statuses", ""], right: VIEW_STATUSES };
pub(crate) const TAGS: Objects = Objects { path: ["api", "extras", "tags", ""], right: "view on extras.tag" };
pub(crate) const TENANTS: Objects =
    Objects { path: ["api", "tenancy", "tenants", ""], right: "view on tenancy.tenant" };
