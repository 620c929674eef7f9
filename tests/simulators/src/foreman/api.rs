//! The API: who asks, what for, and with which outcome.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::inventory::Host;
use super::state::{Record, State, User};
use super::{Shared, oauth, webhooks};
use crate::{Request, Response};

/// How many records a page of a list has, unless it is asked for otherwise: Foreman's setting `entries_per_page`.
const PER_PAGE: i64 = 20;

pub(super) fn answer(request: &Request, shared: &Shared) -> Response {
    match try_answer(request, shared) {
        Ok(response) | Err(response) => response,
    }
}

fn try_answer(request: &Request, shared: &Shared) -> Result<Response, Response> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let no_page = || Response::html(404, "<html><body>Page not found</body></html>");
    let Some([resource, rest @ ..]) = segments.strip_prefix(&["api", "v2"]) else { return Err(no_page()) };
    let is_of_webhooks = ["webhooks", "webhook_templates"].contains(resource);
    let known = ["smart_proxies", "subnets", "hosts", "organizations", "locations", "current_user", "report_templates"];
    let is_known = known.contains(resource);
    if !(is_known || is_of_webhooks && shared.state().has_webhooks) {
        return Err(no_page());
    }
    let is_json = request.header("content-type").is_some_and(|kind| kind.split(';').next() == Some("application/json"));
    if ["POST", "PUT"].contains(&request.method.as_str()) && !is_json {
        return Err(error(415, json!({"message": "Please use 'Content-Type: application/json'"})));
    }
    let user = authenticate(request, &mut shared.state())?;
    if request.header("cookie").is_some() && shared.state().session_has_ended {
        // It is not looked at the credentials then.
        return Err(error(401, json!({"message": "Your session has expired, please log in again"})));
    }
    let allow = |permission: &'static str| {
        if user.permissions.contains(&permission) {
            return Ok(());
        }
        let details = format!("Missing one of the required permissions: {permission}");
        let body = json!({"message": "Access denied", "details": details, "missing_permissions": [permission]});
        Err(error(403, body))
    };
    if is_of_webhooks {
        allow("webhooks")?;
        return webhooks::answer(request, resource, rest, &mut shared.state());
    }
    let login = user.login.as_str();
    match (*resource, request.method.as_str(), rest) {
        // Needs no right.
        ("current_user", "GET", []) => Ok(current_user(login, &shared.state())),
        ("report_templates", "POST", [id, "generate"]) => {
            allow("generate_report_templates")?;
            webhooks::report(id, login, &mut shared.state())
        }
        ("report_templates", method, rest) => {
            allow(if method == "GET" { "view_report_templates" } else { "edit_report_templates" })?;
            if method == "GET" && shared.state().organizations_of(login).is_some_and(|own| own.is_empty()) {
                return page(request, Vec::new());
            }
            webhooks::answer(request, resource, rest, &mut shared.state())
        }
        ("subnets", "GET", []) => {
            allow("view_subnets")?;
            let state = shared.state();
            let subnets = state.subnets.iter().zip(1..).filter(|(_, id)| state.sees_subnet(login, *id));
            page(request, subnets.map(|(subnet, id)| subnet.to_json(id, &state)).collect())
        }
        ("subnets", "GET", [id]) => {
            allow("view_subnets")?;
            subnet(id, login, &shared.state())
        }
        ("hosts", "GET", []) => {
            allow("view_hosts")?;
            let is_thin = request.parameter("thin").as_deref() == Some("1");
            let state = shared.state();
            let search = request.parameter("search").unwrap_or_default();
            let mut found = hosts(&search, &state)?;
            found.retain(|(host, _)| state.sees_host(login, &host.name));
            page(request, found.into_iter().map(|(host, id)| host.to_json(id, is_thin)).collect())
        }
        ("hosts", "GET", [id]) => {
            allow("view_hosts")?;
            let state = shared.state();
            let (host, id) = host(id, login, &state)?;
            Ok(Response::json(200, &host.to_full_json(id)))
        }
        ("hosts", "GET", [id, "interfaces"]) => {
            allow("view_hosts")?;
            interfaces(request, id, login, &shared.state())
        }
        ("organizations" | "locations", "GET", []) => {
            allow("view_taxonomies")?;
            let all = shared.state().organizations_of(login);
            let ids = all.filter(|_| *resource == "organizations").unwrap_or_else(|| vec![1, 2, 3]);
            page(request, ids.into_iter().map(|id| webhooks::taxonomy(resource, id)).collect())
        }
        ("smart_proxies", "GET", []) => {
            allow("view_smart_proxies")?;
            list(request, &shared.state())
        }
        ("smart_proxies", "GET", [id]) => {
            allow("view_smart_proxies")?;
            Ok(Response::json(200, &find(&shared.state(), id)?.to_json()))
        }
        ("smart_proxies", "POST", []) => {
            allow("create_smart_proxies")?;
            create(request, shared)
        }
        ("smart_proxies", "PUT", [id]) => {
            allow("edit_smart_proxies")?;
            update(request, id, shared)
        }
        ("smart_proxies", "PUT", [id, "refresh"]) => {
            allow("edit_smart_proxies")?;
            refresh(id, shared)
        }
        ("smart_proxies", "DELETE", [id]) => {
            allow("destroy_smart_proxies")?;
            destroy(id, &mut shared.state())
        }
        _ => Err(no_page()),
    }
}

