//! New addresses: what NetBox refuses, and in which words.

use serde_json::{Map, Value, json};

use super::lists::STATUSES;
use super::net::{Net, number};
use super::state::{Address, Named, State};
use super::tokens::{Token, no_permission};
use super::version::Version;
use crate::Response;

const ROLES: [&str; 8] = ["loopback", "secondary", "anycast", "vip", "vrrp", "hsrp", "glbp", "carp"];

/// Addresses of these roles may be there several times.
const SHARED_ROLES: [&str; 6] = ["anycast", "vip", "vrrp", "hsrp", "glbp", "carp"];

const DNS_NAME_AT_MOST: usize = 255;
const DESCRIPTION_AT_MOST: usize = 200;

/// Why an address is not created.
pub(super) enum Refusal {
    /// 400 with this body, which is one item's in a list.
    Invalid(Value),
    /// Any other answer.
    Other(Response),
}

/// An address as it would be created, with an id still to be given. `place` overrides address and VRF, as
/// `available-ips` does.
pub(super) fn validate(
    state: &State,
    body: &Value,
    place: Option<(Net, Option<u64>)>,
    version: Version,
    token: &Token,
) -> Result<Address, Refusal> {
    let Value::Object(body) = body else {
        let text =
            if body.is_null() { "No data provided" } else { "Invalid data. Expected a dictionary, but got str." };
        return Err(Refusal::Invalid(json!({"non_field_errors": [text]})));
    };
    let mut faults = Map::new();
    let mut fault = |field: &str, text: String| {
        faults.insert(field.to_owned(), json!([text]));
    };
    let net = match place {
        Some((net, _)) => Some(net),
        None => match address(body.get("address")) {
            Ok(net) => Some(net),
            Err(text) if version.fails_on_bad_addresses() && text.starts_with("Invalid") => {
                let body = json!({"error": "'data'", "exception": "KeyError", "netbox_version": version.number(),
                    "python_version": "3.11.7"});
                return Err(Refusal::Other(Response::json(500, &body)));
            }
            Err(text) => {
                fault("address", text);
                None
            }
        },
    };
    let mut new = Address::new(0, net.unwrap_or(Net::new([0, 0, 0, 0].into(), 32)));
    let vrfs: Vec<Named> = state.vrfs.iter().map(|vrf| Named::new(vrf.id, &vrf.name)).collect();
    match place {
        Some((_, vrf)) => new.vrf = vrf,
        None => match related(body.get("vrf"), &vrfs) {
            Ok(id) => new.vrf = id,
            Err(text) => fault("vrf", text),
        },
    }
    match related(body.get("tenant"), &state.tenants) {
        Ok(id) => new.tenant = id,
        Err(text) => fault("tenant", text),
    }
    for tag in body.get("tags").and_then(Value::as_array).into_iter().flatten() {
        match related(Some(tag), &state.tags) {
            Ok(id) => new.tags.extend(id),
            Err(text) => fault("tags", text),
        }
    }
    match chosen(body.get("status"), &STATUSES) {
        Ok(status) => new.status = status.unwrap_or(new.status),
        Err(text) => fault("status", text),
    }
    match chosen(body.get("role"), &ROLES) {
        Ok(role) => new.role = role,
        Err(text) => fault("role", text),
    }
    match text(body.get("dns_name"), DNS_NAME_AT_MOST) {
        Ok(name) if name.is_empty() || is_dns_name(&name) => new.dns_name = name.to_lowercase(),
        Ok(_) => fault(
            "dns_name",
            "Only alphanumeric characters, asterisks, hyphens, periods, and underscores are allowed in DNS names"
                .to_owned(),
        ),
        Err(text) => fault("dns_name", text),
    }
    match text(body.get("description"), DESCRIPTION_AT_MOST) {
        Ok(description) => new.description = description,
        Err(text) => fault("description", text),
    }
    if let Ok(comments) = text(body.get("comments"), usize::MAX) {
        new.comments = comments;
    }
    if let Some(Value::Object(fields)) = body.get("custom_fields") {
        new.custom_fields = fields.clone();
    }
    let unknown = new.custom_fields.keys().find(|name| !state.custom_fields.iter().any(|field| field.name == **name));
    if let Some(name) = unknown.filter(|_| version >= Version::V4_6) {
        let text = format!("Custom field '{name}' does not exist for this object type.");
        faults.insert("custom_fields".to_owned(), json!({name.as_str(): text}));
    }
    if !faults.is_empty() {
        return Err(Refusal::Invalid(Value::Object(faults)));
    }
    new.is_assigned = body.get("assigned_object_type").is_some_and(Value::is_string);
    clean(state, &new, version)?;
    if !token.sees(&new.description) {
        return Err(Refusal::Other(no_permission()));
    }
    Ok(new)
}

