//! Subnets, hosts and their interfaces, as a running Foreman 3.12 lists them.

use serde_json::{Value, json};

use super::state::State;

/// A subnet.
#[derive(Debug, Clone, Default)]
pub struct Subnet {
    /// The name that people see.
    pub name: String,
    /// `192.0.2.0`.
    pub network: String,
    /// The length of the prefix.
    pub cidr: u8,
    /// Free text.
    pub description: String,
    /// Empty where there is none, as the following ones.
    pub gateway: String,
    /// A DNS server.
    pub dns_primary: String,
    /// Another one.
    pub dns_secondary: String,
    /// The lowest address that Foreman gives out itself.
    pub from: String,
    /// The highest one.
    pub to: String,
    /// The Smart Proxy for External IPAM, which may be gone.
    pub externalipam: Option<u64>,
    /// The mode, such as `None`; empty for External IPAM where there is a Smart Proxy, and for DHCP where there is none.
    pub ipam: String,
}

/// A host.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// The full name.
    pub name: String,
    /// The primary one first.
    pub interfaces: Vec<Interface>,
}

/// An interface of a host.
#[derive(Debug, Clone, Default)]
pub struct Interface {
    /// Null for most secondary interfaces.
    pub name: Option<String>,
    /// Such as `eth0`.
    pub identifier: String,
    /// Null for VLANs and aliases.
    pub mac: Option<String>,
    /// An IPv4 address.
    pub ip: Option<String>,
    /// An IPv6 address.
    pub ip6: Option<String>,
    /// The subnet of `ip`.
    pub subnet: Option<u64>,
    /// The subnet of `ip6`.
    pub subnet6: Option<u64>,
    /// The interface that a VLAN or an alias belongs to.
    pub attached_to: String,
}

impl Subnet {
    /// `main.json.rabl`. A Smart Proxy that is gone leaves its id.
    pub(super) fn to_json(&self, id: u64, state: &State) -> Value {
        let is_ipv6 = self.network.contains(':');
        let proxy = self.externalipam.and_then(|id| state.records.iter().find(|record| record.id == id));
        let text = |text: &str| if text.is_empty() && !is_ipv6 { Value::Null } else { json!(text) };
        let usual = if self.externalipam.is_some() { "External IPAM" } else { "DHCP" };
        let mode = if self.ipam.is_empty() { usual } else { &self.ipam };
        json!({
            "id": id, "name": self.name, "network": self.network, "cidr": self.cidr,
            "network_type": if is_ipv6 { "IPv6" } else { "IPv4" },
            "network_address": format!("{}/{}", self.network, self.cidr),
            "description": self.description, "vlanid": null, "ipam": mode, "mask": "255.255.255.0",
            "gateway": text(&self.gateway), "dns_primary": text(&self.dns_primary),
            "dns_secondary": text(&self.dns_secondary), "from": text(&self.from), "to": text(&self.to),
            "externalipam_id": self.externalipam,
            "externalipam_name": proxy.map(|proxy| &proxy.name),
            "externalipam": proxy.map(|proxy| json!({"id": proxy.id, "name": proxy.name, "url": proxy.url})),
        })
    }
}

impl Host {
    /// A row of the list: with `thin=1` only this, else the primary interface too.
    pub(super) fn to_json(&self, id: u64, is_thin: bool) -> Value {
        let mut row = json!({"id": id, "name": self.name});
        if let Some(primary) = self.interfaces.first().filter(|_| !is_thin) {
            row["ip"] = json!(primary.ip);
            row["ip6"] = json!(primary.ip6);
            row["mac"] = json!(primary.mac);
            row["subnet_id"] = json!(primary.subnet);
        }
        row
    }
}

impl Host {
    /// `GET /hosts/:id`, with all interfaces.
    pub(super) fn to_full_json(&self, id: u64) -> Value {
        let rows = self.interfaces.iter().enumerate();
        let rows: Vec<Value> =
            rows.map(|(row, interface)| interface.to_json(id * 100 + row as u64, row == 0)).collect();
        let mut whole = self.to_json(id, false);
        whole["interfaces"] = json!(rows);
        whole
    }

    /// Does any interface have one of these addresses? `has_ip` and `has_ip6` compare texts.
    pub(super) fn has_address(&self, is_six: bool, texts: &[&str]) -> bool {
        let address = |interface: &Interface| if is_six { interface.ip6.clone() } else { interface.ip.clone() };
        self.interfaces.iter().filter_map(address).any(|address| texts.contains(&address.as_str()))
    }
}

impl Host {
    /// The rows of the report of `packaging/foreman-reports`, for a user who may see these subnets.
    pub(super) fn report_rows(&self, id: u64, sees: &dyn Fn(u64) -> bool) -> Vec<Value> {
        let row = |interface: &Interface| {
            json!({
                "host_id": id, "host": self.name, "identifier": interface.identifier,
                "attached_to": interface.attached_to, "mac": interface.mac, "ip": interface.ip, "ip6": interface.ip6,
                "subnet_id": interface.subnet.filter(|subnet| sees(*subnet)),
                "subnet6_id": interface.subnet6.filter(|subnet| sees(*subnet)),
            })
        };
        self.interfaces.iter().map(row).collect()
    }
}

impl Interface {
    /// A row of a subnet's interfaces, which has no host (`interfaces/base.json.rabl`).
    pub(super) fn to_short_json(&self) -> Value {
        json!({"id": 1, "name": self.name, "ip": self.ip, "ip6": self.ip6, "mac": self.mac, "type": "interface"})
    }

    /// A row of `GET /hosts/:id/interfaces`.
    pub(super) fn to_json(&self, id: u64, is_primary: bool) -> Value {
        json!({
            "id": id, "name": self.name, "fqdn": self.name, "identifier": self.identifier, "mac": self.mac,
            "ip": self.ip, "ip6": self.ip6.clone().unwrap_or_default(), "primary": is_primary, "provision": is_primary,
            "managed": true, "virtual": !self.attached_to.is_empty(), "type": "interface", "subnet_id": self.subnet,
            "subnet6_id": self.subnet6, "attached_to": self.attached_to, "tag": null, "domain_id": null,
        })
    }
}
