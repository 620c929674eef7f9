//! Who holds what, to see and to free: our addition to the contract, with the same authorisation.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::{Bytes, Json};
use futures_util::stream;
use serde_json::{Value, json};

use super::error::ApiError;
use super::extract::{InGroup, InSubnet, PathAddress};
use super::state::Now;
use crate::allocation::{HeldAddress, Listing};

/// `GET /ipam/holds` → `{"holds": [{"provider", "group", "prefix", "address", "state", "mac", "since", "until"}]}`,
/// by subnet and address, times in UTC
pub(super) async fn list(now: Now) -> HttpResponse {
    let pieces = stream::iter(as_json(now.allocator.holds().list()));
    HttpResponse::Ok().content_type(ContentType::json()).streaming(pieces)
}

/// The answer in pieces: a million holds would be 150 MB.
fn as_json(listing: Listing) -> impl Iterator<Item = serde_json::Result<Bytes>> {
    let mut separator = "";
    let piece = move |holds: Vec<HeldAddress>| {
        let mut json = Vec::new();
        for held in holds {
            json.extend_from_slice(separator.as_bytes());
            serde_json::to_writer(&mut json, &held)?;
            separator = ",";
        }
        Ok(json.into())
    };
    let start = Ok(Bytes::from_static(br#"{"holds":["#));
    let end = Ok(Bytes::from_static(b"]}"));
    std::iter::once(start).chain(listing.map(piece)).chain([end])
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
    if now.allocator.holds().release(prefix, &group, address).await? {
        Ok(Json(json!({"message": format!("IP address {address} is not held any more")})))
    } else {
        Err(ApiError::not_held())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::{Clock, Holds};

    #[test]
    fn no_hold_is_an_empty_list() {
        let all: Vec<_> = as_json(Holds::in_memory(Clock::manual()).list()).collect::<Result<_, _>>().expect("JSON");
        assert_eq!(all.concat(), br#"{"holds":[]}"#);
    }
}
