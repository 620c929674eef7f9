//! `/subnets`: the IPAM's records of prefixes.

use actix_web::http::header::ContentType;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::{GroupName, InDeleted, Prefix};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::answer::tagged;
use super::body::{Body, WholeBody};
use super::id::SubnetId;
use super::idempotency::{self, Beginning};
use super::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use super::params::{Params, group, parsed};
use super::paths::Path;
use super::problem::{Problem, ProblemBody};
use crate::allocation::{Allocator, Failure, GroupChoice, leaves_unknown};
use crate::caller::Role;
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/subnets").asking_ipam().get(Role::Reader, list).on(Method::POST, Role::Admin, create),
        Path::new("/subnets/{subnet}").get(Role::Reader, show).delete(Role::Admin, delete),
    ]
}

/// A subnet: the IPAM's record of a prefix.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24", "prefix": "192.0.2.0/24", "group": "Production", "ipam": "netbox",
    "description": "Web servers", "pool": false, "used": null, "free": null, "held": 2,
}))]
pub(super) struct Subnet {
    /// Opaque, and the same as long as prefix and group are.
    id: String,
    /// The prefix, without host bits.
    prefix: String,
    /// The group that it is in; null for a subnet outside of groups.
    group: Option<String>,
    /// The IPAM that has it, by the name of its settings.
    ipam: String,
    /// Free text; may be empty.
    description: String,
    /// May hosts have every address, also the first and last?
    pool: bool,
    /// How many addresses are taken; null where that is not known.
    used: Option<u64>,
    /// How many addresses are free; null where that is not known.
    free: Option<u64>,
    /// How many addresses are promised to hosts that are being created; null in lists.
    held: Option<u64>,
}

