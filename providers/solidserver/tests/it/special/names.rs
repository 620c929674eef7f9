//! Names that mean something in a `WHERE`, in a URL or in a pattern.

use std::sync::Arc;

use ipam_provider::{GroupName, Provider};
use ipam_simulators::Server;
use ipam_simulators::solidserver::{Site, Solidserver as Simulated};
use serde_json::json;

use super::{host, ip, name};
use crate::site::{Fixture, awkward, provider, user};

const NAMES: [&str; 22] = [
    "it's",
    "''",
    "'",
    "x' or site_id='1",
    "x' or '1'='1",
    "50%",
    "%",
    "_",
    "a_b",
    "aXb",
    "*",
    "a*",
    r"back\slash",
    r"\",
    r"\'",
    r"end\",
    "a&b=c+d e",
    "#",
    "--",
    "Zürich",
    "zürich",
    "東京 1",
];

/// Each name is a space with one network, which is another one for each.
fn appliance(site: Site) -> (Arc<Simulated>, Server) {
    let ipam = Arc::new(Simulated::empty(site));
    for (index, name) in NAMES.iter().enumerate() {
        ipam.add_space(name, "");
        ipam.add_network(name, &format!("192.0.2.{}/30", 4 * index), true, name);
        // The same in every space, and a block around it, which is no subnet.
        ipam.add_network(name, "198.51.100.0/24", false, "block");
        ipam.add_network(name, "198.51.100.0/25", true, "twin");
    }
    let server = Server::start(ipam.clone());
    (ipam, server)
}

#[tokio::test]
async fn every_name_finds_exactly_one_space_its_networks_and_its_records() {
    for site in [Site::default(), awkward()] {
        let (ipam, server) = appliance(site);
        let mut settings = user();
        settings["url"] = server.url().into();
        let provider: Arc<dyn Provider> = Arc::new(provider(settings));
        let mut all: Vec<GroupName> = provider.groups().await.expect("groups").into_iter().map(|g| g.name).collect();
        all.sort();
        let mut expected: Vec<GroupName> = NAMES.iter().map(|text| name(text)).collect();
        expected.sort();
        assert_eq!(all, expected);
        let twin = "198.51.100.0/25".parse().expect("a prefix");
        for (index, text) in NAMES.iter().enumerate() {
            let group = name(text);
            let found = provider.group(&group).await.expect("an answer");
            assert_eq!(found.map(|found| found.name), Some(group.clone()), "{text}");
            let subnets = provider.subnets(Some(&group)).await.expect("subnets");
            let prefixes: Vec<String> = subnets.iter().map(|subnet| subnet.prefix.to_string()).collect();
            assert_eq!(prefixes, [format!("192.0.2.{}/30", 4 * index), "198.51.100.0/25".to_owned()], "{text}");
            let found = provider.find_subnets(twin, Some(&group)).await.expect("an answer");
            assert_eq!((found.len(), found[0].group.as_ref()), (1, Some(&group)), "{text}");

            let address = ip("198.51.100.9");
            provider.reserve(&found[0], address, &host("web")).await.expect("it is free in this space");
            assert!(ipam.record(text, address).is_some(), "{text}");
        }
        assert_eq!(provider.find_subnets(twin, None).await.expect("an answer").len(), NAMES.len());
        let own = provider.own_records(ip("198.51.100.9")).await.expect("records");
        assert_eq!(own.len(), NAMES.len());
        for text in ["it''s", "x", "a%", "A_B", "a.b", r"back\\slash", "ZÜRICH", "東京 _", "1' or '1'='1"] {
            assert_eq!(provider.group(&name(text)).await.expect("an answer"), None, "{text}");
            assert_eq!(provider.find_subnets(twin, Some(&name(text))).await.expect("an answer"), [], "{text}");
        }
    }
}

#[tokio::test]
async fn only_the_space_of_the_settings_is_served_whatever_its_name() {
    for text in NAMES {
        let (_, server) = appliance(awkward());
        let mut settings = user();
        settings["url"] = server.url().into();
        settings["space"] = text.into();
        let provider = provider(settings);
        let groups: Vec<_> = provider.groups().await.expect("groups").into_iter().map(|group| group.name).collect();
        assert_eq!(groups, [name(text)]);
        let twin = "198.51.100.0/25".parse().expect("a prefix");
        let found = provider.find_subnets(twin, None).await.expect("an answer");
        assert_eq!(found.iter().map(|subnet| subnet.group.clone()).collect::<Vec<_>>(), [GroupName::new(text)]);
        let other = name(if text == "*" { "%" } else { "*" });
        assert_eq!(provider.group(&other).await.expect("an answer"), None);
        assert_eq!(provider.find_subnets(twin, Some(&other)).await.expect("an answer"), []);
    }
}

#[tokio::test]
async fn a_space_that_was_renamed_still_shows_what_was_recorded_in_it() {
    let fixture = Fixture::with(json!({"space": "Production"}));
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &host("web")).await.expect("a reservation");
    fixture.ipam.rename_space("Production", "Prod");
    assert_eq!(fixture.provider.groups().await.expect("groups"), []);
    let own = fixture.provider.own_records(ip("192.0.2.17")).await.expect("records");
    assert_eq!(own.iter().map(|record| record.place.as_str()).collect::<Vec<_>>(), ["space Prod"]);
}
