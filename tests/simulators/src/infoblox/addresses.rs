//! The objects `ipv4address` and `ipv6address`: what is known of one address of a network.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::state::{Network, State, ZERO_MAC};

impl State {
    /// The addresses of a network whose status is `USED`, in order.
    pub(super) fn used_in(&self, network: &Network) -> BTreeSet<IpAddr> {
        let (view, net) = (network.view, network.net);
        let edges = [net.network(), net.broadcast()];
        let is_in_range = |address: &IpAddr| {
            self.ranges.iter().any(|range| range.view == view && (range.first..=range.last).contains(address))
        };
        let few = net.prefix_len() >= if net.addr().is_ipv6() { 112 } else { 16 };
        let in_ranges = net.hosts().take_while(|_| few && !self.ranges.is_empty()).filter(is_in_range);
        let all = self.used(view).into_iter().chain(edges).chain(in_ranges);
        all.filter(|address| net.contains(address) && self.address_json(network, *address)["status"] == "USED")
            .collect()
    }

    /// The row of an address in a network.
    pub(super) fn address_json(&self, network: &Network, address: IpAddr) -> Value {
        let view = network.view;
        let (mut types, mut objects, mut names, mut client) = (Vec::new(), Vec::new(), Vec::new(), String::new());
        let has_edges = network.net.prefix_len() < 31 && !address.is_ipv6();
        if has_edges && address == network.net.network() {
            types.push("NETWORK");
        }
        if has_edges && address == network.net.broadcast() {
            types.push("BROADCAST");
        }
        for range in self.ranges.iter().filter(|range| range.view == view) {
            if (range.first..=range.last).contains(&address) {
                types.push("DHCP_RANGE");
                objects.push(range.reference(self));
            }
        }
        for fixed in self.fixed.iter().filter(|fixed| fixed.view == view && fixed.address == address) {
            types.push(if fixed.client == ZERO_MAC { "RESERVATION" } else { "FA" });
            objects.push(fixed.reference(self));
            client.clone_from(&fixed.client);
            names.push(fixed.name.clone());
        }
        for host in self.hosts.iter().filter(|host| host.view == view && host.has(address)) {
            types.push("HOST");
            objects.push(host.reference());
            names.push(host.name.clone());
        }
        for other in self.others.iter().filter(|other| other.view == view && other.address == address) {
            types.push(other.kind);
            let kind = other.kind.to_lowercase();
            objects.push(format!("record:{kind}/b3RoZXI:{}/default", other.name));
            names.push(other.name.clone());
        }
        names.retain(|name| !name.is_empty());
        let is_used = !types.is_empty();
        let mut row = json!({
            "_ref": format!("{}/{}:{address}", kind(address), openssl::base64::encode_block(address.to_string().as_bytes()).trim_end_matches('=')),
            "ip_address": address.to_string(), "is_conflict": false, "lease_state": "FREE", "names": names,
            "network": network.net.to_string(), "network_view": self.view_name(view), "objects": objects,
            "status": if is_used { "USED" } else { "UNUSED" }, "types": types,
            "usage": if is_used { vec!["DHCP"] } else { Vec::new() }, "extattrs": {}, "username": "",
        });
        if address.is_ipv6() {
            row["duid"] = client.into();
        } else {
            row["mac_address"] = client.into();
            row["dhcp_client_identifier"] = "".into();
        }
        row
    }
}

fn kind(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ipv6address" } else { "ipv4address" }
}
