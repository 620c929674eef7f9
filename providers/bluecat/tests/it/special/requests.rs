//! What is asked of Address Manager, and what is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipam_provider::{Annotated, Annotation, ErrorKind, Provider};
use ipam_simulators::bluecat::{Bluecat as Simulated, Site};
use ipam_simulators::{Response, Server};
use serde_json::json;

use super::{APIS, host, instead, ip, name};
use crate::site::{Fixture, provider};

/// All that a provider does.
async fn everything(fixture: &Fixture) {
    let provider = &fixture.provider;
    provider.groups().await.expect("groups");
    provider.subnets(Some(&name("Production"))).await.expect("subnets");
    for (prefix, address) in [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::9")] {
        let (subnet, address) = (fixture.subnet("Production", prefix).await, ip(address));
        provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
        provider.reservation(&subnet, address).await.expect("an answer");
        let note = Annotation { hostname: Some("new.example.com".to_owned()), mac: None };
        let annotate = provider.annotate().expect("records can be changed");
        let annotated = annotate.annotate(&subnet, address, &note).await;
        assert_eq!(annotated.expect("an annotation"), Annotated::Changed);
        provider.own_records(address).await.expect("an answer");
        fixture.free(&subnet, 9, &["192.0.2.18", "2001:db8:1::3"]).await.expect("free addresses");
        provider.release(&subnet, address).await.expect("a release");
    }
    assert!(provider.probe().await.iter().all(|probe| probe.outcome.is_ok()));
}

/// The methods with their verbs and parameters as clients with URLs of their own use them.
const V1: [(&str, &str, &[&str]); 15] = [
    ("GET", "login", &["username", "password"]),
    ("GET", "getSystemInfo", &[]),
    ("GET", "getEntities", &["parentId", "type", "start", "count"]),
    ("GET", "getEntityByName", &["parentId", "name", "type"]),
    ("GET", "getEntityById", &["id"]),
    ("GET", "getIPRangedByIP", &["containerId", "type", "address"]),
    ("GET", "getIP4Address", &["containerId", "address"]),
    ("GET", "getIP6Address", &["containerId", "address"]),
    ("GET", "getNextIP4Address", &["parentId", "properties"]),
    ("GET", "getNextAvailableIP6Address", &["parentId", "properties"]),
    ("POST", "assignIP4Address", &["configurationId", "ip4Address", "macAddress", "hostInfo", "action", "properties"]),
    ("POST", "addIP6Address", &["containerId", "address", "type", "name", "properties"]),
    ("POST", "assignIP6Address", &["containerId", "address", "action", "macAddress", "hostInfo", "properties"]),
    ("PUT", "update", &[]),
    ("DELETE", "delete", &["objectId"]),
];

#[tokio::test]
async fn only_methods_of_v1_are_called_whose_verbs_and_parameters_are_known() {
    let fixture = Fixture::new("v1");
    everything(&fixture).await;
    for request in fixture.server.take_requests() {
        let method = request.path.strip_prefix("/Services/REST/v1/").expect("v1");
        let known = V1.iter().find(|(verb, known, _)| *known == method && *verb == request.method);
        let (_, _, parameters) = known.unwrap_or_else(|| panic!("{} {method}", request.method));
        let sent: BTreeSet<String> = request.parameters().into_iter().map(|(key, _)| key).collect();
        assert_eq!(sent, parameters.iter().map(|key| (*key).to_owned()).collect(), "{method}");
        if matches!(request.method.as_str(), "POST" | "DELETE") {
            assert_eq!(request.header("content-length"), Some("0"), "some servers demand it: {method}");
        }
        let is_login = method == "login";
        assert_eq!(request.header("authorization").is_some_and(|it| it.starts_with("BAMAuthToken: ")), !is_login);
    }
}

