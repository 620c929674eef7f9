//! What is changed with `POST`.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::Tcpwave;
use super::net::Net;
use super::route::{Answered, address, refused, text};
use super::state::{Network, Object, Record, State, Subnet};
use crate::{Request, Response};

impl Tcpwave {
    pub(super) fn write(&self, state: &mut State, path: &str, request: &Request) -> Answered {
        let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body = request.json().filter(|_| is_json).ok_or_else(|| text(415, "Unsupported Media Type"))?;
        match path {
            "object/add" => self.add_object(state, &body),
            "object/edit" => self.edit_object(state, &body),
            "object/delete-multiple" | "object/reclaimObjects" => self.delete_objects(state, &body),
            "network/add" => self.new_network(state, &body),
            "network/delete" => self.delete_network(state, &body),
            "subnet/add" => self.new_subnet(state, &body),
            "subnet/delete" => self.delete_subnets(state, &body),
            "zone/rr/add" => self.add_record(state, &body),
            _ => self.delete_record(state, &body),
        }
    }

    /// Objects must lie in the subnet that is named, be new, and have a name in a domain.
    fn add_object(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let at = octets(body)?;
        let first = address(body["subnet_address"].as_str())?;
        let subnet = state.subnet(organization, first);
        if !subnet.is_some_and(|subnet| subnet.net.contains(at)) {
            return Err(text(500, "TIMS-2024: This subnet does not correspond to any of the existing networks."));
        }
        if state.objects.contains_key(&(organization, at)) {
            return Err(refused("The object already exists."));
        }
        let id = state.new_id();
        let object = self.object_of(state, body, (organization, at), id)?;
        state.insert(organization, at, object);
        Ok(text(200, ""))
    }

    /// The body is the whole object: what it leaves out is taken from the object.
    fn edit_object(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let at = octets(body)?;
        let known = state.objects.get(&(organization, at)).ok_or_else(|| refused("The object does not exist."))?;
        let id = known.id;
        let object = self.object_of(state, body, (organization, at), id)?;
        state.remove(organization, at, true);
        state.insert(organization, at, object);
        Ok(text(200, ""))
    }

    /// The object that a body describes.
    fn object_of(&self, state: &State, body: &Value, at: (u64, Ipv4Addr), id: u64) -> Result<Object, Response> {
        let text = |key: &str| body[key].as_str().unwrap_or_default();
        let (name, domain) = (text("name"), text("domain_name"));
        if !is_label(name) || domain.is_empty() {
            return Err(refused("The object name or the domain is invalid."));
        }
        let has_name = |(key, object): (&(u64, Ipv4Addr), &Object)| key.0 == at.0 && *key != at && object.name == name;
        if self.site.names_are_unique && state.objects.iter().any(has_name) {
            return Err(refused("An object with the same name already exists."));
        }
        Ok(Object {
            id,
            name: name.to_owned(),
            domain: domain.to_owned(),
            class: required(body, "class_code")?.to_owned(),
            alloc_type: number(&body["alloc_type"]).ok_or_else(|| refused("alloc_type is required."))?,
            mac: Some(text("mac")).filter(|mac| !mac.is_empty()).map(str::to_owned),
            description: text("description").to_owned(),
            contact: text("contact_name").to_owned(),
            has_records: body["update_ns_a"] == true,
        })
    }

    fn delete_objects(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let given = body["addressArray"].as_array().filter(|given| !given.is_empty());
        let given = given.ok_or_else(|| refused("No objects are selected."))?;
        let addresses: Result<Vec<_>, _> = given.iter().map(|given| address(given.as_str())).collect();
        let addresses = addresses?;
        let are_there = addresses.iter().all(|at| state.objects.contains_key(&(organization, *at)));
        if !are_there && !self.site.deletes_what_is_absent {
            return Err(refused("The object does not exist."));
        }
        for at in addresses {
            state.remove(organization, at, number(&body["isDeleterrsChecked"]) == Some(1));
        }
        Ok(text(200, ""))
    }

    fn new_network(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let net = net(body)?;
        let mut own = state.networks.iter().filter(|known| known.organization == organization);
        if own.any(|known| known.net.overlaps(net)) {
            return Err(text(500, "TIMS-2007: Network address range clashes with an existing network"));
        }
        let (id, name) = (state.new_id(), required(body, "name")?.to_owned());
        state.networks.push(Network { id, organization, name, net });
        Ok(text(201, ""))
    }

    fn delete_network(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let first = address(body["address"].as_str())?;
        let is_it = |known: &Network| known.organization == organization && known.net.first() == first;
        let at = state.networks.iter().position(is_it).ok_or_else(|| refused("The network does not exist."))?;
        let net = state.networks[at].net;
        if state.subnets.iter().any(|subnet| subnet.organization == organization && net.contains(subnet.net.first())) {
            return Err(refused("The network has subnets."));
        }
        state.networks.remove(at);
        Ok(text(200, ""))
    }

