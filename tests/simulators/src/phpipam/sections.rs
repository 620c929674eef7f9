//! The controller `sections`.

use serde_json::{Value, json};

use super::Version;
use super::body::{Outcome, Refusal, Success};
use super::call::Call;
use super::ip;
use super::rows;
use super::state::{Section, State};
use super::usage::usage;

pub(super) fn read(call: &Call, state: &State) -> Outcome {
    let Some(id) = call.ids.first() else {
        if state.sections.is_empty() {
            return Success::message("No sections available");
        }
        return Success::data(state.sections.iter().map(|section| rows::section(call, section)).collect());
    };
    if id == "custom_fields" {
        return Refusal::says(409, "Custom fields not supported");
    }
    // What looks like a number is an id, whatever the sections are called.
    let Some(id) = ip::numeric(id) else {
        let named = state.sections.iter().find(|section| folded(&section.name) == folded(id));
        return match named {
            Some(section) => Success::data(rows::section(call, section)),
            None => Refusal::says(404, "Not Found"),
        };
    };
    let section = state.sections.iter().find(|section| section.id == id);
    match (section, call.ids.get(1).map(String::as_str)) {
        (_, Some("subnets")) => subnets(call, state, id),
        (Some(section), _) => Success::data(rows::section(call, section)),
        (None, _) => Refusal::says(404, "Section does not exist"),
    }
}

/// The subnets of a section, folders among them and first. An unknown section is an empty one.
fn subnets(call: &Call, state: &State, section: u64) -> Outcome {
    let mut subnets: Vec<_> = state.subnets.iter().filter(|subnet| subnet.section == section).collect();
    if subnets.is_empty() {
        return Refusal::says(404, "No subnets found");
    }
    subnets.sort_by_key(|subnet| subnet.range.is_some());
    let with_addresses = call.ids.get(2).is_some_and(|id| id == "addresses");
    let row = |subnet: &&super::Subnet| {
        let mut row = rows::subnet(call, subnet);
        let Some(range) = subnet.range else { return row };
        if let Some(gateway) = state.addresses_of(subnet.id).find(|row| row.is_gateway) {
            row["gatewayId"] = json!(gateway.id);
        }
        row["usage"] = usage(state, subnet, range);
        if with_addresses {
            row["addresses"] = state.addresses_of(subnet.id).map(|row| rows::raw_address(state, row)).collect();
        }
        row
    };
    Success::data(subnets.iter().map(row).collect::<Vec<Value>>().into())
}

pub(super) fn write(call: &Call, state: &mut State) -> Outcome {
    let id = call.ids.first().and_then(|id| ip::numeric(id));
    let section: Option<&mut Section> = state.sections.iter_mut().find(|section| Some(section.id) == id);
    match (call.method.as_str(), section) {
        ("PATCH" | "PUT", Some(section)) => {
            let description =
                call.parameters.get("description").and_then(Value::as_str).unwrap_or(&section.description);
            // Older versions take an update of nothing for a failed one.
            if description == section.description && state.version < Version::V1_8 {
                return Refusal::says(500, "Error: No values to update");
            }
            section.description = description.to_owned();
            Ok(Success { code: 200, ..Success::default() })
        }
        ("PATCH" | "PUT", None) => Refusal::says(404, "Section does not exist"),
        _ => Refusal::says(501, "Not Implemented"),
    }
}

/// What the database compares names by: no case, no accents, no blanks at the end.
fn folded(name: &str) -> String {
    let plain = |letter: char| match letter {
        'ä' | 'á' | 'à' | 'â' => 'a',
        'é' | 'è' | 'ê' => 'e',
        'ö' | 'ó' | 'ò' | 'ô' => 'o',
        'ü' | 'ú' | 'ù' | 'û' => 'u',
        other => other,
    };
    name.trim_end().to_lowercase().chars().map(plain).collect()
}
