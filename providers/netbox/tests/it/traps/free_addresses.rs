//! Free addresses.

use std::net::IpAddr;

use ipam_provider::{AddressSet, ErrorKind, FreeQuery, Subnet};
use ipam_simulators::Response;
use ipam_simulators::netbox::{Netbox, Right, TOKEN, Token, Version};
use serde_json::json;

use super::{addresses, asked, free, ip, netbox, one_subnet, subnet};
use crate::subject::{Running, with_mac};

#[tokio::test]
async fn what_a_page_size_hides_is_found_behind_it() {
    let netbox = netbox().with_pages_of_at_most(7);
    netbox.add_range("10.1.2.100/24", "10.1.2.109/24", None, true);
    netbox.add_range("10.1.2.120/24", "10.1.2.129/24", None, false);
    netbox.record("10.1.2.50/32", None);
    let (running, found) = one_subnet(netbox, json!({})).await;
    let held: AddressSet = addresses(1..=60).into_iter().collect();
    let expected: Vec<IpAddr> =
        addresses(61..=254).into_iter().filter(|ip| !addresses(100..=109).contains(ip)).collect();
    assert_eq!(free(&running, &found, 254, &held).await, expected);
    assert_eq!(free(&running, &found, 3, &held).await, expected[..3]);
    let all: AddressSet = addresses(0..=255).into_iter().collect();
    assert_eq!(free(&running, &found, 3, &all).await, [] as [IpAddr; 0]);
}

#[tokio::test]
async fn more_held_addresses_than_netbox_lists_do_not_hide_the_free_ones() {
    let netbox = netbox();
    netbox.add_prefix("10.8.0.0/16", None);
    netbox.record("10.8.7.210/16", None);
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.8.0.0/16", None).await;
    let held: AddressSet = (1..2000u32).map(|host| IpAddr::from((0x0a08_0000 + host).to_be_bytes())).collect();
    running.server.take_requests();
    let expected = ["10.8.7.208", "10.8.7.209", "10.8.7.211"].map(ip);
    assert_eq!(free(&running, &found, 3, &held).await, [ip("10.8.7.208"), ip("10.8.7.209"), expected[2]]);
    assert!(running.server.take_requests().len() < 12, "the whole subnet is not looked through");
}

/// So many addresses from 10.16.0.0 on.
fn from_10_16(count: u32) -> impl Iterator<Item = IpAddr> {
    (0..count).map(|host| (0x0a10_0000 + host).to_be_bytes().into())
}

#[tokio::test]
async fn a_hundred_thousand_held_addresses_in_a_row_cost_one_look_behind_them() {
    let netbox = netbox();
    netbox.add_prefix("10.16.0.0/12", None);
    netbox.record("10.17.134.160/12", None);
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.16.0.0/12", None).await;
    let held: AddressSet = from_10_16(100_000).collect();
    asked(&running);
    assert_eq!(free(&running, &found, 2, &held).await, ["10.17.134.161", "10.17.134.162"].map(ip));
    // What is listed, the prefix, its ranges, and one block of addresses.
    assert_eq!(asked(&running), 4);
}

#[tokio::test]
async fn recorded_addresses_between_held_ones_are_looked_at_many_at_once() {
    let netbox = netbox();
    netbox.add_prefix("10.16.0.0/12", None);
    let (mut recorded, held): (Vec<IpAddr>, Vec<IpAddr>) =
        from_10_16(100_000).partition(|address| matches!(address, IpAddr::V4(it) if it.to_bits() % 1000 == 0));
    // The last one is free, although those around it are held.
    let hole = recorded.pop().expect("an address");
    for address in recorded {
        netbox.record(&format!("{address}/12"), None);
    }
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.16.0.0/12", None).await;
    asked(&running);
    assert_eq!(free(&running, &found, 2, &held.into_iter().collect()).await, [hole, ip("10.17.134.160")]);
    assert!(asked(&running) < 12, "not one for each of a hundred");
}

#[tokio::test]
async fn nothing_is_looked_for_where_all_the_rest_is_held() {
    let netbox = netbox();
    netbox.add_prefix("10.16.0.0/16", None);
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.16.0.0/16", None).await;
    asked(&running);
    assert_eq!(free(&running, &found, 2, &from_10_16(65_536).collect()).await, [] as [IpAddr; 0]);
    assert_eq!(asked(&running), 1);
}

#[tokio::test]
async fn ranges_keep_addresses_back_as_the_version_does() {
    for (version, expected) in [(Version::V3_7, [1, 2, 30]), (Version::V4_6, [1, 2, 20])] {
        let netbox = Netbox::new(version);
        netbox.add_range("10.1.2.3/24", "10.1.2.19/24", None, true);
        netbox.add_range("10.1.2.20/24", "10.1.2.29/24", None, false);
        let (running, found) = one_subnet(netbox, json!({})).await;
        let expected: Vec<IpAddr> = expected.map(|byte| IpAddr::from([10, 1, 2, byte])).to_vec();
        assert_eq!(free(&running, &found, 3, &AddressSet::default()).await, expected, "{version:?}");
    }
}

