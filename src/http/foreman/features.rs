//! What Foreman reads to learn what this proxy is: `/features`, `/v2/features` and `/version`.

use actix_web::web::Json;
use serde_json::{Value, json};

use crate::http::listener::Listener;
use crate::http::state::{Now, Serving};
use crate::settings::stem_of;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /features` → `["externalipam", "logs"]`, the running modules. Open to everybody, as with the Ruby proxy.
pub(super) async fn names(now: Now) -> Json<Value> {
    Json(if now.foreman.ipam_on.is_empty() { json!(["logs"]) } else { json!(["externalipam", "logs"]) })
}

/// `GET /v2/features` → an object of modules, of which Foreman takes those that are `running`.
///
/// The module is running however the IPAM does: on every save of the proxy Foreman drops features that are not, and with
/// them the subnets' right to use it. The settings are an allow-list; Foreman stores and shows them.
pub(super) async fn details(now: Now) -> Json<Value> {
    Json(details_of(&now))
}

/// What `/v2/features` says of this state.
pub(crate) fn details_of(now: &Serving) -> Value {
    let module = |on: &[Listener], settings: Value| {
        let state = if on.is_empty() { "disabled" } else { "running" };
        json!({
            "http_enabled": on.contains(&Listener::Http),
            "https_enabled": on.contains(&Listener::Https),
            "settings": settings,
            "state": state,
            "capabilities": [],
        })
    };
    let providers: Vec<String> = now.allocator.provider().ipams().map(|ipam| stem_of(ipam.key())).collect();
    json!({
        "externalipam": module(&now.foreman.ipam_on, json!({"use_provider": providers.join(", ")})),
        "logs": module(&now.listeners, json!({})),
    })
}

/// `GET /version` → the version of Foreman that we fit, and our own for each module. Open to everybody.
///
/// Foreman compares the first two numbers of `version` with its own and warns when they differ. On the Services tab it
/// looks a module up by its name with the blank, so both spellings are there.
pub(super) async fn version(now: Now) -> Json<Value> {
    Json(version_of(&now))
}

/// What `/version` says of this state.
pub(crate) fn version_of(now: &Serving) -> Value {
    json!({
        "version": format!("{}+externalipam.{VERSION}", now.foreman.version),
        "modules": {"externalipam": VERSION, "external ipam": VERSION, "logs": VERSION},
    })
}
