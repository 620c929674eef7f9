//! Host names and MACs of records that are there: what else is in a record stays.

use std::net::IpAddr;

use ipam_provider::{Annotated, Annotation, ErrorKind, Requester, Result, Subnet};
use ipam_simulators::Response;
use ipam_simulators::bluecat::Site;
use serde_json::{Value, json};

use super::{APIS, MAC, instead, ip};
use crate::site::{FIELD, Fixture};

const PLACES: [(&str, &str); 2] = [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::9")];

fn note() -> Annotation {
    Annotation { hostname: Some("web.example.com".to_owned()), mac: Some(MAC.parse().expect("a MAC")) }
}

async fn annotate(fixture: &Fixture, subnet: &Subnet, address: IpAddr) -> Result<Annotated> {
    fixture.provider.annotate().expect("records can be changed").annotate(subnet, address, &note()).await
}

/// A record of ours without name and MAC.
async fn reserved(fixture: &Fixture, prefix: &str, address: &str) -> (Subnet, IpAddr) {
    let (subnet, address) = (fixture.subnet("Production", prefix).await, ip(address));
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    fixture.requests();
    (subnet, address)
}

#[tokio::test]
async fn a_field_of_others_stays_as_it_is() {
    for api in APIS {
        let fixture = Fixture::new(api);
        for (prefix, address) in PLACES {
            let (subnet, address) = reserved(&fixture, prefix, address).await;
            let text = r"a\b|c=d 'e' ü";
            fixture.ipam.set_field("Production", address, "owner", text);
            let mut expected = fixture.ipam.record("Production", address).expect("a record");
            assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::Changed);
            assert_eq!(fixture.requests().len(), 3, "{api}: a look, the whole record, and the change");

            let record = fixture.ipam.record("Production", address).expect("a record");
            assert_eq!(record["macAddress"]["address"], "02-00-5E-00-53-AA", "{api}");
            expected["macAddress"] = record["macAddress"].clone();
            expected["name"] = "web.example.com".into();
            expected["userDefinedFields"][FIELD] = format!("foreman-ipam-proxy: web.example.com {MAC}").into();
            assert_eq!(record, expected, "{api}");
        }
    }
}

#[tokio::test]
async fn a_mac_that_cannot_be_changed_does_not_cost_the_host_its_name() {
    for api in APIS {
        let site = Site { field: Some(FIELD.to_owned()), changes_macs: false, ..Site::default() };
        let fixture = Fixture::at(site, json!({"api": api}), |ipam| ipam);
        let (subnet, address) = reserved(&fixture, PLACES[0].0, PLACES[0].1).await;
        assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::Changed, "{api}");
        let record = fixture.ipam.record("Production", address).expect("a record");
        assert_eq!((&record["name"], &record["macAddress"]), (&json!("web.example.com"), &Value::Null), "{api}");
        assert_eq!(annotate(&fixture, &subnet, address).await.expect("an annotation"), Annotated::AsItWas, "{api}");
    }
}

#[tokio::test]
async fn a_record_that_goes_meanwhile_is_absent_and_any_other_refusal_is_an_error() {
    let refusal = |status: u16, code: &str| Response::json(status, &json!({"status": status, "code": code}));
    let gone =
        instead("v2", json!({}), move |request| (request.method == "PUT").then(|| refusal(404, "ResourceNotFound")));
    let (subnet, address) = reserved(&gone, PLACES[0].0, PLACES[0].1).await;
    assert_eq!(annotate(&gone, &subnet, address).await.expect("an answer"), Annotated::Absent);

    let refused = |request: &ipam_simulators::Request| {
        let text = json!("The rules of this site forbid it");
        (request.method == "PUT").then(|| match request.path.starts_with("/api/v2") {
            true => Response::json(400, &json!({"status": 400, "code": "InvalidResourceFieldValue"})),
            false => Response::json(500, &text),
        })
    };
    for api in APIS {
        let fixture = instead(api, json!({}), refused);
        let (subnet, address) = reserved(&fixture, PLACES[0].0, PLACES[0].1).await;
        let error = annotate(&fixture, &subnet, address).await.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{api}: {error}");
    }
}
