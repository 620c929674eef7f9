//! The controllers `subnets` and `folders`.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Version;
use super::body::{Outcome, Refusal, Success};
use super::call::Call;
use super::ip::{self, Range};
use super::rows;
use super::state::{State, Subnet};
use super::usage::{calculation, usage};

pub(super) fn read(call: &Call, state: &State) -> Outcome {
    let ids: Vec<&str> = call.ids.iter().map(String::as_str).collect();
    match ids.as_slice() {
        [] => Success::data(listed(call, state, |subnet| subnet.range.is_some())),
        ["cidr" | "search", network, length, ..] => {
            by_prefix(call, state, network, length, |subnet, range| subnet == range)
        }
        ["cidr", ..] => Refusal::says(404, "No subnets found"),
        ["overlapping", network, length, ..] => by_prefix(call, state, network, length, Range::overlaps),
        [id] => one(call, state, id),
        [id, what, rest @ ..] => {
            let Some(number) = ip::numeric(id) else {
                return Refusal::says(400, format!("Subnet Id must be numeric ({id})"));
            };
            let Some(subnet) = state.subnet(number) else {
                return Refusal::says(404, format!("Invalid subnet Id ({id})"));
            };
            part(call, state, subnet, what, rest.first().copied())
        }
    }
}

pub(super) fn folders(call: &Call, state: &State) -> Outcome {
    Success::data(listed(call, state, |subnet| subnet.range.is_none()))
}

fn listed(call: &Call, state: &State, which: impl Fn(&Subnet) -> bool) -> Value {
    state.subnets.iter().filter(|subnet| which(subnet)).map(|subnet| rows::listed_subnet(call, subnet)).collect()
}

/// Nothing is canonical here: host bits find nothing, and masks are numbers however they are written.
fn by_prefix(call: &Call, state: &State, network: &str, length: &str, matches: fn(Range, Range) -> bool) -> Outcome {
    let wanted = ip::parse(network).zip(length.parse().ok()).map(|(network, length)| Range::new(network, length));
    let is_sound = |range: &Range| range.length <= if range.is_v4() { 32 } else { 128 };
    let found: Vec<Value> = match wanted.filter(is_sound) {
        Some(wanted) => {
            let matching = |subnet: &&Subnet| subnet.range.is_some_and(|range| matches(range, wanted));
            state.subnets.iter().filter(matching).map(|subnet| rows::subnet(call, subnet)).collect()
        }
        None => Vec::new(),
    };
    if found.is_empty() { Refusal::says(404, "No subnets found") } else { Success::data(found.into()) }
}

fn one(call: &Call, state: &State, id: &str) -> Outcome {
    let Some(number) = ip::numeric(id) else { return Refusal::says(404, "Invalid Id") };
    let Some(subnet) = state.subnet(number) else { return Refusal::says(400, format!("Invalid subnet Id ({id})")) };
    match subnet.range {
        Some(range) => Success::data(calculated(call, state, subnet, range)),
        None => Refusal::says(404, "No subnets found"),
    }
}

fn calculated(call: &Call, state: &State, subnet: &Subnet, range: Range) -> Value {
    let mut row = rows::subnet(call, subnet);
    if let Some(gateway) = state.addresses_of(subnet.id).find(|row| row.is_gateway) {
        row["gatewayId"] = json!(gateway.id);
        row["gateway"] = json!({"ip_addr": gateway.ip.to_string(), "id": gateway.id});
    }
    row["calculation"] = calculation(range);
    row
}

fn part(call: &Call, state: &State, subnet: &Subnet, what: &str, detail: Option<&str>) -> Outcome {
    match what {
        "usage" => match subnet.range {
            Some(range) => Success::data(usage(state, subnet, range)),
            // A folder has no hosts to divide by.
            None => Err(Refusal::Fatal),
        },
        "first_free" if state.children(subnet.id).next().is_some() => Refusal::says(409, "Subnet contains subnets"),
        "first_free" => match first_free(state, subnet) {
            Some(ip) => Success::data(ip.to_string().into()),
            None => Refusal::says(404, "No free addresses found"),
        },
        "addresses" => addresses(call, state, subnet, detail),
        "slaves" | "slaves_recursive" => {
            let children: Vec<Value> = state.children(subnet.id).map(|child| rows::subnet(call, child)).collect();
            if children.is_empty() {
                return Refusal::says(404, "No slaves");
            }
            let itself = subnet.range.filter(|_| what == "slaves_recursive");
            let itself = itself.map(|range| calculated(call, state, subnet, range));
            Success::data(itself.into_iter().chain(children).collect())
        }
        "first_subnet" | "all_subnets" => {
            let length = detail.and_then(|length| length.parse().ok()).unwrap_or(32);
            let range = subnet.range.filter(|range| range.is_v4() && (range.length..=32).contains(&length));
            let Some(range) = range else { return Refusal::says(400, "Invalid request") };
            let text = |network: u128| json!(format!("{}/{length}", ip::address(network, range.network)));
            match what {
                "first_subnet" => Success::data(text(range.first())),
                _ => Success::data((range.first()..=range.last()).step_by(1 << (32 - length)).map(text).collect()),
            }
        }
        "changelog" if state.version >= Version::V1_7 => Refusal::says(404, "No changelogs found"),
        _ => Refusal::says(400, "Invalid request"),
    }
}

/// The lowest address without a row. Rows on the network and broadcast address count as used hosts, so that a subnet
/// with some is full too early.
pub(super) fn first_free(state: &State, subnet: &Subnet) -> Option<IpAddr> {
    let range = subnet.range.filter(|_| !subnet.is_full)?;
    let (first, last) = range.hosts(subnet.is_pool);
    let hosts = (last - first).saturating_add(1);
    if state.addresses_of(subnet.id).count() as u128 >= hosts {
        return None;
    }
    let mut candidate = first;
    for row in state.addresses_of(subnet.id) {
        if ip::number(row.ip) == candidate {
            candidate += 1;
        }
    }
    (candidate <= last).then(|| ip::address(candidate, range.network))
}

fn addresses(call: &Call, state: &State, subnet: &Subnet, wanted: Option<&str>) -> Outcome {
    let count = state.addresses_of(subnet.id).count();
    let Some(wanted) = wanted else {
        return match count {
            0 => Refusal::says(404, "No addresses found"),
            count if count > state.rows_at_most => Err(Refusal::Fatal),
            _ => Success::data(state.addresses_of(subnet.id).map(|row| rows::listed_address(state, row)).collect()),
        };
    };
    if count == 0 {
        // phpIPAM counts the rows of what is no list.
        return Err(Refusal::Fatal);
    }
    // The texts are compared, so that only one spelling of an address finds it.
    let found: Vec<Value> = state
        .addresses_of(subnet.id)
        .filter(|row| row.ip.to_string() == wanted)
        .map(|row| rows::address(call, state, row))
        .collect();
    if found.is_empty() { Refusal::says(404, "No addresses found") } else { Success::data(found.into()) }
}
