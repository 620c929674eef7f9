//! Foreman's door: the contract of a Smart Proxy with External IPAM, and our few additions to it.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `ipam` | the `/ipam` routes that Foreman calls |
//! | `holds` | `/ipam/holds` and `/ipam/candidates`, our additions |
//! | `hooks` | webhooks, as hints that a host has changed |
//! | `features`, `logs` | what makes the process a Smart Proxy |
//! | `extract`, `group_names` | from path, query and headers to the types of the handlers |
//! | `access` | what routes demand of a caller |
//! | `error`, `style` | failures as status codes, or as Foreman can show them |
//! | `contract` | what the settings decide of all this |

mod access;
pub(super) mod contract;
mod error;
mod extract;
mod features;
mod group_names;
mod holds;
mod hooks;
mod ipam;
mod logs;
mod style;

pub(crate) use contract::Contract;
pub(crate) use features::{details_of, version_of};

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::{Resource, web};

use self::error::ForemanError;
use self::style::AsksIpam;
use super::route::{get, unknown_route};

/// All routes, each with what it demands of the caller: nothing, trust, or trust on a listener that External IPAM is enabled
/// on. Each path is a resource of its own, so that an unknown method on it is a 405 that says which are known.
///
/// Foreman's paths begin at the root, so this takes every path that no door before it has.
pub(super) fn routes() -> impl HttpServiceFactory {
    web::scope("")
        // The order decides: `next_ip` would also be an `{ip}`. And actix tries one after the other, so those that a
        // host's creation calls come first.
        .service(external_ipam(
            at("/ipam/subnet/{address}/{length}/next_ip", &["GET"])
                .app_data(AsksIpam(&["GET"]))
                .route(web::get().to(ipam::next_ip))
                // Looking at the headers promises nothing.
                .route(web::head().to(ipam::subnet)),
        ))
        .service(external_ipam(
            at("/ipam/subnet/{address}/{length}/{ip}", &["GET", "POST", "DELETE"])
                .app_data(AsksIpam(&["GET", "HEAD", "POST", "DELETE"]))
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
        .service(
            at(hooks::PATH, &["POST"]).route(web::post().to(hooks::hint)).wrap(from_fn(hooks::demand_trust_or_token)),
        )
        .default_service(web::route().to(unknown_route::<ForemanError>))
        .wrap(from_fn(style::answer))
}

fn at(path: &'static str, methods: &'static [&'static str]) -> Resource {
    super::route::at::<ForemanError>(path, methods)
}

fn trusted(resource: Resource) -> impl HttpServiceFactory {
    resource.wrap(from_fn(access::demand_trust))
}

fn external_ipam(resource: Resource) -> impl HttpServiceFactory {
    resource.wrap(from_fn(access::demand_ipam))
}
