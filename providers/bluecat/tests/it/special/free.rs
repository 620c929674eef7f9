//! Free addresses: large networks, DHCP ranges, networks that have gone or moved, gateways.

use std::sync::Arc;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, Requester, Subnet, addresses_between};
use ipam_simulators::bluecat::Site;
use ipam_simulators::{Request, Response};
use serde_json::json;

use super::{APIS, Instead, chain, host, instead, ip, name};
use crate::site::{FIELD, Fixture};

async fn texts(fixture: &Fixture, subnet: &Subnet, at_most: usize, held: &[&str]) -> Vec<String> {
    let free = fixture.free(subnet, at_most, held).await.expect("free addresses");
    free.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_large_network_is_not_listed() {
    for (api, prefix, first) in [
        ("v1", "10.0.0.0/8", ["10.0.0.1", "10.0.0.3", "10.0.0.5"]),
        ("v2", "10.0.0.0/8", ["10.0.0.1", "10.0.0.3", "10.0.0.5"]),
        ("v1", "2001:db8:ff00::/40", ["2001:db8:ff00::1", "2001:db8:ff00::3", "2001:db8:ff00::5"]),
        ("v2", "2001:db8:ff00::/40", ["2001:db8:ff00::1", "2001:db8:ff00::3", "2001:db8:ff00::5"]),
    ] {
        let fixture = Fixture::new(api);
        fixture.ipam.add_network("Unused", prefix, "");
        let subnet = fixture.subnet("Unused", prefix).await;
        fixture.ipam.take("Unused", subnet.offerable_at(1));
        fixture.requests();
        let held = subnet.offerable_at(3).to_string();
        assert_eq!(texts(&fixture, &subnet, 3, &[&held]).await, first, "{api}");
        assert!(fixture.requests().len() <= 4, "{api}");
    }
}

#[tokio::test]
async fn a_million_held_addresses_are_passed() {
    for api in APIS {
        let fixture = Fixture::new(api);
        fixture.ipam.add_network("Unused", "10.0.0.0/8", "");
        let subnet = fixture.subnet("Unused", "10.0.0.0/8").await;
        let run = |first: &str, last: &str| (ip(first), ip(last));
        // One long run, and many short ones behind it: more than one request names.
        let short = (0..200).map(|number| run(&format!("10.16.{number}.1"), &format!("10.16.{number}.254")));
        let held = AddressSet::of_runs([run("10.0.0.0", "10.16.0.0")].into_iter().chain(short));
        fixture.requests();
        let free = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 2, held: &held }).await;
        let free = free.expect("free addresses");
        assert_eq!(free, [ip("10.16.0.255"), ip("10.16.1.0")], "{api}");
        assert!(fixture.requests().len() <= 10, "{api}");
    }
}

