//! REST v2: collections with filters, resources, sessions.

mod rows;
mod writes;

use serde_json::{Map, Value, json};

pub(super) use self::rows::address_json;
use self::rows::{host_json, network_json, unassigned_json, zone_json};
use super::Site;
use super::filter::Filter;
use super::net::address_text;
use super::state::{Address, Network, Session, State};
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
                    let mut recorded: Vec<&Address> = recorded.collect();
                    if self.request.parameter("orderBy").as_deref() == Some("asc(id)") {
                        recorded.sort_by_key(|known| known.id);
                    }
                    return self.list(recorded.into_iter().map(|known| address_json(state, known)), &ADDRESS_FIELDS);
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
}

fn network<'a>(state: &'a State, id: &str) -> Result<&'a Network, Response> {
    id.parse().ok().and_then(|id| state.network(id)).ok_or_else(no_resource)
}

fn address<'a>(state: &'a State, id: &str) -> Result<&'a Address, Response> {
    state.addresses.iter().find(|known| known.id.to_string() == id).ok_or_else(no_resource)
}
