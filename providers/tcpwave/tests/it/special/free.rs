//! Free addresses: ranges with and without an end, full subnets, and what is no range.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery};
use ipam_simulators::tcpwave::Site;
use serde_json::json;

use super::{cause, free, instead, ip};
use crate::site::Fixture;

const NONE: [IpAddr; 0] = [];

fn without_ends() -> Fixture {
    Fixture::at(Site { ranges_have_ends: false, ..Site::default() }, json!({}), |ipam| ipam)
}

#[tokio::test]
async fn a_range_without_an_end_is_one_candidate() {
    let fixture = without_ends();
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    fixture.server.take_requests();
    let found = free(&fixture.provider, &subnet, 9).await.expect("free addresses");
    assert_eq!(found, ["192.0.2.2", "192.0.2.4", "192.0.2.11"].map(ip), "the first of each range, and no guess");
    assert_eq!(free(&fixture.provider, &subnet, 2).await.expect("free addresses"), found[..2]);
    assert_eq!(fixture.server.take_requests().len(), 2);
}

#[tokio::test]
async fn when_every_candidate_is_held_the_list_of_objects_decides() {
    let fixture = without_ends();
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let held: AddressSet = ["192.0.2.2", "192.0.2.4", "192.0.2.11"].map(ip).into_iter().collect();
    let query = |at_most, held| FreeQuery { at_most, held };
    let found = fixture.provider.free_addresses(&subnet, query(4, &held)).await.expect("free addresses");
    assert_eq!(found, ["192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8"].map(ip));
    let all: AddressSet = (2..15).map(|last| [192, 0, 2, last].into()).collect();
    assert_eq!(fixture.provider.free_addresses(&subnet, query(4, &all)).await.expect("none"), NONE);
}

#[tokio::test]
async fn a_full_subnet_is_full_whether_it_is_an_empty_list_or_a_refusal() {
    for full_is_refused in [false, true] {
        for lists_free in [false, true] {
            let site = Site { full_is_refused, lists_free, ..Site::default() };
            let fixture = Fixture::at(site, json!({}), |ipam| ipam);
            let subnet = fixture.subnet("Production", "192.0.2.32/29").await;
            assert_eq!(free(&fixture.provider, &subnet, 9).await.expect("no error"), NONE);
        }
    }
}

#[tokio::test]
async fn no_range_for_a_subnet_that_is_not_full_is_an_error() {
    for (status, body) in [(200, "[]"), (500, "TIMS-0000: Something is wrong.")] {
        let fixture = instead("/object/nextfreeip", status, body);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let error = free(&fixture.provider, &subnet, 9).await.expect_err("eleven addresses are free");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        assert!(error.to_string().starts_with("TCPWave gives no free address of subnet 192.0.2.0/28"), "{error}");
    }
}

#[tokio::test]
async fn a_range_elsewhere_shows_that_the_subnet_has_become_another_one() {
    let fixture = instead("/object/nextfreeip", 200, r#"[{"startIp": "192.0.2.20", "endIp": "192.0.2.29"}]"#);
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = free(&fixture.provider, &subnet, 9).await.expect_err("it is of another subnet");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn ranges_in_any_order_that_overlap_give_each_address_once() {
    let body = r#"[{"startIp": "192.0.2.9", "endIp": "192.0.2.9"}, {"startIp": "192.0.2.4", "endIp": "192.0.2.6"},
        {"startIp": "192.0.2.0", "endIp": "192.0.2.4"}, {"startIp": "192.0.2.14", "endIp": "192.0.2.15"},
        {"startIp": "192.0.2.13", "endIp": "192.0.2.12"}]"#;
    let fixture = instead("/object/nextfreeip", 200, body);
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let found = free(&fixture.provider, &subnet, 99).await.expect("free addresses");
    let last: Vec<u8> = found
        .iter()
        .map(|address| match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => panic!("{address}"),
        })
        .collect();
    assert_eq!(last, [1, 2, 3, 4, 5, 6, 9, 14]);
}

#[tokio::test]
async fn what_is_no_range_is_shown_in_the_log() {
    for (body, shape) in [
        (r#"[{"start": "words", "size": 5}]"#, "[{size: number, start: text}]"),
        (r#"[{"startIp": "words"}]"#, "[{startIp: text}]"),
        ("<html>words", "a page of HTML"),
        (r#"["192.0.2.4"]"#, "[text]"),
    ] {
        let fixture = instead("/object/nextfreeip", 200, body);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let error = free(&fixture.provider, &subnet, 9).await.expect_err("no range");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{body}");
        assert!(cause(&error).contains(shape) && !error.to_string().contains("words"), "{body}: {}", cause(&error));
    }
}

#[tokio::test]
async fn a_large_subnet_costs_what_is_answered_of_it() {
    let fixture = Fixture::over(large(), json!({}), |ipam| ipam);
    let subnet = fixture.subnet("Lab", "10.0.0.0/8").await;
    fixture.server.take_requests();
    let started = std::time::Instant::now();
    let held: AddressSet = AddressSet::of_runs([(ip("10.0.0.1"), ip("10.200.0.0"))]);
    let query = FreeQuery { at_most: 3, held: &held };
    let provider: Arc<dyn ipam_provider::Provider> = fixture.provider.clone();
    let found = provider.free_addresses(&subnet, query).await.expect("free addresses");
    assert_eq!(found, ["10.200.0.1", "10.200.0.2", "10.200.0.3"].map(ip));
    assert_eq!(fixture.server.take_requests().len(), 1);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

fn large() -> ipam_simulators::tcpwave::Tcpwave {
    let tcpwave = ipam_simulators::tcpwave::Tcpwave::empty(Site::default());
    tcpwave.add_organization("Lab", "");
    tcpwave.add_subnet("Lab", "10.0.0.0/8", "");
    tcpwave
}
