//! From a request to a controller: the path or the query that names it, the app, the token, the lock.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::body::{Outcome, Refusal, Success, response, unauthorized};
use super::state::{App, Security, State};
use super::{Lock, Scheme, Version, account, address_writes, addresses, filter, sections, subnets};
use crate::{Request, Response};

/// A request as a controller sees it.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) app: App,
    pub(super) controller: String,
    /// `id`, `id2` and `id3`; segments that are exactly `0` have been dropped before.
    pub(super) ids: Vec<String>,
    /// What was sent in the query and the body.
    pub(super) parameters: Map<String, Value>,
    pub(super) token: Option<String>,
    pub(super) authorization: Option<String>,
    /// The type of the body without its parameters, also where there is no body.
    media_type: Option<String>,
}

impl Call {
    /// Answers a request; the cookie is set whatever comes of it.
    pub(super) fn answer(state: &mut State, request: &Request) -> Response {
        if !state.database_up {
            return response(Err(Refusal::Fatal));
        }
        let has_cookie = request.header("cookie").is_some_and(|cookies| cookies.contains("phpipam="));
        if !has_cookie {
            state.session_rows += 1;
        }
        let outcome = Self::outcome(state, request);
        let is_unauthorized = matches!(&outcome, Err(Refusal::Says(401, message)) if message == "Unauthorized");
        let answer = if is_unauthorized { unauthorized() } else { response(outcome) };
        let row = state.session_rows;
        answer.with_header(
            "Set-Cookie",
            format!("phpipam=simulated{row}; Max-Age=86400; path=/; SameSite=Lax; HttpOnly;"),
        )
    }

    fn outcome(state: &mut State, request: &Request) -> Outcome {
        if !state.encoded_slashes && request.path.to_lowercase().contains("%2f") {
            return Err(Refusal::Apache);
        }
        let (app, mut names) = route(request)?;
        let controller = if names.is_empty() { String::new() } else { names.remove(0).to_lowercase() };
        let media_type = request.header("content-type");
        let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_owned());
        let parameters = parameters(request, media_type.as_deref())?;
        if state.is_blocked() {
            let adverb = if state.version < Version::V1_7 { "excesive" } else { "excessive" };
            return Refusal::says(
                500,
                format!("Your IP has been blocked for 5 minutes because of {adverb} login failures"),
            );
        }
        if !state.api_enabled {
            return Refusal::says(503, "API server disabled");
        }
        let known = state.apps.iter().find(|known| known.id.eq_ignore_ascii_case(&app)).cloned();
        let Some(app) = known else { return Refusal::says(400, "Invalid application id") };
        let header = |name: &str| request.header(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let token = header("token").or_else(|| header("phpipam-token"));
        let call = Self {
            method: request.method.clone(),
            app,
            controller,
            ids: names,
            parameters,
            token,
            authorization: header("authorization"),
            media_type,
        };
        call.check_app(state, header("host"))?;
        if call.controller == "user" {
            if state.version < Version::V1_8 && call.app.security == Security::SslCode && call.method != "GET" {
                account::admit(&call, state)?;
                return Refusal::says(409, "Authentication not needed");
            }
            call.check_type(state)?;
            return call.locked(state).and_then(|()| account::answer(&call, state));
        }
        account::admit(&call, state)?;
        let asks_for_text = header("api-stringify-results").is_some() && state.version >= Version::V1_7;
        let stringify = asks_for_text || state.stringify;
        let outcome = call.dispatch(state)?;
        Ok(if stringify { Success { data: outcome.data.map(stringified), ..outcome } } else { outcome })
    }

    fn check_app(&self, state: &State, host: Option<String>) -> Result<(), Refusal> {
        // Apache takes the port from the Host header, and phpIPAM takes port 443 for TLS.
        let is_https = state.scheme == Scheme::Https || host.is_some_and(|host| host.ends_with(":443"));
        if self.app.permission == 0 && state.version >= Version::V1_8 {
            return Refusal::says(503, "Application disabled");
        }
        let needs_tls = match self.app.security {
            Security::SslToken | Security::SslCode => !is_https,
            Security::None => !state.unsafe_allowed,
            Security::Crypt => return Refusal::says(503, "Invalid enc_request"),
            Security::User => return Refusal::says(503, "Invalid app security"),
        };
        if needs_tls { Refusal::says(503, "SSL connection is required for API") } else { Ok(()) }
    }

    /// Comes after token and permission. Before version 1.8, on PHP 8, an empty type is refused: nginx makes one where there
    /// is none.
    fn check_type(&self, state: &State) -> Result<(), Refusal> {
        match self.media_type.as_deref().or(state.is_behind_nginx.then_some("")) {
            None | Some("application/json" | "application/x-www-form-urlencoded") => Ok(()),
            Some("") if state.version >= Version::V1_8 => Ok(()),
            Some(other) => Refusal::says(415, format!("Invalid Content type {other}")),
        }
    }

