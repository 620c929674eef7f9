//! Names that would mean something else if they were put together to a query or a path.

use std::sync::LazyLock;

use ipam_provider::{GroupName, Requester};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::{ip, name};
use crate::site::Fixture;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Quotes, wildcards, operators of searches, separators of queries and paths, escapes, and letters of several scripts.
const HARD: [&str; 16] = [
    "O'Brien \"Lab\"",
    "100%",
    "%2e%2e",
    "a_b",
    "*",
    ".*",
    "name~=.*",
    "a&network_view=Production",
    "a=b;c",
    "a/b/..",
    "..",
    "#1?",
    "a+b c",
    "Zürich 東京 🚀",
    "back\\slash",
    "func:nextavailableip:192.0.2.0/24",
];

/// What may be before a request's `=`, besides what is about the answer.
const SEARCHES: [&str; 6] = ["name", "network", "network_view", "ip_address", "ipv4addr", "ipv6addr"];

#[tokio::test]
async fn hard_names_are_names() {
    let fixture = Fixture::new();
    for hard in HARD {
        fixture.ipam.add_network_view(hard, "hard");
        fixture.ipam.add_network(hard, "10.7.0.0/29", hard);
    }
    for hard in HARD {
        let group = fixture.provider.group(&name(hard)).await.expect("an answer").expect("the view");
        assert_eq!(group.name, name(hard));
        let subnet = fixture.subnet(hard, "10.7.0.0/29").await;
        assert_eq!((subnet.group.clone(), subnet.description.as_str()), (GroupName::new(hard), hard));
        assert_eq!(
            fixture.provider.subnets(Some(&name(hard))).await.expect("its networks"),
            std::slice::from_ref(&subnet),
            "{hard}"
        );
        let free = super::free(&fixture.provider, &subnet, 9).await.expect("free addresses");
        assert_eq!(free.len(), 6, "{hard}");
        let by = Requester { description: Some(format!("foreman-ipam-proxy: {hard}")), ..Requester::default() };
        fixture.provider.reserve(&subnet, free[0], &by).await.expect("a reservation");
        let record = fixture.provider.reservation(&subnet, free[0]).await.expect("an answer").expect("a record");
        assert_eq!((record.description, record.ours), (by.description, true), "{hard}");
    }
    // One in each view, and each only there.
    let own = fixture.provider.own_records(ip("10.7.0.1")).await.expect("a list");
    assert_eq!(own.len(), HARD.len());
    for hard in HARD {
        let subnet = fixture.subnet(hard, "10.7.0.0/29").await;
        assert!(fixture.provider.release(&subnet, ip("10.7.0.1")).await.expect("a release").is_removed(), "{hard}");
    }
    assert_eq!(fixture.provider.own_records(ip("10.7.0.1")).await.expect("a list"), []);
    let requests = fixture.server.take_requests();
    let mut keys = requests.iter().flat_map(ipam_simulators::Request::parameters).map(|(key, _)| key);
    let stray = keys.find(|key| !key.starts_with('_') && !SEARCHES.contains(&key.as_str()));
    assert_eq!(stray, None, "no name became a part of a query");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the names: a view is found by its own name and by no other.
    #[test]
    fn a_view_is_found_by_its_name_and_by_no_other(one in "\\PC{1,24}", other in "[%_*'\"~=&?#/\\\\.+ a-c]{1,12}") {
        prop_assume!(one != other);
        RUNTIME.block_on(async {
            let fixture = Fixture::new();
            fixture.ipam.add_network_view(&one, "");
            fixture.ipam.add_network(&one, "10.7.0.0/29", "");
            let found = fixture.provider.group(&name(&one)).await.expect("an answer");
            assert_eq!(found.map(|group| group.name), GroupName::new(&one));
            let is_seeded = crate::site::seed().groups.iter().any(|group| group.name == name(&other)) || other == "default";
            assert_eq!(fixture.provider.group(&name(&other)).await.expect("an answer").is_some(), is_seeded);
            let subnet = fixture.subnet(&one, "10.7.0.0/29").await;
            assert_eq!(fixture.provider.reservation(&subnet, ip("10.7.0.1")).await.expect("an answer"), None);
            let elsewhere = fixture.provider.find_subnets(subnet.prefix, Some(&name(&other))).await;
            assert_eq!(elsewhere.expect("an answer"), []);
            for request in fixture.server.take_requests() {
                for (key, _) in request.parameters() {
                    assert!(key.starts_with('_') || SEARCHES.contains(&key.as_str()), "{key}");
                }
            }
        });
    }

    /// Whatever is written into a record is read as it was written.
    #[test]
    fn texts_are_recorded_as_they_are(description in "\\PC{0,200}", site in "[^{}\\p{C}]{1,40}") {
        RUNTIME.block_on(async {
            let fixture = Fixture::with(serde_json::json!({"extensible_attributes": {"Site": site}}));
            fixture.ipam.define_attribute("Site");
            let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
            let by = Requester { description: Some(description.clone()), ..Requester::default() };
            fixture.provider.reserve(&subnet, ip("192.0.2.17"), &by).await.expect("a reservation");
            let record = fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer");
            assert_eq!(record.expect("a record").description, Some(description.clone()));
            let record = fixture.ipam.record("Production", ip("192.0.2.17")).expect("a record");
            let words: Vec<&str> = site.split_whitespace().collect();
            assert_eq!(record["extattrs"]["Site"]["value"].as_str().unwrap_or_default(), words.join(" "));
        });
    }
}
