//! The management API's routes that read, over each product.

use std::collections::BTreeSet;

use ipam_conformance::{Fault, Role, SeededSubnet};
use serde_json::Value;

use crate::support::{Place, Simulated, Vendor, mac, named, subnet};

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("no items: {page}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}")).to_owned()
}

pub(crate) fn the_api_shows_what_the_ipam_has<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).with_api().start();
    let api = proxy.api("reader");
    let get = |target: &str| {
        let response = api.get(&format!("/api/v1{target}"));
        assert_eq!(response.status, 200, "{target}: {}", response.text());
        response.json()
    };
    let groups: BTreeSet<String> = items(&get("/groups")).iter().map(|group| text(group, "name")).collect();
    let expected = ipam.seed.subnets.iter().filter_map(|seeded| seeded.group.as_ref().map(ToString::to_string));
    assert!(groups.is_superset(&expected.collect()), "{groups:?}");
    // A page at a time, all subnets are there, each once.
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&format!("/subnets?limit=3{cursor}"));
        listed.extend(items(&page).iter().map(|subnet| (subnet["group"].clone(), text(subnet, "prefix"))));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let distinct: BTreeSet<String> = listed.iter().map(|(group, prefix)| format!("{group} {prefix}")).collect();
    assert_eq!(distinct.len(), listed.len());
    for seeded in &ipam.seed.subnets {
        is_shown(&ipam, seeded, &listed, &get);
    }
    // Foreman's hold is seen, and is in no other caller's way.
    let (prefix, group) = named(subnet(&ipam.seed, Role::Plain));
    let address = proxy.foreman().next_ip(&prefix, Some(&mac(1)), group).expect("an address");
    let holds = get("/holds");
    assert_eq!((items(&holds).len(), text(&items(&holds)[0], "address")), (1, address));
    proxy.assert_sound();
}

/// The subnet is found, and a taken address of it is reserved, a free one free.
fn is_shown<V: Vendor>(
    ipam: &Simulated<V>,
    seeded: &SeededSubnet,
    listed: &[(Value, String)],
    get: &impl Fn(&str) -> Value,
) {
    let (prefix, group) = named(seeded);
    let found = get(&format!("/subnets?prefix={prefix}"));
    let found = items(&found).iter().find(|found| found["group"].as_str() == group);
    let found = found.unwrap_or_else(|| panic!("no {prefix} in {group:?}"));
    let is_listed = listed.iter().any(|(name, other)| name.as_str() == group && *other == prefix);
    assert!(is_listed, "{prefix} in {group:?}");
    let id = text(found, "id");
    assert_eq!(get(&format!("/subnets/{id}"))["prefix"], prefix);
    if let Some(taken) = seeded.taken.keys().next() {
        assert_eq!(get(&format!("/subnets/{id}/addresses/{taken}"))["state"], "reserved", "{taken} in {prefix}");
    }
    if seeded.taken.len() < 20 && seeded.addresses().any(|address| ipam.records_of(seeded, address).is_empty()) {
        let free = ipam.lowest_free(seeded);
        assert_eq!(get(&format!("/subnets/{id}/addresses/{free}"))["state"], "free", "{free} in {prefix}");
    }
}

pub(crate) fn an_ipam_that_is_gone_is_a_problem_that_says_so<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let proxy = Place::over(&ipam).with_api().start();
    let api = proxy.api("admin");
    ipam.fail(Fault::Gone);
    for target in ["/groups", "/subnets", "/subnets?prefix=10.9.0.0/24", "/subnets/MTAuOS4wLjAvMjQ"] {
        let response = api.get(&format!("/api/v1{target}"));
        let body = response.json();
        assert_eq!((response.status, body["code"].as_str()), (503, Some("ipam_unavailable")), "{target}: {body}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert!(response.header("retry-after").is_some(), "{target}");
    }
    let status = api.get("/api/v1/status").json();
    assert_eq!(status["state"], "trouble", "{status}");
    ipam.heal();
    assert_eq!(api.get("/api/v1/groups").status, 200);
    assert_eq!(api.get("/api/v1/status").json()["state"], "ok");
    proxy.assert_sound();
}
