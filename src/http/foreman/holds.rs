//! Who holds what, to see and to free, and what is remembered of free addresses: our additions to the contract, with the
//! same authorisation.

use actix_web::web::Json;
use serde_json::{Value, json};

use super::error::ForemanError;
use super::extract::{InGroup, InSubnet, OfPage, PathAddress};
use crate::allocation::{Failure, ListError, Page};
use crate::http::state::Now;

/// `GET /ipam/holds?after=&at_most=1000` → `{"holds": [{"provider", "space", "group", "prefix", "address", "state", "mac",
/// "since", "until"}], "next"}`, by address space and address, times in UTC; see [`HeldAddress`](crate::allocation::HeldAddress)
///
/// A list comes in pages, so that a long one delays no other call: `next`, where there is one, is `after` of the next page.
pub(super) async fn list(page: OfPage, now: Now) -> Result<Json<Page>, ForemanError> {
    match now.allocator.holds().page(page.after.as_deref(), page.at_most).await {
        Ok(page) => Ok(Json(page)),
        Err(ListError::Place(error)) => Err(Failure::from(error).into()),
        Err(error @ ListError::After) => Err(ForemanError::invalid(error.to_string())),
    }
}

/// `DELETE /ipam/holds/{address}?subnet=10.0.0.0/24&group=` → `{"message": "…"}`
///
/// Ends the promise only; a reservation in the IPAM stays.
pub(super) async fn release(
    PathAddress(address): PathAddress,
    InSubnet(prefix): InSubnet,
    InGroup(group): InGroup,
    now: Now,
) -> Result<Json<Value>, ForemanError> {
    if now.allocator.release_hold(prefix, &group, address).await? {
        Ok(Json(json!({"message": format!("IP address {address} is not held any more")})))
    } else {
        Err(ForemanError::not_held())
    }
}

/// `DELETE /ipam/candidates` → `{}`
///
/// The command line sends it after it has changed the embedded IPAM: addresses that were free before are asked for again.
pub(super) async fn drop_candidates(now: Now) -> Json<Value> {
    now.allocator.drop_candidates();
    Json(json!({}))
}
