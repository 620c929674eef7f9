//! Wrong addresses of Nautobot, and what a server error tells.

use ipam_conformance::RAW_BODY;
use ipam_provider::{ErrorKind, Provider};
use ipam_simulators::Response;
use ipam_simulators::nautobot::Nautobot as Simulated;
use serde_json::json;

use super::instead;
use crate::site::{Fixture, provider};

#[tokio::test]
async fn a_url_that_is_not_nautobots_is_said_to_be_wrong() {
    let fixture = Fixture::new();
    let below = provider(json!({"url": format!("{}/api", fixture.server.url()), "token": Simulated::TOKEN}));
    let error = below.groups().await.expect_err("/api/api is nothing");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.to_string().contains("without /api"), "{error}");

    let elsewhere =
        instead(|_, _| Some(Response::html(301, "").with_header("Location", "https://nautobot.example.com/")));
    let error = elsewhere.provider.groups().await.expect_err("a redirect is not followed");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert_eq!(elsewhere.server.take_requests().len(), 1);
}

#[tokio::test]
async fn a_host_name_that_nautobot_does_not_know_is_explained() {
    let fixture = instead(|_, _| Some(Response::html(400, "<title>Bad Request (400)</title>")));
    let error = fixture.provider.groups().await.expect_err("a wrong host");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("ALLOWED_HOSTS") && !error.to_string().contains('<'), "{error}");
}

#[tokio::test]
async fn what_a_server_error_says_of_the_database_reaches_nobody() {
    let fixture = instead(|_, _| {
        let error =
            json!({"error": format!("connection to server at {RAW_BODY} failed"), "exception": "OperationalError"});
        Some(Response::json(500, &error))
    });
    let error = fixture.provider.groups().await.expect_err("the database is away");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(shown) = cause {
        assert!(!shown.to_string().contains(RAW_BODY), "{shown}");
        cause = shown.source();
    }
}

#[test]
fn nothing_shows_the_token() {
    let shown = format!("{:?}", provider(json!({"url": "https://nautobot.example.com", "token": "geheim"})));
    assert!(!shown.contains("geheim"), "{shown}");
}
