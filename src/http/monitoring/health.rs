//! Whether the process lives, and whether it can do its work. The answers have no text of an error: anybody can ask.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Json;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::http::state::{Now, Serving};

/// How long the place of the holds may take to be counted as there. A balancer waits longer.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// `GET /healthz` → `{"alive": true}`
pub(super) async fn lives() -> Json<Value> {
    Json(json!({"alive": true}))
}

/// `GET /readyz` → 200 or 503 with `{"ready": true, "holds": true, "ipam": true, "ledger": true}`
///
/// Ready is a proxy that can write holds, to its journal or to the database. An IPAM or a ledger in trouble is shown only:
/// all proxies would be taken out at once, and no caller would read why.
pub(super) async fn is_ready(now: Now) -> HttpResponse {
    let is_ready = can_hold(&now).await;
    let ipam_works = now.allocator.provider().trouble().is_empty();
    let ledger_works = now.ledger.as_ref().is_none_or(|ledger| ledger.trouble().is_none());
    let mut answer = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(json!({"ready": is_ready, "holds": is_ready, "ipam": ipam_works, "ledger": ledger_works}))
}

/// Asks what keeps the holds: of a database what earlier calls have shown may be long over.
async fn can_hold(now: &Serving) -> bool {
    let holds = now.allocator.holds();
    let answers = timeout(READY_WITHIN, holds.place().moment()).await.is_ok_and(|moment| moment.is_ok());
    answers && holds.trouble().is_none()
}
