//! Adding, changing and deleting addresses.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::Nautobot;
use super::net::{parse_interface, width};
use super::route::range;
use super::state::{Named, State, User, is_id};
use crate::{Request, Response};

const TEXT_AT_MOST: usize = 255;

/// An address that may be added.
#[derive(Debug)]
struct New {
    namespace: String,
    host: IpAddr,
    mask: u8,
    fields: Fields,
}

/// What may be said of an address besides.
#[derive(Debug, Default)]
struct Fields {
    status: Option<String>,
    dns_name: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
    tenant: Option<String>,
    custom_fields: Map<String, Value>,
}

type Refused = Value;

fn refused(field: &str, text: impl Into<String>) -> Refused {
    json!({field: [text.into()]})
}

/// Another object in a request: `"id"`, `"name"`, `{"id": …}` or `{"name": …}`.
fn find<'s>(field: &str, asked: &Value, known: &'s [Named]) -> Result<&'s Named, Refused> {
    let (key, value) = match asked {
        Value::String(text) if is_id(text) => ("id", text.as_str()),
        Value::String(text) => ("name", text.as_str()),
        object => match (object["id"].as_str(), object["name"].as_str()) {
            (Some(id), _) => ("id", id),
            (None, Some(name)) => ("name", name),
            (None, None) => return Err(refused(field, "Invalid value.")),
        },
    };
    let found = known.iter().find(|named| if key == "id" { named.id == value } else { named.name == value });
    let shown = if key == "id" { format!("'pk': UUID('{value}')") } else { format!("'{key}': '{value}'") };
    let missing = || format!("Related object not found using the provided attributes: {{{shown}}}");
    found.ok_or_else(|| refused(field, missing()))
}

impl State {
    /// The rules of single fields.
    fn fields(&self, asked: &Value, user: &User) -> Result<Fields, Refused> {
        let mut fields = Fields::default();
        if let Some(description) = asked.get("description") {
            let text = description.as_str().ok_or_else(|| refused("description", "This field may not be null."))?;
            if text.chars().count() > TEXT_AT_MOST {
                return Err(refused("description", "Ensure this field has no more than 255 characters."));
            }
            if text.contains('\0') {
                return Err(refused("description", "Null characters are not allowed."));
            }
            fields.description = Some(text.to_owned());
        }
        if let Some(name) = asked.get("dns_name").and_then(Value::as_str) {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if name.len() > TEXT_AT_MOST {
                return Err(refused("dns_name", "Ensure this field has no more than 255 characters."));
            }
            if !name.bytes().all(is_allowed) {
                let text = "Only alphanumeric characters, hyphens, periods, and underscores are allowed in DNS names";
                return Err(refused("dns_name", text));
            }
            fields.dns_name = Some(name.to_lowercase());
        }
        // What the user may not see is not found.
        let visible = |permission: &str, known: &[Named]| match user.permissions.contains(permission) {
            true => known.to_vec(),
            false => Vec::new(),
        };
        if let Some(status) = asked.get("status") {
            fields.status = Some(find("status", status, &visible("view extras.status", &self.statuses))?.id.clone());
        }
        if let Some(Value::Array(tags)) = asked.get("tags") {
            let known = visible("view extras.tag", &self.tags);
            let tags: Result<Vec<_>, _> =
                tags.iter().map(|tag| find("tags", tag, &known).map(|tag| tag.id.clone())).collect();
            fields.tags = Some(tags?);
        }
        if let Some(tenant) = asked.get("tenant").filter(|tenant| !tenant.is_null()) {
            fields.tenant = Some(find("tenant", tenant, &visible("view tenancy.tenant", &self.tenants))?.id.clone());
        }
        if let Some(Value::Object(values)) = asked.get("custom_fields") {
            // One that is not known is dropped without a word.
            let known = values.iter().filter(|(key, _)| self.custom_fields.contains(key));
            fields.custom_fields = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        }
        Ok(fields)
    }

    /// The rules of a new address. Unknown fields are ignored.
    fn new_address(&self, asked: &Value, user: &User) -> Result<New, Refused> {
        let required: Map<String, Value> = ["address", "status"]
            .iter()
            .filter(|field| asked.get(**field).is_none())
            .map(|field| ((*field).to_owned(), json!(["This field is required."])))
            .collect();
        if !required.is_empty() {
            return Err(required.into());
        }
        let text = asked["address"].as_str().unwrap_or_default();
        let (host, mask) =
            parse_interface(text).ok_or_else(|| refused("address", format!("Invalid IP address: {text}")))?;
        let mask = mask.unwrap_or(width(host.is_ipv6()));
        let fields = self.fields(asked, user)?;
        let mut faults = Map::new();
        let known: Vec<Named> = self.namespaces.iter().map(named).collect();
        let mut named_namespace = None;
        if let Some(asked) = asked.get("namespace") {
            match find("namespace", asked, &known) {
                Ok(namespace) => named_namespace = Some(namespace.id.clone()),
                Err(fault) => faults.extend(fault.as_object().cloned().unwrap_or_default()),
            }
        }
        let mut named_parent = None;
        if let Some(id) = asked.get("parent").and_then(Value::as_str) {
            named_parent = self.prefix(id);
            if named_parent.is_none() {
                let text = format!("Related object not found using the provided attributes: {{'pk': UUID('{id}')}}");
                faults.insert("parent".to_owned(), json!([text]));
            }
        }
        if !faults.is_empty() {
            return Err(faults.into());
        }
        // A namespace that is named wins over that of a parent.
        let namespace = named_namespace.or_else(|| named_parent.map(|parent| parent.namespace.clone()));
        let namespace = namespace.ok_or_else(|| refused("__all__", "One of parent or namespace must be provided"))?;
        let name = self.namespace(&namespace).map(|namespace| namespace.name.as_str()).unwrap_or_default();
        let missing =
            || refused("namespace", format!("No suitable parent Prefix for {host} exists in Namespace {name}"));
        let parent = self.parent_for(&namespace, host).ok_or_else(missing)?;
        if let Some(other) = named_parent.filter(|other| other.id != parent.id) {
            let text = format!(
                "{} cannot be assigned as the parent of {host}/{mask}.  In namespace {name}, the expected parent would \
                 be {}.",
                other.net, parent.net
            );
            return Err(refused("parent", text));
        }
        if self.addresses.iter().any(|known| known.parent == parent.id && known.host == host) {
            return Err(json!({"__all__": [
                format!("IP address {host}/{mask} already exists in {}.", parent.net),
                "IP address with this Parent and Host already exists.",
            ]}));
        }
        Ok(New { namespace, host, mask, fields })
    }

