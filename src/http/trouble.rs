//! What is noted of how calls end: a log line for each failure, and the IPAM's trouble for the proxy's page in Foreman.

use actix_web::{HttpRequest, ResponseError};
use ipam_provider::ErrorKind;

use super::error::ApiError;
use super::extract::RoutePattern;
use super::state::shared;
use crate::allocation::Failure;
use crate::telemetry::with_causes;

/// What the page calls it.
const IPAM: &str = "IPAM";

/// Notes how a call ended.
pub(super) fn note(request: &HttpRequest, error: Option<&ApiError>) {
    if let Some(error) = error {
        log(error);
    }
    match error {
        Some(error) if error.failure().is_some_and(is_trouble_of_the_ipam) => {
            shared(request).set_trouble(IPAM, Some(error.to_string()));
        }
        Some(error) if !error.failure().is_some_and(is_answer_of_the_ipam) => {}
        _ if needs_the_ipam(request) => shared(request).set_trouble(IPAM, None),
        _ => {}
    }
}

/// Look-ups are answered from memory too, and holds always are; these calls are not, or not for long.
fn needs_the_ipam(request: &HttpRequest) -> bool {
    let pattern = request.app_data::<RoutePattern>().map_or("", |pattern| pattern.0);
    pattern.starts_with("/ipam/subnet/") && (pattern.ends_with("/next_ip") || pattern.ends_with("/{ip}"))
}

fn is_trouble_of_the_ipam(failure: &Failure) -> bool {
    match failure {
        Failure::OutOfTime { .. } => true,
        Failure::Provider(error) => match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Unexpected => true,
            ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Unsupported | ErrorKind::Rejected => false,
        },
        _ => false,
    }
}

/// Failures that only an IPAM which works can be the reason of.
fn is_answer_of_the_ipam(failure: &Failure) -> bool {
    match failure {
        Failure::NoFreeAddress { .. } | Failure::AlreadyReserved { .. } => true,
        Failure::Provider(error) => !is_trouble_of_the_ipam(failure) && error.kind() != ErrorKind::Unsupported,
        _ => false,
    }
}

/// Logs why a call failed, with the cause that the caller is not told.
fn log(error: &ApiError) {
    match error.failure() {
        Some(Failure::Provider(cause)) => log::error!("{} [{}]", with_causes(&**cause), cause.kind()),
        Some(_) => log::warn!("{error}"),
        None if error.status_code().is_server_error() => log::error!("{error}"),
        None => log::info!("{error}"),
    }
}
