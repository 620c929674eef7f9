//! Writing with the controller `addresses`.

use std::net::IpAddr;

use serde_json::Value;

use super::body::{Outcome, Refusal, Success};
use super::call::Call;
use super::ip;
use super::state::{Address, State};
use super::subnets::first_free;
use super::{Version, ip::Range};

/// The columns that may be sent, `state` being `tag` by its older name.
const KEYS: [&str; 16] = [
    "subnetId",
    "ip",
    "ip_addr",
    "description",
    "hostname",
    "mac",
    "owner",
    "tag",
    "state",
    "note",
    "is_gateway",
    "port",
    "deviceId",
    "location",
    "excludePing",
    "PTRignore",
];

const TAGS: std::ops::RangeInclusive<u64> = 1..=4;

pub(super) fn write(call: &Call, state: &mut State) -> Outcome {
    let first = call.ids.first().map(String::as_str);
    match (call.method.as_str(), first) {
        ("POST", Some("first_free")) => create_first_free(call, state),
        ("POST", _) => create(call, state),
        ("PATCH" | "PUT", _) => change(call, state),
        _ => delete(call, state),
    }
}

fn create(call: &Call, state: &mut State) -> Outcome {
    let Some(id) = call.text("subnetId").and_then(|id| ip::numeric(&id)) else {
        return Refusal::says(400, "SubnetId must be numeric");
    };
    check_keys(call, state)?;
    let Some(subnet) = state.subnet(id).cloned() else { return Refusal::says(404, "Invalid subnet Id") };
    let text = call.text("ip").or_else(|| call.text("ip_addr")).unwrap_or_default();
    let sent = ip::parse(&text).unwrap_or(IpAddr::from([0, 0, 0, 0]));
    // A folder has no range to be outside of.
    if let Some(range) = subnet.range {
        let (first, last) = range.hosts(subnet.is_pool);
        if !range.contains(sent) || !(first..=last).contains(&ip::number(sent)) {
            let Range { network, length } = range;
            return Refusal::says(500, format!("{sent} is not a valid address for subnet {network}/{length}"));
        }
    }
    if state.find(id, sent).is_some() {
        if state.lost_races > 0 {
            state.lost_races -= 1;
            let (number, key) = (ip::number(sent), "sid_ip_unique");
            return Refusal::says(
                500,
                format!(
                    "Error: SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '{number}-{id}' for key '{key}'"
                ),
            );
        }
        return Refusal::says(409, "IP address already exists");
    }
    insert(call, state, id, sent, None)
}

fn create_first_free(call: &Call, state: &mut State) -> Outcome {
    let id = call.ids.get(1).cloned().or_else(|| call.text("subnetId")).and_then(|id| ip::numeric(&id));
    let Some(subnet) = id.and_then(|id| state.subnet(id)).cloned() else {
        return Refusal::says(400, "Invalid subnet identifier");
    };
    if subnet.is_full {
        return Refusal::says(404, "No free addresses found (subnet is full)");
    }
    let has_children = state.children(subnet.id).next().is_some();
    match first_free(state, &subnet).filter(|_| !has_children) {
        Some(free) => {
            let created = insert(call, state, subnet.id, free, Some("API created"))?;
            Ok(Success { data: Some(free.to_string().into()), ..created })
        }
        None => Refusal::says(404, "No free addresses found"),
    }
}

fn insert(call: &Call, state: &mut State, subnet: u64, ip: IpAddr, description: Option<&str>) -> Outcome {
    let tag = match call.text("tag").or_else(|| call.text("state")) {
        None => 2,
        Some(tag) => match tag.parse() {
            Ok(tag) if TAGS.contains(&tag) => tag,
            Ok(_) => return Refusal::says(400, "Tag does not exist"),
            Err(_) => return Refusal::says(400, "Invalid state"),
        },
    };
    let sent_mac = call.text("mac").filter(|mac| !mac.is_empty());
    let custom = match call.parameters.get("custom_fields") {
        Some(nested) => nested["custom_foreman"].as_str().map(str::to_owned),
        None => call.text("custom_foreman"),
    };
    let row = Address {
        is_gateway: call.text("is_gateway").is_some_and(|flag| flag == "1"),
        description: column(call, "description", 64)?.or_else(|| description.map(str::to_owned)),
        hostname: column(call, "hostname", 255)?,
        owner: column(call, "owner", 128)?,
        note: note(call)?,
        mac: sent_mac.as_deref().map(checked_mac).transpose()?,
        tag,
        custom,
        ..Address::new(state.new_id(), subnet, ip)
    };
    let id = row.id;
    state.insert(row);
    Ok(Success { code: 201, message: Some("Address created"), id: Some(id), data: None })
}

