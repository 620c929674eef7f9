//! Free addresses: held ones in great number, full networks, and answers that are not what was asked for.

use std::net::IpAddr;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, addresses_between};
use ipam_simulators::solidserver::Site;
use ipam_simulators::{Request, Response};
use serde_json::json;

use super::{free, instead, ip, service};
use crate::site::{Fixture, awkward};

fn is_search(request: &Request) -> bool {
    service(request) == "ip_find_free_address"
}

#[tokio::test]
async fn any_number_of_held_addresses_is_passed() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        fixture.ipam.add_network("Production", "10.0.0.0/16", true, "");
        let subnet = fixture.subnet("Production", "10.0.0.0/16").await;
        let held: AddressSet = addresses_between(ip("10.0.0.1"), ip("10.0.19.255")).collect();
        fixture.server.take_requests();
        let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 3, held: &held }).await;
        assert_eq!(found.expect("free addresses"), ["10.0.20.0", "10.0.20.1", "10.0.20.2"].map(ip));
        assert!(fixture.server.take_requests().len() <= 2, "the run of held addresses is passed in one step");
    }
}

#[tokio::test]
async fn a_full_network_has_no_free_addresses_and_one_that_is_gone_is_not_full() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let subnet = fixture.subnet("Production", "192.0.2.32/29").await;
        assert_eq!(free(&fixture.provider, &subnet, 16).await.expect("no error"), [] as [IpAddr; 0]);
        let seed = crate::site::seed();
        let full = seed.subnets.iter().find(|seeded| seeded.prefix == subnet.prefix).expect("it is seeded");
        fixture.ipam.remove(full);
        let gone = free(&fixture.provider, &subnet, 16).await.expect_err("it is gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    }
}

#[tokio::test]
async fn a_network_that_is_elsewhere_now_is_gone() {
    for row in
        [json!({"hostaddr": "203.0.113.9", "site_id": "1"}), json!({"hostaddr": "192.0.2.18", "site_id": "4711"})]
    {
        let fixture = instead(move |_, request| is_search(request).then(|| Response::json(200, &json!([row]))));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let gone = free(&fixture.provider, &subnet, 1).await.expect_err("it is elsewhere");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    }
}

#[tokio::test]
async fn a_version_without_a_first_address_gives_what_it_can() {
    let fixture = instead(|ipam, request| {
        let mut other = request.clone();
        let kept: Vec<_> = request.query.split('&').filter(|pair| !pair.starts_with("begin_addr=")).collect();
        other.query = kept.join("&");
        Some(ipam.answer(&other))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let all = free(&fixture.provider, &subnet, 99).await.expect("free addresses");
    assert_eq!(all.len(), 14, "all of them, although more were asked for");
    let held: AddressSet = addresses_between(ip("192.0.2.17"), ip("192.0.2.28")).collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 99, held: &held }).await;
    assert_eq!(found.expect("free addresses"), [ip("192.0.2.29"), ip("192.0.2.30")]);
}

#[tokio::test]
async fn rows_without_an_address_are_an_error_that_quotes_their_fields() {
    for row in [json!({}), json!({"hostaddr": "nowhere"}), json!({"address": "192.0.2.17"}), json!("192.0.2.17")] {
        let fixture = instead(move |_, request| is_search(request).then(|| Response::json(200, &json!([row]))));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let error = free(&fixture.provider, &subnet, 1).await.expect_err("no address");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    }
}

/// "Full" would be wrong: behind the held addresses there are free ones.
#[tokio::test]
async fn a_search_that_ends_among_held_addresses_does_not_make_a_network_full() {
    let fixture = Fixture::at(Site { finds_at_most: 5, ..Site::default() }, json!({}), |ipam| ipam);
    fixture.ipam.add_network("Production", "10.0.0.0/16", true, "");
    let subnet = fixture.subnet("Production", "10.0.0.0/16").await;
    let (mut held, mut taken) = (Vec::new(), Vec::new());
    for (number, address) in addresses_between(ip("10.0.0.1"), ip("10.0.12.0")).enumerate() {
        if number % 2 == 0 { held.push(address) } else { taken.push(address) }
    }
    taken.into_iter().for_each(|address| fixture.ipam.take("Production", address));
    let held: AddressSet = held.into_iter().collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 1, held: &held }).await;
    assert_eq!(found.expect_err("it ends too early").kind(), ErrorKind::Rejected);
}
