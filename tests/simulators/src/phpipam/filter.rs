//! `filter_by`, `filter_value` and `filter_match` of every list.

use serde_json::Value;

use super::Version;
use super::body::{Outcome, Refusal, Success};
use super::call::Call;
use super::ip;

/// Applies the filter of the call to what was found. Addresses are compared by their numbers, everything else as text.
pub(super) fn filtered(version: Version, call: &Call, outcome: Outcome) -> Outcome {
    let found = outcome?;
    let (Some(field), Some(Value::Array(rows))) = (call.text("filter_by"), &found.data) else { return Ok(found) };
    let Some(wanted) = call.text("filter_value") else { return Refusal::says(400, "Missing filter_value") };
    let matches: fn(&str, &str) -> bool = match call.text("filter_match").as_deref() {
        None | Some("full") => |value, wanted| value == wanted,
        Some("partial") => |value, wanted| value.contains(wanted),
        _ => return Refusal::says(400, "Invalid filter_match"),
    };
    if rows.iter().any(|row| row.get(&field).is_none()) {
        return Refusal::says(400, "Invalid filter_by");
    }
    let is_address = matches!(field.as_str(), "ip" | "subnet");
    let text = |row: &Value| match &row[&field] {
        Value::String(text) if is_address => {
            text.parse().map(ip::number).map_or(text.clone(), |number| number.to_string())
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rows: Vec<Value> = rows.iter().filter(|row| matches(&text(row), &wanted)).cloned().collect();
    // Older versions take what `cidr` finds for addresses.
    if version < Version::V1_8 && call.controller == "subnets" && call.ids.first().is_some_and(|id| id == "cidr") {
        rows.iter_mut().for_each(|row| row["ip"] = row["subnet"].clone());
    }
    if rows.is_empty() {
        return Refusal::says(404, "No results (filter applied)");
    }
    Ok(Success { data: Some(rows.into()), ..found })
}
