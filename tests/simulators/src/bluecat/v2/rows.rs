//! Resources as v2 shows them.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::bluecat::net::address_text;
use crate::bluecat::state::{Address, Host, Network, State, Zone};

fn configuration_json(state: &State, id: u64) -> Value {
    let name = state.configuration(id).map(|known| known.name.as_str());
    json!({"id": id, "type": "Configuration", "name": name})
}

pub(super) fn network_json(state: &State, known: &Network) -> Value {
    json!({
        "id": known.id, "type": if known.net.is_ipv6() { "IPv6Network" } else { "IPv4Network" }, "name": known.name,
        "configuration": configuration_json(state, known.configuration), "range": known.net.text(), "gateway": "",
        "userDefinedFields": null,
    })
}

fn address_type(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IPv6Address" } else { "IPv4Address" }
}

pub(in crate::bluecat) fn address_json(state: &State, known: &Address) -> Value {
    let mac = known
        .mac
        .as_ref()
        .map(|mac| json!({"id": known.id + 1_000_000, "type": "MACAddress", "name": null, "address": mac}));
    json!({
        "id": known.id, "type": address_type(known.address), "name": known.name,
        "configuration": configuration_json(state, known.configuration), "address": address_text(known.address),
        "state": known.state, "macAddress": mac, "userDefinedFields": known.fields,
    })
}

/// An address that has no record: it has no id either.
pub(super) fn unassigned_json(state: &State, network: &Network, address: IpAddr) -> Value {
    json!({
        "id": null, "type": address_type(address), "name": null,
        "configuration": configuration_json(state, network.configuration), "address": address_text(address),
        "state": "UNASSIGNED", "macAddress": null, "userDefinedFields": null,
    })
}

pub(super) fn host_json(host: &Host) -> Value {
    json!({
        "id": host.id, "type": "HostRecord", "name": host.name, "absoluteName": host.absolute,
        "reverseRecord": host.has_reverse,
    })
}

pub(super) fn zone_json(state: &State, zone: &Zone) -> Value {
    let view = state.views.iter().find(|view| view.id == zone.view).expect("its view");
    json!({
        "id": zone.id, "type": "Zone", "name": zone.name, "absoluteName": zone.absolute,
        "view": {"id": view.id, "type": "View", "name": view.name},
        "configuration": configuration_json(state, view.configuration),
    })
}
