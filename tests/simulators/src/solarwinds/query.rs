//! `POST Query`: entities, their columns, and the conditions of a query.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::state::{Group, Node, State, Subnet, TEXTS};
use super::swql::{Comparison, Condition, Operand, Select, parse};
use super::{Site, fault};
use crate::Response;

/// Host names of the server in uris.
const SERVER: &str = "orion.example.com";

/// A row of an entity.
enum Row<'a> {
    Group(&'a Group),
    /// A subnet as a node of the tree.
    Leaf(&'a Subnet),
    Subnet(&'a Subnet),
    Node(&'a Node),
    /// Of an entity that tells of the schema.
    Fixed(Map<String, Value>),
}

type Parameters = BTreeMap<String, Value>;

/// Answers a query.
pub(super) fn answer(state: &State, site: &Site, body: Option<&Value>) -> Response {
    let Some(text) = body.and_then(|body| body["query"].as_str()) else {
        return fault(400, "SolarWinds.Data.Query.ParserException", "no query");
    };
    let given = body.and_then(|body| body["parameters"].as_object()).cloned().unwrap_or_default();
    let parameters = given.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    match parse(text).and_then(|select| results(state, site, &select, &parameters)) {
        Ok(results) => Response::json(200, &results),
        Err(text) => fault(400, "SolarWinds.Data.Query.ParserException", &text),
    }
}

fn results(state: &State, site: &Site, select: &Select, parameters: &Parameters) -> Result<Value, String> {
    let entity = select.entity.to_lowercase();
    let all = rows(state, site, &entity, subnet_in(select.filter.as_ref(), parameters));
    let all = all.ok_or_else(|| format!("Source entity [{}] not found in catalog", select.entity))?;
    let view = View { state, site, parameters };
    let mut found = Vec::new();
    for row in all {
        let is_in = match &select.filter {
            Some(filter) => view.holds(filter, &row)?,
            None => true,
        };
        if is_in {
            found.push(row);
        }
    }
    for (path, descending) in select.order.iter().rev() {
        let mut keyed = Vec::new();
        for row in found {
            keyed.push((view.column(&row, path)?, row));
        }
        keyed.sort_by(|(a, _), (b, _)| {
            let ordering = compare(a, b).unwrap_or(Ordering::Equal);
            if *descending { ordering.reverse() } else { ordering }
        });
        found = keyed.into_iter().map(|(_, row)| row).collect();
    }
    let total = found.len();
    let (first, last) = select.rows.unwrap_or((1, usize::MAX));
    let page = found
        .into_iter()
        .skip(first.saturating_sub(1))
        .take((last.saturating_sub(first).saturating_add(1)).min(select.top.unwrap_or(usize::MAX)));
    let mut results = Vec::new();
    for row in page {
        let mut result = Map::new();
        for column in &select.columns {
            result.insert(column.name.clone(), view.column(&row, &column.path)?);
        }
        results.push(Value::Object(result));
    }
    let mut answer = json!({"results": results});
    if select.with_total {
        answer["totalRows"] = total.into();
    }
    Ok(answer)
}

/// The subnet that a query is limited to, so that not every row has to be looked at.
fn subnet_in(filter: Option<&Condition>, parameters: &Parameters) -> Option<i64> {
    match filter? {
        Condition::And(a, b) => subnet_in(Some(a), parameters).or_else(|| subnet_in(Some(b), parameters)),
        Condition::Compare(path, Comparison::Equal, Operand::Parameter(name)) if path == &["subnetid"] => {
            parameters.get(&name.to_lowercase())?.as_i64()
        }
        _ => None,
    }
}

fn rows<'a>(state: &'a State, site: &Site, entity: &str, subnet: Option<i64>) -> Option<Vec<Row<'a>>> {
    Some(match entity {
        "ipam.groupnode" => state.groups.iter().map(Row::Group).chain(state.subnets.values().map(Row::Leaf)).collect(),
        "ipam.subnet" => match subnet {
            Some(id) => state.subnets.get(&id).map(Row::Subnet).into_iter().collect(),
            None => state.subnets.values().map(Row::Subnet).collect(),
        },
        "ipam.ipnode" => match subnet {
            Some(id) => {
                let lowest = (id, [0, 0, 0, 0].into());
                state
                    .nodes
                    .range(lowest..)
                    .take_while(|((at, _), _)| *at == id)
                    .map(|(_, node)| Row::Node(node))
                    .collect()
            }
            None => state.nodes.values().map(Row::Node).collect(),
        },
        "orion.engines" => vec![fixed(json!({"EngineID": 1, "EngineVersion": "2026.2.0.0"}))],
        "metadata.verbargument" => arguments(site),
        "metadata.property" => {
            let property = |(place, name): &(String, String)| fixed(json!({"EntityName": place, "Name": name}));
            state.custom.iter().map(property).collect()
        }
        _ => return None,
    })
}

/// The arguments of the verbs that start a reservation; where it begins to look is new in 2022.2.
fn arguments(site: &Site) -> Vec<Row<'static>> {
    let of = |verb: &'static str, names: &[&'static str]| {
        let newest = if site.has_start_address { names } else { &names[..names.len() - 1] };
        let argument = |(position, name): (usize, &&str)| {
            fixed(json!({
                "EntityName": "IPAM.SubnetManagement", "VerbName": verb, "Position": position, "Name": name,
                "Type": "System.String", "IsOptional": position > 2,
            }))
        };
        newest.iter().enumerate().map(argument).collect::<Vec<_>>()
    };
    let plain = ["subnetAddress", "subnetCidr", "reservationTimeInMinutes", "addressToStart"];
    let group = ["subnetAddress", "subnetCidr", "hierarchyGroup", "reservationTimeInMinutes", "addressToStart"];
    let mut all = of("StartIpReservation", &plain);
    all.extend(of("StartIpReservationForGroup", &group));
    all
}

