//! What is recorded of an address.

use std::net::IpAddr;

use ipam_provider::ErrorKind;
use ipam_simulators::nautobot::Nautobot as Simulated;
use serde_json::json;

use super::{MAC, host, ip};
use crate::site::Fixture;

#[tokio::test]
async fn the_settings_decide_what_is_recorded() {
    let fixture = Fixture::with(json!({
        "status": "Reserved", "description": "{hostname} in {group}", "tags": ["foreman"], "tenant": "Lab",
    }));
    fixture.ipam.add_tag("foreman");
    fixture.ipam.add_tenant("Lab");
    for permission in ["view extras.tag", "view tenancy.tenant"] {
        fixture.ipam.grant(Simulated::TOKEN, permission);
    }
    let subnet = fixture.subnet("Zone A", "203.0.113.0/28").await;
    fixture.provider.reserve(&subnet, ip("203.0.113.1"), &host("Web.example.com")).await.expect("a reservation");
    let record = fixture.ipam.record("Zone A", ip("203.0.113.1")).expect("a record");
    assert_eq!(record["status"]["name"], "Reserved");
    assert_eq!(record["description"], "foreman-ipam-proxy: Web.example.com in Zone A");
    assert_eq!(record["dns_name"], "web.example.com");
    assert_eq!(record["custom_fields"]["mac_address"], MAC);
    assert!(record["tags"][0]["id"].is_string() && record["tenant"]["id"].is_string(), "{record}");
    for probe in fixture.provider.probe().await {
        assert!(probe.outcome.is_ok(), "{probe:?}");
    }
}

#[tokio::test]
async fn a_value_that_nautobot_would_refuse_costs_nobody_a_host() {
    let fixture = Fixture::with(json!({"description": format!("{} {{hostname}}", "x".repeat(300))}));
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    let names = ["*.example.com", "a b", "zürich.example.com", "a\0b", "line\nbreak", &"a".repeat(300), "-", "\u{7f}"];
    for (address, hostname) in (1..).zip(names) {
        let (address, by) = (IpAddr::from([198, 18, 0, address]), host(hostname));
        fixture.provider.reserve(&subnet, address, &by).await.unwrap_or_else(|error| panic!("{hostname:?}: {error}"));
        let record = fixture.ipam.record("Production", address).expect("a record");
        let description = record["description"].as_str().expect("a text");
        assert_eq!(description.chars().count(), 255);
        assert!(description.starts_with("foreman-ipam-proxy: x"), "{description}");
        let found = fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("it is taken");
        assert!(found.ours);
        assert_eq!(found.hostname, Some(hostname.to_owned()).filter(|_| hostname == "-"));
    }
}

#[tokio::test]
async fn a_setting_that_nautobot_refuses_is_named() {
    for (setting, word) in [
        (json!({"status": "active"}), "status"),
        (json!({"tags": ["nope"]}), "tags"),
        (json!({"tenant": "Nope"}), "tenant"),
    ] {
        let fixture = Fixture::with(setting);
        let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
        let error = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        assert!(error.to_string().contains(word) && error.to_string().contains("settings"), "{error}");
        assert_eq!(fixture.ipam.record("Production", ip("192.0.2.17")), None);
    }
}

#[tokio::test]
async fn a_custom_field_that_nautobot_does_not_know_costs_nobody_a_host_and_is_found_by_a_probe() {
    let fixture = Fixture::with(json!({"mac_field": "nope", "custom_fields": {"none": "x"}}));
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
    let record = fixture.ipam.record("Production", ip("192.0.2.17")).expect("a record");
    assert_eq!(record["custom_fields"], json!({"mac_address": null}), "Nautobot drops the field without a word");
    let failed: Vec<_> = fixture.provider.probe().await.into_iter().filter(|probe| probe.outcome.is_err()).collect();
    let named: Vec<&str> = failed.iter().map(|probe| probe.what.as_str()).collect();
    assert_eq!(named, ["nope", "none"].map(|key| format!("the custom field {key} can be given to addresses")));
}
