//! REST v1: one path for each method, all parameters in the query, JSON texts, numbers and entities as answers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::Site;
use super::net::{Net, address_text, following};
use super::state::{Address, Block, Configuration, Host, Network, Session, State, Zone, mac_text};
use crate::{Request, Response};

const WADL: &str = include_str!("../../../fixtures/bluecat/application.wadl");

pub(super) fn answer(site: &Site, state: &mut State, request: &Request, path: &[&str]) -> Response {
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

pub(super) fn unauthorized() -> Response {
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

    fn write(&self, state: &mut State) -> Result<Value, Refused> {
        if state.user.read_only {
            return Err("API method cannot be invoked from a read only session".into());
        }
        if !state.user.writes {
            return Err("You do not have permission to perform this action".into());
        }
        match (self.request.method.as_str(), self.method) {
            ("POST", "assignIP4Address") => {
                let configuration = self.number("configurationId")?;
                state.configuration(configuration).ok_or("Object was not found")?;
                let address = self.address("ip4Address")?;
                let network = state.network_around(configuration, address).ok_or("Parent network was not found")?;
                let network = network.clone();
                self.assign(state, &network, address)
            }
            ("POST", "assignNextAvailableIP4Address") => {
                let network = self.network(state, "parentId")?.clone();
                let free = next(state, &network, &self.properties(), 1, "offset")?.pop();
                let address = free.ok_or("No available IP addresses")?;
                let id = self.assign(state, &network, address)?;
                Ok(entity_of(state, id.as_u64().unwrap_or_default()))
            }
            ("POST", "addIP6Address") => {
                let network = self.network(state, "containerId")?.clone();
                let address = self.address("address")?;
                if self.text("type")? != "IP6Address" || !network.net.contains(address) {
                    return Err("Invalid IP address".into());
                }
                if state.addresses.iter().any(|known| known.network == network.id && known.address == address) {
                    return Err("Duplicate of another item".into());
                }
                let fields = self.fields(state);
                let name = self.request.parameter("name").filter(|name| !name.is_empty());
                let record = state.insert(&network, address, "UNALLOCATED").expect("there is no record");
                (record.name, record.fields) = (name, fields);
                Ok(record.id.into())
            }
            ("POST", "assignIP6Address") => {
                let network = self.network(state, "containerId")?.id;
                let (address, action) = (self.address("address")?, self.action()?);
                let mac = self.mac()?;
                let is_it = |known: &&mut Address| known.network == network && known.address == address;
                let record = state.addresses.iter_mut().find(is_it).ok_or("Object was not found")?;
                if record.state != "UNALLOCATED" {
                    return Err("Duplicate of another item".into());
                }
                (record.state, record.mac) = (action, mac);
                Ok(true.into())
            }
            ("DELETE", "delete") => self.delete(state, "objectId"),
            ("DELETE", "clearIP6Address") => self.delete(state, "addressId").map(|_| true.into()),
            ("PUT", "changeStateIP4Address") => {
                let (id, target) = (self.number("addressId")?, self.text("targetState")?);
                let record = state.addresses.iter_mut().find(|known| known.id == id).ok_or("Object was not found")?;
                record.state = target.strip_prefix("MAKE_").ok_or("Invalid state")?.to_owned();
                Ok(Value::Null)
            }
            ("PUT", "update") => self.update(state),
            ("POST", "addHostRecord") => self.add_host(state),
            ("POST", "quickDeploy") => {
                let id = self.number("entityId")?;
                if !state.zones.iter().any(|zone| zone.id == id) && state.network(id).is_none() {
                    return Err("Object was not found".into());
                }
                state.deployed.push(id);
                Ok(Value::Null)
            }
            _ => Err(Refused::NoMethod),
        }
    }

    fn action(&self) -> Result<String, Refused> {
        match self.text("action")?.as_str() {
            "MAKE_STATIC" => Ok("STATIC".to_owned()),
            "MAKE_RESERVED" => Ok("RESERVED".to_owned()),
            "MAKE_DHCP_RESERVED" if self.mac()?.is_some() => Ok("DHCP_RESERVED".to_owned()),
            _ => Err("Invalid action".into()),
        }
    }

    fn mac(&self) -> Result<Option<String>, Refused> {
        let given = self.request.parameter("macAddress").filter(|text| !text.is_empty());
        given.map(|text| mac_text(&text).ok_or_else(|| "Invalid MAC address".into())).transpose()
    }

    /// The fields of the properties that the site has defined. Others are dropped.
    fn fields(&self, state: &State) -> BTreeMap<String, String> {
        let mut fields = self.properties();
        fields.retain(|field, _| state.fields.contains(field));
        fields
    }

    fn assign(&self, state: &mut State, network: &Network, address: IpAddr) -> Result<Value, Refused> {
        let (action, mac, fields) = (self.action()?, self.mac()?, self.fields(state));
        let name = self.properties().remove("name").filter(|_| self.site.assigns_names);
        let record = state.insert(network, address, &action).ok_or("Duplicate of another item")?;
        (record.name, record.mac, record.fields) = (name, mac, fields);
        Ok(record.id.into())
    }

    fn delete(&self, state: &mut State, name: &str) -> Result<Value, Refused> {
        let id = self.number(name)?;
        if state.hosts.iter().any(|host| host.id == id) {
            state.hosts.retain(|host| host.id != id);
            return Ok(Value::Null);
        }
        let known = state.addresses.iter().find(|known| known.id == id).ok_or("Object was not found")?;
        if known.state == "GATEWAY" {
            return Err("Gateway address cannot be deleted".into());
        }
        state.remove_address(id);
        Ok(Value::Null)
    }

    /// The whole entity in the body.
    fn update(&self, state: &mut State) -> Result<Value, Refused> {
        let entity = self.request.json().ok_or("Invalid entity")?;
        let properties = parse_properties(entity["properties"].as_str().unwrap_or_default());
        let fields: BTreeMap<String, String> =
            properties.into_iter().filter(|(field, _)| state.fields.contains(field)).collect();
        let id = entity["id"].as_u64().ok_or("Invalid entity")?;
        let record = state.addresses.iter_mut().find(|known| known.id == id).ok_or("Object was not found")?;
        record.name = entity["name"].as_str().map(str::to_owned);
        record.fields = fields;
        Ok(Value::Null)
    }

    fn add_host(&self, state: &mut State) -> Result<Value, Refused> {
        let (view, absolute) = (self.number("viewId")?, self.text("absoluteName")?);
        let configuration = state.views.iter().find(|known| known.id == view).ok_or("Object was not found")?;
        let configuration = configuration.configuration;
        let (zone, name) = state.zone_of(view, &absolute).ok_or("Zone was not found")?;
        let (zone, name) = (zone.id, name);
        if state.hosts.iter().any(|host| host.zone == zone && host.name == name) {
            return Err("Duplicate of another item".into());
        }
        let mut addresses = Vec::new();
        for text in self.text("addresses")?.split(',') {
            let address: IpAddr = text.parse().map_err(|_| "Invalid IP address")?;
            addresses.push(state.address(configuration, address).ok_or("Object was not found")?.id);
        }
        let has_reverse = self.properties().get("reverseRecord").is_some_and(|value| value == "true");
        let id = state.new_id();
        state.hosts.push(Host { id, zone, name, absolute, has_reverse, addresses });
        Ok(id.into())
    }
}

/// The lowest addresses of a network that nobody has, besides those of `skip`.
fn next(
    state: &State,
    network: &Network,
    properties: &BTreeMap<String, String>,
    count: usize,
    offset: &str,
) -> Result<Vec<IpAddr>, Refused> {
    let mut skipped = Vec::new();
    for part in properties.get("skip").map_or("", String::as_str).split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| Refused::from("Invalid skip"));
        skipped.push((parse(first)?, parse(last)?));
    }
    let mut from = match properties.get(offset) {
        Some(text) => text.parse().map_err(|_| "Invalid offset")?,
        None => network.net.first,
    };
    let mut found = Vec::new();
    // A run that is skipped is passed in one step: it may be long.
    while found.len() < count {
        let Some(address) = network.net.assignable(from).next() else { break };
        if let Some((_, last)) = skipped.iter().find(|(first, last)| *first <= address && address <= *last) {
            let Some(after) = following(*last) else { break };
            from = after;
            continue;
        }
        if state.is_unassigned(network, address) {
            found.push(address);
        }
        let Some(after) = following(address) else { break };
        from = after;
    }
    Ok(found)
}

