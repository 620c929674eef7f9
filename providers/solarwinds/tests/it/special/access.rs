//! The account, its rights, and what a probe says of them.

use ipam_provider::{ErrorKind, Provider, Requester};
use ipam_simulators::Response;
use ipam_simulators::solarwinds::{Right, Solarwinds as Simulated};
use serde_json::json;

use super::{asks, instead, ip, kind};
use crate::site::{Fixture, provider};

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let fixture = Fixture::new();
    let settings = json!({"url": fixture.server.url(), "user": Simulated::USER, "password": "geheim"});
    let error = provider(settings).groups().await.expect_err("nobody knows the password");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().starts_with("Invalid credentials for External IPAM"), "{error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[tokio::test]
async fn a_page_of_html_is_no_answer() {
    let fixture = instead(|_, _| Some(Response::html(200, "<html>SolarWinds Platform Login</html>")));
    let error = fixture.provider.groups().await.expect_err("no JSON");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(!error.to_string().contains("Login"), "{error}");
}

#[tokio::test]
async fn a_server_without_ipam_is_said_to_have_none() {
    let fixture = instead(|_, request| {
        let refusal = json!({"Message": "Source entity [IPAM.GroupNode] not found in catalog"});
        asks(request, "IPAM.GroupNode").then(|| Response::json(400, &refusal))
    });
    let probes = fixture.provider.probe().await;
    assert_eq!(probes.len(), 1, "{probes:?}");
    let error = probes[0].outcome.as_ref().expect_err("no IPAM");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("has no IPAM"), "{error}");
}

#[tokio::test]
async fn each_missing_right_is_named() {
    for (right, said) in
        [(Right::ChangeAddresses, "for changing IP addresses"), (Right::CallVerbs, "for starting reservations")]
    {
        let fixture = Fixture::new();
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.revoke(right);
        let probes = fixture.provider.probe().await;
        let failed: Vec<_> = probes.iter().filter_map(|probe| probe.outcome.as_ref().err()).collect();
        assert!(matches!(&failed[..], [error] if error.to_string().contains(said)), "{probes:?}");
        let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
        let refused = refused.expect_err("a right is missing");
        assert!(refused.to_string().contains(said), "{refused}");
        if right == Right::CallVerbs {
            assert_eq!(refused.kind(), ErrorKind::Unauthenticated, "{refused}");
            let other = fixture.second(json!({"reserve_with": "status"}));
            let subnet = other.find_subnets(subnet.prefix, subnet.group.as_ref()).await.expect("subnets").remove(0);
            other.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await.expect("without verbs");
        }
        let own = fixture.provider.reservation(&subnet, ip("192.0.2.18")).await;
        assert_eq!(own.expect("reading is allowed"), None);
    }
}

#[tokio::test]
async fn an_account_that_is_shown_no_group_is_told_so() {
    let fixture = Fixture::of(Simulated::empty(Default::default()), json!({}), |ipam| ipam);
    let probes = fixture.provider.probe().await;
    let said = probes.iter().filter_map(|probe| probe.outcome.as_ref().err()).any(|error| {
        error.kind() == ErrorKind::Unauthenticated && error.to_string().contains("sees no hierarchy group")
    });
    assert!(said, "{probes:?}");
}

#[tokio::test]
async fn custom_properties_are_given_and_one_that_is_refused_fails_no_host() {
    for (place, entity, segment) in [
        ("CustomProperties", "IPAM.NodesCustomProperties", "CustomProperties"),
        ("Custom", "IPAM.IPNodeAttr", "Custom"),
    ] {
        let fixture = Fixture::with(json!({"custom_properties": {"Owner": "foreman"}, "custom_properties_in": place}));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let (first, second) = (ip("192.0.2.17"), ip("192.0.2.18"));
        let reserve = async |address| fixture.provider.reserve(&subnet, address, &Requester::default()).await;
        let missing = fixture.provider.probe().await;
        assert!(missing.iter().any(|probe| probe.what.contains("Owner") && probe.outcome.is_err()), "{missing:?}");
        reserve(first).await.expect("it is recorded");
        fixture.ipam.define(entity, "Owner");
        assert!(fixture.provider.probe().await.iter().all(|probe| probe.outcome.is_ok()));
        fixture.server.take_requests();
        reserve(second).await.expect("it is recorded");
        assert_eq!(fixture.server.take_requests().last().map(kind).as_deref(), Some(segment));
        let custom = |address| fixture.ipam.node("Production", address).expect("a row")["Custom"].clone();
        assert_eq!((custom(first), custom(second)), (json!({}), json!({"Owner": "foreman"})));
    }
}
