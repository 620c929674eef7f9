//! `ledger`: what is shown of writes through a proxy, while it runs and afterwards.

use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::http::call;
use crate::process::Proxy;
use crate::site::Site;

const SUBNET: &str = "10.0.0.0/29";

fn ask(site: &Site, method: &str, target: &str) -> (u16, Value) {
    let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
    call(socket, method, &format!("/ipam/subnet/{SUBNET}/{target}"))
}

/// The records that are shown, each with what is the same in every run.
fn shown(site: &Site, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> = ["ledger", "--json"].iter().chain(arguments).copied().collect();
    let ran = site.run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("one record a line"));
    let told = |record: Value| {
        assert!(record["time"].is_string() && record["request"].is_string() && record["sequence"].is_number());
        assert_eq!(record["caller"], "a local user");
        json!([record["operation"], record["outcome"], record["address"], record["mac"], record["host_name"]])
    };
    lines.map(told).collect()
}

#[test]
fn every_write_is_shown_by_address_mac_and_host_while_the_proxy_runs_and_afterwards() {
    let site = Site::new();
    site.ok(&["subnet", "add", SUBNET]);
    let missing = site.run(&["ledger"]);
    assert!(missing.code == 0 && missing.err.contains("there is no ledger at"), "{missing:?}");
    let mut proxy = Proxy::start(site.command(&["serve"]));
    let mac = "52:54:00:00:00:01";
    assert_eq!(ask(&site, "GET", &format!("next_ip?mac={mac}")).1["data"], "10.0.0.1");
    assert_eq!(ask(&site, "POST", "10.0.0.1?hostname=Web01.example.com").0, 201);
    assert_ne!(ask(&site, "POST", "10.0.0.1").0, 201);
    assert_eq!(ask(&site, "DELETE", "10.0.0.1").0, 200);
    assert_eq!(ask(&site, "POST", "10.0.0.2").0, 201);
    let name = "web01.example.com";
    let added = json!(["add", "done", "10.0.0.1", mac, name]);
    let refused = json!(["add", "failed", "10.0.0.1", null, null]);
    let deleted = json!(["delete", "done", "10.0.0.1", mac, "Web01.example.com"]);
    let deleted = {
        let mut deleted = deleted;
        deleted[4] = json!(name);
        deleted
    };
    let other = json!(["add", "done", "10.0.0.2", null, null]);
    for is_running in [true, false] {
        assert_eq!(shown(&site, &[]), [&added, &refused, &deleted, &other].map(Clone::clone), "running: {is_running}");
        assert_eq!(shown(&site, &["--address", "10.0.0.1"]), [&added, &refused, &deleted].map(Clone::clone));
        assert_eq!(shown(&site, &["--mac", "52-54-00-00-00-01"]), [&added, &deleted].map(Clone::clone));
        assert_eq!(shown(&site, &["--host", "WEB01.example.com"]), [&added, &deleted].map(Clone::clone));
        // Who had it in the far future: the last record before that time.
        assert_eq!(shown(&site, &["--address", "10.0.0.2", "--since", "2100-05-03"]), std::slice::from_ref(&other));
        assert_eq!(shown(&site, &["--until", "2020-05-03"]), [] as [Value; 0]);
        if is_running {
            assert!(proxy.terminate().success());
        }
    }
    let table = site.run(&["ledger", "--address", "10.0.0.1"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines[0].starts_with("TIME ") && lines.len() == 4, "{}", table.out);
    for (line, what) in lines[1..].iter().zip([" added ", " not added ", " deleted "]) {
        assert!(line.contains(what) && line.contains("a local user"), "{line}");
    }
}

#[test]
fn what_cannot_be_asked_is_said_with_what_would_be_right() {
    let site = Site::new();
    for (arguments, said) in [
        (&["--since", "3 May"][..], "write a date such as 2026-05-03"),
        (&["--since", "2026-05-03", "--until", "2026-05-02"][..], "--until is before --since"),
        (&["--address", "10.0.0.1", "--host", "a"][..], "cannot be used with"),
        (&["--address", "10.0.0"][..], "invalid value"),
    ] {
        let arguments: Vec<&str> = ["ledger"].iter().chain(arguments).copied().collect();
        let ran = site.run(&arguments);
        assert!(ran.code != 0 && ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}
