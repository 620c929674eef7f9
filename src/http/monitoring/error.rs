//! Refusals of this door: a status code and `{"error": "text"}`.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use crate::allocation::Failure;
use crate::caller::Door;
use crate::http::error::{DoorError, RequestError};

/// A call that is answered with an error. There is none but a wrong or refused request.
#[derive(Debug)]
pub(super) struct MonitoringError(RequestError);

impl From<RequestError> for MonitoringError {
    fn from(error: RequestError) -> Self {
        Self(error)
    }
}

impl fmt::Display for MonitoringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for MonitoringError {
    fn status_code(&self) -> StatusCode {
        self.0.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.error_response()
    }
}

impl DoorError for MonitoringError {
    const DOOR: Door = Door::Monitoring;

    fn failure(&self) -> Option<&Failure> {
        None
    }

    fn request_error(&self) -> Option<&RequestError> {
        Some(&self.0)
    }
}
