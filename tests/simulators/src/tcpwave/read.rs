//! What is asked with `GET`.

use serde_json::{Value, json};

use super::net::Net;
use super::route::{Answered, address, refused, text};
use super::state::{State, Subnet};
use super::{Exists, Tcpwave, render};
use crate::{Request, Response};

impl Tcpwave {
    pub(super) fn read(&self, state: &State, path: &str, request: &Request) -> Answered {
        match path {
            "organization/list" => Ok(self.organizations(state)),
            "network/paged" => {
                let mut networks: Vec<_> = state.networks.iter().collect();
                networks.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
                self.page(request, networks.len(), networks, |network| render::network(state, network))
            }
            "network/detailsByIP" => self.network(state, request),
            "subnet/paged" => self.subnets(state, request),
            "subnet/getSubnetData" | "subnet/getSubnetDetails" => {
                match self.subnet(state, request, "subnet_address", "org_name") {
                    Ok(subnet) => Ok(Response::json(200, &render::subnet(state, &self.site, subnet))),
                    Err(_) if self.site.absent_is_empty => Ok(text(200, "")),
                    Err(refusal) => Err(refusal),
                }
            }
            "object/paged" => self.objects(state, request),
            "object/nextfreeip" => {
                let subnet = self.subnet(state, request, "subnet_address", "organization_name")?;
                let ranges = state.free(subnet);
                if ranges.is_empty() && self.site.full_is_refused {
                    return Err(refused("No free address is available."));
                }
                let range = |(first, last): &(_, _)| match self.site.ranges_have_ends {
                    true => json!({"startIp": first, "endIp": last}),
                    false => json!({"startIp": first}),
                };
                Ok(Response::json(200, &ranges.iter().map(range).collect()))
            }
            "object/getNextFreeIP" => {
                let subnet = self.subnet(state, request, "subnet_addr", "org_name")?;
                let first = state.free(subnet).first().map(|(first, _)| *first);
                first.map(|first| text(200, &first.to_string())).ok_or_else(|| refused("No free address is available."))
            }
            "object/checkObjectExists" => self.exists(state, request),
            _ => {
                // object/getSubnetByObjectIP
                let organization = self.organization(state, request.parameter("organization").as_deref())?;
                let address = address(request.parameter("address").as_deref())?;
                let subnet = state.subnet_of(organization, address);
                let subnet = subnet.ok_or_else(|| refused("There is no subnet for the address."))?;
                Ok(Response::json(200, &render::subnet(state, &self.site, subnet)))
            }
        }
    }

    fn organizations(&self, state: &State) -> Response {
        let rows: Vec<Value> = state.organizations.iter().map(render::organization).collect();
        match self.site.list_key {
            Some(key) => Response::json(200, &json!({"total": rows.len(), key: rows})),
            None => Response::json(200, &rows.into()),
        }
    }

    fn network(&self, state: &State, request: &Request) -> Answered {
        let organization = self.organization(state, request.parameter("organizationName").as_deref())?;
        let first = address(request.parameter("address").as_deref())?;
        let network = state.network_around(organization, Net::around(first, 32));
        let network = network.ok_or_else(|| refused("The network does not exist."))?;
        Ok(Response::json(200, &render::network(state, network)))
    }

    fn subnets(&self, state: &State, request: &Request) -> Answered {
        let organization = self.organization(state, request.parameter("org_name").as_deref())?;
        let first = address(request.parameter("network_address").as_deref())?;
        let is_it = |known: &&super::Network| known.organization == organization && known.net.first() == first;
        let network = state.networks.iter().find(is_it).ok_or_else(|| refused("The network does not exist."))?;
        let is_in = |known: &&Subnet| known.organization == organization && network.net.contains(known.net.first());
        // As texts: that is how clients ask to sort.
        let mut subnets: Vec<_> = state.subnets.iter().filter(is_in).collect();
        subnets.sort_by_cached_key(|subnet| subnet.net.to_string());
        self.page(request, subnets.len(), subnets, |subnet| render::subnet(state, &self.site, subnet))
    }

    fn objects(&self, state: &State, request: &Request) -> Answered {
        let subnet = self.subnet(state, request, "subnet_address", "orgName")?;
        let taken =
            state.objects_in(subnet).map(|(at, object)| (at, render::object(state, &self.site, subnet, at, object)));
        let mut rows: Vec<_> = taken.collect();
        if self.site.lists_free {
            let is_free = |at: &_| !state.objects.contains_key(&(subnet.organization, *at));
            rows.extend(subnet.net.addresses().filter(is_free).map(|at| (at, render::free(at))));
            rows.sort_by_key(|(at, _)| *at);
        }
        let mut rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
        let total = rows.len();
        let rules = request.parameter("filterRules").unwrap_or_default();
        if let (false, Ok(Value::Array(rules))) = (self.site.ignores_filters, serde_json::from_str(&rules)) {
            for rule in rules {
                let key = rule["field"].as_str().unwrap_or_default();
                let value = rule["value"].as_str().unwrap_or_default();
                rows.retain(|row| row[key].as_str().is_some_and(|text| text.contains(value)));
            }
        }
        self.page(request, total, rows, |row| row)
    }

    fn exists(&self, state: &State, request: &Request) -> Answered {
        let organization = self.organization(state, request.parameter("organization_name").as_deref())?;
        let address = address(request.parameter("address").as_deref())?;
        let exists = state.objects.contains_key(&(organization, address));
        Ok(match self.site.exists {
            Exists::Flag => Response::json(200, &exists.into()),
            Exists::Word => text(200, if exists { "Yes" } else { "No" }),
            Exists::Object => Response::json(200, &json!({"exists": exists})),
        })
    }

    /// The subnet that two parameters name.
    fn subnet<'a>(&self, state: &'a State, request: &Request, at: &str, of: &str) -> Result<&'a Subnet, Response> {
        let organization = self.organization(state, request.parameter(of).as_deref())?;
        let first = address(request.parameter(at).as_deref())?;
        state.subnet(organization, first).ok_or_else(|| refused("The subnet does not exist."))
    }

    /// The page that `start` and `length` name, of what a filter has left of so many rows.
    fn page<T>(&self, request: &Request, total: usize, rows: Vec<T>, render: impl Fn(T) -> Value) -> Answered {
        let number = |name| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let start = number("start").ok_or_else(|| refused("start is required."))?;
        let length = number("length").ok_or_else(|| refused("length is required."))?.min(self.site.page_at_most);
        let filtered = rows.len();
        let rows: Vec<Value> = rows.into_iter().skip(start).take(length).map(render).collect();
        Ok(Response::json(200, &json!({"recordsTotal": total, "recordsFiltered": filtered, "data": rows})))
    }
}
