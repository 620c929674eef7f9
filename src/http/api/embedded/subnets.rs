//! `/subnets/{subnet}/details`: a subnet of the embedded IPAM, with gateway, tags and metadata.

use std::net::IpAddr;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use ipam_store::{SubnetEdit, SubnetRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::expected::{Expected, changed, written};
use super::records::{Extras, given};
use super::store::{Store, subnet};
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::answer::tagged;
use crate::http::api::body::Body;
use crate::http::api::id::SubnetId;
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/subnets/{subnet}/details").get(Role::Reader, show).on(Method::PATCH, Role::Admin, edit)]
}

/// A subnet of the embedded IPAM, with all that is recorded of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24", "prefix": "192.0.2.0/24", "group": "Production", "description": "Web servers",
    "pool": false, "container": false, "gateway": "192.0.2.1", "created_at": "2026-12-01T10:00:00Z",
    "extras": {"owner": "token deploy", "external_id": null, "tags": ["dmz"], "metadata": {}},
}))]
pub(in crate::http::api) struct SubnetDetails {
    id: String,
    prefix: String,
    group: Option<String>,
    description: String,
    /// May hosts have every address, also the first and last?
    pool: bool,
    /// Does it hold subnets instead of addresses?
    container: bool,
    /// The address of the router, which is offered to no host.
    gateway: Option<String>,
    extras: Extras,
    /// When it was recorded.
    created_at: String,
}

impl SubnetDetails {
    fn of(id: &SubnetId, record: &SubnetRecord) -> Self {
        Self {
            id: id.text(),
            prefix: id.prefix.to_string(),
            group: id.group.as_ref().map(ToString::to_string),
            description: record.description.clone(),
            pool: record.pool,
            container: record.container,
            gateway: record.gateway.map(|gateway| gateway.to_string()),
            extras: Extras::of(&record.attributes),
            created_at: record.created_at.to_string(),
        }
    }
}

/// What to change of a subnet; what is not given stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"gateway": "192.0.2.1", "extras": {"tags": ["dmz"]}}))]
pub(in crate::http::api) struct SubnetChange {
    #[serde(default)]
    description: Option<String>,
    /// May hosts have every address?
    #[serde(default)]
    pool: Option<bool>,
    /// Is it to hold subnets instead of addresses?
    #[serde(default)]
    container: Option<bool>,
    /// The address of the router, which is offered to no host; null for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    gateway: Option<Option<String>>,
    #[serde(default)]
    extras: Extras,
}

/// An address in a body.
pub(super) fn address(field: &str, text: &str) -> Result<IpAddr, Problem> {
    let text = text.parse::<IpAddr>();
    text.map_err(|_| {
        Problem::invalid(field, "The address cannot be read; write IPv4 such as 10.1.2.3 or IPv6 such as 2001:db8::3")
    })
}

impl SubnetChange {
    fn edit(self) -> Result<SubnetEdit, Problem> {
        let gateway = self.gateway.map(|gateway| gateway.map(|text| address("gateway", &text)).transpose());
        Ok(SubnetEdit {
            group: None,
            description: self.description,
            pool: self.pool,
            container: self.container,
            gateway: gateway.transpose()?,
            attributes: self.extras.edit()?,
        })
    }
}

/// Show all that is recorded of a subnet of the embedded IPAM
#[utoipa::path(
    get, path = "/subnets/{subnet}/details", tag = "Embedded IPAM",
    params(("subnet" = String, Path, description = "The subnet's id")),
    responses(
        (status = 200, description = "The subnet", body = SubnetDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn show(
    id: SubnetId,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    access.expect(id.group.as_ref())?;
    let own = id.clone();
    let record = store.read(move |reading| subnet(reading, &own)).await?;
    Ok(tagged(&request, &SubnetDetails::of(&id, &record)))
}

/// Change a subnet of the embedded IPAM
///
/// Its prefix and group never change.
#[utoipa::path(
    patch, path = "/subnets/{subnet}/details", tag = "Embedded IPAM", request_body = SubnetChange,
    params(
        ("subnet" = String, Path, description = "The subnet's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the subnet must still have"),
    ),
    responses(
        (status = 200, description = "The subnet as it is now", body = SubnetDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn edit(
    Body(change): Body<SubnetChange>,
    id: SubnetId,
    access: Access,
    expected: Expected,
    store: Store,
) -> Result<HttpResponse, Problem> {
    access.expect(id.group.as_ref())?;
    let (own, edit) = (id.clone(), change.edit()?);
    let edited = store.write(move |writing| {
        let record = subnet(writing, &own)?;
        if !expected.is_met_by(&SubnetDetails::of(&own, &record)) {
            return Ok(None);
        }
        writing.edit_subnet(record.id, edit).map(Some)
    });
    let record = edited.await?.ok_or_else(changed)?;
    Ok(written(HttpResponse::Ok(), &SubnetDetails::of(&id, &record)))
}