#[tokio::test]
async fn every_change_over_v2_has_a_comment_and_every_request_wants_plain_json() {
    let fixture = Fixture::new("v2");
    everything(&fixture).await;
    let known = ["limit", "offset", "total", "fields", "filter"];
    for request in fixture.server.take_requests() {
        let (path, is_login) = (&request.path, request.path == "/api/v2/sessions");
        assert_eq!(request.header("accept"), Some("application/json"), "{path}");
        assert_eq!(request.header("authorization").is_some_and(|it| it.starts_with("Basic ")), !is_login, "{path}");
        if request.method != "GET" && !is_login {
            assert_eq!(request.header("x-bcn-change-control-comment"), Some("foreman-ipam-proxy"), "{path}");
        }
        for (parameter, value) in request.parameters() {
            assert!(known.contains(&parameter.as_str()) && !value.is_empty(), "{path} {parameter}");
        }
    }
}

#[tokio::test]
async fn what_is_done_with_a_subnet_that_was_looked_up_costs_few_requests() {
    for (api, batch, add) in [("v1", 2, 2), ("v2", 1, 1)] {
        let fixture = Fixture::new(api);
        let provider = &fixture.provider;
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let address = ip("192.0.2.2");
        let asked = || fixture.requests().len();
        asked();
        fixture.free(&subnet, 5, &[]).await.expect("free addresses");
        assert_eq!(asked(), batch, "{api}: free addresses");
        provider.reservation(&subnet, address).await.expect("an answer");
        assert_eq!(asked(), 1, "{api}: a look at an address");
        provider.reserve(&subnet, address, &host("web")).await.expect("a reservation");
        assert_eq!(asked(), add, "{api}: a reservation");
        provider.reserve(&subnet, address, &host("web")).await.expect_err("it is taken");
        assert_eq!(asked(), 1, "{api}: a refused reservation");
        provider.release(&subnet, address).await.expect("a release");
        assert_eq!(asked(), 2, "{api}: the id of the address, and its end");
    }
}

#[tokio::test]
async fn ten_thousand_subnets_are_listed() {
    for (api, at_most) in [("v1", 40), ("v2", 12)] {
        let ipam = Arc::new(Simulated::empty(Site::default()));
        ipam.add_configuration("Large", "");
        for number in 0..10_000 {
            ipam.add_network("Large", &format!("10.{}.{}.0/24", number / 256, number % 256), "");
        }
        let server = Server::start(ipam);
        let settings = json!({
            "url": server.url(), "api": api, "user": Simulated::USER, "password": Simulated::PASSWORD,
        });
        let provider = provider(settings);
        let subnets = provider.subnets(Some(&name("Large"))).await.expect("subnets");
        assert_eq!(subnets.len(), 10_000, "{api}");
        assert!(subnets.is_sorted_by(|a, b| a.prefix < b.prefix), "{api}");
        let requests = server.take_requests().len();
        assert!(requests <= at_most, "{api}: {requests} requests");
    }
}

#[tokio::test]
async fn a_list_without_its_total_is_read_to_an_empty_page() {
    let page = |names: &[&str]| {
        let rows: Vec<_> = names.iter().zip(1..).map(|(name, id)| json!({"id": id, "name": name})).collect();
        Response::json(200, &json!({"count": rows.len(), "data": rows}))
    };
    let fixture = instead("v2", json!({}), move |request| {
        let rows: &[&str] = match request.parameter("offset").as_deref() {
            _ if request.path != "/api/v2/configurations" => return None,
            None => &["a", "b"],
            Some("2") => &["c"],
            _ => &[],
        };
        Some(page(rows))
    });
    let groups = fixture.provider.groups().await.expect("groups");
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_refused_after_few_requests() {
    for api in APIS {
        let row = json!({"id": 1, "name": "a", "type": "Configuration", "properties": null});
        let (rows, fixture_rows) = (vec![row.clone(); 1000], json!({"count": 1, "totalCount": 200_000, "data": [row]}));
        let fixture = instead(api, json!({}), move |request| {
            if request.path == "/api/v2/configurations" {
                return Some(Response::json(200, &fixture_rows));
            }
            request.path.ends_with("/getEntities").then(|| Response::json(200, &rows.clone().into()))
        });
        let error = fixture.provider.groups().await.expect_err("no end");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{api}: {error}");
        let requests = fixture.requests().len();
        assert!(requests <= 102, "{api}: {requests}");
    }
}
