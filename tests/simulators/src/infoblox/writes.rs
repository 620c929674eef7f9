//! Creating, changing and deleting.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Infoblox;
use super::answer::{conflict, invalid, malformed, no_view, not_found, unknown_field};
use super::objects::{address_key, only};
use super::search::return_fields;
use super::state::{Fixed, Host, HostAddress, State, ZERO_MAC, identity};
use crate::{Request, Response};

const COMMENT_AT_MOST: usize = 256;

fn text<'a>(body: &'a Map<String, Value>, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Infoblox {
    pub(super) fn create(&self, state: &mut State, request: &Request, kind: &str) -> Result<Response, Response> {
        let body = request.json().ok_or_else(|| malformed("Invalid JSON"))?;
        let body = body.as_object().ok_or_else(|| malformed("List value expected"))?;
        self.allowed(state, "write", kind)?;
        let object = match kind {
            "fixedaddress" | "ipv6fixedaddress" => {
                let fixed = self.new_fixed(state, kind, body)?;
                state.fixed.push(fixed);
                state.fixed_json(state.fixed.last().expect("it was just added"))
            }
            "record:host" => {
                let host = self.new_host(state, body)?;
                state.hosts.push(host);
                state.host_json(state.hosts.last().expect("it was just added"))
            }
            _ => return Err(malformed(&format!("Operation create not allowed for {kind}"))),
        };
        if request.parameters().iter().any(|(key, _)| key.starts_with("_return_fields")) {
            return Ok(Response::json(201, &only(&object, &return_fields(kind, request)?)));
        }
        Ok(Response::json(201, &object["_ref"]))
    }

    fn new_fixed(&self, state: &State, kind: &str, body: &Map<String, Value>) -> Result<Fixed, Response> {
        let (key, client_key) = if kind == "fixedaddress" { ("ipv4addr", "mac") } else { ("ipv6addr", "duid") };
        let known = [key, client_key, "network_view", "match_client", "name", "comment", "extattrs", "disable"];
        if let Some(unknown) = body.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(unknown_field(unknown));
        }
        let name = if text(body, "network_view").is_empty() { super::DEFAULT } else { text(body, "network_view") };
        let view = state.view(name).ok_or_else(|| no_view(name))?.id;
        let address = self.address(state, name, body.get(key))?;
        let (client, match_client) = (text(body, client_key), text(body, "match_client"));
        let client = match (client, match_client) {
            ("", "RESERVED") if key == "ipv4addr" => ZERO_MAC,
            ("", "") if key == "ipv4addr" => {
                return Err(invalid("MAC address is required when match_client is undefined"));
            }
            ("", _) => return Err(invalid(&format!("The {client_key} is required"))),
            (client, _) => client,
        };
        let is_duid =
            |text: &str| text.split(':').all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_duid(client) || (key == "ipv4addr" && client.len() != ZERO_MAC.len()) || client.len() > 3 * 130 {
            return Err(invalid(&format!("Invalid {client_key}: {client}")));
        }
        check(state, view, address, client, true)?;
        Ok(Fixed {
            view,
            address,
            client: client.to_owned(),
            name: text(body, "name").to_owned(),
            comment: comment(body)?,
            extattrs: attributes(state, body)?,
        })
    }

    fn new_host(&self, state: &mut State, body: &Map<String, Value>) -> Result<Host, Response> {
        let known = [
            "name",
            "view",
            "network_view",
            "configure_for_dns",
            "ipv4addrs",
            "ipv6addrs",
            "comment",
            "extattrs",
            "aliases",
        ];
        if let Some(unknown) = body.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(unknown_field(unknown));
        }
        let name = text(body, "name").to_lowercase();
        let uses_dns = body.get("configure_for_dns").and_then(Value::as_bool).unwrap_or(true);
        let view_name = if text(body, "view").is_empty() { super::DEFAULT } else { text(body, "view") };
        let dns_view = state.dns_views.iter().find(|known| known.name == view_name);
        let dns_view = dns_view.ok_or_else(|| no_view(view_name))?.clone();
        let view = match text(body, "network_view") {
            "" => dns_view.view,
            named => state.view(named).ok_or_else(|| no_view(named))?.id,
        };
        if name.is_empty() {
            return Err(invalid("The name of a host is required"));
        }
        if uses_dns {
            let zones = dns_view.zones.iter();
            let is_inside = |zone: &String| name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'));
            if view != dns_view.view || !zones.into_iter().any(is_inside) {
                return Err(invalid("The action is not allowed. A parent was not found."));
            }
        }
        let space = uses_dns.then(|| dns_view.name.clone());
        if state.hosts.iter().any(|host| host.view == view && host.dns_view == space && host.name == name) {
            return Err(conflict(&format!("The record '{name}' already exists.")));
        }
        let mut addresses = Vec::new();
        for (list, key, client_key) in [("ipv4addrs", "ipv4addr", "mac"), ("ipv6addrs", "ipv6addr", "duid")] {
            for item in body.get(list).and_then(Value::as_array).into_iter().flatten() {
                addresses.push(self.host_address(state, view, item, key, client_key)?);
            }
        }
        if addresses.is_empty() {
            return Err(invalid("A host needs at least one address"));
        }
        let (comment, extattrs) = (comment(body)?, attributes(state, body)?);
        Ok(Host { id: state.new_id(), view, dns_view: space, name, comment, extattrs, addresses })
    }

    /// An address that a host record is to have.
    fn host_address(
        &self,
        state: &State,
        view: u64,
        item: &Value,
        key: &str,
        client_key: &str,
    ) -> Result<HostAddress, Response> {
        let client = item[client_key].as_str().unwrap_or_default();
        let is_for_dhcp = item["configure_for_dhcp"].as_bool().unwrap_or(!client.is_empty());
        let address = self.address(state, state.view_name(view), item.get(key))?;
        if is_for_dhcp && client.is_empty() {
            return Err(invalid(&format!("The {client_key} is required when the address is configured for DHCP")));
        }
        check(state, view, address, client, is_for_dhcp)?;
        Ok(HostAddress { address, client: client.to_owned(), is_for_dhcp })
    }

    /// The address that a field has, or that a function finds.
    fn address(&self, state: &State, view: &str, field: Option<&Value>) -> Result<IpAddr, Response> {
        match field {
            Some(Value::String(text)) => match text.strip_prefix("func:nextavailableip:") {
                Some(rest) => self.next_by_text(state, view, rest),
                None => text.parse().map_err(|_| malformed(&format!("Invalid value for the address: {text}"))),
            },
            Some(object @ Value::Object(_)) => self.next_by_object(state, object),
            _ => Err(malformed("The address is required")),
        }
    }

    /// Name, comment and client of a fixed address.
    fn update_fixed(
        &self,
        state: &mut State,
        body: &Map<String, Value>,
        reference: &str,
    ) -> Result<Response, Response> {
        let at = state.fixed.iter().position(|fixed| identity(&fixed.reference(state)) == identity(reference));
        let at = at.ok_or_else(|| not_found(&format!("Reference {reference} not found")))?;
        let old = state.fixed.remove(at);
        let changed = changed_fixed(state, &old, body);
        state.fixed.insert(at, changed.as_ref().map_or(old, Clone::clone));
        changed.map(|fixed| Response::json(200, &Value::String(fixed.reference(state))))
    }

    /// The client of an address of a host record, which is an object of its own.
    fn update_host_address(
        &self,
        state: &mut State,
        body: &Map<String, Value>,
        reference: &str,
    ) -> Result<Response, Response> {
        self.allowed(state, "write", "record:host")?;
        let missing = || not_found(&format!("Reference {reference} not found"));
        let is_it = |host: &Host, at: &HostAddress| {
            let own = super::objects::host_address_json(host, at);
            own["_ref"].as_str().is_some_and(|own| identity(own) == identity(reference))
        };
        let found = state.hosts.iter().enumerate().find_map(|(index, host)| {
            host.addresses.iter().position(|at| is_it(host, at)).map(|inside| (index, inside))
        });
        let (index, inside) = found.ok_or_else(missing)?;
        let key = if state.hosts[index].addresses[inside].address.is_ipv6() { "duid" } else { "mac" };
        if let Some(unknown) = body.keys().find(|name| *name != key) {
            return Err(unknown_field(unknown));
        }
        let old = state.hosts[index].addresses.remove(inside);
        let new = HostAddress { client: text(body, key).to_owned(), ..old.clone() };
        let checked = check(state, state.hosts[index].view, new.address, &new.client, new.is_for_dhcp);
        state.hosts[index].addresses.insert(inside, if checked.is_ok() { new } else { old });
        checked.map(|()| Response::json(200, &Value::String(reference.to_owned())))
    }

    /// Of host records the name, the comment and the list of addresses.
    pub(super) fn update(&self, state: &mut State, request: &Request, reference: &str) -> Result<Response, Response> {
        let body = request.json().ok_or_else(|| malformed("Invalid JSON"))?;
        let body = body.as_object().ok_or_else(|| malformed("An object is expected"))?;
        if reference.starts_with("record:host_ipv") {
            return self.update_host_address(state, body, reference);
        }
        let kind = state.find(reference)?.0;
        self.allowed(state, "write", kind)?;
        if kind != "record:host" {
            return self.update_fixed(state, body, reference);
        }
        let wanted = identity(reference);
        let missing = || not_found(&format!("Reference {reference} not found"));
        for (list, key, client_key) in [("ipv4addrs+", "ipv4addr", "mac"), ("ipv6addrs+", "ipv6addr", "duid")] {
            let host = state.hosts.iter().find(|host| identity(&host.reference()) == wanted).ok_or_else(missing)?;
            let (view, id) = (host.view, host.id);
            for item in body.get(list).and_then(Value::as_array).into_iter().flatten() {
                let at = self.host_address(state, view, item, key, client_key)?;
                let host = state.hosts.iter_mut().find(|host| host.id == id).ok_or_else(missing)?;
                host.addresses.push(at);
            }
        }
        let host = state.hosts.iter_mut().find(|host| identity(&host.reference()) == wanted).ok_or_else(missing)?;
        let mut changed = host.clone();
        for (key, value) in body {
            match key.as_str() {
                "comment" => changed.comment = comment(body)?,
                "name" => changed.name = text(body, "name").to_lowercase(),
                "ipv4addrs-" | "ipv6addrs-" => {
                    for item in value.as_array().into_iter().flatten() {
                        let gone: Option<IpAddr> =
                            ["ipv4addr", "ipv6addr"].iter().find_map(|key| item[key].as_str()?.parse().ok());
                        let before = changed.addresses.len();
                        changed.addresses.retain(|at| Some(at.address) != gone);
                        if changed.addresses.len() == before {
                            return Err(not_found(&format!("{} not found", address_key(changed.addresses[0].address))));
                        }
                    }
                }
                "ipv4addrs+" | "ipv6addrs+" => {}
                unknown => return Err(unknown_field(unknown)),
            }
        }
        if changed.addresses.is_empty() {
            return Err(invalid("A host needs at least one address"));
        }
        *host = changed;
        Ok(Response::json(200, &Value::String(host.reference())))
    }

    pub(super) fn delete(&self, state: &mut State, reference: &str) -> Result<Response, Response> {
        let wanted = identity(reference);
        let kind = wanted.split('/').next().unwrap_or_default();
        self.allowed(state, "write", kind)?;
        let missing = || not_found(&format!("Reference {reference} not found"));
        let (_, object) = state.find(reference)?;
        let fixed = state.fixed.iter().position(|fixed| identity(&fixed.reference(state)) == wanted);
        let host = state.hosts.iter().position(|host| identity(&host.reference()) == wanted);
        match (fixed, host) {
            (Some(at), _) => drop(state.fixed.remove(at)),
            (_, Some(at)) => drop(state.hosts.remove(at)),
            _ => return Err(missing()),
        }
        Ok(Response::json(200, &object["_ref"]))
    }
}

