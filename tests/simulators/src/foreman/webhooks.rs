//! The plugin `foreman_webhooks` 3.2: webhooks and their templates, as records only.

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
            let rows = state.webhooks.iter().filter(|(known, _)| known == resource);
            page(request, rows.map(|(_, row)| row.clone()).collect())
        }
        ("POST", []) => {
            let mut row = attributes(request, kind)?;
            let is_taken = |(known, other): &(String, Value)| known == resource && other["name"] == row["name"];
            if kind == "webhook_template" && state.webhooks.iter().any(is_taken) {
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
