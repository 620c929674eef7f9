//! `holds`, with a proxy that runs and without.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};

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

/// The service's user, who is not root.
const SERVICE: u32 = 12_345;

#[test]
fn root_is_led_nowhere_by_links_in_the_state_directory() {
    let site = Site::new();
    site.ok(&["subnet", "add", SUBNET]);
    // Only root can give files away, and only root can be led.
    if chown(site.place("state"), Some(SERVICE), Some(SERVICE)).is_err() {
        return;
    }
    chown(site.store(), Some(SERVICE), Some(SERVICE)).expect("the owner");
    site.write("target", "of root");
    let listener = UnixListener::bind(site.place("other.sock")).expect("a socket");
    listener.set_nonblocking(true).expect("set");
    let is_untouched = || {
        let target = fs::metadata(site.place("target")).expect("a file");
        assert_eq!((target.uid(), target.mode() & 0o777), (0, 0o600));
        assert_eq!(fs::read_to_string(site.place("target")).expect("a file"), "of root");
        assert!(listener.accept().is_err(), "nobody calls another program");
    };
    let link = |name: &str, target: &str| {
        let path = site.place("state").join(name);
        let _ = fs::remove_file(&path);
        symlink(site.place(target), path).expect("a link");
    };
    link("holds.lock", "target");
    link("holds.journal.new", "target");
    link("control.sock", "other.sock");
    assert!(release(&site, "10.0.0.1").err.to_lowercase().contains("the address is not held; "));
    is_untouched();
    let journal = fs::metadata(site.place("state/holds.journal")).expect("a journal");
    assert_eq!(journal.uid(), SERVICE, "what root creates is the service's");
    link("control.sock", "target");
    let mut proxy = Proxy::start(site.command(&["serve"]));
    is_untouched();
    assert!(proxy.terminate().success());
    link("holds.journal", "target");
    for arguments in [&["holds", "list"][..], &["address", "add", "10.0.0.2"], &["serve"]] {
        let ran = site.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.err.contains("it is a symbolic link, which is not followed"), "{}", ran.err);
    }
    is_untouched();
}
