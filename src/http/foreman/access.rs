//! What Foreman's routes demand of a caller.

use actix_web::HttpRequest;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use super::error::ForemanError;
use crate::caller::Door;
use crate::http::access::{admit, listener, refuse, turn_away};
use crate::http::listener::Listener;
use crate::http::state::shared;
use crate::trust::Refusal;

/// Lets only those through who are trusted: with a client certificate of our CA, or from a host that the DNS confirms,
/// with a trusted name. Nobody else learns what the request was worth, not even that it was wrong.
pub(super) async fn demand_trust(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match trust(request.request()).await {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(refusal) => Ok(turn_away::<ForemanError>(request, refusal)),
    }
}

/// As [`demand_trust`], and only on listeners that the External IPAM module is enabled on.
pub(super) async fn demand_ipam(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Err(refusal) = trust(request.request()).await {
        return Ok(turn_away::<ForemanError>(request, refusal));
    }
    if !is_enabled(request.request()) {
        return Ok(refuse(request, ForemanError::disabled()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

pub(super) async fn trust(request: &HttpRequest) -> Result<(), Refusal> {
    admit(request, Door::Foreman, below_mount(request.path())).await
}

fn is_enabled(request: &HttpRequest) -> bool {
    let serving = shared(request).serving();
    listener(request)
        .is_some_and(|listener| listener == Listener::Control || serving.foreman.ipam_on.contains(&listener))
}

/// The path below the mount point of the Ruby proxy's module, which is what its refusals name.
fn below_mount(path: &str) -> &str {
    match path.strip_prefix("/logs") {
        Some("") => "/",
        Some(rest) => rest,
        None => path.strip_prefix("/v2").unwrap_or(path),
    }
}
