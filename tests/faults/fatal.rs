//! The proxy ends by itself: the log says why in a line of its own kind, and the exit code says that it has failed.

use std::fs;
use std::net::TcpListener;

use crate::support::{Ended, Manager, Place, SUBNET, Seed, Spawn};

/// A proxy that writes its log where a service of its kind does, with these lines of `settings.yml`.
fn place(more: &str) -> Place {
    let place = Place::new(Seed::new().subnet(SUBNET));
    place.global(&format!("log_file: {}\n{more}", place.path("proxy.log").display()));
    place
}

/// Asserts that the end is told by one line of the log, which is its last and has this text, and by the command itself.
fn assert_is_told(place: &Place, ended: &Ended, code: i32, text: &str) {
    let log = fs::read_to_string(place.path("proxy.log")).expect("a log");
    assert_eq!(ended.status.code(), Some(code), "{}\n{log}", ended.text);
    let fatal: Vec<&str> = log.lines().filter(|line| line.contains(" [F] ")).collect();
    assert_eq!(fatal.len(), 1, "{log}");
    assert!(fatal[0].contains(text), "{log}");
    assert_eq!(log.lines().last(), Some(fatal[0]), "nothing comes behind it:\n{log}");
    assert!(ended.text.lines().any(|line| line.starts_with("foreman-ipam-proxy: ")), "{}", ended.text);
}

#[test]
fn a_start_that_fails_is_the_last_that_the_log_says() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    let in_use = place(&format!("https_port: {}", address.port()));
    let ended = Spawn::of(in_use.command(&["serve"])).unready().ended();
    let right = format!("-------- [F] The proxy does not start: cannot listen on {address}: ");
    assert_is_told(&in_use, &ended, 1, &right);

    let no_certificate = place("");
    fs::remove_file(no_certificate.path("server.pem")).expect("removed");
    let ended = Spawn::of(no_certificate.command(&["serve"])).unready().ended();
    assert_is_told(&no_certificate, &ended, 78, "-------- [F] The proxy does not start: ");
}

#[test]
fn a_server_that_fails_is_the_last_that_the_log_says() {
    // Each of the threads that answer requests needs open files of its own: together many more than the limit, which is
    // far more than all the rest needs before them.
    let place = place("workers: 256");
    let manager = Manager::new(&place);
    let starved = place.command_after("ulimit -n 128; exec", &["serve"]);
    let ended = Spawn::of(manager.employ(starved)).unready().ended();
    assert_is_told(&place, &ended, 1, "-------- [F] The proxy has failed: ");
    assert!(!place.path("state/control.sock").exists(), "the control socket is removed");
    // Only a service that was asked to stop says so; systemd starts this one again.
    assert!(!manager.rest().contains(&"STOPPING=1\n".to_owned()));
    // What it had promised and recorded is there for the next one.
    place.global("");
    place.start().end_well("TERM");
}