fn fixed(row: Value) -> Row<'static> {
    let Value::Object(row) = row else { return Row::Fixed(Map::new()) };
    Row::Fixed(row.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect())
}

struct View<'a> {
    state: &'a State,
    site: &'a Site,
    parameters: &'a Parameters,
}

impl View<'_> {
    fn holds(&self, condition: &Condition, row: &Row<'_>) -> Result<bool, String> {
        Ok(match condition {
            Condition::And(a, b) => self.holds(a, row)? && self.holds(b, row)?,
            Condition::Or(a, b) => self.holds(a, row)? || self.holds(b, row)?,
            Condition::Not(condition) => !self.holds(condition, row)?,
            Condition::IsNull(path) => self.column(row, path)?.is_null(),
            Condition::Compare(path, comparison, operand) => {
                let ordering = compare(&self.column(row, path)?, &self.operand(operand)?);
                ordering.is_some_and(|ordering| match comparison {
                    Comparison::Equal => ordering.is_eq(),
                    Comparison::NotEqual => ordering.is_ne(),
                    Comparison::Less => ordering.is_lt(),
                    Comparison::LessOrEqual => ordering.is_le(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::GreaterOrEqual => ordering.is_ge(),
                })
            }
            Condition::In(path, operands) => {
                let value = self.column(row, path)?;
                let mut is_in = false;
                for operand in operands {
                    is_in |= compare(&value, &self.operand(operand)?) == Some(Ordering::Equal);
                }
                is_in
            }
            Condition::Between(path, low, high) => {
                let value = self.column(row, path)?;
                let from_low = compare(&value, &self.operand(low)?);
                let to_high = compare(&value, &self.operand(high)?);
                from_low.is_some_and(Ordering::is_ge) && to_high.is_some_and(Ordering::is_le)
            }
        })
    }

    fn operand(&self, operand: &Operand) -> Result<Value, String> {
        match operand {
            Operand::Number(number) => Ok((*number).into()),
            Operand::Text(text) => Ok(text.as_str().into()),
            Operand::Parameter(name) => {
                let value = self.parameters.get(&name.to_lowercase());
                value.cloned().ok_or_else(|| format!("Parameter {name} was not specified"))
            }
        }
    }

    fn column(&self, row: &Row<'_>, path: &[String]) -> Result<Value, String> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = match row {
            Row::Group(group) => group_column(group, &names),
            Row::Leaf(subnet) => leaf_column(subnet, &names),
            Row::Subnet(subnet) => subnet_column(subnet, &names),
            Row::Node(node) => match names[..] {
                ["subnet", ref rest @ ..] => {
                    self.state.subnets.get(&node.subnet).and_then(|subnet| subnet_column(subnet, rest))
                }
                _ => self.node_column(node, &names),
            },
            Row::Fixed(row) => row.get(&path.join(".")).cloned(),
        };
        value.ok_or_else(|| format!("Cannot resolve property {}", path.join(".")))
    }

    fn node_column(&self, node: &Node, names: &[&str]) -> Option<Value> {
        let [name] = names else { return None };
        if let Some(text) = TEXTS.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            return Some(node.texts.get(text).cloned().map_or(Value::Null, Value::from));
        }
        Some(match *name {
            "ipnodeid" => node.id.into(),
            "subnetid" => node.subnet.into(),
            "ipaddress" | "displayname" => address_text(node, self.site).into(),
            "ipordinal" => {
                let subnet = self.state.subnets.get(&node.subnet)?;
                u32::try_from(subnet.offset(node.address)).unwrap_or(0).into()
            }
            "status" => node.status.into(),
            "allocpolicy" => 1.into(),
            "skipscan" => node.skip_scan.into(),
            "uri" => uri(node).into(),
            _ => return None,
        })
    }
}

