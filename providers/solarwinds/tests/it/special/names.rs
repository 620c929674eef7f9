//! Groups, the tree around them, and names that mean something in a query.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::OnceLock;

use ipam_provider::Requester;
use ipam_simulators::solarwinds::{Site, Solarwinds as Simulated};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{free, host, ip, kinds, name};
use crate::site::Fixture;

/// Each text that a query was sent with.
fn queries(fixture: &Fixture) -> BTreeSet<String> {
    let requests = fixture.server.take_requests();
    requests.iter().filter_map(|request| request.json()?["query"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn names_that_mean_something_in_a_query_are_names() {
    let strange =
        ["it's", "' OR 1=1 --", "100%", "a_b", "*", "@name", "a\\b", "\"x\"", "Ünïcödé ✓", "1); DROP", "NULL"];
    let ipam = Simulated::empty(Site::default());
    for (index, name) in strange.iter().enumerate() {
        let id = ipam.add_hierarchy(name, "strange");
        ipam.add_subnet(id, &format!("10.0.{index}.0/29"), "");
    }
    let fixture = Fixture::of(ipam, json!({}), |ipam| ipam);
    for (index, text) in strange.into_iter().enumerate() {
        let group = fixture.provider.group(&name(text)).await.expect("an answer").expect("a group");
        assert_eq!(group.name.as_str(), text);
        let listed = fixture.provider.subnets(Some(&name(text))).await.expect("subnets");
        assert_eq!(listed.len(), 1, "{text}");
        let subnet = fixture.subnet(text, &format!("10.0.{index}.0/29")).await;
        let address = free(&fixture.provider, &subnet, 1).await.expect("addresses")[0];
        fixture.provider.reserve(&subnet, address, &host(text)).await.expect("it was free");
        assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
    }
    for near in ["100", "a%b", "aXb", "it''s", "ünïcödé ✓", "null", "a_b "] {
        assert_eq!(fixture.provider.group(&name(near)).await.expect("an answer"), None, "{near}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is asked for and recorded, the texts of the queries are those that were sent before it.
    #[test]
    fn no_input_is_ever_in_the_text_of_a_query(
        group in "\\PC{1,40}",
        hostname in "\\PC{0,30}",
        description in "\\PC{0,40}",
        last in 2_u8..250,
        bits in any::<u128>(),
        length in 1_u8..=128,
    ) {
        static RUNTIME: OnceLock<(Runtime, Fixture, BTreeSet<String>)> = OnceLock::new();
        let (runtime, fixture, known) = RUNTIME.get_or_init(|| {
            let runtime = Runtime::new().expect("a runtime");
            let fixture = Fixture::new();
            let known = runtime.block_on(everything(&fixture, "Production", &host("a"), ip("198.18.0.1"), (1, 64)));
            (runtime, fixture, known)
        });
        let by = Requester { hostname: Some(hostname), description: Some(description), ..Requester::default() };
        let address = ip(&format!("198.18.0.{last}"));
        let sent = runtime.block_on(everything(fixture, &group, &by, address, (bits, length)));
        prop_assert!(sent.is_subset(known), "{sent:?}");
        prop_assert!(sent.len() >= 6);
    }
}

/// Asks everything there is to ask, and gives the texts of the queries.
async fn everything(
    fixture: &Fixture,
    group: &str,
    by: &Requester,
    address: IpAddr,
    (bits, length): (u128, u8),
) -> BTreeSet<String> {
    let provider = &fixture.provider;
    let _ = provider.group(&name(group)).await.expect("an answer");
    let _ = provider.subnets(Some(&name(group))).await.expect("an answer");
    let around = ipam_provider::Prefix::around(std::net::Ipv6Addr::from_bits(bits).into(), length).expect("a prefix");
    let _ = provider.find_subnets(around, Some(&name(group))).await.expect("an answer");
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    provider.reserve(&subnet, address, by).await.expect("it is free");
    assert!(provider.reservation(&subnet, address).await.expect("an answer").is_some());
    let _ = provider.own_records(address).await.expect("an answer");
    let _ = free(provider, &subnet, 3).await.expect("an answer");
    assert!(provider.release(&subnet, address).await.expect("a release").is_removed());
    let _ = provider.probe().await;
    queries(fixture)
}

#[tokio::test]
async fn a_subnet_is_in_the_hierarchy_group_above_its_folders() {
    let ipam = Simulated::empty(Site::default());
    let root = ipam.add_hierarchy("Lab", "");
    let folder = ipam.add_node(root, 2, "Folder", "");
    let supernet = ipam.add_node(folder, 4, "10.1.0.0/16", "");
    ipam.add_subnet(supernet, "10.1.1.0/24", "");
    let prefix = ipam.add_node(root, 128, "2001:db8", "");
    let site = ipam.add_node(prefix, 256, "Site", "");
    ipam.add_subnet(site, "2001:db8:9::/64", "Described");
    // A subnet in a group that the account may not see.
    ipam.add_subnet(4711, "10.1.2.0/24", "");
    let fixture = Fixture::of(ipam, json!({}), |ipam| ipam);
    let groups = fixture.provider.groups().await.expect("groups");
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Lab"]);
    let subnets = fixture.provider.subnets(Some(&name("Lab"))).await.expect("subnets");
    let shown: Vec<_> = subnets.iter().map(|subnet| (subnet.prefix.to_string(), subnet.description.as_str())).collect();
    // Without comments the name of the subnet describes it.
    assert_eq!(shown, [("10.1.1.0/24".to_owned(), "10.1.1.0/24"), ("2001:db8:9::/64".to_owned(), "Described")]);
    for absent in ["10.1.0.0/16", "10.1.2.0/24"] {
        let found = fixture.provider.find_subnets(absent.parse().expect("a prefix"), None).await;
        assert_eq!(found.expect("an answer"), [], "{absent}");
    }
}

/// The verbs name a group, and of two of one name the server takes either.
#[tokio::test]
async fn groups_of_one_name_are_one_name_and_two_spaces() {
    let ipam = Simulated::empty(Site::default());
    for group in ["Lab", "LAB ", "Lab"] {
        let id = ipam.add_hierarchy(group, "");
        ipam.add_subnet(id, "10.1.1.0/24", group);
    }
    let fixture = Fixture::of(ipam, json!({}), |ipam| ipam);
    let groups = fixture.provider.groups().await.expect("groups");
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["LAB ", "Lab"]);
    let prefix = "10.1.1.0/24".parse().expect("a prefix");
    let found = fixture.provider.find_subnets(prefix, Some(&name("Lab"))).await.expect("subnets");
    assert_eq!(found.len(), 2, "which one is meant is not for the provider to say");
    assert_ne!(found[0].space, found[1].space);
    kinds(&fixture);
    for subnet in &found {
        let address = ip("10.1.1.9");
        fixture.provider.reserve(subnet, address, &host("a")).await.expect("each has it once");
        assert!(fixture.provider.reservation(subnet, address).await.expect("an answer").is_some());
    }
    assert!(!kinds(&fixture).iter().any(|kind| kind.contains("Reservation")));
    let own = fixture.provider.own_records(ip("10.1.1.9")).await.expect("records");
    assert_eq!(own.len(), 2);
}

#[tokio::test]
async fn ten_thousand_subnets_are_found_and_listed() {
    let ipam = Simulated::empty(Site { bits_with_rows: 0, ..Site::default() });
    let groups = ["Even", "Odd"].map(|name| ipam.add_hierarchy(name, ""));
    for number in 0..10_000_usize {
        let prefix = format!("10.{}.{}.{}/28", number / 4096, number / 16 % 256, number % 16 * 16);
        ipam.add_subnet(groups[number % 2], &prefix, "");
    }
    let fixture = Fixture::of(ipam, json!({}), |ipam| ipam);
    let listed = fixture.provider.subnets(Some(&name("Odd"))).await.expect("subnets");
    assert_eq!(listed.len(), 5000);
    assert!(listed.is_sorted_by_key(|subnet| subnet.prefix));
    // Ten full pages and an empty one, the tree, and what the server can do.
    assert_eq!(kinds(&fixture).len(), 13);
    fixture.subnet("Odd", "10.2.70.240/28").await;
    assert_eq!(kinds(&fixture).len(), 3);
}
