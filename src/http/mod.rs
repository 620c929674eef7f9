//! The calls over HTTP. Each kind of caller has a *door*: a folder with its routes, its shapes and its errors. What all doors
//! share is here; no door imports another.
//!
//! | Module | Holds |
//! | --- | --- |
//! | [`foreman`] | Foreman's door |
//! | `monitoring` | health and metrics |
//! | [`api`] | the management API's |
//! | `access`, `listener` | what a connection came in by, who called, and whether the gate lets them in |
//! | `connection` | what happens between a socket that was accepted and the requests on it |
//! | `error` | what every door refuses alike, and what a door's own error must say |
//! | `route`, `query`, `body`, `decode` | the parts of a request, as text |
//! | `trouble` | what is logged of failures, and shown on the proxy's page in Foreman |
//! | `request_log` | the two log lines of a request, and its id |
//! | `state` | what all of these share |

mod access;
pub(crate) mod api;
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

/// The doors of a listener, and what surrounds them: of the wrappers, the last one written is the outermost.
///
/// The management API and Foreman's door share no listener but the control socket, so what opens the one opens nothing of the
/// other.
pub(crate) fn app(
    shared: web::Data<Shared>,
    listener: Listener,
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
    let app = App::new().app_data(shared);
    // Foreman's door takes every path that none before it has.
    let app = match listener {
        Listener::Https | Listener::Http => app
            .service(monitoring::routes(monitoring::demand_trust))
            .service(foreman::routes())
            .default_service(web::route().to(no_door)),
        Listener::Api => {
            app.service(monitoring::routes(api::demand_reader)).service(api::routes()).default_service(api::elsewhere())
        }
        // Foreman's door takes every path that none before it has.
        Listener::Control => app
            .service(monitoring::routes(monitoring::demand_trust))
            .service(api::routes())
            .service(foreman::routes())
            .default_service(web::route().to(no_door)),
    };
    app.wrap(from_fn(request_log::log)).wrap(headers)
}

/// Answers what belongs to no door, such as `*`.
async fn no_door(request: HttpRequest) -> Result<HttpResponse, RequestError> {
    let error = RequestError::UnknownRoute;
    trouble::log_request_error(&request, &error);
    Err(error)
}
