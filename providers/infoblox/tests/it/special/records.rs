//! Fixed addresses and reservations: MACs, DUIDs, whose they are, and what else uses an address.

use std::time::Duration;

use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::{Request, Response};
use serde_json::json;

use super::{MAC, cause, free, host, instead, ip};
use crate::site::Fixture;

#[tokio::test]
async fn a_host_costs_two_requests_and_a_delete_two() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    let requests = |what: &str, expected: usize| {
        let requests = fixture.server.take_requests();
        assert_eq!(requests.len(), expected, "{what}: {requests:#?}");
    };
    requests("login, view and network", 3);
    let address = free(&fixture.provider, &subnet, 64).await.expect("free addresses")[0];
    requests("a batch", 1);
    assert_eq!(fixture.provider.reservation(&subnet, address).await.expect("an answer"), None);
    requests("a look at a free address", 1);
    fixture.provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
    requests("an add", 1);
    fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("a record");
    requests("a look at a taken address", 2);
    fixture.provider.release(&subnet, address).await.expect("a release");
    requests("a delete", 2);
}

#[tokio::test]
async fn a_record_has_mac_name_comment_and_attributes() {
    let fixture = Fixture::with(json!({
        "extensible_attributes": {"Site": "DC1", "Owner": "Foreman {hostname}", "Nothing": "{mac}", "Rank": 7},
    }));
    for attribute in ["Site", "Owner", "Nothing", "Rank"] {
        fixture.ipam.define_attribute(attribute);
    }
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let by = Requester { mac: None, ..host("Web.example.com") };
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &by).await.expect("a reservation");
    let record = fixture.ipam.record("Production", ip("192.0.2.17")).expect("a record");
    assert_eq!((&record["mac"], &record["match_client"]), (&json!("00:00:00:00:00:00"), &json!("RESERVED")));
    assert_eq!(record["comment"], "foreman-ipam-proxy: Web.example.com");
    assert_eq!(record["name"], "web.example.com");
    let attributes =
        json!({"Site": {"value": "DC1"}, "Owner": {"value": "Foreman Web.example.com"}, "Rank": {"value": 7}});
    assert_eq!(record["extattrs"], attributes, "an empty value would be refused");
    fixture.provider.reserve(&subnet, ip("192.0.2.18"), &host("db.example.com")).await.expect("a reservation");
    assert_eq!(fixture.ipam.record("Production", ip("192.0.2.18")).expect("a record")["mac"], MAC);
}

#[tokio::test]
async fn an_attribute_that_is_not_defined_is_named_by_check_and_by_the_refusal() {
    let fixture = Fixture::with(json!({"extensible_attributes": {"Site": "DC1"}}));
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("extensible_attributes") && cause(&error).contains("Site"), "{error}");
    assert_eq!(fixture.ipam.record("Production", ip("192.0.2.17")), None);
    let faults: Vec<_> = fixture.provider.probe().await.into_iter().filter(|probe| probe.outcome.is_err()).collect();
    assert!(faults.len() == 1 && faults[0].what.contains("Site"), "{faults:?}");
}

/// One MAC is in one network once. The code of the refusal is that of an address that is taken.
#[tokio::test]
async fn a_mac_that_is_in_the_network_already_is_left_out() {
    let fixture = Fixture::new();
    for (prefix, addresses) in
        [("192.0.2.16/28", ["192.0.2.17", "192.0.2.18"]), ("2001:db8:1::/64", ["2001:db8:1::21", "2001:db8:1::22"])]
    {
        let subnet = fixture.subnet("Production", prefix).await;
        for address in addresses {
            fixture.provider.reserve(&subnet, ip(address), &host("web.example.com")).await.expect("a reservation");
        }
        let second =
            fixture.provider.reservation(&subnet, ip(addresses[1])).await.expect("an answer").expect("a record");
        assert_eq!((second.mac, second.hostname.as_deref(), second.ours), (None, Some("web.example.com"), true));
        assert!(second.description.expect("a comment").contains(MAC), "the MAC is in the comment");
    }
}

/// By these the allocator knows a record whose answer was lost.
#[tokio::test]
async fn our_own_record_is_known_by_mark_mac_and_name() {
    let fixture = Fixture::new();
    for (prefix, address) in [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::21")] {
        let subnet = fixture.subnet("Production", prefix).await;
        fixture.provider.reserve(&subnet, ip(address), &host("web.example.com")).await.expect("a reservation");
        let again = fixture.provider.reserve(&subnet, ip(address), &host("web.example.com")).await;
        assert_eq!(again.expect_err("it is there").kind(), ErrorKind::AlreadyExists);
        let record = fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer").expect("a record");
        assert_eq!((record.mac, record.hostname.as_deref()), (MAC.parse().ok(), Some("web.example.com")));
        assert!(record.ours);
    }
    let record = fixture.ipam.record("Production", ip("2001:db8:1::21")).expect("a record");
    assert_eq!(record["duid"], format!("00:03:00:01:{MAC}"));
}

