//! Failures as HTTP answers: the only place with status codes.
//!
//! The body is always `{"error": "text"}`. The codes are those of the Ruby plugin where it has one, and 502, 503 and 504
//! for the IPAM's trouble. Foreman shows none of these texts, so [`style`](super::style) puts them into a 200 for it.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType};
use actix_web::{HttpResponse, ResponseError};
use ipam_provider::ErrorKind;
use serde_json::json;

use crate::allocation::Failure;
use crate::trust::Refusal;

/// A call that is answered with an error.
#[derive(Debug)]
pub(super) struct ApiError {
    cause: Cause,
    /// What the call looked for, if that was all it did.
    looked_for: Option<LookedFor>,
}

/// What a look-up is for. Foreman wants `{}` when there is none, and shows an error of its own beside the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookedFor {
    Subnet,
    Group,
}

#[derive(Debug)]
enum Cause {
    /// The request itself is wrong.
    Invalid(String),
    /// The rest of the request does not come.
    SlowBody {
        /// How long was waited for it.
        seconds: u64,
    },
    /// The caller may not do this.
    Refused(Refusal),
    /// The module is switched off on this listener.
    Disabled,
    /// No such path.
    UnknownRoute,
    /// No such method on this path.
    UnknownMethod(&'static [&'static str]),
    /// There is no hold to release.
    NotHeld,
    /// The call is fine and has no answer.
    Failed(Failure),
}

impl ApiError {
    /// The request is wrong; the text says how, and what would be right.
    pub(super) fn invalid(text: String) -> Self {
        Cause::Invalid(text).into()
    }

    /// The rest of the request has not come within this time.
    pub(super) fn slow_body(limit: Duration) -> Self {
        Cause::SlowBody { seconds: limit.as_secs() }.into()
    }

    /// The module is switched off on this listener.
    pub(super) fn disabled() -> Self {
        Cause::Disabled.into()
    }

    /// There is no hold to release.
    pub(super) fn not_held() -> Self {
        Cause::NotHeld.into()
    }

    /// A failed search for a subnet.
    pub(super) fn subnet_lookup(failure: Failure) -> Self {
        Self { cause: Cause::Failed(failure), looked_for: Some(LookedFor::Subnet) }
    }

    /// A failed search for a group.
    pub(super) fn group_lookup(failure: Failure) -> Self {
        Self { cause: Cause::Failed(failure), looked_for: Some(LookedFor::Group) }
    }

