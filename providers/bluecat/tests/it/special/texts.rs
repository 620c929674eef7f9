//! Names and descriptions with every character that means something to one of the APIs.

use std::sync::Arc;

use ipam_provider::{Provider, Requester};
use ipam_simulators::Server;
use ipam_simulators::bluecat::{Bluecat as Simulated, Site};
use proptest::prelude::*;
use serde_json::json;

use super::{APIS, ip, name};
use crate::site::{Fixture, provider};

/// Whatever people call a configuration.
const NAMES: [&str; 14] = [
    "O'Brien",
    "the \"lab\"",
    "both ' and \"",
    "100%",
    "a_b*",
    "back\\slash",
    "' or name:'Production",
    "\" or name:\"Production",
    "x') or id:ge(0",
    "a|b=c|",
    "a&b=c#d?e",
    "Zürich 東京",
    " ",
    "null",
];

#[tokio::test]
async fn configurations_are_found_by_exactly_their_names() {
    for api in APIS {
        let ipam = Arc::new(Simulated::empty(Site::default()));
        for (number, text) in NAMES.into_iter().enumerate() {
            ipam.add_configuration(text, "");
            ipam.add_network(text, &format!("10.{number}.0.0/24"), text);
        }
        let server = Server::start(ipam.clone());
        let settings =
            json!({"url": server.url(), "api": api, "user": Simulated::USER, "password": Simulated::PASSWORD});
        let provider = provider(settings);
        for (number, text) in NAMES.into_iter().enumerate() {
            let found =
                provider.group(&name(text)).await.expect("an answer").unwrap_or_else(|| panic!("{api}: {text}"));
            assert_eq!(found.name.as_str(), text, "{api}");
            let subnets = provider.subnets(Some(&name(text))).await.expect("subnets");
            let prefixes: Vec<String> = subnets.iter().map(|subnet| subnet.prefix.to_string()).collect();
            assert_eq!(prefixes, [format!("10.{number}.0.0/24")], "{api}: {text}");
            let found = provider.find_subnets(subnets[0].prefix, Some(&name(text))).await.expect("an answer");
            assert_eq!(found, subnets, "{api}: {text}");
            let other = provider.find_subnets(subnets[0].prefix, Some(&name("Production"))).await;
            assert_eq!(other.expect("an answer"), [], "{api}: {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// No text leaves its place: neither the name of a configuration nor a description.
    #[test]
    fn no_text_leaves_its_place(text in r"[a-z' \u{22}|\\=,%_*():&+#ü東]{1,24}", api in 0..2_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new(APIS[api]);
            let found = fixture.provider.group(&name(&text)).await.expect("an answer");
            assert_eq!(found, None, "there is no such configuration");
            fixture.ipam.add_configuration(&text, "");
            let found = fixture.provider.group(&name(&text)).await.expect("an answer");
            assert_eq!(found.expect("the configuration").name.as_str(), text);

            for (prefix, address) in [("192.0.2.16/28", "192.0.2.17"), ("2001:db8:1::/64", "2001:db8:1::9")] {
                let subnet = fixture.subnet("Production", prefix).await;
                let by = Requester { description: Some(text.clone()), ..Requester::default() };
                fixture.provider.reserve(&subnet, ip(address), &by).await.expect("a reservation");
                let record = fixture.ipam.record("Production", ip(address)).expect("a record");
                assert_eq!((record["state"].as_str(), &record["macAddress"]), (Some("STATIC"), &json!(null)));
                let read = fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer");
                let read = read.expect("a reservation").description.expect("a description");
                let plain = |text: &str| text.replace('\\', "");
                assert_eq!(plain(&read), plain(&text));
                if !text.contains('\\') || APIS[api] == "v2" {
                    assert_eq!(read, text);
                }
            }
        });
    }
}
