//! Searches: exact ones only, fields, pages.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Infoblox;
use super::answer::{invalid, malformed, no_view, not_found, unknown_field};
use super::objects::only;
use super::state::State;
use crate::{Request, Response};

/// More rows are only given in pages.
const ROWS_AT_MOST: usize = 1000;

/// A type of objects: its name, what is shown unless the request says otherwise, what else can be shown, what can be
/// searched by.
struct Kind(&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const KINDS: [Kind; 14] = [
    Kind("networkview", &["name", "is_default"], &["comment", "extattrs"], &["name", "is_default", "comment"]),
    Kind("network", NETWORK, &["extattrs"], NETWORK),
    Kind("ipv6network", NETWORK, &["extattrs"], NETWORK),
    Kind("networkcontainer", NETWORK, &["extattrs"], NETWORK),
    Kind("ipv6networkcontainer", NETWORK, &["extattrs"], NETWORK),
    Kind("range", RANGE, &["extattrs"], RANGE),
    Kind("ipv6range", RANGE, &["extattrs"], RANGE),
    Kind(
        "fixedaddress",
        &["ipv4addr", "network_view"],
        &["mac", "match_client", "name", "comment", "extattrs", "network"],
        &["ipv4addr", "network_view", "mac", "match_client", "network", "comment"],
    ),
    Kind(
        "ipv6fixedaddress",
        &["duid", "ipv6addr", "network_view"],
        &["address_type", "name", "comment", "extattrs", "network"],
        &["ipv6addr", "network_view", "duid", "network", "comment"],
    ),
    Kind(
        "record:host",
        &["ipv4addrs", "ipv6addrs", "name", "view"],
        &["network_view", "configure_for_dns", "comment", "extattrs", "aliases"],
        &["name", "view", "network_view", "ipv4addr", "ipv6addr", "mac", "duid", "comment"],
    ),
    Kind("ipv4address", ADDRESS, MORE_OF_ADDRESS, ADDRESS),
    Kind("ipv6address", ADDRESS, MORE_OF_ADDRESS, ADDRESS),
    Kind("grid", &[], &["name"], &[]),
    Kind("extensibleattributedef", &["name"], &["comment"], &["name"]),
];

const NETWORK: &[&str] = &["comment", "network", "network_view"];
const RANGE: &[&str] = &["start_addr", "end_addr", "network", "network_view", "comment"];
const ADDRESS: &[&str] =
    &["ip_address", "is_conflict", "names", "network", "network_view", "objects", "status", "types", "usage"];
const MORE_OF_ADDRESS: &[&str] =
    &["mac_address", "duid", "lease_state", "dhcp_client_identifier", "username", "extattrs", "comment"];

/// The type of this name.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    KINDS.iter().map(|kind| kind.0).find(|known| *known == name)
}

