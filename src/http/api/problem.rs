//! Failures as RFC 9457 has them, with a code for programs.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use ipam_provider::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::API_PATH;
use crate::allocation::Failure;
use crate::caller::Door;
use crate::http::error::{DoorError, RequestError};

/// The type of a problem's body.
pub(super) const CONTENT_TYPE: &str = "application/problem+json";

/// A caller that tries again after this many seconds may have more luck.
const AGAIN_AFTER: u64 = 5;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:ident, $title:literal;)*) => {
        /// What a program can act on. Codes are never renamed; new ones may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them, in the order of the page.
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];

            /// As it is written in answers.
            pub(super) fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The status code that goes with it.
            pub(super) fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// What it means, whatever the case.
            pub(super) fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    /// The request is wrong.
    Invalid = "invalid", BAD_REQUEST, "The request is wrong";
    /// No credentials, or none that are accepted.
    Unauthorised = "unauthorised", UNAUTHORIZED, "The caller is not known";
    /// The caller may not do this.
    Forbidden = "forbidden", FORBIDDEN, "The caller may not do this";
    /// There is no such thing.
    NotFound = "not_found", NOT_FOUND, "There is no such thing";
    /// The path does not know the method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not know the method";
    /// The body has not come in time.
    Timeout = "timeout", REQUEST_TIMEOUT, "The request has not come in time";
    /// The address is taken, or the subnet has addresses.
    InUse = "in_use", CONFLICT, "It is taken, or in use";
    /// No address is free.
    Exhausted = "exhausted", CONFLICT, "No address is free";
    /// It would share addresses with something that is there.
    Overlap = "overlap", CONFLICT, "It overlaps something that is there";
    /// The state of things does not allow it.
    Conflict = "conflict", CONFLICT, "The state of things does not allow it";
    /// The thing has changed since it was read.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "It has changed since it was read";
    /// The idempotency key was used with another request.
    KeyReused = "key_reused", UNPROCESSABLE_ENTITY, "The idempotency key is that of another request";
    /// The body is too long.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The body is too long";
    /// The body is not JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body must be JSON";
    /// The address is not one of the subnet.
    NotInSubnet = "not_in_subnet", UNPROCESSABLE_ENTITY, "The address is not in the subnet";
    /// The address is not for hosts.
    NotOfferable = "not_offerable", UNPROCESSABLE_ENTITY, "The address is not for hosts";
    /// The IPAM refuses it.
    Rejected = "rejected", UNPROCESSABLE_ENTITY, "The IPAM refuses it";
    /// The head of the request is too long.
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too long";
    /// The caller asks too often.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// The proxy has a fault.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The proxy has a fault";
    /// The IPAM, or the proxy over it, cannot do this.
    NotSupported = "not_supported", NOT_IMPLEMENTED, "The IPAM cannot do this";
    /// The IPAM answers what it should not.
    IpamFailed = "ipam_failed", BAD_GATEWAY, "The IPAM has failed";
    /// The IPAM does not answer.
    IpamUnavailable = "ipam_unavailable", SERVICE_UNAVAILABLE, "The IPAM is not available";
    /// The proxy's own state cannot be reached, or it has too much to do.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The proxy cannot do this now";
    /// The IPAM has not answered in time.
    IpamTimeout = "ipam_timeout", GATEWAY_TIMEOUT, "The IPAM has not answered in time";
}

/// The body of every answer that is not a success (RFC 9457), of type `application/problem+json`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "type": "/api/v1/docs#invalid", "title": "The request is wrong", "status": 400, "code": "invalid",
    "detail": "Parameter limit must be a whole number from 1 to 1000", "field": "limit",
}))]
pub(super) struct ProblemBody {
    /// Where the kind of problem is described, relative to this server.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem, for people.
    title: String,
    /// The status code, once more.
    status: u16,
    /// The kind of problem, for programs.
    code: Code,
    /// What is wrong in this case, and what would be right, for people.
    detail: String,
    /// The parameter, or the path in the body, that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// A call that is answered with a problem.
#[derive(Debug)]
pub(super) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    code: Code,
    detail: String,
    field: Option<String>,
    /// The methods that the path knows.
    allow: Option<String>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// The problem says it all.
    Itself,
    /// What is wrong whatever the door.
    Request(RequestError),
    /// The call is fine and has no answer.
    Failed(Failure),
}

impl Problem {
    /// A problem of this code; the text says what is wrong, and what would be right.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::because(Cause::Itself, code, detail)
    }

    /// A parameter, or a value in the body, that is wrong.
    pub(super) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(Code::Invalid, detail);
        problem.0.field = Some(field.into());
        problem
    }

    /// A method that the path does not know; it knows these.
    pub(super) fn method_not_allowed(known: &str) -> Self {
        let detail = format!("This path does not know the method; use {known}");
        let mut problem = Self::new(Code::MethodNotAllowed, detail);
        problem.0.allow = Some(known.to_owned());
        problem
    }

    fn because(cause: Cause, code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Content { code, detail: detail.into(), field: None, allow: None, cause }))
    }

    fn body(&self) -> ProblemBody {
        let Content { code, detail, field, .. } = &*self.0;
        ProblemBody {
            kind: format!("{API_PATH}/docs#{}", code.word()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code: *code,
            detail: detail.clone(),
            field: field.clone(),
        }
    }
}

