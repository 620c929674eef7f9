//! `/holds`: the proxy's short promises of addresses.

use actix_web::HttpResponse;
use actix_web::web::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::body::WholeBody;
use super::id::{AddressId, SubnetId};
use super::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use super::params::Params;
use super::paths::Path;
use super::problem::{Code, Problem, ProblemBody};
use crate::allocation::{Failure, HeldAddress, HoldState, ListError};
use crate::caller::Role;
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/holds").get(Role::Reader, list), Path::new("/holds/{id}").delete(Role::Operator, release)]
}

/// An address that is kept from other callers for a time.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "subnet": "MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24",
    "address": "192.0.2.7", "prefix": "192.0.2.0/24", "group": "Production", "ipam": "netbox", "state": "offered",
    "mac": "00:00:5e:00:53:07", "since": "2026-11-20T17:19:08Z", "until": "2026-11-20T17:49:08Z",
}))]
pub(super) struct Hold {
    /// Opaque; the id of the address in its subnet.
    id: String,
    /// The subnet's id.
    subnet: String,
    /// The address.
    address: String,
    /// The subnet's prefix.
    prefix: String,
    /// The subnet's group; null for a subnet outside of groups.
    group: Option<String>,
    /// The IPAM that has the subnet, by the name of its settings.
    ipam: String,
    /// How far the address has come.
    state: HeldAs,
    /// The MAC of the host that it is held for, if it is known.
    mac: Option<String>,
    /// Since when it has been promised, being added or released (RFC 3339).
    since: String,
    /// Until when.
    until: String,
}

/// How far the address of a hold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum HeldAs {
    /// Promised to a caller, who may reserve it.
    Offered,
    /// A reservation is on its way to the IPAM.
    Adding,
    /// A reservation was sent and its answer lost.
    Unanswered,
    /// Reserved; kept for a while so that nothing older offers it.
    Reserved,
    /// Released; kept for a while from other hosts.
    Released,
}

impl Hold {
    pub(super) fn of(held: &HeldAddress) -> Self {
        let subnet = SubnetId::new(held.scope.prefix, held.scope.group.as_ref());
        Self {
            subnet: subnet.text(),
            id: AddressId { subnet, address: held.address }.text(),
            address: held.address.to_string(),
            prefix: held.scope.prefix.to_string(),
            group: held.scope.group.as_ref().map(ToString::to_string),
            ipam: held.scope.space.provider.to_string(),
            state: match held.state {
                HoldState::Offered => HeldAs::Offered,
                HoldState::Adding => HeldAs::Adding,
                HoldState::Unanswered => HeldAs::Unanswered,
                HoldState::Reserved => HeldAs::Reserved,
                HoldState::Released => HeldAs::Released,
            },
            mac: held.mac.map(|mac| mac.to_string()),
            since: held.since.clone(),
            until: held.until.clone(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// How many holds at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "holds";

/// List the holds
///
/// By IPAM, address space and address.
#[utoipa::path(
    get, path = "/holds", tag = "Holds", params(Query),
    responses(
        (status = 200, description = "A page of holds", body = Page<Hold>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(Params(query): Params<Query>, access: Access, now: Now) -> Result<Json<Page<Hold>>, Problem> {
    let limit = limit(query.limit)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let page = now.allocator.holds().page(from.as_deref(), limit).await.map_err(|error| match error {
        ListError::Place(error) => Problem::from(Failure::from(error)),
        ListError::After => wrong_cursor(),
    })?;
    let own = page.holds.iter().filter(|hold| access.sees(hold.scope.group.as_ref()));
    let next_cursor = page.next.as_deref().map(|next| cursor(LIST, next));
    Ok(Json(Page { items: own.map(Hold::of).collect(), next_cursor }))
}

/// Release a hold
///
/// Ends the promise only; a reservation in the IPAM stays. A hold that has ended is a problem, `not_found`.
#[utoipa::path(
    delete, path = "/holds/{id}", tag = "Holds", params(("id" = String, Path, description = "The hold's id")),
    responses(
        (status = 204, description = "The hold has ended"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn release(id: AddressId, access: Access, _: WholeBody, now: Now) -> Result<HttpResponse, Problem> {
    let AddressId { subnet, address } = id;
    access.expect(subnet.group.as_ref())?;
    let not_held = || Problem::new(Code::NotFound, format!("Address {address} is not held"));
    let holds = now.allocator.holds().of_address(address).await.map_err(Failure::from)?;
    // Without a group, a release would take the only hold of the address, whatever its group.
    let is_meant = |hold: &HeldAddress| hold.scope.prefix == subnet.prefix && hold.scope.group == subnet.group;
    if !holds.iter().any(is_meant) || !now.allocator.release_hold(subnet.prefix, &subnet.choice(), address).await? {
        return Err(not_held());
    }
    Ok(HttpResponse::NoContent().finish())
}
