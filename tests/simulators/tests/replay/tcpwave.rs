//! TCPWave, asked by its vendor's own client, tcpwave-client 1.0.2, as captured. Its requests must be taken; the
//! answers of the capture were written for the client, so that of them only the shapes are compared. Then what no
//! library asks: the requests of the vendor's OpenStack listener and playbooks.

use std::path::Path;

use ipam_simulators::replay::{captured, differences};
use ipam_simulators::tcpwave::{Site, Tcpwave};
use ipam_simulators::tls::CLIENT;
use ipam_simulators::{Ipam, Request, Response};
use serde_json::{Value, json};

/// The server that the client was made to believe in.
fn tcpwave() -> Tcpwave {
    let tcpwave = Tcpwave::empty(Site::default());
    tcpwave.add_organization("Internal", "");
    tcpwave.add_network("Internal", "192.0.0.0/16", "net");
    let subnet = new_subnet("192.0.2.0/24", "192.0.2.1");
    assert_eq!(ask(&tcpwave, "POST", "subnet/add", &subnet).status, 201);
    tcpwave.take("Internal", [192, 0, 2, 10].into());
    tcpwave
}

/// As the OpenStack listener writes it.
fn new_subnet(prefix: &str, router: &str) -> Value {
    let (address, length) = prefix.split_once('/').expect("a prefix");
    let octets: Vec<&str> = address.split('.').collect();
    json!({
        "addr1": octets[0], "addr2": octets[1], "addr3": octets[2], "addr4": octets[3], "mask_length": length,
        "name": "sub-a", "routerAddress": router, "organization_name": "Internal", "network_address": "192.0.0.0",
        "primary_domain": "example.com", "description": "Added by Openstack neutron listener.",
    })
}

/// A request with the session token.
fn ask(tcpwave: &Tcpwave, method: &str, target: &str, body: &Value) -> Response {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = [("tims-session-token", Tcpwave::TOKEN), ("content-type", "application/json")];
    tcpwave.answer(&Request {
        method: method.to_owned(),
        path: format!("/tims/rest/{path}"),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    })
}

fn said(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn every_request_of_the_vendors_client_is_taken() {
    let tcpwave = tcpwave();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tcpwave/tcpwave-client-1.0.2.json");
    let recordings = captured(&file);
    assert_eq!(recordings.len(), 9);
    let mut found = Vec::new();
    for recording in &recordings {
        let different = differences(&tcpwave, recording);
        found.extend(different.into_iter().map(|difference| format!("{}: {difference}", recording.name)));
    }
    assert!(found.is_empty(), "{found:#?}");
    let mut stranger = recordings[0].clone();
    stranger.request.headers.retain(|(name, _)| name != CLIENT);
    assert_eq!(tcpwave.answer(&stranger.request).status, 401, "without the certificate");
}

#[test]
fn the_playbooks_find_add_and_delete() {
    let tcpwave = tcpwave();
    let target = "object/nextfreeip?subnet_address=192.0.2.0&organization_name=Internal";
    let ranges: Value = serde_json::from_slice(&ask(&tcpwave, "GET", target, &Value::Null).body).expect("JSON");
    assert_eq!(ranges[0], json!({"startIp": "192.0.2.2", "endIp": "192.0.2.9"}));
    let object = json!({
        "name": "AnsibleIPAM", "class_code": "TCPWave IPAM", "alloc_type": "1", "ttl": "1200", "addr1": "192",
        "addr2": "0", "addr3": "2", "addr4": "3", "subnet_address": "192.0.2.0", "domain_name": "example.com",
        "update_ns_a": true, "update_ns_ptr": true, "dyn_update_rrs_a": true, "dyn_update_rrs_ptr": true,
        "dyn_update_rrs_cname": true, "dyn_update_rrs_mx": true, "organization_name": "Internal",
    });
    assert_eq!(ask(&tcpwave, "POST", "object/add", &object).status, 200);
    assert!(tcpwave.resource_records("Internal").contains(&"AnsibleIPAM.example.com. A 192.0.2.3".to_owned()));
    let again = ask(&tcpwave, "POST", "object/add", &object);
    assert!(again.status == 500 && said(&again).starts_with("TIMS-"), "{}", said(&again));
    let delete = json!({"addressArray": ["192.0.2.3"], "isDeleterrsChecked": 1, "organization_name": "Internal"});
    assert_eq!(ask(&tcpwave, "POST", "object/delete-multiple", &delete).status, 200);
    assert!(!tcpwave.resource_records("Internal").iter().any(|record| record.contains("AnsibleIPAM")));
}

#[test]
fn the_openstack_listener_finds_subnets_and_changes_subnets_and_records() {
    let tcpwave = tcpwave();
    let find = |address: &str| {
        let target = format!("object/getSubnetByObjectIP?address={address}&organization=Internal");
        ask(&tcpwave, "GET", &target, &Value::Null)
    };
    let found: Value = serde_json::from_slice(&find("192.0.2.77").body).expect("JSON");
    assert_eq!((&found["fullAddress"], &found["mask_length"]), (&json!("192.0.2.0"), &json!(24)));
    assert_eq!(find("192.0.3.77").status, 500, "there is no subnet");

    let clash = ask(&tcpwave, "POST", "subnet/add", &new_subnet("192.0.2.128/25", "192.0.2.129"));
    assert!(said(&clash).starts_with("TIMS-2011: "), "{}", said(&clash));
    let elsewhere = ask(&tcpwave, "POST", "subnet/add", &new_subnet("198.51.100.0/24", "198.51.100.1"));
    assert!(said(&elsewhere).starts_with("TIMS-2024: "), "{}", said(&elsewhere));
    let network = json!({
        "addr1": "192", "addr2": "0", "addr3": "0", "addr4": "0", "mask_length": 12, "address": "192.0.0.0",
        "organization_name": "Internal", "name": "again",
    });
    let clash = ask(&tcpwave, "POST", "network/add", &network);
    assert!(said(&clash).starts_with("TIMS-2007: "), "{}", said(&clash));

    let record = |owner: &str| {
        json!({
            "organization_name": "Internal", "rrtype": "A", "rrclass": "IN", "zoneName": "example.com", "owner": owner,
            "data": "198.51.100.7", "ttl": 1200, "description": "Added by Openstack neutron listener.",
        })
    };
    assert_eq!(ask(&tcpwave, "POST", "zone/rr/add", &record("web")).status, 204);
    assert_eq!(ask(&tcpwave, "POST", "zone/rr/add", &record("web")).status, 500, "it is there");
    assert!(tcpwave.resource_records("Internal").contains(&"web.example.com. A 198.51.100.7".to_owned()));
    assert_eq!(ask(&tcpwave, "POST", "zone/rr/delete", &record("web.example.com.")).status, 204);
    assert_eq!(ask(&tcpwave, "POST", "zone/rr/delete", &record("web.example.com.")).status, 500, "it is gone");

    let delete = json!({"organizationName": "Internal", "isDeleterrsChecked": 0, "addressList": ["192.0.2.0/24"]});
    assert_eq!(ask(&tcpwave, "POST", "subnet/delete", &delete).status, 200);
    assert_eq!(find("192.0.2.77").status, 500);
    assert_eq!(tcpwave.object("Internal", [192, 0, 2, 10].into()), None, "its objects are gone too");
    let delete = json!({"id": "", "address": "192.0.0.0", "organization_name": "Internal"});
    assert_eq!(ask(&tcpwave, "POST", "network/delete", &delete).status, 200);
}
