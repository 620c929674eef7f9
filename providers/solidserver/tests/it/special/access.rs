//! Users, tokens, rights, and what a probe says of them.

use ipam_provider::{ErrorKind, Provider};
use ipam_simulators::Response;
use ipam_simulators::solidserver::{Site, Solidserver as Simulated};
use serde_json::json;

use super::{failed, host, instead, ip};
use crate::site::{Fixture, awkward, provider, user};

const SERVICES: [&str; 11] = [
    "ip_site_list",
    "ip_block_subnet_list",
    "ip_address_list",
    "ip_find_free_address",
    "ip_add",
    "ip_delete",
    "ip6_block6_subnet6_list",
    "ip6_address6_list",
    "ip6_find_free_address6",
    "ip6_address6_add",
    "ip6_address6_delete",
];

#[tokio::test]
async fn each_way_to_show_the_user_is_taken_and_nothing_else_is_sent() {
    for (settings, headers) in [
        (json!({}), vec!["x-ipm-username", "x-ipm-password"]),
        (json!({"login": "basic"}), vec!["authorization"]),
        (
            json!({"token_id": Simulated::TOKEN_ID, "token_secret": Simulated::TOKEN_SECRET}),
            vec!["authorization", "x-sds-ts"],
        ),
    ] {
        let fixture = Fixture::with(settings);
        fixture.provider.groups().await.expect("groups");
        for request in fixture.server.take_requests() {
            let shown = ["x-ipm-username", "x-ipm-password", "authorization", "x-sds-ts"];
            let shown: Vec<_> = shown.into_iter().filter(|name| request.header(name).is_some()).collect();
            let mut headers = headers.clone();
            headers.sort_by_key(|name| shown.iter().position(|known| known == name));
            assert_eq!(shown, headers);
            assert!(!format!("{request:?}").contains(Simulated::TOKEN_SECRET), "the secret is not sent");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_a_wrong_token_and_a_wrong_clock_are_told_apart_from_a_missing_right() {
    let fixture = Fixture::new();
    let wrong = [
        json!({"user": Simulated::USER, "password": "geheim"}),
        json!({"user": Simulated::USER, "password": "geheim", "login": "basic"}),
        json!({"token_id": Simulated::TOKEN_ID, "token_secret": "geheim"}),
    ];
    for mut settings in wrong {
        settings["url"] = fixture.server.url().into();
        let stranger = provider(settings);
        let error = stranger.groups().await.expect_err("a wrong secret");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().starts_with("Invalid credentials for External IPAM"), "{error}");
        assert!(!error.to_string().contains("geheim") && !format!("{stranger:?}").contains("geheim"), "{error}");
        assert_eq!(stranger.probe().await.len(), 1, "everything else would fail in the same way");
    }

    let token = json!({"token_id": Simulated::TOKEN_ID, "token_secret": Simulated::TOKEN_SECRET});
    let signed = Fixture::with(token);
    signed.ipam.set_clock(1_000_000);
    let error = signed.provider.groups().await.expect_err("another time");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("set the clocks of both machines"), "{error}");

    fixture.ipam.revoke("ip_site_list");
    let error = fixture.provider.groups().await.expect_err("the right is gone");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("the service ip_site_list"), "{error}");
}

#[tokio::test]
async fn probes_name_every_service_that_may_not_be_used() {
    for site in [Site::default(), awkward()] {
        for service in SERVICES {
            let fixture = Fixture::at(site.clone(), json!({}), |ipam| ipam);
            assert_eq!(failed(&fixture.provider).await, [""; 0]);
            fixture.ipam.revoke(service);
            let failed = failed(&fixture.provider).await;
            assert_eq!(failed.len(), 1, "{service}: {failed:?}");
            assert!(failed[0].contains(&format!("the service {service};")), "{service}: {failed:?}");
        }
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_when_an_address_is_added() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.revoke("ip_add");
        let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await;
        let refused = refused.expect_err("the right is gone");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        assert!(refused.to_string().contains("the service ip_add"), "{refused}");
    }
}

#[tokio::test]
async fn a_probe_says_that_there_is_no_such_space() {
    for (space, expected) in [("Production", 0), ("production", 1), ("Prod%", 1)] {
        let failed = failed(&Fixture::with(json!({"space": space})).provider).await;
        assert_eq!(failed.len(), expected, "{space}: {failed:?}");
    }
}

#[tokio::test]
async fn a_url_that_is_not_solidservers_is_said_to_be_wrong() {
    let fixture = Fixture::new();
    let mut settings = user();
    settings["url"] = format!("{}/rest", fixture.server.url()).into();
    let error = provider(settings).groups().await.expect_err("/rest/rest is nothing");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.to_string().contains("There is no API of SOLIDserver"), "{error}");

    // The page of the appliance for people, where its API is switched off.
    let page = instead(|_, _| Some(Response::html(200, "<html><title>SOLIDserver</title></html>")));
    let subnet = Fixture::new().subnet("Production", "192.0.2.16/28").await;
    let asked = page.provider.reservation(&subnet, ip("192.0.2.17")).await.map(drop);
    let added = page.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await;
    let deleted = page.provider.release(&subnet, ip("192.0.2.17")).await.map(drop);
    for outcome in [page.provider.groups().await.map(drop), asked, added, deleted] {
        let error = outcome.expect_err("no API");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
        assert!(!error.to_string().contains('<'), "{error}");
    }

    let elsewhere = instead(|_, _| Some(Response::html(301, "").with_header("Location", "https://sds.example.com/")));
    let error = elsewhere.provider.groups().await.expect_err("a redirect is not followed");
    assert_eq!((error.kind(), elsewhere.server.take_requests().len()), (ErrorKind::Unexpected, 1));
}