/// `_return_fields` in place of the basic ones, `_return_fields+` besides them.
pub(super) fn return_fields(kind: &str, request: &Request) -> Result<Vec<String>, Response> {
    let Kind(_, basic, more, _) = KINDS.iter().find(|known| known.0 == kind).expect("a type that is known");
    let named = |key: &str| {
        let fields = request.parameter(key)?;
        Some(fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    };
    let basic_fields = || basic.iter().map(|field| (*field).to_owned());
    let mut fields = named("_return_fields").unwrap_or_else(|| basic_fields().collect());
    fields.extend(named("_return_fields+").into_iter().flatten());
    match fields.iter().find(|field| !basic.contains(&field.as_str()) && !more.contains(&field.as_str())) {
        Some(unknown) => Err(unknown_field(unknown)),
        None => Ok(fields),
    }
}

impl Infoblox {
    pub(super) fn search(&self, state: &mut State, request: &Request, name: &str) -> Result<Response, Response> {
        let kind = kind(name).ok_or_else(|| malformed(&format!("Unknown object type ({name})")))?;
        self.allowed(state, "read", kind)?;
        let fields = return_fields(kind, request)?;
        let filters = filters(kind, request)?;
        let flag = |key: &str| request.parameter(key).is_some_and(|value| matches!(value.as_str(), "1" | "true"));
        let (is_paged, as_object) = (flag("_paging"), flag("_return_as_object"));
        let limit: Option<i64> = match request.parameter("_max_results").map(|limit| limit.parse()) {
            Some(Ok(limit)) => Some(limit),
            Some(Err(_)) => return Err(malformed("Invalid value for _max_results")),
            None => None,
        };
        if is_paged && !as_object {
            return Err(malformed("_return_as_object needs to be enabled for paging requests."));
        }
        if is_paged && limit.is_none_or(|limit| limit <= 0) {
            return Err(malformed("_max_results needs to be set to a positive value for paging requests."));
        }
        if let Some(view) = filters.iter().find(|(key, _)| key == "network_view")
            && state.view(&view.1).is_none()
        {
            return Err(no_view(&view.1));
        }
        // A cloud member knows what is delegated to it, which is nothing here.
        let is_seen = !self.site.is_cloud_member || request.parameter("_proxy_search").as_deref() == Some("GM");
        let mut rows = match request.parameter("_page_id") {
            Some(page) => state.pages.remove(&page).ok_or_else(|| malformed(&format!("Invalid _page_id {page}")))?,
            None if !is_seen => Vec::new(),
            None => self.rows(state, kind, &filters)?.iter().map(|row| only(row, &fields)).collect(),
        };
        if is_paged {
            let size = usize::try_from(limit.unwrap_or_default()).unwrap_or_default();
            let rest = rows.split_off(size.min(self.site.page_at_most).min(rows.len()));
            let mut page = json!({"result": rows});
            if !rest.is_empty() {
                let id = format!("789c{:08x}", state.new_id());
                page["next_page_id"] = id.as_str().into();
                state.pages.insert(id, rest);
            }
            return Ok(Response::json(200, &page));
        }
        let (positive, most) = match limit {
            Some(limit) if limit > 0 => (true, usize::try_from(limit).unwrap_or(usize::MAX)),
            Some(limit) => (false, usize::try_from(-limit).unwrap_or(ROWS_AT_MOST)),
            None => (false, ROWS_AT_MOST),
        };
        if rows.len() > most && !positive {
            return Err(malformed(&format!("Result set too large (> {most})")));
        }
        rows.truncate(most);
        let rows = Value::from(rows);
        Ok(Response::json(200, &if as_object { json!({"result": rows}) } else { rows }))
    }

    fn rows(&self, state: &State, kind: &str, filters: &[(String, String)]) -> Result<Vec<Value>, Response> {
        if matches!(kind, "ipv4address" | "ipv6address") {
            return self.addresses(state, filters);
        }
        let mut rows = state.all(kind);
        rows.retain(|row| filters.iter().all(|(key, value)| matches(row, key, value)));
        Ok(rows)
    }

    /// One address, or those of one network; something must say which.
    fn addresses(&self, state: &State, filters: &[(String, String)]) -> Result<Vec<Value>, Response> {
        let filter = |name: &str| filters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let views: Vec<u64> = match filter("network_view") {
            Some(name) => state.view(name).map(|view| view.id).into_iter().collect(),
            None => state.views.iter().map(|view| view.id).collect(),
        };
        let mut rows = Vec::new();
        if let Some(text) = filter("ip_address") {
            let address: IpAddr =
                text.parse().map_err(|_| malformed(&format!("Invalid value for ip_address: {text}")))?;
            for view in views {
                let network = state.network_of(view, address);
                rows.extend(network.map(|network| state.address_json(network, address)));
            }
            if rows.is_empty() && self.site.refuses_outside {
                return Err(not_found(&format!("AdmConDataNotFoundError: {address} is in no network")));
            }
        } else if let Some(network) = filter("network") {
            let found = state.networks.iter().filter(|known| !known.is_container && known.net.to_string() == network);
            for network in found.filter(|known| views.contains(&known.view)) {
                if filter("status") == Some("USED") {
                    rows.extend(state.used_in(network).into_iter().map(|address| state.address_json(network, address)));
                    continue;
                }
                if network.net.addr().is_ipv6() || network.net.prefix_len() < 16 {
                    return Err(malformed("Result set too large (> 1000)"));
                }
                let all = network.net.hosts();
                rows.extend(all.map(|address| state.address_json(network, address)));
            }
        } else {
            return Err(invalid("Either ip_address or network is required"));
        }
        if let Some(text) = filter("ip_address>") {
            let from: IpAddr = text.parse().map_err(|_| malformed(&format!("Invalid value for ip_address: {text}")))?;
            let is_behind = |row: &Value| {
                row["ip_address"].as_str().is_some_and(|at| at.parse().is_ok_and(|at: IpAddr| at >= from))
            };
            rows.retain(is_behind);
        }
        let rest = filters.iter().filter(|(key, _)| !matches!(key.as_str(), "ip_address" | "ip_address>" | "network"));
        let rest: Vec<_> = rest.collect();
        rows.retain(|row| rest.iter().all(|(key, value)| matches(row, key, value)));
        Ok(rows)
    }
}

/// Can the type be searched so? `ip_address>` is an address or a higher one, `ipv4addr~` a regular expression.
fn is_compared(kind: &str, key: &str) -> bool {
    match kind {
        "ipv4address" | "ipv6address" => key == "ip_address>",
        "fixedaddress" => key == "ipv4addr~",
        "ipv6fixedaddress" => key == "ipv6addr~",
        "record:host" => matches!(key, "ipv4addr~" | "ipv6addr~"),
        _ => false,
    }
}

/// Of regular expressions only this one is known here: `^(one|other)$`.
fn alternatives(pattern: &str) -> Vec<String> {
    let inside = pattern.strip_prefix("^(").and_then(|rest| rest.strip_suffix(")$"));
    inside
        .unwrap_or_else(|| panic!("an unknown regular expression: {pattern}"))
        .split('|')
        .map(|one| one.replace("\\.", "."))
        .collect()
}

/// Parameters that begin with `_` are about the answer; all others must be what the type can be searched by. Exact
/// comparison is what nearly all of them know.
fn filters(kind: &str, request: &Request) -> Result<Vec<(String, String)>, Response> {
    let Kind(_, _, _, searchable) = KINDS.iter().find(|known| known.0 == kind).expect("a type that is known");
    let filters = request.parameters().into_iter().filter(|(key, _)| !key.starts_with('_'));
    filters
        .map(|(key, value)| match key.strip_prefix('*') {
            Some(_) => Err(invalid("extensible attributes are not searched here")),
            None if searchable.contains(&key.as_str()) => Ok((key, value)),
            None if is_compared(kind, &key) => Ok((key, value)),
            None => Err(malformed(&format!("Field is not searchable: {key}"))),
        })
        .collect()
}

/// Compares texts. An address or a network in another spelling than the grid's own is not found.
fn matches(row: &Value, key: &str, value: &str) -> bool {
    if let Some(key) = key.strip_suffix('~') {
        return alternatives(value).iter().any(|value| matches(row, key, value));
    }
    match key {
        "ipv4addr" | "ipv6addr" | "mac" | "duid" if row["name"].is_string() && row.get(key).is_none() => {
            let addresses = ["ipv4addrs", "ipv6addrs"].into_iter().filter_map(|list| row[list].as_array()).flatten();
            addresses.into_iter().any(|at| at[key] == value)
        }
        // A host without DNS is found in each view.
        "view" => row[key] == value || row["configure_for_dns"] == false,
        "types" | "usage" | "names" => row[key].as_array().is_some_and(|list| list.iter().any(|item| item == value)),
        "is_default" | "is_conflict" => row[key].as_bool() == value.parse().ok(),
        _ => row[key] == value,
    }
}
