//! What is special about NetBox: each a thing that a simple client gets wrong.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipam_conformance::Seed;
use ipam_provider::{
    AddressSet, Error, ErrorKind, FreeQuery, GroupName, Prefix, Provider, Released, Requester, Subnet,
};
use ipam_simulators::Response;
use ipam_simulators::netbox::{MAC_FIELD, Netbox, Right, TOKEN, Token, TokenFault, Trouble, Version};
use serde_json::{Value, json};

use crate::subject::{Running, provider, with_mac};

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn name(group: &str) -> GroupName {
    GroupName::new(group).expect("a name")
}

fn settings(more: Value) -> Value {
    let mut settings = with_mac();
    let (Value::Object(all), Value::Object(more)) = (&mut settings, more) else { panic!("objects") };
    all.extend(more);
    settings
}

async fn find(provider: &dyn Provider, prefix: &str, group: Option<&str>) -> Vec<Subnet> {
    let prefix: Prefix = prefix.parse().expect("a prefix");
    provider.find_subnets(prefix, group.map(name).as_ref()).await.expect("subnets")
}

/// The only record of a prefix in a group, or in the global table.
async fn subnet(running: &Running, prefix: &str, group: Option<&str>) -> Subnet {
    let mut found = find(running.provider.as_ref(), prefix, group).await;
    found.retain(|subnet| subnet.group == group.map(name));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A global subnet of an otherwise empty NetBox.
async fn one_subnet(netbox: Netbox, more: Value) -> (Running, Subnet) {
    netbox.add_prefix("10.1.2.0/24", None);
    let running = Running::start(netbox, settings(more));
    let found = subnet(&running, "10.1.2.0/24", None).await;
    (running, found)
}

/// An empty 4.6 with the field for MACs.
fn netbox() -> Netbox {
    Netbox::seeded(&Seed { groups: Vec::new(), subnets: Vec::new() }, Version::V4_6)
}

async fn free(running: &Running, subnet: &Subnet, at_most: usize, held: &AddressSet) -> Vec<IpAddr> {
    running.provider.free_addresses(subnet, FreeQuery { at_most, held }).await.expect("free addresses")
}

fn addresses(last_bytes: std::ops::RangeInclusive<u8>) -> Vec<IpAddr> {
    last_bytes.map(|byte| [10, 1, 2, byte].into()).collect()
}

// Groups and subnets.

#[tokio::test]
async fn two_vrfs_of_one_name_are_one_group_with_all_their_prefixes() {
    let netbox = netbox();
    let (first, second) = (netbox.add_vrf("dup"), netbox.add_vrf("dup"));
    netbox.add_prefix("10.1.16.0/24", Some(first));
    netbox.add_prefix("10.1.16.0/24", Some(second));
    netbox.add_prefix("10.1.17.0/24", Some(second));
    let running = Running::start(netbox, with_mac());
    let names: Vec<_> = running.provider.groups().await.expect("groups").into_iter().map(|group| group.name).collect();
    assert_eq!(names, [name("dup")], "Foreman can only choose the name");
    // Both candidates are answered: the caller must not guess.
    assert_eq!(find(running.provider.as_ref(), "10.1.16.0/24", Some("dup")).await.len(), 2);
    assert_eq!(find(running.provider.as_ref(), "10.1.17.0/24", Some("dup")).await.len(), 1);
    assert_eq!(running.provider.subnets(&name("dup")).await.expect("subnets").len(), 3);
}

#[tokio::test]
async fn a_vrf_called_null_is_found_although_no_filter_finds_it() {
    let netbox = netbox();
    let null = netbox.add_vrf("null");
    netbox.add_vrf("other");
    netbox.add_prefix("10.1.16.0/24", Some(null));
    netbox.add_prefix("10.1.16.0/24", None);
    let running = Running::start(netbox, with_mac());
    let group = running.provider.group(&name("null")).await.expect("an answer").expect("a group");
    assert_eq!(group.id.as_str(), null.to_string());
    assert_eq!(running.provider.subnets(&name("null")).await.expect("subnets").len(), 1);
    assert_eq!(find(running.provider.as_ref(), "10.1.16.0/24", Some("null")).await.len(), 1);
}

#[tokio::test]
async fn blanks_around_a_name_do_not_find_the_name_without_them() {
    let running = Running::seeded(Version::V4_6);
    for blank in [" ", "Production ", " Production", "\u{a0}Production"] {
        assert_eq!(running.provider.group(&name(blank)).await.expect("an answer"), None, "{blank:?}");
        assert_eq!(running.provider.subnets(&name(blank)).await.expect("an answer"), [], "{blank:?}");
    }
    assert_eq!(running.provider.group(&name("a\0b")).await.expect("an answer"), None, "refused by a filter");
}

#[tokio::test]
async fn prefixes_of_other_statuses_are_left_out_where_the_settings_say_so() {
    let netbox = netbox();
    let blue = netbox.add_vrf("blue");
    let reserved = netbox.add_prefix("10.1.8.0/24", Some(blue));
    netbox.set_status(reserved, "reserved");
    let container = netbox.add_prefix("10.1.9.0/24", Some(blue));
    netbox.set_status(container, "container");
    netbox.add_prefix("10.1.10.0/24", Some(blue));
    let running = Running::start(netbox, with_mac());
    assert_eq!(running.provider.subnets(&name("blue")).await.expect("subnets").len(), 3);
    let url = running.server.url();
    let some = provider(&url, settings(json!({"prefix_status": ["active", "reserved"]})));
    assert_eq!(some.subnets(&name("blue")).await.expect("subnets").len(), 2);
    assert_eq!(find(some.as_ref(), "10.1.8.0/24", None).await.len(), 1);
    assert_eq!(find(some.as_ref(), "10.1.9.0/24", None).await, []);
    let unknown = provider(&url, settings(json!({"prefix_status": ["actve"]})));
    let refused = unknown.find_subnets("10.1.8.0/24".parse().expect("a prefix"), None).await.expect_err("a refusal");
    assert_eq!((refused.kind(), refused.to_string().contains("status")), (ErrorKind::Rejected, true), "{refused}");
}

#[tokio::test]
async fn a_prefix_in_a_location_of_a_site_is_not_in_the_site() {
    let netbox = Netbox::seeded(&Seed::standard(), Version::V4_6);
    netbox.move_to_location("Zone A");
    let running = Running::start(netbox, settings(json!({"group_by": "site"})));
    // The filter by site finds them; the rows do not say which site it is.
    assert_eq!(running.provider.subnets(&name("Zone A")).await.expect("subnets"), []);
    let found = find(running.provider.as_ref(), "203.0.113.0/28", None).await;
    assert_eq!(found.iter().map(|subnet| subnet.group.clone()).collect::<Vec<_>>(), [None]);
}

#[tokio::test]
async fn a_prefix_that_was_edited_gives_out_nothing_of_the_subnet_any_more() {
    let netbox = netbox();
    let (blue, red) = (netbox.add_vrf("blue"), netbox.add_vrf("red"));
    netbox.add_prefix("10.1.2.0/24", Some(blue));
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.1.2.0/24", Some("blue")).await;
    let nothing = AddressSet::default();
    for edit in [("10.1.3.0/24", blue), ("10.1.2.0/25", blue), ("10.1.2.0/24", red)] {
        running.netbox.set_prefix(1, edit.0, Some(edit.1));
        let answer = running.provider.free_addresses(&found, FreeQuery { at_most: 1, held: &nothing }).await;
        assert_eq!(answer.expect_err("a refusal").kind(), ErrorKind::NotFound, "{edit:?}");
    }
    // What is recorded is recorded where the look-up found the subnet, and nowhere else.
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("a reservation");
    assert_eq!(running.netbox.records_of("10.1.2.5")[0]["vrf"]["name"], "blue");
}

#[tokio::test]
async fn a_subnet_whose_vrf_is_gone_is_gone() {
    let netbox = netbox();
    let blue = netbox.add_vrf("blue");
    netbox.add_prefix("10.1.2.0/24", Some(blue));
    let running = Running::start(netbox, with_mac());
    let found = subnet(&running, "10.1.2.0/24", Some("blue")).await;
    running.netbox.remove_vrf(blue);
    for outcome in [
        running.provider.reservation(&found, ip("10.1.2.5")).await.map(drop),
        running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await,
        running.provider.release(&found, ip("10.1.2.5")).await.map(drop),
    ] {
        let error = outcome.expect_err("what was remembered is wrong");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "Subnet 10.1.2.0/24 (group blue) has gone from NetBox");
    }
    assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
}

