//! Objects as v1 shows them: `{"id", "name", "type", "properties"}`, and the tree that they are in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bluecat::net::address_text;
use crate::bluecat::state::{Address, Block, Configuration, Host, Network, Range, State, Zone};

pub(super) fn is_within(state: &State, container: u64, network: &Network) -> bool {
    let mut at = network.block;
    loop {
        if at == container {
            return true;
        }
        match state.blocks.iter().find(|block| block.id == at) {
            Some(block) => at = block.parent,
            None => return false,
        }
    }
}

pub(super) fn network_type(network: &Network) -> &'static str {
    if network.net.is_ipv6() { "IP6Network" } else { "IP4Network" }
}

pub(super) fn nothing() -> Value {
    json!({"id": 0, "name": null, "type": null, "properties": null})
}

/// The children of one kind of an entity, by id.
pub(super) fn children(state: &State, parent: u64, kind: &str) -> Vec<Value> {
    match kind {
        "Configuration" if parent == 0 => state.configurations.iter().map(configuration_entity).collect(),
        "IP4Block" | "IP6Block" => {
            let is_it = |known: &&Block| known.parent == parent && known.net.is_ipv6() == (kind == "IP6Block");
            state.blocks.iter().filter(is_it).map(block_entity).collect()
        }
        "IP4Network" | "IP6Network" => {
            let is_it = |known: &&Network| known.block == parent && network_type(known) == kind;
            state.networks.iter().filter(is_it).map(network_entity).collect()
        }
        "IP4Address" | "IP6Address" => {
            let is_it = |known: &&Address| known.network == parent && known.address.is_ipv6() == (kind == "IP6Address");
            state.addresses.iter().filter(is_it).map(address_entity).collect()
        }
        "DHCP4Range" => {
            let ranges = state.ranges.iter().filter(|range| range.network == parent);
            let entity = |range: &Range| {
                let (start, end) = (range.first.to_string(), range.last.to_string());
                let properties = properties_text(&[("start", &start), ("end", &end)]);
                json!({"id": range.id, "name": null, "type": "DHCP4Range", "properties": properties})
            };
            ranges.map(entity).collect()
        }
        "View" => {
            let views = state.views.iter().filter(|view| view.configuration == parent);
            views.map(|view| json!({"id": view.id, "name": view.name, "type": "View", "properties": null})).collect()
        }
        "Zone" => state.zones.iter().filter(|zone| zone.parent == parent).map(zone_entity).collect(),
        "HostRecord" => {
            let hosts = state.hosts.iter().filter(|host| host.zone == parent);
            hosts.map(|host| host_entity(state, host)).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn entity_of(state: &State, id: u64) -> Value {
    let configurations = state.configurations.iter().filter(|known| known.id == id).map(configuration_entity);
    let blocks = state.blocks.iter().filter(|known| known.id == id).map(block_entity);
    let networks = state.networks.iter().filter(|known| known.id == id).map(network_entity);
    let addresses = state.addresses.iter().filter(|known| known.id == id).map(address_entity);
    let zones = state.zones.iter().filter(|known| known.id == id).map(zone_entity);
    configurations.chain(blocks).chain(networks).chain(addresses).chain(zones).next().unwrap_or_else(nothing)
}

fn configuration_entity(known: &Configuration) -> Value {
    let properties = (!known.description.is_empty()).then(|| properties_text(&[("description", &known.description)]));
    json!({"id": known.id, "name": known.name, "type": "Configuration", "properties": properties})
}

fn block_entity(known: &Block) -> Value {
    let (kind, key) = if known.net.is_ipv6() { ("IP6Block", "prefix") } else { ("IP4Block", "CIDR") };
    json!({"id": known.id, "name": null, "type": kind, "properties": properties_text(&[(key, &known.net.text())])})
}

pub(super) fn network_entity(known: &Network) -> Value {
    let range = known.net.text();
    let properties = if known.net.is_ipv6() {
        properties_text(&[("prefix", &range)])
    } else {
        properties_text(&[("CIDR", &range), ("allowDuplicateHost", "disable"), ("pingBeforeAssign", "disable")])
    };
    json!({"id": known.id, "name": known.name, "type": network_type(known), "properties": properties})
}

pub(super) fn address_entity(known: &Address) -> Value {
    let address = address_text(known.address);
    let mut properties = vec![("address", address.as_str()), ("state", &known.state)];
    properties.extend(known.mac.as_deref().map(|mac| ("macAddress", mac)));
    properties.extend(known.fields.iter().map(|(field, value)| (field.as_str(), value.as_str())));
    let kind = if known.address.is_ipv6() { "IP6Address" } else { "IP4Address" };
    json!({"id": known.id, "name": known.name, "type": kind, "properties": properties_text(&properties)})
}

fn zone_entity(zone: &Zone) -> Value {
    let properties = properties_text(&[("deployable", "true"), ("absoluteName", &zone.absolute)]);
    json!({"id": zone.id, "name": zone.name, "type": "Zone", "properties": properties})
}

pub(super) fn host_entity(state: &State, host: &Host) -> Value {
    let address = |id: &u64| state.addresses.iter().find(|known| known.id == *id).map(|known| known.address);
    let addresses: Vec<String> = host.addresses.iter().filter_map(address).map(address_text).collect();
    let (addresses, reverse) = (addresses.join(","), host.has_reverse.to_string());
    let properties = [("addresses", addresses.as_str()), ("absoluteName", &host.absolute), ("reverseRecord", &reverse)];
    json!({"id": host.id, "name": host.name, "type": "HostRecord", "properties": properties_text(&properties)})
}

fn properties_text(properties: &[(&str, &str)]) -> String {
    properties.iter().map(|(key, value)| format!("{key}={}|", value.replace('|', "\\|"))).collect()
}

/// `k=v|`, where a bar within a value is `\|` and a backslash elsewhere is one.
pub(super) fn parse_properties(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut part = String::new();
    let mut all = text.chars().peekable();
    let mut end = |part: &mut String| {
        if let Some((key, value)) = part.split_once('=') {
            properties.insert(key.to_owned(), value.to_owned());
        }
        part.clear();
    };
    while let Some(c) = all.next() {
        match c {
            '\\' if all.next_if_eq(&'|').is_some() => part.push('|'),
            '|' => end(&mut part),
            _ => part.push(c),
        }
    }
    end(&mut part);
    properties
}
