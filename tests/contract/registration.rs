//! What Foreman reads when the proxy is registered or refreshed: `/v2/features`, and `/features` for its older self.

use serde_json::json;

use crate::support::{Builder, Seed, Server};

#[test]
fn the_features_are_an_object_of_running_modules() {
    let server = Server::start(Seed::new());
    let response = server.client().get("/v2/features");
    assert_eq!(
        response.answer(),
        (
            200,
            json!({
                "externalipam": {
                    "http_enabled": false, "https_enabled": true, "settings": {"use_provider": "externalipam_internal"},
                    "state": "running", "capabilities": [],
                },
                "logs": {
                    "http_enabled": false, "https_enabled": true, "settings": {},
                    "state": "running", "capabilities": [],
                },
            })
        )
    );
    assert_eq!(response.header("content-type"), Some("application/json"));
}

#[test]
fn the_old_features_are_a_sorted_list_of_names() {
    let server = Server::start(Seed::new());
    assert_eq!(server.client_as(None).get("/features").answer(), (200, json!(["externalipam", "logs"])));
}

#[test]
fn features_name_the_listeners_that_exist() {
    let both = Builder::new(Seed::new()).with_http().start();
    let features = both.client().get("/v2/features").json();
    for module in ["externalipam", "logs"] {
        assert_eq!(features[module]["http_enabled"], json!(true), "{module}");
        assert_eq!(features[module]["https_enabled"], json!(true), "{module}");
    }
}

#[test]
fn features_name_the_listeners_that_the_module_is_enabled_on() {
    let https_only = Builder::new(Seed::new()).with_http().ipam("enabled: https").start();
    let features = https_only.client().get("/v2/features").json();
    assert_eq!(features["externalipam"]["http_enabled"], json!(false));
    assert_eq!(features["externalipam"]["https_enabled"], json!(true));
    assert_eq!(features["logs"]["http_enabled"], json!(true));
}

#[test]
fn a_disabled_module_is_no_feature_and_has_no_routes() {
    let server = Builder::new(Seed::new().subnet("10.0.0.0/24")).ipam("enabled: false").start();
    assert_eq!(server.client().get("/features").answer(), (200, json!(["logs"])));
    assert_ne!(server.client().get("/v2/features").json()["externalipam"]["state"], json!("running"));
    let response = server.client().get("/ipam/subnet/10.0.0.0/24");
    assert_eq!(response.status, 404);
    assert!(response.error().contains("not enabled"), "{}", response.text());
}

#[test]
fn settings_in_features_are_not_secret() {
    let server = Server::start(Seed::new());
    let features = server.client().get("/v2/features").json();
    let settings = features["externalipam"]["settings"].as_object().expect("an object");
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["use_provider"]);
}
