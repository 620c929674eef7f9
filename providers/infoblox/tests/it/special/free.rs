//! Free addresses: how many at once, nearly full networks, ranges.

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, addresses_between};
use ipam_simulators::Response;
use ipam_simulators::infoblox::Site;
use serde_json::{Value, json};

use super::{free, instead, ip};
use crate::site::Fixture;

/// How many functions were called since the last time.
fn calls(fixture: &Fixture) -> usize {
    let requests = fixture.server.take_requests();
    requests.iter().filter(|request| request.query.contains("_function=next_available_ip")).count()
}

fn at_site(num_at_most: usize) -> Fixture {
    Fixture::at(Site { num_at_most, ..Site::default() }, json!({}), |ipam| ipam)
}

#[tokio::test]
async fn a_batch_costs_one_request() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    for at_most in [1, 64, 254, 4000] {
        fixture.server.take_requests();
        let found = free(&fixture.provider, &subnet, at_most).await.expect("free addresses");
        assert_eq!((found.len(), calls(&fixture)), (at_most.min(254), 1), "{at_most}");
    }
}

#[tokio::test]
async fn where_no_more_than_twenty_may_be_asked_for_the_batch_takes_a_few_requests() {
    let fixture = at_site(20);
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    fixture.server.take_requests();
    assert_eq!(free(&fixture.provider, &subnet, 64).await.expect("free addresses").len(), 64);
    assert_eq!(calls(&fixture), 5, "one that is refused, and four");
    let error = free(&at_site(10).provider, &subnet, 64).await.expect_err("fewer than is known of any version");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_nearly_full_network_gives_its_last_addresses() {
    for left in [0_usize, 1, 2, 3, 7, 100] {
        let fixture = Fixture::new();
        let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
        let all: Vec<_> = addresses_between(ip("198.18.0.1"), ip("198.18.0.254")).collect();
        // The free ones are spread over the network.
        let is_free = |index: usize| left > 0 && index.is_multiple_of(254 / left) && index / (254 / left) < left;
        let (mut expected, mut taken) = (Vec::new(), 0);
        for (index, address) in all.into_iter().enumerate() {
            if is_free(index) {
                expected.push(address);
            } else {
                fixture.ipam.take("Production", address);
                taken += 1;
            }
        }
        assert_eq!(taken, 254 - left);
        fixture.server.take_requests();
        assert_eq!(
            free(&fixture.provider, &subnet, 64).await.expect("free addresses"),
            expected[..left.min(64)],
            "{left}"
        );
        assert!(calls(&fixture) <= 16, "{left}");
    }
}

#[tokio::test]
async fn held_addresses_go_along_and_too_many_are_refused() {
    let fixture = Fixture::new();
    fixture.ipam.add_network("Production", "10.0.0.0/8", "");
    let subnet = fixture.subnet("Production", "10.0.0.0/8").await;
    let held: AddressSet = addresses_between(ip("10.0.0.1"), ip("10.0.19.0")).collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
    assert_eq!(found.expect("free addresses"), [ip("10.0.19.1"), ip("10.0.19.2")]);
    let held: AddressSet = addresses_between(ip("10.0.0.1"), ip("10.1.0.0")).collect();
    let error = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
    assert_eq!(error.expect_err("65,536 are held").kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn ranges_are_left_out_or_used_alone_as_the_settings_say() {
    for (from_ranges, expected) in
        [(false, ["192.0.2.17", "192.0.2.18", "192.0.2.23"]), (true, ["192.0.2.19", "192.0.2.20", "192.0.2.28"])]
    {
        let fixture = Fixture::with(json!({"allocate_from_ranges": from_ranges}));
        fixture.ipam.add_range("Production", ip("192.0.2.28"), ip("192.0.2.29"));
        fixture.ipam.add_range("Production", ip("192.0.2.19"), ip("192.0.2.22"));
        for taken in ["192.0.2.21", "192.0.2.22"] {
            fixture.ipam.take("Production", ip(taken));
        }
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let found = free(&fixture.provider, &subnet, 3).await.expect("free addresses");
        assert_eq!(found, expected.map(ip), "{from_ranges}");
        let reservation = fixture.provider.reservation(&subnet, ip("192.0.2.19")).await.expect("an answer");
        assert_eq!(reservation.is_some(), !from_ranges, "a range takes its addresses unless they are to be used");
        let taken = fixture.provider.reservation(&subnet, ip("192.0.2.21")).await.expect("an answer");
        assert!(taken.is_some());
    }
}

#[tokio::test]
async fn without_ranges_nothing_is_free_in_them_and_a_network_that_is_gone_is_told() {
    let fixture = Fixture::with(json!({"allocate_from_ranges": true}));
    fixture.ipam.add_range("Production", ip("2001:db8:1::10"), ip("2001:db8:1::1f"));
    let ipv6 = fixture.subnet("Production", "2001:db8:1::/64").await;
    assert_eq!(free(&fixture.provider, &ipv6, 2).await.expect("free"), [ip("2001:db8:1::10"), ip("2001:db8:1::11")]);
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    assert_eq!(free(&fixture.provider, &subnet, 5).await.expect("no ranges"), [] as [std::net::IpAddr; 0]);
    fixture.ipam.contain("Production", "192.0.2.16/28");
    assert_eq!(free(&fixture.provider, &subnet, 5).await.expect_err("gone").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn strange_answers_are_no_free_addresses() {
    for ips in [json!(["203.0.113.77"]), json!(["192.0.2.17", "192.0.2.17"]), json!(["nonsense"]), json!("192.0.2.17")]
    {
        let answer = json!({"ips": ips});
        let fixture =
            instead(move |_, request| request.query.contains("_function").then(|| Response::json(200, &answer)));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let error = free(&fixture.provider, &subnet, 5).await.expect_err("no addresses for this subnet");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{ips}");
    }
    // Fewer than were asked for are all that there are.
    let fixture = instead(|_, request| {
        let body: Value = request.json().unwrap_or_default();
        let ips = if body["exclude"].as_array().is_some_and(Vec::is_empty) { json!(["192.0.2.20"]) } else { json!([]) };
        request.query.contains("_function").then(|| Response::json(200, &json!({"ips": ips})))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    assert_eq!(free(&fixture.provider, &subnet, 5).await.expect("one"), [ip("192.0.2.20")]);
}

/// Nothing must only be answered when nothing is free.
#[tokio::test]
async fn a_search_that_ends_before_the_last_range_is_refused() {
    let fixture = Fixture::with(json!({"allocate_from_ranges": true}));
    fixture.ipam.add_network("Production", "10.9.0.0/22", "");
    for address in addresses_between(ip("10.9.0.1"), ip("10.9.1.44")) {
        fixture.ipam.add_range("Production", address, address);
        fixture.ipam.take("Production", address);
    }
    fixture.ipam.add_range("Production", ip("10.9.2.1"), ip("10.9.2.1"));
    let subnet = fixture.subnet("Production", "10.9.0.0/22").await;
    let error = free(&fixture.provider, &subnet, 1).await.expect_err("300 ranges are full");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    fixture.ipam.free("Production", ip("10.9.0.7"));
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("one is free"), [ip("10.9.0.7")]);
}
