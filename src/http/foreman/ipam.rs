//! The routes of the External IPAM module: `contract` of Foreman's `app/services/proxy_api/external_ipam.rb`.
//!
//! The shapes are those that every Foreman since 2.1 can read: addresses as `{"data": "10.0.0.3"}`, existence as a bare
//! `true` or `false`, writes as an object, because a missing body, `null` or `false` makes some version fail.

use actix_web::HttpResponse;
use actix_web::web::Json;
use ipam_provider::{Group, RecordId, Subnet};
use serde_json::{Value, json};

use super::error::ForemanError;
use super::extract::{AddedFor, AddressInPrefix, AskingMac, InGroup, PathGroup, PathPrefix, RequestKey, WholeBody};
use crate::allocation::Deleted;
use crate::http::state::Now;

type Answer = Result<Json<Value>, ForemanError>;

/// `GET /ipam/groups` → `[{"id": 1, "name": "…", "description": "…"}]`
pub(super) async fn groups(now: Now) -> Answer {
    let groups = now.allocator.groups().await?;
    Ok(Json(groups.iter().map(group_object).collect()))
}

/// `GET /ipam/groups/{group}` → `{"id": 1, "name": "…", "description": "…"}`
pub(super) async fn group(PathGroup(choice): PathGroup, now: Now) -> Answer {
    let group = now.allocator.group(&choice).await.map_err(ForemanError::group_lookup)?;
    // There is always one, because a path always names one; without a name it would be this.
    Ok(Json(group.as_ref().map_or_else(|| json!({}), group_object)))
}

/// `GET /ipam/groups/{group}/subnets` → `[{"id": 7, "subnet": "10.0.0.0", "mask": "24", "description": "…"}]`
pub(super) async fn group_subnets(PathGroup(choice): PathGroup, now: Now) -> Answer {
    let subnets = now.allocator.subnets(&choice).await?;
    Ok(Json(subnets.iter().map(subnet_object).collect()))
}

/// `GET /ipam/subnet/{address}/{length}` → `{"id": 7, "subnet": "10.0.0.0", "mask": "24", "description": "…"}`
pub(super) async fn subnet(PathPrefix(prefix): PathPrefix, InGroup(group): InGroup, now: Now) -> Answer {
    let subnet = now.allocator.subnet(prefix, &group).await.map_err(ForemanError::subnet_lookup)?;
    Ok(Json(subnet_object(&subnet)))
}

/// `GET /ipam/group/{group}/subnet/{address}/{length}`, as [`subnet`], for Foreman 2.1 and 2.2.
pub(super) async fn subnet_in_group(PathPrefix(prefix): PathPrefix, PathGroup(group): PathGroup, now: Now) -> Answer {
    let subnet = now.allocator.subnet(prefix, &group).await.map_err(ForemanError::subnet_lookup)?;
    Ok(Json(subnet_object(&subnet)))
}

/// `GET /ipam/subnet/{address}/{length}/next_ip` → `{"data": "10.0.0.3"}`
pub(super) async fn next_ip(
    AskingMac(mac): AskingMac,
    PathPrefix(prefix): PathPrefix,
    InGroup(group): InGroup,
    RequestKey(request): RequestKey,
    now: Now,
) -> Answer {
    let address = now.allocator.next_ip(prefix, &group, mac, request).await?;
    Ok(Json(json!({"data": address})))
}

/// `GET /ipam/subnet/{address}/{length}/{ip}` → `true` or `false`
pub(super) async fn exists(target: AddressInPrefix, InGroup(group): InGroup, now: Now) -> Answer {
    let exists = now.allocator.exists(target.prefix, &group, target.address).await?;
    // Foreman 2.1 and 2.2 look for the name of a Ruby class in a text.
    let answer = match (now.foreman.legacy, exists) {
        (false, exists) => json!(exists),
        (true, true) => json!("Net::HTTPFound"),
        (true, false) => json!("Net::HTTPNotFound"),
    };
    Ok(Json(answer))
}

/// `POST /ipam/subnet/{address}/{length}/{ip}` → 201 `{"message": "…"}`
pub(super) async fn add(
    _: WholeBody,
    target: AddressInPrefix,
    InGroup(group): InGroup,
    AddedFor(requester): AddedFor,
    now: Now,
) -> Result<HttpResponse, ForemanError> {
    let AddressInPrefix { prefix, address } = target;
    let added = now.allocator.add(prefix, group, address, requester).await?;
    // This thread does nothing else until actix has handed the answer to the system.
    actix_web::rt::spawn(added.answered());
    Ok(HttpResponse::Created().json(json!({"message": format!("IP address {address} is reserved in External IPAM")})))
}

/// `DELETE /ipam/subnet/{address}/{length}/{ip}` → 200 `{"message": "…"}`, also when there is nothing to delete
pub(super) async fn delete(_: WholeBody, target: AddressInPrefix, InGroup(group): InGroup, now: Now) -> Answer {
    let AddressInPrefix { prefix, address } = target;
    let message = match now.allocator.delete(prefix, group, address).await? {
        Deleted::Removed => format!("IP address {address} is deleted from External IPAM"),
        Deleted::WasAbsent => format!("IP address {address} is not in External IPAM; nothing to delete"),
    };
    Ok(Json(json!({"message": message})))
}

fn group_object(group: &Group) -> Value {
    json!({"id": id(&group.id), "name": group.name, "description": group.description})
}

fn subnet_object(subnet: &Subnet) -> Value {
    json!({
        "id": id(&subnet.id),
        "subnet": subnet.prefix.network(),
        "mask": subnet.prefix.length().to_string(),
        "description": subnet.description,
    })
}

/// A number where the IPAM counts its records, else a text.
fn id(id: &RecordId) -> Value {
    id.as_str().parse::<u64>().map_or_else(|_| json!(id.as_str()), |number| json!(number))
}
