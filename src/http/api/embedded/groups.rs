//! `/groups/{group}`: a group of the embedded IPAM.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::GroupName;
use ipam_store::{Contents, GroupEdit, GroupRecord, NewGroup};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::expected::{Expected, changed, written};
use super::records::Extras;
use super::store::Store;
use crate::caller::Role;
use crate::http::api::access::Access;
use crate::http::api::answer::tagged;
use crate::http::api::body::{Body, WholeBody};
use crate::http::api::params::{Params, group_name, segment};
use crate::http::api::paths::Path;
use crate::http::api::problem::{Problem, ProblemBody};

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/groups/{group}")
            .get(Role::Reader, show)
            .on(Method::PUT, Role::Admin, create)
            .on(Method::PATCH, Role::Admin, edit)
            .delete(Role::Admin, delete),
    ]
}

/// A group of the embedded IPAM, with all that is recorded of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Production", "description": "Servers in service", "created_at": "2026-12-01T10:00:00Z",
    "extras": {"owner": "token deploy", "external_id": null, "tags": ["dmz"], "metadata": {}},
}))]
pub(in crate::http::api) struct GroupDetails {
    name: String,
    description: String,
    extras: Extras,
    /// When it was recorded.
    created_at: String,
}

impl GroupDetails {
    fn of(record: &GroupRecord) -> Self {
        Self {
            name: record.name.to_string(),
            description: record.description.clone(),
            extras: Extras::of(&record.attributes),
            created_at: record.created_at.to_string(),
        }
    }
}

/// What to record of a group; what is not given stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "Servers in service", "extras": {"tags": ["dmz"]}}))]
pub(in crate::http::api) struct GroupChange {
    /// Another name; not of a new group.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    extras: Extras,
}

fn named(request: &HttpRequest, access: &Access) -> Result<GroupName, Problem> {
    let text = segment(request, "group")?;
    let name = GroupName::new(text).ok_or_else(|| Problem::invalid("group", "The name of the group is empty"))?;
    access.expect(Some(&name))?;
    Ok(name)
}

/// Show one group of the embedded IPAM
#[utoipa::path(
    get, path = "/groups/{group}", tag = "Embedded IPAM",
    params(("group" = String, Path, description = "The group's name")),
    responses(
        (status = 200, description = "The group", body = GroupDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn show(
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name = named(&request, &access)?;
    let record = store.read(move |reading| reading.group(&name)).await?;
    Ok(tagged(&request, &GroupDetails::of(&record)))
}

/// Create a group of the embedded IPAM
///
/// A group that is there is a `conflict`.
#[utoipa::path(
    put, path = "/groups/{group}", tag = "Embedded IPAM", request_body = GroupChange,
    params(("group" = String, Path, description = "The group's name")),
    responses(
        (status = 201, description = "The group is there", body = GroupDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn create(
    Body(new): Body<GroupChange>,
    access: Access,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name = named(&request, &access)?;
    if new.name.as_ref().is_some_and(|other| other != name.as_str()) {
        return Err(Problem::invalid("name", "The path has the name of a new group"));
    }
    let description = new.description.unwrap_or_default();
    let new = NewGroup { name, description, attributes: new.extras.attributes(&super::records::caller())? };
    let record = store.write(move |writing| writing.add_group_with(&new)).await?;
    Ok(written(HttpResponse::Created(), &GroupDetails::of(&record)))
}

/// Change a group of the embedded IPAM
#[utoipa::path(
    patch, path = "/groups/{group}", tag = "Embedded IPAM", request_body = GroupChange,
    params(
        ("group" = String, Path, description = "The group's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the group must still have"),
    ),
    responses(
        (status = 200, description = "The group as it is now", body = GroupDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::http::api) async fn edit(
    Body(change): Body<GroupChange>,
    access: Access,
    expected: Expected,
    store: Store,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let name = named(&request, &access)?;
    let renamed = change.name.map(|name| group_name("name", &name)).transpose()?;
    access.expect(renamed.as_ref().or(Some(&name)))?;
    let edit = GroupEdit { name: renamed, description: change.description, attributes: change.extras.edit()? };
    let edited = store.write(move |writing| {
        if !expected.is_met_by(&GroupDetails::of(&writing.group(&name)?)) {
            return Ok(None);
        }
        writing.edit_group(&name, edit).map(Some)
    });
    let record = edited.await?.ok_or_else(changed)?;
    Ok(written(HttpResponse::Ok(), &GroupDetails::of(&record)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::api) struct Deleting {
    /// `true`: its subnets are deleted too, with their addresses.
    #[serde(default)]
    with_subnets: bool,
}

/// Delete a group of the embedded IPAM
#[utoipa::path(
    delete, path = "/groups/{group}", tag = "Embedded IPAM",
    params(("group" = String, Path, description = "The group's name"), Deleting),
    responses(
        (status = 204, description = "The group is not there any more"),
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
    let name = named(&request, &access)?;
    let contents = if query.with_subnets { Contents::DeleteToo } else { Contents::MustBeEmpty };
    store
        .write(move |writing| match writing.find_group(&name)? {
            Some(_) => writing.delete_group(&name, contents),
            None => Ok(()),
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