// Requests.

#[tokio::test]
async fn every_path_ends_with_a_slash_and_no_limit_is_negative_or_above_a_page() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let held: AddressSet = (0..=255u8).map(|byte| [192, 0, 2, byte].into()).collect();
    free(&running, &found, 5000, &held).await;
    running.provider.groups().await.expect("groups");
    running.provider.subnets(&name("Production")).await.expect("subnets");
    running.provider.reserve(&found, ip("192.0.2.20"), &Requester::default()).await.expect("a reservation");
    running.provider.release(&found, ip("192.0.2.20")).await.expect("a release");
    running.provider.probe().await;
    let requests = running.server.take_requests();
    assert!(requests.len() > 15);
    for request in requests {
        assert!(request.path.ends_with('/'), "{}", request.path);
        assert_eq!(request.header("accept-language"), Some("en"), "texts are told apart in English");
        assert_eq!(request.header("authorization"), Some(format!("Token {TOKEN}").as_str()));
        for (key, value) in request.parameters() {
            assert!(!value.is_empty(), "an empty {key} would widen the answer");
            if key == "limit" {
                assert!((1..=1000).contains(&value.parse::<i64>().expect("a number")), "{value}");
            }
        }
    }
}

#[tokio::test]
async fn the_next_page_is_asked_of_the_same_host() {
    let netbox = netbox().with_pages_of_at_most(3).with_links_to("http://elsewhere.invalid");
    for number in 0..10 {
        netbox.add_vrf(&format!("vrf-{number}"));
    }
    let running = Running::start(netbox, with_mac());
    assert_eq!(running.provider.groups().await.expect("groups").len(), 10);
    assert_eq!(running.server.take_requests().len(), 4);
}

