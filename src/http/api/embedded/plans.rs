//! `/plans`: named sets of linked pools, from which prefixes are allocated together.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::{GroupName, Prefix};
use ipam_store::{
    AllowedLabels, Contents, NewPool, PlanEdit, PlanRecord, PlanUsage, PublicId, Reading, Scope, Size, Sizes,
    StoreError,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::expected::{Expected, changed, written};
use super::records::{Extras, caller, given};
use super::store::Store;
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::answer::tagged;
use crate::http::api::body::{Body, WholeBody};
use crate::http::api::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use crate::http::api::params::{Params, group, group_name, segment};
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/plans").get(Role::Reader, list).on(Method::POST, Role::Admin, create),
        Path::new("/plans/{plan}")
            .get(Role::Reader, show)
            .on(Method::PATCH, Role::Admin, edit)
            .delete(Role::Admin, delete),
        Path::new("/plans/{plan}/calculation").get(Role::Reader, calculate),
    ]
}

/// A pool of a plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "cgnat", "prefix": "100.64.0.0/10", "shift": -5}))]
pub(in crate::http::api) struct Pool {
    /// Unique in its plan.
    name: String,
    /// All that is allocated from it lies in it.
    prefix: String,
    /// What is added to the length of the first pool's prefix: −5 for 32 times its size. 0 unless given.
    #[serde(default)]
    shift: i16,
}

/// How much of a pool is allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pool": "primary", "addresses": 65536, "free": 65024, "largest_free": 17}))]
pub(in crate::http::api) struct PoolUse {
    /// The name of the pool.
    pool: String,
    /// How many addresses it has.
    addresses: u128,
    /// How many of them are free.
    free: u128,
    /// The length of the largest prefix that is free; null when nothing is.
    largest_free: Option<u8>,
}

/// How much of a plan is allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"allocations": 1, "pools": [
    {"pool": "primary", "addresses": 65536, "free": 65024, "largest_free": 17},
]}))]
pub(in crate::http::api) struct PlanUse {
    /// How many allocations it has.
    allocations: u64,
    /// Of each pool, in their order.
    pools: Vec<PoolUse>,
}

impl PlanUse {
    fn of(usage: PlanUsage) -> Self {
        let pools = usage.pools.into_iter().map(|one| PoolUse {
            pool: one.pool,
            addresses: one.addresses,
            free: one.free,
            largest_free: one.largest_free,
        });
        Self { allocations: usage.allocations, pools: pools.collect() }
    }
}

/// A plan.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "692d6e10000000000000000a", "group": "blue", "name": "clusters", "description": "", "shortest": 20,
    "longest": 26, "kept_back": 5, "hosts_at_most": null, "labels": {"environment": ["dev", "prod"], "region": []},
    "pools": [{"name": "primary", "prefix": "10.0.0.0/16", "shift": 0}],
    "extras": {"owner": "token deploy", "external_id": null, "tags": [], "metadata": {}},
    "created_at": "2026-12-01T10:00:00Z", "updated_at": "2026-12-01T10:00:00Z", "usage": null,
}))]
pub(in crate::http::api) struct Plan {
    /// Never changes.
    id: String,
    /// Null for a plan of the global table.
    group: Option<String>,
    /// Unique in its group.
    name: String,
    description: String,
    /// The length of the largest prefix of the first pool.
    shortest: u8,
    /// The length of the smallest.
    longest: u8,
    /// How many addresses of each prefix no host gets.
    kept_back: u32,
    /// How many hosts may be asked for at once; null for no limit but the largest prefix.
    hosts_at_most: Option<u64>,
    /// The labels that allocations may have, each with its values; none for any value.
    labels: BTreeMap<String, BTreeSet<String>>,
    /// Sizes are asked for of the first.
    pools: Vec<Pool>,
    extras: Extras,
    created_at: String,
    updated_at: String,
    /// How much is allocated; null in lists.
    usage: Option<PlanUse>,
}

