//! Lists: filters, of which an unknown one is refused, and pages.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Nautobot;
use super::net::{Net, parse_interface};
use super::render::Depth;
use super::state::{Address, Named, Prefix, State, is_id};
use crate::{Request, Response};

const PAGE: usize = 50;

/// Parameters that every list takes.
const COMMON: [&str; 4] = ["limit", "offset", "depth", "exclude_m2m"];

/// The filters of a request that have a value: an empty one is none.
struct Filters(Vec<(String, String)>);

impl Filters {
    /// # Errors
    /// The refusal of a filter that the list does not have.
    fn read(request: &Request, known: &[&str]) -> Result<Self, Response> {
        let parameters = request.parameters();
        let unknown: serde_json::Map<String, Value> = parameters
            .iter()
            .filter(|(key, _)| !COMMON.contains(&key.as_str()) && !known.contains(&key.as_str()))
            .map(|(key, _)| (key.clone(), json!(["Unknown filter field"])))
            .collect();
        if !unknown.is_empty() {
            return Err(Response::json(400, &unknown.into()));
        }
        // Values are stripped like those of a form.
        let stripped = parameters.into_iter().map(|(key, value)| (key, value.trim().to_owned()));
        Ok(Self(stripped.filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The values of one filter; several mean any of them.
    fn of(&self, key: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect()
    }

    /// Each value turned into an id, or the refusal of one that there is not.
    fn choices<'s>(&self, key: &str, find: impl Fn(&str) -> Option<&'s str>) -> Result<Vec<&'s str>, Response> {
        let choice = |value: &str| {
            let text = format!("Select a valid choice. {value} is not one of the available choices.");
            find(value).ok_or_else(|| Response::json(400, &json!({key: [text]})))
        };
        self.of(key).into_iter().map(choice).collect()
    }
}

fn is_wanted<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// A filter by name. `null` asks for what has none.
fn is_named(wanted: &[&str], name: &str) -> bool {
    is_wanted(wanted, &name) && wanted != ["null"]
}

fn depth(request: &Request) -> Depth {
    Depth(request.parameter("depth").and_then(|depth| depth.parse().ok()).unwrap_or(0))
}

impl State {
    fn status_id(&self, name: &str) -> Option<&str> {
        self.statuses.iter().find(|status| status.name == name || status.id == name).map(|status| status.id.as_str())
    }

    fn namespace_id(&self, key: &str) -> Option<&str> {
        self.namespace(key).map(|namespace| namespace.id.as_str())
    }

    fn found_prefixes(&self, filters: &Filters) -> Result<Vec<&Prefix>, Response> {
        let namespaces = filters.choices("namespace", |key| self.namespace_id(key))?;
        let statuses = filters.choices("status", |name| self.status_id(name))?;
        // What is no prefix finds nothing; host bits are dropped.
        let asked = filters.of("prefix");
        let nets: Vec<Net> = asked.iter().filter_map(|text| Net::parse(text)).collect();
        let mut found: Vec<&Prefix> = self
            .prefixes
            .iter()
            .filter(|prefix| is_wanted(&namespaces, &prefix.namespace.as_str()))
            .filter(|prefix| is_wanted(&statuses, &prefix.status.as_str()))
            .filter(|prefix| asked.is_empty() || nets.contains(&prefix.net))
            .collect();
        let place = |id: &str| self.namespaces.iter().position(|known| known.id == id);
        found.sort_by_key(|prefix| (place(&prefix.namespace), prefix.net));
        Ok(found)
    }

    fn found_addresses(&self, filters: &Filters) -> Result<Vec<&Address>, Response> {
        let namespaces = filters.choices("namespace", |key| self.namespace_id(key))?;
        let parents =
            filters.choices("parent", |id| self.prefix(id).filter(|_| is_id(id)).map(|prefix| prefix.id.as_str()))?;
        let mut hosts: Vec<(IpAddr, Option<u8>)> = Vec::new();
        for text in filters.of("address") {
            let garbage = || {
                let error = json!({
                    "error": format!("invalid IPNetwork {text}"), "exception": "AddrFormatError",
                    "nautobot_version": "3.2.7", "python_version": "3.12.1",
                });
                Response::json(500, &error)
            };
            hosts.push(parse_interface(text).ok_or_else(garbage)?);
        }
        let asked = filters.of("prefix");
        let nets: Vec<Net> = asked.iter().filter_map(|text| Net::parse(text)).collect();
        let is_host = |address: &Address| {
            let fits = |(host, mask): &(IpAddr, Option<u8>)| {
                *host == address.host && mask.is_none_or(|mask| mask == address.mask)
            };
            hosts.is_empty() || hosts.iter().any(fits)
        };
        let mut found: Vec<&Address> = self
            .addresses
            .iter()
            .filter(|address| is_host(address) && is_wanted(&parents, &address.parent.as_str()))
            .filter(|address| is_wanted(&namespaces, &self.namespace_of(address).unwrap_or_default()))
            .filter(|address| asked.is_empty() || nets.iter().any(|net| net.contains(address.host)))
            .collect();
        found.sort_by_key(|address| (address.host, address.id.clone()));
        Ok(found)
    }
}

impl Nautobot {
    /// A page of the objects of this path; `None` when there are none of that name.
    pub(super) fn list(&self, state: &State, request: &Request, path: [&str; 2]) -> Option<Response> {
        let listed = match path {
            ["ipam", "namespaces"] => self.namespaces(state, request),
            ["ipam", "prefixes"] => self.prefixes(state, request),
            ["ipam", "ip-addresses"] => self.addresses(state, request),
            ["ipam", "vrfs"] => self.vrfs(state, request),
            ["extras", "statuses"] => self.named(state, request, "extras.status", "extras/statuses", &state.statuses),
            ["extras", "tags"] => self.named(state, request, "extras.tag", "extras/tags", &state.tags),
            ["tenancy", "tenants"] => self.named(state, request, "tenancy.tenant", "tenancy/tenants", &state.tenants),
            _ => return None,
        };
        Some(listed.unwrap_or_else(|refusal| refusal))
    }