    /// The failure behind the error, if the call got that far.
    pub(super) fn failure(&self) -> Option<&Failure> {
        match &self.cause {
            Cause::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Was a caller refused that shows a name? Settings may be wrong then, or it is an attack; without a name any stranger
    /// could fill the log with warnings.
    pub(super) fn is_untrusted(&self) -> bool {
        match &self.cause {
            Cause::Refused(refusal) => refusal.names_the_caller(),
            _ => false,
        }
    }

    /// What Foreman is answered with a 200, or `None` for what must stay an error: Foreman falls back from
    /// `/v2/features` on a 404, and a caller who is not let in is not to be told 200.
    pub(super) fn in_foreman_style(&self) -> Option<serde_json::Value> {
        match &self.cause {
            Cause::Failed(Failure::SubnetNotFound { .. }) if self.looked_for.is_some() => Some(json!({})),
            Cause::Failed(Failure::GroupNotFound { .. }) if self.looked_for == Some(LookedFor::Group) => {
                Some(json!({}))
            }
            // Foreman asks for the subnet, then for its group, and shows the first that is missing. Any object but an
            // empty one is a subnet to it, so that the group's own answer brings the error beside the group.
            Cause::Failed(Failure::GroupNotFound { .. }) if self.looked_for == Some(LookedFor::Subnet) => {
                Some(json!({"message": self.to_string()}))
            }
            Cause::Invalid(_) | Cause::SlowBody { .. } | Cause::NotHeld | Cause::Failed(_) => Some(self.body()),
            Cause::Refused(_) | Cause::Disabled | Cause::UnknownRoute | Cause::UnknownMethod(_) => None,
        }
    }

    fn body(&self) -> serde_json::Value {
        json!({"error": self.to_string()})
    }
}

impl From<Cause> for ApiError {
    fn from(cause: Cause) -> Self {
        Self { cause, looked_for: None }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Cause::Failed(failure).into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Cause::Refused(refusal).into()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Invalid(text) => f.write_str(text),
            Cause::SlowBody { seconds } => {
                write!(f, "The request's body has not come within {seconds} seconds; send none")
            }
            Cause::Refused(refusal) => refusal.fmt(f),
            Cause::Disabled => {
                f.write_str("External IPAM is not enabled here; see 'enabled' in settings.d/externalipam.yml")
            }
            Cause::UnknownRoute => f.write_str("Requested url was not found"),
            Cause::UnknownMethod(methods) => {
                write!(f, "Requested url does not know this method; use {}", methods.join(", "))
            }
            Cause::NotHeld => f.write_str("The address is not held; 'foreman-ipam-proxy holds list' shows what is"),
            Cause::Failed(failure) => failure.fmt(f),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match &self.cause {
            Cause::Invalid(_) => StatusCode::BAD_REQUEST,
            Cause::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Cause::Refused(_) => StatusCode::FORBIDDEN,
            Cause::Disabled | Cause::UnknownRoute | Cause::NotHeld => StatusCode::NOT_FOUND,
            Cause::UnknownMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Cause::Failed(failure) => failure_status(failure),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Cause::UnknownMethod(methods) = self.cause {
            response.insert_header((ALLOW, methods.join(", ")));
        }
        response.content_type(ContentType::json()).body(self.body().to_string())
    }
}

fn failure_status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } | Failure::NoFreeAddress { .. } => {
            StatusCode::NOT_FOUND
        }
        Failure::NotOfferable { .. } => StatusCode::BAD_REQUEST,
        Failure::Ambiguous { .. }
        | Failure::Duplicate { .. }
        | Failure::BeingReserved { .. }
        | Failure::StillReserved { .. }
        | Failure::AlreadyReserved { .. } => StatusCode::CONFLICT,
        Failure::GroupsUnsupported => StatusCode::INTERNAL_SERVER_ERROR,
        Failure::TooManyHolds { .. } | Failure::QueueTooLong { .. } | Failure::Holds(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Failure::OutOfTime { .. } => StatusCode::GATEWAY_TIMEOUT,
        Failure::Provider(error) => match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::AlreadyExists | ErrorKind::Rejected => StatusCode::CONFLICT,
            ErrorKind::Unsupported => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Unauthenticated | ErrorKind::Unexpected => StatusCode::BAD_GATEWAY,
            ErrorKind::Unreachable | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        },
    }
}

/// Answers every path that no route has.
pub(super) async fn unknown_route() -> Result<HttpResponse, ApiError> {
    Err(Cause::UnknownRoute.into())
}

/// Answers every method that a path does not know.
pub(super) async fn unknown_method(known: &'static [&'static str]) -> Result<HttpResponse, ApiError> {
    Err(Cause::UnknownMethod(known).into())
}

#[cfg(test)]
mod tests {
    use ipam_provider::{Error, GroupName, Prefix};
    use serde_json::{Value, json};

    use super::*;

    /// What Foreman is answered with, of the error.
    type ForForeman<'a> = &'a dyn Fn(&ApiError) -> Option<Value>;

    fn prefix() -> Prefix {
        "10.0.0.0/24".parse().expect("a prefix")
    }

    fn group() -> GroupName {
        GroupName::new("blue").expect("a name")
    }

    fn failure(kind: ErrorKind) -> ApiError {
        Failure::from(Error::new(kind, "The IPAM says why")).into()
    }

