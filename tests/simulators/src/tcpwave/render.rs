//! Records as JSON, with the keys that clients read or send.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Site;
use super::state::{Network, Object, Organization, State, Subnet};

pub(super) fn organization(organization: &Organization) -> Value {
    json!({"id": organization.id, "name": organization.name, "description": organization.description})
}

pub(super) fn network(state: &State, network: &Network) -> Value {
    let [a, b, c, d] = network.net.first().octets();
    json!({
        "id": network.id, "name": network.name, "addr1": a, "addr2": b, "addr3": c, "addr4": d,
        "mask_length": network.net.length, "address": network.net.first().to_string(),
        "organization_name": state.organization(network.organization).name,
    })
}

pub(super) fn subnet(state: &State, site: &Site, subnet: &Subnet) -> Value {
    let [a, b, c, d] = subnet.net.first().octets();
    let network = state.network_around(subnet.organization, subnet.net).expect("a subnet is in a network");
    let address = if site.mask_in_address { subnet.net.to_string() } else { subnet.net.first().to_string() };
    let count = state.objects_in(subnet).count();
    let size = 1_u64 << (32 - subnet.net.length);
    json!({
        "id": subnet.id, "name": subnet.name, "description": subnet.description,
        "addr1": a, "addr2": b, "addr3": c, "addr4": d, "mask_length": subnet.net.length, "fullAddress": address,
        "organization_name": state.organization(subnet.organization).name, "organization_id": subnet.organization,
        "network_address": network.net.first().to_string(), "network_mask": network.net.length,
        "routerAddress": subnet.router, "primary_domain": subnet.primary_domain,
        "percent_full": count as u64 * 100 / size, "object_count": count, "extensions": [],
    })
}

pub(super) fn object(state: &State, site: &Site, subnet: &Subnet, address: Ipv4Addr, object: &Object) -> Value {
    let [a, b, c, d] = address.octets();
    let (name, alloc_type) = match site.shows_words {
        true => (format!("{}.{}.", object.name, object.domain), json!("Static")),
        false => (object.name.clone(), json!(object.alloc_type)),
    };
    json!({
        "id": object.id, "name": name, "address": address.to_string(),
        "addr1": a, "addr2": b, "addr3": c, "addr4": d,
        "domain_name": object.domain, "class_code": object.class, "alloc_type": alloc_type,
        "mac": object.mac, "description": object.description, "contact_name": object.contact,
        "update_ns_a": object.has_records, "update_ns_ptr": object.has_records,
        "subnet_address": subnet.net.first().to_string(),
        "organization_name": state.organization(subnet.organization).name,
    })
}

/// An address without an object, at a site that lists these too.
pub(super) fn free(address: Ipv4Addr) -> Value {
    json!({"id": null, "name": "", "address": address.to_string(), "class_code": "Free", "mac": ""})
}
