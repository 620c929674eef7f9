//! Who asks, for what, and may they?

use std::net::Ipv4Addr;

use super::Tcpwave;
use super::state::State;
use crate::tls::CLIENT;
use crate::{Request, Response};

/// An answer, or a refusal.
pub(super) type Answered = Result<Response, Response>;

impl Tcpwave {
    pub(super) fn respond(&self, request: &Request) -> Answered {
        let Some(path) = request.path.strip_prefix("/tims/rest/") else { return Err(no_such_path()) };
        let mut state = self.state();
        let administrator = ["tims-session-token", CLIENT].iter().find_map(|name| request.header(name));
        let rights = administrator.and_then(|administrator| state.administrators.get(administrator));
        let rights = rights.ok_or_else(unauthenticated)?;
        let route = format!("{} {path}", request.method);
        let right = right(&route).ok_or_else(no_such_path)?;
        if !rights.contains(right) {
            let status = if self.site.right_as_500 { 500 } else { 403 };
            return Err(text(status, "TIMS-0000: You do not have permission to perform this operation."));
        }
        match request.method.as_str() {
            "GET" => self.read(&state, path, request),
            _ => self.write(&mut state, path, request),
        }
    }

    /// The id of the organization that this parameter names.
    pub(super) fn organization(&self, state: &State, name: Option<&str>) -> Result<u64, Response> {
        let name = name.ok_or_else(|| refused("Organization is required."))?;
        let is_it = |known: &str| if self.site.ignores_case { known.eq_ignore_ascii_case(name) } else { known == name };
        let found = state.organizations.iter().find(|known| is_it(&known.name));
        found.map(|known| known.id).ok_or_else(|| refused("The organization does not exist."))
    }
}

/// What a request needs; `None` for what is no request.
fn right(route: &str) -> Option<&'static str> {
    Some(match route {
        "GET organization/list" => "organization:read",
        "GET network/paged" | "GET network/detailsByIP" => "network:read",
        "GET subnet/paged" | "GET subnet/getSubnetData" | "GET subnet/getSubnetDetails" => "subnet:read",
        "GET object/paged"
        | "GET object/nextfreeip"
        | "GET object/getNextFreeIP"
        | "GET object/checkObjectExists"
        | "GET object/getSubnetByObjectIP" => "object:read",
        "POST object/add" => "object:add",
        "POST object/edit" => "object:edit",
        "POST object/delete-multiple" | "POST object/reclaimObjects" => "object:delete",
        "POST network/add" => "network:add",
        "POST network/delete" => "network:delete",
        "POST subnet/add" => "subnet:add",
        "POST subnet/delete" => "subnet:delete",
        "POST zone/rr/add" => "zone:add",
        "POST zone/rr/delete" => "zone:delete",
        _ => return None,
    })
}

/// An address in a parameter or a body; a mask behind it is not looked at.
pub(super) fn address(given: Option<&str>) -> Result<Ipv4Addr, Response> {
    let given = given.unwrap_or_default();
    let address = given.split('/').next().unwrap_or_default();
    address.parse().map_err(|_| refused("The address is invalid."))
}

/// A certificate or token that is not known.
pub(super) fn unauthenticated() -> Response {
    text(401, "Unauthorized")
}

/// A refusal whose number is not known.
pub(super) fn refused(why: &str) -> Response {
    text(500, &format!("TIMS-0000: {why}"))
}

/// A page of Tomcat.
fn no_such_path() -> Response {
    Response::html(404, "<!doctype html><html><body><h1>HTTP Status 404 – Not Found</h1></body></html>")
}

pub(super) fn text(status: u16, body: &str) -> Response {
    Response { status, headers: vec![("Content-Type", "text/plain".to_owned())], body: body.into() }
}
