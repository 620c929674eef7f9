//! The management API: groups, subnets, addresses, holds and the ledger of every provider, for people and programs.
//!
//! It has a listener of its own, or is asked over the control socket. A caller shows a token or a client certificate that the
//! settings list; Foreman's routes take neither, and Foreman's certificate opens nothing here unless it is listed.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `door` | what the rest of the proxy knows of it: where it begins, and what the settings decide of it |
//! | `paths` | what a resource's file says of its paths: methods, handlers, and the role that each demands |
//! | `access` | who calls, and which groups are theirs |
//! | `problem` | failures as RFC 9457 has them |
//! | `embedded` | what only the embedded IPAM has |
//! | `idempotency` | requests that can be sent again |
//! | `params`, `body`, `id`, `page`, `answer` | the parts of a request, as valid values, and of answers |
//! | `openapi`, `docs` | the document that describes all of this, made from the code, and a page that shows it |
//! | `status`, `groups`, `subnets`, `addresses`, `annotate`, `allocations`, `holds`, `ledger`, `events` | one resource each: its paths, its handlers, its shapes |
//!
//! A new resource is a file with a function `paths`, a line in [`all_paths`], and its handlers and shapes in `openapi`. A test
//! compares the paths with the document.

#![expect(unused_qualifications, reason = "what utoipa makes of the parameters of a route has some")]

mod access;
mod addresses;
mod allocations;
mod annotate;
mod answer;
#[allow(dead_code, reason = "JSON bodies are for the resources that are written to")]
mod body;
mod docs;
pub(super) mod door;
pub(crate) mod embedded;
mod events;
mod groups;
mod holds;
mod id;
mod idempotency;
mod ledger;
mod openapi;
mod page;
mod params;
mod paths;
mod problem;
mod status;
mod subnets;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpRequest, HttpResponse, Route, web};

use self::door::API_PATH;
use self::paths::{AsksIpam, Path};
use self::problem::Problem;
use super::error::RequestError;
use super::route::unknown_route;
use super::trouble;

pub(super) use self::access::demand_reader;
pub(crate) use self::door::{Callers, Embedded};
pub(super) use self::problem::unreadable;

/// The paths of all resources.
fn all_paths() -> Vec<Path> {
    [
        status::paths(),
        groups::paths(),
        subnets::paths(),
        addresses::paths(),
        allocations::paths(),
        embedded::paths(),
        holds::paths(),
        ledger::paths(),
        events::paths(),
        openapi::paths(),
        docs::paths(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All routes.
pub(super) fn routes() -> impl HttpServiceFactory {
    let scope = all_paths().into_iter().fold(web::scope(API_PATH), |scope, path| scope.service(path.resource()));
    scope.default_service(web::route().to(unknown_route::<Problem>)).wrap(from_fn(answer))
}

/// What is on the API's listener and not of the API.
pub(super) fn elsewhere() -> Route {
    web::route().to(not_here)
}

async fn not_here(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let error = Problem::from(RequestError::UnknownRoute);
    trouble::note(&request, Some(&error), false);
    Err(error)
}

/// Notes how calls end. Answers are not kept by caches unless they say so themselves.
async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<Problem>());
    let asks_ipam = response.request().app_data::<AsksIpam>().is_some();
    trouble::note(response.request(), error, asks_ipam);
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_path_is_there_twice() {
        let paths = all_paths();
        let distinct: BTreeSet<&str> = paths.iter().map(Path::path).collect();
        assert_eq!(distinct.len(), paths.len());
    }
}