#[tokio::test]
async fn a_next_page_that_never_ends_is_refused_after_few_requests() {
    let endless = json!({"count": 40, "next": "http://elsewhere.invalid/", "previous": null, "results": [
        {"id": 1, "name": "a", "description": ""}, {"id": 2, "name": "b", "description": ""}]});
    let running = Running::behind(netbox(), with_mac(), move |_| Some(Response::json(200, &endless)));
    let refused = running.provider.groups().await.expect_err("no end");
    assert_eq!(refused.kind(), ErrorKind::Unexpected, "{refused}");
    assert_eq!(asked(&running), 20, "as many pages as the count says");
}

#[tokio::test]
async fn more_rows_than_were_asked_for_are_not_read() {
    let row = |id: usize| json!({"id": id, "name": format!("vrf-{id}"), "description": ""});
    let rows: Vec<Value> = (1..=300_000).map(row).collect();
    let page = json!({"count": 300_000, "next": null, "previous": null, "results": rows});
    let running = Running::behind(netbox(), with_mac(), move |_| Some(Response::json(200, &page)));
    let refused = running.provider.groups().await.expect_err("no NetBox does so");
    assert_eq!(refused.kind(), ErrorKind::Unexpected);
    assert!(refused.to_string().contains("more rows than the proxy reads"), "{refused}");
}

/// How many requests were made since the last time.
fn asked(running: &Running) -> usize {
    running.server.take_requests().len()
}

/// What a subnet that was looked up costs: a look at an address, its reservation, its release.
async fn costs(running: &Running, found: &Subnet) -> [usize; 3] {
    let address = ip("10.1.2.5");
    asked(running);
    assert_eq!(free(running, found, 5, &AddressSet::default()).await.len(), 5);
    assert_eq!(asked(running), 1, "free addresses");
    assert_eq!(running.provider.reservation(found, address).await.expect("an answer"), None);
    let exists = asked(running);
    running.provider.reserve(found, address, &Requester::default()).await.expect("a reservation");
    let add = asked(running);
    running.provider.release(found, address).await.expect("a release");
    [exists, add, asked(running)]
}

