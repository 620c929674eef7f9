//! Addresses: where they belong, races, and whose they are.

use ipam_conformance::RAW_BODY;
use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::nautobot::Site;
use ipam_simulators::{Request, Response};
use serde_json::json;

use super::{instead, ip, is_post};
use crate::site::Fixture;

#[tokio::test]
async fn an_address_of_a_smaller_prefix_is_taken_and_released_through_the_wider_one() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "198.18.0.128/25", "pool", "");
    let wide = fixture.subnet("Production", "198.18.0.0/24").await;
    let address = ip("198.18.0.200");
    fixture.provider.reserve(&wide, address, &Requester::default()).await.expect("a reservation");
    let record = fixture.ipam.record("Production", address).expect("a record");
    assert_eq!(record["parent"]["prefix"], "198.18.0.128/25", "Nautobot decides where it belongs");
    assert_eq!(record["address"], "198.18.0.200/24", "the mask is of the subnet that was asked for");
    assert!(fixture.provider.reservation(&wide, address).await.expect("an answer").is_some());
    assert!(fixture.provider.release(&wide, address).await.expect("a release").is_removed());
}

#[tokio::test]
async fn an_address_with_another_mask_is_the_same_address() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    // Taken as a /32 of the smaller prefix.
    fixture.ipam.add_prefix("Production", "192.0.2.17/32", "network", "");
    fixture.ipam.take("Production", ip("192.0.2.17"));
    assert!(fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer").is_some());
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is taken").kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn an_address_outside_of_the_subnet_is_refused_before_it_lands_elsewhere() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is elsewhere").kind(), ErrorKind::Rejected);
    assert_eq!(fixture.ipam.record("Production", ip("192.0.2.2")), None);
}

#[tokio::test]
async fn the_loser_of_a_race_is_told_that_the_address_exists() {
    let fixture = Fixture::at(Site { races: true, ..Site::default() }, json!({}), |ipam| ipam);
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.take("Production", ip("192.0.2.17"));
    // The database may tell it, or a look that Nautobot makes just before.
    for _ in 0..2 {
        let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
        let error = error.expect_err("it is taken");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let text = "IP address 192.0.2.17 already exists in subnet 192.0.2.16/28 (group Production)";
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_fault_of_the_database_is_no_race_when_the_address_is_not_there() {
    let fixture = instead(|_, request| {
        let error = json!({"error": RAW_BODY, "exception": "IntegrityError"});
        is_post(request).then(|| Response::json(500, &error))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    let error = error.expect_err("the database refused");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "whether it was written is not known");
    assert!(!error.to_string().contains(RAW_BODY));
}

#[tokio::test]
async fn a_record_of_another_address_is_neither_believed_nor_deleted() {
    let fixture = instead(|ipam, request| {
        let other = Request { query: "address=192.0.2.1&limit=1000&depth=1".to_owned(), ..request.clone() };
        (request.method == "GET" && request.path == "/api/ipam/ip-addresses/").then(|| ipam.answer(&other))
    });
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let reservation = fixture.provider.reservation(&subnet, ip("192.0.2.2")).await;
    assert_eq!(reservation.expect_err("another address").kind(), ErrorKind::Unexpected);
    let release = fixture.provider.release(&subnet, ip("192.0.2.2")).await;
    assert_eq!(release.expect_err("another address").kind(), ErrorKind::Unexpected);
    assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
}

#[tokio::test]
async fn a_record_of_another_namespace_is_neither_believed_nor_deleted() {
    // As if the filter by namespace were not there: both twins come.
    let fixture = instead(|ipam, request| {
        let everywhere = Request { query: "address=198.51.100.2&limit=1000&depth=1".to_owned(), ..request.clone() };
        (request.method == "GET" && request.path == "/api/ipam/ip-addresses/").then(|| ipam.answer(&everywhere))
    });
    let subnet = fixture.subnet("Production", "198.51.100.0/28").await;
    let release = fixture.provider.release(&subnet, ip("198.51.100.2")).await;
    assert_eq!(release.expect_err("it is in dmz/web").kind(), ErrorKind::Unexpected);
    assert!(fixture.ipam.record("dmz/web", ip("198.51.100.2")).is_some());
}

#[tokio::test]
async fn with_delete_only_own_records_of_others_are_kept() {
    let fixture = Fixture::with(json!({"delete_only_own": true}));
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("it is not ours");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("192.0.2.1") && error.to_string().contains("delete_only_own"), "{error}");
    assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
    fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("ours").is_removed());
    assert_eq!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("none"), Released::WasAbsent);
}

#[tokio::test]
async fn an_address_that_may_not_be_deleted_is_not_called_absent() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    fixture.ipam.protect(ip("192.0.2.1"));
    let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("Nautobot says 404");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("delete on ipam.ipaddress"), "{error}");
}
