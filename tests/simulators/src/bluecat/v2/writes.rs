//! What v2 changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::rows::{address_json, host_json};
use super::{Answer, Call, address, bad_request, network, no_resource, refusal};
use crate::Response;
use crate::bluecat::net::address_text;
use crate::bluecat::state::{Host, Network, State, mac_text};

impl Call<'_> {
    pub(super) fn write(&self, state: &mut State, path: &[&str]) -> Answer {
        if state.user.read_only || !state.user.writes {
            let message = "The user does not have the access right for this operation";
            return Err(refusal(403, "Forbidden", "InsufficientPermissions", message));
        }
        match (self.request.method.as_str(), path) {
            ("POST", ["networks", id, "addresses"]) => {
                let network = network(state, id)?.clone();
                self.add_address(state, &network)
            }
            ("PUT", ["addresses", id]) => {
                let id = address(state, id)?.id;
                self.replace_address(state, id)
            }
            ("DELETE", ["addresses", id]) => {
                let known = address(state, id)?;
                if known.state == "GATEWAY" {
                    return Err(refusal(409, "Conflict", "ResourceInUse", "A gateway address cannot be deleted"));
                }
                let id = known.id;
                state.remove_address(id);
                Ok(Response::empty(204))
            }
            ("POST", ["zones", id, "resourceRecords"]) => self.add_host(state, id),
            ("DELETE", ["resourceRecords", id]) => {
                let at = state.hosts.iter().position(|host| host.id.to_string() == *id).ok_or_else(no_resource)?;
                state.hosts.remove(at);
                Ok(Response::empty(204))
            }
            ("POST", ["zones" | "networks", id, "deployments"]) => {
                let id: u64 = id.parse().map_err(|_| no_resource())?;
                if !state.zones.iter().any(|zone| zone.id == id) && state.network(id).is_none() {
                    return Err(no_resource());
                }
                if self.body()?["type"] != "QuickDeployment" {
                    return Err(bad_request("InvalidResourceFieldValue", "type"));
                }
                state.deployed.push(id);
                let id = state.new_id();
                Ok(self.resource(201, json!({"id": id, "type": "QuickDeployment", "state": "QUEUED"})))
            }
            ("POST" | "PUT" | "DELETE", _) => Err(no_resource()),
            _ => Err(refusal(405, "Method Not Allowed", "MethodNotAllowed", "The method is not allowed")),
        }
    }

    fn body(&self) -> Result<Value, Response> {
        let is_json = |kind: &str| kind.starts_with("application/json") || kind.starts_with("application/hal+json");
        if !self.request.header("content-type").is_some_and(is_json) {
            return Err(refusal(
                415,
                "Unsupported Media Type",
                "UnsupportedMediaType",
                "The media type is not supported",
            ));
        }
        self.request.json().ok_or_else(|| bad_request("JsonDeserializationError", "No JSON"))
    }

    fn add_address(&self, state: &mut State, network: &Network) -> Answer {
        let body = self.body()?;
        let kind = if network.net.is_ipv6() { "IPv6Address" } else { "IPv4Address" };
        if body["type"] != kind {
            return Err(bad_request("MissingRequiredField", "type"));
        }
        let wanted = body["state"].as_str().unwrap_or("STATIC");
        if !matches!(wanted, "STATIC" | "RESERVED" | "DHCP_RESERVED") {
            return Err(bad_request("InvalidResourceFieldValue", "state"));
        }
        let mac = mac(&body)?;
        let given = match body["address"].as_str() {
            Some(text) => text.parse().map_err(|_| bad_request("InvalidResourceFieldValue", "address"))?,
            None => self.next(state, network)?,
        };
        if !network.net.contains(given) {
            return Err(bad_request("InvalidResourceFieldValue", "The address is not in the network"));
        }
        let fields = fields(state, &body);
        let Some(record) = state.insert(network, given, wanted) else {
            let code = if self.site.refuses_oddly { "ResourceInConflict" } else { "ResourceAlreadyExists" };
            return Err(refusal(409, "Conflict", code, "The address already exists"));
        };
        (record.name, record.mac, record.fields) = (body["name"].as_str().map(str::to_owned), mac, fields);
        let record = record.clone();
        Ok(self.resource(201, address_json(state, &record)))
    }

    /// The body is the whole resource: what it leaves out is taken from the record, but for what nobody may change.
    fn replace_address(&self, state: &mut State, id: u64) -> Answer {
        let body = self.body()?;
        let (mac, fields) = (mac(&body)?, fields(state, &body));
        let record = state.addresses.iter_mut().find(|known| known.id == id).ok_or_else(no_resource)?;
        if mac.is_some() && mac != record.mac && !self.site.changes_macs {
            return Err(bad_request("InvalidResourceFieldValue", "macAddress"));
        }
        for (key, value) in [("address", address_text(record.address)), ("state", record.state.clone())] {
            if body[key].as_str() != Some(&value) {
                return Err(bad_request("MissingRequiredField", key));
            }
        }
        (record.name, record.mac, record.fields) = (body["name"].as_str().map(str::to_owned), mac, fields);
        let record = record.clone();
        Ok(self.resource(200, address_json(state, &record)))
    }

    /// The address of an assignment that names none.
    fn next(&self, state: &State, network: &Network) -> Result<IpAddr, Response> {
        let excluded = self.request.header("x-bcn-excluded-addresses").unwrap_or_default();
        let mut runs = Vec::new();
        for part in excluded.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let parse = |text: &str| text.parse::<IpAddr>();
            let (Ok(first), Ok(last)) = (parse(first), parse(last)) else {
                return Err(bad_request("InvalidHeader", "x-bcn-excluded-addresses"));
            };
            runs.push((first, last));
        }
        let is_excluded = |address: &IpAddr| runs.iter().any(|(first, last)| first <= address && address <= last);
        let mut free = network.net.assignable(network.net.first);
        free.find(|address| !is_excluded(address) && state.is_unassigned(network, *address))
            .ok_or_else(|| refusal(409, "Conflict", "NoAvailableAddress", "There is no available address"))
    }

    fn add_host(&self, state: &mut State, zone: &str) -> Answer {
        let body = self.body()?;
        let zone = state.zones.iter().find(|known| known.id.to_string() == zone).ok_or_else(no_resource)?.clone();
        let configuration = state.views.iter().find(|view| view.id == zone.view).map(|view| view.configuration);
        let configuration = configuration.ok_or_else(no_resource)?;
        let name = body["name"].as_str().filter(|_| body["type"] == "HostRecord");
        let name = name.ok_or_else(|| bad_request("MissingRequiredField", "name"))?.to_owned();
        if state.hosts.iter().any(|host| host.zone == zone.id && host.name == name) {
            return Err(refusal(409, "Conflict", "ResourceAlreadyExists", "The record already exists"));
        }
        let mut addresses = Vec::new();
        for given in body["addresses"].as_array().into_iter().flatten() {
            let address: Option<IpAddr> = given["address"].as_str().and_then(|text| text.parse().ok());
            let known = address.and_then(|address| state.address(configuration, address));
            addresses.push(known.ok_or_else(|| bad_request("InvalidResourceFieldValue", "addresses"))?.id);
        }
        let (id, absolute) = (state.new_id(), format!("{name}.{}", zone.absolute));
        let has_reverse = body["reverseRecord"] == true;
        let host = Host { id, zone: zone.id, name, absolute, has_reverse, addresses };
        state.hosts.push(host.clone());
        Ok(self.resource(201, host_json(&host)))
    }
}

/// The MAC of a body, as it is recorded.
fn mac(body: &Value) -> Result<Option<String>, Response> {
    let invalid = || bad_request("InvalidResourceFieldValue", "macAddress");
    match &body["macAddress"] {
        Value::Null => Ok(None),
        mac if mac["type"] == "MACAddress" => {
            mac_text(mac["address"].as_str().unwrap_or_default()).map(Some).ok_or_else(invalid)
        }
        _ => Err(invalid()),
    }
}

/// The fields of a body that the site has defined. Others are dropped.
fn fields(state: &State, body: &Value) -> BTreeMap<String, String> {
    let fields = body["userDefinedFields"].as_object().cloned().unwrap_or_default();
    let fields = fields.into_iter().filter(|(field, _)| state.fields.contains(field));
    fields.filter_map(|(field, value)| Some((field, value.as_str()?.to_owned()))).collect()
}
