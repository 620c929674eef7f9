//! What is asked of Nautobot, and what is not.

use ipam_provider::ErrorKind;
use ipam_provider_nautobot::REGISTRATION;
use ipam_simulators::Response;
use ipam_simulators::nautobot::Site;
use serde_json::json;

use super::{free, host, instead, ip, name};
use crate::site::{Fixture, provider};

#[tokio::test]
async fn only_parameters_that_nautobot_knows_are_sent_and_every_path_ends_with_a_slash() {
    let fixture = Fixture::new();
    let provider = &fixture.provider;
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = ip("192.0.2.17");
    provider.groups().await.expect("groups");
    provider.subnets(Some(&name("Production"))).await.expect("subnets");
    provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
    provider.reservation(&subnet, address).await.expect("an answer");
    free(provider, &subnet, 500).await.expect("free addresses");
    provider.release(&subnet, address).await.expect("a release");
    assert!(provider.probe().await.iter().all(|probe| probe.outcome.is_ok()));

    let known = ["limit", "offset", "depth", "name", "namespace", "prefix", "address", "range_start"];
    for request in fixture.server.take_requests() {
        assert!(request.path.ends_with('/'), "{}", request.path);
        assert_ne!(request.path, "/api/status/", "it takes a second");
        assert_eq!(request.header("accept"), Some("application/json"), "{}", request.path);
        for (parameter, value) in request.parameters() {
            assert!(known.contains(&parameter.as_str()), "{parameter}");
            assert!(!value.is_empty(), "{parameter} without a value is no filter");
        }
    }
}

#[tokio::test]
async fn the_next_page_is_asked_of_nautobot_whatever_host_it_names() {
    let site = Site { page_at_most: 2, next_host: Some("elsewhere.example.com".to_owned()), ..Site::default() };
    let fixture = Fixture::at(site, json!({}), |ipam| ipam);
    assert_eq!(fixture.provider.groups().await.expect("groups").len(), 9);
    let requests = fixture.server.take_requests();
    assert_eq!(requests.len(), 5);
    let offsets: Vec<_> = requests.iter().filter_map(|request| request.parameter("offset")).collect();
    assert_eq!(offsets, ["2", "4", "6", "8"], "by the rows that came");
}

#[tokio::test]
async fn a_list_that_lost_rows_while_it_was_read_is_not_taken_for_the_whole() {
    let page = |count: u64, name: &str| {
        let row = json!({"id": name, "name": name, "description": ""});
        json!({"count": count, "next": "http://elsewhere.example.com/", "previous": null, "results": [row]})
    };
    let (first, second) = (page(3, "a"), page(2, "c"));
    let fixture = instead(move |_, request| {
        let page = if request.parameter("offset").is_some() { &second } else { &first };
        Some(Response::json(200, page))
    });
    let error = fixture.provider.groups().await.expect_err("the second of three was skipped");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "it is worth another try");
}

#[tokio::test]
async fn a_page_that_is_announced_and_empty_does_not_go_on_for_ever() {
    let empty = json!({"count": 9, "next": "http://elsewhere.example.com/", "previous": null, "results": []});
    let fixture = instead(move |_, _| Some(Response::json(200, &empty)));
    let error = fixture.provider.groups().await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_next_page_that_never_ends_is_refused_after_few_requests() {
    let row = |name: &str| json!({"id": name, "name": name, "description": ""});
    let endless = json!({"count": 40, "next": "http://elsewhere.example.com/", "results": [row("a"), row("b")]});
    let fixture = instead(move |_, _| Some(Response::json(200, &endless)));
    let error = fixture.provider.groups().await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    assert_eq!(fixture.server.take_requests().len(), 20, "as many pages as the count says");
}

#[tokio::test]
async fn building_does_no_network() {
    let fixture = Fixture::new();
    provider(json!({"url": fixture.server.url(), "token": "t"}));
    assert_eq!((REGISTRATION.name, fixture.server.take_requests().len()), ("nautobot", 0));
}

#[tokio::test]
async fn what_is_done_with_a_subnet_that_was_looked_up_costs_one_request_and_a_delete_two() {
    let fixture = Fixture::new();
    let provider = &fixture.provider;
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = ip("192.0.2.17");
    let asked = || fixture.server.take_requests().len();
    asked();
    free(provider, &subnet, 5).await.expect("free addresses");
    assert_eq!(asked(), 1, "free addresses");
    provider.reservation(&subnet, address).await.expect("an answer");
    assert_eq!(asked(), 1, "a look at an address");
    provider.reserve(&subnet, address, &host("web")).await.expect("a reservation");
    assert_eq!(asked(), 1, "a reservation");
    provider.reserve(&subnet, address, &host("web")).await.expect_err("it is taken");
    assert_eq!(asked(), 1, "a refused reservation");
    provider.release(&subnet, address).await.expect("a release");
    assert_eq!(asked(), 2, "the id of the address, and its end");
}