    /// A subnet whose router has an object.
    fn new_subnet(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let net = net(body)?;
        let first = address(body["network_address"].as_str())?;
        let network = state.network_around(organization, net);
        if network.is_none_or(|network| network.net.first() != first) {
            return Err(text(500, "TIMS-2024: This subnet does not correspond to any of the existing networks."));
        }
        let mut own = state.subnets.iter().filter(|known| known.organization == organization);
        if own.any(|known| known.net.overlaps(net)) {
            return Err(text(500, "TIMS-2011: Subnet address range clashes with an existing subnet"));
        }
        let router = body["routerAddress"].as_str().unwrap_or_default().to_owned();
        let subnet = Subnet {
            id: state.new_id(),
            organization,
            name: required(body, "name")?.to_owned(),
            description: body["description"].as_str().unwrap_or_default().to_owned(),
            net,
            router: router.clone(),
            primary_domain: required(body, "primary_domain")?.to_owned(),
        };
        if let Ok(at) = router.parse() {
            let [_, _, _, last] = Ipv4Addr::octets(&at);
            let object = Object {
                id: state.new_id(),
                name: format!("router-{last}"),
                domain: subnet.primary_domain.clone(),
                class: "Router".to_owned(),
                alloc_type: 1,
                mac: None,
                description: String::new(),
                contact: String::new(),
                has_records: false,
            };
            state.insert(organization, at, object);
        }
        state.subnets.push(subnet);
        Ok(text(201, ""))
    }

    fn delete_subnets(&self, state: &mut State, body: &Value) -> Answered {
        let organization = self.organization(state, body["organizationName"].as_str())?;
        let given = body["addressList"].as_array().ok_or_else(|| refused("No subnets are selected."))?;
        let nets: Option<Vec<Net>> = given.iter().map(|given| Net::parse(given.as_str()?)).collect();
        for net in nets.ok_or_else(|| refused("The subnet is invalid."))? {
            if !remove_subnet(state, organization, net, number(&body["isDeleterrsChecked"]) == Some(1)) {
                return Err(refused("The subnet does not exist."));
            }
        }
        Ok(text(200, ""))
    }

    fn add_record(&self, state: &mut State, body: &Value) -> Answered {
        let record = self.record(state, body)?;
        if !state.records.insert(record) {
            return Err(refused("The resource record already exists."));
        }
        Ok(Response::empty(204))
    }

    fn delete_record(&self, state: &mut State, body: &Value) -> Answered {
        let record = self.record(state, body)?;
        if !state.records.remove(&record) {
            return Err(refused("The resource record does not exist."));
        }
        Ok(Response::empty(204))
    }

    /// An owner without a dot at its end is relative to the zone.
    fn record(&self, state: &State, body: &Value) -> Result<Record, Response> {
        let organization = self.organization(state, body["organization_name"].as_str())?;
        let (zone, owner) = (required(body, "zoneName")?, required(body, "owner")?);
        let owner = if owner.ends_with('.') { owner.to_owned() } else { format!("{owner}.{zone}.") };
        let [kind, data] = [required(body, "rrtype")?, required(body, "data")?].map(str::to_owned);
        required(body, "rrclass")?;
        Ok(Record { organization, owner, kind, data })
    }
}

/// Removes a subnet and its objects. Was it there?
pub(super) fn remove_subnet(state: &mut State, organization: u64, net: Net, with_records: bool) -> bool {
    let is_it = |known: &Subnet| known.organization == organization && known.net == net;
    let Some(at) = state.subnets.iter().position(is_it) else { return false };
    let subnet = state.subnets.remove(at);
    let addresses: Vec<Ipv4Addr> = state.objects_in(&subnet).map(|(at, _)| at).collect();
    for at in addresses {
        state.remove(organization, at, with_records);
    }
    true
}

/// One label of a DNS name.
fn is_label(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn required<'a>(body: &'a Value, key: &str) -> Result<&'a str, Response> {
    let text = body[key].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| refused(&format!("{key} is required.")))
}

/// A number, also as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// `addr1` to `addr4`, numbers or texts.
fn octets(body: &Value) -> Result<Ipv4Addr, Response> {
    let octet = |key| number(&body[key]).and_then(|number| u8::try_from(number).ok());
    let octets = [octet("addr1"), octet("addr2"), octet("addr3"), octet("addr4")];
    let [Some(a), Some(b), Some(c), Some(d)] = octets else { return Err(refused("The address is invalid.")) };
    Ok(Ipv4Addr::new(a, b, c, d))
}

/// The net of `addr1` to `addr4` and `mask_length`.
fn net(body: &Value) -> Result<Net, Response> {
    let length = number(&body["mask_length"]).filter(|length| *length <= 32);
    let length = length.ok_or_else(|| refused("The mask is invalid."))?;
    Net::parse(&format!("{}/{length}", octets(body)?)).ok_or_else(|| refused("The address has host bits."))
}
