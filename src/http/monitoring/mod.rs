//! The door of what watches the proxy: whether it lives, whether it can do its work, and its numbers.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `health` | `/healthz` and `/readyz`, for anybody |
//! | `scrape` | `/metrics` |
//! | `error` | refusals |

mod error;
mod health;
mod scrape;

use actix_web::Resource;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};

use self::error::MonitoringError;
use super::access::{admit, turn_away};
use super::route::get;
use super::trouble;
use crate::caller::Door;

const HEALTH: &str = "/healthz";
const READINESS: &str = "/readyz";
const METRICS: &str = "/metrics";

/// Is it the path of a route of this door?
pub(super) fn is_route(path: &str) -> bool {
    [HEALTH, READINESS, METRICS].contains(&path)
}

/// The routes. Health is for anybody, because a balancer has no client certificate, and is told nothing else; `demand` lets
/// only those through who may see `/metrics`.
pub(super) fn routes<D, F>(demand: D) -> impl HttpServiceFactory
where
    D: Fn(ServiceRequest, Next<BoxBody>) -> F + Clone + 'static,
    F: Future<Output = Result<ServiceResponse<BoxBody>, actix_web::Error>> + 'static,
{
    (
        at(HEALTH).route(get().to(health::lives)).wrap(from_fn(note)),
        at(READINESS).route(get().to(health::is_ready)).wrap(from_fn(note)),
        at(METRICS).route(get().to(scrape::metrics)).wrap(from_fn(demand)).wrap(from_fn(note)),
    )
}

/// The trust that Foreman's routes demand as well.
pub(super) async fn demand_trust(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(request.request(), Door::Monitoring, request.path()).await {
        Ok(()) => next.call(request).await,
        Err(refusal) => Ok(turn_away::<MonitoringError>(request, refusal)),
    }
}

fn at(path: &'static str) -> Resource {
    super::route::at::<MonitoringError>(path, &["GET"])
}

/// Logs why a call was refused.
async fn note(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<MonitoringError>());
    trouble::note(response.request(), error, false);
    Ok(response)
}
