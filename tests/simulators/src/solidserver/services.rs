//! The services: lists, counts, single records, free addresses, adding and deleting.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::account::refused;
use super::condition::parse;
use super::render::{self, Row};
use super::state::{Address, Network, State};
use super::{Site, Solidserver};
use crate::{Request, Response};

/// What a service is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Members,
    Spaces,
    Networks { is_v6: bool },
    Addresses { is_v6: bool },
}

impl Kind {
    /// The kind that a list, a count or an info is about.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "member" => Self::Members,
            "ip_site" => Self::Spaces,
            "ip_block_subnet" => Self::Networks { is_v6: false },
            "ip6_block6_subnet6" => Self::Networks { is_v6: true },
            "ip_address" => Self::Addresses { is_v6: false },
            "ip6_address6" => Self::Addresses { is_v6: true },
            _ => return None,
        })
    }

    fn id_field(self) -> &'static str {
        match self {
            Self::Members => "member_id",
            Self::Spaces => "site_id",
            Self::Networks { is_v6: false } => "subnet_id",
            Self::Networks { is_v6: true } => "subnet6_id",
            Self::Addresses { is_v6: false } => "ip_id",
            Self::Addresses { is_v6: true } => "ip6_id",
        }
    }
}

type Refused = Response;

/// Recorded: `{"errno":"4","errmsg":"Missing parameter",…}`, with the parameters of which one is needed.
fn missing(service: &str, parameters: &str) -> Refused {
    Response::json(
        400,
        &json!({
            "errno": "4", "errmsg": "Missing parameter", "severity": "error", "parameters": parameters,
            "service_name": service, "category": service,
        }),
    )
}

/// A refusal whose number and words are not recorded.
fn invalid(service: &str, errno: &str, text: &str) -> Refused {
    Response::json(400, &json!({"errno": errno, "errmsg": text, "severity": "error", "category": service}))
}

/// `name` and `ip_name`, `mac_addr` and `ip6_mac_addr`: the first that is there and not empty.
fn first_of(request: &Request, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| request.parameter(name)).find(|value| !value.is_empty())
}

impl Solidserver {
    fn rows(&self, state: &State, kind: Kind) -> Vec<Row> {
        let site = &self.site;
        match kind {
            Kind::Members => vec![
                [
                    ("errno", "0"),
                    ("member_id", "1"),
                    ("member_is_me", "1"),
                    ("member_version", "8.4.0"),
                    ("member_name", "sds"),
                ]
                .into_iter()
                .chain([("member_snmp_cpuload_percent", "1"), ("member_snmp_memory", "1"), ("member_snmp_hdd", "1")])
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            ],
            Kind::Spaces => state.spaces.iter().map(render::space).collect(),
            Kind::Networks { is_v6 } => {
                let networks = state.networks.iter().filter(|network| network.first.is_ipv6() == is_v6);
                networks.map(|network| render::network(state, site, network)).collect()
            }
            Kind::Addresses { is_v6 } => {
                let used = state.addresses.iter().filter(|(place, _)| place.1.is_ipv6() == is_v6);
                let mut rows: Vec<Row> =
                    used.map(|(place, address)| render::address(state, site, *place, address)).collect();
                let networks = state.networks.iter().filter(|network| network.first.is_ipv6() == is_v6);
                for network in networks.filter(|network| network.is_terminal) {
                    let first = state.free(network, network.first, network.last, false).next();
                    rows.extend(first.map(|first| render::free_range(state, site, network, first)));
                }
                rows
            }
        }
    }

    /// The rows that the `WHERE` leaves.
    fn chosen(&self, state: &State, request: &Request, kind: Kind, service: &str) -> Result<Vec<Row>, Refused> {
        let rows = self.rows(state, kind);
        let Some(text) = request.parameter("WHERE").filter(|text| !text.is_empty()) else { return Ok(rows) };
        let dialect = self.site.dialect;
        let condition = parse(&text, dialect).map_err(|error| invalid(service, "10", &error))?;
        let mut chosen = Vec::new();
        for row in rows {
            let field = |name: &str| Some(row.iter().find(|(known, _)| *known == name)?.1.clone());
            if condition.holds(dialect, &field).map_err(|error| invalid(service, "10", &error))? {
                chosen.push(row);
            }
        }
        Ok(chosen)
    }

