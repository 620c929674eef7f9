//! Organizations and subnets: how they are found, and when they are not there.

use std::sync::Arc;

use ipam_provider::{Error, ErrorKind, Provider, Requester, Subnet};
use ipam_simulators::tcpwave::{Site, Tcpwave as Simulated};
use proptest::prelude::*;
use serde_json::json;

use super::{host, instead, ip, name};
use crate::site::Fixture;

async fn find(fixture: &Fixture, prefix: &str, group: Option<&str>) -> Result<Vec<Subnet>, Error> {
    fixture.provider.find_subnets(prefix.parse().expect("a prefix"), group.map(name).as_ref()).await
}

#[tokio::test]
async fn ipv6_is_unsupported_and_says_so() {
    let fixture = Fixture::new();
    assert!(!fixture.provider.capabilities().ipv6);
    for group in [None, Some("Production")] {
        let error = find(&fixture, "2001:db8::/64", group).await.expect_err("IPv6");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().starts_with("IPv6 is not supported with TCPWave"), "{error}");
    }
    assert_eq!(fixture.provider.own_records(ip("2001:db8::1")).await.expect("there can be none"), []);
    assert!(fixture.server.take_requests().is_empty());
}

#[tokio::test]
async fn a_network_is_no_subnet() {
    for site in [Site::default(), crate::site::awkward()] {
        let tcpwave = Simulated::empty(site);
        tcpwave.add_organization("Lab", "");
        tcpwave.add_network("Lab", "10.1.0.0/16", "lab");
        tcpwave.add_subnet("Lab", "10.1.0.0/24", "");
        let fixture = Fixture::over(tcpwave, json!({}), |ipam| ipam);
        assert_eq!(find(&fixture, "10.1.0.0/16", Some("Lab")).await.expect("an answer"), []);
        assert_eq!(find(&fixture, "10.1.0.0/16", None).await.expect("an answer"), []);
        assert_eq!(find(&fixture, "10.1.0.0/24", None).await.expect("an answer").len(), 1);
    }
}

/// Which text means "not there" is not known.
#[tokio::test]
async fn a_refusal_does_not_hide_a_subnet_that_is_listed() {
    let fixture = instead("/subnet/getSubnetData", 500, "TIMS-0000: The database is locked.");
    let found = find(&fixture, "192.0.2.0/28", Some("Production")).await.expect("an answer");
    assert_eq!(found.len(), 1);
    assert_eq!(find(&fixture, "192.0.2.0/27", Some("Production")).await.expect("an answer"), []);
    assert_eq!(find(&fixture, "192.0.2.0/28", Some("Unused")).await.expect("an answer"), []);
    assert_eq!(find(&fixture, "198.51.100.0/28", None).await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn trouble_of_the_look_up_is_no_absent_subnet() {
    let fixture = instead("/subnet/getSubnetData", 500, "<html>words</html>");
    for group in [None, Some("Production")] {
        let error = find(&fixture, "192.0.2.0/28", group).await.expect_err("trouble");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test]
async fn a_look_up_without_an_organization_asks_those_with_a_network_around() {
    let fixture = Fixture::new();
    assert_eq!(find(&fixture, "198.51.100.0/28", None).await.expect("an answer").len(), 2);
    let paths: Vec<String> = fixture.server.take_requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.iter().filter(|path| path.ends_with("/network/paged")).count(), 1, "{paths:?}");
    assert_eq!(paths.iter().filter(|path| path.ends_with("/subnet/getSubnetData")).count(), 3, "{paths:?}");
}

#[tokio::test]
async fn a_subnet_without_its_organization_in_the_answer_is_of_one_that_exists() {
    let body = r#"{"id": 7, "fullAddress": "192.0.2.0", "mask_length": "28"}"#;
    let fixture = instead("/subnet/getSubnetData", 200, body);
    assert_eq!(find(&fixture, "192.0.2.0/28", Some("Production")).await.expect("an answer").len(), 1);
    assert_eq!(find(&fixture, "192.0.2.0/28", Some("production")).await.expect("an answer"), []);
}

#[tokio::test]
async fn an_organization_that_was_renamed_is_gone_and_its_records_are_found() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = ip("192.0.2.17");
    fixture.provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
    fixture.ipam.rename_organization("Production", "Works");
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.18"), &Requester::default()).await;
    // Without an organization TCPWave cannot say whether an address is taken.
    refused.expect_err("it is gone");
    let own = fixture.provider.own_records(address).await.expect("records");
    assert_eq!(own.into_iter().map(|record| record.place).collect::<Vec<_>>(), ["organization Works"]);
}

#[tokio::test]
async fn ten_thousand_subnets_are_listed_and_one_is_found_at_once() {
    let tcpwave = Simulated::empty(Site::default());
    tcpwave.add_organization("Lab", "");
    tcpwave.add_network("Lab", "10.0.0.0/8", "lab");
    for number in 0..10_000_u32 {
        tcpwave.add_subnet("Lab", &format!("10.{}.{}.0/24", number / 256, number % 256), "");
    }
    let fixture = Fixture::over(tcpwave, json!({}), |ipam| ipam);
    let listed = fixture.provider.subnets(Some(&name("Lab"))).await.expect("subnets");
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted_by(|a, b| a.prefix < b.prefix));
    assert_eq!(fixture.server.take_requests().len(), 1 + 10_000_usize.div_ceil(256));
    assert_eq!(find(&fixture, "10.39.15.0/24", Some("Lab")).await.expect("an answer"), [listed[9999].clone()]);
    assert_eq!(fixture.server.take_requests().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Quotes, `%`, `_`, `*`, `&` and other letters: one organization is found by its name, and no other one.
    #[test]
    fn names_arrive_as_they_are(text in "[ -~äöüß€一\u{1f600}]{1,30}") {
        prop_assume!(ipam_provider::GroupName::new(text.clone()).is_some_and(|name| name.as_str() == text));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tcpwave = Simulated::empty(Site::default());
        for name in [text.clone(), format!("{text}x"), "%".repeat(31), "*".repeat(32)] {
            tcpwave.add_organization(&name, "");
            tcpwave.add_subnet(&name, "192.0.2.0/28", &name);
        }
        let fixture = Fixture::over(tcpwave, json!({}), |ipam| ipam);
        runtime.block_on(async {
            let provider: &Arc<dyn Provider> = &fixture.provider;
            let subnet = fixture.subnet(&text, "192.0.2.0/28").await;
            assert_eq!(subnet.description, text);
            let address = ip("192.0.2.1");
            provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
            assert!(provider.reservation(&subnet, address).await.expect("an answer").is_some());
            assert_eq!(provider.own_records(address).await.expect("records").len(), 1);
            assert!(provider.release(&subnet, address).await.expect("a release").is_removed());
        });
    }
}