/// The layout of errors: everything is below `error`.
pub(super) fn error(status: u16, body: Value) -> Response {
    Response::json(status, &json!({"error": body}))
}

fn authenticate(request: &Request, state: &mut State) -> Result<User, Response> {
    let authorization = request.header("authorization").unwrap_or_default();
    let (login, user) = if let Some(encoded) = authorization.strip_prefix("Basic ") {
        let pair = openssl::base64::decode_block(encoded).unwrap_or_default();
        let pair = String::from_utf8_lossy(&pair).into_owned();
        let (login, password) = pair.split_once(':').unwrap_or((&pair, ""));
        let user = state.user(login).filter(|user| user.password == password).cloned();
        (login.to_owned(), user)
    } else if authorization.starts_with("OAuth ") {
        (String::new(), oauth::user(request, authorization, state))
    } else {
        (String::new(), None)
    };
    user.ok_or_else(|| error(401, json!({"message": format!("Unable to authenticate user {login}")})))
}

fn list(request: &Request, state: &State) -> Result<Response, Response> {
    let search = request.parameter("search").unwrap_or_default();
    let terms =
        terms(&search).ok_or_else(|| error(400, json!({"message": format!("Field not recognized: {search}")})))?;
    let is_found = |record: &&Record| {
        let is_match = |term: &Term| {
            let text = if term.field == "name" { &record.name } else { &record.url };
            if term.is_part { text.to_lowercase().contains(&term.value.to_lowercase()) } else { *text == term.value }
        };
        (terms.is_empty() || terms.iter().any(is_match)) && state.visible(record.id).is_some()
    };
    let mut found: Vec<&Record> = state.records.iter().filter(is_found).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    page(request, found.iter().map(|record| record.to_json()).collect())
}

/// The page of a list that is asked for, in the layout of all lists (`app/views/api/v2/layouts/index_layout`).
pub(super) fn page(request: &Request, found: Vec<Value>) -> Result<Response, Response> {
    let subtotal = found.len();
    let number = |name: &str| request.parameter(name).map(|text| text.parse::<i64>().unwrap_or(-1));
    let is_whole = request.parameter("per_page").as_deref() == Some("all");
    let per_page = if is_whole { Some(i64::MAX) } else { number("per_page") };
    let per_page = usize::try_from(per_page.unwrap_or(PER_PAGE)).map_err(|_| Response::empty(500))?;
    let page = usize::try_from(number("page").unwrap_or(1)).unwrap_or(1).max(1);
    let results: Vec<Value> = found.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    Ok(Response::json(
        200,
        &json!({
            "total": subtotal, "subtotal": subtotal, "selectable": subtotal, "page": page, "per_page": per_page,
            "search": request.parameter("search"), "sort": {"by": null, "order": null}, "results": results,
        }),
    ))
}

/// Who asks. `organizations` and `locations` are those that an administrator has put the user into.
fn current_user(login: &str, state: &State) -> Response {
    let organizations = state.organizations_of(login).unwrap_or_default();
    let organizations: Vec<Value> = organizations.iter().map(|id| webhooks::taxonomy("organizations", *id)).collect();
    let locations: Vec<Value> = (1..=3).map(|id| webhooks::taxonomy("locations", id)).collect();
    let is_admin = State::is_admin(login);
    let body = json!({
        "id": 4, "login": login, "admin": is_admin, "effective_admin": is_admin, "organizations": organizations,
        "locations": locations,
    });
    Response::json(200, &body)
}

