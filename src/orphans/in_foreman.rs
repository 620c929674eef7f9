//! An inventory of Foreman, to be asked by address, MAC and host name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipam_provider::{Mac, Prefix};

use crate::foreman_api::{HostAddress, Inventory};

/// Which hosts have what.
#[derive(Debug)]
pub(crate) struct InForeman<'i> {
    by_address: BTreeMap<IpAddr, Vec<&'i HostAddress>>,
    by_mac: BTreeMap<Mac, Vec<&'i HostAddress>>,
    /// By name in lower case.
    by_name: BTreeMap<String, Vec<&'i HostAddress>>,
    /// The prefixes of subnets that use this proxy.
    prefixes: BTreeSet<Prefix>,
}

impl<'i> InForeman<'i> {
    /// Of an inventory.
    pub(crate) fn of(inventory: &'i Inventory) -> Self {
        let used = inventory.subnets.iter().filter(|subnet| subnet.uses_this_proxy);
        let prefixes = used.map(|subnet| subnet.prefix).collect();
        let mut this =
            Self { by_address: BTreeMap::new(), by_mac: BTreeMap::new(), by_name: BTreeMap::new(), prefixes };
        for found in &inventory.addresses {
            this.by_address.entry(found.address).or_default().push(found);
            if let Some(mac) = found.mac {
                this.by_mac.entry(mac).or_default().push(found);
            }
            if !found.host.is_empty() {
                this.by_name.entry(found.host.to_ascii_lowercase()).or_default().push(found);
            }
        }
        this
    }

    /// Is there a subnet of this prefix that uses this proxy?
    pub(crate) fn uses(&self, prefix: Prefix) -> bool {
        self.prefixes.contains(&prefix)
    }

    /// The prefixes of subnets that use this proxy.
    pub(crate) fn prefixes(&self) -> &BTreeSet<Prefix> {
        &self.prefixes
    }

    /// All interfaces with this address, in whatever subnet.
    pub(crate) fn with(&self, address: IpAddr) -> &[&'i HostAddress] {
        self.by_address.get(&address).map_or(&[], Vec::as_slice)
    }

    /// All addresses of the host with this MAC or this name.
    pub(crate) fn of_host(&self, mac: Option<Mac>, name: Option<&str>) -> impl Iterator<Item = &'i HostAddress> {
        let by_mac = mac.and_then(|mac| self.by_mac.get(&mac));
        let by_name = name.and_then(|name| self.by_name.get(&name.to_ascii_lowercase()));
        by_mac.into_iter().chain(by_name).flatten().copied()
    }
}
