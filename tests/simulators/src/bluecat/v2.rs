//! REST v2: collections with filters, resources, sessions.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::Site;
use super::filter::Filter;
use super::net::address_text;
use super::state::{Address, Host, Network, Session, State, Zone, mac_text};
use crate::{Request, Response};

/// A list has so many rows unless more or fewer are asked for.
const ROWS: usize = 1000;

pub(super) fn answer(site: &Site, state: &mut State, request: &Request, path: &[&str]) -> Response {
    if let ("POST", ["sessions"]) = (request.method.as_str(), path) {
        return log_in(state, request);
    }
    let header = request.header("authorization").unwrap_or_default();
    let Some(session) = state.sessions.iter().find(|session| session.header == header).map(|session| session.id) else {
        return unauthorized();
    };
    let call = Call { site, request, session };
    let outcome = match request.method.as_str() {
        "GET" => call.read(state, path),
        "PATCH" => call.end_session(state, path),
        _ => call.write(state, path),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

/// Errors are plain JSON, whatever the request accepts.
fn refusal(status: u16, reason: &str, code: &str, message: &str) -> Response {
    Response::json(status, &json!({"status": status, "reason": reason, "code": code, "message": message}))
}

pub(super) fn unauthorized() -> Response {
    let message = "The request authorization credentials are either missing or invalid";
    refusal(401, "Unauthorized", "InvalidAuthorizationCredentials", message)
}

fn no_resource() -> Response {
    refusal(404, "Not Found", "ResourceNotFound", "The requested resource was not found")
}

fn bad_request(code: &str, message: &str) -> Response {
    refusal(400, "Bad Request", code, message)
}

/// A session with a token of its own.
pub(super) fn new_session(state: &mut State) -> Session {
    let id = state.new_id();
    let token = format!("{}:v2-token-{id}", state.user.name);
    let session = Session { id, header: format!("Basic {}", openssl::base64::encode_block(token.as_bytes())) };
    state.sessions.push(session.clone());
    session
}

fn log_in(state: &mut State, request: &Request) -> Response {
    let Some(body) = request.json() else { return bad_request("JsonDeserializationError", "No JSON") };
    let is = |key: &str, value: &str| body[key].as_str() == Some(value);
    if !is("username", &state.user.name) || !is("password", &state.user.password) {
        return unauthorized();
    }
    let Session { id, header } = new_session(state);
    let credentials = header.strip_prefix("Basic ").unwrap_or_default();
    let shown = json!({
        "id": id, "type": "UserSession", "apiToken": format!("v2-token-{id}"),
        "apiTokenExpirationDateTime": "2030-01-21T21:40:48Z", "basicAuthenticationCredentials": credentials,
        "state": "LOGGED_IN", "remoteAddress": "127.0.0.1", "readOnly": state.user.read_only,
        "loginDateTime": "2030-01-20T21:40:48Z", "logoutDateTime": null, "response": null,
        "user": {"id": 100_893, "type": "User", "name": state.user.name},
    });
    Response::json(201, &shown)
}

struct Call<'a> {
    site: &'a Site,
    request: &'a Request,
    session: u64,
}

type Answer = Result<Response, Response>;

impl Call<'_> {
    fn read(&self, state: &State, path: &[&str]) -> Answer {
        const NETWORK_FIELDS: [&str; 6] = ["id", "name", "type", "range", "configuration.id", "configuration.name"];
        const ADDRESS_FIELDS: [&str; 7] =
            ["id", "name", "type", "state", "address", "configuration.id", "configuration.name"];
        match path {
            ["sessions", id] if *id == "current" || *id == self.session.to_string() => {
                let user = json!({"id": 100_893, "type": "User", "name": state.user.name});
                Ok(self.resource(200, json!({
                    "id": self.session, "type": "UserSession", "state": "LOGGED_IN", "readOnly": state.user.read_only,
                    "user": user,
                })))
            }
            ["settings"] => {
                let row = json!({"id": 1, "type": "SystemSettings", "version": "9.5.0-465.GA.bcn"});
                self.list([row].into_iter(), &["type"])
            }
            ["configurations"] => {
                let rows = state.configurations.iter().map(|known| {
                    let description = Some(&known.description).filter(|text| !text.is_empty());
                    json!({
                        "id": known.id, "type": "Configuration", "name": known.name, "description": description,
                        "configurationGroup": null,
                    })
                });
                self.list(rows, &["id", "name"])
            }
            ["networks"] => self.list(state.networks.iter().map(|known| network_json(state, known)), &NETWORK_FIELDS),
            ["networks", id] => Ok(self.resource(200, network_json(state, network(state, id)?))),
            ["networks", id, "addresses"] => {
                let network = network(state, id)?;
                let filter = self.filter(&ADDRESS_FIELDS)?;
                let recorded = state.addresses.iter().filter(|known| known.network == network.id);
                if !filter.demands("state", "UNASSIGNED") || !self.site.lists_unassigned {
                    return self.list(recorded.map(|known| address_json(state, known)), &ADDRESS_FIELDS);
                }
                let from = filter.lowest_address().unwrap_or(network.net.first);
                let free = network.net.assignable(from).filter(|address| state.is_unassigned(network, *address));
                self.list(free.map(|address| unassigned_json(state, network, address)), &ADDRESS_FIELDS)
            }
            ["networks", id, "ranges"] => {
                let network = network(state, id)?;
                let ranges = state.ranges.iter().filter(|known| known.network == network.id).map(|known| {
                    let range = format!("{}-{}", address_text(known.first), address_text(known.last));
                    json!({"id": known.id, "type": "IPv4DHCPRange", "name": null, "range": range})
                });
                self.list(ranges, &["id", "range", "type"])
            }
            ["addresses"] => self.list(state.addresses.iter().map(|known| address_json(state, known)), &ADDRESS_FIELDS),
            ["addresses", id] => Ok(self.resource(200, address_json(state, address(state, id)?))),
            ["addresses", id, "resourceRecords"] => {
                let id = address(state, id)?.id;
                let hosts = state.hosts.iter().filter(|host| host.addresses.contains(&id));
                self.list(hosts.map(host_json), &["id", "type", "name", "absoluteName"])
            }
            ["resourceRecords", id, "addresses"] => {
                let host = state.hosts.iter().find(|host| host.id.to_string() == *id).ok_or_else(no_resource)?;
                let addresses = state.addresses.iter().filter(|known| host.addresses.contains(&known.id));
                self.list(addresses.map(|known| address_json(state, known)), &ADDRESS_FIELDS)
            }
            ["zones"] => {
                let fields =
                    ["id", "name", "absoluteName", "view.id", "view.name", "configuration.id", "configuration.name"];
                self.list(state.zones.iter().map(|zone| zone_json(state, zone)), &fields)
            }
            _ => Err(no_resource()),
        }
    }

    fn filter(&self, fields: &[&str]) -> Result<Filter, Response> {
        let text = self.request.parameter("filter");
        let filter = text.map_or(Ok(Filter::default()), |text| Filter::parse(&text, fields));
        filter.map_err(|error| bad_request("InvalidFilterField", &error))
    }

    /// A page of the rows that pass the filter. Rows are made as they are needed: there may be very many.
    fn list(&self, rows: impl Iterator<Item = Value>, fields: &[&str]) -> Answer {
        let filter = self.filter(fields)?;
        let number = |name: &str, default: usize| match self.request.parameter(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| bad_request("InvalidQueryParameter", name)),
        };
        let limit = number("limit", ROWS)?.min(self.site.page_at_most);
        let offset = number("offset", 0)?;
        let mut passing = rows.filter(|row| filter.passes(row, self.site.compares_text)).skip(offset);
        let page: Vec<Value> = passing.by_ref().take(limit).map(|row| self.chosen(row)).collect();
        let mut all = json!({"count": page.len()});
        if self.request.parameter("total").as_deref() == Some("true") {
            all["totalCount"] = (offset + page.len() + passing.count()).into();
        } else if passing.next().is_some() && self.has_links() {
            let next = format!("/api/v2{}?offset={}&limit={limit}", self.request.path, offset + page.len());
            all["_links"] = json!({"next": {"href": next}});
        }
        all["data"] = page.into();
        Ok(self.typed(200, &all))
    }

    /// The fields of a row that were asked for.
    fn chosen(&self, row: Value) -> Value {
        let Some(fields) = self.request.parameter("fields") else { return self.linked(row) };
        let mut chosen = Map::new();
        for field in fields.split(',') {
            match field.split_once('.') {
                None => {
                    if let Some(value) = row.get(field) {
                        chosen.insert(field.to_owned(), value.clone());
                    }
                }
                Some((object, field)) => {
                    let part = chosen.entry(object).or_insert_with(|| json!({}));
                    part[field] = row[object][field].clone();
                }
            }
        }
        chosen.into()
    }

    /// `application/json` leaves links out; it must be asked for.
    fn has_links(&self) -> bool {
        self.request.header("accept") != Some("application/json")
    }

    fn linked(&self, mut row: Value) -> Value {
        if self.has_links() {
            let id = row["id"].clone();
            row["_links"] = json!({"self": {"href": format!("/api/v2/{id}")}});
        }
        row
    }

    fn resource(&self, status: u16, row: Value) -> Response {
        self.typed(status, &self.linked(row))
    }

    fn typed(&self, status: u16, value: &Value) -> Response {
        let mut response = Response::json(status, value);
        if self.has_links() {
            response.headers = vec![("Content-Type", "application/hal+json".to_owned())];
        }
        response
    }

    fn end_session(&self, state: &mut State, path: &[&str]) -> Answer {
        let is_merge = self.request.header("content-type") == Some("application/merge-patch+json");
        let ends = self.request.json().is_some_and(|body| body["state"] == "LOGGED_OUT");
        match path {
            ["sessions", id] if (*id == "current" || *id == self.session.to_string()) && is_merge && ends => {
                state.sessions.retain(|session| session.id != self.session);
                Ok(self.resource(200, json!({"id": self.session, "state": "LOGGED_OUT"})))
            }
            _ => Err(no_resource()),
        }
    }

    fn write(&self, state: &mut State, path: &[&str]) -> Answer {
        if state.user.read_only || !state.user.writes {
            let message = "The user does not have the access right for this operation";
            return Err(refusal(403, "Forbidden", "InsufficientPermissions", message));
        }
        match (self.request.method.as_str(), path) {
            ("POST", ["networks", id, "addresses"]) => {
                let network = network(state, id)?.clone();
                self.add_address(state, &network)
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
        let mac = match &body["macAddress"] {
            Value::Null => None,
            mac if mac["type"] == "MACAddress" => {
                let text = mac_text(mac["address"].as_str().unwrap_or_default());
                Some(text.ok_or_else(|| bad_request("InvalidResourceFieldValue", "macAddress"))?)
            }
            _ => return Err(bad_request("InvalidResourceFieldValue", "macAddress")),
        };
        let given = match body["address"].as_str() {
            Some(text) => text.parse().map_err(|_| bad_request("InvalidResourceFieldValue", "address"))?,
            None => self.next(state, network)?,
        };
        if !network.net.contains(given) {
            return Err(bad_request("InvalidResourceFieldValue", "The address is not in the network"));
        }
        let fields = body["userDefinedFields"].as_object().cloned().unwrap_or_default();
        let fields = fields.into_iter().filter(|(field, _)| state.fields.contains(field));
        let fields = fields.filter_map(|(field, value)| Some((field, value.as_str()?.to_owned()))).collect();
        let Some(record) = state.insert(network, given, wanted) else {
            let code = if self.site.refuses_oddly { "ResourceInConflict" } else { "ResourceAlreadyExists" };
            return Err(refusal(409, "Conflict", code, "The address already exists"));
        };
        (record.name, record.mac, record.fields) = (body["name"].as_str().map(str::to_owned), mac, fields);
        let record = record.clone();
        Ok(self.resource(201, address_json(state, &record)))
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

fn network<'a>(state: &'a State, id: &str) -> Result<&'a Network, Response> {
    id.parse().ok().and_then(|id| state.network(id)).ok_or_else(no_resource)
}

fn address<'a>(state: &'a State, id: &str) -> Result<&'a Address, Response> {
    state.addresses.iter().find(|known| known.id.to_string() == id).ok_or_else(no_resource)
}

