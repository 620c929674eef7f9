//! Blocks, networks that hold networks, templates, and very many networks.

use ipam_provider::ErrorKind;
use ipam_simulators::solidserver::Site;
use serde_json::json;

use super::{free, host, ip, name};
use crate::site::{Fixture, awkward};

#[tokio::test]
async fn blocks_and_networks_that_hold_networks_are_no_subnets() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let before = fixture.provider.subnets(Some(&name("Production"))).await.expect("subnets");
        for prefix in ["192.0.2.0/24", "192.0.2.0/28", "2001:db8:1::/48", "2001:db8:1::/64", "0.0.0.0/0", "::/0"] {
            fixture.ipam.add_network("Production", prefix, false, "a block");
        }
        assert_eq!(fixture.provider.subnets(Some(&name("Production"))).await.expect("subnets"), before);
        for prefix in ["192.0.2.0/24", "0.0.0.0/0", "::/0", "2001:db8:1::/48"] {
            let prefix = prefix.parse().expect("a prefix");
            assert_eq!(fixture.provider.find_subnets(prefix, None).await.expect("an answer"), [], "{prefix}");
        }
        fixture.subnet("Production", "192.0.2.0/28").await;
        fixture.subnet("Production", "2001:db8:1::/64").await;
    }
}

#[tokio::test]
async fn a_network_that_became_a_block_gives_no_address() {
    for site in [Site::default(), awkward()] {
        let fixture = Fixture::at(site, json!({}), |ipam| ipam);
        let id = fixture.ipam.add_network("Production", "203.0.113.128/28", true, "");
        let subnet = fixture.subnet("Production", "203.0.113.128/28").await;
        assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("free addresses"), [ip("203.0.113.129")]);
        fixture.ipam.set_terminal(id, false);
        let gone = free(&fixture.provider, &subnet, 1).await.expect_err("it holds networks");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    }
}

#[tokio::test]
async fn a_template_is_no_group() {
    let fixture = Fixture::new();
    let before = fixture.provider.groups().await.expect("groups");
    fixture.ipam.add_template("Site template");
    assert_eq!(fixture.provider.groups().await.expect("groups"), before);
    assert_eq!(fixture.provider.group(&name("Site template")).await.expect("an answer"), None);
}

#[tokio::test]
async fn ten_thousand_networks_are_listed_and_one_of_them_is_found_with_one_request() {
    let fixture = Fixture::new();
    fixture.ipam.add_space("Large", "");
    for index in 0..10_000_u32 {
        let network = std::net::Ipv4Addr::from_bits(0x0a00_0000 + index * 256);
        fixture.ipam.add_network("Large", &format!("{network}/24"), true, "");
    }
    let listed = fixture.provider.subnets(Some(&name("Large"))).await.expect("subnets");
    assert_eq!(listed.len(), 10_000);
    assert!(listed.is_sorted_by_key(|subnet| subnet.prefix));
    fixture.server.take_requests();
    let subnet = fixture.subnet("Large", "10.39.15.0/24").await;
    assert_eq!(fixture.server.take_requests().len(), 1);
    fixture.provider.reserve(&subnet, ip("10.39.15.1"), &host("web")).await.expect("a reservation");
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("free addresses"), [ip("10.39.15.2")]);
}
