//! `/groups`: what one IPAM calls a section, another a VRF, a namespace or a network view.

use actix_web::web::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::page::{Page, cursor, from_cursor, limit};
use super::params::Params;
use super::paths::Path;
use super::problem::{Problem, ProblemBody};
use crate::allocation::Failure;
use crate::caller::Role;
use crate::http::state::Now;

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/groups").asking_ipam().get(Role::Reader, list)]
}

/// A group of subnets.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Production", "description": "Servers in service"}))]
pub(super) struct Group {
    /// Unique within the IPAM; case and blanks count.
    name: String,
    /// Free text; may be empty.
    description: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// How many groups at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "groups";

/// List the groups
///
/// By name. None for an IPAM without groups.
#[utoipa::path(
    get, path = "/groups", tag = "Groups", params(Query),
    responses(
        (status = 200, description = "A page of groups", body = Page<Group>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(Params(query): Params<Query>, access: Access, now: Now) -> Result<Json<Page<Group>>, Problem> {
    let limit = limit(query.limit)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let mut groups = match now.allocator.groups().await {
        Ok(groups) => groups,
        Err(Failure::GroupsUnsupported) => Vec::new(),
        Err(failure) => return Err(failure.into()),
    };
    groups.retain(|group| {
        access.sees(Some(&group.name)) && from.as_deref().is_none_or(|from| group.name.as_str() > from)
    });
    let is_last = groups.len() <= limit;
    groups.truncate(limit);
    let next_cursor = groups.last().filter(|_| !is_last).map(|last| cursor(LIST, last.name.as_str()));
    let items = groups.into_iter().map(|group| Group { name: group.name.to_string(), description: group.description });
    Ok(Json(Page { items: items.collect(), next_cursor }))
}