/// A subnet, with the interfaces of all hosts in it, also of those that the user may not see.
fn subnet(id: &str, login: &str, state: &State) -> Result<Response, Response> {
    let found = state.subnets.iter().zip(1..).find(|(_, number)| id == number.to_string());
    let found = found.filter(|(_, number)| state.sees_subnet(login, *number));
    let (subnet, number) =
        found.ok_or_else(|| error(404, json!({"message": format!("Resource subnet not found by id '{id}'")})))?;
    let hosts = state.hosts.iter().filter(|host| !state.deleted.contains(&host.name));
    let interfaces = hosts.flat_map(|host| &host.interfaces);
    let interfaces = interfaces.filter(|one| [one.subnet, one.subnet6].contains(&Some(number)));
    let mut whole = subnet.to_json(number, state);
    whole["interfaces"] = interfaces.map(super::inventory::Interface::to_short_json).collect();
    Ok(Response::json(200, &whole))
}

/// A host, by its id or name.
fn host<'s>(id: &str, login: &str, state: &'s State) -> Result<(&'s Host, u64), Response> {
    let found = state.hosts.iter().zip(1..).find(|(host, number)| host.name == id || id == number.to_string());
    let found = found.filter(|(host, _)| !state.deleted.contains(&host.name) && state.sees_host(login, &host.name));
    if found.is_some_and(|(host, _)| state.broken.contains(&host.name)) {
        return Err(error(500, json!({"message": "Internal Server Error: undefined method for nil"})));
    }
    found.ok_or_else(|| error(404, json!({"message": format!("Resource host not found by id '{id}'")})))
}

/// The hosts that a search finds, each with its id: all, or those of `has_ip ^ (192.0.2.5,192.0.2.6)`.
fn hosts<'s>(search: &str, state: &'s State) -> Result<Vec<(&'s Host, u64)>, Response> {
    let all = state.hosts.iter().zip(1..);
    if search.is_empty() {
        return Ok(all.collect());
    }
    let unknown = || error(400, json!({"message": format!("Field not recognized for searching: {search}")}));
    let (field, list) = search.split_once(" ^ (").ok_or_else(unknown)?;
    let texts: Vec<&str> = list.strip_suffix(')').ok_or_else(unknown)?.split(',').collect();
    let is_six = field == "has_ip6";
    if !(field == "has_ip" || (is_six && state.is_at_least(3, 5))) || texts.len() > 300 {
        return Err(unknown());
    }
    let is_visible = |host: &Host| !state.deleted.contains(&host.name);
    Ok(all.filter(|(host, _)| is_visible(host) && host.has_address(is_six, &texts)).collect())
}

/// The interfaces of a host, by its id or name.
fn interfaces(request: &Request, id: &str, login: &str, state: &State) -> Result<Response, Response> {
    let (host, number) = host(id, login, state)?;
    let rows = host.interfaces.iter().enumerate();
    page(request, rows.map(|(row, interface)| interface.to_json(number * 100 + row as u64, row == 0)).collect())
}

/// One condition of a search.
struct Term {
    field: String,
    /// Is it enough when the value is a part, in whatever case? `LIKE` and `ILIKE` of the databases, behind `~`.
    is_part: bool,
    value: String,
}

/// The terms of `name = "a" or url ~ "b"`; `None` for what is not understood.
fn terms(search: &str) -> Option<Vec<Term>> {
    if search.is_empty() {
        return Some(Vec::new());
    }
    let term = |term: &str| {
        let (field, rest) = term.trim().split_once(' ')?;
        let (operator, value) = rest.trim().split_once(' ')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned();
        let is_known = ["name", "url"].contains(&field) && ["=", "~"].contains(&operator);
        is_known.then(|| Term { field: field.to_owned(), is_part: operator == "~", value })
    };
    search.split(" or ").map(term).collect()
}

fn find<'s>(state: &'s State, id: &str) -> Result<&'s Record, Response> {
    // `7-name` is 7.
    let number = percent_decode_str(id).decode_utf8_lossy().split('-').next().and_then(|id| id.parse().ok());
    let record = number.and_then(|id| state.visible(id));
    record.ok_or_else(|| error(404, json!({"message": format!("Resource smart_proxy not found by id '{id}'")})))
}