/// A text of at most so many characters, without the tags of HTML.
fn column(call: &Call, key: &str, at_most: usize) -> Result<Option<String>, Refusal> {
    let text = call.text(key).map(|text| stripped(&text)).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > at_most) {
        return Refusal::says(500, too_long(key));
    }
    Ok(text)
}

/// The log repeats the note, and fails over its length as the table does.
fn note(call: &Call) -> Result<Option<String>, Refusal> {
    let note = call.text("note").filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.len() > 65_535) {
        return Err(Refusal::Printed(too_long("note")));
    }
    Ok(note)
}

fn too_long(key: &str) -> String {
    format!("Error: SQLSTATE[22001]: String data, right truncated: 1406 Data too long for column '{key}' at row 1")
}

fn stripped(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, tag)) = rest.split_once('<') {
        kept.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    kept + rest
}

/// 48 bits in any of the usual spellings, as lower case with colons.
pub(super) fn mac(text: &str) -> Option<String> {
    let is_separator = |letter: char| matches!(letter, ':' | '-' | '.');
    let digits: String = text.chars().filter(|letter| !is_separator(*letter)).collect::<String>().to_lowercase();
    let is_mac = digits.len() == 12 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = || (0..6).map(|index| &digits[2 * index..2 * index + 2]).collect::<Vec<_>>().join(":");
    is_mac.then(pairs)
}

fn checked_mac(text: &str) -> Result<String, Refusal> {
    mac(text).map_or_else(|| Refusal::says(400, "Invalid MAC address"), Ok)
}

fn check_keys(call: &Call, state: &State) -> Result<(), Refusal> {
    for key in call.parameters.keys() {
        let is_custom = match key.as_str() {
            "custom_foreman" => state.has_custom_column && !call.app.is_nesting,
            "custom_fields" => call.app.is_nesting,
            _ => false,
        };
        if !is_custom && !KEYS.contains(&key.as_str()) {
            return Refusal::says(400, format!("Invalid request key {key}"));
        }
    }
    Ok(())
}

fn change(call: &Call, state: &mut State) -> Outcome {
    if call.parameters.is_empty() && state.version < Version::V1_6 {
        return Refusal::says(400, "No data provided");
    }
    if call.parameters.contains_key("ip") {
        return Refusal::says(400, "IP address cannot be changed");
    }
    if call.parameters.contains_key("subnetId") {
        return Refusal::says(400, "Subnet cannot be changed");
    }
    check_keys(call, state)?;
    let id = call.ids.first().and_then(|id| ip::numeric(id)).unwrap_or_default();
    let Some(mut row) = state.address(id).cloned() else { return Refusal::says(404, "Address does not exist") };
    if let Some(sent) = call.text("mac") {
        row.mac = Some(checked_mac(&sent)?);
    }
    row.hostname = column(call, "hostname", 255)?.or(row.hostname);
    row.description = column(call, "description", 64)?.or(row.description);
    // Without a tag, the row is "Used" again.
    row.tag = call.parameters.get("tag").and_then(Value::as_u64).unwrap_or(2);
    row.is_edited = true;
    if let Some(known) = state.address_mut(id) {
        *known = row;
    }
    Success::message("Address updated")
}

fn delete(call: &Call, state: &mut State) -> Outcome {
    let absent = || Refusal::says(404, "Address does not exist");
    let Some(text) = call.ids.first() else { return absent() };
    let row = match (text.parse::<IpAddr>(), call.ids.get(1)) {
        (Ok(wanted), Some(subnet)) => {
            if !state.addresses().any(|row| row.ip == wanted) {
                return Err(Refusal::Fatal);
            }
            let found = state.find(ip::numeric(subnet).unwrap_or_default(), wanted).map(|row| row.id);
            match found.filter(|_| state.version >= Version::V1_7) {
                Some(row) => row,
                None => return Refusal::says(404, "No addresses found"),
            }
        }
        _ => ip::numeric(text).unwrap_or_default(),
    };
    if state.remove(row) { Success::message("Address deleted") } else { absent() }
}
