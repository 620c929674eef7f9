//! Free addresses: what Nautobot offers, and what of it is passed on.

use std::net::IpAddr;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery};
use ipam_simulators::nautobot::Nautobot as Simulated;
use ipam_simulators::{Ipam, Request, Response};
use serde_json::{Value, json};

use super::{free, instead, ip};
use crate::site::Fixture;

#[tokio::test]
async fn the_first_address_of_an_ipv6_prefix_is_only_offered_in_a_pool() {
    let fixture = Fixture::new();
    let offered = |ipam: &Simulated, id: &str| {
        let request = Request {
            method: "GET".to_owned(),
            path: format!("/api/ipam/prefixes/{id}/available-ips/"),
            query: "limit=1".to_owned(),
            headers: vec![("authorization".to_owned(), format!("Token {}", Simulated::TOKEN))],
            body: Vec::new(),
        };
        serde_json::from_slice::<Value>(&ipam.answer(&request).body).expect("JSON")[0]["address"].clone()
    };
    let id = fixture.ipam.add_prefix("Production", "2001:db8:9::/64", "network", "");
    assert_eq!(offered(&fixture.ipam, &id), "2001:db8:9::/64", "Nautobot offers it");
    let subnet = fixture.subnet("Production", "2001:db8:9::/64").await;
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("free"), [ip("2001:db8:9::1")]);
    fixture.ipam.set_type(&id, "pool");
    let pool = fixture.subnet("Production", "2001:db8:9::/64").await;
    assert_eq!(free(&fixture.provider, &pool, 1).await.expect("free"), [ip("2001:db8:9::")]);
}

#[tokio::test]
async fn a_container_gives_out_no_address_but_what_is_in_it_can_be_deleted() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "203.0.113.128/25", "container", "");
    let container = fixture.subnet("Production", "203.0.113.128/25").await;
    let error = free(&fixture.provider, &container, 1).await.expect_err("it holds prefixes");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(
        error.to_string(),
        "Subnet 203.0.113.128/25 (group Production) is a container in Nautobot; choose a prefix inside it, or make it a \
         network"
    );
    fixture.ipam.take("Production", ip("203.0.113.129"));
    let released = fixture.provider.release(&container, ip("203.0.113.129")).await;
    assert!(released.expect("a release").is_removed());
}

#[tokio::test]
async fn many_holds_are_passed_with_few_requests() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "10.0.0.0/16", "network", "");
    let subnet = fixture.subnet("Production", "10.0.0.0/16").await;
    fixture.server.take_requests();
    let held: AddressSet = (1..=2500u32).map(|number| IpAddr::from((0x0a00_0000 + number).to_be_bytes())).collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 3, held: &held }).await;
    assert_eq!(found.expect("free"), ["10.0.9.197", "10.0.9.198", "10.0.9.199"].map(ip));
    let requests = fixture.server.take_requests();
    let starts: Vec<_> = requests.iter().filter_map(|request| request.parameter("range_start")).collect();
    assert_eq!(starts, ["10.0.9.197"], "from behind what is held");
    assert_eq!(requests.len(), 2, "two pages");
    // `limit=0` is a whole page and `limit=-1` the whole prefix.
    assert!(
        requests.iter().filter_map(|request| request.parameter("limit")).all(|limit| limit != "0" && limit != "-1")
    );
}

#[tokio::test]
async fn a_hundred_thousand_holds_in_a_row_are_passed_in_one_step() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "10.16.0.0/12", "network", "");
    let subnet = fixture.subnet("Production", "10.16.0.0/12").await;
    fixture.ipam.take("Production", ip("10.17.134.160"));
    fixture.server.take_requests();
    let held: AddressSet = (0..100_000u32).map(|host| IpAddr::from((0x0a10_0000 + host).to_be_bytes())).collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
    assert_eq!(found.expect("free"), ["10.17.134.161", "10.17.134.162"].map(ip));
    assert_eq!(fixture.server.take_requests().len(), 2, "what is listed first, and what lies behind the held ones");
}

#[tokio::test]
async fn nothing_is_listed_where_all_the_rest_is_held() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "10.16.0.0/16", "network", "");
    let subnet = fixture.subnet("Production", "10.16.0.0/16").await;
    fixture.server.take_requests();
    let held: AddressSet = (0..65_536u32).map(|host| IpAddr::from((0x0a10_0000 + host).to_be_bytes())).collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
    assert_eq!(found.expect("an answer"), [] as [IpAddr; 0]);
    assert_eq!(fixture.server.take_requests().len(), 1);
}

#[tokio::test]
async fn a_nautobot_that_cannot_page_free_addresses_is_not_asked_for_ever() {
    let fixture = instead(|ipam, request| {
        let without = Request { query: "limit=2".to_owned(), ..request.clone() };
        request.path.ends_with("/available-ips/").then(|| ipam.answer(&without))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let error = free(&fixture.provider, &subnet, 5).await.expect_err("the same page again");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_nautobot_that_gives_one_held_address_at_a_time_is_not_asked_for_ever() {
    let fixture = instead(|_, request| {
        let from = request.parameter("range_start").unwrap_or_else(|| "10.16.0.1".to_owned());
        let Ok(IpAddr::V4(from)) = from.parse() else { panic!("IPv4") };
        // Every second address is held.
        let held = std::net::Ipv4Addr::from_bits((from.to_bits() | 1) + 1);
        let row = json!([{"ip_version": 4, "address": format!("{held}/12")}]);
        request.path.ends_with("/available-ips/").then(|| Response::json(200, &row))
    });
    fixture.ipam.add_prefix("Production", "10.16.0.0/12", "network", "");
    let subnet = fixture.subnet("Production", "10.16.0.0/12").await;
    fixture.server.take_requests();
    let held: AddressSet = (1..10_000u32).map(|host| IpAddr::from((0x0a10_0000 + 2 * host).to_be_bytes())).collect();
    let answer = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
    assert_eq!(answer.expect_err("no end").kind(), ErrorKind::Unexpected);
    assert_eq!(fixture.server.take_requests().len(), 256);
}

#[tokio::test]
async fn free_addresses_of_another_prefix_say_that_this_one_is_gone() {
    for other in ["192.0.2.33/28", "192.0.2.17/27", "192.0.2.17"] {
        let fixture = instead(move |_, request| {
            let other = json!([{"ip_version": 4, "address": other}]);
            request.path.ends_with("/available-ips/").then(|| Response::json(200, &other))
        });
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let error = free(&fixture.provider, &subnet, 5).await.expect_err("they lie elsewhere");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{other}");
    }
}

#[tokio::test]
async fn a_container_that_was_made_a_network_gives_out_addresses_at_once() {
    let fixture = Fixture::new();
    let id = fixture.ipam.add_prefix("Production", "203.0.113.128/25", "container", "");
    let container = fixture.subnet("Production", "203.0.113.128/25").await;
    fixture.ipam.set_type(&id, "network");
    assert_eq!(free(&fixture.provider, &container, 1).await.expect("free"), [ip("203.0.113.129")]);
}
