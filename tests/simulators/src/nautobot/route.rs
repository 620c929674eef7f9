//! From a request to what answers it: host, slash, version, token, path, permission.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Nautobot;
use super::render::Depth;
use super::state::{Prefix, State, User};
use crate::{Request, Response};

pub(super) fn detail(status: u16, text: &str) -> Response {
    Response::json(status, &json!({"detail": text}))
}

fn forbidden() -> Response {
    detail(403, "You do not have permission to perform this action.")
}

/// `range_start` and `range_end`, both included.
pub(super) fn range(request: &Request, prefix: &Prefix) -> Result<(IpAddr, IpAddr), Response> {
    let bound = |name: &str, default: IpAddr| match request.parameter(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            let what = format!("failed to detect a valid IP address from '{text}'");
            detail(400, &format!("Incorrectly formatted address in parameter {name}: {what}"))
        }),
    };
    Ok((bound("range_start", prefix.net.first())?, bound("range_end", prefix.net.last())?))
}

const API_VERSIONS: [&str; 8] = ["2.0", "2.1", "2.2", "2.3", "2.4", "3.0", "3.1", "3.2"];

impl Nautobot {
    /// Who asks. The scheme is `Token`, no other.
    fn authenticate(&self, state: &State, request: &Request) -> Result<User, Response> {
        let given = request.header("authorization").and_then(|value| value.strip_prefix("Token "));
        let token = given.ok_or_else(|| detail(403, "Authentication credentials were not provided."))?;
        let user = state.users.iter().find(|user| user.token == token);
        user.cloned().ok_or_else(|| detail(403, "Invalid token"))
    }

    pub(super) fn respond(&self, request: &Request) -> Result<Response, Response> {
        let host = request.header("host").unwrap_or("127.0.0.1");
        if !(host.starts_with("127.0.0.1") || host.starts_with("localhost")) {
            return Err(Response::html(400, "<!doctype html><title>Bad Request (400)</title>"));
        }
        if !request.path.ends_with('/') {
            let location = format!("{}/", request.path);
            return Err(Response::html(301, "").with_header("Location", location));
        }
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["api", path @ .., ""] = segments.as_slice() else {
            return Err(Response::html(404, "<!doctype html><title>Page Not Found</title>"));
        };
        let accept = request.header("accept").unwrap_or_default();
        if let Some((_, version)) = accept.split_once("version=")
            && !API_VERSIONS.contains(&version)
        {
            let known = API_VERSIONS.join(", ");
            let text = format!("Invalid version \"{version}\" in \"Accept\" header. Supported versions are: {known}");
            return Err(detail(406, &text));
        }
        let mut state = self.state();
        let user = self.authenticate(&state, request);
        self.route(&mut state, request, path, user)
    }

    fn route(
        &self,
        state: &mut State,
        request: &Request,
        path: &[&str],
        user: Result<User, Response>,
    ) -> Result<Response, Response> {
        let no_prefix = || detail(404, "No Prefix matches the given query.");
        let no_address = || detail(404, "No IPAddress matches the given query.");
        match (request.method.as_str(), path) {
            ("GET", ["status"]) => {
                user?;
                Ok(Response::json(200, &json!({"nautobot-version": "3.2.7", "python-version": "3.12.1"})))
            }
            ("GET", ["ipam", "prefixes", id]) => {
                allowed(&user?, "view ipam.prefix")?;
                let depth = request.parameter("depth").and_then(|depth| depth.parse().ok()).unwrap_or(0);
                let prefix = state.prefix(id).ok_or_else(no_prefix)?;
                Ok(Response::json(200, &state.prefix_json(prefix, Depth(depth))))
            }
            (method @ ("GET" | "POST"), ["ipam", "prefixes", id, "available-ips"]) => {
                let user = user?;
                allowed(&user, "view ipam.prefix")?;
                allowed(&user, if method == "GET" { "view ipam.ipaddress" } else { "add ipam.ipaddress" })?;
                let prefix = state.prefix(id).ok_or_else(no_prefix)?;
                if method == "POST" {
                    return Ok(self.allocate(state, request, id, &user));
                }
                let (from, to) = range(request, prefix)?;
                let is_unlimited = request.parameter("limit").as_deref() == Some("-1");
                let limit = if is_unlimited { usize::MAX } else { self.limit(request) };
                let (version, length) = (prefix.net.version(), prefix.net.length());
                let row = |host: IpAddr| json!({"ip_version": version, "address": format!("{host}/{length}")});
                let free: Vec<Value> = state.available(prefix, from, to, limit).into_iter().map(row).collect();
                Ok(Response::json(200, &free.into()))
            }
            ("GET", ["ipam", "ip-addresses", id]) => {
                allowed(&user?, "view ipam.ipaddress")?;
                let address = state.address(id).ok_or_else(no_address)?;
                Ok(Response::json(200, &state.address_json(address, Depth(0))))
            }
            ("PATCH", ["ipam", "ip-addresses", id]) => {
                let user = user?;
                allowed(&user, "change ipam.ipaddress")?;
                state.address(id).ok_or_else(no_address)?;
                Ok(self.change(state, request, id, &user))
            }
            ("DELETE", ["ipam", "ip-addresses", id]) => {
                allowed(&user?, "delete ipam.ipaddress")?;
                if state.undeletable.contains(*id) {
                    return Err(no_address());
                }
                let at = state.addresses.iter().position(|known| known.id == *id).ok_or_else(no_address)?;
                state.addresses.remove(at);
                Ok(Response::empty(204))
            }
            ("POST", ["ipam", "ip-addresses"]) => {
                let user = user?;
                allowed(&user, "add ipam.ipaddress")?;
                Ok(self.create(state, request, &user))
            }
            ("GET", [app, objects]) => {
                let Some(kind) = kind(app, objects) else { return Err(detail(404, "Not found.")) };
                allowed(&user?, &format!("view {kind}"))?;
                self.list(state, request, [app, objects]).ok_or_else(|| detail(404, "Not found."))
            }
            _ => Err(detail(404, "Not found.")),
        }
    }
}

/// The type of the objects of a path.
fn kind(app: &str, objects: &str) -> Option<&'static str> {
    Some(match (app, objects) {
        ("ipam", "namespaces") => "ipam.namespace",
        ("ipam", "prefixes") => "ipam.prefix",
        ("ipam", "ip-addresses") => "ipam.ipaddress",
        ("ipam", "vrfs") => "ipam.vrf",
        ("extras", "statuses") => "extras.status",
        ("extras", "tags") => "extras.tag",
        ("tenancy", "tenants") => "tenancy.tenant",
        _ => return None,
    })
}

/// The right is looked at before anything else of the request.
fn allowed(user: &User, permission: &str) -> Result<(), Response> {
    let is_write = !permission.starts_with("view ");
    let may = user.permissions.contains(permission) && (user.writes || !is_write);
    if may { Ok(()) } else { Err(forbidden()) }
}
