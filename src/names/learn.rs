//! What a host of Foreman says of its addresses, and which host an address was added for.

use std::net::IpAddr;

use ipam_provider::{Mac, Prefix, is_hostname};

use super::queue::Added;
use crate::foreman_api::{HostDetails, Interface, Subnet};

/// An address that a host has in a subnet with External IPAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) host: u64,
    pub(super) hostname: String,
    pub(super) prefix: Prefix,
    pub(super) address: IpAddr,
    /// The interface's, or that of the interface that it belongs to.
    pub(super) mac: Option<Mac>,
    /// All MACs of the host.
    macs: Vec<Mac>,
    /// Has Foreman no other subnet of this prefix? Else the address may be in another address space.
    pub(super) is_only: bool,
}

/// The addresses of a host in subnets with External IPAM.
pub(super) fn addresses_of(host: &HostDetails, subnets: &[Subnet]) -> Vec<Seen> {
    if !is_hostname(&host.name) {
        return Vec::new();
    }
    let macs: Vec<Mac> = host.interfaces.iter().filter_map(Interface::own_mac).collect();
    let seen = |interface: &Interface, (address, subnet): (IpAddr, Option<u64>)| {
        let subnet = subnets.iter().find(|known| Some(known.id) == subnet && known.externalipam_id.is_some())?;
        let prefix: Prefix = subnet.network_address.parse().ok().filter(|prefix: &Prefix| prefix.contains(address))?;
        let alike = subnets.iter().filter(|other| other.network_address == subnet.network_address);
        Some(Seen {
            host: host.id,
            hostname: host.name.clone(),
            prefix,
            address,
            mac: interface.mac_among(&host.interfaces),
            macs: macs.clone(),
            is_only: alike.count() == 1,
        })
    };
    let all = host.interfaces.iter().flat_map(|interface| interface.addresses().map(move |found| (interface, found)));
    all.filter_map(|(interface, found)| seen(interface, found)).collect()
}

/// The host that the address was added for; `None` when Foreman shows none yet, or several of which each could be it.
pub(super) fn host_of<'a>(added: &Added, seen: &'a [Seen]) -> Option<&'a Seen> {
    let could_be = |seen: &&Seen| {
        let is_there = seen.prefix == added.place.prefix && seen.address == added.place.address;
        // Foreman asks for an address with a MAC of the host. Without one only the subnet tells address spaces apart.
        let is_host = match added.mac {
            Some(mac) if !seen.macs.is_empty() => seen.macs.contains(&mac),
            _ => seen.is_only,
        };
        is_there && is_host
    };
    let mut found = seen.iter().filter(could_be);
    let first = found.next()?;
    found.all(|other| other.host == first.host).then_some(first)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::names::queue::Place;

    fn subnet(id: u64, network: &str, proxy: Option<u64>) -> Subnet {
        let row = json!({"id": id, "name": "s", "network_address": network, "externalipam_id": proxy});
        serde_json::from_value(row).expect("a subnet")
    }

    fn host(id: u64, name: &str, interfaces: Value) -> HostDetails {
        serde_json::from_value(json!({"id": id, "name": name, "interfaces": interfaces})).expect("a host")
    }

    fn added(address: &str, mac: Option<&str>) -> Added {
        let place = Place {
            prefix: "192.0.2.0/24".parse().expect("a prefix"),
            group: None,
            address: address.parse().expect("an address"),
        };
        Added { place, mac: mac.map(|mac| mac.parse().expect("a MAC")) }
    }

    const MAC: &str = "52:54:00:00:00:01";

    #[test]
    fn all_interfaces_in_subnets_with_external_ipam_count() {
        let subnets = [
            subnet(1, "192.0.2.0/24", Some(1)),
            subnet(2, "2001:db8::/64", Some(1)),
            subnet(3, "198.51.100.0/24", None),
        ];
        let rows = json!([
            {"identifier": "eth0", "mac": MAC, "ip": "192.0.2.5", "subnet_id": 1, "ip6": "2001:db8::5", "subnet6_id": 2},
            {"identifier": "eth0.7", "mac": null, "attached_to": "eth0", "ip": "192.0.2.6", "subnet_id": 1, "ip6": ""},
            {"identifier": "eth1", "ip": "198.51.100.5", "subnet_id": 3},
            {"identifier": "eth2", "ip": "192.0.2.7", "subnet_id": null},
            {"identifier": "eth3", "ip": "203.0.113.7", "subnet_id": 1},
        ]);
        let seen = addresses_of(&host(7, "web.example.com", rows), &subnets);
        let found: Vec<String> = seen.iter().map(|seen| seen.address.to_string()).collect();
        assert_eq!(found, ["192.0.2.5", "2001:db8::5", "192.0.2.6"]);
        assert!(seen.iter().all(|seen| seen.mac == MAC.parse().ok() && seen.is_only));
    }

    #[test]
    fn an_address_of_another_address_space_gives_no_name() {
        let subnets = [subnet(1, "192.0.2.0/24", Some(1)), subnet(2, "192.0.2.0/24", Some(1))];
        let rows = |mac: &str, subnet: u64| json!([{"mac": mac, "ip": "192.0.2.5", "subnet_id": subnet}]);
        let mut seen = addresses_of(&host(7, "red.example.com", rows(MAC, 1)), &subnets);
        assert_eq!(host_of(&added("192.0.2.5", None), &seen), None);
        assert_eq!(host_of(&added("192.0.2.5", Some("52:54:00:00:00:09")), &seen), None, "the host of another space");
        seen.extend(addresses_of(&host(8, "blue.example.com", rows("52:54:00:00:00:09", 2)), &subnets));
        let found = |mac| host_of(&added("192.0.2.5", Some(mac)), &seen).map(|seen| seen.hostname.as_str());
        assert_eq!(found(MAC), Some("red.example.com"));
        assert_eq!(found("52:54:00:00:00:09"), Some("blue.example.com"));
    }

    #[test]
    fn two_hosts_with_one_address_are_not_chosen_from() {
        let subnets = [subnet(1, "192.0.2.0/24", Some(1))];
        let rows = json!([{"mac": MAC, "ip": "192.0.2.5", "subnet_id": 1}]);
        let one = addresses_of(&host(7, "a.example.com", rows.clone()), &subnets);
        assert!(host_of(&added("192.0.2.5", None), &one).is_some());
        let two = [one, addresses_of(&host(8, "b.example.com", rows), &subnets)].concat();
        assert_eq!(host_of(&added("192.0.2.5", None), &two), None);
    }
}
