//! Reading with the controller `addresses`.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Version;
use super::body::{Outcome, Refusal, Success};
use super::call::Call;
use super::ip;
use super::rows;
use super::state::{Address, State};
use super::subnets::first_free;

pub(super) fn read(call: &Call, state: &State) -> Outcome {
    let ids: Vec<&str> = call.ids.iter().map(String::as_str).collect();
    match ids.as_slice() {
        [] if state.addresses().count() > state.rows_at_most => Err(Refusal::Fatal),
        [] => Success::data(state.addresses().map(|row| rows::address(call, state, row)).collect()),
        ["first_free", ..] => free(call, state, ids.get(1).copied()),
        ["search", text, ..] => {
            let Some(wanted) = ip::parse(text) else { return Refusal::says(400, "Invalid address") };
            // A filter makes it a list of other rows, which keep their numbers.
            let is_decimal = state.version >= Version::V1_8 && call.text("filter_by").is_some();
            let subnets = state.subnets.iter().filter_map(|subnet| state.find(subnet.id, wanted));
            found(call, state, subnets, is_decimal, "Address not found")
        }
        ["search_hostname", name, ..] => {
            let named = state.addresses().filter(|row| row.hostname.as_deref() == Some(name));
            found(call, state, named, false, "Hostname not found")
        }
        ["search_hostbase", base, ..] => {
            let matches = |row: &&Address| row.hostname.as_ref().is_some_and(|name| name.starts_with(base));
            found(call, state, state.addresses().filter(matches), false, "Hostname not found")
        }
        ["search_mac", text, ..] => {
            let wanted = super::address_writes::mac(text);
            let of_mac = state.addresses().filter(|row| row.mac.is_some() && row.mac == wanted);
            let found = found(call, state, of_mac, false, "Host name not found")?;
            // Highest first, unlike every other list.
            let data = found.data.map(|rows| match rows {
                Value::Array(mut rows) => {
                    let number = |row: &Value| row["ip"].as_str().and_then(ip::parse).map(ip::number);
                    rows.sort_by_key(|row| std::cmp::Reverse(number(row)));
                    rows.into()
                }
                other => other,
            });
            Ok(Success { data, ..found })
        }
        [id] => by_id(call, state, id),
        [id, "changelog", ..] if state.version < Version::V1_7 => by_id(call, state, id),
        [_, "changelog", ..] => Refusal::says(404, "No changelogs found"),
        [text, subnet, ..] => in_subnet(state, text, subnet),
    }
}

fn by_id(call: &Call, state: &State, id: &str) -> Outcome {
    let Some(number) = ip::numeric(id) else { return Refusal::says(400, "Invalid Id") };
    match state.address(number) {
        Some(row) => Success::data(rows::address(call, state, row)),
        None => Refusal::says(404, "Invalid Id"),
    }
}

fn free(call: &Call, state: &State, id: Option<&str>) -> Outcome {
    let id = id.map(str::to_owned).or_else(|| call.text("subnetId"));
    let subnet = id.and_then(|id| ip::numeric(&id)).and_then(|id| state.subnet(id));
    let subnet = subnet.filter(|subnet| state.children(subnet.id).next().is_none());
    match subnet.and_then(|subnet| first_free(state, subnet)) {
        Some(ip) => Success::data(ip.to_string().into()),
        None => Refusal::says(404, "No free addresses found"),
    }
}

fn found<'a>(
    call: &Call,
    state: &State,
    which: impl Iterator<Item = &'a Address>,
    is_decimal: bool,
    absent: &str,
) -> Outcome {
    let row = |row: &Address| {
        let mut fields = rows::address(call, state, row);
        if is_decimal {
            fields["ip"] = json!(ip::number(row.ip).to_string());
        }
        fields
    };
    let mut which: Vec<&Address> = which.collect();
    which.sort_by_key(|row| row.id);
    let rows: Vec<Value> = which.into_iter().map(row).collect();
    if rows.is_empty() { Refusal::says(404, absent) } else { Success::data(rows.into()) }
}

/// By address and subnet. Since a security fix the newest version only finds the subnet's first row.
fn in_subnet(state: &State, text: &str, subnet: &str) -> Outcome {
    let subnet = ip::numeric(subnet).unwrap_or_default();
    let wanted: Option<IpAddr> = text.parse().ok();
    let is_canonical = wanted.is_some_and(|wanted| wanted.to_string() == text);
    let first = state.addresses().filter(|row| row.subnet == subnet).map(|row| row.id).min();
    let row = wanted.filter(|_| is_canonical).and_then(|wanted| state.find(subnet, wanted));
    match row.filter(|row| state.version < Version::V1_8 || Some(row.id) == first) {
        Some(row) => Success::data(rows::raw_address(state, row)),
        None => Refusal::says(404, "No addresses found"),
    }
}
