//! `/subnets/{subnet}/addresses/{address}/details`: a record of the embedded IPAM, with tags and metadata.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use ipam_store::{AddressEdit, AddressRecord, Reading, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::expected::{Expected, changed, written};
use super::records::{Extras, given};
use super::store::{Store, subnet};
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::allocations::{hostname, mac};
use crate::http::api::answer::tagged;
use crate::http::api::body::Body;
use crate::http::api::id::{AddressId, AddressInSubnet};
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/subnets/{subnet}/addresses/{address}/details").get(Role::Reader, show).on(
        Method::PATCH,
        Role::Operator,
        edit,
    )]
}

/// An address of the embedded IPAM, with all that is recorded of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "address": "192.0.2.7", "mac": "00:00:5e:00:53:07",
    "hostname": "web7.example.com", "description": "", "created_at": "2026-12-01T10:00:00Z",
    "extras": {"owner": "foreman-ipam-proxy", "external_id": null, "tags": ["web"], "metadata": {}},
}))]
pub(in crate::http::api) struct AddressDetails {
    id: String,
    address: String,
    mac: Option<String>,
    hostname: Option<String>,
    description: String,
    extras: Extras,
    /// When it was recorded.
    created_at: String,
}

impl AddressDetails {
    fn of(id: &AddressId, record: &AddressRecord) -> Self {
        Self {
            id: id.text(),
            address: record.address.to_string(),
            mac: record.mac.map(|mac| mac.to_string()),
            hostname: record.hostname.clone(),
            description: record.description.clone(),
            extras: Extras::of(&record.attributes),
            created_at: record.created_at.to_string(),
        }
    }
}

/// What to change of a record; what is not given stays as it is, and null removes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "In rack 7", "extras": {"tags": ["web"]}}))]
pub(in crate::http::api) struct AddressChange {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    mac: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    hostname: Option<Option<String>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    extras: Extras,
}

fn record(reading: &Reading<'_>, id: &AddressId) -> Result<(i64, AddressRecord), StoreError> {
    let subnet = subnet(reading, &id.subnet)?;
    let absent = StoreError::NoAddress { address: id.address, subnet: subnet.bounds };
    Ok((subnet.id, reading.find_address(subnet.id, id.address)?.ok_or(absent)?))
}

/// Show all that is recorded of an address of the embedded IPAM
#[utoipa::path(
    get, path = "/subnets/{subnet}/addresses/{address}/details", tag = "Embedded IPAM",
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("address" = String, Path, description = "The address"),
    ),
    responses(
        (status = 200, description = "The record", body = AddressDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn show(
    AddressInSubnet(id): AddressInSubnet,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let own = id.clone();
    let (_, record) = store.read(move |reading| record(reading, &own)).await?;
    Ok(tagged(&request, &AddressDetails::of(&id, &record)))
}

/// Change the record of an address of the embedded IPAM
///
/// Also of a record that the proxy has not made for Foreman. A change of the owner says whose the record is from now on.
#[utoipa::path(
    patch, path = "/subnets/{subnet}/addresses/{address}/details", tag = "Embedded IPAM", request_body = AddressChange,
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("address" = String, Path, description = "The address"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the record must still have"),
    ),
    responses(
        (status = 200, description = "The record as it is now", body = AddressDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn edit(
    Body(change): Body<AddressChange>,
    AddressInSubnet(id): AddressInSubnet,
    access: Access,
    expected: Expected,
    store: Store,
) -> Result<HttpResponse, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let edit = AddressEdit {
        mac: change.mac.map(|text| mac(text.as_deref())).transpose()?,
        hostname: change.hostname.map(|text| hostname(text.as_deref())).transpose()?,
        description: change.description,
        attributes: change.extras.edit()?,
    };
    let own = id.clone();
    let edited = store.write(move |writing| {
        let (subnet, before) = record(writing, &own)?;
        if !expected.is_met_by(&AddressDetails::of(&own, &before)) {
            return Ok(None);
        }
        writing.edit_address(subnet, own.address, edit)?;
        record(writing, &own).map(|(_, record)| Some(record))
    });
    let record = edited.await?.ok_or_else(changed)?;
    Ok(written(HttpResponse::Ok(), &AddressDetails::of(&id, &record)))
}
