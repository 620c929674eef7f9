//! What every door refuses alike.
//!
//! A door has an error type of its own, with the shapes and status codes that its callers know: a [`DoorError`].

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ContentType};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::allocation::Failure;
use crate::caller::Door;
use crate::trust::Refusal;

/// The error of a door.
pub(super) trait DoorError: ResponseError + From<RequestError> + 'static {
    /// The door.
    const DOOR: Door;

    /// Why the call failed, if it got as far as the allocator.
    fn failure(&self) -> Option<&Failure>;

    /// What is wrong with the request, if it did not get there for that.
    fn request_error(&self) -> Option<&RequestError>;
}

/// A request that is wrong whatever the door. By itself it is answered with a status code and `{"error": "text"}`.
#[derive(Debug)]
pub(super) enum RequestError {
    /// The text says what is wrong, and what would be right.
    Invalid(String),
    /// The body is longer than is read.
    TooLong {
        /// The limit.
        at_most: usize,
    },
    /// The rest of the request does not come.
    SlowBody {
        /// How long was waited for it.
        seconds: u64,
    },
    /// The caller may not do this.
    Refused(Refusal),
    /// No such path.
    UnknownRoute,
    /// No such method on this path, which knows these.
    UnknownMethod(&'static [&'static str]),
}

impl RequestError {
    /// The rest of the request has not come within this time.
    pub(super) fn slow_body(limit: Duration) -> Self {
        Self::SlowBody { seconds: limit.as_secs() }
    }
}

impl From<Refusal> for RequestError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => f.write_str(text),
            Self::TooLong { at_most } => {
                write!(f, "The request's body is longer than {at_most} bytes; send none")
            }
            Self::SlowBody { seconds } => {
                write!(f, "The request's body has not come within {seconds} seconds; send none")
            }
            Self::Refused(refusal) => refusal.fmt(f),
            Self::UnknownRoute => f.write_str("Requested url was not found"),
            Self::UnknownMethod(methods) => {
                write!(f, "Requested url does not know this method; use {}", methods.join(", "))
            }
        }
    }
}

impl ResponseError for RequestError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::TooLong { .. } => StatusCode::BAD_REQUEST,
            Self::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::UnknownMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Self::UnknownMethod(methods) = self {
            response.insert_header((ALLOW, methods.join(", ")));
        }
        response.content_type(ContentType::json()).body(json!({"error": self.to_string()}).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_method_is_told_which_are_known() {
        let response = RequestError::UnknownMethod(&["GET", "POST"]).error_response();
        assert_eq!(response.headers().get(ALLOW).expect("a header"), "GET, POST");
    }
}
