//! Failures as Foreman's door answers them.
//!
//! The body is always `{"error": "text"}`. The codes are those of the Ruby plugin where it has one, and 502, 503 and 504
//! for the IPAM's trouble. Foreman shows none of these texts, so [`style`](super::style) puts them into a 200 for it.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, ResponseError};
use ipam_provider::ErrorKind;
use serde_json::json;

use crate::allocation::Failure;
use crate::caller::Door;
use crate::http::error::{DoorError, RequestError};

/// A call that is answered with an error.
#[derive(Debug)]
pub(super) struct ForemanError {
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
    Request(RequestError),
    /// The module is switched off on this listener.
    Disabled,
    /// There is no hold to release.
    NotHeld,
    /// The call is fine and has no answer.
    Failed(Failure),
}

impl ForemanError {
    /// The request is wrong; the text says how, and what would be right.
    pub(super) fn invalid(text: String) -> Self {
        RequestError::Invalid(text).into()
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
            Cause::Request(RequestError::Invalid(_) | RequestError::TooLong { .. } | RequestError::SlowBody { .. })
            | Cause::NotHeld
            | Cause::Failed(_) => Some(self.body()),
            Cause::Request(RequestError::Refused(_) | RequestError::UnknownRoute | RequestError::UnknownMethod(_))
            | Cause::Disabled => None,
        }
    }

    fn body(&self) -> serde_json::Value {
        json!({"error": self.to_string()})
    }
}

impl DoorError for ForemanError {
    const DOOR: Door = Door::Foreman;

    fn failure(&self) -> Option<&Failure> {
        match &self.cause {
            Cause::Failed(failure) => Some(failure),
            Cause::Request(_) | Cause::Disabled | Cause::NotHeld => None,
        }
    }

    fn request_error(&self) -> Option<&RequestError> {
        match &self.cause {
            Cause::Request(error) => Some(error),
            Cause::Disabled | Cause::NotHeld | Cause::Failed(_) => None,
        }
    }
}

impl From<Cause> for ForemanError {
    fn from(cause: Cause) -> Self {
        Self { cause, looked_for: None }
    }
}

impl From<Failure> for ForemanError {
    fn from(failure: Failure) -> Self {
        Cause::Failed(failure).into()
    }
}

impl From<RequestError> for ForemanError {
    fn from(error: RequestError) -> Self {
        Cause::Request(error).into()
    }
}

impl fmt::Display for ForemanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Request(error) => error.fmt(f),
            Cause::Disabled => {
                f.write_str("External IPAM is not enabled here; see 'enabled' in settings.d/externalipam.yml")
            }
            Cause::NotHeld => f.write_str("The address is not held; 'foreman-ipam-proxy holds list' shows what is"),
            Cause::Failed(failure) => failure.fmt(f),
        }
    }
}

impl ResponseError for ForemanError {
    fn status_code(&self) -> StatusCode {
        match &self.cause {
            Cause::Request(error) => error.status_code(),
            Cause::Disabled | Cause::NotHeld => StatusCode::NOT_FOUND,
            Cause::Failed(failure) => failure_status(failure),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match &self.cause {
            Cause::Request(error) => error.error_response(),
            Cause::Disabled | Cause::NotHeld | Cause::Failed(_) => {
                HttpResponse::build(self.status_code()).content_type(ContentType::json()).body(self.body().to_string())
            }
        }
    }
}

fn failure_status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } | Failure::NoFreeAddress { .. } => {
            StatusCode::NOT_FOUND
        }
        Failure::NoneFreeInAny { .. } => StatusCode::NOT_FOUND,
        Failure::NotOfferable { .. } | Failure::NotInSubnet { .. } => StatusCode::BAD_REQUEST,
        Failure::LeftReserved { cause, .. } => failure_status(cause),
        Failure::Ambiguous { .. }
        | Failure::Duplicate { .. }
        | Failure::BeingReserved { .. }
        | Failure::Promised { .. }
        | Failure::SubnetExists { .. }
        | Failure::Overlap { .. }
        | Failure::SubnetInUse { .. }
        | Failure::StillReserved { .. }
        | Failure::AlreadyReserved { .. } => StatusCode::CONFLICT,
        Failure::GroupsUnsupported => StatusCode::INTERNAL_SERVER_ERROR,
        Failure::TooManyHolds { .. } | Failure::QueueTooLong { .. } | Failure::Holds(_) | Failure::NotKept => {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ipam_provider::{Error, GroupName, Prefix};
    use serde_json::{Value, json};

    use super::*;
    use crate::trust::Refusal;

    /// What Foreman is answered with, of the error.
    type ForForeman<'a> = &'a dyn Fn(&ForemanError) -> Option<Value>;

    fn prefix() -> Prefix {
        "10.0.0.0/24".parse().expect("a prefix")
    }

    fn group() -> GroupName {
        GroupName::new("blue").expect("a name")
    }

    fn failure(kind: ErrorKind) -> ForemanError {
        Failure::from(Error::new(kind, "The IPAM says why")).into()
    }

    /// The whole table: what a caller is answered with, and Foreman.
    #[test]
    fn every_error_has_its_status_and_its_form_for_foreman() {
        let address = [10, 0, 0, 5].into();
        let subnet_not_found = || Failure::SubnetNotFound { prefix: prefix(), group: None, has_route: true };
        let group_not_found = || Failure::GroupNotFound { group: group() };
        let as_error = |error: &ForemanError| Some(json!({"error": error.to_string()}));
        let still_reserved = Failure::StillReserved { address, prefix: prefix(), group: None, places: vec![] };
        let as_object = |error: &ForemanError| Some(json!({"message": error.to_string()}));
        let nothing = |_: &ForemanError| None;
        let empty = |_: &ForemanError| Some(json!({}));
        let table: Vec<(ForemanError, u16, ForForeman<'_>)> = vec![
            (ForemanError::invalid("wrong".to_owned()), 400, &as_error),
            (RequestError::TooLong { at_most: 1 }.into(), 400, &as_error),
            (RequestError::slow_body(Duration::from_secs(10)).into(), 408, &as_error),
            (ForemanError::disabled(), 404, &nothing),
            (ForemanError::not_held(), 404, &as_error),
            (RequestError::UnknownRoute.into(), 404, &nothing),
            (RequestError::UnknownMethod(&["GET"]).into(), 405, &nothing),
            (RequestError::from(Refusal::PlainWithoutTrustedHosts).into(), 403, &nothing),
            (subnet_not_found().into(), 404, &as_error),
            (ForemanError::subnet_lookup(subnet_not_found()), 404, &empty),
            (group_not_found().into(), 404, &as_error),
            (ForemanError::group_lookup(group_not_found()), 404, &empty),
            (ForemanError::subnet_lookup(group_not_found()), 404, &as_object),
            (Failure::NoFreeAddress { prefix: prefix(), group: None, held: 2 }.into(), 404, &as_error),
            (Failure::NotOfferable { address, prefix: prefix() }.into(), 400, &as_error),
            (Failure::AlreadyReserved { address, prefix: prefix() }.into(), 409, &as_error),
            (
                ForemanError::subnet_lookup(Failure::Ambiguous { prefix: prefix(), groups: vec![group()] }),
                409,
                &as_error,
            ),
            (ForemanError::subnet_lookup(Failure::Duplicate { prefix: prefix(), group: None }), 409, &as_error),
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
        let subnet = text(Failure::SubnetNotFound { prefix: prefix(), group: Some(group()), has_route: true });
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
}