    fn add(&mut self, new: New) -> Value {
        let address = self.insert(&new.namespace, new.host, new.mask);
        let Fields { status, dns_name, description, tags, tenant, custom_fields } = new.fields;
        address.status = status.unwrap_or_else(|| address.status.clone());
        address.dns_name = dns_name.unwrap_or_default();
        address.description = description.unwrap_or_default();
        address.tags = tags.unwrap_or_default();
        address.tenant = tenant;
        address.custom_fields.extend(custom_fields);
        let id = address.id.clone();
        self.written_json(self.address(&id).expect("it was just added"))
    }
}

fn named(namespace: &super::state::Namespace) -> Named {
    Named { id: namespace.id.clone(), name: namespace.name.clone(), content_types: None }
}

impl Nautobot {
    /// `POST /api/ipam/ip-addresses/`: one address or a list, of which all are added or none.
    pub(super) fn create(&self, state: &mut State, request: &Request, user: &User) -> Response {
        let asked = request.json().unwrap_or(json!({}));
        if let Value::Array(all) = &asked {
            let read: Vec<_> = all.iter().map(|one| state.new_address(one, user)).collect();
            if read.iter().any(Result::is_err) {
                let refusals = read.into_iter().map(|one| one.err().unwrap_or(json!({})));
                return Response::json(400, &refusals.collect());
            }
            let added: Vec<Value> = read.into_iter().flatten().map(|new| state.add(new)).collect();
            return Response::json(201, &added.into());
        }
        match state.new_address(&asked, user) {
            Ok(new) => {
                let added = state.add(new);
                let location = added["url"].as_str().unwrap_or_default().to_owned();
                Response::json(201, &added).with_header("Location", location)
            }
            Err(refusal) if self.races && refusal["__all__"].to_string().contains("already exists") => {
                lost_race(&refusal, state.races_are_caught_by_a_look())
            }
            Err(refusal) => Response::json(400, &refusal),
        }
    }

    /// `POST /api/ipam/prefixes/<id>/available-ips/`: the lowest free addresses.
    pub(super) fn allocate(&self, state: &mut State, request: &Request, prefix: &str, user: &User) -> Response {
        let asked = request.json().unwrap_or(json!({}));
        let (is_list, all) = match asked {
            Value::Array(all) => (true, all),
            one => (false, vec![one]),
        };
        let known = state.prefix(prefix).expect("the caller has looked").clone();
        let (from, to) = match range(request, &known) {
            Ok(range) => range,
            Err(refusal) => return refusal,
        };
        let free = state.available(&known, from, to, all.len());
        if free.len() < all.len() {
            // Nothing is created, and nothing is said.
            return Response::empty(204);
        }
        let mut news = Vec::new();
        for (mut one, host) in all.into_iter().zip(free) {
            one["address"] = format!("{host}/{}", known.net.length()).into();
            one["namespace"] = known.namespace.clone().into();
            match state.new_address(&one, user) {
                Ok(new) => news.push(new),
                Err(refusal) => return Response::json(400, &refusal),
            }
        }
        let mut added: Vec<Value> = news.into_iter().map(|new| state.add(new)).collect();
        Response::json(201, &if is_list { added.into() } else { added.remove(0) })
    }

    /// `PATCH /api/ipam/ip-addresses/<id>/`.
    pub(super) fn change(&self, state: &mut State, request: &Request, id: &str, user: &User) -> Response {
        let fields = match state.fields(&request.json().unwrap_or(json!({})), user) {
            Ok(fields) => fields,
            Err(refusal) => return Response::json(400, &refusal),
        };
        let address = state.addresses.iter_mut().find(|known| known.id == id).expect("the caller has looked");
        if let Some(description) = fields.description {
            address.description = description;
        }
        if let Some(dns_name) = fields.dns_name {
            address.dns_name = dns_name;
        }
        address.custom_fields.extend(fields.custom_fields);
        Response::json(200, &state.written_json(state.address(id).expect("it is there")))
    }
}

/// Two looked at the same time and found nothing. Either the look that follows is refused, or the database refuses the
/// second; nobody catches either.
fn lost_race(refusal: &Value, is_caught_by_a_look: bool) -> Response {
    let (exception, error) = if is_caught_by_a_look {
        ("ValidationError", format!("{{'__all__': ['{}']}}", refusal["__all__"][0].as_str().unwrap_or_default()))
    } else {
        let constraint = "ipam_ipaddress_parent_id_host_89330d7e_uniq";
        ("IntegrityError", format!("duplicate key value violates unique constraint \"{constraint}\"\n"))
    };
    let error = json!({
        "error": error, "exception": exception, "nautobot_version": "3.2.7", "python_version": "3.12.1",
    });
    Response::json(500, &error)
}