/// The rules that look at the whole record.
fn clean(state: &State, new: &Address, version: Version) -> Result<(), Refusal> {
    let refuse = |field: &str, text: String| Err(Refusal::Invalid(json!({field: [text]})));
    for field in &state.custom_fields {
        let value = new.custom_fields.get(&field.name).unwrap_or(&Value::Null);
        let name = &field.name;
        if value.is_null() && field.required {
            return refuse(
                "__all__",
                format!("Invalid value for custom field '{name}': Required field cannot be empty."),
            );
        }
        if field.is_mac && !value.is_null() && !value.as_str().is_some_and(is_mac) {
            let rule = "Value must match regex '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'";
            return refuse("__all__", format!("Invalid value for custom field '{name}': {rule}"));
        }
    }
    if let Some(name) =
        new.custom_fields.keys().find(|name| !state.custom_fields.iter().any(|field| field.name == **name))
    {
        return refuse("__all__", format!("Unknown field name '{name}' in custom field data."));
    }
    if new.status == "slaac" && !new.net.is_v6() {
        return refuse("status", "Only IPv6 addresses can be assigned SLAAC status".to_owned());
    }
    if new.is_assigned && new.net.address == new.net.network().address && new.net.length < new.net.width() - 1 {
        let text = format!("{} is a network ID, which may not be assigned to an interface.", new.net.address);
        return refuse("__all__", text);
    }
    let at = number(new.net.address);
    let range = state.ranges.iter().find(|range| {
        let is_inside = (number(range.first.address)..=number(range.last.address)).contains(&at);
        range.mark_populated && range.vrf == new.vrf && is_inside
    });
    if let Some(range) = range.filter(|_| version.offers_ranges()) {
        let text = format!(
            "Cannot create IP address {} inside range {}-{}.",
            new.net,
            range.first.address,
            last_part(range.last)
        );
        return refuse("address", text);
    }
    let is_shared = |role: &Option<String>| role.as_deref().is_some_and(|role| SHARED_ROLES.contains(&role));
    let other = state.addresses.iter().find(|other| {
        other.vrf == new.vrf
            && other.net.address == new.net.address
            && !(is_shared(&other.role) && is_shared(&new.role))
    });
    if let Some(other) = other.filter(|_| state.enforces_unique(new.vrf)) {
        let table = match new.vrf.and_then(|id| state.vrf(id)) {
            Some(vrf) => format!("VRF {}", vrf.display()),
            None => "global table".to_owned(),
        };
        return refuse("address", format!("Duplicate IP address found in {table}: {}", other.net));
    }
    Ok(())
}

/// The address of a body; what is wrong with it.
fn address(value: Option<&Value>) -> Result<Net, String> {
    match value {
        None => Err("This field is required.".to_owned()),
        Some(Value::Null) => Err("This field may not be null.".to_owned()),
        Some(Value::String(text)) if text.is_empty() => Err("This field may not be blank.".to_owned()),
        Some(Value::String(text)) => {
            let net = Net::parse(text).ok_or_else(|| format!("Invalid IP address format: {text}"))?;
            if net.length == 0 { Err("Cannot create IP address with /0 mask.".to_owned()) } else { Ok(net) }
        }
        Some(_) => Err("unexpected type <class 'int'> for addr arg".to_owned()),
    }
}

/// A related record by id (a number, or text of one) or by an object of its attributes.
fn related(value: Option<&Value>, all: &[Named]) -> Result<Option<u64>, String> {
    let by_id = |id: u64| {
        let found = all.iter().find(|named| named.id == id).map(|named| Some(named.id));
        found.ok_or_else(|| format!("Related object not found using the provided numeric ID: {id}"))
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(id)) => by_id(id.as_u64().unwrap_or(0)),
        Some(Value::String(text)) => match text.parse() {
            Ok(id) => by_id(id),
            Err(_) => Err(format!(
                "Related objects must be referenced by numeric ID or by dictionary of attributes. \
                 Received an unrecognized value: {text}"
            )),
        },
        Some(attributes) => {
            let fits = |named: &&Named| {
                let is = |key: &str, own: Value| attributes.get(key).is_none_or(|value| *value == own);
                is("id", json!(named.id)) && is("name", json!(named.name)) && is("slug", json!(named.slug))
            };
            let found: Vec<&Named> = all.iter().filter(fits).collect();
            let shown = attributes.to_string().replace('"', "'").replace("':", "': ");
            match found[..] {
                [] => Err(format!("Related object not found using the provided attributes: {shown}")),
                [one] => Ok(Some(one.id)),
                _ => Err(format!("Multiple objects match the provided attributes: {shown}")),
            }
        }
    }
}

fn chosen(value: Option<&Value>, choices: &[&str]) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(_) | Value::Array(_)) => {
            Err("Value must be passed directly (e.g. \"foo\": 123); do not use a dictionary or list.".to_owned())
        }
        Some(Value::String(text)) if choices.contains(&text.as_str()) => Ok(Some(text.clone())),
        Some(Value::String(text)) => Err(format!("{text} is not a valid choice.")),
        Some(other) => Err(format!("{other} is not a valid choice.")),
    }
}

fn text(value: Option<&Value>, at_most: usize) -> Result<String, String> {
    match value {
        None => Ok(String::new()),
        Some(Value::String(text)) if text.contains('\0') => Err("Null characters are not allowed.".to_owned()),
        Some(Value::String(text)) if text.chars().count() > at_most => {
            Err(format!("Ensure this field has no more than {at_most} characters."))
        }
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(Value::Null) => Err("This field may not be null.".to_owned()),
        Some(_) => Err("Not a valid string.".to_owned()),
    }
}

fn is_dns_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte)) && !name.contains("..")
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_byte = |part: &&str| part.len() == 2 && part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    parts.len() == 6 && parts.iter().all(is_byte)
}

/// `9/24` of `10.1.12.9/24`.
fn last_part(net: Net) -> String {
    let text = net.to_string();
    text.rsplit(['.', ':']).next().unwrap_or_default().to_owned()
}
