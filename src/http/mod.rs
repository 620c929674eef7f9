//! The contract over HTTP: the route table, extractors that let only valid arguments through, thin handlers, and the one
//! place that knows status codes.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `ipam` | the `/ipam` routes that Foreman calls |
//! | `holds` | `/ipam/holds` and `/ipam/candidates`, our additions |
//! | `features`, `logs` | what makes the process a Smart Proxy |
//! | `extract`, `decode` | from path, query and headers to the types of the handlers |
//! | `access` | who called, and whether they may |
//! | `connection` | what happens between a socket that was accepted and the requests on it |
//! | `error`, `style` | failures as status codes, or as Foreman can show them |
//! | `trouble` | what is logged of failures, and shown on the proxy's page in Foreman |
//! | `request_log` | the two log lines of a request, and its id |
//! | `state` | what all of these share |

mod access;
mod connection;
mod decode;
mod error;
mod extract;
mod features;
mod holds;
mod ipam;
mod logs;
mod request_log;
mod state;
mod style;
mod trouble;

pub use access::Listener;
pub use connection::{Arrivals, Connections};
pub use features::{details_of, version_of};
pub use state::{Serving, Shared};

use actix_web::body::MessageBody;
use actix_web::dev::{HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, Resource, guard, web};

use self::extract::RoutePattern;

/// The `Server` header of every answer.
const SERVER: &str = concat!("foreman-ipam-proxy/", env!("CARGO_PKG_VERSION"));

/// The whole API, each route with what it demands of the caller: nothing, trust, or trust on a listener that External IPAM
/// is enabled on. Each path is a resource of its own, so that an unknown method on it is a 405 that says which are known.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        // The order decides: `next_ip` would also be an `{ip}`. And actix tries one after the other, so those that a
        // host's creation calls come first.
        .service(external_ipam(
            at("/ipam/subnet/{address}/{length}/next_ip", &["GET"])
                .route(web::get().to(ipam::next_ip))
                // Looking at the headers promises nothing.
                .route(web::head().to(ipam::subnet)),
        ))
        .service(external_ipam(
            at("/ipam/subnet/{address}/{length}/{ip}", &["GET", "POST", "DELETE"])
                .route(get().to(ipam::exists))
                .route(web::post().to(ipam::add))
                .route(web::delete().to(ipam::delete)),
        ))
        .service(external_ipam(at("/ipam/subnet/{address}/{length}", &["GET"]).route(get().to(ipam::subnet))))
        .service(at("/features", &["GET"]).route(get().to(features::names)))
        .service(at("/version", &["GET"]).route(get().to(features::version)))
        .service(trusted(at("/v2/features", &["GET"]).route(get().to(features::details))))
        .service(trusted(at("/logs", &["GET"]).route(get().to(logs::logs))))
        .service(trusted(at("/logs/", &["GET"]).route(get().to(logs::logs))))
        .service(external_ipam(at("/ipam/groups", &["GET"]).route(get().to(ipam::groups))))
        .service(external_ipam(at("/ipam/groups/{group}", &["GET"]).route(get().to(ipam::group))))
        .service(external_ipam(at("/ipam/groups/{group}/subnets", &["GET"]).route(get().to(ipam::group_subnets))))
        // Only Foreman 2.1 and 2.2 call this one.
        .service(external_ipam(
            at("/ipam/group/{group}/subnet/{address}/{length}", &["GET"]).route(get().to(ipam::subnet_in_group)),
        ))
        .service(external_ipam(at("/ipam/candidates", &["DELETE"]).route(web::delete().to(holds::drop_candidates))))
        .service(external_ipam(at("/ipam/holds", &["GET"]).route(get().to(holds::list))))
        .service(external_ipam(at("/ipam/holds/{address}", &["DELETE"]).route(web::delete().to(holds::release))))
        .default_service(web::route().to(error::unknown_route));
}

fn trusted(resource: Resource) -> impl HttpServiceFactory {
    resource.wrap(from_fn(access::demand_trust))
}

fn external_ipam(resource: Resource) -> impl HttpServiceFactory {
    resource.wrap(from_fn(access::demand_ipam))
}

/// The routes, and what surrounds them: of the wrappers, the last one written is the outermost.
pub fn app(
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
        .configure(routes)
        .wrap(from_fn(style::answer))
        .wrap(from_fn(request_log::log))
        .wrap(headers)
}

fn at(path: &'static str, methods: &'static [&'static str]) -> Resource {
    web::resource(path)
        .app_data(RoutePattern(path))
        .default_service(web::route().to(move || error::unknown_method(methods)))
}

/// GET, and HEAD alike: actix leaves the body out.
fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
