//! Which API is asked, sessions, rights, and what is not Address Manager.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Provider};
use ipam_provider_bluecat::REGISTRATION;
use ipam_simulators::Response;
use ipam_simulators::bluecat::{Bluecat as Simulated, Site};
use serde_json::json;
use tokio::task::JoinSet;

use super::{APIS, chain, host, instead, ip};
use crate::site::{Fixture, provider};

fn logins(requests: &[String]) -> usize {
    let is_login = |request: &&String| request.ends_with("/login") || *request == "POST /api/v2/sessions";
    requests.iter().filter(is_login).count()
}

/// Moves the time that the provider sees. Nothing is under way while it stands still.
pub(super) async fn wait(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn the_newest_api_that_answers_is_asked_and_is_looked_for_once() {
    for (has_v1, has_v2, expected) in [(true, true, "/api/v2/"), (false, true, "/api/v2/"), (true, false, "/v1/")] {
        let site = Site { has_v1, has_v2, ..Site::default() };
        let fixture = Fixture::at(site, json!({"api": "auto"}), |ipam| ipam);
        fixture.provider.groups().await.expect("groups");
        let first = fixture.requests();
        assert!(first.last().is_some_and(|last| last.contains(expected)), "{first:?}");
        fixture.provider.groups().await.expect("groups");
        assert_eq!(fixture.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_gateway_that_knows_neither_api_for_a_while_chooses_none() {
    let fixture = Fixture::at(Site::default(), json!({"api": "auto"}), |ipam| ipam);
    for fault in [ipam_conformance::Fault::NoApi, ipam_conformance::Fault::HtmlError] {
        fixture.server.set_fault(Some(fault));
        let error = fixture.provider.groups().await.expect_err("no API");
        assert_eq!(error.kind(), fault.expected_kind(), "{error}");
    }
    fixture.server.set_fault(None);
    fixture.requests();
    fixture.provider.groups().await.expect("groups");
    let requests = fixture.requests();
    assert!(requests.iter().all(|request| request.contains("/api/v2/")), "{requests:?}");
}

/// An earlier version may show its start page, or lead to it, at the path of v2.
#[tokio::test]
async fn an_earlier_version_is_asked_over_v1_whatever_it_answers_at_the_path_of_v2() {
    for status in [200, 302, 400, 404, 405] {
        let fixture = instead("auto", json!({}), move |request| {
            request.path.starts_with("/api/v2/").then(|| Response::html(status, "<title>Address Manager</title>"))
        });
        fixture.provider.groups().await.expect("groups");
        assert!(fixture.requests().iter().any(|request| request.ends_with("/getEntities")), "{status}");
    }
    for (status, kind) in
        [(401, ErrorKind::Unauthenticated), (429, ErrorKind::Unavailable), (503, ErrorKind::Unavailable)]
    {
        let fixture = instead("auto", json!({}), move |_| Some(Response::html(status, "<title>Gateway</title>")));
        let error = fixture.provider.groups().await.expect_err("a gateway");
        assert_eq!(error.kind(), kind, "{status}: {error}");
        assert_eq!(fixture.requests().len(), 1, "{status}: a refusal by a gateway chooses no API");
    }
}

#[tokio::test]
async fn building_does_no_network() {
    let fixture = Fixture::new("auto");
    provider(json!({"url": fixture.server.url(), "user": "u", "password": "p"}));
    assert_eq!((REGISTRATION.name, fixture.requests().len()), ("bluecat", 0));
}

#[tokio::test]
async fn a_session_that_has_ended_is_renewed_within_the_call() {
    for api in APIS {
        let fixture = Fixture::new(api);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.end_sessions();
        fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
        assert_eq!(logins(&fixture.requests()), 2, "{api}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_callers_share_one_login() {
    for api in APIS {
        let fixture = Fixture::new(api);
        let ask = |provider: Arc<dyn Provider>| async move { provider.groups().await };
        for outcome in (0..32).map(|_| ask(fixture.provider.clone())).collect::<JoinSet<_>>().join_all().await {
            outcome.expect("groups");
        }
        assert_eq!(logins(&fixture.requests()), 1, "{api}");
    }
}

#[tokio::test]
async fn a_refused_password_is_tried_once_a_minute() {
    for api in APIS {
        let fixture = Fixture::with(api, json!({"password": "wrong"}));
        for _ in 0..20 {
            let error = fixture.provider.groups().await.expect_err("a refusal");
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{api}");
            assert!(error.to_string().starts_with("Invalid credentials for External IPAM"), "{error}");
        }
        assert_eq!(fixture.requests().len(), 1, "{api}: a site may lock the user");
        wait(Duration::from_secs(61)).await;
        fixture.ipam.set_password("wrong");
        fixture.provider.groups().await.expect("groups with the password that is right now");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_nothing_is_written() {
    for api in APIS {
        let fixture = Fixture::new(api);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.set_writes(false);
        let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect_err("no right");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated, "{api}");
        assert!(refused.to_string().contains("Full Access on IP addresses"), "{refused}");
        assert_eq!(fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer"), None);
        let probes = fixture.provider.probe().await;
        let failed: Vec<_> = probes.iter().filter(|probe| probe.outcome.is_err()).collect();
        assert_eq!(failed.len(), 1, "{probes:?}");
        assert!(failed[0].what.contains("Full Access on IP addresses"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_standby_is_said_to_be_one() {
    for api in APIS {
        let fixture = Fixture::new(api);
        fixture.ipam.set_read_only(true);
        let probes = fixture.provider.probe().await;
        let failed: Vec<String> =
            probes.iter().filter_map(|probe| Some(probe.outcome.as_ref().err()?.to_string())).collect();
        assert_eq!(failed.len(), 1, "{probes:?}");
        assert!(failed[0].contains("standby server"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_said_by_the_check_and_has_no_groups() {
    for api in APIS {
        let fixture = Fixture::with(api, json!({"configuration": "production"}));
        let probes = fixture.provider.probe().await;
        let failed: Vec<&str> =
            probes.iter().filter(|probe| probe.outcome.is_err()).map(|probe| probe.what.as_str()).collect();
        assert_eq!(failed, ["there is the configuration production"], "{api}");
        assert_eq!(fixture.provider.groups().await.expect("groups"), [], "{api}");
    }
}

/// A delete whose configuration cannot be found must not count as done while the record is there.
#[tokio::test]
async fn own_records_are_found_when_the_configuration_of_the_settings_was_renamed() {
    for api in APIS {
        let fixture = Fixture::with(api, json!({"configuration": "Production"}));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
        fixture.ipam.rename_configuration("Production", "Live");
        let own = fixture.provider.own_records(ip("192.0.2.17")).await.expect("an answer");
        assert_eq!(own.iter().map(|own| own.place.as_str()).collect::<Vec<_>>(), ["configuration Live"], "{api}");
    }
}

#[tokio::test]
async fn a_url_that_is_not_address_managers_is_said_to_be_wrong() {
    for api in ["auto", "v1", "v2"] {
        let fixture = Fixture::new(api);
        let below = json!({
            "url": format!("{}/api", fixture.server.url()), "api": api, "user": Simulated::USER,
            "password": Simulated::PASSWORD,
        });
        let error = provider(below).groups().await.expect_err("/api/api is nothing");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{api}: {error}");
        assert!(error.to_string().contains("There is no API of BlueCat"), "{error}");

        let elsewhere = instead(api, json!({}), |_| {
            Some(Response::html(308, "").with_header("Location", "https://bam.example.com/"))
        });
        let error = elsewhere.provider.groups().await.expect_err("a redirect is not followed");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert_eq!(elsewhere.requests().len(), if api == "auto" { 2 } else { 1 });
    }
}

#[tokio::test]
async fn neither_an_error_nor_debug_shows_the_password() {
    for api in APIS {
        for status in [200, 400, 401, 403, 404, 429, 500] {
            let fixture = instead(api, json!({}), move |_| Some(Response::json(status, &json!({}))));
            let error = fixture.provider.groups().await.expect_err("no groups");
            assert!(!chain(&error).contains("pa ss") && !chain(&error).contains("pa+ss"), "{}", chain(&error));
        }
        let shown = format!("{:?}", Fixture::new(api).provider);
        assert!(!shown.contains(Simulated::PASSWORD), "{shown}");
    }
}
