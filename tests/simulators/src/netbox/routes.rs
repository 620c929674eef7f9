//! Which path is what, and what is looked at before any of them.

use serde_json::{Value, json};

use super::lists::Asked;
use super::query::Query;
use super::render::{ETAG, Renderer};
use super::state::{Named, State};
use super::tokens::{self, Right, Token};
use super::writes::Writing;
use super::{Netbox, available};
use crate::{Request, Response};

const PAGE_NOT_FOUND: &str = "<!DOCTYPE html><html><title>Page Not Found</title></html>";

impl Netbox {
    /// The answer; refusals are answers, too.
    pub(super) fn route(&self, request: &Request) -> Result<Response, Response> {
        let root = self.root(request)?;
        let query = Query::of(request, &root)?;
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let Some((&"", path)) = path.split_last() else { return Err(self.without_slash(request)) };
        negotiate(request)?;
        let token = tokens::of(request, &self.tokens, self.version)?;
        if path == ["api", "status"] && (token.is_some() || self.version.shows_status_to_all()) {
            return Ok(self.status());
        }
        let is_known = matches!(path.first(), Some(&"api"))
            && (path.len() != 2 || matches!(path[1], "status" | "authentication-check"));
        if !is_known || path.contains(&"") {
            return Err(Response::html(404, PAGE_NOT_FOUND));
        }
        let token = token.ok_or_else(tokens::not_provided)?;
        let mut state = self.state();
        match (request.method.as_str(), &path[1..]) {
            ("GET" | "HEAD", rest) => self.read(rest, &state, &query, token, request),
            (method, ["ipam", "ip-addresses", rest @ ..]) => {
                Writing { netbox: self, state: &mut state, query: &query, token }.addresses(method, rest, request)
            }
            ("POST", ["ipam", "prefixes", id, "available-ips"]) => {
                Writing { netbox: self, state: &mut state, query: &query, token }.next_of_prefix(id, request)
            }
            ("DELETE", ["ipam", "vrfs", id]) => {
                token.may(Right::Other, true)?;
                let id = self.id_of("VRF", id)?;
                match state.prefixes.iter().filter(|prefix| prefix.vrf == Some(id)).count() {
                    0 => Err(self.gone("VRF")),
                    used => {
                        let detail = format!("Unable to delete object. {used} dependent objects were found: …");
                        Err(Response::json(409, &json!({"detail": detail})))
                    }
                }
            }
            (method, _) => Err(Response::json(405, &json!({"detail": format!("Method \"{method}\" not allowed.")}))),
        }
    }

    fn read(
        &self,
        path: &[&str],
        state: &State,
        query: &Query,
        token: &Token,
        request: &Request,
    ) -> Result<Response, Response> {
        let asked = Asked { netbox: self, state, query, token };
        let renderer = asked.renderer();
        let named = |path: &str, all: &[Named]| {
            token.may(Right::ViewGroups, false)?;
            Ok(asked.groups(path, all))
        };
        match path {
            [] => Ok(Response::json(200, &json!({"ipam": format!("{}/api/ipam/", query.root())}))),
            ["authentication-check"] if self.version.selects_fields() => {
                Ok(Response::json(200, &json!({"id": 1, "username": "admin"})))
            }
            ["ipam", "vrfs"] => {
                token.may(Right::ViewGroups, false)?;
                asked.vrfs()
            }
            ["ipam", "vrfs", id] => {
                token.may(Right::ViewGroups, false)?;
                let id = self.id_of("VRF", id)?;
                let vrf = state.vrf(id).ok_or_else(|| self.gone("VRF"))?;
                Ok(self.one(renderer.vrf(vrf), query, request))
            }
            ["tenancy", "tenants"] => named("tenancy/tenants", &state.tenants),
            ["dcim", "sites"] => named("dcim/sites", &state.sites),
            ["ipam", "roles"] => named("ipam/roles", &state.roles),
            ["ipam", "prefixes"] => {
                token.may(Right::ViewPrefixes, false)?;
                asked.prefixes()
            }
            ["ipam", "prefixes", id] => {
                token.may(Right::ViewPrefixes, false)?;
                let id = self.id_of("Prefix", id)?;
                let prefix = state.prefix(id).ok_or_else(|| self.gone("Prefix"))?;
                Ok(self.one(renderer.prefix(prefix), query, request))
            }
            ["ipam", "prefixes", id, "available-ips"] => {
                token.may(Right::ViewPrefixes, false)?;
                token.may(Right::ViewAddresses, false)?;
                let id = self.id_of("Prefix", id)?;
                let prefix = state.prefix(id).ok_or_else(|| self.gone("Prefix"))?;
                let free = available::of_prefix(state, prefix, self.version, query.plain_limit(self.pages));
                let rows = free.into_iter().map(|net| renderer.available(net, prefix.vrf)).collect();
                Ok(Response::json(200, &Value::Array(rows)))
            }
            ["ipam", "ip-addresses"] => {
                token.may(Right::ViewAddresses, false)?;
                asked.addresses()
            }
            ["ipam", "ip-addresses", id] => {
                token.may(Right::ViewAddresses, false)?;
                let id = self.id_of("IPAddress", id)?;
                let found = state.addresses.iter().find(|address| address.id == id && token.sees(&address.description));
                Ok(self.one(renderer.address(found.ok_or_else(|| self.gone("IPAddress"))?), query, request))
            }
            ["ipam", "ip-ranges"] if self.version.has_ranges() => {
                token.may(Right::ViewRanges, false)?;
                asked.ranges()
            }
            ["ipam", "ip-ranges", id, "available-ips"] if self.version.has_ranges() => {
                token.may(Right::ViewRanges, false)?;
                let id = self.id_of("IPRange", id)?;
                let range = state.ranges.iter().find(|range| range.id == id).ok_or_else(|| self.gone("IPRange"))?;
                let rows = available::of_range(state, range, query.plain_limit(self.pages));
                let rows = rows.into_iter().map(|net| renderer.available(net, range.vrf)).collect();
                Ok(Response::json(200, &Value::Array(rows)))
            }
            _ => Err(Response::html(404, PAGE_NOT_FOUND)),
        }
    }

