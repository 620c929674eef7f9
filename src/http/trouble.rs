//! What is noted of how calls end: a log line for each failure, and for the proxy's page in Foreman that the IPAM takes too
//! long for whole requests.

use actix_web::http::Method;
use actix_web::{HttpRequest, ResponseError};
use ipam_provider::ErrorKind;
use log::Level;

use super::error::ApiError;
use super::extract::RoutePattern;
use super::state::shared;
use crate::allocation::Failure;
use crate::telemetry::with_causes;

/// What the page calls it.
const IPAM: &str = "IPAM";

/// Notes how a call ended.
pub(super) fn note(request: &HttpRequest, error: Option<&ApiError>) {
    let Some(error) = error else { return note_that_it_works(request) };
    log(request, error);
    match error.failure().and_then(shows_that_the_ipam_works) {
        Some(true) => note_that_it_works(request),
        Some(false) => shared(request).set_trouble(IPAM, Some(error.to_string())),
        None => {}
    }
}

fn note_that_it_works(request: &HttpRequest) {
    if needs_the_ipam(request) {
        shared(request).set_trouble(IPAM, None);
    }
}

/// Look-ups are answered from memory too, and holds always are; these calls are not, or not for long. HEAD of `next_ip` is
/// a look-up.
fn needs_the_ipam(request: &HttpRequest) -> bool {
    let pattern = request.app_data::<RoutePattern>().map_or("", |pattern| pattern.0);
    let asks_for_next = pattern.ends_with("/next_ip") && request.method() != Method::HEAD;
    pattern.starts_with("/ipam/subnet/") && (asks_for_next || pattern.ends_with("/{ip}"))
}

/// Whether the failure shows that requests are answered in time again, or that they are not; `None` when it says nothing of
/// it. What single calls of an IPAM show is noted by their guard.
fn shows_that_the_ipam_works(failure: &Failure) -> Option<bool> {
    match failure {
        Failure::NoFreeAddress { .. } | Failure::AlreadyReserved { .. } | Failure::StillReserved { .. } => Some(true),
        Failure::OutOfTime { .. } => Some(false),
        Failure::Provider(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Rejected => Some(true),
            ErrorKind::Unauthenticated
            | ErrorKind::Unreachable
            | ErrorKind::Unavailable
            | ErrorKind::TimedOut
            | ErrorKind::Unexpected
            | ErrorKind::Unsupported => None,
        },
        _ => None,
    }
}

/// Logs why a call failed: with the cause, which the caller is not told, or with the address of the caller whose fault it
/// is.
fn log(request: &HttpRequest, error: &ApiError) {
    match error.failure() {
        Some(Failure::Provider(cause)) => log::error!("{} [{}]", with_causes(&**cause), cause.kind()),
        Some(Failure::Holds(cause)) => log::error!("{}", with_causes(cause)),
        Some(_) => log::warn!("{error}"),
        None if error.status_code().is_server_error() => log::error!("{error}"),
        None => {
            let level = if error.is_untrusted() { Level::Warn } else { Level::Info };
            match request.peer_addr() {
                Some(caller) => log::log!(level, "{error} (from {})", caller.ip().to_canonical()),
                // Through the control socket.
                None => log::log!(level, "{error}"),
            }
        }
    }
}
