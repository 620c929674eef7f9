//! The calls over HTTP. Each kind of caller has a *door*: a folder with its routes, its shapes and its errors. What all doors
//! share is here; no door imports another.
//!
//! | Module | Holds |
//! | --- | --- |
//! | [`foreman`] | Foreman's door |
//! | `monitoring` | health and metrics |
//! | `access`, `listener` | what a connection came in by, who called, and whether the gate lets them in |
//! | `connection` | what happens between a socket that was accepted and the requests on it |
//! | `error` | what every door refuses alike, and what a door's own error must say |
//! | `route`, `query`, `body`, `decode` | the parts of a request, as text |
//! | `trouble` | what is logged of failures, and shown on the proxy's page in Foreman |
//! | `request_log` | the two log lines of a request, and its id |
//! | `state` | what all of these share |

mod access;
mod body;
mod connection;
mod decode;
mod error;
pub(crate) mod foreman;
mod listener;
mod monitoring;
mod query;
mod request_log;
mod route;
mod state;
mod trouble;

pub(crate) use connection::{Arrivals, Connections};
pub(crate) use listener::Listener;
pub(crate) use state::{Serving, Shared};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, web};

use self::error::RequestError;

/// The `Server` header of every answer.
const SERVER: &str = concat!("foreman-ipam-proxy/", env!("CARGO_PKG_VERSION"));

/// The doors, and what surrounds them: of the wrappers, the last one written is the outermost.
pub(crate) fn app(
    shared: web::Data<Shared>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let headers = DefaultHeaders::new().add(("Server", SERVER)).add(("X-Content-Type-Options", "nosniff"));
    App::new()
        .app_data(shared)
        .service(monitoring::routes(monitoring::trust))
        .service(foreman::routes())
        .default_service(web::route().to(no_door))
        .wrap(from_fn(request_log::log))
        .wrap(headers)
}

/// Answers what belongs to no door, such as `*`.
async fn no_door(request: HttpRequest) -> Result<HttpResponse, RequestError> {
    let error = RequestError::UnknownRoute;
    trouble::log_request_error(&request, &error);
    Err(error)
}
