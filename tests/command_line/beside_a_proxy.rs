//! The commands while a proxy runs over the same store.

use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::http::call;
use crate::process::Proxy;
use crate::site::Site;

/// Asks the running proxy over its control socket, which needs no certificate.
fn ask(site: &Site, method: &str, target: &str) -> (u16, Value) {
    call(UnixStream::connect(site.place("state/control.sock")).expect("a control socket"), method, target)
}

#[test]
fn what_the_command_line_changes_the_proxy_sees_and_the_other_way_round() {
    let site = Site::new();
    let mut proxy = Proxy::start(site.command(&["serve"]));
    // The proxy has made the store.
    assert_eq!(site.json(&["group", "list", "--json"]), json!([]));
    site.ok(&["group", "add", "Lab & Test", "--description", "A group"]);
    site.ok(&["subnet", "add", "10.0.0.0/29", "--group", "Lab & Test"]);
    site.ok(&["address", "add", "10.0.0.1"]);
    let (status, groups) = ask(&site, "GET", "/ipam/groups");
    assert_eq!((status, groups), (200, json!([{"id": 1, "name": "Lab & Test", "description": "A group"}])));
    let subnet = "/ipam/subnet/10.0.0.0/29";
    assert_eq!(ask(&site, "GET", &format!("{subnet}/10.0.0.1")), (200, json!(true)));
    site.ok(&["address", "delete", "10.0.0.1"]);
    assert_eq!(ask(&site, "GET", &format!("{subnet}/10.0.0.1")), (200, json!(false)));
    let (status, _) = ask(&site, "POST", &format!("{subnet}/10.0.0.2?mac=00:00:5e:00:53:01&hostname=a.example.com"));
    assert_eq!(status, 201);
    let record = site.json(&["address", "show", "10.0.0.2", "--json"]);
    assert_eq!(
        (&record["mac"], &record["hostname"], &record["owner"]),
        (&json!("00:00:5e:00:53:01"), &json!("a.example.com"), &json!("foreman-ipam-proxy"))
    );
    site.ok(&["store", "verify"]);
    site.ok(&["store", "backup", &site.text("copy.sqlite")]);
    site.ok(&["store", "copy", "--to", &site.text("other.sqlite")]);
    assert!(proxy.terminate().success());
    for copy in ["copy.sqlite", "other.sqlite"] {
        assert_eq!(site.ok(&["export", "--store", &site.text(copy)]), site.ok(&["export"]), "{copy}");
    }
}

#[test]
fn an_address_that_is_held_for_a_host_is_not_the_next() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/29"]);
    let mut proxy = Proxy::start(site.command(&["serve"]));
    let next_ip = "/ipam/subnet/10.0.0.0/29/next_ip";
    for (mac, address) in [("01", "10.0.0.1"), ("02", "10.0.0.2")] {
        let asked = ask(&site, "GET", &format!("{next_ip}?mac=00:00:5e:00:53:{mac}"));
        assert_eq!(asked, (200, json!({"data": address})));
    }
    let next = ["address", "add", "--next", "--subnet", "10.0.0.0/29"];
    assert_eq!(site.ok(&next), "10.0.0.3\n");
    // By name it can be had, but not silently.
    let ran = site.run(&["address", "add", "10.0.0.1"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Address 10.0.0.1 in subnet 10.0.0.0/29 is added\n"));
    assert!(ran.err.contains("warning: 10.0.0.1 is held until "), "{}", ran.err);
    assert!(proxy.terminate().success());
    // The promise outlives the proxy.
    for place in [&[][..], &["--store", &site.store().display().to_string()]] {
        site.ok(&["address", "delete", "10.0.0.3"]);
        assert_eq!(site.ok(&[&next, place].concat()), "10.0.0.3\n", "{place:?}");
    }
}

#[test]
fn what_the_command_line_takes_is_not_offered_once_more() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/28"]);
    site.write("etc/settings.d/externalipam.yml", "use_provider: internal\ncandidate_seconds: 60\n");
    let mut proxy = Proxy::start(site.command(&["serve"]));
    let next = || ask(&site, "GET", "/ipam/subnet/10.0.0.0/28/next_ip");
    let offered = |last: u8| (200, json!({"data": format!("10.0.0.{last}")}));
    assert_eq!(next(), offered(1));
    site.ok(&["address", "add", "10.0.0.2"]);
    assert_eq!(next(), offered(3));
    site.ok(&["subnet", "exclude", "10.0.0.0/28", "10.0.0.4-10.0.0.5"]);
    assert_eq!(next(), offered(6));
    site.write("more.csv", "kind,prefix,address\naddress,10.0.0.0/28,10.0.0.7\n");
    site.ok(&["import", &site.text("more.csv")]);
    assert_eq!(next(), offered(8));
    site.ok(&["address", "delete", "10.0.0.2"]);
    assert_eq!(next(), offered(2), "what is free again is found at once");
    assert!(proxy.terminate().success());
}

#[test]
fn a_proxy_that_does_not_hear_of_a_change_is_warned_of() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/28"]);
    site.answer_at_control_socket("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let ran = site.run(&["address", "add", "10.0.0.2"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Address 10.0.0.2 in subnet 10.0.0.0/28 is added\n"));
    assert!(ran.err.contains("warning: ") && ran.err.contains("candidate_seconds"), "{}", ran.err);
}
