//! `/subnets/{subnet}/addresses`: what is recorded and held in a subnet.

use actix_web::http::Method;
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::{ErrorKind, ListedReservation};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::annotate::annotate;
use super::answer::tagged;
use super::holds::Hold;
use super::id::{AddressId, AddressInSubnet, SubnetId};
use super::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use super::params::Params;
use super::paths::Path;
use super::problem::{Problem, ProblemBody};
use super::subnets::{expect_same, find};
use crate::allocation::Failure;
use crate::caller::Role;
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/subnets/{subnet}/addresses").asking_ipam().get(Role::Reader, list),
        Path::new("/subnets/{subnet}/addresses/{address}").asking_ipam().get(Role::Reader, show).on(
            Method::PATCH,
            Role::Operator,
            annotate,
        ),
    ]
}

/// An address of a subnet, as it is recorded and held now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "address": "192.0.2.7", "state": "reserved",
    "mac": "00:00:5e:00:53:07", "hostname": "web7.example.com", "description": "by foreman-ipam-proxy", "ours": true,
    "hold": null,
}))]
pub(super) struct Address {
    /// Opaque, and the same as long as address, prefix and group are.
    id: String,
    /// The address.
    address: String,
    /// `reserved`: the IPAM has a record of it. `held`: it has none, and the proxy keeps the address from other callers.
    /// `free`: neither.
    state: State,
    /// The MAC in the record.
    mac: Option<String>,
    /// The host name in the record.
    hostname: Option<String>,
    /// The description in the record.
    description: Option<String>,
    /// Does the record carry the mark that only this proxy sets?
    ours: bool,
    /// The hold of the address, if there is one.
    hold: Option<Hold>,
}

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The IPAM has a record of it.
    Reserved,
    /// The IPAM has no record, and the proxy keeps the address from other callers.
    Held,
    /// Neither.
    Free,
}

impl Address {
    fn of(id: &AddressId, reservation: Option<ipam_provider::Reservation>, hold: Option<Hold>) -> Self {
        let state = match (&reservation, &hold) {
            (Some(_), _) => State::Reserved,
            (None, Some(_)) => State::Held,
            (None, None) => State::Free,
        };
        let reservation = reservation.unwrap_or_default();
        Self {
            id: id.text(),
            address: id.address.to_string(),
            state,
            mac: reservation.mac.map(|mac| mac.to_string()),
            hostname: reservation.hostname,
            description: reservation.description,
            ours: reservation.ours,
            hold,
        }
    }
}

/// A record that the IPAM has of an address.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "address": "192.0.2.7", "mac": "00:00:5e:00:53:07",
    "hostname": "web7.example.com", "description": "by foreman-ipam-proxy", "ours": true,
}))]
pub(super) struct Record {
    /// Opaque, and the same as long as address, prefix and group are.
    id: String,
    /// The address.
    address: String,
    /// The MAC in the record.
    mac: Option<String>,
    /// The host name in the record.
    hostname: Option<String>,
    /// The description in the record.
    description: Option<String>,
    /// Does the record carry the mark that only this proxy sets?
    ours: bool,
}

impl Record {
    fn of(subnet: &SubnetId, listed: ListedReservation) -> Self {
        let ListedReservation { address, reservation, is_ours } = listed;
        Self {
            id: AddressId { subnet: subnet.clone(), address }.text(),
            address: address.to_string(),
            mac: reservation.mac.map(|mac| mac.to_string()),
            hostname: reservation.hostname,
            description: reservation.description,
            ours: is_ours,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// How many records at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "addresses";

/// List what is recorded in a subnet
///
/// By address where the IPAM can order. A record that stays while one pages is on exactly one page. An IPAM that cannot list
/// its records is a problem, `not_supported`.
#[utoipa::path(
    get, path = "/subnets/{subnet}/addresses", tag = "Addresses",
    params(("subnet" = String, Path, description = "The subnet's id"), Query),
    responses(
        (status = 200, description = "A page of records", body = Page<Record>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    id: SubnetId,
    Params(query): Params<Query>,
    access: Access,
    now: Now,
) -> Result<Json<Page<Record>>, Problem> {
    let limit = limit(query.limit)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    find(&now.allocator, &access, &id).await?;
    let page = now.allocator.reservations(id.prefix, &id.choice(), from.as_deref(), limit).await;
    let page = page.map_err(|failure| match &failure {
        Failure::Provider(error) if error.kind() == ErrorKind::Rejected && from.is_some() => wrong_cursor(),
        _ => failure.into(),
    })?;
    let next_cursor = page.next.as_deref().map(|next| cursor(LIST, next));
    Ok(Json(Page { items: page.records.into_iter().map(|record| Record::of(&id, record)).collect(), next_cursor }))
}

/// Show one address
///
/// The IPAM is asked, and the holds are looked at.
#[utoipa::path(
    get, path = "/subnets/{subnet}/addresses/{address}", tag = "Addresses",
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("address" = String, Path, description = "The address, such as 192.0.2.7 or 2001:db8::7"),
    ),
    responses(
        (status = 200, description = "The address, whether it is taken or not", body = Address),
        (status = 304, description = "It is as the caller has it, by If-None-Match"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    AddressInSubnet(id): AddressInSubnet,
    access: Access,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let found = now.allocator.inspect(id.subnet.prefix, &id.subnet.choice(), id.address).await?;
    expect_same(&found.subnet, &id.subnet)?;
    let holds = now.allocator.holds().of_address(id.address).await.map_err(Failure::from)?;
    let hold = holds.iter().find(|hold| hold.scope.prefix == id.subnet.prefix && hold.scope.group == id.subnet.group);
    Ok(tagged(&request, &Address::of(&id, found.reservation, hold.map(Hold::of))))
}
