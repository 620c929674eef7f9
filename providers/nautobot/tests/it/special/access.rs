//! Tokens, permissions, and what a probe says of them.

use ipam_provider::{ErrorKind, Provider, Requester};
use ipam_simulators::Response;
use ipam_simulators::nautobot::Nautobot as Simulated;
use serde_json::json;

use super::{instead, ip, is_post};
use crate::site::{Fixture, provider};

#[tokio::test]
async fn a_wrong_token_and_a_missing_permission_are_told_apart() {
    let fixture = Fixture::new();
    let stranger = provider(json!({"url": fixture.server.url(), "token": "wrong"}));
    let error = stranger.groups().await.expect_err("nobody knows the token");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().starts_with("Invalid credentials for External IPAM"), "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");

    fixture.ipam.revoke(Simulated::TOKEN, "view ipam.namespace");
    let error = fixture.provider.groups().await.expect_err("the permission is gone");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("view on ipam.namespace"), "{error}");
}

#[tokio::test]
async fn an_add_that_conditions_leave_out_is_not_said_to_lack_the_permission() {
    // Only a whole record is compared with the conditions.
    let fixture = instead(|_, request| {
        let is_whole = request.json().is_some_and(|body| body.get("address").is_some());
        let refusal = json!({"detail": "You do not have permission to perform this action."});
        (is_post(request) && is_whole).then(|| Response::json(403, &refusal))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    let refused = refused.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.to_string().ends_with("the permission add on ipam.ipaddress does not reach it"), "{refused}");

    fixture.ipam.set_writes(Simulated::TOKEN, false);
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    let refused = refused.expect_err("a token that may only read");
    assert!(refused.to_string().contains("lacks the permission"), "{refused}");
}

#[tokio::test]
async fn probes_name_every_permission_that_is_missing() {
    for (permission, said) in [
        ("view ipam.namespace", "view on ipam.namespace"),
        ("view ipam.prefix", "view on ipam.prefix"),
        ("view ipam.ipaddress", "view on ipam.ipaddress"),
        ("add ipam.ipaddress", "add on ipam.ipaddress"),
        ("delete ipam.ipaddress", "delete on ipam.ipaddress"),
        ("view extras.status", "view on extras.status"),
    ] {
        let fixture = Fixture::new();
        fixture.ipam.revoke(Simulated::TOKEN, permission);
        let probes = fixture.provider.probe().await;
        let failed: Vec<_> =
            probes.iter().filter_map(|probe| Some(probe.outcome.as_ref().err()?.to_string())).collect();
        assert_eq!(failed.len(), 1, "{permission}: {failed:?}");
        assert!(failed[0].contains(said), "{permission}: {failed:?}");
    }
}

#[tokio::test]
async fn without_the_permission_to_change_a_probe_gives_a_hint() {
    let fixture = Fixture::new();
    fixture.ipam.revoke(Simulated::TOKEN, "change ipam.ipaddress");
    let probes = fixture.provider.probe().await;
    assert!(probes.iter().all(|probe| probe.outcome.is_ok()), "{probes:?}");
    assert!(probes.iter().any(|probe| probe.what.contains("change on ipam.ipaddress: no, so")), "{probes:?}");
}

#[tokio::test]
async fn a_probe_with_a_token_that_may_only_read_says_so() {
    let fixture = Fixture::new();
    fixture.ipam.set_writes(Simulated::TOKEN, false);
    let probes = fixture.provider.probe().await;
    let failed: Vec<_> = probes.iter().filter_map(|probe| Some(probe.outcome.as_ref().err()?.to_string())).collect();
    assert_eq!(failed.len(), 2, "adding and deleting: {failed:?}");
    assert!(failed.iter().all(|message| message.contains("let the token write")), "{failed:?}");
}

#[tokio::test]
async fn a_probe_with_a_wrong_token_says_that_and_no_more() {
    let fixture = Fixture::new();
    let stranger = provider(json!({"url": fixture.server.url(), "token": "wrong"}));
    let probes = stranger.probe().await;
    assert_eq!(probes.len(), 1);
    let message = probes[0].outcome.as_ref().expect_err("nobody knows the token").to_string();
    assert!(message.starts_with("Invalid credentials for External IPAM"), "{message}");
}

#[tokio::test]
async fn probes_find_what_new_addresses_cannot_be_given() {
    for (settings, what) in [
        (json!({"status": "active"}), "the status active can be given to addresses"),
        (json!({"status": "Planned"}), "the status Planned can be given to addresses"),
        (json!({"tags": ["nope"]}), "the tag nope can be given to addresses"),
        (json!({"tenant": "Nope"}), "the tenant Nope can be given to addresses"),
    ] {
        let fixture = Fixture::with(settings);
        for permission in ["view extras.tag", "view tenancy.tenant"] {
            fixture.ipam.grant(Simulated::TOKEN, permission);
        }
        let probes = fixture.provider.probe().await;
        let failed: Vec<_> = probes.iter().filter(|probe| probe.outcome.is_err()).map(|probe| &probe.what).collect();
        assert_eq!(failed, [what]);
    }
}