    /// The whole table: what a caller is answered with, and Foreman.
    #[test]
    fn every_error_has_its_status_and_its_form_for_foreman() {
        let address = [10, 0, 0, 5].into();
        let subnet_not_found = || Failure::SubnetNotFound { prefix: prefix(), group: None };
        let group_not_found = || Failure::GroupNotFound { group: group() };
        let as_error = |error: &ApiError| Some(json!({"error": error.to_string()}));
        let still_reserved = Failure::StillReserved { address, prefix: prefix(), group: None, places: vec![] };
        let as_object = |error: &ApiError| Some(json!({"message": error.to_string()}));
        let nothing = |_: &ApiError| None;
        let empty = |_: &ApiError| Some(json!({}));
        let table: Vec<(ApiError, u16, ForForeman<'_>)> = vec![
            (ApiError::invalid("wrong".to_owned()), 400, &as_error),
            (ApiError::slow_body(Duration::from_secs(10)), 408, &as_error),
            (ApiError::disabled(), 404, &nothing),
            (ApiError::not_held(), 404, &as_error),
            (Cause::UnknownRoute.into(), 404, &nothing),
            (Cause::UnknownMethod(&["GET"]).into(), 405, &nothing),
            (Refusal::PlainWithoutTrustedHosts.into(), 403, &nothing),
            (subnet_not_found().into(), 404, &as_error),
            (ApiError::subnet_lookup(subnet_not_found()), 404, &empty),
            (group_not_found().into(), 404, &as_error),
            (ApiError::group_lookup(group_not_found()), 404, &empty),
            (ApiError::subnet_lookup(group_not_found()), 404, &as_object),
            (Failure::NoFreeAddress { prefix: prefix(), group: None, held: 2 }.into(), 404, &as_error),
            (Failure::NotOfferable { address, prefix: prefix() }.into(), 400, &as_error),
            (Failure::AlreadyReserved { address, prefix: prefix() }.into(), 409, &as_error),
            (ApiError::subnet_lookup(Failure::Ambiguous { prefix: prefix(), groups: vec![group()] }), 409, &as_error),
            (ApiError::subnet_lookup(Failure::Duplicate { prefix: prefix(), group: None }), 409, &as_error),
            (Failure::BeingReserved { address }.into(), 409, &as_error),
            (Failure::GroupsUnsupported.into(), 500, &as_error),
            (Failure::TooManyHolds { at_most: 1 }.into(), 503, &as_error),
            (Failure::OutOfTime { seconds: 25, is_busy: false }.into(), 504, &as_error),
            (Failure::QueueTooLong { seconds: 25 }.into(), 503, &as_error),
            (still_reserved.into(), 409, &as_error),
            (failure(ErrorKind::NotFound), 404, &as_error),
            (failure(ErrorKind::AlreadyExists), 409, &as_error),
            (failure(ErrorKind::Rejected), 409, &as_error),
            (failure(ErrorKind::Unsupported), 500, &as_error),
            (failure(ErrorKind::Unauthenticated), 502, &as_error),
            (failure(ErrorKind::Unexpected), 502, &as_error),
            (failure(ErrorKind::Unreachable), 503, &as_error),
            (failure(ErrorKind::Unavailable), 503, &as_error),
            (failure(ErrorKind::TimedOut), 504, &as_error),
        ];
        for (error, status, for_foreman) in table {
            assert_eq!(error.status_code().as_u16(), status, "{error}");
            assert_eq!(error.in_foreman_style(), for_foreman(&error), "{error}");
        }
    }

    #[test]
    fn texts_begin_as_those_of_the_ruby_plugin() {
        let text = |failure: Failure| failure.to_string();
        let subnet = text(Failure::SubnetNotFound { prefix: prefix(), group: Some(group()) });
        assert!(subnet.starts_with("Subnet not found in External IPAM: 10.0.0.0/24 in group blue"), "{subnet}");
        let group = text(Failure::GroupNotFound { group: group() });
        assert!(group.starts_with("Group not found in External IPAM: blue"), "{group}");
        let full = text(Failure::NoFreeAddress { prefix: prefix(), group: None, held: 1 });
        assert!(
            full.starts_with("No free addresses found in 10.0.0.0/24: all are reserved or held, 1 of them"),
            "{full}"
        );
        assert!(text(Failure::GroupsUnsupported).starts_with("Groups are not supported"));
    }

    #[test]
    fn an_unknown_method_is_told_which_are_known() {
        let response = ApiError::from(Cause::UnknownMethod(&["GET", "POST"])).error_response();
        assert_eq!(response.headers().get(ALLOW).expect("a header"), "GET, POST");
    }
}