fn changed_fixed(state: &State, old: &Fixed, body: &Map<String, Value>) -> Result<Fixed, Response> {
    let mut new = old.clone();
    for key in body.keys() {
        match key.as_str() {
            "name" => new.name = text(body, "name").to_owned(),
            "comment" => new.comment = comment(body)?,
            "mac" if !old.address.is_ipv6() => new.client = text(body, "mac").to_owned(),
            "duid" if old.address.is_ipv6() => new.client = text(body, "duid").to_owned(),
            unknown => return Err(unknown_field(unknown)),
        }
    }
    check(state, new.view, new.address, &new.client, true)?;
    Ok(new)
}

/// May an object have the address, and its client? What is not for DHCP keeps nobody off, and is kept off by nobody.
fn check(state: &State, view: u64, address: IpAddr, client: &str, is_for_dhcp: bool) -> Result<(), Response> {
    let network = state.network_of(view, address);
    let net = network.ok_or_else(|| invalid(&format!("There is no network for the address {address}")))?.net;
    let has_edges = net.prefix_len() < 31 && !address.is_ipv6();
    if has_edges && (address == net.network() || address == net.broadcast()) {
        return Err(invalid(&format!("{address} is the network or the broadcast address")));
    }
    if !is_for_dhcp {
        return Ok(());
    }
    let fixed =
        state.fixed.iter().filter(|fixed| fixed.view == view).map(|fixed| (fixed.address, fixed.client.as_str()));
    let hosts = state.hosts.iter().filter(|host| host.view == view).flat_map(|host| &host.addresses);
    let hosts = hosts.filter(|at| at.is_for_dhcp).map(|at| (at.address, at.client.as_str()));
    for (other, its_client) in fixed.chain(hosts) {
        if other == address {
            return Err(conflict(&format!("The IP address {address} is already used.")));
        }
        if its_client == client && client != ZERO_MAC && net.contains(&other) {
            let text = format!(
                "MAC address {client} is used in two fixed addresses {other} and {address}, which are in the same network \
                 {net}."
            );
            return Err(conflict(&text));
        }
    }
    Ok(())
}

fn comment(body: &Map<String, Value>) -> Result<String, Response> {
    let comment = text(body, "comment");
    if comment.chars().count() > COMMENT_AT_MOST {
        return Err(invalid("The comment is longer than 256 characters"));
    }
    Ok(comment.to_owned())
}

fn attributes(state: &State, body: &Map<String, Value>) -> Result<Map<String, Value>, Response> {
    let attributes = body.get("extattrs").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, value) in &attributes {
        if !state.attributes.contains(name) {
            return Err(invalid(&format!("Unknown extensible attribute: {name}")));
        }
        if value["value"].is_null() || value["value"] == "" {
            return Err(malformed(&format!("A value is required for the extensible attribute {name}")));
        }
    }
    Ok(attributes)
}
