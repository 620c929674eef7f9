//! The log buffer, as Foreman shows it on the proxy's page.

use actix_web::HttpRequest;
use actix_web::web::Json;
use serde_json::{Map, Value, json};

use super::extract::FromTimestamp;
use crate::http::state::shared;

/// `GET /logs/?from_timestamp=N` → `{"info": {…, "failed_modules": {…}}, "logs": [{"timestamp", "level", "message", …}]}`
///
/// Foreman fails when `failed_modules` is missing, so it is there also when nothing is wrong.
pub(super) async fn logs(FromTimestamp(from): FromTimestamp, request: HttpRequest) -> Json<Value> {
    let shared = shared(&request);
    let ring = shared.ring();
    let mut failed = Map::new();
    if let Some(trouble) = shared.trouble() {
        failed.insert("externalipam".to_owned(), trouble.into());
    }
    let mut info = json!(ring.info());
    info["failed_modules"] = Value::Object(failed);
    Json(json!({"info": info, "logs": ring.snapshot(from)}))
}