fn is_within(state: &State, container: u64, network: &Network) -> bool {
    let mut at = network.block;
    loop {
        if at == container {
            return true;
        }
        match state.blocks.iter().find(|block| block.id == at) {
            Some(block) => at = block.parent,
            None => return false,
        }
    }
}

fn network_type(network: &Network) -> &'static str {
    if network.net.is_ipv6() { "IP6Network" } else { "IP4Network" }
}

fn nothing() -> Value {
    json!({"id": 0, "name": null, "type": null, "properties": null})
}

/// The children of one kind of an entity, by id.
fn children(state: &State, parent: u64, kind: &str) -> Vec<Value> {
    match kind {
        "Configuration" if parent == 0 => state.configurations.iter().map(configuration_entity).collect(),
        "IP4Block" | "IP6Block" => {
            let is_it = |known: &&Block| known.parent == parent && known.net.is_ipv6() == (kind == "IP6Block");
            state.blocks.iter().filter(is_it).map(block_entity).collect()
        }
        "IP4Network" | "IP6Network" => {
            let is_it = |known: &&Network| known.block == parent && network_type(known) == kind;
            state.networks.iter().filter(is_it).map(network_entity).collect()
        }
        "IP4Address" | "IP6Address" => {
            let is_it = |known: &&Address| known.network == parent && known.address.is_ipv6() == (kind == "IP6Address");
            state.addresses.iter().filter(is_it).map(address_entity).collect()
        }
        "DHCP4Range" => {
            let ranges = state.ranges.iter().filter(|range| range.network == parent);
            let entity = |range: &super::state::Range| {
                let (start, end) = (range.first.to_string(), range.last.to_string());
                let properties = properties_text(&[("start", &start), ("end", &end)]);
                json!({"id": range.id, "name": null, "type": "DHCP4Range", "properties": properties})
            };
            ranges.map(entity).collect()
        }
        "View" => {
            let views = state.views.iter().filter(|view| view.configuration == parent);
            views.map(|view| json!({"id": view.id, "name": view.name, "type": "View", "properties": null})).collect()
        }
        "Zone" => state.zones.iter().filter(|zone| zone.parent == parent).map(zone_entity).collect(),
        "HostRecord" => {
            let hosts = state.hosts.iter().filter(|host| host.zone == parent);
            hosts.map(|host| host_entity(state, host)).collect()
        }
        _ => Vec::new(),
    }
}

