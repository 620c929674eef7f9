//! From a request to what answers it: session, version, form, object or reference, right.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Infoblox;
use super::answer::{malformed, not_found, refusal, unauthorized};
use super::state::{State, identity};
use crate::{Request, Response};

const VERSIONS: [&str; 14] =
    ["1.0", "2.0", "2.5", "2.6.1", "2.7", "2.7.1", "2.8", "2.9", "2.10", "2.10.5", "2.11", "2.12", "2.12.3", "2.13"];

const COOKIE: &str = "ibapauth";

impl Infoblox {
    /// Lets a session or a password in; `Some` with the value of the cookie of a new session.
    fn authenticate(&self, state: &mut State, request: &Request) -> Result<Option<String>, Response> {
        let cookies = request.header("cookie").unwrap_or_default().split("; ");
        let mut sessions = cookies.filter_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='));
        if sessions.any(|session| state.sessions.contains(session)) {
            return Ok(None);
        }
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        let decoded = basic.and_then(|basic| openssl::base64::decode_block(basic).ok()).unwrap_or_default();
        let decoded = String::from_utf8(decoded).unwrap_or_default();
        let (user, password) = decoded.split_once(':').unwrap_or_default();
        if state.passwords.get(user).is_none_or(|known| known != password) {
            return Err(unauthorized());
        }
        // Clients read the times: a session that is over would be given up before it is refused.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let serial = state.new_id();
        let value = format!(
            "\"group=admin-group,ctime={now},ip=127.0.0.1,su=1,client=API,auth=LOCAL,timeout=600,mtime={now},user={user},\
             Kqv{serial}\""
        );
        state.sessions.insert(value.clone());
        Ok(Some(value))
    }

    pub(super) fn respond(&self, request: &Request) -> Result<Response, Response> {
        let Some(rest) = request.path.strip_prefix("/wapi/v") else {
            return Err(Response::html(404, "<html><head><title>404 Not Found</title></head></html>"));
        };
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let mut state = self.state();
        let session = self.authenticate(&mut state, request)?;
        let response = if VERSIONS.contains(&version) {
            let path = percent_decode_str(rest).decode_utf8_lossy();
            self.route(&mut state, request, version, &path).unwrap_or_else(|refusal| refusal)
        } else {
            malformed(&format!("Version {version} not supported"))
        };
        let response = as_asked(request, response);
        Ok(match session.filter(|_| self.site.sets_cookie) {
            Some(session) => response.with_header("Set-Cookie", format!("{COOKIE}={session}; httponly; path=/")),
            None => response,
        })
    }

    fn route(&self, state: &mut State, request: &Request, version: &str, path: &str) -> Result<Response, Response> {
        let function = request.parameter("_function");
        match (request.method.as_str(), path, function.as_deref()) {
            ("GET", "", _) if request.parameters().iter().any(|(key, _)| key == "_schema") => Ok(schema(version)),
            ("POST", "logout", _) => {
                let cookie = request.header("cookie").unwrap_or_default();
                state.sessions.retain(|session| !cookie.contains(session.as_str()));
                Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
            }
            ("GET", _, Some(function)) => Err(malformed(&format!("Function {function} illegal with this method"))),
            ("POST", reference, Some(function)) => self.call(state, request, reference, function),
            ("GET", reference, None) if reference.contains('/') => {
                let (kind, object) = state.find(reference)?;
                self.allowed(state, "read", kind)?;
                let fields = super::search::return_fields(kind, request)?;
                Ok(Response::json(200, &super::objects::only(&object, &fields)))
            }
            ("GET", kind, None) => self.search(state, request, kind),
            ("POST", kind, None) => self.create(state, request, kind),
            ("PUT", reference, None) => self.update(state, request, reference),
            ("DELETE", reference, None) => self.delete(state, reference),
            _ => Err(malformed("Unknown method")),
        }
    }

    /// Rights are for types of objects; a user who may not write one may still read it.
    pub(super) fn allowed(&self, state: &State, action: &str, kind: &str) -> Result<(), Response> {
        if !state.revoked.contains(&format!("{action} {kind}")) {
            return Ok(());
        }
        let text = format!("Not authorized: {action} permission for the '{kind}' objects is required");
        Err(refusal(self.site.denial, "AdmConAuthError: None (IBAuthError: IB.Auth:", "Client.Ibap.Auth", &text))
    }
}

/// Without the type of the content or of the answer, the answer is XML.
fn as_asked(request: &Request, response: Response) -> Response {
    let is_json = request.header("content-type").is_some_and(|value| value.starts_with("application/json"))
        || request.parameter("_return_type").as_deref() == Some("json");
    if is_json || response.body.is_empty() {
        return response;
    }
    let body = b"<?xml version=\"1.0\"?><list/>".to_vec();
    Response { body, headers: vec![("Content-Type", "application/xml".to_owned())], ..response }
}

fn schema(version: &str) -> Response {
    let objects = ["fixedaddress", "ipv4address", "network", "networkview", "record:host"];
    let answer = json!({
        "requested_version": version, "supported_objects": objects, "supported_versions": VERSIONS,
        "schema_version": "2",
    });
    Response::json(200, &answer)
}

impl State {
    /// The type and the object that a reference means. What is behind the colon is for people.
    pub(super) fn find(&self, reference: &str) -> Result<(&'static str, Value), Response> {
        let wanted = identity(reference);
        let missing = || not_found(&format!("Reference {reference} not found"));
        let is_it = |object: &Value| object["_ref"].as_str().is_some_and(|known| identity(known) == wanted);
        let kind = super::search::kind(wanted.split('/').next().unwrap_or_default()).ok_or_else(missing)?;
        let object = self.all(kind).into_iter().find(is_it).ok_or_else(missing)?;
        Ok((kind, object))
    }

    /// Every object of a type that can be listed without more being said.
    pub(super) fn all(&self, kind: &str) -> Vec<Value> {
        match kind {
            "networkview" => self.views.iter().map(super::state::View::json).collect(),
            "network" | "ipv6network" | "networkcontainer" | "ipv6networkcontainer" => {
                let of_kind = self.networks.iter().filter(|network| network.kind() == kind);
                of_kind.map(|network| self.network_json(network)).collect()
            }
            "range" | "ipv6range" => {
                let of_kind = self.ranges.iter().filter(|range| range.kind() == kind);
                of_kind.map(|range| self.range_json(range)).collect()
            }
            "fixedaddress" | "ipv6fixedaddress" => {
                let of_kind = self.fixed.iter().filter(|fixed| fixed.kind() == kind);
                of_kind.map(|fixed| self.fixed_json(fixed)).collect()
            }
            "record:host" => self.hosts.iter().map(|host| self.host_json(host)).collect(),
            "extensibleattributedef" => {
                let one =
                    |name: &String| json!({"_ref": format!("extensibleattributedef/{name}:{name}"), "name": name});
                self.attributes.iter().map(one).collect()
            }
            "grid" => vec![json!({"_ref": "grid/b25lLmNsdXN0ZXIkMA:Infoblox", "name": "Infoblox"})],
            _ => Vec::new(),
        }
    }
}
