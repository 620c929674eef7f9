//! Who calls the management API, and which groups are theirs.

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use ipam_provider::GroupName;

use super::problem::{Code, Problem};
use crate::caller::{Caller, Door, Grant, Principal, Rights, Role, Who};
use crate::http::access::{certificate, listener, refuse, turn_away};
use crate::http::error::RequestError;
use crate::http::listener::Listener;
use crate::http::state::shared;
use crate::telemetry::request_id;
use crate::tls::ClientCertificate;
use crate::tokens::{Tokens, Verdict};
use crate::trust::Refusal;

/// What a method demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing: the answer is the same for everybody, and says nothing of the site.
    Nothing,
    /// A known caller with this role or a higher one.
    Role(Role),
}

/// What the caller of a request may do, as an argument of handlers.
#[derive(Debug, Clone)]
pub(super) struct Access(Grant);

impl Access {
    /// The groups that the caller is limited to; `None` for a caller that sees everything.
    pub(super) fn groups(&self) -> Option<&[GroupName]> {
        self.0.groups.as_deref()
    }

    /// May the caller see what is in this group, or outside of groups?
    pub(super) fn sees(&self, group: Option<&GroupName>) -> bool {
        self.0.counts_in(group)
    }

    /// Refuses what is in a group of others, whether it is there or not.
    pub(super) fn expect(&self, group: Option<&GroupName>) -> Result<(), Problem> {
        if self.sees(group) {
            return Ok(());
        }
        let place = group.map_or_else(|| "outside of groups".to_owned(), |group| format!("in the group {group}"));
        Err(Problem::new(Code::Forbidden, format!("This caller may see and change nothing {place}")))
    }
}

impl FromRequest for Access {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let access = request.extensions().get::<Self>().cloned();
        // Without a demand no caller is known.
        ready(access.ok_or_else(|| Problem::new(Code::Unauthorised, "Show a token")))
    }
}

/// Lets only those through who are known and have the role that is demanded, and notes who they are.
pub(super) async fn demand(
    request: ServiceRequest,
    next: Next<BoxBody>,
    demand: Demand,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Demand::Role(role) = demand else { return next.call(request).await };
    let principal = match identify(request.request()).await {
        Ok(principal) => principal,
        Err(Unknown::Refused(refusal)) => return Ok(turn_away::<Problem>(request, refusal)),
        Err(Unknown::Problem(problem)) => return Ok(refuse(request, problem)),
    };
    let grant = match &principal.rights {
        Rights::Api(grant) => grant.clone(),
        Rights::All => Grant::everywhere(Role::Admin),
        Rights::Foreman | Rights::Hints => return Ok(refuse(request, not_listed(&principal.who))),
    };
    let own = grant.role;
    request.extensions_mut().insert(Access(grant));
    request_id::set_caller(Caller { door: Door::Api, principal });
    if own < role {
        let text = format!("This needs the role {role}, and this caller is {own}");
        return Ok(refuse(request, Problem::new(Code::Forbidden, text)));
    }
    next.call(request).await
}

/// As [`demand`], of the role that may read.
pub(in crate::http) async fn demand_reader(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    demand(request, next, Demand::Role(Role::Reader)).await
}

/// Is the caller of an answer that goes on still known, with this role, and with the same groups?
pub(super) async fn still_has(request: &HttpRequest, role: Role) -> bool {
    let begun = request.extensions().get::<Access>().cloned();
    let Ok(principal) = identify(request).await else { return false };
    match principal.rights {
        Rights::All => true,
        Rights::Api(grant) => grant.role >= role && begun.is_some_and(|begun| begun.0.groups == grant.groups),
        Rights::Foreman | Rights::Hints => false,
    }
}

/// Why nobody is let in.
enum Unknown {
    Problem(Problem),
    /// The connection is to be closed, perhaps.
    Refused(Refusal),
}

impl From<Problem> for Unknown {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Who calls. A token decides, whatever certificate comes with it.
async fn identify(request: &HttpRequest) -> Result<Principal, Unknown> {
    if listener(request) == Some(Listener::Control) {
        return Ok(Principal { who: Who::Local, rights: Rights::All });
    }
    let serving = shared(request).serving();
    let certificate = certificate(request).map_err(Unknown::Refused)?;
    if let Some(token) = bearer(request)? {
        return Ok(by_token(serving.api.tokens.as_ref(), token).await?);
    }
    let Some(certificate) = certificate else {
        let text =
            "Show a token as 'Authorization: Bearer', or a client certificate that is listed in settings.d/api.yml";
        return Err(Problem::new(Code::Unauthorised, text).into());
    };
    let listed = names(certificate)
        .find_map(|name| serving.api.certificates.iter().find(|listed| *listed.name == *name.trim_end_matches('.')));
    match listed {
        Some(listed) => {
            let who = Who::Certificate(Some(listed.name.clone()));
            Ok(Principal { who, rights: Rights::Api(listed.grant.clone()) })
        }
        None => Err(not_listed(&Who::Certificate(names(certificate).next().map(Into::into))).into()),
    }
}

fn names(certificate: &ClientCertificate) -> impl Iterator<Item = &str> {
    certificate.common_name.iter().chain(&certificate.dns_names).map(String::as_str)
}

fn not_listed(who: &Who) -> Problem {
    let text = format!("The management API is not open to {who}; list it under certificates in settings.d/api.yml");
    Problem::new(Code::Forbidden, text)
}

/// What is shown as a token.
fn bearer(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(value) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let shown = value.to_str().ok().and_then(|value| value.split_once(' '));
    match shown {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Problem::new(Code::Unauthorised, "Only 'Authorization: Bearer' with a token is known")),
    }
}

async fn by_token(tokens: Option<&Tokens>, shown: &str) -> Result<Principal, Problem> {
    let unknown =
        || Problem::new(Code::Unauthorised, "There is no such token; 'foreman-ipam-proxy token add' makes one");
    let Some(tokens) = tokens else { return Err(unknown()) };
    match tokens.check(shown).await {
        Ok(Verdict::Valid(token)) => Ok(Principal { who: Who::Token(token.name), rights: Rights::Api(token.grant) }),
        Ok(Verdict::Expired(token)) => {
            let text = format!("The token {} has expired; make another one", token.name);
            Err(Problem::new(Code::Unauthorised, text))
        }
        Ok(Verdict::Unknown) => Err(unknown()),
        // Nothing is known of the caller, who may be right.
        Err(error) => {
            log::error!("A token cannot be looked up: {error}");
            Err(Problem::new(Code::Unavailable, "Tokens cannot be looked up now; the proxy's log says why"))
        }
    }
}

/// The connection's refusal as a problem of this door.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        RequestError::from(refusal).into()
    }
}
