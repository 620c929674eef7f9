//! `/subnets/{subnet}/ranges`: what a subnet of the embedded IPAM never offers.

use actix_web::http::Method;
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_store::{ExcludedRange, RangeRecord, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::records::caller;
use super::store::{Store, subnet};
use super::subnets::address;
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::body::{Body, WholeBody};
use crate::http::api::id::SubnetId;
use crate::http::api::params::segment;
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/subnets/{subnet}/ranges").get(Role::Reader, list),
        Path::new("/subnets/{subnet}/ranges/{first}/{last}")
            .on(Method::PUT, Role::Admin, exclude)
            .delete(Role::Admin, include),
    ]
}

/// A range of addresses that are offered to no host.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"first": "192.0.2.200", "last": "192.0.2.220", "comment": "DHCP"}))]
pub(in crate::http::api) struct Range {
    first: String,
    last: String,
    comment: String,
}

/// All excluded ranges of a subnet.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{"first": "192.0.2.200", "last": "192.0.2.220", "comment": "DHCP"}]}))]
pub(in crate::http::api) struct Ranges {
    items: Vec<Range>,
}

/// What to record of a range.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"comment": "DHCP"}))]
pub(in crate::http::api) struct NewRange {
    /// Free text.
    #[serde(default)]
    comment: String,
}

/// List the excluded ranges of a subnet of the embedded IPAM
#[utoipa::path(
    get, path = "/subnets/{subnet}/ranges", tag = "Embedded IPAM",
    params(("subnet" = String, Path, description = "The subnet's id")),
    responses(
        (status = 200, description = "The ranges, lowest first", body = Ranges),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn list(id: SubnetId, access: Access, store: Store) -> Result<Json<Ranges>, Problem> {
    access.expect(id.group.as_ref())?;
    let ranges = store.read(move |reading| reading.excluded_ranges(subnet(reading, &id)?.id)).await?;
    let range = |RangeRecord { range, .. }| Range {
        first: range.first.to_string(),
        last: range.last.to_string(),
        comment: range.comment,
    };
    Ok(Json(Ranges { items: ranges.into_iter().map(range).collect() }))
}

/// Exclude a range of a subnet of the embedded IPAM
///
/// None of its addresses is offered from now on; those that are recorded stay. A range that shares addresses with another is an
/// `overlap`.
#[utoipa::path(
    put, path = "/subnets/{subnet}/ranges/{first}/{last}", tag = "Embedded IPAM", request_body = NewRange,
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("first" = String, Path, description = "The lowest address"),
        ("last" = String, Path, description = "The highest address"),
    ),
    responses(
        (status = 204, description = "The range is excluded"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn exclude(
    Body(new): Body<NewRange>,
    id: SubnetId,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    access.expect(id.group.as_ref())?;
    let (first, last) = ends(&request)?;
    let range = ExcludedRange { first, last, comment: new.comment };
    let attributes = ipam_store::Attributes::of_owner(caller());
    store.write(move |writing| writing.exclude_with(subnet(writing, &id)?.id, &range, &attributes)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Include a range of a subnet of the embedded IPAM again
#[utoipa::path(
    delete, path = "/subnets/{subnet}/ranges/{first}/{last}", tag = "Embedded IPAM",
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("first" = String, Path, description = "The lowest address"),
        ("last" = String, Path, description = "The highest address"),
    ),
    responses(
        (status = 204, description = "There is no such excluded range any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn include(
    _: WholeBody,
    id: SubnetId,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    access.expect(id.group.as_ref())?;
    let (first, last) = ends(&request)?;
    let included = store.write(move |writing| match writing.include(subnet(writing, &id)?.id, first, last) {
        Err(StoreError::NoRange { .. }) => Ok(()),
        included => included,
    });
    included.await?;
    Ok(HttpResponse::NoContent().finish())
}

fn ends(request: &HttpRequest) -> Result<(std::net::IpAddr, std::net::IpAddr), Problem> {
    Ok((address("first", &segment(request, "first")?)?, address("last", &segment(request, "last")?)?))
}
