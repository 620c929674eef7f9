//! Free addresses: of subnets with rows and without, small and large.

use ipam_provider::{ErrorKind, Requester};
use ipam_simulators::solarwinds::{Site, Solarwinds as Simulated};
use serde_json::json;

use super::{asks, free, instead, ip, kinds, results};
use crate::site::Fixture;

#[tokio::test]
async fn a_search_costs_one_request_in_a_small_subnet_and_two_where_nothing_is_recorded() {
    let fixture = Fixture::new();
    for (prefix, cost) in [("192.0.2.0/28", 1), ("192.0.2.32/29", 1), ("198.18.0.0/24", 1), ("2001:db8:2::8/125", 2)] {
        let subnet = fixture.subnet("Production", prefix).await;
        kinds(&fixture);
        free(&fixture.provider, &subnet, 100).await.expect("addresses");
        assert_eq!(kinds(&fixture).len(), cost, "{prefix}");
    }
}

#[tokio::test]
async fn a_large_subnet_costs_what_is_answered_of_it() {
    let ipam = Simulated::empty(Site::default());
    let group = ipam.add_hierarchy("Lab", "");
    ipam.add_subnet(group, "10.0.0.0/8", "");
    for address in ["10.0.0.1", "10.0.0.2", "10.200.0.1"] {
        assert!(ipam.take("Lab", ip(address)));
    }
    let fixture = Fixture::of(ipam, json!({}), |ipam| ipam);
    let subnet = fixture.subnet("Lab", "10.0.0.0/8").await;
    kinds(&fixture);
    let found = free(&fixture.provider, &subnet, 64).await.expect("addresses");
    assert_eq!((found[0], found.len()), (ip("10.0.0.3"), 64));
    assert_eq!(kinds(&fixture).len(), 1);
    // A block of a thousand that is full is passed.
    for number in 3..1024 {
        fixture.ipam.take("Lab", ip(&format!("10.0.{}.{}", number / 256, number % 256)));
    }
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("addresses"), [ip("10.0.4.0")]);
    fixture.provider.reserve(&subnet, ip("10.0.4.0"), &Requester::default()).await.expect("a new row");
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("addresses"), [ip("10.0.4.1")]);
}

#[tokio::test]
async fn addresses_that_are_counted_otherwise_are_not_taken_for_free() {
    let fixture = instead(|_, request| {
        let row = json!([{"IpNodeId": 1, "IPAddress": "10.9.0.1"}]);
        let is_block = request.json().is_some_and(|body| body["parameters"]["first"].is_number());
        (is_block && asks(request, "IPAM.IPNode")).then(|| results(row))
    });
    let group = fixture.ipam.add_hierarchy("Lab", "");
    fixture.ipam.add_subnet(group, "10.0.0.0/8", "");
    let subnet = fixture.subnet("Lab", "10.0.0.0/8").await;
    let error = free(&fixture.provider, &subnet, 1).await.expect_err("not in the block");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains("10.9.0.1"), "{cause}");
}

/// Nothing comes of any part then: an empty answer must not make everything free.
#[tokio::test]
async fn parts_without_a_used_address_are_not_believed() {
    let fixture = instead(|_, request| {
        let is_block = request.json().is_some_and(|body| body["parameters"]["first"].is_number());
        is_block.then(|| results(json!([])))
    });
    let group = fixture.ipam.add_hierarchy("Lab", "");
    fixture.ipam.add_subnet(group, "10.0.0.0/8", "");
    let subnet = fixture.subnet("Lab", "10.0.0.0/8").await;
    kinds(&fixture);
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("an empty subnet"), [ip("10.0.0.1")]);
    assert_eq!(kinds(&fixture).len(), 3);
    assert!(fixture.ipam.take("Lab", ip("10.200.0.1")));
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("it is far away"), [ip("10.0.0.1")]);
    assert!(fixture.ipam.take("Lab", ip("10.0.0.1")));
    let error = free(&fixture.provider, &subnet, 1).await.expect_err("10.0.0.1 is used");
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
}

#[tokio::test]
async fn a_list_of_pages_that_does_not_end_is_given_up() {
    let fixture = instead(|_, request| {
        let page: Vec<_> = (1..=1000).map(|id| json!({"IpNodeId": id, "IPAddress": "192.0.2.17"})).collect();
        asks(request, "IPAM.IPNode").then(|| results(page.into()))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    kinds(&fixture);
    let error = free(&fixture.provider, &subnet, 1).await.expect_err("no end");
    assert_eq!((error.kind(), kinds(&fixture).len()), (ErrorKind::Unexpected, 2), "{error}");
}

#[tokio::test]
async fn an_address_without_a_row_is_free_and_gets_one() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = ip("192.0.2.17");
    fixture.ipam.forget("Production", address);
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("addresses"), [address]);
    assert_eq!(fixture.provider.reservation(&subnet, address).await.expect("an answer"), None);
    kinds(&fixture);
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("it was free");
    assert_eq!(kinds(&fixture), ["Query", "Create", "Query"]);
    assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
    assert_eq!(fixture.ipam.node("Production", address).expect("the row stays")["Status"], json!(2));
}