/// A subnet in a VRF, or in the global table, where addresses are unique or not.
async fn subnet_in(version: Version, vrf: Option<&str>, is_unique: bool, token: &str) -> (Running, Subnet) {
    // The user of the token "some" may not view VRFs.
    let rights = [Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let netbox = Netbox::new(version).with_token(Token::new("some").with_rights(&rights));
    let id = vrf.map(|name| netbox.add_vrf(name));
    let netbox = if is_unique { netbox } else { netbox.without_uniqueness() };
    netbox.add_prefix("10.1.2.0/24", id);
    let running = Running::start(netbox, json!({"token": token}));
    let found = subnet(&running, "10.1.2.0/24", vrf).await;
    (running, found)
}

#[tokio::test]
async fn a_write_is_looked_after_unless_the_vrf_is_known_to_refuse_a_second_record() {
    // A VRF that enforces uniqueness is trusted where the token may see that, and where writes are done one by one.
    for (version, vrf, is_unique, expected) in [
        (Version::V4_6, Some("blue"), true, [1, 1, 2]),
        (Version::V4_6, Some("blue"), false, [1, 3, 2]),
        (Version::V3_7, Some("blue"), true, [1, 2, 2]),
        (Version::V3_7, None, true, [1, 2, 2]),
    ] {
        let (running, found) = subnet_in(version, vrf, is_unique, TOKEN).await;
        assert_eq!(costs(&running, &found).await, expected, "{version:?} {vrf:?} {is_unique}");
        assert_eq!(asked(&running), 0, "{version:?} {vrf:?} {is_unique}");
    }
}

#[tokio::test]
async fn what_no_look_up_tells_of_uniqueness_the_first_record_does() {
    for (vrf, is_unique, token, expected) in [
        (None, true, TOKEN, [1, 1, 2]),
        (None, false, TOKEN, [1, 3, 2]),
        (Some("blue"), true, "some", [1, 1, 2]),
        (Some("blue"), false, "some", [1, 3, 2]),
    ] {
        let (running, found) = subnet_in(Version::V4_6, vrf, is_unique, token).await;
        let first = ip("10.1.2.9");
        asked(&running);
        running.provider.reserve(&found, first, &Requester::default()).await.expect("a reservation");
        let mut requests = Vec::new();
        while requests.len() < 3 {
            requests.extend(running.server.take_requests());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["POST", "GET", "POST"], "what looks after the record, and what finds out");
        // Even a NetBox that stopped at the first fault would create nothing.
        let list = requests[2].json().expect("JSON");
        assert_eq!((list[0].get("address"), &list[1]["address"]), (None, &json!("10.1.2.9/24")));
        assert_eq!(running.netbox.records_of("10.1.2.9").len(), 1);
        until_known(&running, &found, expected[1]).await;
        assert_eq!(costs(&running, &found).await, expected, "{vrf:?} {is_unique} {token}");
        // And it is right.
        let again = running.provider.reserve(&found, first, &Requester::default()).await.expect_err("it is taken");
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    }
}

/// Until the answer to the list has been read: from then on an addition costs this.
async fn until_known(running: &Running, found: &Subnet, expected: usize) {
    for byte in 20..=250 {
        asked(running);
        running.provider.reserve(found, [10, 1, 2, byte].into(), &Requester::default()).await.expect("a reservation");
        if asked(running) == expected {
            return;
        }
    }
    panic!("an addition does not come to cost {expected}");
}

#[tokio::test]
async fn a_reservation_that_cannot_be_looked_after_is_not_called_a_success() {
    let rights = [Right::ViewPrefixes, Right::AddAddresses];
    let netbox = netbox().without_uniqueness().with_token(Token::new("blind").with_rights(&rights));
    let (running, found) = one_subnet(netbox, json!({"token": "blind"})).await;
    let failed = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    let failed = failed.expect_err("somebody else may have it");
    assert!(failed.kind().leaves_write_unknown(), "it is recorded: {failed}");
}

#[tokio::test]
async fn without_uniqueness_an_address_that_was_recorded_long_ago_is_taken() {
    let (running, found) = one_subnet(netbox().without_uniqueness(), json!({})).await;
    let id = running.netbox.record("10.1.2.5/32", None);
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is taken").kind(), ErrorKind::AlreadyExists);
    let ids: Vec<_> = running.netbox.records_of("10.1.2.5").iter().map(|record| record["id"].clone()).collect();
    assert_eq!(ids, [json!(id)], "the record that was there is left as it was");
}

// Free addresses.

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

// Writes.

#[tokio::test]
async fn a_new_address_has_the_length_of_its_subnet_its_vrf_and_the_mark() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let by = Requester {
        mac: Some("02:00:5E:00:53:01".parse().expect("a MAC")),
        hostname: Some("Web.Example.com".into()),
        ..Requester::default()
    };
    running.provider.reserve(&found, ip("192.0.2.20"), &by).await.expect("a reservation");
    let records = running.netbox.records_of("192.0.2.20");
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["address"], "192.0.2.20/28");
    assert_eq!(record["vrf"]["name"], "Production");
    assert_eq!(record["dns_name"], "web.example.com");
    assert_eq!(record["description"], "foreman-ipam-proxy: Web.Example.com 02:00:5e:00:53:01");
    assert_eq!(record["custom_fields"][MAC_FIELD], "02:00:5e:00:53:01");
    assert_eq!(record["tenant"], Value::Null);
}