fn configuration_json(state: &State, id: u64) -> Value {
    let name = state.configuration(id).map(|known| known.name.as_str());
    json!({"id": id, "type": "Configuration", "name": name})
}

fn network_json(state: &State, known: &Network) -> Value {
    json!({
        "id": known.id, "type": if known.net.is_ipv6() { "IPv6Network" } else { "IPv4Network" }, "name": known.name,
        "configuration": configuration_json(state, known.configuration), "range": known.net.text(), "gateway": "",
        "userDefinedFields": null,
    })
}

fn address_type(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IPv6Address" } else { "IPv4Address" }
}

pub(super) fn address_json(state: &State, known: &Address) -> Value {
    let mac = known
        .mac
        .as_ref()
        .map(|mac| json!({"id": known.id + 1_000_000, "type": "MACAddress", "name": null, "address": mac}));
    json!({
        "id": known.id, "type": address_type(known.address), "name": known.name,
        "configuration": configuration_json(state, known.configuration), "address": address_text(known.address),
        "state": known.state, "macAddress": mac, "userDefinedFields": known.fields,
    })
}

/// An address that has no record: it has no id either.
fn unassigned_json(state: &State, network: &Network, address: IpAddr) -> Value {
    json!({
        "id": null, "type": address_type(address), "name": null,
        "configuration": configuration_json(state, network.configuration), "address": address_text(address),
        "state": "UNASSIGNED", "macAddress": null, "userDefinedFields": null,
    })
}

fn host_json(host: &Host) -> Value {
    json!({
        "id": host.id, "type": "HostRecord", "name": host.name, "absoluteName": host.absolute,
        "reverseRecord": host.has_reverse,
    })
}

fn zone_json(state: &State, zone: &Zone) -> Value {
    let view = state.views.iter().find(|view| view.id == zone.view).expect("its view");
    json!({
        "id": zone.id, "type": "Zone", "name": zone.name, "absoluteName": zone.absolute,
        "view": {"id": view.id, "type": "View", "name": view.name},
        "configuration": configuration_json(state, view.configuration),
    })
}
