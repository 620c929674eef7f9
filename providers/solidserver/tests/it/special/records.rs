//! What is recorded of an address, and refusals of adding and deleting it.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::Response;
use ipam_simulators::solidserver::Site;
use serde_json::json;

use super::{MAC, host, instead, ip, service};
use crate::site::{Fixture, awkward};

#[tokio::test]
async fn class_class_parameters_name_mac_and_mark_are_recorded() {
    let fixture = Fixture::with(json!({
        "class_name": "foreman", "class_parameters": {"dhcpstatic": 1, "owner": "a&b"},
        "description_parameter": "note", "mark": "proxy-a", "description": "{hostname} in {group}",
    }));
    for (prefix, address, fields) in [
        ("192.0.2.16/28", "192.0.2.17", ["name", "mac_addr", "ip_class_name", "ip_class_parameters"]),
        ("2001:db8:1::/64", "2001:db8:1::9", ["ip6_name", "ip6_mac_addr", "ip6_class_name", "ip6_class_parameters"]),
    ] {
        let subnet = fixture.subnet("Production", prefix).await;
        fixture.provider.reserve(&subnet, ip(address), &host("Web1.example.com")).await.expect("a reservation");
        let record = fixture.ipam.record("Production", ip(address)).expect("it is recorded");
        let recorded = fields.map(|field| record[field].as_str().expect("a text"));
        let parameters = "dhcpstatic=1&owner=a%26b&note=proxy-a%3A+Web1.example.com+in+Production";
        assert_eq!(recorded, ["Web1.example.com", MAC, "foreman", parameters]);
        let read = fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer").expect("a record");
        assert!(read.ours && read.mac == MAC.parse().ok(), "{read:?}");
        assert_eq!(read.description.as_deref(), Some("proxy-a: Web1.example.com in Production"));
    }
}

#[tokio::test]
async fn an_address_without_a_mac_has_none() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let record = fixture.ipam.record("Production", ip("192.0.2.3")).expect("it is taken");
    assert!(record["mac_addr"].as_str().expect("a text").starts_with("EIP:"), "{record}");
    let read = fixture.provider.reservation(&subnet, ip("192.0.2.3")).await.expect("an answer").expect("a record");
    assert_eq!((read.mac, read.hostname, read.ours), (None, None, false));
}

#[tokio::test]
async fn with_delete_only_own_a_record_of_another_writer_is_kept() {
    let fixture = Fixture::with(json!({"delete_only_own": true}));
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let refused = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("it is not ours");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
    fixture.provider.reserve(&subnet, ip("192.0.2.2"), &host("web")).await.expect("a reservation");
    assert!(fixture.provider.release(&subnet, ip("192.0.2.2")).await.expect("a release").is_removed());
}

#[tokio::test]
async fn a_refusal_is_only_a_taken_address_when_there_is_a_record() {
    let refusal = json!({"errno": "5027", "errmsg": "geheim already exist", "severity": "error"});
    let fixture = instead(move |_, request| (service(request) == "ip_add").then(|| Response::json(400, &refusal)));
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.2"), &host("web")).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(error.to_string().contains("(service ip_add, error 5027)"), "{error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
    assert!(error.source().expect("a source").to_string().contains("geheim already exist"), "for the log");

    let taken = fixture.provider.reserve(&subnet, ip("192.0.2.1"), &host("web")).await.expect_err("it is taken");
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists, "{taken}");
}

#[tokio::test]
async fn an_answer_that_does_not_name_the_new_record_leaves_the_write_unknown() {
    for body in [json!([]), json!([{"errno": "0"}]), json!([{"oid": "9"}]), json!({"ret_oid": "9"}), json!(true)] {
        let fixture = instead(move |_, request| (service(request) == "ip_add").then(|| Response::json(200, &body)));
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let error = fixture.provider.reserve(&subnet, ip("192.0.2.2"), &host("web")).await.expect_err("no id");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    }
    // A refusal with the status of a success is one all the same.
    let refused = json!([{"errno": "5025", "errmsg": "no"}]);
    let fixture = instead(move |_, request| (service(request) == "ip_add").then(|| Response::json(200, &refused)));
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.reserve(&subnet, ip("192.0.2.2"), &host("web")).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
}

#[tokio::test]
async fn a_record_that_cannot_be_deleted_is_told_and_one_that_is_gone_is_absent() {
    let refusal = json!({"errno": "7", "errmsg": "Read only", "severity": "error"});
    let is_gone_first = Arc::new(AtomicBool::new(false));
    let goes = is_gone_first.clone();
    let fixture = instead(move |ipam, request| {
        (service(request) == "ip_delete").then(|| {
            if goes.load(Ordering::Relaxed) {
                // Another caller is quicker.
                ipam.answer(request);
            }
            Response::json(400, &refusal)
        })
    });
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    is_gone_first.store(true, Ordering::Relaxed);
    let released = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect("no error");
    assert_eq!(released, Released::WasAbsent);
}

#[tokio::test]
async fn a_record_that_was_not_asked_for_is_not_taken_for_the_address() {
    for (field, value) in [("ip_addr", "c0000209"), ("site_id", "4711")] {
        let mut row = json!({
            "errno": "0", "type": "ip", "ip_id": "9", "ip_addr": "c0000201", "site_id": "2", "site_name": "Production",
            "name": "", "mac_addr": "", "ip_class_parameters": "",
        });
        row[field] = value.into();
        let fixture = instead(move |_, request| {
            (service(request) == "ip_address_list").then(|| Response::json(200, &json!([row])))
        });
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("another record");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
        assert!(fixture.ipam.record("Production", ip("192.0.2.1")).is_some());
    }
}

#[tokio::test]
async fn an_address_outside_of_the_subnet_is_refused_before_anything_is_asked() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        fixture.server.take_requests();
        let refused = fixture.provider.reserve(&subnet, ip("198.18.0.1"), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Rejected);
        assert_eq!(fixture.server.take_requests().len(), 0);
    }
}