#[tokio::test]
async fn whoever_groups_by_tenant_gets_addresses_of_the_tenant() {
    let netbox = Netbox::seeded(&Seed::standard(), Version::V4_6);
    let running = Running::start(netbox, settings(json!({"group_by": "tenant"})));
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    running.provider.reserve(&found, ip("192.0.2.20"), &Requester::default()).await.expect("a reservation");
    assert_eq!(running.netbox.records_of("192.0.2.20")[0]["tenant"]["name"], "Production");
}

#[tokio::test]
async fn a_required_custom_field_can_be_set_and_without_it_nothing_is_recorded() {
    let filled = netbox();
    filled.require_custom_field("owner_team");
    filled.add_tag("foreman");
    let more = json!({"custom_fields": {"owner_team": "linux"}, "tags": ["foreman"], "status": "dhcp"});
    let (running, found) = one_subnet(filled, more).await;
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("a reservation");
    let record = &running.netbox.records_of("10.1.2.5")[0];
    assert_eq!(record["custom_fields"]["owner_team"], "linux");
    assert_eq!((&record["tags"][0]["slug"], &record["status"]["value"]), (&json!("foreman"), &json!("dhcp")));

    let without = provider(&running.server.url(), with_mac());
    let refused = without.reserve(&found, ip("10.1.2.6"), &Requester::default()).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(refused.to_string().contains("custom field"), "{refused}");
}

#[tokio::test]
async fn an_odd_host_name_or_an_infiniband_mac_fails_no_host() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    let infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
    let hostname = format!("bücher {}", "x".repeat(300));
    let by =
        Requester { mac: Some(infiniband.parse().expect("a MAC")), hostname: Some(hostname), ..Requester::default() };
    running.provider.reserve(&found, ip("10.1.2.5"), &by).await.expect("a reservation");
    let record = &running.netbox.records_of("10.1.2.5")[0];
    assert_eq!((&record["dns_name"], &record["custom_fields"][MAC_FIELD]), (&json!(""), &Value::Null));
    assert_eq!(record["description"].as_str().map(|text| text.chars().count()), Some(200));
}

#[tokio::test]
async fn network_and_broadcast_and_foreign_addresses_are_not_recorded_although_netbox_would() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for address in ["10.1.2.0", "10.1.2.255", "10.1.3.1"] {
        let refused = running.provider.reserve(&found, ip(address), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Rejected, "{address}");
        assert_eq!(running.netbox.records_of(address), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn an_address_of_a_populated_range_is_refused_with_what_to_look_at() {
    let filled = netbox();
    filled.add_range("10.1.2.3/24", "10.1.2.19/24", None, true);
    let (running, found) = one_subnet(filled, json!({})).await;
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(refused.to_string().contains("an IP range that is marked as populated"), "{refused}");
    assert!(!refused.to_string().contains("10.1.2.3-19"), "NetBox's own text is for the log: {refused}");
}

#[tokio::test]
async fn an_address_recorded_with_another_length_is_taken() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for length in ["32", "24", "8"] {
        let id = running.netbox.record(&format!("10.1.2.5/{length}"), None);
        let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::AlreadyExists, "{length}");
        let released = running.provider.release(&found, ip("10.1.2.5")).await.expect("a release");
        assert!(released.is_removed(), "{id}");
    }
}