/// The uri of a row.
pub(super) fn uri(node: &Node) -> String {
    format!("swis://{SERVER}/Orion/IPAM.IPNode/IpNodeId={}", node.id)
}

/// Sites with old rows have IPv6 addresses in full.
fn address_text(node: &Node, site: &Site) -> String {
    match node.address {
        std::net::IpAddr::V6(address) if site.ipv6_in_full => {
            address.segments().map(|segment| format!("{segment:04x}")).join(":")
        }
        address => address.to_string(),
    }
}

fn group_column(group: &Group, names: &[&str]) -> Option<Value> {
    Some(match names {
        ["groupid"] => group.id.into(),
        ["parentid"] => group.parent.into(),
        ["grouptype"] => group.kind.into(),
        ["friendlyname"] => group.name.as_str().into(),
        ["comments"] => group.comments.as_str().into(),
        ["address" | "cidr"] => Value::Null,
        _ => return None,
    })
}

fn leaf_column(subnet: &Subnet, names: &[&str]) -> Option<Value> {
    match names {
        ["groupid"] => Some(subnet.group.into()),
        ["subnetid" | "uri"] => None,
        _ => subnet_column(subnet, names),
    }
}

fn subnet_column(subnet: &Subnet, names: &[&str]) -> Option<Value> {
    Some(match names {
        ["subnetid"] => subnet.id.into(),
        ["parentid"] => subnet.parent.into(),
        ["grouptype"] => subnet.kind().into(),
        ["friendlyname"] => subnet.name.as_str().into(),
        ["comments"] => Some(subnet.comments.as_str()).filter(|text| !text.is_empty()).into(),
        ["address"] => subnet.network.to_string().into(),
        ["cidr"] => subnet.length.into(),
        ["vlan" | "location"] => Value::Null,
        ["uri"] => {
            format!("swis://{SERVER}/Orion/IPAM.Subnet/SubnetId={},ParentId={}", subnet.id, subnet.parent).into()
        }
        _ => return None,
    })
}

/// As the database does: case and blanks at the end do not count, and nothing is equal to what is unknown.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let folded = |text: &str| text.trim_end().to_lowercase();
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::String(a), Value::String(b)) => Some(folded(a).cmp(&folded(b))),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => {
            let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            Some(number(a)?.cmp(&number(b)?))
        }
    }
}

/// The whole row, as `GET` of its uri shows it.
pub(super) fn whole(state: &State, site: &Site, node: &Node) -> Value {
    let view = View { state, site, parameters: &Parameters::new() };
    let names = ["IpNodeId", "SubnetId", "IPOrdinal", "IPAddress", "Status", "AllocPolicy", "SkipScan", "Uri"];
    let columns = names.into_iter().chain(TEXTS).map(|name| {
        let value = view.node_column(node, &[name.to_lowercase().as_str()]);
        (name.to_owned(), value.unwrap_or(Value::Null))
    });
    Value::Object(columns.collect())
}
