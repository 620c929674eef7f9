//! Objects as JSON, with every field that the simulator knows. Fields without a value are left out.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::state::{Fixed, Host, HostAddress, Network, Range, State, View, ZERO_MAC};

fn unless_empty(object: &mut Value, key: &str, text: &str) {
    if !text.is_empty() {
        object[key] = text.into();
    }
}

impl View {
    pub(super) fn json(&self) -> Value {
        let mut object = json!({
            "_ref": self.reference(), "name": self.name, "is_default": self.id == 0, "extattrs": {},
        });
        unless_empty(&mut object, "comment", &self.comment);
        object
    }
}

impl State {
    pub(super) fn network_json(&self, network: &Network) -> Value {
        let mut object = json!({
            "_ref": network.reference(self), "network": network.net.to_string(),
            "network_view": self.view_name(network.view), "extattrs": {},
        });
        unless_empty(&mut object, "comment", &network.comment);
        object
    }

    pub(super) fn range_json(&self, range: &Range) -> Value {
        let network = self.network_of(range.view, range.first).map(|network| network.net.to_string());
        json!({
            "_ref": range.reference(self), "start_addr": range.first.to_string(), "end_addr": range.last.to_string(),
            "network": network, "network_view": self.view_name(range.view), "extattrs": {},
        })
    }

    pub(super) fn fixed_json(&self, fixed: &Fixed) -> Value {
        let mut object = json!({
            "_ref": fixed.reference(self), "network_view": self.view_name(fixed.view), "extattrs": fixed.extattrs,
        });
        let network = self.network_of(fixed.view, fixed.address).map(|network| network.net.to_string());
        object["network"] = network.into();
        if fixed.address.is_ipv6() {
            object["ipv6addr"] = fixed.address.to_string().into();
            object["duid"] = fixed.client.as_str().into();
            object["address_type"] = "ADDRESS".into();
        } else {
            object["ipv4addr"] = fixed.address.to_string().into();
            object["mac"] = fixed.client.as_str().into();
            object["match_client"] = if fixed.client == ZERO_MAC { "RESERVED" } else { "MAC_ADDRESS" }.into();
        }
        unless_empty(&mut object, "name", &fixed.name);
        unless_empty(&mut object, "comment", &fixed.comment);
        object
    }

    pub(super) fn host_json(&self, host: &Host) -> Value {
        // A host without DNS is in a view whose name is a blank.
        let view = host.dns_view.as_deref().unwrap_or(" ");
        let mut object = json!({
            "_ref": host.reference(), "name": host.name, "view": view, "network_view": self.view_name(host.view),
            "configure_for_dns": host.dns_view.is_some(), "extattrs": host.extattrs, "aliases": [],
        });
        let of = |is_v6: bool| {
            let addresses = host.addresses.iter().filter(|at| at.address.is_ipv6() == is_v6);
            addresses.map(|at| host_address_json(host, at)).collect::<Vec<Value>>()
        };
        for (key, addresses) in [("ipv4addrs", of(false)), ("ipv6addrs", of(true))] {
            if !addresses.is_empty() {
                object[key] = addresses.into();
            }
        }
        unless_empty(&mut object, "comment", &host.comment);
        object
    }
}

pub(super) fn host_address_json(host: &Host, at: &HostAddress) -> Value {
    let is_v6 = at.address.is_ipv6();
    let kind = if is_v6 { "record:host_ipv6addr" } else { "record:host_ipv4addr" };
    let opaque = openssl::base64::encode_block(format!("dns.host_address${}.{}", host.id, at.address).as_bytes());
    let mut object = json!({
        "_ref": format!("{kind}/{}:{}/{}", opaque.trim_end_matches('='), at.address, host.name),
        "configure_for_dhcp": at.is_for_dhcp, "host": host.name,
    });
    object[address_key(at.address)] = at.address.to_string().into();
    unless_empty(&mut object, if is_v6 { "duid" } else { "mac" }, &at.client);
    object
}

/// What an address is called in a record.
pub(super) fn address_key(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ipv6addr" } else { "ipv4addr" }
}

/// The object with these fields and its reference.
pub(super) fn only(object: &Value, fields: &[String]) -> Value {
    let wanted = |key: &str| key == "_ref" || fields.iter().any(|field| field == key);
    let all = object.as_object().expect("an object");
    let kept: Map<String, Value> =
        all.iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    kept.into()
}