/// "Full" would be wrong: behind the held addresses there are free ones.
#[tokio::test]
async fn a_search_that_ends_among_held_addresses_does_not_make_a_network_full() {
    let fixture = Fixture::new("v1");
    fixture.ipam.add_network("Unused", "10.0.0.0/8", "");
    let subnet = fixture.subnet("Unused", "10.0.0.0/8").await;
    let (mut held, mut taken) = (Vec::new(), Vec::new());
    for (number, address) in addresses_between(ip("10.0.0.1"), ip("10.0.24.0")).enumerate() {
        if number % 2 == 0 { held.push(address) } else { taken.push(address) }
    }
    taken.into_iter().for_each(|address| fixture.ipam.take("Unused", address));
    let held: AddressSet = held.into_iter().collect();
    let found = fixture.provider.free_addresses(&subnet, FreeQuery { at_most: 1, held: &held }).await;
    assert_eq!(found.expect_err("it ends too early").kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn addresses_of_dhcp_are_not_offered() {
    for site in [
        Site::default(),
        Site { has_v2: false, ..Site::default() },
        Site { lists_unassigned: false, ..Site::default() },
    ] {
        let fixture = Fixture::at(site.clone(), json!({"api": "auto"}), |ipam| ipam);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let id = subnet.id.as_str().parse().expect("a number");
        fixture.ipam.add_range(id, ip("192.0.2.18"), ip("192.0.2.28"));
        let expected = ["192.0.2.17", "192.0.2.29", "192.0.2.30"];
        assert_eq!(texts(&fixture, &subnet, 20, &[]).await, expected, "{site:?}");
    }
}

#[tokio::test]
async fn a_network_that_was_resized_has_gone() {
    for (api, to) in [("v1", "192.0.2.0/25"), ("v2", "198.18.7.0/24")] {
        let fixture = Fixture::new(api);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        fixture.ipam.move_network(subnet.id.as_str().parse().expect("a number"), to);
        let error = fixture.free(&subnet, 5, &[]).await.expect_err("it has become another one");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{api}: {error}");
    }
}

#[tokio::test]
async fn a_block_is_no_subnet() {
    for api in APIS {
        let fixture = Fixture::new(api);
        fixture.ipam.add_network("Unused", "192.0.2.0/24", "");
        let block = "192.0.0.0/8".parse().expect("a prefix");
        assert_eq!(fixture.provider.find_subnets(block, None).await.expect("an answer"), [], "{api}");
        let subnets = fixture.provider.subnets(Some(&name("Unused"))).await.expect("subnets");
        assert_eq!(subnets.len(), 1, "{api}");
    }
}

#[tokio::test]
async fn the_gateway_is_taken_and_stays() {
    for api in APIS {
        let fixture = Fixture::new(api);
        fixture.ipam.take_as("Production", ip("192.0.2.17"), "GATEWAY");
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        assert!(fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer").is_some(), "{api}");
        let refused = fixture.provider.release(&subnet, ip("192.0.2.17")).await.expect_err("it cannot be deleted");
        assert_eq!(refused.kind(), ErrorKind::Rejected, "{api}");
        assert!(refused.to_string().contains("gateway"), "{refused}");
    }
}

#[tokio::test]
async fn an_ipv4_record_without_an_owner_is_free() {
    for api in APIS {
        let fixture = Fixture::new(api);
        fixture.ipam.take_as("Production", ip("192.0.2.17"), "UNALLOCATED");
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        assert_eq!(texts(&fixture, &subnet, 1, &[]).await, ["192.0.2.17"], "{api}");
        assert_eq!(fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer"), None, "{api}");
        fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
    }
}

/// v1 adds an IPv6 address in two steps. Where the second is refused, the first is undone.
#[tokio::test]
async fn half_an_ipv6_address_is_removed_or_said_to_be_open() {
    for (may_delete, kind, left) in [(true, ErrorKind::Unavailable, false), (false, ErrorKind::Unexpected, true)] {
        let fixture = instead("v1", json!({}), move |request| {
            let is_refused =
                request.path.ends_with("/assignIP6Address") || (!may_delete && request.path.ends_with("/delete"));
            is_refused.then(|| Response::json(500, &json!("Something is wrong")))
        });
        let subnet = fixture.subnet("Production", "2001:db8:1::/64").await;
        let address = ip("2001:db8:1::9");
        let error = fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect_err("a refusal");
        assert_eq!(error.kind(), kind, "{}", chain(&error));
        assert!(chain(&error).contains("Something is wrong"), "{}", chain(&error));
        assert_eq!(fixture.ipam.record("Production", address).is_some(), left);
    }
}

/// Somebody else may complete the record between the two steps. It is theirs then, and stays.
#[tokio::test]
async fn an_ipv6_address_that_somebody_else_completes_is_theirs() {
    let site = Site { field: Some(FIELD.to_owned()), ..Site::default() };
    let fixture = Fixture::at(site, json!({"api": "v1"}), |ipam| {
        let behind = ipam.clone();
        let answer = move |request: &Request| {
            request.path.ends_with("/assignIP6Address").then(|| {
                behind.answer(request);
                Response::json(500, &json!("Duplicate of another item"))
            })
        };
        Arc::new(Instead { ipam, answer })
    });
    let subnet = fixture.subnet("Production", "2001:db8:1::/64").await;
    let address = ip("2001:db8:1::9");
    let error = fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect_err("a conflict");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", chain(&error));
    assert!(fixture.ipam.record("Production", address).is_some());
}

/// Without a session for the second step, the first one has been done all the same: "nothing was written" would be wrong.
#[tokio::test]
async fn an_ipv6_address_whose_second_step_is_not_sent_is_said_to_be_open() {
    let fixture = instead("v1", json!({}), |request| {
        let has_ended = request.path.ends_with("/assignIP6Address") || request.path.ends_with("/delete");
        has_ended.then(|| Response::json(401, &json!("Invalid token")))
    });
    let subnet = fixture.subnet("Production", "2001:db8:1::/64").await;
    let address = ip("2001:db8:1::9");
    let error = fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect_err("no session");
    assert!(fixture.ipam.record("Production", address).is_some());
    assert!(error.kind().leaves_write_unknown(), "{}", chain(&error));
}

/// A gateway answers in plain text too. That the address has a record is then no conflict: it may be the one of this call.
#[tokio::test]
async fn a_text_of_a_gateway_leaves_a_write_unknown() {
    for status in [502, 503, 504] {
        for takes_effect in [true, false] {
            let site = Site { field: Some(FIELD.to_owned()), ..Site::default() };
            let fixture = Fixture::at(site, json!({"api": "v1"}), |ipam| {
                let behind = ipam.clone();
                let answer = move |request: &Request| {
                    if !request.path.ends_with("/assignIP4Address") {
                        return None;
                    }
                    if takes_effect {
                        behind.answer(request);
                    }
                    let headers = vec![("Content-Type", "text/plain".to_owned())];
                    Some(Response { status, headers, body: "upstream connect error or disconnect".into() })
                };
                Arc::new(Instead { ipam, answer })
            });
            let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
            let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect_err("no answer");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{status}: {}", chain(&error));
            let probes = fixture.provider.probe().await;
            assert!(probes.iter().any(|probe| probe.outcome.is_err()), "{status}: nothing shows the right to write");
        }
    }
}

/// Whether every address without a record is listed is not known.
#[tokio::test]
async fn a_list_of_unassigned_addresses_that_is_not_whole_does_not_make_a_network_full() {
    let fixture = Fixture::at(Site { lists_unassigned: false, ..Site::default() }, json!({"api": "v2"}), |ipam| ipam);
    fixture.ipam.take_as("Production", ip("192.0.2.19"), "UNASSIGNED");
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    assert_eq!(texts(&fixture, &subnet, 2, &["192.0.2.19"]).await, ["192.0.2.17", "192.0.2.18"]);
}

#[tokio::test]
async fn an_answer_of_a_third_shape_is_quoted_by_its_shape() {
    let fixture = instead("v1", json!({"description_field": FIELD}), |request| {
        request.path.ends_with("/assignIP4Address").then(|| Response::json(200, &json!({"assigned": true})))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect_err("no number");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(chain(&error).contains("{assigned: flag}"), "{}", chain(&error));
}

trait At {
    fn offerable_at(&self, number: u32) -> std::net::IpAddr;
}

impl At for Subnet {
    /// The address with this number in the subnet, where the first for a host has the number 0.
    fn offerable_at(&self, number: u32) -> std::net::IpAddr {
        let (first, last) = self.prefix.offerable(false);
        addresses_between(first, last).nth(number as usize).expect("an address")
    }
}