    pub(super) fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PATCH" | "PUT" | "DELETE")
    }

    /// Every write waits for the lock of its app, the login too; reads never do.
    fn locked(&self, state: &State) -> Result<(), Refusal> {
        match state.locked {
            Some(lock) if self.is_write() && self.app.lock == Some(lock) => Err(match (state.version, lock) {
                (Version::V1_5 | Version::V1_6 | Version::V1_7, _) => Refusal::LockedSilently,
                (Version::V1_8, Lock::File) => {
                    Refusal::Locked("Cannot obtain lock for /tmp/phpipam_api_lock.txt after 2.0040 seconds".to_owned())
                }
                (Version::V1_8, Lock::Mysql) => {
                    Refusal::Locked("MySQL wait timeout exceeded after 2.0006 seconds".to_owned())
                }
            }),
            _ => Ok(()),
        }
    }

    fn dispatch(&self, state: &mut State) -> Outcome {
        match self.method.as_str() {
            "GET" | "HEAD" | "POST" | "PATCH" | "PUT" | "DELETE" | "OPTIONS" => {}
            _ => return Refusal::says(501, "Not Implemented"),
        }
        if self.is_write() && self.app.permission < 2 {
            return Refusal::says(401, "invalid permissions");
        }
        self.check_type(state)?;
        self.locked(state)?;
        if self.method == "OPTIONS" {
            return self.options();
        }
        let is_read = matches!(self.method.as_str(), "GET" | "HEAD");
        match (self.controller.as_str(), is_read) {
            ("sections", true) => filter::filtered(state.version, self, sections::read(self, state)),
            ("subnets", true) => filter::filtered(state.version, self, subnets::read(self, state)),
            ("folders", true) => filter::filtered(state.version, self, subnets::folders(self, state)),
            ("addresses", true) => filter::filtered(state.version, self, addresses::read(self, state)),
            ("sections", false) => sections::write(self, state),
            ("addresses", false) => address_writes::write(self, state),
            ("", _) => Refusal::says(400, "Request is not valid"),
            _ => Refusal::says(400, "Invalid controller"),
        }
    }

    fn options(&self) -> Outcome {
        let app = self.app.id;
        match self.controller.as_str() {
            "" => {
                let permissions = ["No access", "Read", "Write", "Admin"][usize::from(self.app.permission)];
                let controller = |name: &str| json!({"rel": name, "href": format!("/api/{app}/{name}/")});
                let controllers: Vec<Value> = ["sections", "subnets", "folders", "addresses"].map(controller).to_vec();
                Success::data(json!({"permissions": permissions, "controllers": controllers}))
            }
            name => Success::data(methods(app, name)),
        }
    }

    /// A parameter as text, also when it was sent as a number.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.parameters.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// What `OPTIONS` says of a controller.
pub(super) fn methods(app: &str, controller: &str) -> Value {
    let entry = |rel: &str, method: &str| json!({"rel": rel, "method": method});
    json!({"methods": [
        {"href": format!("/api/{app}/{controller}/"), "methods": [entry("options", "OPTIONS")]},
        {"href": format!("/api/{app}/{controller}/{{id}}/"), "methods": [entry("read", "GET")]},
    ]})
}

/// The app, and the controller with its ids, from the path or from the query of `index.php`.
fn route(request: &Request) -> Result<(String, Vec<String>), Refusal> {
    let Some((_, path)) = request.path.split_once("/api/") else { return Err(Refusal::Apache) };
    if path.is_empty() || path == "index.php" {
        let name = |key: &str| request.parameter(key).filter(|value| !value.is_empty());
        let names = ["controller", "id", "id2", "id3"].into_iter().filter_map(name);
        return Ok((name("app_id").unwrap_or_default(), names.collect()));
    }
    // The rewriting rule wants a slash at the end of the path; without it the query sticks to the last segment.
    let path = match (request.query.as_str(), path.ends_with('/')) {
        ("", _) | (_, true) => path.to_owned(),
        (query, false) => format!("{path}?{query}"),
    };
    let mut names = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != "0") {
        let decoded = percent_decode_str(&segment.replace('+', " ")).decode_utf8().map(std::borrow::Cow::into_owned);
        names.push(decoded.map_err(|_| Refusal::Unencodable)?);
    }
    let app = if names.is_empty() { String::new() } else { names.remove(0) };
    Ok((app, names))
}

/// What is in the query and in the body. What is no JSON is read as a form.
fn parameters(request: &Request, media_type: Option<&str>) -> Result<Map<String, Value>, Refusal> {
    let mut parameters: Map<String, Value> =
        request.parameters().into_iter().map(|(key, value)| (key, Value::String(value))).collect();
    for key in ["app_id", "controller", "id", "id2", "id3"] {
        parameters.remove(key);
    }
    match media_type {
        Some("application/json") if request.body.is_empty() => {}
        Some("application/json") => match request.json() {
            Some(Value::Object(body)) => parameters.extend(body),
            Some(_) => {}
            None => return Refusal::says(400, "Invalid JSON: Syntax error"),
        },
        _ => {
            let form = Request { query: String::from_utf8_lossy(&request.body).into_owned(), ..request.clone() };
            parameters.extend(form.parameters().into_iter().map(|(key, value)| (key, Value::String(value))));
        }
    }
    Ok(parameters)
}

/// Numbers of the database as text; what PHP computes stays a number.
fn stringified(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_f64() => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(stringified).collect(),
        Value::Object(fields) => {
            let text = |(key, value): (String, Value)| {
                let is_computed = key.ends_with("_percent");
                (key, if is_computed { value } else { stringified(value) })
            };
            fields.into_iter().map(text).collect()
        }
        other => other,
    }
}
