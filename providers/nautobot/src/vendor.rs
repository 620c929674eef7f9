//! Nautobot's names: of itself, and of what the token's user must be allowed to do.

use std::fmt;

/// The name in settings and log lines.
pub(crate) const NAME: &str = "nautobot";

/// The product for people.
pub(crate) const WHAT: &str = "Nautobot";

/// A permission of the token's user: an action on an object type, as "Admin > Permissions" shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    ViewNamespaces,
    ViewPrefixes,
    ViewAddresses,
    AddAddresses,
    DeleteAddresses,
    ViewStatuses,
    ViewTags,
    ViewTenants,
}

impl Right {
    /// A token has to be allowed to write besides.
    pub(crate) fn is_to_write(self) -> bool {
        matches!(self, Self::AddAddresses | Self::DeleteAddresses)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ViewNamespaces => "view on ipam.namespace",
            Self::ViewPrefixes => "view on ipam.prefix",
            Self::ViewAddresses => "view on ipam.ipaddress",
            Self::AddAddresses => "add on ipam.ipaddress",
            Self::DeleteAddresses => "delete on ipam.ipaddress",
            Self::ViewStatuses => "view on extras.status",
            Self::ViewTags => "view on extras.tag",
            Self::ViewTenants => "view on tenancy.tenant",
        })
    }
}
