//! `/subnets/{subnet}/addresses`: what is recorded and held in a subnet.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::{Annotated, Annotation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Access;
use super::allocations::{hostname, mac};
use super::answer::tagged;
use super::body::Body;
use super::holds::Hold;
use super::id::{AddressId, AddressInSubnet};
use super::paths::Path;
use super::problem::{Code, Problem, ProblemBody};
use super::subnets::expect_same;
use crate::allocation::Failure;
use crate::caller::Role;
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/subnets/{subnet}/addresses/{address}").asking_ipam().get(Role::Reader, show).on(
        Method::PATCH,
        Role::Operator,
        annotate,
    )]
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

/// What becomes known of the host of an address.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"hostname": "web7.example.com"}))]
pub(super) struct Note {
    /// The MAC; what is recorded stays if there is none here.
    #[serde(default)]
    mac: Option<String>,
    /// The host name; what is recorded stays if there is none here.
    #[serde(default)]
    hostname: Option<String>,
}

/// Change MAC and host name of a record
///
/// Only of a record that the proxy has made; another one is a `conflict`. The call can be repeated.
#[utoipa::path(
    patch, path = "/subnets/{subnet}/addresses/{address}", tag = "Addresses", request_body = Note,
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("address" = String, Path, description = "The address, such as 192.0.2.7 or 2001:db8::7"),
    ),
    responses(
        (status = 204, description = "The record has them"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn annotate(
    Body(note): Body<Note>,
    AddressInSubnet(id): AddressInSubnet,
    access: Access,
    now: Now,
) -> Result<HttpResponse, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let note = Annotation { mac: mac(note.mac.as_deref())?, hostname: hostname(note.hostname.as_deref())? };
    let (prefix, address) = (id.subnet.prefix, id.address);
    expect_same(&now.allocator.subnet(prefix, &id.subnet.choice()).await?, &id.subnet)?;
    match now.allocator.annotate(prefix, id.subnet.choice(), address, note).await? {
        Annotated::Changed | Annotated::AsItWas => Ok(HttpResponse::NoContent().finish()),
        Annotated::Absent => Err(Problem::new(Code::NotFound, format!("Address {address} is not reserved"))),
        Annotated::NotOurs => {
            let text = format!("The record of {address} is not one that the proxy has made; change it in the IPAM");
            Err(Problem::new(Code::Conflict, text))
        }
    }
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