    fn namespaces(&self, state: &State, request: &Request) -> Result<Response, Response> {
        let filters = Filters::read(request, &["name", "id"])?;
        let names = filters.of("name");
        let found: Vec<_> = state.namespaces.iter().filter(|known| is_named(&names, &known.name)).collect();
        Ok(self.pages(request, &found, |namespace| state.namespace_json(namespace, false)))
    }

    fn prefixes(&self, state: &State, request: &Request) -> Result<Response, Response> {
        let filters = Filters::read(request, &["prefix", "namespace", "status", "vrfs", "id"])?;
        let without_lists = request.parameter("exclude_m2m").as_deref() == Some("true");
        Ok(self.pages(request, &state.found_prefixes(&filters)?, |prefix| {
            let mut row = state.prefix_json(prefix, depth(request));
            if without_lists {
                row.as_object_mut().expect("a row is an object").remove("tags");
            }
            row
        }))
    }

    fn addresses(&self, state: &State, request: &Request) -> Result<Response, Response> {
        let filters = Filters::read(request, &["address", "namespace", "parent", "prefix", "id"])?;
        let found = state.found_addresses(&filters)?;
        Ok(self.pages(request, &found, |address| state.address_json(address, depth(request))))
    }

    fn vrfs(&self, state: &State, request: &Request) -> Result<Response, Response> {
        let filters = Filters::read(request, &["name", "namespace", "id"])?;
        let namespaces = filters.choices("namespace", |key| state.namespace_id(key))?;
        let names = filters.of("name");
        let found = state.vrfs.iter().filter(|vrf| is_named(&names, &vrf.name));
        let found: Vec<_> = found.filter(|vrf| is_wanted(&namespaces, &vrf.namespace.as_str())).collect();
        Ok(self.pages(request, &found, |vrf| state.vrf_json(vrf, depth(request))))
    }

    fn named(
        &self,
        state: &State,
        request: &Request,
        kind: &str,
        path: &str,
        known: &[Named],
    ) -> Result<Response, Response> {
        let filters = Filters::read(request, &["name", "id"])?;
        let names = filters.of("name");
        let found: Vec<_> = known.iter().filter(|known| is_named(&names, &known.name)).collect();
        Ok(self.pages(request, &found, |named| state.named_json(kind, path, named)))
    }

    /// The page that was asked for. The URL of the next one is made of the request's `Host`.
    fn pages<T>(&self, request: &Request, rows: &[T], json: impl Fn(&T) -> Value) -> Response {
        let limit = self.limit(request);
        let offset = request.parameter("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = rows.iter().skip(offset).take(limit).map(json).collect();
        let others = request.parameters().into_iter().filter(|(key, _)| !["limit", "offset"].contains(&key.as_str()));
        let others: String = others.map(|(key, value)| format!("&{key}={value}")).collect();
        let host = self.next_host.as_deref().or(request.header("host")).unwrap_or("127.0.0.1");
        let url = |offset: usize| format!("http://{host}{}?limit={limit}&offset={offset}{others}", request.path);
        let next = (offset + limit < rows.len()).then(|| url(offset + limit));
        let previous = (offset > 0).then(|| url(offset.saturating_sub(limit)));
        Response::json(200, &json!({"count": rows.len(), "next": next, "previous": previous, "results": page}))
    }

    /// Rows of a page: 50 unless a number is asked for, and never more than the site allows.
    pub(super) fn limit(&self, request: &Request) -> usize {
        match request.parameter("limit").and_then(|limit| limit.parse::<usize>().ok()) {
            Some(0) => self.page_at_most,
            Some(limit) => limit.min(self.page_at_most),
            None => PAGE.min(self.page_at_most),
        }
    }
}
