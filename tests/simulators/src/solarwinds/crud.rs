//! `Create`, and reading, changing and deleting by uri.

use serde_json::{Map, Value};

use super::query::{uri, whole};
use super::state::{AVAILABLE, Node, State, TEXTS, status_of};
use super::{Site, fault};
use crate::Response;

fn refused(text: &str) -> Response {
    fault(400, "SolarWinds.InformationService.Contract2.InfoServiceFaultContract", text)
}

/// `POST Create/IPAM.IPNode`.
pub(super) fn create(state: &mut State, entity: &str, body: Option<&Value>) -> Response {
    let Some(Value::Object(given)) = body else { return refused("Properties must be an object") };
    if !entity.eq_ignore_ascii_case("IPAM.IPNode") {
        return refused(&format!("Entity {entity} cannot be created"));
    }
    let subnet = value(given, "SubnetId").and_then(Value::as_i64).and_then(|id| state.subnets.get(&id)).cloned();
    let Some(subnet) = subnet else { return refused("SubnetId is not of a subnet") };
    let address = value(given, "IPAddress").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let Some(address) = address.filter(|address| subnet.contains(*address)) else {
        return refused("IPAddress is not in the subnet");
    };
    if state.nodes.contains_key(&(subnet.id, address)) {
        return refused("IP address already exists in the subnet");
    }
    let id = state.insert(subnet.id, address, AVAILABLE);
    let properties = given.iter().filter(|(name, _)| !["subnetid", "ipaddress"].contains(&&*name.to_lowercase()));
    let properties: Map<String, Value> = properties.map(|(name, value)| (name.clone(), value.clone())).collect();
    match change(state, id, &properties) {
        Ok(()) => Response::json(200, &state.node_mut(id).map(|node| uri(node)).into()),
        Err(text) => {
            state.remove(id);
            refused(&text)
        }
    }
}

/// What is at a uri: the segments after `Json`, which begin with `swis:`, an empty one and the server's name.
pub(super) fn at_uri(state: &mut State, site: &Site, method: &str, path: &[&str], body: Option<&Value>) -> Response {
    let [_, entity, key, place @ ..] = path else { return refused("Invalid URI") };
    if !entity.eq_ignore_ascii_case("IPAM.IPNode") {
        return refused(&format!("Entity {entity} cannot be changed"));
    }
    let id = key.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("IpNodeId"));
    let id = id.and_then(|(_, id)| id.parse().ok()).filter(|id| state.by_id.contains_key(id));
    let Some(id) = id else { return refused("Invalid key properties specified for entity IPAM.IPNode") };
    match (method, place) {
        ("GET", []) => match state.by_id.get(&id).and_then(|key| state.nodes.get(key)) {
            Some(node) => Response::json(200, &whole(state, site, node)),
            None => refused("Invalid key properties specified for entity IPAM.IPNode"),
        },
        ("DELETE", []) => {
            state.remove(id);
            Response::empty(200)
        }
        ("POST", []) => match body {
            Some(Value::Object(properties)) => changed(change(state, id, properties)),
            _ => refused("Properties must be an object"),
        },
        ("POST", [place]) => match body {
            Some(Value::Object(properties)) => changed(change_custom(state, id, place, properties)),
            _ => refused("Properties must be an object"),
        },
        _ => refused("Invalid URI"),
    }
}

/// `POST BulkUpdate` and `POST BulkDelete`.
pub(super) fn bulk(state: &mut State, body: Option<&Value>) -> Response {
    let uris = body.and_then(|body| body["uris"].as_array()).cloned().unwrap_or_default();
    let ids = uris.iter().filter_map(|uri| uri.as_str()?.rsplit_once('=')?.1.parse().ok());
    for id in ids.collect::<Vec<i64>>() {
        match body.and_then(|body| body["properties"].as_object()) {
            Some(properties) => {
                if let Err(text) = change(state, id, properties) {
                    return refused(&text);
                }
            }
            None => {
                state.remove(id);
            }
        }
    }
    Response::json(200, &Value::Null)
}

fn changed(outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => Response::empty(200),
        Err(text) => refused(&text),
    }
}

fn value<'a>(properties: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The status counts before the metadata, also when both come at once.
fn change(state: &mut State, id: i64, properties: &Map<String, Value>) -> Result<(), String> {
    let node = state.node_mut(id).ok_or("Invalid key properties specified for entity IPAM.IPNode")?;
    let mut new: Node = node.clone();
    if let Some(status) = value(properties, "Status") {
        new.set_status(status_of(status).ok_or("the status is not known")?);
    }
    for (name, value) in properties {
        if name.eq_ignore_ascii_case("Status") {
            continue;
        }
        if name.eq_ignore_ascii_case("SkipScan") {
            new.skip_scan = value.as_bool().ok_or("SkipScan is a flag")?;
            continue;
        }
        let known = TEXTS.into_iter().find(|known| known.eq_ignore_ascii_case(name));
        let known = known.ok_or_else(|| format!("Property {name} cannot be changed"))?;
        match value {
            Value::Null => {
                new.texts.remove(known);
            }
            Value::String(_) if new.status == AVAILABLE => {
                return Err(format!("{known} must be undefined when Status is Available"));
            }
            Value::String(mac) if known == "MAC" && !is_mac(mac) => return Err("MAC has no valid format".to_owned()),
            Value::String(text) => {
                new.texts.insert(known, text.clone());
            }
            _ => return Err(format!("{known} is a text")),
        }
    }
    *node = new;
    Ok(())
}

/// `00:00:00:00:00:00`; hyphens are what the web console writes.
fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.iter().all(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok())
}

fn change_custom(state: &mut State, id: i64, place: &str, properties: &Map<String, Value>) -> Result<(), String> {
    let entity = match place.to_lowercase().as_str() {
        "customproperties" => "IPAM.NodesCustomProperties",
        "custom" => "IPAM.IPNodeAttr",
        _ => return Err("Invalid URI".to_owned()),
    };
    for name in properties.keys() {
        if !state.custom.contains(&(entity.to_owned(), name.clone())) {
            return Err(format!("Property {name} is not defined for {entity}"));
        }
    }
    let node = state.node_mut(id).ok_or("Invalid key properties specified for entity IPAM.IPNode")?;
    node.custom.extend(properties.clone());
    Ok(())
}