#[tokio::test]
async fn a_prefix_marked_as_utilized_is_said_to_be_so_where_netbox_gives_nothing_out() {
    let nothing = AddressSet::default();
    let query = FreeQuery { at_most: 3, held: &nothing };
    for (version, gives_out) in [(Version::V3_7, false), (Version::V4_6, true)] {
        let (running, found) = one_subnet(Netbox::new(version), json!({})).await;
        running.netbox.mark_utilized(1);
        let answer = running.provider.free_addresses(&found, query).await;
        if gives_out {
            assert_eq!(answer.expect("free addresses"), addresses(1..=3), "{version:?}");
            continue;
        }
        let refused = answer.expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        assert!(refused.to_string().contains("Subnet 10.1.2.0/24 is marked as utilized"), "{refused}");
        running.netbox.record("10.1.2.7/24", None);
        running.provider.free_addresses(&found, query).await.expect_err("still a refusal");
    }
}

/// A /29 of which some hosts are in a range, in a NetBox of this version.
async fn with_range(
    version: Version,
    last_bytes: std::ops::RangeInclusive<u8>,
    mark_populated: bool,
) -> (Running, Subnet) {
    let netbox = Netbox::new(version);
    netbox.add_prefix("10.1.2.0/29", None);
    let end = |byte: &u8| format!("10.1.2.{byte}/29");
    netbox.add_range(&end(last_bytes.start()), &end(last_bytes.end()), None, mark_populated);
    let running = Running::start(netbox, json!({"token": TOKEN}));
    let found = subnet(&running, "10.1.2.0/29", None).await;
    (running, found)
}

#[tokio::test]
async fn a_prefix_whose_free_addresses_are_all_in_ranges_is_not_called_full() {
    let nothing = AddressSet::default();
    let query = FreeQuery { at_most: 3, held: &nothing };
    let (populated, any) =
        ("IP ranges that are marked as populated in NetBox", "outside of IP ranges, and this version");
    for (version, is_marked, expected) in [(Version::V3_7, false, any), (Version::V4_6, true, populated)] {
        // All hosts, and all but two, which are recorded.
        for last_byte in [6, 4] {
            let (running, found) = with_range(version, 1..=last_byte, is_marked).await;
            for byte in last_byte + 1..=6 {
                running.netbox.record(&format!("10.1.2.{byte}/29"), None);
            }
            let refused = running.provider.free_addresses(&found, query).await.expect_err("a refusal");
            assert_eq!(refused.kind(), ErrorKind::Rejected, "{version:?}");
            assert!(refused.to_string().contains(expected), "{refused}");
            // Addresses of the range may be recorded as well.
            for byte in 1..=last_byte {
                running.netbox.record(&format!("10.1.2.{byte}/29"), None);
            }
            assert_eq!(free(&running, &found, 3, &nothing).await, [] as [IpAddr; 0], "{version:?}: now it is full");
        }
    }
    // 4.3 and newer ignore the mark of the prefix.
    let (running, found) = with_range(Version::V4_6, 1..=6, true).await;
    running.netbox.mark_utilized(1);
    let refused = running.provider.free_addresses(&found, query).await.expect_err("a refusal");
    assert!(refused.to_string().contains(populated), "{refused}");
}

#[tokio::test]
async fn a_prefix_is_full_where_nothing_shows_what_netbox_keeps_back() {
    let rights = [Right::ViewPrefixes, Right::ViewAddresses];
    let netbox = netbox().with_token(Token::new("no-ranges").with_rights(&rights));
    netbox.add_range("10.1.2.1/24", "10.1.2.254/24", None, true);
    let (running, found) = one_subnet(netbox, json!({"token": "no-ranges"})).await;
    assert_eq!(free(&running, &found, 3, &AddressSet::default()).await, [] as [IpAddr; 0]);
}

#[tokio::test]
async fn a_full_prefix_is_full_also_when_it_is_marked_as_utilized() {
    for version in [Version::V2_8, Version::V3_7, Version::V4_6] {
        let (running, found) = one_subnet(Netbox::new(version), json!({})).await;
        running.netbox.mark_utilized(1);
        for byte in 1..=254 {
            running.netbox.record(&format!("10.1.2.{byte}/24"), None);
        }
        assert_eq!(free(&running, &found, 3, &AddressSet::default()).await, [] as [IpAddr; 0], "{version:?}");
    }
}

#[tokio::test]
async fn a_gateway_that_hides_the_ranges_does_not_make_their_addresses_free() {
    let netbox = Netbox::new(Version::V3_7).with_pages_of_at_most(7);
    netbox.add_range("10.1.2.100/24", "10.1.2.200/24", None, true);
    netbox.add_prefix("10.1.2.0/24", None);
    let running = Running::behind(netbox, json!({"token": TOKEN}), |request| {
        let is_hidden = request.path.contains("/ip-ranges/");
        is_hidden.then(|| Response::json(404, &json!({"detail": "Not Found"})))
    });
    let found = subnet(&running, "10.1.2.0/24", None).await;
    let held: AddressSet = addresses(1..=99).into_iter().collect();
    let answer = running.provider.free_addresses(&found, FreeQuery { at_most: 3, held: &held }).await;
    let refused = answer.expect_err("the ranges are not known");
    assert_eq!(refused.kind(), ErrorKind::Unexpected, "{refused}");
    let some = free(&running, &found, 64, &AddressSet::default()).await;
    assert_eq!(some, addresses(1..=7), "what is listed is free");
}
