//! `/plans/{plan}/allocations` and `/plan-allocations/{id}`: what is allocated of a plan.

use std::collections::BTreeMap;
use std::net::IpAddr;

use actix_web::http::header::ContentType;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_store::{
    AllocatedPrefix, AllocationAfter, Labels, NewPlanAllocation, PlanAllocationEdit, PlanAllocationRecord, PublicId,
    Reading, StoreError,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::expected::{Expected, changed, written};
use super::plans::{public_id, size, visible};
use super::records::{Extras, caller};
use super::store::Store;
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::answer::tagged;
use crate::http::api::body::{Body, WholeBody};
use crate::http::api::id::SubnetId;
use crate::http::api::idempotency::{self, Beginning};
use crate::http::api::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use crate::http::api::params::Params;
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/plans/{plan}/allocations").get(Role::Reader, list).on(Method::POST, Role::Operator, allocate),
        Path::new("/plan-allocations/{id}")
            .get(Role::Reader, show)
            .on(Method::PATCH, Role::Operator, edit)
            .delete(Role::Operator, release),
    ]
}

/// A prefix of an allocation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pool": "primary", "prefix": "10.0.0.0/23", "usable": 507}))]
pub(in crate::http::api) struct PlanPrefix {
    /// The name of its pool.
    pool: String,
    prefix: String,
    /// How many hosts have room in it.
    usable: u128,
}

/// What is allocated in one go.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "692d6e10000000000000000b", "hosts": 500, "length": null, "labels": {"environment": "prod"},
    "prefixes": [{"pool": "primary", "prefix": "10.0.0.0/23", "usable": 507}], "description": "",
    "extras": {"owner": "production", "external_id": null, "tags": [], "metadata": {}},
    "created_at": "2026-12-01T10:00:00Z", "updated_at": "2026-12-01T10:00:00Z", "subnet": null,
}))]
pub(in crate::http::api) struct PlanAllocation {
    /// Never changes.
    id: String,
    /// How many hosts were asked for, if it was that.
    hosts: Option<u64>,
    /// Which length was asked for, if it was that.
    length: Option<u8>,
    /// One of each pool.
    prefixes: Vec<PlanPrefix>,
    labels: BTreeMap<String, String>,
    description: String,
    extras: Extras,
    created_at: String,
    updated_at: String,
    /// The id of the subnet that was made in the same step; null in other answers.
    subnet: Option<String>,
}

fn prefixes(all: &[AllocatedPrefix]) -> Vec<PlanPrefix> {
    let one = |one: &AllocatedPrefix| PlanPrefix {
        pool: one.pool.clone(),
        prefix: one.prefix.to_string(),
        usable: one.usable,
    };
    all.iter().map(one).collect()
}

impl PlanAllocation {
    fn of(record: &PlanAllocationRecord) -> Self {
        Self {
            id: record.public_id.to_string(),
            hosts: record.hosts,
            length: record.length,
            prefixes: prefixes(&record.prefixes),
            labels: record.labels.0.clone(),
            description: record.description.clone(),
            extras: Extras::of(&record.attributes),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
            subnet: None,
        }
    }
}

/// What would be allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prefixes": [{"pool": "primary", "prefix": "10.0.0.0/23", "usable": 507}]}))]
pub(in crate::http::api) struct PlanPreview {
    /// One of each pool.
    prefixes: Vec<PlanPrefix>,
}

/// What is to be allocated: by `hosts` or by `length`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"hosts": 500, "labels": {"environment": "prod"}, "extras": {"owner": "production"}}))]
pub(in crate::http::api) struct NewAllocation {
    /// Room for so many hosts in the first pool.
    #[serde(default)]
    hosts: Option<u64>,
    /// A prefix of this length from the first pool.
    #[serde(default)]
    length: Option<u8>,
    /// Labels that the plan allows.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    description: String,
    /// The name of a pool: its prefix becomes a subnet in the same step.
    #[serde(default)]
    subnet: Option<String>,
    #[serde(default)]
    extras: Extras,
}

/// What to change of an allocation; what is not given stays as it is. Another owner moves it.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"extras": {"owner": "staging"}}))]
pub(in crate::http::api) struct AllocationChange {
    /// All of them.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    extras: Extras,
}

