//! Host names and MACs of objects that are there: what else an object has stays.

use std::net::IpAddr;

use ipam_provider::{Annotated, Annotation, ErrorKind, Requester, Result, Subnet};
use ipam_simulators::tcpwave::Site;
use serde_json::json;

use super::{MAC, host, instead, ip};
use crate::site::{Fixture, awkward};

const ADDRESS: &str = "192.0.2.17";

fn note() -> Annotation {
    Annotation { hostname: Some("web.example.com".to_owned()), mac: Some(MAC.parse().expect("a MAC")) }
}

async fn annotate(fixture: &Fixture, subnet: &Subnet, address: IpAddr) -> Result<Annotated> {
    fixture.provider.annotate().expect("objects can be changed").annotate(subnet, address, &note()).await
}

/// An object of ours without name and MAC.
async fn reserved(fixture: &Fixture) -> (Subnet, IpAddr) {
    let (subnet, address) = (fixture.subnet("Production", "192.0.2.16/28").await, ip(ADDRESS));
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    fixture.server.take_requests();
    (subnet, address)
}

#[tokio::test]
async fn everything_else_stays_and_the_records_of_the_dns_follow() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site.clone(), json!({}), |ipam| ipam);
        let (subnet, address) = reserved(&fixture).await;
        fixture.ipam.set_contact("Production", address, "Anna");
        let mut expected = fixture.ipam.object("Production", address).expect("an object");
        assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::Changed);
        if !site.ignores_filters {
            assert_eq!(fixture.server.take_requests().len(), 2, "the object, and the edit");
        }
        let object = fixture.ipam.object("Production", address).expect("an object");
        expected["name"] = if site.shows_words { "web.example.com." } else { "web" }.into();
        expected["mac"] = MAC.into();
        expected["description"] = format!("foreman-ipam-proxy: web.example.com {MAC}").into();
        assert_eq!(object, expected);
        let records = fixture.ipam.resource_records("Production");
        assert!(records.contains(&format!("web.example.com. A {ADDRESS}")), "{records:?}");
        assert!(!records.iter().any(|record| record.contains("ip-192-0-2-17")), "{records:?}");

        let mac = Annotation { mac: "02:00:5e:00:53:bb".parse().ok(), hostname: None };
        let annotate = fixture.provider.annotate().expect("objects can be changed");
        let changed = annotate.annotate(&subnet, address, &mac).await.expect("an annotation");
        assert_eq!(changed, Annotated::Changed, "a name that stays is one that an edit takes");
    }
}

#[tokio::test]
async fn a_name_that_is_refused_leaves_the_one_that_is_recorded() {
    let fixture = Fixture::at(Site { names_are_unique: true, ..Site::default() }, json!({}), |ipam| ipam);
    let (subnet, address) = reserved(&fixture).await;
    fixture.provider.reserve(&subnet, ip("192.0.2.18"), &host("web.example.com")).await.expect("a reservation");
    assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::Changed);
    let object = fixture.ipam.object("Production", address).expect("an object");
    assert_eq!((&object["name"], &object["mac"]), (&json!("ip-192-0-2-17"), &json!(MAC)));
    assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::AsItWas);
}

#[tokio::test]
async fn a_name_of_another_domain_stays_out_of_the_object() {
    let fixture = Fixture::new();
    let (subnet, address) = reserved(&fixture).await;
    let note = Annotation { hostname: Some("web.example.org".to_owned()), mac: None };
    let annotate = fixture.provider.annotate().expect("objects can be changed");
    for expected in [Annotated::Changed, Annotated::AsItWas] {
        assert_eq!(annotate.annotate(&subnet, address, &note).await.expect("an annotation"), expected);
    }
    let object = fixture.ipam.object("Production", address).expect("an object");
    assert_eq!(object["name"], "ip-192-0-2-17");
    assert_eq!(object["description"], "foreman-ipam-proxy: web.example.org");
}

#[tokio::test]
async fn an_edit_that_is_refused_or_not_there_is_an_error_and_changes_nothing() {
    for (status, body, kind) in [
        (500, "TIMS-0000: The words of TCPWave.", ErrorKind::Rejected),
        (404, "<html>Not Found</html>", ErrorKind::Unexpected),
    ] {
        let fixture = instead("/object/edit", status, body);
        let (subnet, address) = reserved(&fixture).await;
        let before = fixture.ipam.object("Production", address);
        let error = annotate(&fixture, &subnet, address).await.expect_err("it is refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(fixture.ipam.object("Production", address), before);
    }
}
