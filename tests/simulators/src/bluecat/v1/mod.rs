//! REST v1: one path for each method, all parameters in the query, JSON texts, numbers and entities as answers.

mod entities;
mod free;
mod writes;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use self::entities::{
    address_entity, children, entity_of, host_entity, is_within, network_entity, network_type, nothing,
    parse_properties,
};
use self::free::next;
use super::Site;
use super::net::{Net, address_text};
use super::state::{Address, Network, Session, State};
use crate::{Request, Response};

const WADL: &str = include_str!("../../../../fixtures/bluecat/application.wadl");

pub(in crate::bluecat) fn answer(site: &Site, state: &mut State, request: &Request, path: &[&str]) -> Response {
    if path == ["application.wadl"] {
        let headers = vec![("Content-Type", "application/vnd.sun.wadl+xml".to_owned())];
        return Response { status: 200, headers, body: WADL.into() };
    }
    let ["v1", method] = path else { return not_found() };
    let call = Call { site, request, method };
    match *method {
        "login" if request.method == "GET" => return call.log_in(state),
        // It asks for nothing, and still for a session.
        _ if !is_known(state, request) => return unauthorized(),
        _ => {}
    }
    let outcome = match (request.method.as_str(), *method) {
        ("GET", "logout") => {
            let header = request.header("authorization").unwrap_or_default().to_owned();
            state.sessions.retain(|session| session.header != header);
            Ok(json!("successfully logged out"))
        }
        ("GET", "getSystemInfo") => {
            Ok(json!("hostName=bam|version=9.4.0-456.GA.bcn|address=192.0.2.250|clusterRole=PRIMARY|"))
        }
        ("GET", _) => call.read(state),
        ("POST" | "PUT" | "DELETE", _) => call.write(state),
        _ => return not_found(),
    };
    match outcome {
        Ok(Value::Null) => Response::empty(200),
        Ok(value) => Response::json(200, &value),
        Err(Refused::NoMethod) => not_found(),
        Err(Refused::Text(text)) => Response::json(500, &text.into()),
    }
}

pub(in crate::bluecat) fn unauthorized() -> Response {
    Response {
        status: 401,
        headers: vec![("Content-Type", "text/plain".to_owned())],
        body: "The request is unauthenticated. Invalid token".into(),
    }
}

fn not_found() -> Response {
    Response::html(404, "<html><body>HTTP Status 404 - Not Found</body></html>")
}

fn is_known(state: &State, request: &Request) -> bool {
    let header = request.header("authorization");
    header.is_some_and(|header| state.sessions.iter().any(|session| session.header == header))
}

enum Refused {
    NoMethod,
    Text(String),
}

impl From<&str> for Refused {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

struct Call<'a> {
    site: &'a Site,
    request: &'a Request,
    method: &'a str,
}