/// The allocation of an id; one that the caller may not see is not there.
fn found(reading: &Reading<'_>, access: &Access, id: PublicId) -> Result<PlanAllocationRecord, StoreError> {
    let missing = || StoreError::NoPlanAllocation(id.to_string());
    let allocation = reading.find_plan_allocation_with(id)?.ok_or_else(missing)?;
    let plan = reading.plan_by_id(allocation.plan_id)?;
    if access.sees(plan.group.as_ref()) { Ok(allocation) } else { Err(missing()) }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Query {
    /// Only those of this owner; case does not matter.
    owner: Option<String>,
    /// How many allocations at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "plan-allocations";

/// List what is allocated of a plan
///
/// By owner, then by the first prefix.
#[utoipa::path(
    get, path = "/plans/{plan}/allocations", tag = "Plans",
    params(("plan" = String, Path, description = "The plan's id"), Query),
    responses(
        (status = 200, description = "A page of allocations", body = Page<PlanAllocation>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn list(
    Params(query): Params<Query>,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<Json<Page<PlanAllocation>>, Problem> {
    let id = public_id(&request, "plan")?;
    let limit = limit(query.limit)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let after = from.map(|from| {
        let (first, owner) = from.split_once(' ').ok_or_else(wrong_cursor)?;
        let first: IpAddr = first.parse().map_err(|_| wrong_cursor())?;
        Ok::<_, Problem>(AllocationAfter::new(owner, first))
    });
    let after = after.transpose()?;
    let at_most = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let read = store.read(move |reading| {
        let plan = visible(reading, &access, id)?;
        reading.plan_allocations(plan.id, query.owner.as_deref(), after.as_ref(), at_most)
    });
    let mut all = read.await?;
    let is_last = all.len() <= limit;
    all.truncate(limit);
    let next_cursor = all.last().filter(|_| !is_last).and_then(|last| {
        let first = last.prefixes.first()?.prefix.network();
        Some(cursor(LIST, &format!("{first} {}", last.attributes.owner)))
    });
    Ok(Json(Page { items: all.iter().map(PlanAllocation::of).collect(), next_cursor }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Rehearse {
    /// `true`: answers what would be allocated now, and changes nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Allocate prefixes of a plan
///
/// The lowest free prefix of each pool, or none. With the header `Idempotency-Key` the same request can be sent again, and has
/// the same answer for a day.
#[utoipa::path(
    post, path = "/plans/{plan}/allocations", tag = "Plans", request_body = NewAllocation,
    params(
        ("plan" = String, Path, description = "The plan's id"),
        Rehearse,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, of this request alone"),
    ),
    responses(
        (status = 201, description = "The prefixes are allocated", body = PlanAllocation),
        (status = 200, description = "What would be allocated, with dry_run", body = PlanPreview),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn allocate(
    Body(wanted): Body<NewAllocation>,
    Params(Rehearse { dry_run }): Params<Rehearse>,
    access: Access,
    store: Store,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "plan")?;
    let new = NewPlanAllocation {
        size: size(wanted.hosts, wanted.length)?,
        labels: Labels(wanted.labels.clone()),
        description: wanted.description.clone(),
        attributes: wanted.extras.clone().attributes(&caller())?,
    };
    let subnet = wanted.subnet.clone();
    if dry_run {
        let preview = store.read(move |reading| {
            let plan = visible(reading, &access, id)?;
            let previewed = reading.preview_prefixes(&plan, new.size, &new.labels)?;
            match subnet {
                Some(pool) if previewed.iter().all(|one| one.pool != pool) => {
                    Err(StoreError::NoPool { plan: plan.title(), pool })
                }
                _ => Ok(previewed),
            }
        });
        return Ok(HttpResponse::Ok().json(PlanPreview { prefixes: prefixes(&preview.await?) }));
    }
    let once = match idempotency::begin(&request, &now, &wanted).await? {
        Beginning::Do(once) => once,
        Beginning::Done(answer) => return Ok(answer),
    };
    let work = async move {
        let allocated = store.write(move |writing| {
            let plan = visible(writing, &access, id)?;
            let record = writing.allocate_prefixes(plan.id, &new)?;
            let mut allocation = PlanAllocation::of(&record);
            if let Some(pool) = subnet {
                let prefix = writing.add_subnet_of(&record, &pool)?;
                allocation.subnet = Some(SubnetId::new(prefix, plan.group.as_ref()).text());
            }
            Ok(allocation)
        });
        match allocated.await {
            Ok(allocation) => Ok(once.answered(StatusCode::CREATED, &allocation).await),
            Err(problem) => {
                once.failed(true).await;
                Err(problem)
            }
        }
    };
    let answer: String = idempotency::to_its_end(work).await?;
    Ok(HttpResponse::Created().content_type(ContentType::json()).body(answer))
}

/// Show an allocation of a plan
#[utoipa::path(
    get, path = "/plan-allocations/{id}", tag = "Plans",
    params(("id" = String, Path, description = "The allocation's id")),
    responses(
        (status = 200, description = "The allocation", body = PlanAllocation),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn show(
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "id")?;
    let record = store.read(move |reading| found(reading, &access, id)).await?;
    Ok(tagged(&request, &PlanAllocation::of(&record)))
}

/// Change an allocation of a plan, or move it to another owner
#[utoipa::path(
    patch, path = "/plan-allocations/{id}", tag = "Plans", request_body = AllocationChange,
    params(
        ("id" = String, Path, description = "The allocation's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the allocation must still have"),
    ),
    responses(
        (status = 200, description = "The allocation as it is now", body = PlanAllocation),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn edit(
    Body(change): Body<AllocationChange>,
    access: Access,
    expected: Expected,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "id")?;
    let edit = PlanAllocationEdit {
        labels: change.labels.map(Labels),
        description: change.description,
        attributes: change.extras.edit()?,
    };
    let edited = store.write(move |writing| {
        let old = found(writing, &access, id)?;
        if !expected.is_met_by(&PlanAllocation::of(&old)) {
            return Ok(None);
        }
        writing.edit_plan_allocation(old.id, edit).map(Some)
    });
    let record = edited.await?.ok_or_else(changed)?;
    Ok(written(HttpResponse::Ok(), &PlanAllocation::of(&record)))
}

/// Release an allocation of a plan
///
/// One that is not there is released already. Subnets in it must be deleted before: that is `in_use`.
#[utoipa::path(
    delete, path = "/plan-allocations/{id}", tag = "Plans",
    params(("id" = String, Path, description = "The allocation's id")),
    responses(
        (status = 204, description = "The prefixes are not allocated any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn release(
    _: WholeBody,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "id")?;
    let released = store.write(move |writing| match found(writing, &access, id) {
        Ok(allocation) => writing.release_prefixes(allocation.id).map(drop),
        Err(StoreError::NoPlanAllocation(_)) => Ok(()),
        Err(error) => Err(error),
    });
    released.await?;
    Ok(HttpResponse::NoContent().finish())
}
