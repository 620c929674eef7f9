//! Host records: names, zones, several addresses.

use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::infoblox::{Infoblox as Simulated, Site};
use ipam_simulators::{Ipam, Request};
use serde_json::{Value, json};

use super::{MAC, host, ip};
use crate::site::Fixture;

/// With names in DNS, in a zone of a DNS view of the network view.
fn in_dns() -> Fixture {
    let fixture = Fixture::with(json!({
        "record_type": "host", "configure_for_dns": true, "dns_view": "internal", "zone": "example.com",
    }));
    fixture.ipam.add_zone("Production", "internal", "example.com");
    fixture
}

/// Another user's request past the proxy.
fn create(ipam: &Simulated, body: &Value) {
    let headers = [("content-type", "application/json"), ("authorization", "Basic YWRtaW46aW5mb2Jsb3g=")];
    let answer = ipam.answer(&Request {
        method: "POST".to_owned(),
        path: "/wapi/v2.7/record:host".to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.to_string().into_bytes(),
    });
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
}

#[tokio::test]
async fn a_name_is_put_into_its_zone_and_one_is_made_up_where_none_is_known() {
    let fixture = in_dns();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    for (address, by, name, known) in [
        ("192.0.2.17", host("Web"), "web.example.com", Some("web.example.com")),
        ("192.0.2.18", Requester { mac: None, ..host("db.example.com") }, "db.example.com", Some("db.example.com")),
        ("192.0.2.19", Requester::default(), "ip-192-0-2-19.example.com", None),
        // There is no zone for it.
        ("192.0.2.20", Requester { mac: None, ..host("web.example.org") }, "ip-192-0-2-20.example.com", None),
        ("192.0.2.21", Requester { mac: None, ..host("zürich") }, "ip-192-0-2-21.example.com", None),
    ] {
        fixture.provider.reserve(&subnet, ip(address), &by).await.expect("a reservation");
        let record = fixture.ipam.record("Production", ip(address)).expect("a record");
        assert_eq!((&record["name"], &record["view"]), (&json!(name), &json!("internal")), "{address}");
        assert_eq!(record["ipv4addrs"][0]["configure_for_dhcp"], true, "it keeps others off");
        let reservation =
            fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer").expect("a record");
        assert_eq!(reservation.hostname.as_deref(), known, "{address}");
    }
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_named_as_a_setting() {
    let fixture = Fixture::with(json!({
        "record_type": "host", "configure_for_dns": true, "dns_view": "default", "zone": "example.net",
    }));
    fixture.ipam.add_network("default", "10.9.0.0/24", "");
    let subnet = fixture.subnet("default", "10.9.0.0/24").await;
    let error = fixture.provider.reserve(&subnet, ip("10.9.0.1"), &host("web")).await.expect_err("no zone");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("zone and dns_view"), "{error}");
}

/// A host with an address of each family is one record.
#[tokio::test]
async fn a_second_address_of_a_host_joins_its_record() {
    let fixture = in_dns();
    let (ipv4, ipv6) =
        (fixture.subnet("Production", "192.0.2.16/28").await, fixture.subnet("Production", "2001:db8:1::/64").await);
    let by = host("web.example.com");
    fixture.provider.reserve(&ipv4, ip("192.0.2.17"), &by).await.expect("a reservation");
    fixture.provider.reserve(&ipv6, ip("2001:db8:1::21"), &by).await.expect("a reservation");
    let record = fixture.ipam.record("Production", ip("192.0.2.17")).expect("a record");
    assert_eq!(record["ipv6addrs"][0]["duid"], format!("00:03:00:01:{MAC}"));
    let second = fixture.provider.reservation(&ipv6, ip("2001:db8:1::21")).await.expect("an answer").expect("a record");
    assert_eq!((second.mac, second.hostname.as_deref()), (MAC.parse().ok(), Some("web.example.com")));

    assert!(fixture.provider.release(&ipv4, ip("192.0.2.17")).await.expect("a release").is_removed());
    let record = fixture.ipam.record("Production", ip("2001:db8:1::21")).expect("the other address stays");
    assert!(record["ipv4addrs"].is_null() && record["name"] == "web.example.com", "{record}");
    assert_eq!(fixture.provider.release(&ipv4, ip("192.0.2.17")).await.expect("none"), Released::WasAbsent);
    assert!(fixture.provider.release(&ipv6, ip("2001:db8:1::21")).await.expect("a release").is_removed());
    assert_eq!(fixture.ipam.record("Production", ip("2001:db8:1::21")), None);
}

#[tokio::test]
async fn a_record_of_another_writer_with_the_name_is_left_alone() {
    let fixture = in_dns();
    create(
        &fixture.ipam,
        &json!({
            "name": "web.example.com", "view": "internal", "ipv4addrs": [{"ipv4addr": "192.0.2.30", "mac": MAC}],
        }),
    );
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web.example.com")).await.expect("a reservation");
    let other = fixture.ipam.record("Production", ip("192.0.2.30")).expect("a record");
    assert_eq!(other["ipv4addrs"].as_array().map(Vec::len), Some(1));
    let ours = fixture.ipam.record("Production", ip("192.0.2.17")).expect("a record");
    assert_eq!(ours["name"], "ip-192-0-2-17.example.com");
}

#[tokio::test]
async fn an_address_leaves_a_host_record_of_several_and_the_record_stays() {
    for settings in [json!({}), json!({"record_type": "host"})] {
        let fixture = Fixture::at(Site::default(), settings, |ipam| ipam);
        create(
            &fixture.ipam,
            &json!({
                "name": "web", "network_view": "Production", "configure_for_dns": false,
                "ipv4addrs": [{"ipv4addr": "192.0.2.17", "mac": MAC}, {"ipv4addr": "192.0.2.50"}],
            }),
        );
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let reservation = fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer");
        assert_eq!(reservation.expect("a record").hostname.as_deref(), Some("web"));
        assert!(fixture.provider.release(&subnet, ip("192.0.2.17")).await.expect("a release").is_removed());
        let left = fixture.ipam.record("Production", ip("192.0.2.50")).expect("the record stays");
        assert_eq!(left["ipv4addrs"].as_array().map(Vec::len), Some(1));
    }
}