impl Plan {
    fn of(record: &PlanRecord, usage: Option<PlanUsage>) -> Self {
        let Sizes { shortest, longest, kept_back, hosts_at_most } = record.sizes;
        let pool = |pool: &ipam_store::PoolRecord| Pool {
            name: pool.name.clone(),
            prefix: pool.prefix.to_string(),
            shift: pool.shift,
        };
        Self {
            id: record.public_id.to_string(),
            group: record.group.as_ref().map(GroupName::to_string),
            name: record.name.clone(),
            description: record.description.clone(),
            shortest,
            longest,
            kept_back,
            hosts_at_most,
            labels: record.labels.0.clone(),
            pools: record.pools.iter().map(pool).collect(),
            extras: Extras::of(&record.attributes),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
            usage: usage.map(PlanUse::of),
        }
    }

    fn with_usage(reading: &Reading<'_>, record: &PlanRecord) -> Result<Self, StoreError> {
        Ok(Self::of(record, Some(reading.plan_usage(record)?)))
    }
}

/// A plan to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "group": "blue", "name": "clusters", "shortest": 20, "longest": 26, "labels": {"environment": ["dev", "prod"]},
    "pools": [
        {"name": "primary", "prefix": "10.0.0.0/16"}, {"name": "cgnat", "prefix": "100.64.0.0/10", "shift": -5},
    ],
}))]
pub(in crate::http::api) struct NewPlan {
    /// None for the global table.
    #[serde(default)]
    group: Option<String>,
    /// 1 to 100 characters.
    name: String,
    #[serde(default)]
    description: String,
    /// The length of the largest prefix of the first pool.
    shortest: u8,
    /// The length of the smallest.
    longest: u8,
    /// How many addresses of each prefix no host gets; 5 unless given.
    #[serde(default = "kept_back")]
    kept_back: u32,
    /// How many hosts may be asked for at once.
    #[serde(default)]
    hosts_at_most: Option<u64>,
    /// The labels that allocations may have, each with its values; none for any value.
    #[serde(default)]
    labels: BTreeMap<String, BTreeSet<String>>,
    /// 1 to 16; sizes are asked for of the first, whose shift is 0.
    pools: Vec<Pool>,
    #[serde(default)]
    extras: Extras,
}

/// Network, broadcast, router, DNS, and one to spare.
fn kept_back() -> u32 {
    5
}

/// What a pool has from now on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "primary", "prefix": "10.0.0.0/15"}))]
pub(in crate::http::api) struct PoolChange {
    name: String,
    prefix: String,
}

/// What to change of a plan; what is not given stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"longest": 28, "pools": [{"name": "primary", "prefix": "10.0.0.0/15"}]}))]
pub(in crate::http::api) struct PlanChange {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    shortest: Option<u8>,
    #[serde(default)]
    longest: Option<u8>,
    #[serde(default)]
    kept_back: Option<u32>,
    /// Null for no limit.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    hosts_at_most: Option<Option<u64>>,
    /// All of them.
    #[serde(default)]
    labels: Option<BTreeMap<String, BTreeSet<String>>>,
    /// Those that grow or shrink.
    #[serde(default)]
    pools: Vec<PoolChange>,
    #[serde(default)]
    extras: Extras,
}

fn prefix(index: usize, text: &str) -> Result<Prefix, Problem> {
    text.parse().map_err(|_| {
        let text = "The prefix cannot be read; write its first address and its length, such as 10.0.0.0/16";
        Problem::invalid(format!("pools[{index}].prefix"), text)
    })
}

/// An id of this path.
pub(super) fn public_id(request: &HttpRequest, name: &str) -> Result<PublicId, Problem> {
    let text = segment(request, name)?;
    text.parse::<PublicId>()
        .map_err(|error| Problem::invalid(name, format!("The path's {name} cannot be used: {error}")))
}

/// The plan of an id; one that the caller may not see is not there.
pub(super) fn visible(reading: &Reading<'_>, access: &Access, id: PublicId) -> Result<PlanRecord, StoreError> {
    let plan = reading.find_plan_with(id)?.filter(|plan| access.sees(plan.group.as_ref()));
    plan.ok_or_else(|| StoreError::NoPlan(format!("with id {id}")))
}