    /// One record, with what `If-Match` may name. A browser gets a page.
    fn one(&self, record: Value, query: &Query, request: &Request) -> Response {
        if request.header("accept").is_some_and(|accept| accept.starts_with("text/html")) {
            return Response::html(200, "<!DOCTYPE html><html></html>");
        }
        let response = Response::json(200, &query.select(record, self.version));
        if self.version.selects_fields() { response.with_header("ETag", ETAG) } else { response }
    }

    /// The id in a path. What is no number is another text than what is not there.
    pub(super) fn id_of(&self, model: &str, text: &str) -> Result<u64, Response> {
        if !text.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(Response::json(404, &json!({"detail": "Not found."})));
        }
        text.parse().map_err(|_| self.gone(model))
    }

    pub(super) fn gone(&self, model: &str) -> Response {
        Response::json(404, &json!({"detail": self.version.not_found(model)}))
    }

    pub(super) fn renderer<'a>(&self, state: &'a State, query: &'a Query) -> Renderer<'a> {
        Renderer { state, version: self.version, root: query.root(), is_brief: false }
    }

    fn status(&self) -> Response {
        let number = self.version.number();
        let mut status = json!({
            "django-version": "6.0.8", "netbox-version": number, "plugins": {}, "python-version": "3.12.1",
            "rq-workers-running": 0,
        });
        let apps = json!({
            "django_filters": "26.1", "django_prometheus": "2.4.0", "django_rq": "4.1.1", "django_tables2": "2.8.0",
            "drf_spectacular": "0.30.0", "drf_spectacular_sidecar": "2026.8.1", "mptt": "0.18.0",
            "rest_framework": "3.17.1", "social_django": "5.9.0", "taggit": "6.1.0", "timezone_field": "7.2.2",
        });
        if self.version.selects_fields() {
            status["installed_apps"] = apps;
            status["hostname"] = json!("netbox");
            status["netbox-full-version"] = json!(number);
        } else {
            status["installed-apps"] = apps;
        }
        Response::json(200, &status)
    }

    /// Scheme and host for links. A host that the server does not know is refused with a page.
    fn root(&self, request: &Request) -> Result<String, Response> {
        let host = request.header("x-forwarded-host").or_else(|| request.header("host")).unwrap_or("127.0.0.1");
        let name = host.split(':').next().unwrap_or_default();
        if !matches!(name, "127.0.0.1" | "localhost") {
            return Err(Response::html(400, "<!doctype html><title>Bad Request (400)</title>"));
        }
        let scheme = request.header("x-forwarded-proto").unwrap_or("http");
        Ok(self.public_root.clone().unwrap_or_else(|| format!("{scheme}://{host}")))
    }

    /// A path that lacks its last slash. A client that follows the redirect of a write reads instead.
    fn without_slash(&self, request: &Request) -> Response {
        if matches!(request.method.as_str(), "GET" | "HEAD") || self.version.redirects_writes() {
            let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            return Response::empty(301).with_header("Location", format!("{}/{query}", request.path));
        }
        Response::html(404, PAGE_NOT_FOUND)
    }
}

/// Which representation is wanted.
fn negotiate(request: &Request) -> Result<(), Response> {
    let accept = request.header("accept").unwrap_or("*/*");
    let not_acceptable = |detail: &str| Err(Response::json(406, &json!({"detail": detail})));
    if accept.split("version=").nth(1).is_some_and(|version| version.trim() != "4.6") {
        return not_acceptable("Invalid version in \"Accept\" header.");
    }
    if !["*/*", "application/json", "text/html"].iter().any(|known| accept.contains(known)) {
        return not_acceptable("Could not satisfy the request Accept header.");
    }
    Ok(())
}
