//! Requests that change addresses.

use serde_json::{Value, json};

use super::create::{Refusal, validate};
use super::net::Net;
use super::query::Query;
use super::render::ETAG;
use super::state::{Address, State};
use super::tokens::{Right, Token};
use super::{Netbox, available};
use crate::{Request, Response};

/// One request that writes. The caller holds the lock, as NetBox holds one for all its writes.
pub(super) struct Writing<'a> {
    pub(super) netbox: &'a Netbox,
    pub(super) state: &'a mut State,
    pub(super) query: &'a Query,
    pub(super) token: &'a Token,
}

impl Writing<'_> {
    /// Everything under `/api/ipam/ip-addresses/` but reading.
    pub(super) fn addresses(&mut self, method: &str, path: &[&str], request: &Request) -> Result<Response, Response> {
        match (method, path) {
            ("POST", []) => {
                self.token.may(Right::AddAddresses, true)?;
                let body = body(request)?;
                let version = self.netbox.version;
                let one = |state: &State, item: &Value| validate(state, item, None, version, self.token);
                let created = match &body {
                    Value::Array(items) => all(items.iter().map(|item| one(self.state, item)))?,
                    item => vec![one(self.state, item).map_err(single)?],
                };
                Ok(self.insert(created, body.is_array()))
            }
            ("DELETE", []) => {
                self.token.may(Right::DeleteAddresses, true)?;
                let Value::Array(items) = body(request)? else {
                    let text = "Expected a list of items but got type \"dict\".";
                    return Err(Response::json(400, &json!({"non_field_errors": [text]})));
                };
                let ids: Vec<u64> = items.iter().filter_map(|item| item["id"].as_u64()).collect();
                self.state.addresses.retain(|address| !ids.contains(&address.id));
                Ok(Response::empty(204))
            }
            ("PATCH", [id]) => {
                self.token.may(Right::ChangeAddresses, true)?;
                let id = self.netbox.id_of("IPAddress", id)?;
                let seen = |address: &Address| address.id == id && self.token.sees(&address.description);
                let index = self.state.addresses.iter().position(seen).ok_or_else(|| self.netbox.gone("IPAddress"))?;
                self.if_match(request)?;
                let body = patched(&self.state.addresses[index], body(request)?);
                // A record is no duplicate of itself.
                let old = self.state.addresses.remove(index);
                let new = validate(self.state, &body, None, self.netbox.version, self.token);
                let (new, refusal) = match new {
                    Ok(new) => (Address { id, ..new }, None),
                    Err(refusal) => (old, Some(single(refusal))),
                };
                self.state.addresses.insert(index, new);
                if let Some(refusal) = refusal {
                    return Err(refusal);
                }
                let renderer = self.netbox.renderer(self.state, self.query);
                Ok(Response::json(200, &renderer.address(&self.state.addresses[index])).with_header("ETag", ETAG))
            }
            ("DELETE", [id]) => {
                self.token.may(Right::DeleteAddresses, true)?;
                let id = self.netbox.id_of("IPAddress", id)?;
                let seen = |address: &&Address| address.id == id && self.token.deletes(&address.description);
                self.state.addresses.iter().find(seen).ok_or_else(|| self.netbox.gone("IPAddress"))?;
                self.if_match(request)?;
                self.state.addresses.retain(|address| address.id != id);
                Ok(Response::empty(204))
            }
            _ => Err(Response::json(405, &json!({"detail": format!("Method \"{method}\" not allowed.")}))),
        }
    }

    fn if_match(&self, request: &Request) -> Result<(), Response> {
        let expected = request.header("if-match").filter(|_| self.netbox.version.selects_fields());
        if expected.is_some_and(|expected| expected != ETAG) {
            let response = Response::json(412, &json!({"detail": "Precondition failed."}));
            return Err(response.with_header("ETag", ETAG));
        }
        Ok(())
    }

    /// `POST /api/ipam/prefixes/{id}/available-ips/`: the next free addresses at once.
    pub(super) fn next_of_prefix(&mut self, id: &str, request: &Request) -> Result<Response, Response> {
        self.token.may(Right::ViewPrefixes, false)?;
        self.token.may(Right::AddAddresses, true)?;
        let id = self.netbox.id_of("Prefix", id)?;
        let version = self.netbox.version;
        let prefix = self.state.prefix(id).ok_or_else(|| self.netbox.gone("Prefix"))?.clone();
        let body = body(request)?;
        let items = match &body {
            Value::Array(items) => items.clone(),
            Value::Object(_) => vec![body.clone()],
            _ => {
                let text = "Invalid data. Expected a dictionary, but got str.";
                return Err(Response::json(400, &json!([{"non_field_errors": [text]}])));
            }
        };
        let lengths: Vec<u8> =
            all_lengths(&items, &prefix.net).map_err(|text| Response::json(400, &json!([{"prefix_length": text}])))?;
        let free = available::of_prefix(self.state, &prefix, version, items.len());
        if free.len() < items.len() {
            if version.full_status() == 204 {
                // Nothing is created: this 204 means "full".
                return Ok(Response::empty(204));
            }
            let detail = "Insufficient resources are available to satisfy the request";
            return Err(Response::json(409, &json!({"detail": detail})));
        }
        let place = |(net, length): (&Net, &u8)| (Net::new(net.address, *length), prefix.vrf);
        let places = free.iter().zip(&lengths).map(place);
        let checked =
            items.iter().zip(places).map(|(item, place)| validate(self.state, item, Some(place), version, self.token));
        let created =
            if body.is_array() { all(checked)? } else { checked.collect::<Result<Vec<_>, _>>().map_err(single)? };
        Ok(self.insert(created, body.is_array()))
    }

    fn insert(&mut self, new: Vec<Address>, is_list: bool) -> Response {
        let first = self.state.addresses.len();
        for address in new {
            let id = self.state.next_address_id();
            self.state.addresses.push(Address { id, ..address });
        }
        let renderer = self.netbox.renderer(self.state, self.query);
        let mut records: Vec<Value> =
            self.state.addresses[first..].iter().map(|address| renderer.address(address)).collect();
        match records.pop() {
            Some(record) if !is_list => Response::json(201, &record).with_header("ETag", ETAG),
            last => Response::json(201, &Value::Array(records.into_iter().chain(last).collect())),
        }
    }
}

