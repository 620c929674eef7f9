//! What is noted of how calls end: a log line for each failure, and for the proxy's page in Foreman that the IPAM takes too
//! long for whole requests.

use actix_web::HttpRequest;
use ipam_provider::ErrorKind;
use log::Level;

use super::error::{DoorError, RequestError};
use super::state::shared;
use crate::allocation::Failure;
use crate::telemetry::with_causes;

/// What the page calls it.
const IPAM: &str = "IPAM";

/// Notes how a call ended. `asks_ipam` says that it was not answered from memory, so that a success shows that the IPAM
/// works.
pub(super) fn note<E: DoorError>(request: &HttpRequest, error: Option<&E>, asks_ipam: bool) {
    let works = match error {
        None => Some(true),
        Some(error) => {
            log(request, error);
            error.failure().and_then(shows_that_the_ipam_works)
        }
    };
    match (works, error) {
        (Some(true), _) if asks_ipam => shared(request).set_trouble(IPAM, None),
        (Some(false), Some(error)) => shared(request).set_trouble(IPAM, Some(error.to_string())),
        _ => {}
    }
}

/// Whether the failure shows that requests are answered in time again, or that they are not; `None` when it says nothing of
/// it. What single calls of an IPAM show is noted by their guard.
fn shows_that_the_ipam_works(failure: &Failure) -> Option<bool> {
    match failure {
        Failure::NoFreeAddress { .. } | Failure::AlreadyReserved { .. } | Failure::StillReserved { .. } => Some(true),
        Failure::OutOfTime { .. } => Some(false),
        Failure::Provider(error) if error.is_without_request() => None,
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
fn log<E: DoorError>(request: &HttpRequest, error: &E) {
    match (error.failure(), error.request_error()) {
        (Some(Failure::Provider(cause)), _) => log::error!("{} [{}]", with_causes(&**cause), cause.kind()),
        (Some(Failure::Holds(cause)), _) => log::error!("{}", with_causes(cause)),
        (Some(_), _) => log::warn!("{error}"),
        (None, Some(cause)) => log_request_error(request, cause),
        (None, None) => log_with_caller(request, Level::Info, error),
    }
}

/// Logs what is wrong with a request. A caller that shows a name is a warning, because the settings may be wrong then, or it
/// is an attack; without a name any stranger could fill the log with warnings.
pub(super) fn log_request_error(request: &HttpRequest, error: &RequestError) {
    let level = match error {
        RequestError::Refused(refusal) if refusal.names_the_caller() => Level::Warn,
        _ => Level::Info,
    };
    log_with_caller(request, level, error);
}

fn log_with_caller(request: &HttpRequest, level: Level, error: &dyn std::fmt::Display) {
    match request.peer_addr() {
        Some(caller) => log::log!(level, "{error} (from {})", caller.ip().to_canonical()),
        // Through the control socket.
        None => log::log!(level, "{error}"),
    }
}
