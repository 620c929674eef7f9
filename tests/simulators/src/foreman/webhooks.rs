//! Records that a client creates: those of the plugin `foreman_webhooks` 3.2, webhooks and their templates, and report
//! templates, whose report is that over all addresses.

use serde_json::{Value, json};

use super::api::{error, page, unprocessable};
use super::state::State;
use crate::{Request, Response};

const EVENTS: [&str; 3] = ["host_created.event.foreman", "host_updated.event.foreman", "host_destroyed.event.foreman"];

/// Names of templates are unique, those of webhooks are not.
pub(super) fn answer(
    request: &Request,
    resource: &str,
    rest: &[&str],
    state: &mut State,
) -> Result<Response, Response> {
    let kind = resource.strip_suffix('s').unwrap_or(resource);
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let search = request.parameter("search").unwrap_or_default();
            let wanted = search.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
            let is_found = |row: &Value| wanted.is_none_or(|name| row["name"] == name);
            let rows = state.webhooks.iter().filter(|(known, row)| known == resource && is_found(row));
            page(request, rows.map(|(_, row)| row.clone()).collect())
        }
        ("GET", [id]) => {
            // Its organizations and locations are shown whole to those who may see it.
            let mut row = find(state, resource, id)?.clone();
            for (kind, key) in [("organizations", "organization_ids"), ("locations", "location_ids")] {
                let mut ids: Vec<u64> = serde_json::from_value(row[key].clone()).unwrap_or_default();
                if kind == "organizations" && row["default"] == true {
                    // New ones get it.
                    ids = (1..=state.organizations).collect();
                }
                row[kind] = json!(ids.iter().map(|id| taxonomy(kind, *id)).collect::<Vec<_>>());
            }
            Ok(Response::json(200, &row))
        }
        ("POST", []) => {
            let mut row = attributes(request, kind)?;
            let is_taken = |(known, other): &(String, Value)| known == resource && other["name"] == row["name"];
            if kind != "webhook" && state.webhooks.iter().any(is_taken) {
                let full = ["Name has already been taken".to_owned()];
                return Err(unprocessable(None, "name", "has already been taken", &full));
            }
            validate(kind, &row)?;
            row["id"] = json!(state.webhooks.len() + 100);
            state.webhooks.push((resource.to_owned(), row.clone()));
            Ok(Response::json(201, &row))
        }
        ("PUT", [id]) => {
            let new = attributes(request, kind)?;
            validate(kind, &new)?;
            let row = find(state, resource, id)?;
            for (key, value) in new.as_object().into_iter().flatten() {
                row[key] = value.clone();
            }
            Ok(Response::json(200, row))
        }
        ("DELETE", [id]) => {
            let row = find(state, resource, id)?.clone();
            state.webhooks.retain(|(known, other)| known != resource || *other != row);
            Ok(Response::json(200, &row))
        }
        _ => Err(Response::html(404, "<html><body>Page not found</body></html>")),
    }
}

/// An organization or a location.
pub(super) fn taxonomy(kind: &str, id: u64) -> Value {
    let name = format!("{kind} {id}");
    json!({"id": id, "name": name, "title": name})
}

/// `POST /report_templates/:id/generate`: the report over all addresses, if the template is one.
pub(super) fn report(id: &str, login: &str, state: &mut State) -> Result<Response, Response> {
    let text = find(state, "report_templates", id)?["template"].as_str().unwrap_or_default().to_owned();
    if let Some(host) = state.broken.first() {
        let message = format!("Generating Report template failed for: undefined method of {host}.");
        return Err(error(422, json!({"message": message})));
    }
    let parts =
        ["load_hosts(includes: [interfaces: [:subnet, :subnet6]])", "report_row('host_id': host.id", "report_render"];
    if !parts.iter().all(|part| text.contains(part)) {
        return Ok(Response::json(200, &json!([{"another": "report"}])));
    }
    let hosts = state.hosts.iter().zip(1..);
    let hosts = hosts.filter(|(host, _)| !state.deleted.contains(&host.name) && state.sees_host(login, &host.name));
    let rows = hosts.flat_map(|(host, id)| host.report_rows(id, &|subnet| state.sees_subnet(login, subnet)));
    Ok(Response::json(200, &json!(rows.collect::<Vec<_>>())))
}

fn attributes(request: &Request, kind: &str) -> Result<Value, Response> {
    let body = request.json().unwrap_or_default();
    let attributes = body.get(kind).filter(|attributes| attributes.is_object()).cloned();
    attributes.ok_or_else(|| error(400, json!({"message": format!("Missing parameter {kind}")})))
}

fn validate(kind: &str, row: &Value) -> Result<(), Response> {
    let is_known = row["event"].as_str().is_some_and(|event| EVENTS.contains(&event));
    if kind == "webhook" && !is_known {
        return Err(unprocessable(None, "event", "is not included in the list", &["Event is not included".to_owned()]));
    }
    Ok(())
}

fn find<'s>(state: &'s mut State, resource: &str, id: &str) -> Result<&'s mut Value, Response> {
    let found =
        state.webhooks.iter_mut().find(|(known, row)| known == resource && row["id"].as_u64() == id.parse().ok());
    let message = format!("Resource {resource} not found by id '{id}'");
    found.map(|(_, row)| row).ok_or_else(|| error(404, json!({"message": message})))
}
