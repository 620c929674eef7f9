//! `/status`: how the proxy is, and what it is over.

use actix_web::HttpRequest;
use actix_web::web::Json;
use ipam_provider::Provider;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Access;
use super::paths::Path;
use super::problem::{Problem, ProblemBody};
use crate::caller::Role;
use crate::http::state::{Now, shared};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/status").get(Role::Reader, show)]
}

/// How the proxy is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "version": "0.1.0", "state": "ok", "troubles": [], "holds": 12, "ledger_days": 400,
    "ipams": [{"name": "netbox", "provider": "netbox", "groups": true, "ipv6": true, "lists_addresses": true}],
}))]
pub(super) struct Status {
    /// The proxy's version.
    version: String,
    /// Is anything wrong?
    state: Health,
    /// What is wrong now, for people; empty for callers that are limited to groups.
    troubles: Vec<String>,
    /// How many addresses are held; null when the holds cannot be reached. Some may have ended just now.
    holds: Option<u64>,
    /// For how many days the ledger keeps its entries; 0 when there is none.
    ledger_days: u32,
    /// The IPAMs, in the order of the routes.
    ipams: Vec<Ipam>,
}

/// Is anything wrong?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Health {
    /// No.
    Ok,
    /// Something is, and the proxy answers what it can.
    Trouble,
}

/// One IPAM, and what it can do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "netbox", "provider": "netbox", "groups": true, "ipv6": true, "lists_addresses": true}))]
pub(super) struct Ipam {
    /// The name of its settings.
    name: String,
    /// The kind of IPAM.
    provider: String,
    /// Are its subnets in groups?
    groups: bool,
    /// Does it have IPv6 subnets?
    ipv6: bool,
    /// Can the addresses of its subnets be listed?
    lists_addresses: bool,
}

/// Show how the proxy is
#[utoipa::path(
    get, path = "/status", tag = "Status",
    responses(
        (status = 200, description = "How the proxy is", body = Status),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(access: Access, now: Now, request: HttpRequest) -> Result<Json<Status>, Problem> {
    let trouble = shared(&request).trouble();
    let holds = now.allocator.holds().place().count().await.ok().and_then(|count| u64::try_from(count).ok());
    let ipams = now.allocator.provider().ipams().map(|ipam| {
        let capabilities = ipam.guard().capabilities();
        Ipam {
            name: ipam.key().to_owned(),
            provider: ipam.guard().name().to_owned(),
            groups: capabilities.groups,
            ipv6: capabilities.ipv6,
            lists_addresses: ipam.guard().list_reservations().is_some(),
        }
    });
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: if trouble.is_some() { Health::Trouble } else { Health::Ok },
        troubles: match (&trouble, access.groups()) {
            (Some(text), None) => text.lines().map(str::to_owned).collect(),
            _ => Vec::new(),
        },
        holds,
        ledger_days: now.ledger.as_ref().map_or(0, crate::ledger::Ledger::days),
        ipams: ipams.collect(),
    }))
}
