//! How requests are written, and lists that do not end.

use ipam_provider::{AddressSet, ErrorKind, Requester};
use ipam_simulators::Response;
use ipam_simulators::netbox::{TOKEN, Version};
use serde_json::{Value, json};

use super::{asked, free, ip, name, netbox, subnet};
use crate::subject::{Running, with_mac};

#[tokio::test]
async fn every_path_ends_with_a_slash_and_no_limit_is_negative_or_above_a_page() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let held: AddressSet = (0..=255u8).map(|byte| [192, 0, 2, byte].into()).collect();
    free(&running, &found, 5000, &held).await;
    running.provider.groups().await.expect("groups");
    running.provider.subnets(Some(&name("Production"))).await.expect("subnets");
    running.provider.reserve(&found, ip("192.0.2.20"), &Requester::default()).await.expect("a reservation");
    running.provider.release(&found, ip("192.0.2.20")).await.expect("a release");
    running.provider.probe().await;
    let requests = running.server.take_requests();
    assert!(requests.len() > 15);
    for request in requests {
        assert!(request.path.ends_with('/'), "{}", request.path);
        assert_eq!(request.header("accept-language"), Some("en"), "texts are told apart in English");
        assert_eq!(request.header("authorization"), Some(format!("Token {TOKEN}").as_str()));
        for (key, value) in request.parameters() {
            assert!(!value.is_empty(), "an empty {key} would widen the answer");
            if key == "limit" {
                assert!((1..=1000).contains(&value.parse::<i64>().expect("a number")), "{value}");
            }
        }
    }
}

#[tokio::test]
async fn the_next_page_is_asked_of_the_same_host() {
    let netbox = netbox().with_pages_of_at_most(3).with_links_to("http://elsewhere.invalid");
    for number in 0..10 {
        netbox.add_vrf(&format!("vrf-{number}"));
    }
    let running = Running::start(netbox, with_mac());
    assert_eq!(running.provider.groups().await.expect("groups").len(), 10);
    assert_eq!(running.server.take_requests().len(), 4);
}

#[tokio::test]
async fn a_next_page_that_never_ends_is_refused_after_few_requests() {
    let endless = json!({"count": 40, "next": "http://elsewhere.invalid/", "previous": null, "results": [
        {"id": 1, "name": "a", "description": ""}, {"id": 2, "name": "b", "description": ""}]});
    let running = Running::behind(netbox(), with_mac(), move |_| Some(Response::json(200, &endless)));
    let refused = running.provider.groups().await.expect_err("no end");
    assert_eq!(refused.kind(), ErrorKind::Unexpected, "{refused}");
    assert_eq!(asked(&running), 20, "as many pages as the count says");
}

#[tokio::test]
async fn more_rows_than_were_asked_for_are_not_read() {
    let row = |id: usize| json!({"id": id, "name": format!("vrf-{id}"), "description": ""});
    let rows: Vec<Value> = (1..=300_000).map(row).collect();
    let page = json!({"count": 300_000, "next": null, "previous": null, "results": rows});
    let running = Running::behind(netbox(), with_mac(), move |_| Some(Response::json(200, &page)));
    let refused = running.provider.groups().await.expect_err("no NetBox does so");
    assert_eq!(refused.kind(), ErrorKind::Unexpected);
    assert!(refused.to_string().contains("more rows than the proxy reads"), "{refused}");
}