    /// `..._list`: 204 when nothing is left.
    pub(super) fn list(
        &self,
        state: &State,
        request: &Request,
        kind: Kind,
        service: &str,
    ) -> Result<Response, Refused> {
        let mut rows = self.chosen(state, request, kind, service)?;
        if let Some(order) = request.parameter("ORDERBY") {
            let field = order.split_whitespace().next().unwrap_or_default().to_owned();
            let key = |row: &Row| {
                let value = row.iter().find(|(known, _)| *known == field).map(|(_, value)| value.clone());
                let value = value.unwrap_or_default();
                (value.parse::<u128>().unwrap_or(u128::MAX), value)
            };
            rows.sort_by_cached_key(key);
            if order.to_lowercase().ends_with(" desc") {
                rows.reverse();
            }
        }
        let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let limit = number("limit").unwrap_or(usize::MAX).min(self.site.page_at_most);
        let page: Vec<Value> = rows
            .into_iter()
            .skip(number("offset").unwrap_or(0))
            .take(limit)
            .map(|row| render::json(&self.site, row))
            .collect();
        Ok(if page.is_empty() { Response::empty(204) } else { Response::json(200, &page.into()) })
    }

    /// `..._count`.
    pub(super) fn count(
        &self,
        state: &State,
        request: &Request,
        kind: Kind,
        service: &str,
    ) -> Result<Response, Refused> {
        let total = self.chosen(state, request, kind, service)?.len().to_string();
        Ok(Response::json(200, &json!([{"errno": "0", "total": total}])))
    }

    /// `..._info`: one record by its id. Refusals of these are a list (recorded).
    pub(super) fn info(&self, state: &State, request: &Request, kind: Kind) -> Result<Response, Refused> {
        let field = kind.id_field();
        let Some(id) = request.parameter(field) else {
            let text = format!("Missing parameter {field}");
            return Err(Response::json(400, &json!([{"errno": "4", "errmsg": text, "parameters": field}])));
        };
        let is_it = |row: &Row| row.contains(&(field, id.clone()));
        let found = self.rows(state, kind).into_iter().find(is_it);
        Ok(found
            .map_or_else(|| Response::empty(204), |row| Response::json(200, &json!([render::json(&self.site, row)]))))
    }

    /// `rpc/ip_find_free_address` and its twin for IPv6.
    pub(super) fn find_free(&self, state: &State, request: &Request, is_v6: bool) -> Result<Response, Refused> {
        let (service, field) =
            if is_v6 { ("ip6_find_free_address6", "subnet6_id") } else { ("ip_find_free_address", "subnet_id") };
        let id: u64 = request.parameter(field).and_then(|id| id.parse().ok()).ok_or_else(|| missing(service, field))?;
        let is_it = |network: &&Network| network.id == id && network.first.is_ipv6() == is_v6;
        let Some(network) = state.networks.iter().find(is_it) else {
            return if self.site.refuses_what_is_gone {
                Err(invalid(service, "6", "Subnet does not exist"))
            } else {
                Ok(Response::empty(204))
            };
        };
        let at_most = request.parameter("max_find").and_then(|text| text.parse().ok()).unwrap_or(1);
        let address = |name: &str| request.parameter(name).and_then(|text| text.parse::<IpAddr>().ok());
        let from = address("begin_addr").unwrap_or(network.first).max(network.first);
        let to = address("end_addr").unwrap_or(network.last).min(network.last);
        let free = state.free(network, from, to, self.site.offers_edges).take(self.site.finds_at_most.min(at_most));
        let rows: Vec<Value> = free.map(|host| render::json(&self.site, render::found(state, network, host))).collect();
        let is_empty = rows.is_empty() || !network.is_terminal;
        Ok(if is_empty { Response::empty(204) } else { Response::json(200, &rows.into()) })
    }

