//! The conformance suite's seed in NetBox, and another user who writes beside the proxy.

use std::net::IpAddr;

use ipam_conformance::{Seed, SeededSubnet};
use serde_json::json;

use super::net::Net;
use super::state::{Address, CustomField, Named, Prefix, Scope, Vrf};
use super::{Netbox, Version};

/// The custom field for MACs.
pub const MAC_FIELD: &str = "mac";

impl Netbox {
    /// Holds the seed. Each group is a VRF, and a tenant, a site and a role of the same name as well, so that all ways
    /// to group prefixes give the same groups.
    pub fn seeded(seed: &Seed, version: Version) -> Self {
        let netbox = Self::new(version);
        {
            let mut state = netbox.state();
            state.custom_fields.push(CustomField { name: MAC_FIELD.to_owned(), required: false, is_mac: true });
            for (group, id) in seed.groups.iter().zip(1..) {
                let description = group.description.clone();
                let named = |id| Named { description: description.clone(), ..Named::new(id, group.name.as_str()) };
                state.vrfs.push(Vrf { description: description.clone(), ..Vrf::new(id, group.name.as_str()) });
                state.tenants.push(named(100 + id));
                state.sites.push(named(200 + id));
                state.roles.push(named(300 + id));
            }
            for (subnet, id) in seed.subnets.iter().zip(1..) {
                let group =
                    state.vrfs.iter().find(|vrf| subnet.group.as_ref().is_some_and(|name| name.as_str() == vrf.name));
                let group = group.map(|vrf| vrf.id);
                state.prefixes.push(Prefix {
                    vrf: group,
                    tenant: group.map(|id| 100 + id),
                    scope: group.map(|id| Scope::Site(200 + id)),
                    role: group.map(|id| 300 + id),
                    is_pool: subnet.pool,
                    description: subnet.description.clone(),
                    ..Prefix::new(id, &subnet.prefix.to_string())
                });
                for (address, by) in &subnet.taken {
                    let id = state.next_address_id();
                    let mac = by.mac.map(|mac| (MAC_FIELD.to_owned(), json!(mac.to_string())));
                    let address = Address {
                        vrf: group,
                        dns_name: by.hostname.clone().unwrap_or_default(),
                        description: "recorded by hand".to_owned(),
                        custom_fields: mac.into_iter().collect(),
                        ..Address::new(id, Net::new(*address, subnet.prefix.length()))
                    };
                    state.addresses.push(address);
                }
            }
        }
        netbox
    }

    /// Another user takes an address. They write all of a host in `/32` or `/128`, as many do.
    pub fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        let vrf = self.vrf_of(subnet);
        let host = Net::new(address, if address.is_ipv6() { 128 } else { 32 });
        self.record(&host.to_string(), vrf);
    }

    /// Another user frees an address.
    pub fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        let vrf = self.vrf_of(subnet);
        let mut state = self.state();
        let before = state.addresses.len();
        state.addresses.retain(|record| record.vrf != vrf || record.net.address != address);
        assert!(state.addresses.len() < before, "{address} is not taken");
    }

    /// Another user removes a prefix and its addresses.
    pub fn remove(&self, subnet: &SeededSubnet) {
        let vrf = self.vrf_of(subnet);
        let net = Net::new(subnet.prefix.network(), subnet.prefix.length());
        let mut state = self.state();
        state.prefixes.retain(|prefix| prefix.vrf != vrf || prefix.net != net);
        state.addresses.retain(|record| record.vrf != vrf || !net.contains(record.net.address));
    }

    /// Another user adds a prefix inside of this one, like it in all else, and takes an address of it.
    pub fn nest(&self, outer: &SeededSubnet, (network, length): (IpAddr, u8), taken: IpAddr) {
        let vrf = self.vrf_of(outer);
        let net = Net::new(outer.prefix.network(), outer.prefix.length());
        let mut state = self.state();
        let around = state.prefixes.iter().find(|prefix| prefix.vrf == vrf && prefix.net == net).cloned();
        let id = state.prefixes.iter().map(|prefix| prefix.id).max().unwrap_or_default() + 1;
        let net = Net::new(network, length);
        state.prefixes.push(Prefix { id, net, ..around.expect("the prefix of the seed is still there") });
        drop(state);
        self.record(&Net::new(taken, length).to_string(), vrf);
    }

    fn vrf_of(&self, subnet: &SeededSubnet) -> Option<u64> {
        let name = subnet.group.as_ref()?.as_str();
        let id = self.state().vrfs.iter().find(|vrf| vrf.name == name).map(|vrf| vrf.id);
        Some(id.expect("the seed's groups are VRFs"))
    }
}