/// What one of two values asks for.
pub(super) fn size(hosts: Option<u64>, length: Option<u8>) -> Result<Size, Problem> {
    match (hosts, length) {
        (Some(hosts), None) => Ok(Size::Hosts(hosts)),
        (None, Some(length)) => Ok(Size::Length(length)),
        _ => Err(Problem::invalid("hosts", "Give either hosts or length")),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Query {
    /// Only plans of this group.
    group: Option<String>,
    /// How many plans at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "plans";

/// List the plans
///
/// In the order in which they were added.
#[utoipa::path(
    get, path = "/plans", tag = "Plans", params(Query),
    responses(
        (status = 200, description = "A page of plans", body = Page<Plan>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn list(
    Params(query): Params<Query>,
    access: Access,
    store: Store,
) -> Result<Json<Page<Plan>>, Problem> {
    let limit = limit(query.limit)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let from: Option<PublicId> = from.map(|from| from.parse::<PublicId>().map_err(|_| wrong_cursor())).transpose()?;
    let scope = match group(query.group.as_deref())? {
        None => Scope::Anywhere,
        Some(group) => {
            access.expect(Some(&group))?;
            Scope::Group(group)
        }
    };
    let mut plans = store.read(move |reading| reading.plans_in(&scope)).await?;
    plans.retain(|plan| access.sees(plan.group.as_ref()) && from.is_none_or(|from| plan.public_id > from));
    plans.sort_by_key(|plan| plan.public_id);
    let is_last = plans.len() <= limit;
    plans.truncate(limit);
    let next_cursor = plans.last().filter(|_| !is_last).map(|last| cursor(LIST, &last.public_id.to_string()));
    Ok(Json(Page { items: plans.iter().map(|plan| Plan::of(plan, None)).collect(), next_cursor }))
}

/// Add a plan
#[utoipa::path(
    post, path = "/plans", tag = "Plans", request_body = NewPlan,
    responses(
        (status = 201, description = "The plan is there", body = Plan),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn create(
    Body(new): Body<NewPlan>,
    access: Access,
    store: Store,
) -> Result<HttpResponse, Problem> {
    let group = new.group.map(|name| group_name("group", &name)).transpose()?;
    access.expect(group.as_ref())?;
    let pools =
        new.pools.into_iter().enumerate().map(|(index, pool)| {
            Ok(NewPool { prefix: prefix(index, &pool.prefix)?, name: pool.name, shift: pool.shift })
        });
    let new = ipam_store::NewPlan {
        group,
        name: new.name,
        description: new.description,
        sizes: Sizes {
            shortest: new.shortest,
            longest: new.longest,
            kept_back: new.kept_back,
            hosts_at_most: new.hosts_at_most,
        },
        labels: AllowedLabels(new.labels),
        pools: pools.collect::<Result<_, Problem>>()?,
        attributes: new.extras.attributes(&caller())?,
    };
    let plan = store.write(move |writing| Plan::with_usage(writing, &writing.add_plan(&new)?)).await?;
    Ok(written(HttpResponse::Created(), &plan))
}

/// Show a plan
#[utoipa::path(
    get, path = "/plans/{plan}", tag = "Plans", params(("plan" = String, Path, description = "The plan's id")),
    responses(
        (status = 200, description = "The plan, with its usage", body = Plan),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn show(
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "plan")?;
    let plan = store.read(move |reading| Plan::with_usage(reading, &visible(reading, &access, id)?)).await?;
    Ok(tagged(&request, &plan))
}

/// Change a plan
///
/// A pool does not shrink below what is allocated from it: that is `in_use`.
#[utoipa::path(
    patch, path = "/plans/{plan}", tag = "Plans", request_body = PlanChange,
    params(
        ("plan" = String, Path, description = "The plan's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the plan must still have"),
    ),
    responses(
        (status = 200, description = "The plan as it is now", body = Plan),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn edit(
    Body(change): Body<PlanChange>,
    access: Access,
    expected: Expected,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "plan")?;
    let pools = change.pools.into_iter().enumerate();
    let pools = pools.map(|(index, pool)| Ok((pool.name, prefix(index, &pool.prefix)?)));
    let pools = pools.collect::<Result<Vec<_>, Problem>>()?;
    let attributes = change.extras.edit()?;
    let edited = store.write(move |writing| {
        let old = visible(writing, &access, id)?;
        if !expected.is_met_by(&Plan::with_usage(writing, &old)?) {
            return Ok(None);
        }
        let sizes = Sizes {
            shortest: change.shortest.unwrap_or(old.sizes.shortest),
            longest: change.longest.unwrap_or(old.sizes.longest),
            kept_back: change.kept_back.unwrap_or(old.sizes.kept_back),
            hosts_at_most: change.hosts_at_most.unwrap_or(old.sizes.hosts_at_most),
        };
        let edit = PlanEdit {
            name: change.name,
            description: change.description,
            sizes: Some(sizes),
            labels: change.labels.map(AllowedLabels),
            pools,
            attributes,
        };
        Plan::with_usage(writing, &writing.edit_plan(old.id, edit)?).map(Some)
    });
    Ok(written(HttpResponse::Ok(), &edited.await?.ok_or_else(changed)?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Deleting {
    /// `true`: its allocations are released too.
    #[serde(default)]
    with_allocations: bool,
}

/// Delete a plan
#[utoipa::path(
    delete, path = "/plans/{plan}", tag = "Plans",
    params(("plan" = String, Path, description = "The plan's id"), Deleting),
    responses(
        (status = 204, description = "The plan is not there any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn delete(
    _: WholeBody,
    access: Access,
    Params(query): Params<Deleting>,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = public_id(&request, "plan")?;
    let contents = if query.with_allocations { Contents::DeleteToo } else { Contents::MustBeEmpty };
    let deleted = store.write(move |writing| match visible(writing, &access, id) {
        Ok(plan) => writing.delete_plan(plan.id, contents),
        Err(StoreError::NoPlan(_)) => Ok(()),
        Err(error) => Err(error),
    });
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Asked {
    /// Room for so many hosts in the first pool.
    hosts: Option<u64>,
    /// A prefix of this length from the first pool.
    length: Option<u8>,
}

/// What an allocation from one pool would be, wherever it lay.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"pool": "primary", "length": 23, "addresses": 512, "usable": 507}))]
pub(in crate::http::api) struct CalculatedPrefix {
    /// The name of the pool.
    pool: String,
    length: u8,
    /// How many addresses it has.
    addresses: u128,
    /// How many hosts have room in it.
    usable: u128,
}

/// What an allocation of some size would be.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prefixes": [{"pool": "primary", "length": 23, "addresses": 512, "usable": 507}]}))]
pub(in crate::http::api) struct Calculation {
    /// One of each pool.
    prefixes: Vec<CalculatedPrefix>,
}

/// Calculate the lengths of an allocation
///
/// Whether there is room is not looked at.
#[utoipa::path(
    get, path = "/plans/{plan}/calculation", tag = "Plans",
    params(("plan" = String, Path, description = "The plan's id"), Asked),
    responses(
        (status = 200, description = "The lengths", body = Calculation),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn calculate(
    access: Access,
    Params(asked): Params<Asked>,
    store: Store,
    request: HttpRequest,
) -> Result<Json<Calculation>, Problem> {
    let id = public_id(&request, "plan")?;
    let size = size(asked.hosts, asked.length)?;
    let calculated = store.read(move |reading| visible(reading, &access, id)?.calculate(size)).await?;
    let prefixes = calculated.prefixes.into_iter().map(|one| CalculatedPrefix {
        pool: one.pool,
        length: one.length,
        addresses: one.addresses,
        usable: one.usable,
    });
    Ok(Json(Calculation { prefixes: prefixes.collect() }))
}