    /// `ip_add` and `ip6_address6_add`, to add or to edit.
    pub(super) fn add(&self, state: &mut State, request: &Request, is_v6: bool) -> Result<Response, Refused> {
        let (service, id_field) = if is_v6 { ("ip6_address6_add", "ip6_id") } else { ("ip_add", "ip_id") };
        let flag = request.parameter("add_flag").unwrap_or_else(|| "new_edit".to_owned());
        let by_id = first_of(request, &[id_field]).and_then(|id| state.place_of(id.parse().ok()?, is_v6));
        let place = match by_id {
            Some(place) => place,
            None => self.place(state, request, is_v6, service, id_field)?,
        };
        let known = state.addresses.get(&place).cloned();
        match (flag.as_str(), &known) {
            // Neither number nor words are recorded.
            ("new_only", Some(_)) => return Err(invalid(service, "5027", "IP address already exist")),
            ("edit_only", None) => return Err(invalid(service, "6", "IP address does not exist")),
            _ => {}
        }
        if known.is_none() && !self.site.has_orphans && state.network_of(place.0, place.1).is_none() {
            return Err(invalid(service, "5025", "IP address is not in a terminal network"));
        }
        let (name, mac, class) =
            if is_v6 { ("ip6_name", "ip6_mac_addr", "ip6_class") } else { ("name", "mac_addr", "ip_class") };
        let id = known.as_ref().map_or_else(|| state.new_id(), |known| known.id);
        let old = known.unwrap_or(Address {
            id,
            name: String::new(),
            mac: None,
            class_name: String::new(),
            class_parameters: String::new(),
        });
        let address = Address {
            id,
            name: first_of(request, &[name, "ip_name"]).unwrap_or(old.name),
            mac: first_of(request, &[mac, "mac_addr"]).or(old.mac),
            class_name: request.parameter(&format!("{class}_name")).unwrap_or(old.class_name),
            class_parameters: request.parameter(&format!("{class}_parameters")).unwrap_or(old.class_parameters),
        };
        state.addresses.insert(place, address);
        Ok(Response::json(201, &json!([{"ret_oid": id.to_string()}])))
    }

    /// `ip_delete` and `ip6_address6_delete`, by id or by space and address.
    pub(super) fn delete(&self, state: &mut State, request: &Request, is_v6: bool) -> Result<Response, Refused> {
        let (service, id_field) = if is_v6 { ("ip6_address6_delete", "ip6_id") } else { ("ip_delete", "ip_id") };
        let place = match first_of(request, &[id_field]) {
            Some(id) => id.parse().ok().and_then(|id| state.place_of(id, is_v6)),
            None => Some(self.place(state, request, is_v6, service, id_field)?),
        };
        match place.and_then(|place| state.addresses.remove(&place)) {
            Some(address) => Ok(Response::json(200, &json!([{"ret_oid": address.id.to_string()}]))),
            // What is said of an address that is not there is not recorded.
            None if self.site.refuses_what_is_gone => Err(invalid(service, "6", "IP address does not exist")),
            None => Ok(Response::empty(204)),
        }
    }

    /// Space and address that a write names.
    fn place(
        &self,
        state: &State,
        request: &Request,
        is_v6: bool,
        service: &str,
        id_field: &str,
    ) -> Result<(u64, IpAddr), Refused> {
        let Some(text) = first_of(request, &["hostaddr"]) else {
            return Err(missing(service, &format!("{id_field}/hostaddr")));
        };
        let address: Option<IpAddr> = text.parse().ok().filter(|address: &IpAddr| address.is_ipv6() == is_v6);
        let address = address.ok_or_else(|| invalid(service, "5", "Invalid parameter hostaddr"))?;
        let space = match (first_of(request, &["site_id"]), first_of(request, &["site_name"])) {
            (Some(id), _) => id.parse().ok().and_then(|id| state.space(id)),
            (None, Some(name)) => state.space_named(&name),
            (None, None) => return Err(missing(service, "site_id/site_name")),
        };
        let space = space.ok_or_else(|| invalid(service, "6", "Space does not exist"))?;
        Ok((space.id, address))
    }

    /// `OPTIONS /rest/<service>`: what the service takes (recorded, shortened here).
    pub(super) fn help(service: &str) -> Response {
        Response::json(200, &json!([{"errno": "0", "description": service}]))
    }

    pub(super) fn unknown(service: &str) -> Response {
        refused(404, &format!("Unknown service {service}"))
    }
}

impl Site {
    /// What a SOLIDserver that nothing is odd about does.
    pub(super) const PLAIN: Self = Self {
        dialect: super::Dialect { backslash_escapes: false, ignores_case: false },
        page_at_most: usize::MAX,
        finds_at_most: usize::MAX,
        numbers_are_numbers: false,
        is_old: false,
        lowers_names: false,
        has_orphans: false,
        offers_edges: false,
        refuses_what_is_gone: true,
        denies_with_400: false,
    };
}