impl Call<'_> {
    fn log_in(&self, state: &mut State) -> Response {
        let (user, password) = (self.request.parameter("username"), self.request.parameter("password"));
        let is_right = user.as_ref() == Some(&state.user.name) && password.as_ref() == Some(&state.user.password);
        let Some(user) = user.filter(|_| is_right) else {
            return Response { body: "Invalid username or password.".into(), ..unauthorized() };
        };
        let id = state.new_id();
        let header = format!("BAMAuthToken: {}", openssl::base64::encode_block(format!("v1-{id}").as_bytes()));
        let text = format!("Session Token-> {header} <- for User : {user}");
        state.sessions.push(Session { id, header });
        Response::json(200, &text.into())
    }

    fn text(&self, name: &str) -> Result<String, Refused> {
        let missing = || Refused::Text(format!("Required parameter is missing: {name}"));
        self.request.parameter(name).ok_or_else(missing)
    }

    fn number(&self, name: &str) -> Result<u64, Refused> {
        self.text(name)?.parse().map_err(|_| Refused::Text(format!("Invalid value of {name}")))
    }

    fn address(&self, name: &str) -> Result<IpAddr, Refused> {
        self.text(name)?.parse().map_err(|_| "Invalid IP address".into())
    }

    fn properties(&self) -> BTreeMap<String, String> {
        parse_properties(&self.request.parameter("properties").unwrap_or_default())
    }

    fn page(&self, rows: Vec<Value>) -> Result<Value, Refused> {
        let (start, count) = (self.number("start")?, self.number("count")?);
        let (start, count) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(count).unwrap_or(0));
        Ok(rows.into_iter().skip(start).take(count).collect())
    }

    fn read(&self, state: &State) -> Result<Value, Refused> {
        match self.method {
            "getEntities" => {
                let (parent, kind) = (self.number("parentId")?, self.text("type")?);
                self.page(children(state, parent, &kind))
            }
            "getEntityByName" => {
                let (parent, name, kind) = (self.number("parentId")?, self.text("name")?, self.text("type")?);
                let all = children(state, parent, &kind);
                let is_it = |entity: &Value| {
                    entity["name"].as_str().is_some_and(|known| known.to_lowercase() == name.to_lowercase())
                };
                Ok(all.into_iter().find(is_it).unwrap_or_else(nothing))
            }
            "getEntityById" => Ok(entity_of(state, self.number("id")?)),
            "getIPRangedByIP" => {
                let (container, kind, address) =
                    (self.number("containerId")?, self.text("type")?, self.address("address")?);
                let mut networks = state.networks.iter().filter(|known| kind == network_type(known));
                let found = networks.find(|known| is_within(state, container, known) && known.net.contains(address));
                Ok(found.map_or_else(nothing, network_entity))
            }
            "getEntityByCIDR" | "getEntityByPrefix" => {
                let is_cidr = self.method == "getEntityByCIDR";
                let parent = self.number(if is_cidr { "parentId" } else { "containerId" })?;
                let net = Net::parse(&self.text(if is_cidr { "cidr" } else { "prefix" })?).ok_or("Invalid range")?;
                let kind = self.text("type")?;
                let is_it = |known: &&Network| known.block == parent && known.net == net && kind == network_type(known);
                Ok(state.networks.iter().find(is_it).map_or_else(nothing, network_entity))
            }
            "getIP4NetworksByHint" => {
                let container = self.number("containerId")?;
                let options = parse_properties(&self.text("options")?);
                let hint = options.get("hint").cloned().unwrap_or_default();
                let networks = state.networks.iter().filter(|known| {
                    !known.net.is_ipv6() && is_within(state, container, known) && known.net.text().starts_with(&hint)
                });
                self.page(networks.map(network_entity).collect())
            }
            "getIP4Address" | "getIP6Address" => {
                let (container, address) = (self.number("containerId")?, self.address("address")?);
                if address.is_ipv6() != (self.method == "getIP6Address") {
                    return Err("Invalid IP address".into());
                }
                let is_it = |known: &&Address| {
                    known.address == address && (known.configuration == container || known.network == container)
                };
                Ok(state.addresses.iter().find(is_it).map_or_else(nothing, address_entity))
            }
            "getNextAvailableIP4Address" | "getNextIP4Address" => {
                let network = self.network(state, "parentId")?;
                let properties = if self.method == "getNextIP4Address" { self.properties() } else { BTreeMap::new() };
                let found = next(state, network, &properties, 1, "offset")?.pop();
                Ok(found.map_or_else(String::new, |address| address.to_string()).into())
            }
            "getNextAvailableIP6Address" => {
                let network = self.network(state, "parentId")?;
                let properties = self.properties();
                let number = properties.get("numberOfAddresses").map_or(Ok(1), |text| text.parse::<usize>());
                let number = number.ok().filter(|number| (1..=100).contains(number)).ok_or("Invalid number")?;
                let found = next(state, network, &properties, number, "startOffset")?;
                let texts: Vec<String> = found.into_iter().map(address_text).collect();
                Ok(match &texts[..] {
                    [] => json!(""),
                    [one] => one.as_str().into(),
                    _ => format!("[{}]", texts.join(", ")).into(),
                })
            }
            "getNetworkLinkedProperties" => {
                let network = self.network(state, "networkId")?.id;
                let rows = state.addresses.iter().filter(|known| known.network == network);
                Ok(rows.map(address_entity).collect())
            }
            "getLinkedEntities" => {
                let (entity, kind) = (self.number("entityId")?, self.text("type")?);
                let hosts = state.hosts.iter().filter(|host| kind == "HostRecord" && host.addresses.contains(&entity));
                self.page(hosts.map(|host| host_entity(state, host)).collect())
            }
            _ => Err(Refused::NoMethod),
        }
    }

    fn network<'s>(&self, state: &'s State, name: &str) -> Result<&'s Network, Refused> {
        state.network(self.number(name)?).ok_or_else(|| "Object was not found".into())
    }
}
