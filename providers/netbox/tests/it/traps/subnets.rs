//! Groups and subnets.

use ipam_conformance::Seed;
use ipam_provider::{AddressSet, ErrorKind, FreeQuery, Requester};
use ipam_simulators::netbox::{Netbox, Version};
use serde_json::{Value, json};

use super::{find, ip, name, netbox, settings, subnet};
use crate::subject::{Running, provider, with_mac};

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
    assert_eq!(running.provider.subnets(Some(&name("dup"))).await.expect("subnets").len(), 3);
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
    assert_eq!(running.provider.subnets(Some(&name("null"))).await.expect("subnets").len(), 1);
    assert_eq!(find(running.provider.as_ref(), "10.1.16.0/24", Some("null")).await.len(), 1);
}

#[tokio::test]
async fn blanks_around_a_name_do_not_find_the_name_without_them() {
    let running = Running::seeded(Version::V4_6);
    for blank in [" ", "Production ", " Production", "\u{a0}Production"] {
        assert_eq!(running.provider.group(&name(blank)).await.expect("an answer"), None, "{blank:?}");
        assert_eq!(running.provider.subnets(Some(&name(blank))).await.expect("an answer"), [], "{blank:?}");
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
    assert_eq!(running.provider.subnets(Some(&name("blue"))).await.expect("subnets").len(), 3);
    let url = running.server.url();
    let some = provider(&url, settings(json!({"prefix_status": ["active", "reserved"]})));
    assert_eq!(some.subnets(Some(&name("blue"))).await.expect("subnets").len(), 2);
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
    assert_eq!(running.provider.subnets(Some(&name("Zone A"))).await.expect("subnets"), []);
    let found = find(running.provider.as_ref(), "203.0.113.0/28", None).await;
    assert_eq!(found.iter().map(|subnet| subnet.group.clone()).collect::<Vec<_>>(), [None]);
    let listed = running.provider.subnets(None).await.expect("subnets");
    assert!(listed.contains(&found[0]), "{listed:?}");
    assert!(listed.iter().all(|subnet| subnet.group.is_none()), "{listed:?}");
}

#[tokio::test]
async fn what_is_outside_of_groups_is_asked_for_by_itself() {
    for (group_by, filter) in [("vrf", "vrf_id"), ("tenant", "tenant_id"), ("role", "role_id")] {
        let netbox = Netbox::seeded(&Seed::standard(), Version::V4_6);
        let running = Running::start(netbox, settings(json!({"group_by": group_by})));
        running.provider.subnets(None).await.expect("subnets");
        let sent = running.server.take_requests();
        let is_asked = sent[0].parameters().into_iter().any(|(key, value)| key == filter && value == "null");
        assert!(is_asked, "{group_by}: {:?}", sent[0].path);
    }
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
        assert_eq!(error.to_string(), "Subnet 10.1.2.0/24 (group blue) is no longer in NetBox");
    }
    assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
}