/// Neither is a record of ours to delete: a lease ends by itself, and a DNS record is another's.
#[tokio::test]
async fn leases_and_dns_records_take_an_address_and_are_not_deleted() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    for (address, kind) in [("192.0.2.17", "LEASE"), ("192.0.2.18", "A"), ("192.0.2.19", "UNMANAGED")] {
        fixture.ipam.use_as("Production", ip(address), kind, "other.example.com");
        let reservation = fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer");
        let reservation = reservation.expect("it is used");
        assert_eq!((reservation.hostname.as_deref(), reservation.ours), (Some("other.example.com"), false), "{kind}");
        assert_eq!(fixture.provider.release(&subnet, ip(address)).await.expect("no record"), Released::WasAbsent);
        assert!(fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer").is_some(), "{kind}");
    }
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("free addresses"), [ip("192.0.2.20")]);
}

#[tokio::test]
async fn with_delete_only_own_records_of_others_are_kept() {
    let fixture = Fixture::with(json!({"delete_only_own": true}));
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("it is not ours");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("delete_only_own"), "{error}");
    assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
    fixture.provider.reserve(&subnet, ip("192.0.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("ours").is_removed());
}

#[tokio::test]
async fn a_record_of_another_address_or_view_is_neither_believed_nor_deleted() {
    for query in [
        "ipv4addr=192.0.2.1&network_view=Production&_return_fields=ipv4addr,network_view,mac,name,comment",
        "ipv4addr=198.51.100.2&_return_fields=ipv4addr,network_view,mac,name,comment",
    ] {
        let fixture = instead(move |ipam, request| {
            let query = format!("_paging=1&_return_as_object=1&_max_results=1000&{query}");
            let other = Request { query, ..request.clone() };
            (request.method == "GET" && request.path.ends_with("/fixedaddress")).then(|| ipam.answer(&other))
        });
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let release = fixture.provider.release(&subnet, ip("192.0.2.2")).await;
        assert_eq!(release.expect_err("another address").kind(), ErrorKind::Unexpected);
        assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
        assert!(fixture.ipam.record("dmz/web", ip("198.51.100.2")).is_some());
    }
}

#[tokio::test]
async fn a_status_that_is_not_known_is_neither_free_nor_taken() {
    let fixture = instead(|_, request| {
        let row = json!({"ip_address": "192.0.2.2", "network_view": "Production", "status": "PENDING"});
        let page = json!({"result": [row]});
        request.path.ends_with("/ipv4address").then(|| Response::json(200, &page))
    });
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.reservation(&subnet, ip("192.0.2.2")).await.expect_err("who knows");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(cause(&error).contains("PENDING") && !error.to_string().contains("PENDING"), "{error}");
}

#[tokio::test]
async fn services_restart_once_in_the_background_or_never() {
    for (setting, restarts) in [("never", 0), ("if_needed", 1)] {
        let fixture = Fixture::with(json!({"restart_services": setting, "restart_delay_seconds": 1}));
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        for address in ["192.0.2.17", "192.0.2.18", "192.0.2.19"] {
            fixture.provider.reserve(&subnet, ip(address), &Requester::default()).await.expect("a reservation");
        }
        fixture.provider.release(&subnet, ip("192.0.2.17")).await.expect("a release");
        assert_eq!(fixture.ipam.take_restarts(), [] as [serde_json::Value; 0], "no request waits for one");
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let asked = fixture.ipam.take_restarts();
        assert_eq!(asked.len(), restarts, "{setting}: {asked:?}");
        assert!(asked.iter().all(|asked| asked["restart_option"] == "RESTART_IF_NEEDED"), "{asked:?}");
    }
}

#[tokio::test]
async fn missing_rights_are_named() {
    for (right, named) in [
        ("read networkview", "read-only on Network Views"),
        ("read ipv6network", "read-only on IPv6 Networks"),
        ("write fixedaddress", "read/write on IPv4 Fixed Addresses/Reservations"),
        ("read ipv6fixedaddress", "read-only on IPv6 Fixed Addresses"),
        ("read record:host", "read-only on Hosts"),
    ] {
        let fixture = Fixture::new();
        fixture.ipam.revoke(right);
        let probes = fixture.provider.probe().await;
        let faults: Vec<_> = probes.iter().filter_map(|probe| probe.outcome.as_ref().err()).collect();
        assert_eq!(faults.len(), 1, "{right}: {probes:?}");
        assert_eq!(faults[0].kind(), ErrorKind::Unauthenticated);
        assert!(faults[0].to_string().contains(named), "{right}: {}", faults[0]);
    }
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.revoke("write fixedaddress");
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await.expect_err("no right");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
}