#[tokio::test]
async fn without_uniqueness_of_many_proxies_one_wins_and_one_record_stays() {
    let (running, found) = one_subnet(netbox().without_uniqueness(), json!({})).await;
    for round in 1..=5u8 {
        let address = IpAddr::from([10, 1, 2, round]);
        let calls = (0..16).map(|_| {
            let (provider, found) = (Arc::clone(&running.provider), found.clone());
            tokio::spawn(async move { provider.reserve(&found, address, &Requester::default()).await })
        });
        let mut won = 0;
        for call in calls.collect::<Vec<_>>() {
            match call.await.expect("no panic") {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
        assert_eq!((won, running.netbox.records_of(&address.to_string()).len()), (1, 1));
    }
}

#[tokio::test]
async fn an_address_that_is_recorded_twice_is_free_after_one_release() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    running.netbox.record("10.1.2.5/24", None);
    running.netbox.record("10.1.2.5/32", None);
    assert!(!running.provider.reservation(&found, ip("10.1.2.5")).await.expect("an answer").expect("records").ours);
    assert!(running.provider.release(&found, ip("10.1.2.5")).await.expect("a release").is_removed());
    assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
}

#[tokio::test]
async fn only_our_own_records_are_deleted_where_the_settings_say_so() {
    let (running, found) = one_subnet(netbox(), json!({"delete_only_own": true})).await;
    running.netbox.record("10.1.2.5/24", None);
    let refused = running.provider.release(&found, ip("10.1.2.5")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert_eq!(running.netbox.records_of("10.1.2.5").len(), 1);
    running.provider.reserve(&found, ip("10.1.2.6"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.6")).await.expect("a release").is_removed());
    assert_eq!(running.provider.release(&found, ip("10.1.2.7")).await.expect("a release"), Released::WasAbsent);
    // Another proxy's mark is not ours.
    running.provider.reserve(&found, ip("10.1.2.8"), &Requester::default()).await.expect("a reservation");
    let other = provider(&running.server.url(), settings(json!({"delete_only_own": true, "mark": "foreman-ipam"})));
    assert_eq!(other.release(&found, ip("10.1.2.8")).await.expect_err("a refusal").kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn where_other_records_are_hidden_their_addresses_are_taken() {
    let token = Token::new("constrained").only_described("foreman-ipam-proxy");
    let (running, found) = one_subnet(netbox().with_token(token), json!({"token": "constrained"})).await;
    running.netbox.record("10.1.2.1/24", None);
    assert_eq!(running.provider.reservation(&found, ip("10.1.2.1")).await.expect("an answer"), None, "it is hidden");
    assert_eq!(free(&running, &found, 1, &AddressSet::default()).await, [ip("10.1.2.2")]);
    let refused = running.provider.reserve(&found, ip("10.1.2.1"), &Requester::default()).await;
    assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::AlreadyExists);
    running.provider.reserve(&found, ip("10.1.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release").is_removed());
}

#[tokio::test]
async fn a_record_that_may_be_seen_and_not_deleted_is_not_called_gone() {
    let token = Token::new("constrained").deletes_only_described("foreman-ipam-proxy");
    let (running, found) = one_subnet(netbox().with_token(token), json!({"token": "constrained"})).await;
    running.netbox.record("10.1.2.1/24", None);
    let refused = running.provider.release(&found, ip("10.1.2.1")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.to_string().contains("ipam.delete_ipaddress"), "{refused}");
    assert_eq!(running.netbox.records_of("10.1.2.1").len(), 1);
    running.provider.reserve(&found, ip("10.1.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release").is_removed());
    assert_eq!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release"), Released::WasAbsent);
}

#[tokio::test]
async fn an_add_that_constraints_leave_out_is_not_said_to_lack_the_right() {
    for is_unique in [true, false] {
        let netbox = netbox().with_token(Token::new("constrained").only_described("by hand"));
        let netbox = if is_unique { netbox } else { netbox.without_uniqueness() };
        let (running, found) = one_subnet(netbox, json!({"token": "constrained"})).await;
        assert_eq!(faults(&running).await, [""; 0], "no probe can see constraints without a record");
        let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        let text = refused.to_string();
        assert!(text.contains("the constraints of ipam.add_ipaddress") && !text.contains("read-only"), "{text}");
        assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
    }
    let (running, found) =
        one_subnet(netbox().with_token(Token::new("reader").read_only()), json!({"token": "reader"})).await;
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    let text = refused.expect_err("a refusal").to_string();
    assert!(text.contains("read-only") && !text.contains("constraints"), "{text}");
}

// Credentials, rights and trouble.

async fn refusal(running: &Running, token: &str) -> Error {
    let provider = provider(&running.server.url(), json!({"token": token}));
    provider.groups().await.expect_err("a refusal")
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_from_one_without_the_right() {
    let faults = [
        ("expired", TokenFault::Expired, "expired"),
        ("disabled", TokenFault::Disabled, "disabled"),
        ("inactive", TokenFault::InactiveUser, "not active"),
        ("elsewhere", TokenFault::SourceAddress, "the proxy's address"),
        ("csrf", TokenFault::Other("CSRF Failed: CSRF token missing."), "adds a cookie"),
        ("stripped", TokenFault::Other("Authentication credentials were not provided."), "removes the header"),
    ];
    let netbox = faults
        .iter()
        .fold(netbox(), |netbox, (token, fault, _)| netbox.with_token(Token::new(*token).with_fault(*fault)));
    let netbox = netbox.with_token(Token::new("nothing").with_rights(&[]));
    let running = Running::start(netbox, with_mac());
    for (token, _, says) in faults.into_iter().chain([("unknown", TokenFault::Expired, "not valid")]) {
        let refused = refusal(&running, token).await;
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated, "{token}");
        let text = refused.to_string();
        assert!(text.starts_with("Invalid credentials for External IPAM") && text.contains(says), "{token}: {text}");
    }
    for token in ["nbt_unknown.x", "nbt_without_a_dot"] {
        assert!(refusal(&running, token).await.to_string().contains("not valid"), "{token}");
    }
    let refused = refusal(&running, "nothing").await;
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.to_string().contains("ipam.view_vrf"), "{refused}");
}

#[tokio::test]
async fn an_unknown_reason_of_a_refusal_is_shown_by_a_probe_and_never_called_a_wrong_token() {
    let reason = "Client IP address could not be determined for validation.";
    let token = Token::new("some").with_fault(TokenFault::Other(reason));
    let running = Running::start(netbox().with_token(token), json!({"token": "some"}));
    let probes = running.provider.probe().await;
    let refused = probes.into_iter().find_map(|probe| probe.outcome.err()).expect("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    let source = std::error::Error::source(&refused).expect("what NetBox said").to_string();
    let text = refused.to_string();
    assert!(source.contains(reason) && !text.contains(reason) && !text.contains("not valid"), "{text}: {source}");
}

/// What probes find wrong.
async fn faults(running: &Running) -> Vec<String> {
    let probes = running.provider.probe().await;
    probes.into_iter().filter_map(|probe| Some(probe.outcome.err()?.to_string())).collect()
}

#[tokio::test]
async fn a_probe_says_which_right_is_missing_and_changes_nothing() {
    let all =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let needs =
        ["ipam.view_vrf", "ipam.view_prefix", "ipam.view_ipaddress", "ipam.add_ipaddress", "ipam.delete_ipaddress"];
    for version in [Version::V2_8, Version::V3_7, Version::V4_6] {
        for (missing, permission) in all.iter().zip(needs) {
            let rights: Vec<Right> = all.iter().copied().filter(|right| right != missing).collect();
            let netbox = Netbox::new(version).with_token(Token::new("some").with_rights(&rights));
            let running = Running::start(netbox, json!({"token": "some"}));
            let failed = faults(&running).await;
            assert_eq!(failed.len(), 1, "{version:?} without {permission}: {failed:?}");
            assert!(failed[0].contains(permission), "{failed:?}");
        }
        let netbox = Netbox::new(version).with_token(Token::new("reader").read_only());
        let running = Running::start(netbox, json!({"token": "reader"}));
        let probes = running.provider.probe().await;
        assert_eq!(probes.iter().filter(|probe| probe.outcome.is_err()).count(), 2, "a token to read: {probes:?}");
    }
}

#[tokio::test]
async fn the_least_rights_suffice() {
    let rights =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let netbox = netbox().with_token(Token::new("gateway").with_rights(&rights));
    let (running, found) = one_subnet(netbox, json!({"token": "gateway"})).await;
    let address = free(&running, &found, 1, &AddressSet::default()).await[0];
    running.provider.reserve(&found, address, &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, address).await.expect("a release").is_removed());
}

#[tokio::test]
async fn free_addresses_that_are_listed_need_no_right_to_view_ranges() {
    let rights = [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses];
    let netbox = netbox().with_token(Token::new("gateway").with_rights(&rights));
    netbox.add_prefix("10.8.0.0/16", None);
    // As many are left as a server may give in a page, and the last address is taken.
    for byte in 41..=254 {
        netbox.record(&format!("10.1.2.{byte}/24"), None);
    }
    let (running, found) = one_subnet(netbox, json!({"token": "gateway"})).await;
    assert_eq!(free(&running, &found, 64, &AddressSet::default()).await, addresses(1..=40));
    let held: AddressSet = addresses(1..=40).into_iter().collect();
    assert_eq!(free(&running, &found, 64, &held).await, [] as [IpAddr; 0], "all are held");
    // Where NetBox has listed as many as it was asked for, there may be more.
    let wide = subnet(&running, "10.8.0.0/16", None).await;
    let held: AddressSet = (0..2000u32).map(|host| IpAddr::from((0x0a08_0000 + host).to_be_bytes())).collect();
    let refused = running.provider.free_addresses(&wide, FreeQuery { at_most: 3, held: &held }).await;
    let refused = refused.expect_err("nobody knows what is behind");
    assert!(refused.to_string().contains("ipam.view_iprange"), "{refused}");
}

#[tokio::test]
async fn a_probe_finds_settings_that_netbox_does_not_know() {
    let more = json!({"tags": ["nowhere"], "tenant": "nobody", "status": "bogus", "custom_fields": {"nope": "x"}});
    let (running, _) = one_subnet(netbox(), more).await;
    let failed = faults(&running).await;
    assert_eq!(
        failed,
        ["NetBox does not know what the settings say for status, tags, tenant, custom_fields; create it there first"]
    );
    assert_eq!(
        free(&running, &subnet(&running, "10.1.2.0/24", None).await, 1, &AddressSet::default()).await,
        [ip("10.1.2.1")]
    );
}

#[tokio::test]
async fn a_probe_with_a_wrong_token_fails_where_the_status_is_shown_to_everybody() {
    for version in [Version::V3_7, Version::V4_6] {
        let running = Running::start(Netbox::new(version), json!({"token": "wrong"}));
        let failed = faults(&running).await;
        assert!(!failed.is_empty(), "{version:?}");
        assert!(failed.iter().all(|text| text.starts_with("Invalid credentials for External IPAM")), "{failed:?}");
    }
}

#[tokio::test]
async fn nothing_of_what_is_inside_netbox_is_shown() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for trouble in [Trouble::DatabaseDown, Trouble::RedisDown, Trouble::DatabaseReadOnly, Trouble::Maintenance] {
        running.netbox.set_trouble(Some(trouble));
        let failed =
            running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect_err("a failure");
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{trouble:?}");
        let text = failed.to_string();
        assert!(!text.contains("15432") && !text.contains("16379") && !text.contains("INSERT"), "{text}");
        assert_eq!(text.contains("maintenance"), trouble == Trouble::Maintenance, "{text}");
    }
    running.netbox.set_trouble(None);
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("it works again by itself");
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_no_missing_record() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let wrong = provider(&format!("{}/api", running.server.url()), with_mac());
    let refused = wrong.reservation(&found, ip("192.0.2.20")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unexpected, "{refused}");
    assert!(refused.to_string().contains("url"), "{refused}");
}
