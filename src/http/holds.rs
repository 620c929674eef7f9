//! Who holds what, to see and to free, and what is remembered of free addresses: our additions to the contract, with the
//! same authorisation.

use actix_web::web::Json;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::{InGroup, InSubnet, PathAddress};
use super::state::Now;
use crate::allocation::Listing;

/// Written some at a time: a million holds are 150 MB of JSON, and would be twice as much as values.
#[derive(Serialize)]
pub(super) struct Held {
    holds: Listing,
}

/// `GET /ipam/holds` → `{"holds": [{"provider", "group", "prefix", "address", "state", "mac", "since", "until"}]}`,
/// by subnet and address, times in UTC
pub(super) async fn list(now: Now) -> Json<Held> {
    Json(Held { holds: now.allocator.holds().list() })
}

/// `DELETE /ipam/holds/{address}?subnet=10.0.0.0/24&group=` → `{"message": "…"}`
///
/// Ends the promise only; a reservation in the IPAM stays.
pub(super) async fn release(
    PathAddress(address): PathAddress,
    InSubnet(prefix): InSubnet,
    InGroup(group): InGroup,
    now: Now,
) -> Result<Json<Value>, ApiError> {
    if now.allocator.holds().release(now.allocator.provider().name(), prefix, &group, address).await? {
        Ok(Json(json!({"message": format!("IP address {address} is not held any more")})))
    } else {
        Err(ApiError::not_held())
    }
}

/// `DELETE /ipam/candidates` → `{}`
///
/// The command line sends it after it has changed the embedded IPAM: addresses that were free before are asked for again.
pub(super) async fn drop_candidates(now: Now) -> Json<Value> {
    now.allocator.holds().drop_candidates();
    Json(json!({}))
}
