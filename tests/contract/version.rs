//! `/version`, which Foreman compares with its own on every page of the proxy.

use serde_json::Value;

use crate::support::{Builder, Seed, Server};

/// `SmartProxiesController#versions_mismatched?` of Foreman since 1.18: the major numbers are equal, and the proxy's
/// minor number is Foreman's or one more.
fn fits(foreman: &str, proxy: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).take(2).collect()
    };
    let (foreman, proxy) = (numbers(foreman), numbers(proxy));
    foreman[0] == proxy[0] && (proxy[1] == foreman[1] || proxy[1] == foreman[1] + 1)
}

fn version(server: &Server) -> Value {
    let response = server.client_as(None).get("/version");
    assert_eq!(response.status, 200);
    response.json()
}

#[test]
fn modules_are_listed_under_both_names_that_foreman_looks_for() {
    let server = Server::start(Seed::new());
    let modules = version(&server)["modules"].clone();
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(modules, serde_json::json!({"externalipam": own, "external ipam": own, "logs": own}));
}

#[test]
fn foreman_shows_no_warning_about_a_version_that_is_configured_to_fit() {
    // What is configured, and which Foreman versions are content with it.
    for (configured, content, warned) in [
        (None, vec!["3.12.0", "3.13.0", "3.13.0-develop"], vec!["3.11.2", "3.14.0", "2.13.0"]),
        (Some("3.10"), vec!["3.9.1", "3.10.0"], vec!["3.8.0", "3.11.0", "4.10.0"]),
        (Some("2.3.5"), vec!["2.2.3", "2.3.0"], vec!["2.4.0", "2.1.4", "3.3.0"]),
    ] {
        let server = Builder::new(Seed::new());
        let server = match configured {
            Some(version) => server.global(format!("foreman_version: '{version}'")),
            None => server,
        };
        let server = server.start();
        let body = version(&server);
        let said = body["version"].as_str().expect("text");
        for foreman in content {
            assert!(fits(foreman, said), "Foreman {foreman} warns about {said}");
        }
        for foreman in warned {
            assert!(!fits(foreman, said), "Foreman {foreman} is content with {said}");
        }
    }
}

#[test]
fn the_version_tells_our_own_too() {
    let server = Server::start(Seed::new());
    let said = version(&server)["version"].as_str().expect("text").to_owned();
    assert!(said.ends_with(env!("CARGO_PKG_VERSION")), "{said}");
}
