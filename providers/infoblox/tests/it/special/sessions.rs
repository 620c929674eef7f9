//! Sessions: user and password once, then the cookie.

use ipam_provider::{ErrorKind, Provider};
use ipam_simulators::infoblox::{Infoblox as Simulated, Site};
use ipam_simulators::{Request, Response};
use serde_json::json;

use super::{cause, instead};
use crate::site::{Fixture, provider};

fn has_password(request: &Request) -> bool {
    request.header("authorization").is_some()
}

#[tokio::test]
async fn the_password_is_sent_once_and_the_cookie_afterwards() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.provider.groups().await.expect("the groups");
    }
    let requests = fixture.server.take_requests();
    assert_eq!(requests.iter().filter(|request| has_password(request)).count(), 1);
    assert!(has_password(&requests[0]) && requests[0].header("cookie").is_none());
    for request in &requests[1..] {
        assert!(request.header("cookie").is_some_and(|cookie| cookie.starts_with("ibapauth=\"")), "{request:?}");
    }
    assert!(requests.iter().all(|request| request.header("content-type") == Some("application/json")));
}

#[tokio::test]
async fn many_callers_share_the_login_after_a_session_has_ended() {
    let fixture = Fixture::new();
    fixture.provider.groups().await.expect("the groups");
    fixture.server.take_requests();
    fixture.ipam.end_sessions();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let provider = fixture.provider.clone();
            tokio::spawn(async move { provider.groups().await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("the groups, with a new session");
    }
    let requests = fixture.server.take_requests();
    assert_eq!(requests.iter().filter(|request| has_password(request)).count(), 1, "one login for all");
}

#[tokio::test]
async fn a_refused_password_is_not_tried_again_at_once() {
    let fixture = Fixture::with(json!({"password": "wrong"}));
    for _ in 0..5 {
        let error = fixture.provider.groups().await.expect_err("not let in");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().starts_with("Invalid credentials for External IPAM: Infoblox"), "{error}");
    }
    assert_eq!(fixture.server.take_requests().len(), 1, "users are locked out after some failed logins");
}

#[tokio::test]
async fn an_answer_without_the_cookie_is_explained() {
    let fixture = Fixture::at(Site { sets_cookie: false, ..Site::default() }, json!({}), |ipam| ipam);
    let error = fixture.provider.groups().await.expect_err("no session");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.to_string().contains("ibapauth"), "{error}");
}

#[tokio::test]
async fn a_cookie_that_is_never_accepted_ends_in_no_loop() {
    let fixture = instead(|ipam, request| request.header("cookie").map(|_| ipam.session_expired()));
    for _ in 0..3 {
        let error = fixture.provider.groups().await.expect_err("no session lasts");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    }
    assert!(fixture.server.take_requests().len() <= 4, "one login, one more, and then a rest");
}

#[tokio::test]
async fn a_version_that_the_grid_does_not_have_is_named_as_the_setting() {
    let fixture = Fixture::with(json!({"wapi_version": "2.40"}));
    let error = fixture.provider.groups().await.expect_err("no such version");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("wapi_version") && cause(&error).contains("2.40"), "{error}");
}

#[tokio::test]
async fn html_in_place_of_json_is_unexpected() {
    for status in [200, 201] {
        let fixture = instead(move |_, request| {
            let is_reached = request.header("cookie").is_some();
            is_reached.then(|| Response::html(status, "<html>Welcome to the portal</html>"))
        });
        let error = fixture.provider.groups().await.expect_err("a portal");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert!(!error.to_string().contains("portal"), "{error}");
    }
}

#[tokio::test]
async fn a_url_with_the_path_of_the_api_is_said_to_be_wrong() {
    let fixture = Fixture::new();
    let url = format!("{}/wapi/v2.7", fixture.server.url());
    let below = provider(json!({"url": url, "user": Simulated::USER, "password": Simulated::PASSWORD}));
    let error = below.groups().await.expect_err("there is nothing below");
    assert!(matches!(error.kind(), ErrorKind::Unexpected | ErrorKind::NotFound), "{error}");
    let elsewhere =
        instead(|_, _| Some(Response::html(301, "").with_header("Location", "https://elsewhere.example.com/")));
    let error = elsewhere.provider.groups().await.expect_err("a redirect is not followed");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert_eq!(elsewhere.server.take_requests().len(), 1, "the password goes nowhere else");
}

#[test]
fn nothing_shows_the_password() {
    let shown = provider(json!({"url": "https://g.example.com", "user": "u", "password": "geheim"}));
    assert!(!format!("{shown:?}").contains("geheim"), "{shown:?}");
}
