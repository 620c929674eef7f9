//! `PATCH /subnets/{subnet}/addresses/{address}`: what becomes known of a host goes into the record.

use actix_web::HttpResponse;
use ipam_provider::{Annotated, Annotation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Access;
use super::allocations::{hostname, mac};
use super::body::Body;
use super::id::AddressInSubnet;
use super::problem::{Code, Problem, ProblemBody};
use super::subnets::expect_same;
use crate::http::state::Now;

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