/// The lengths that the items ask for; that of the prefix where they ask for none.
fn all_lengths(items: &[Value], net: &Net) -> Result<Vec<u8>, String> {
    let length = |item: &Value| match item["prefix_length"].as_u64() {
        None => Ok(net.length),
        // Both families are called IPv6 here.
        Some(length) if length > u64::from(net.width()) => Err(format!("Invalid prefix length ({length}) for IPv6")),
        Some(length) if length < u64::from(net.length) => {
            Err(format!("Prefix length must be greater than or equal to the parent mask length ({})", net.length))
        }
        Some(length) => Ok(u8::try_from(length).unwrap_or(net.length)),
    };
    items.iter().map(length).collect()
}

/// The whole body of a record that a `PATCH` changes. Of custom fields, those that it does not name stay
/// (`CustomFieldsDataField.to_internal_value`).
fn patched(old: &Address, changes: Value) -> Value {
    let Value::Object(changes) = changes else { return changes };
    let mut body = json!({
        "address": old.net.to_string(), "vrf": old.vrf, "tenant": old.tenant, "status": old.status, "role": old.role,
        "dns_name": old.dns_name, "description": old.description, "comments": old.comments, "tags": old.tags,
        "custom_fields": old.custom_fields,
    });
    if old.is_assigned {
        body["assigned_object_type"] = json!("dcim.interface");
    }
    if old.role.is_none() {
        body.as_object_mut().expect("an object").remove("role");
    }
    for (key, value) in changes {
        match (key.as_str(), value) {
            ("custom_fields", Value::Object(fields)) => {
                body["custom_fields"].as_object_mut().expect("an object").extend(fields);
            }
            (_, value) => body[key] = value,
        }
    }
    body
}

/// The JSON of a body; an empty one is an object without keys.
fn body(request: &Request) -> Result<Value, Response> {
    if request.body.is_empty() {
        return Ok(json!({}));
    }
    let kind = request.header("content-type").unwrap_or("application/json");
    if !kind.starts_with("application/json") {
        let detail = format!("Unsupported media type \"{kind}\" in request.");
        return Err(Response::json(415, &json!({"detail": detail})));
    }
    let no_json =
        || Response::json(400, &json!({"detail": "JSON parse error - Expecting value: line 1 column 1 (char 0)"}));
    request.json().ok_or_else(no_json)
}

/// The refusal of a single item.
fn single(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Invalid(faults) => Response::json(400, &faults),
        Refusal::Other(response) => response,
    }
}

/// All items, or what is wrong with each: nothing is created then. Items are not compared with each other.
fn all(items: impl Iterator<Item = Result<Address, Refusal>>) -> Result<Vec<Address>, Response> {
    let (mut valid, mut faults, mut is_refused) = (Vec::new(), Vec::new(), false);
    for item in items {
        match item {
            Ok(address) => {
                valid.push(address);
                faults.push(json!({}));
            }
            Err(Refusal::Invalid(fault)) => {
                is_refused = true;
                faults.push(fault);
            }
            Err(Refusal::Other(response)) => return Err(response),
        }
    }
    if is_refused { Err(Response::json(400, &Value::Array(faults))) } else { Ok(valid) }
}