fn create(request: &Request, shared: &Shared) -> Result<Response, Response> {
    let asked = attributes(request)?;
    let text = |key: &str| asked.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, url) = (text("name"), text("url"));
    validate(&shared.state(), None, &name, &url)?;
    let url = url.trim_end_matches('/').to_owned();
    let features = features(shared, None, &url)?;
    let mut state = shared.state();
    let features: Vec<&str> = features.iter().map(String::as_str).collect();
    let id = state.add(&name, &url, &features);
    Ok(Response::json(201, &find(&state, &id.to_string())?.to_json()))
}

fn update(request: &Request, id: &str, shared: &Shared) -> Result<Response, Response> {
    let asked = attributes(request)?;
    let mut record = find(&shared.state(), id)?.clone();
    let text = |key: &str| asked.get(key).and_then(Value::as_str).map(str::to_owned);
    record.name = text("name").unwrap_or(record.name);
    record.url = text("url").unwrap_or(record.url);
    validate(&shared.state(), Some(record.id), &record.name, &record.url)?;
    save(record, shared)
}

fn refresh(id: &str, shared: &Shared) -> Result<Response, Response> {
    let record = find(&shared.state(), id)?.clone();
    save(record, shared)
}

/// Every save fetches the features.
fn save(mut record: Record, shared: &Shared) -> Result<Response, Response> {
    record.url = record.url.trim_end_matches('/').to_owned();
    record.features = features(shared, Some(record.id), &record.url)?;
    let mut state = shared.state();
    let known = state.records.iter_mut().find(|known| known.id == record.id);
    *known.ok_or_else(|| Response::empty(500))? = record.clone();
    Ok(Response::json(200, &record.to_short_json()))
}

fn destroy(id: &str, state: &mut State) -> Result<Response, Response> {
    // Only use for DHCP, TFTP and the like would be in the way, not External IPAM.
    let record = find(state, id)?.clone();
    state.records.retain(|known| known.id != record.id);
    Ok(Response::json(200, &record.to_short_json()))
}

fn attributes(request: &Request) -> Result<Value, Response> {
    let body = request.json().unwrap_or_default();
    let attributes = body.get("smart_proxy").filter(|attributes| attributes.is_object()).cloned();
    attributes.ok_or_else(|| error(400, json!({"message": "Missing parameter smart_proxy"})))
}

fn validate(state: &State, id: Option<u64>, name: &str, url: &str) -> Result<(), Response> {
    let mut others = state.records.iter().filter(|record| Some(record.id) != id);
    if name.is_empty() {
        return Err(unprocessable(id, "name", "can't be blank", &["Name can't be blank".to_owned()]));
    }
    if others.clone().any(|record| record.name == name) {
        let full = "Name has already been taken".to_owned();
        return Err(unprocessable(id, "name", "has already been taken", &[full]));
    }
    if others.any(|record| record.url == url) {
        let message = "Only one declaration of a proxy is allowed";
        return Err(unprocessable(id, "url", message, &[format!("Url {message}")]));
    }
    Ok(())
}

pub(super) fn unprocessable(id: Option<u64>, attribute: &str, message: &str, full: &[String]) -> Response {
    error(422, json!({"id": id, "errors": {attribute: [message]}, "full_messages": full}))
}

/// Asks the proxy which features it has; those that this Foreman does not know are passed over.
fn features(shared: &Shared, id: Option<u64>, url: &str) -> Result<Vec<String>, Response> {
    // Nothing is locked while the proxy answers.
    let running = shared.caller.features(url).map_err(|exception| {
        let full = [
            format!(
                "Unable to communicate with the proxy: ERF12-2530 [ProxyAPI::ProxyException]: Unable to detect features \
                 ({exception}) for proxy {url}/v2/features"
            ),
            "Please check the proxy is configured and running on the host.".to_owned(),
        ];
        unprocessable(id, "base", &full[0], &full)
    })?;
    let state = shared.state();
    let mut known: Vec<String> = running.iter().filter_map(|name| state.feature(name)).map(str::to_owned).collect();
    known.sort();
    if known.is_empty() {
        let message = if running.is_empty() {
            "No features found on this proxy, please make sure you enable at least one feature".to_owned()
        } else {
            format!(
                "Features \"{}\" in this proxy are not recognized by Foreman. If these features come from a Smart Proxy \
                 plugin, make sure Foreman has the plugin installed too.",
                running.join(" and ")
            )
        };
        return Err(unprocessable(id, "base", &message, std::slice::from_ref(&message)));
    }
    Ok(known)
}