fn entity_of(state: &State, id: u64) -> Value {
    let configurations = state.configurations.iter().filter(|known| known.id == id).map(configuration_entity);
    let blocks = state.blocks.iter().filter(|known| known.id == id).map(block_entity);
    let networks = state.networks.iter().filter(|known| known.id == id).map(network_entity);
    let addresses = state.addresses.iter().filter(|known| known.id == id).map(address_entity);
    let zones = state.zones.iter().filter(|known| known.id == id).map(zone_entity);
    configurations.chain(blocks).chain(networks).chain(addresses).chain(zones).next().unwrap_or_else(nothing)
}

fn configuration_entity(known: &Configuration) -> Value {
    let properties = (!known.description.is_empty()).then(|| properties_text(&[("description", &known.description)]));
    json!({"id": known.id, "name": known.name, "type": "Configuration", "properties": properties})
}

fn block_entity(known: &Block) -> Value {
    let (kind, key) = if known.net.is_ipv6() { ("IP6Block", "prefix") } else { ("IP4Block", "CIDR") };
    json!({"id": known.id, "name": null, "type": kind, "properties": properties_text(&[(key, &known.net.text())])})
}

fn network_entity(known: &Network) -> Value {
    let range = known.net.text();
    let properties = if known.net.is_ipv6() {
        properties_text(&[("prefix", &range)])
    } else {
        properties_text(&[("CIDR", &range), ("allowDuplicateHost", "disable"), ("pingBeforeAssign", "disable")])
    };
    json!({"id": known.id, "name": known.name, "type": network_type(known), "properties": properties})
}

fn address_entity(known: &Address) -> Value {
    let address = address_text(known.address);
    let mut properties = vec![("address", address.as_str()), ("state", &known.state)];
    properties.extend(known.mac.as_deref().map(|mac| ("macAddress", mac)));
    properties.extend(known.fields.iter().map(|(field, value)| (field.as_str(), value.as_str())));
    let kind = if known.address.is_ipv6() { "IP6Address" } else { "IP4Address" };
    json!({"id": known.id, "name": known.name, "type": kind, "properties": properties_text(&properties)})
}

fn zone_entity(zone: &Zone) -> Value {
    let properties = properties_text(&[("deployable", "true"), ("absoluteName", &zone.absolute)]);
    json!({"id": zone.id, "name": zone.name, "type": "Zone", "properties": properties})
}

fn host_entity(state: &State, host: &Host) -> Value {
    let address = |id: &u64| state.addresses.iter().find(|known| known.id == *id).map(|known| known.address);
    let addresses: Vec<String> = host.addresses.iter().filter_map(address).map(address_text).collect();
    let (addresses, reverse) = (addresses.join(","), host.has_reverse.to_string());
    let properties = [("addresses", addresses.as_str()), ("absoluteName", &host.absolute), ("reverseRecord", &reverse)];
    json!({"id": host.id, "name": host.name, "type": "HostRecord", "properties": properties_text(&properties)})
}

fn properties_text(properties: &[(&str, &str)]) -> String {
    properties.iter().map(|(key, value)| format!("{key}={}|", value.replace('|', "\\|"))).collect()
}

/// `k=v|`, where a bar within a value is `\|` and a backslash elsewhere is one.
fn parse_properties(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut part = String::new();
    let mut all = text.chars().peekable();
    let mut end = |part: &mut String| {
        if let Some((key, value)) = part.split_once('=') {
            properties.insert(key.to_owned(), value.to_owned());
        }
        part.clear();
    };
    while let Some(c) = all.next() {
        match c {
            '\\' if all.next_if_eq(&'|').is_some() => part.push('|'),
            '|' => end(&mut part),
            _ => part.push(c),
        }
    }
    end(&mut part);
    properties
}
