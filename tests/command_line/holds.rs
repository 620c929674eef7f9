//! `holds`, with a proxy that runs and without.

use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::process::Proxy;
use crate::site::{Ran, Site};

const SUBNET: &str = "10.0.0.0/29";

/// The addresses that are listed.
fn listed(site: &Site) -> Vec<String> {
    let holds = site.json(&["holds", "list", "--json"]);
    let holds = holds.as_array().expect("a list").iter();
    holds.map(|hold| hold["address"].as_str().expect("an address").to_owned()).collect()
}

fn release(site: &Site, address: &str) -> Ran {
    site.run(&["holds", "release", address, "--subnet", SUBNET])
}

#[test]
fn a_hold_is_listed_and_released_whether_a_proxy_runs_or_not() {
    let site = Site::new();
    site.ok(&["subnet", "add", SUBNET]);
    let mut proxy = Some(Proxy::start(site.command(&["serve"])));
    let held = ["10.0.0.1", "10.0.0.2"];
    for expected in held {
        let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
        let answer = crate::http::call(socket, "GET", &format!("/ipam/subnet/{SUBNET}/next_ip"));
        assert_eq!((answer.0, &answer.1["data"]), (200, &Value::from(expected)));
    }
    for (address, left) in [(held[0], &held[1..]), (held[1], &[])] {
        assert_eq!(listed(&site)[0], address);
        let ran = release(&site, address);
        assert_eq!((ran.code, ran.out), (0, format!("IP address {address} is not held any more\n")), "{}", ran.err);
        let ran = release(&site, address);
        assert!(ran.code == 1 && ran.err.to_lowercase().contains("the address is not held; "), "{ran:?}");
        assert_eq!(listed(&site), left);
        // The second address is released without it.
        if let Some(mut proxy) = proxy.take() {
            assert!(proxy.terminate().success());
        }
    }
}
