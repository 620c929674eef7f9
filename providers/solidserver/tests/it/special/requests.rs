//! What is asked of SOLIDserver, and what is not.

use ipam_provider_solidserver::REGISTRATION;
use ipam_simulators::solidserver::Site;
use serde_json::json;

use super::{free, host, ip, name};
use crate::site::{Fixture, provider, user};

/// Parameters of the recorded lists and those that EfficientIP's own clients send.
const KNOWN: [&str; 20] = [
    "WHERE",
    "ORDERBY",
    "limit",
    "offset",
    "subnet_id",
    "subnet6_id",
    "max_find",
    "begin_addr",
    "site_id",
    "hostaddr",
    "name",
    "ip6_name",
    "mac_addr",
    "ip6_mac_addr",
    "ip_class_parameters",
    "ip6_class_parameters",
    "ip_class_name",
    "ip6_class_name",
    "add_flag",
    "ip_id",
];

#[tokio::test]
async fn only_parameters_that_are_known_are_sent_and_all_of_them_in_the_query() {
    let fixture = Fixture::with(json!({"class_name": "foreman"}));
    let provider = &fixture.provider;
    provider.groups().await.expect("groups");
    provider.subnets(Some(&name("Production"))).await.expect("subnets");
    for (prefix, address) in [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::9")] {
        let subnet = fixture.subnet("Production", prefix).await;
        provider.reserve(&subnet, ip(address), &host("web.example.com")).await.expect("a reservation");
        provider.reservation(&subnet, ip(address)).await.expect("an answer");
        free(provider, &subnet, 500).await.expect("free addresses");
        provider.release(&subnet, ip(address)).await.expect("a release");
    }
    assert!(provider.probe().await.iter().all(|probe| probe.outcome.is_ok()));
    for request in fixture.server.take_requests() {
        assert!(request.body.is_empty(), "{}", request.path);
        let expected = if request.path.contains("find_free") { "/rpc/" } else { "/rest/" };
        assert!(request.path.starts_with(expected), "{}", request.path);
        for (parameter, value) in request.parameters() {
            assert!(KNOWN.contains(&parameter.as_str()) || parameter == "ip6_id", "{parameter}");
            assert!(!value.is_empty(), "{parameter} without a value");
        }
        if request.method == "POST" {
            assert_eq!(request.parameter("add_flag").as_deref(), Some("new_only"), "{}", request.path);
        }
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_end_whatever_the_size_of_its_pages() {
    for page_at_most in [5, 7, 8, 1000] {
        let fixture = Fixture::at(Site { page_at_most, ..Site::default() }, json!({}), |ipam| ipam);
        assert_eq!(fixture.provider.groups().await.expect("groups").len(), 8, "{page_at_most}");
    }
}

#[tokio::test]
async fn building_does_no_network() {
    let fixture = Fixture::new();
    let mut settings = user();
    settings["url"] = fixture.server.url().into();
    provider(settings);
    assert_eq!((REGISTRATION.name, fixture.server.take_requests().len()), ("solidserver", 0));
}

#[tokio::test]
async fn what_is_done_with_a_subnet_that_was_looked_up_costs_one_request_and_a_delete_two() {
    let fixture = Fixture::new();
    let provider = &fixture.provider;
    for (prefix, address) in [("198.18.0.0/24", "198.18.0.1"), ("2001:db8:1::/64", "2001:db8:1::9")] {
        let asked = || fixture.server.take_requests().len();
        asked();
        let subnet = fixture.subnet("Production", prefix).await;
        let address = ip(address);
        assert_eq!(asked(), 1, "a look-up");
        free(provider, &subnet, 16).await.expect("free addresses");
        assert_eq!(asked(), 1, "free addresses");
        provider.reservation(&subnet, address).await.expect("an answer");
        assert_eq!(asked(), 1, "a look at an address");
        provider.reserve(&subnet, address, &host("web")).await.expect("a reservation");
        assert_eq!(asked(), 1, "a reservation");
        provider.reserve(&subnet, address, &host("web")).await.expect_err("it is taken");
        assert_eq!(asked(), 2, "a refused reservation, and the look whether the address is taken");
        provider.own_records(address).await.expect("records");
        assert_eq!(asked(), 1, "own records");
        provider.release(&subnet, address).await.expect("a release");
        assert_eq!(asked(), 2, "the id of the address, and its end");
    }
}
