//! Host records, and deployments in the background.

use std::time::Duration;

use ipam_provider::Requester;
use ipam_simulators::Response;
use serde_json::json;

use super::access::wait;
use super::{APIS, host, instead, ip};
use crate::site::Fixture;

const CONFIGURATION: &str = "Production";

/// With the zone `lab.example.com`, whose id comes second.
fn with_zone(api: &str, deploy: &str) -> (Fixture, u64) {
    let settings = json!({
        "configuration": CONFIGURATION, "view": "internal", "zone": "lab.example.com", "deploy": deploy,
    });
    let fixture = Fixture::with(api, settings);
    let zone = fixture.ipam.add_zone(CONFIGURATION, "internal", "lab.example.com");
    fixture.ipam.add_zone(CONFIGURATION, "external", "lab.example.com");
    (fixture, zone)
}

#[tokio::test]
async fn a_host_of_the_zone_has_a_host_record_for_as_long_as_its_address() {
    for api in APIS {
        let (fixture, _) = with_zone(api, "never");
        for (prefix, address) in [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::9")] {
            let (subnet, address) = (fixture.subnet(CONFIGURATION, prefix).await, ip(address));
            fixture.provider.reserve(&subnet, address, &host("Web.lab.example.com")).await.expect("a reservation");
            let expected = ("web.lab.example.com".to_owned(), vec![address], true);
            assert_eq!(fixture.ipam.hosts(), [expected], "{api}");
            assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
            assert_eq!(fixture.ipam.hosts(), [], "{api}");
        }
    }
}

#[tokio::test]
async fn a_host_without_a_name_of_the_zone_costs_no_record() {
    for api in APIS {
        let (fixture, _) = with_zone(api, "never");
        let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
        for (address, by) in [
            ("192.0.2.17", Requester::default()),
            ("192.0.2.18", host("web.example.org")),
            ("192.0.2.19", host("*.lab.example.com")),
        ] {
            fixture.provider.reserve(&subnet, ip(address), &by).await.expect("a reservation");
        }
        assert_eq!(fixture.ipam.hosts(), [], "{api}");
    }
}

#[tokio::test]
async fn a_host_record_that_cannot_be_made_costs_nobody_a_host() {
    for api in APIS {
        let (fixture, _) = with_zone(api, "never");
        let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
        for address in ["192.0.2.17", "192.0.2.18"] {
            fixture.provider.reserve(&subnet, ip(address), &host("web")).await.expect("a reservation");
        }
        assert_eq!(fixture.ipam.hosts().len(), 1, "{api}: the second has the name of the first");
        // The record of the first stays where the second is deleted.
        fixture.provider.release(&subnet, ip("192.0.2.18")).await.expect("a release");
        assert_eq!(fixture.ipam.hosts().len(), 1, "{api}");
    }
}

#[tokio::test]
async fn a_host_record_with_another_address_stays() {
    for api in APIS {
        let (fixture, _) = with_zone(api, "never");
        let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
        let (first, second) = (ip("192.0.2.17"), ip("192.0.2.18"));
        fixture.provider.reserve(&subnet, first, &host("web")).await.expect("a reservation");
        fixture.ipam.take(CONFIGURATION, second);
        fixture.ipam.link_host("web.lab.example.com", CONFIGURATION, second);
        fixture.provider.release(&subnet, first).await.expect("a release");
        assert_eq!(fixture.ipam.hosts(), [("web.lab.example.com".to_owned(), vec![second], true)], "{api}");
    }
}

/// Whether v1 shows the addresses of a linked record each time is not known.
#[tokio::test]
async fn a_host_record_that_does_not_show_its_addresses_stays() {
    let settings = json!({"configuration": CONFIGURATION, "view": "internal", "zone": "lab.example.com"});
    let fixture = instead("v1", settings, |request| {
        let row = json!([{
            "id": 77, "name": "web", "type": "HostRecord", "properties": "absoluteName=web.lab.example.com|",
        }]);
        request.path.ends_with("/getLinkedEntities").then(|| Response::json(200, &row))
    });
    let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web.example.org")).await.expect("a reservation");
    fixture.server.take_requests();
    fixture.provider.release(&subnet, ip("192.0.2.17")).await.expect("a release");
    let deletes = fixture.requests().iter().filter(|request| request.starts_with("DELETE")).count();
    assert_eq!(deletes, 1, "of the address only");
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_said_by_the_check() {
    for api in APIS {
        let settings = json!({"configuration": CONFIGURATION, "view": "Internal", "zone": "lab.example.com"});
        let fixture = Fixture::with(api, settings);
        fixture.ipam.add_zone(CONFIGURATION, "internal", "lab.example.com");
        let probes = fixture.provider.probe().await;
        let failed: Vec<String> =
            probes.iter().filter_map(|probe| Some(probe.outcome.as_ref().err()?.to_string())).collect();
        assert_eq!(failed.len(), 1, "{api}: {probes:?}");
        assert!(failed[0].contains("no zone lab.example.com in the view Internal"), "{failed:?}");
    }
}

/// The deployments that are there in the end, within a bound that a busy machine keeps.
async fn deployed(fixture: &Fixture, count: usize) -> Vec<u64> {
    let mut deployed = Vec::new();
    for _ in 0..500 {
        deployed.extend(fixture.ipam.take_deployed());
        if deployed.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    deployed
}

#[tokio::test]
async fn changes_are_deployed_together_and_in_the_background() {
    for api in APIS {
        let (fixture, zone) = with_zone(api, "quick");
        let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
        let network: u64 = subnet.id.as_str().parse().expect("a number");
        for (number, address) in ["192.0.2.17", "192.0.2.18", "192.0.2.19"].into_iter().enumerate() {
            let by = host(&format!("web-{number}"));
            fixture.provider.reserve(&subnet, ip(address), &by).await.expect("a reservation");
        }
        assert_eq!(fixture.ipam.take_deployed(), [0; 0], "{api}: no request waits for it");
        wait(Duration::from_secs(6)).await;
        let mut expected = vec![network, zone];
        expected.sort_unstable();
        let mut found = deployed(&fixture, 2).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{api}: each once");
        fixture.provider.release(&subnet, ip("192.0.2.17")).await.expect("a release");
        wait(Duration::from_secs(6)).await;
        assert_eq!(deployed(&fixture, 2).await.len(), 2, "{api}: and again after the next change");
    }
}

#[tokio::test]
async fn nothing_is_deployed_unless_the_settings_say_so() {
    for api in APIS {
        let (fixture, _) = with_zone(api, "never");
        let subnet = fixture.subnet(CONFIGURATION, "192.0.2.16/28").await;
        fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
        wait(Duration::from_secs(60)).await;
        assert_eq!(fixture.ipam.take_deployed(), [0; 0], "{api}");
    }
}
