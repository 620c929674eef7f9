//! Functions of objects, and `func:` in the place of an address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::Infoblox;
use super::answer::{invalid, malformed, not_found, unknown_field};
use super::state::State;
use crate::{Request, Response};

/// Where free addresses are looked for.
enum Place {
    Network(u64, IpNet),
    Range(u64, IpAddr, IpAddr),
}

impl Infoblox {
    pub(super) fn call(
        &self,
        state: &mut State,
        request: &Request,
        reference: &str,
        function: &str,
    ) -> Result<Response, Response> {
        let arguments = if request.body.is_empty() { json!({}) } else { request.json().unwrap_or_default() };
        let arguments = arguments.as_object().ok_or_else(|| malformed("The body is not an object"))?;
        let (kind, object) = state.find(reference)?;
        match (kind, function) {
            ("network" | "ipv6network" | "range" | "ipv6range", "next_available_ip") => {
                self.allowed(state, "read", kind)?;
                let unknown = arguments.keys().find(|key| !matches!(key.as_str(), "num" | "exclude"));
                if let Some(unknown) = unknown {
                    return Err(unknown_field(unknown));
                }
                let num = arguments.get("num").map_or(Some(1), Value::as_u64).unwrap_or_default();
                let num = usize::try_from(num).unwrap_or_default();
                if num == 0 || num > self.site.num_at_most {
                    return Err(malformed(&format!("Invalid value for num: 1 to {}", self.site.num_at_most)));
                }
                let exclude = arguments.get("exclude").and_then(Value::as_array).cloned().unwrap_or_default();
                let exclude: Option<BTreeSet<IpAddr>> =
                    exclude.iter().map(|address| address.as_str()?.parse().ok()).collect();
                let exclude = exclude.ok_or_else(|| malformed("Invalid value for exclude"))?;
                let found = next_available(state, &place(state, &object), num, &exclude);
                if found.len() < num {
                    return Err(exhausted(num, if kind.ends_with("range") { "range" } else { "network" }));
                }
                let ips: Vec<String> = found.iter().map(ToString::to_string).collect();
                Ok(Response::json(200, &json!({"ips": ips})))
            }
            ("grid", "restartservices") => {
                self.allowed(state, "write", kind)?;
                state.restarts.push(Value::Object(arguments.clone()));
                Ok(Response::json(200, &json!({})))
            }
            _ => Err(malformed(&format!("Function {function} is not valid for this object"))),
        }
    }

    /// The address that `func:nextavailableip:…` stands for.
    pub(super) fn next_by_text(&self, state: &State, view: &str, text: &str) -> Result<IpAddr, Response> {
        let (place, named) = text.split_once(',').unwrap_or((text, view));
        let known = state.view(named).ok_or_else(|| super::answer::no_view(named))?.id;
        let place = if let Ok(net) = place.parse() {
            Place::Network(known, net)
        } else if let Some((first, last)) = place.split_once('-') {
            let (Ok(first), Ok(last)) = (first.parse(), last.parse()) else { return Err(malformed("Invalid func")) };
            Place::Range(known, first, last)
        } else {
            self::place(state, &state.find(text)?.1)
        };
        let found = next_available(state, &place, 1, &BTreeSet::new());
        found.first().copied().ok_or_else(|| exhausted(1, "network"))
    }

    /// The address that an object with `_object_function` stands for.
    pub(super) fn next_by_object(&self, state: &State, object: &Value) -> Result<IpAddr, Response> {
        let parameters = &object["_object_parameters"];
        let network = parameters["network"].as_str().unwrap_or_default();
        let view = parameters["network_view"].as_str().unwrap_or(super::DEFAULT);
        let known = state.view(view).ok_or_else(|| super::answer::no_view(view))?.id;
        let net = state.networks.iter().find(|known| known.net.to_string() == network && !known.is_container);
        let net = net.ok_or_else(|| not_found(&format!("Network {network} not found")))?.net;
        let exclude = object["_parameters"]["exclude"].as_array().cloned().unwrap_or_default();
        let exclude = exclude.iter().filter_map(|address| address.as_str()?.parse().ok()).collect();
        let found = next_available(state, &Place::Network(known, net), 1, &exclude);
        found.first().copied().ok_or_else(|| exhausted(1, "network"))
    }
}

fn exhausted(num: usize, place: &str) -> Response {
    invalid(&format!("Cannot find {num} available IP address(es) in this {place}."))
}

fn place(state: &State, object: &Value) -> Place {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let view = state.view(text("network_view")).expect("the view of an object").id;
    match text("start_addr").parse() {
        Ok(first) => Place::Range(view, first, text("end_addr").parse().expect("an address")),
        Err(_) => Place::Network(view, text("network").parse().expect("a network")),
    }
}

/// Addresses without any object. In a network, those in DHCP ranges are left out; of IPv6, the first one is not.
fn next_available(state: &State, place: &Place, num: usize, exclude: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let (Place::Network(view, _) | Place::Range(view, ..)) = place;
    let used = state.used(*view);
    let is_free = |address: &IpAddr| !used.contains(address) && !exclude.contains(address);
    match place {
        Place::Network(view, net) => {
            let hosts = net.hosts().filter(|address| !state.is_in_range(*view, *address));
            hosts.filter(is_free).take(num).collect()
        }
        Place::Range(_, first, last) => {
            let all = match (first, last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    ipnet::IpAddrRange::from(ipnet::Ipv4AddrRange::new(*first, *last))
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    ipnet::IpAddrRange::from(ipnet::Ipv6AddrRange::new(*first, *last))
                }
                _ => return Vec::new(),
            };
            all.filter(is_free).take(num).collect()
        }
    }
}
