//! Rows of the database as the API writes them: every column, `null` where there is nothing.

use serde_json::{Value, json};

use super::call::Call;
use super::ip;
use super::state::{Address, Section, State, Subnet};

pub(super) fn section(call: &Call, section: &Section) -> Value {
    let mut row = json!({
        "id": section.id, "name": section.name, "description": section.description, "masterSection": section.master,
        "permissions": null, "strictMode": "1", "subnetOrdering": null, "order": null, "editDate": null,
        "showSubnet": 1, "showVLAN": 0, "showVRF": 0, "showSupernetOnly": 0, "DNS": null,
    });
    if call.app.is_nesting {
        row["custom_fields"] = Value::Null;
    }
    if call.app.shows_links {
        let href = format!("/api/{}/sections/{}/", call.app.id, section.id);
        row["links"] = json!([{"rel": "self", "href": href, "methods": ["GET", "POST", "DELETE", "PATCH"]}]);
    }
    row
}

pub(super) fn subnet(call: &Call, subnet: &Subnet) -> Value {
    let network = subnet.range.map_or("0.0.0.0".to_owned(), |range| range.network.to_string());
    let mut row = json!({
        "id": subnet.id, "subnet": network, "mask": subnet.range.map(|range| range.length.to_string()),
        "sectionId": subnet.section, "description": subnet.description, "linked_subnet": null,
        "firewallAddressObject": null, "vrfId": subnet.vrf, "masterSubnetId": subnet.master, "allowRequests": 0,
        "vlanId": null, "showName": 0, "device": 0, "permissions": null, "pingSubnet": 0, "discoverSubnet": 0,
        "resolveDNS": 0, "DNSrecursive": 0, "DNSrecords": 0, "nameserverId": 0, "scanAgent": null,
        "customer_id": null, "isFolder": u8::from(subnet.range.is_none()), "isFull": u8::from(subnet.is_full),
        "isPool": u8::from(subnet.is_pool), "tag": 2, "threshold": 0, "location": null, "editDate": null,
        "lastScan": null, "lastDiscovery": null,
    });
    if call.app.shows_links {
        row["links"] = json!([{"rel": "self", "href": format!("/api/{}/subnets/{}/", call.app.id, subnet.id)}]);
    }
    row
}

/// In the list of all subnets, what is empty is a list.
pub(super) fn listed_subnet(call: &Call, listed: &Subnet) -> Value {
    let mut row = subnet(call, listed);
    row["permissions"] = json!([]);
    row["location"] = json!([]);
    row
}

/// A row as lists of a subnet have it: custom columns are never nested there.
pub(super) fn listed_address(state: &State, address: &Address) -> Value {
    let mut row = json!({
        "id": address.id, "subnetId": address.subnet, "ip": address.ip.to_string(),
        "is_gateway": u8::from(address.is_gateway), "description": address.description, "hostname": address.hostname,
        "mac": address.mac, "owner": address.owner, "tag": address.tag, "deviceId": null, "location": null,
        "port": null, "note": address.note, "lastSeen": "1970-01-01 00:00:01", "excludePing": 0, "PTRignore": 0,
        "PTR": 0, "firewallAddressObject": null,
        "editDate": address.is_edited.then_some("2026-11-20 17:58:16"), "customer_id": null,
    });
    if state.has_custom_column {
        row["custom_foreman"] = json!(address.custom);
    }
    row
}

pub(super) fn address(call: &Call, state: &State, address: &Address) -> Value {
    let mut row = listed_address(state, address);
    if call.app.is_nesting
        && let Some(custom) = row.as_object_mut().and_then(|row| row.remove("custom_foreman"))
    {
        row["custom_fields"] = json!({"custom_foreman": custom});
    }
    row
}

/// The columns by the names that they have in the database.
pub(super) fn raw_address(state: &State, address: &Address) -> Value {
    let mut row = listed_address(state, address);
    if let Some(fields) = row.as_object_mut() {
        fields.insert("ip_addr".to_owned(), ip::number(address.ip).to_string().into());
        for (from, to) in [("tag", "state"), ("deviceId", "switch")] {
            let value = fields.remove(from).unwrap_or_default();
            fields.insert(to.to_owned(), value);
        }
    }
    row
}