impl Subnet {
    fn of(subnet: ipam_provider::Subnet) -> Self {
        Self {
            id: SubnetId::new(subnet.prefix, subnet.group.as_ref()).text(),
            prefix: subnet.prefix.to_string(),
            group: subnet.group.map(|group| group.to_string()),
            ipam: subnet.id.ipam().unwrap_or_default().to_owned(),
            description: subnet.description,
            pool: subnet.pool,
            used: None,
            free: None,
            held: None,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only subnets in this group.
    group: Option<String>,
    /// Only subnets of exactly this prefix, such as `192.0.2.0/24`: in every group and outside of groups.
    prefix: Option<String>,
    /// Only subnets within this prefix, or of it.
    within: Option<String>,
    /// How many subnets at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "subnets";

/// List the subnets
///
/// Those outside of groups first, the others by group; then by prefix.
#[utoipa::path(
    get, path = "/subnets", tag = "Subnets", params(Query),
    responses(
        (status = 200, description = "A page of subnets", body = Page<Subnet>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    Params(query): Params<Query>,
    access: Access,
    now: Now,
) -> Result<Json<Page<Subnet>>, Problem> {
    let limit = limit(query.limit)?;
    let group = group(query.group.as_deref())?;
    if group.is_some() {
        access.expect(group.as_ref())?;
    }
    let prefix: Option<Prefix> = parsed("prefix", query.prefix.as_deref())?;
    let within: Option<Prefix> = parsed("within", query.within.as_deref())?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let from = from.map(|text| position(&text).ok_or_else(wrong_cursor)).transpose()?;
    let is_asked_for = |subnet: &ipam_provider::Subnet| {
        let is_after = from.as_ref().is_none_or(|from| (&subnet.group, subnet.prefix) > (&from.0, from.1));
        is_after && access.sees(subnet.group.as_ref()) && within.is_none_or(|wide| wide.contains_prefix(&subnet.prefix))
    };
    let mut found = match prefix {
        Some(prefix) => {
            let mut found = now.allocator.find_subnets(prefix, group.as_ref()).await?;
            found.retain(is_asked_for);
            found.sort_by(|a, b| a.group.cmp(&b.group));
            found
        }
        None => {
            let mut found = Vec::new();
            for name in names(&now.allocator, group.as_ref(), &access).await? {
                let is_done = from.as_ref().is_some_and(|from| name < from.0);
                if is_done {
                    continue;
                }
                let listed = match name {
                    Some(name) => now.allocator.subnets(&GroupChoice::of([name])).await,
                    None => now.allocator.subnets_outside_of_groups().await,
                };
                match listed {
                    Ok(subnets) => found.extend(subnets.into_iter().filter(is_asked_for)),
                    // It has gone since it was listed, or the caller is limited to it and it is not there yet.
                    Err(Failure::GroupNotFound { .. }) if group.is_none() => {}
                    Err(failure) => return Err(failure.into()),
                }
                if found.len() > limit {
                    break;
                }
            }
            found
        }
    };
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| !is_last).map(|last| cursor(LIST, &written(last)));
    Ok(Json(Page { items: found.into_iter().map(Subnet::of).collect(), next_cursor }))
}

/// The groups whose subnets are listed, by name; before them `None` for the subnets outside of groups.
async fn names(
    allocator: &Allocator,
    group: Option<&GroupName>,
    access: &Access,
) -> Result<Vec<Option<GroupName>>, Problem> {
    if let Some(group) = group {
        return Ok(vec![Some(group.clone())]);
    }
    let mut names = match access.groups() {
        Some(own) => own.to_vec(),
        None => match allocator.groups().await {
            Ok(groups) => groups.into_iter().map(|group| group.name).collect(),
            Err(Failure::GroupsUnsupported) => Vec::new(),
            Err(failure) => return Err(failure.into()),
        },
    };
    names.sort();
    names.dedup();
    let outside = access.sees(None).then_some(None);
    Ok(outside.into_iter().chain(names.into_iter().map(Some)).collect())
}

/// Where a subnet is in the list.
fn written(subnet: &ipam_provider::Subnet) -> String {
    format!("{} {}", subnet.prefix, subnet.group.as_ref().map_or("", GroupName::as_str))
}

fn position(text: &str) -> Option<(Option<GroupName>, Prefix)> {
    let (prefix, group) = text.split_once(' ')?;
    Some((GroupName::new(group), prefix.parse().ok()?))
}

/// Show one subnet
#[utoipa::path(
    get, path = "/subnets/{subnet}", tag = "Subnets", params(("subnet" = String, Path, description = "The subnet's id")),
    responses(
        (status = 200, description = "The subnet", body = Subnet),
        (status = 304, description = "It is as the caller has it, by If-None-Match"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    id: SubnetId,
    access: Access,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let subnet = find(&now.allocator, &access, &id).await?;
    let held = now.allocator.promised_in(id.prefix, &id.choice()).await?;
    let held = Some(u64::try_from(held).unwrap_or(u64::MAX));
    Ok(tagged(&request, &Subnet { held, ..Subnet::of(subnet) }))
}

/// A subnet that is to be there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"prefix": "192.0.2.0/24", "group": "Production", "description": "Web servers"}))]
pub(super) struct NewSubnet {
    /// The prefix, without host bits.
    prefix: String,
    /// The group, which must be there; none for a subnet outside of groups.
    #[serde(default)]
    group: Option<String>,
    /// Free text.
    #[serde(default)]
    description: String,
}

/// Create a subnet
///
/// Only in an IPAM that lets the proxy do so, such as the embedded one; else the code is `not_supported`. A subnet that is
/// there is a `conflict`, one that shares addresses with another an `overlap`.
#[utoipa::path(
    post, path = "/subnets", tag = "Subnets", request_body = NewSubnet,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, of this request alone"),
    ),
    responses(
        (status = 201, description = "The subnet is there", body = Subnet),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    Body(new): Body<NewSubnet>,
    access: Access,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let group = group(new.group.as_deref())?;
    access.expect(group.as_ref())?;
    let prefix = new.prefix.parse::<Prefix>();
    let prefix = prefix.map_err(|error| Problem::invalid("prefix", format!("The prefix cannot be read: {error}")))?;
    let once = match idempotency::begin(&request, &now, &new).await? {
        Beginning::Do(once) => once,
        Beginning::Done(answer) => return Ok(answer),
    };
    let allocator = now.allocator.clone();
    let work = async move {
        let choice = GroupChoice::of(group);
        let created = match allocator.create_subnet(prefix, choice.clone(), new.description).await {
            // An attempt whose answer is lost has created it.
            Err(Failure::SubnetExists { .. }) if once.is_repeated() => allocator.subnet(prefix, &choice).await,
            created => created,
        };
        match created {
            Ok(subnet) => Ok(once.answered(StatusCode::CREATED, &Subnet::of(subnet)).await),
            Err(failure) => {
                once.failed(!leaves_unknown(&failure)).await;
                Err(Problem::from(failure))
            }
        }
    };
    let answer: String = idempotency::to_its_end(work).await?;
    Ok(HttpResponse::Created().content_type(ContentType::json()).body(answer))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Deleting {
    /// `true`: the addresses in it are deleted too. Else a subnet that has some is not deleted.
    #[serde(default)]
    with_addresses: bool,
}

/// Delete a subnet
///
/// One that is not there is deleted already. Only in an IPAM that lets the proxy do so; else the code is `not_supported`. A
/// subnet that has addresses is `in_use`.
#[utoipa::path(
    delete, path = "/subnets/{subnet}", tag = "Subnets",
    params(("subnet" = String, Path, description = "The subnet's id"), Deleting),
    responses(
        (status = 204, description = "The subnet is not there any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    _: WholeBody,
    id: SubnetId,
    Params(query): Params<Deleting>,
    access: Access,
    now: Now,
) -> Result<HttpResponse, Problem> {
    access.expect(id.group.as_ref())?;
    let addresses = if query.with_addresses { InDeleted::DeletedToo } else { InDeleted::MustBeNone };
    now.allocator.delete_subnet(id.prefix, id.group, addresses).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The subnet of an id, for a caller that may see it.
pub(super) async fn find(
    allocator: &Allocator,
    access: &Access,
    id: &SubnetId,
) -> Result<ipam_provider::Subnet, Problem> {
    access.expect(id.group.as_ref())?;
    let subnet = allocator.subnet(id.prefix, &id.choice()).await?;
    expect_same(&subnet, id)?;
    Ok(subnet)
}

/// Without a group, the only subnet of a prefix is found, whatever its group; an id means the one that it was made of.
pub(super) fn expect_same(subnet: &ipam_provider::Subnet, id: &SubnetId) -> Result<(), Problem> {
    if subnet.group == id.group {
        return Ok(());
    }
    Err(Failure::SubnetNotFound { prefix: id.prefix, group: id.group.clone(), has_route: true }.into())
}