/// The problem in place of what actix-http answers by itself to what it cannot read.
pub(in crate::http) fn unreadable(status: u16, detail: &str) -> (&'static str, String) {
    let code = match status {
        408 => Code::Timeout,
        431 => Code::HeadTooLarge,
        400..500 => Code::Invalid,
        _ => Code::Internal,
    };
    let body = ProblemBody { status, ..Problem::new(code, detail).body() };
    (CONTENT_TYPE, serde_json::to_string(&body).expect("texts and numbers are JSON"))
}

impl DoorError for Problem {
    const DOOR: Door = Door::Api;

    fn failure(&self) -> Option<&Failure> {
        match &self.0.cause {
            Cause::Failed(failure) => Some(failure),
            Cause::Itself | Cause::Request(_) => None,
        }
    }

    fn request_error(&self) -> Option<&RequestError> {
        match &self.0.cause {
            Cause::Request(error) => Some(error),
            Cause::Itself | Cause::Failed(_) => None,
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        let code = match &error {
            RequestError::Invalid(_) => Code::Invalid,
            RequestError::TooLong { .. } => Code::TooLarge,
            RequestError::SlowBody { .. } => Code::Timeout,
            RequestError::Refused(_) => Code::Forbidden,
            RequestError::UnknownRoute => Code::NotFound,
            RequestError::UnknownMethod(_) => Code::MethodNotAllowed,
        };
        let detail = match &error {
            RequestError::UnknownRoute => format!("There is no such path; {API_PATH}/docs shows all"),
            other => other.to_string(),
        };
        Self::because(Cause::Request(error), code, detail)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let code = code_of(&failure);
        let detail = match &failure {
            // Their texts are for the person in front of Foreman's form.
            Failure::SubnetNotFound { prefix, group, .. } => {
                format!("There is no subnet {} in the IPAM", ipam_provider::titled(*prefix, group.as_ref()))
            }
            Failure::GroupNotFound { group } => format!("There is no group {group} in the IPAM"),
            Failure::Ambiguous { prefix, groups } => {
                let names: Vec<&str> = groups.iter().map(ipam_provider::GroupName::as_str).collect();
                format!("Subnet {prefix} is in several groups; choose one of: {}", names.join(", "))
            }
            Failure::GroupsUnsupported => "The IPAM has no groups; name none".to_owned(),
            other => other.to_string(),
        };
        Self::because(Cause::Failed(failure), code, detail)
    }
}

fn code_of(failure: &Failure) -> Code {
    match failure {
        Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } => Code::NotFound,
        Failure::NoFreeAddress { .. } | Failure::NoneFreeInAny { .. } => Code::Exhausted,
        Failure::NotInSubnet { .. } => Code::NotInSubnet,
        Failure::LeftReserved { cause, .. } => code_of(cause),
        Failure::Overlap { .. } => Code::Overlap,
        Failure::SubnetExists { .. } => Code::Conflict,
        Failure::SubnetInUse { .. } | Failure::Promised { .. } => Code::InUse,
        Failure::NotOfferable { .. } => Code::NotOfferable,
        Failure::AlreadyReserved { .. } | Failure::StillReserved { .. } => Code::InUse,
        Failure::Ambiguous { .. } | Failure::Duplicate { .. } | Failure::BeingReserved { .. } => Code::Conflict,
        Failure::GroupsUnsupported => Code::NotSupported,
        Failure::TooManyHolds { .. } | Failure::QueueTooLong { .. } | Failure::Holds(_) | Failure::NotKept => {
            Code::Unavailable
        }
        Failure::OutOfTime { .. } => Code::IpamTimeout,
        Failure::Provider(error) => match error.kind() {
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::AlreadyExists => Code::InUse,
            ErrorKind::Rejected => Code::Rejected,
            ErrorKind::Unsupported => Code::NotSupported,
            ErrorKind::Unauthenticated | ErrorKind::Unexpected => Code::IpamFailed,
            ErrorKind::Unreachable | ErrorKind::Unavailable => Code::IpamUnavailable,
            ErrorKind::TimedOut => Code::IpamTimeout,
        },
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(known) = &self.0.allow {
            response.insert_header((ALLOW, known.as_str()));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"foreman-ipam-proxy\""));
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.insert_header((RETRY_AFTER, AGAIN_AFTER));
        }
        response.content_type(CONTENT_TYPE).json(self.body())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_as_the_page_names_it() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).expect("JSON"), code.word());
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{status}");
        }
    }

    #[test]
    fn headers_say_what_the_code_promises() {
        let header = |problem: Problem, name| {
            let response = problem.error_response();
            assert_eq!(response.headers().get("content-type").expect("a type"), CONTENT_TYPE);
            response.headers().get(name).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(header(Problem::method_not_allowed("GET, HEAD"), ALLOW).as_deref(), Some("GET, HEAD"));
        for code in Code::ALL {
            let asks_again = header(Problem::new(*code, "x"), RETRY_AFTER);
            assert_eq!(asks_again.is_some(), matches!(code.status().as_u16(), 429 | 503), "{}", code.word());
        }
        assert!(header(Problem::new(Code::Unauthorised, "x"), WWW_AUTHENTICATE).is_some());
    }
}
