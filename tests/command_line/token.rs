//! `token`: made, listed and revoked, while a proxy runs and while none does.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::http::{call, call_with};
use crate::process::Proxy;
use crate::site::{Site, is_there, rows};

/// A site with the management API on loopback.
fn site() -> Site {
    let site = Site::new();
    site.write("etc/settings.d/api.yml", "enabled: true\nport: 0\n");
    site
}

fn api_of(proxy: &Proxy) -> SocketAddr {
    let line = proxy.said.iter().find_map(|line| line.split_once("The management API listens on http://"));
    line.expect("a line").1.trim().parse().expect("address and port")
}

#[test]
fn a_token_is_shown_once_and_ends_at_once() {
    let site = site();
    assert_eq!(rows(&site.ok(&["token", "list"])), [["NAME", "ROLE", "GROUPS", "MADE", "EXPIRES", "LAST USED"]]);
    assert!(!is_there(&site.place("state/api.sqlite")), "looking makes nothing");
    let before = site.ok(&["token", "add", "early", "--role", "reader"]);
    let proxy = Proxy::start(site.command(&["serve"]));
    let beside = site.ok(&["token", "add", "late", "--role", "admin", "--group", "A", "--group", "B & C"]);
    let status = |token: &str| {
        let head = format!("Authorization: Bearer {}\r\n", token.trim());
        call_with(TcpStream::connect(api_of(&proxy)).expect("a connection"), "GET", "/api/v1/status", &head).0
    };
    assert_eq!((status(&before), status(&beside), status("fip_x")), (200, 200, 401));
    let listed = site.json(&["token", "list", "--json"]);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["role"], &listed[0]["groups"]),
        (&"early".into(), &"reader".into(), &Value::Null)
    );
    assert_eq!(listed[1]["groups"], serde_json::json!(["A", "B & C"]));
    assert!(!listed.to_string().contains(before.trim()) && listed[1].get("hash").is_none());
    assert_eq!(site.ok(&["token", "revoke", "early"]), "The token early is revoked\n");
    assert_eq!((status(&before), status(&beside)), (401, 200));
    // The proxy's own user needs none.
    let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
    assert_eq!(call(socket, "GET", "/api/v1/groups").0, 200);
}

#[test]
fn what_cannot_be_done_is_said_with_what_would_be_right() {
    let site = site();
    site.ok(&["token", "add", "deploy", "--role", "operator", "--expires", "2100-01-01"]);
    for (arguments, said) in [
        (
            &["add", "deploy", "--role", "reader"][..],
            "there is a token deploy already; choose another name, or revoke it first",
        ),
        (&["add", "a b", "--role", "reader"][..], "the name of a token has 1 to 64 letters"),
        (&["add", "old", "--role", "reader", "--expires", "2020-01-01"][..], "--expires is in the past"),
        (&["revoke", "nosuch"][..], "there is no token nosuch; 'token list' shows all"),
    ] {
        let arguments: Vec<&str> = ["token"].iter().chain(arguments).copied().collect();
        let refused = site.refused(&arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    let ran = site.run(&["token", "add", "x", "--role", "root"]);
    assert!(ran.code == 2 && ran.err.contains("a role is reader, operator or admin"), "{}", ran.err);
    site.write("etc/settings.d/api.yml", "enabled: false\n");
    let ran = site.run(&["token", "add", "y", "--role", "reader"]);
    assert!(
        ran.code == 0 && ran.err.contains("the management API is off") && ran.out.starts_with("fip_"),
        "{}",
        ran.err
    );
}
