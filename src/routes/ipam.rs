//! One IPAM behind the proxy.

use std::sync::Arc;

use ipam_provider::{AddressSpace, Group, Guard, Provider, Subnet};

/// A guarded provider, and the key that it is known by.
#[derive(Debug)]
pub struct Ipam {
    key: Arc<str>,
    guard: Guard,
}

impl Ipam {
    /// The IPAM of this key. Messages and log lines name it.
    pub fn new(key: &str, guard: Guard) -> Self {
        let key: Arc<str> = key.into();
        Self { guard: guard.known_as(key.clone()), key }
    }

    /// Its key, such as `netbox` or `infoblox_lab`. No two IPAMs of a proxy have the same.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The provider, with its own queue and time limits.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// A subnet as others than the IPAM's own provider know it: its id names the IPAM, and its space is the IPAM's.
    pub fn named(&self, subnet: Subnet) -> Subnet {
        let space = AddressSpace::new(format!("{}/{}", self.key, subnet.space));
        Subnet { id: subnet.id.of_ipam(Some(self.key.clone())), space, ..subnet }
    }

    /// The same subnet as the IPAM's own provider knows it.
    pub(super) fn own(&self, subnet: &Subnet) -> Subnet {
        let name = subnet.space.as_str();
        let own = name.strip_prefix(&*self.key).and_then(|name| name.strip_prefix('/'));
        Subnet { id: subnet.id.clone().of_ipam(None), space: AddressSpace::new(own.unwrap_or(name)), ..subnet.clone() }
    }

    /// A group as others know it.
    pub(super) fn named_group(&self, group: Group) -> Group {
        Group { id: group.id.of_ipam(Some(self.key.clone())), ..group }
    }
}

/// One IPAM by the name of its provider.
impl From<Guard> for Ipam {
    fn from(guard: Guard) -> Self {
        Self::new(guard.name(), guard)
    }
}
