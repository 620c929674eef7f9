//! SIGHUP: settings and certificates are read again, and nobody notices but for what has changed.

use std::collections::HashSet;
use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use serde_json::json;

use crate::support::{
    Place, Process, Request, SERVER_NAME, SUBNET, Seed, authority, der, free_port, mac, next_ip, offered,
    server_certificate, target, trouble, until,
};

const RELOADED: &str = "Settings and certificates are reloaded";
const KEPT: &str = "Settings and certificates stay as they were";

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

/// The certificate that a new connection is shown, as DER.
fn shown(server: &Process) -> Vec<u8> {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
    connector.cert_store_mut().add_cert(authority().x509.clone()).expect("added");
    connector.set_verify(SslVerifyMode::PEER);
    let tcp = TcpStream::connect(server.https()).expect("a connection");
    let stream = connector.build().connect(SERVER_NAME, tcp).expect("a handshake");
    der(&stream.ssl().peer_certificate().expect("a certificate"))
}

#[test]
fn a_new_certificate_is_used_for_new_connections_while_old_ones_go_on() {
    let place = place();
    let server = place.start();
    let mut kept = server.foreman().connect().expect("a connection");
    let mut works = || kept.exchange(Request::new("GET", "/v2/features")).expect("an answer").status;
    assert_eq!(works(), 200);
    assert_eq!(shown(&server), der(&server_certificate().x509));
    for round in 1..=3 {
        let renewed = authority().host(SERVER_NAME);
        place.certificate(&renewed);
        server.signal("HUP");
        server.wait_for_times(RELOADED, round);
        assert_eq!(shown(&server), der(&renewed.x509));
        assert_eq!(works(), 200, "the old connection goes on");
    }
    server.end_well("TERM");
}

#[test]
fn what_is_counted_outlives_a_reload() {
    let place = place();
    let server = place.start();
    let client = server.foreman();
    let counted = || {
        let text = client.get("/metrics").text().to_owned();
        let of = |name: &str, labels: &str| {
            let line = text.lines().find(|line| line.starts_with(name) && line.contains(labels));
            let line = line.unwrap_or_else(|| panic!("no {name} with {labels} in\n{text}"));
            line.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number")
        };
        [
            of("foreman_ipam_proxy_request_duration_seconds_count", "next_ip"),
            of("foreman_ipam_proxy_ipam_operation_duration_seconds_count", "free_addresses"),
            of("foreman_ipam_proxy_candidates_fetched_total", ""),
            of("foreman_ipam_proxy_ledger_records_total", "saved"),
        ]
    };
    let address = offered(&client.send(next_ip(&mac(1))));
    assert_eq!(client.post(&target(&address)).status, 201);
    assert_eq!(counted(), [1, 1, 64, 1]);
    server.signal("HUP");
    server.wait_for_times(RELOADED, 1);
    offered(&client.send(next_ip(&mac(2))));
    assert_eq!(counted(), [2, 2, 128, 1]);
    server.end_well("TERM");
}

#[test]
fn changed_settings_take_effect_with_a_reload_and_promises_stay() {
    let place = place();
    place.ipam("hold_seconds: 1800");
    let server = place.start();
    let client = server.foreman();
    let mut kept = client.connect().expect("a connection");
    let first = offered(&client.send(next_ip(&mac(1))));
    assert_eq!(client.get("/ipam/subnet/10.99.0.0/24").answer(), (200, json!({})), "Foreman's style");

    place.ipam("hold_seconds: 600\nerror_style: http");
    place.global("trusted_hosts: [foreman.example.com]\nforeman_version: '3.9'");
    server.signal("HUP");
    server.wait_for_times(RELOADED, 1);
    assert_eq!(client.get("/ipam/subnet/10.99.0.0/24").status, 404);
    let through_old = kept.exchange(Request::new("GET", "/ipam/subnet/10.99.0.0/24")).expect("an answer");
    assert_eq!(through_old.status, 404, "on old connections too");
    let version = client.get("/version").json()["version"].as_str().expect("text").to_owned();
    assert!(version.starts_with("3.9.0"), "{version}");
    let second = offered(&client.send(next_ip(&mac(2))));
    assert_ne!(first, second);
    assert_eq!(offered(&client.send(next_ip(&mac(1)))), first, "the promise outlives the reload");
    let life = |address: &str| {
        let holds = client.get("/ipam/holds").json();
        let held = holds["holds"].as_array().expect("a list").iter().find(|held| held["address"] == json!(address));
        let held = held.expect("a hold").clone();
        let time = |key: &str| -> jiff::Timestamp { held[key].as_str().expect("text").parse().expect("a time") };
        time("until").duration_since(time("since")).as_secs()
    };
    assert!((599..=601).contains(&life(&second)), "{}", life(&second));

    place.global("trusted_hosts: [other.example.com]");
    server.signal("HUP");
    server.wait_for_times(RELOADED, 2);
    assert_eq!(client.get("/v2/features").status, 403);
    assert_eq!(kept.exchange(Request::new("GET", "/v2/features")).expect("an answer").status, 403);
    assert_eq!(client.get("/version").status, 200, "open to everybody");
    server.end_well("TERM");
}

#[test]
fn a_reload_keeps_the_store_open_and_starts_no_second_writer() {
    let place = place();
    let server = place.start();
    let before = server.threads("internal-writer");
    assert_eq!(before.len(), 1, "{before:?}");
    for round in 1..=3 {
        place.ipam(&format!("hold_seconds: {}", 1800 - round));
        server.signal("HUP");
        server.wait_for_times(RELOADED, round);
        assert_eq!(server.threads("internal-writer"), before, "the writer of before, and no other");
        offered(&server.foreman().send(next_ip(&mac(1))));
    }
    server.end_well("TERM");
}

#[test]
fn a_reload_with_faults_keeps_what_was_there_and_says_so() {
    let place = place();
    let server = place.start();
    let client = server.foreman();
    let address = offered(&client.send(next_ip(&mac(1))));
    let mut kept = 0;
    let mut assert_keeps = |name: &str, text: &str, complaint: &str| {
        place.write(name, text);
        server.signal("HUP");
        kept += 1;
        let line = server.wait_for_times(KEPT, kept);
        let said = trouble(&client).expect("Foreman's page says what is wrong");
        assert!(said.contains("a reload failed") && said.contains(complaint), "{complaint:?} is not in {said}");
        assert!(line.contains("[E]"), "{line}");
        assert_eq!(shown(&server), der(&server_certificate().x509));
        assert_eq!(offered(&client.send(next_ip(&mac(1)))), address);
        assert_eq!(client.get("/ipam/subnet/10.99.0.0/24").answer(), (200, json!({})), "nothing is half changed");
    };
    assert_keeps("etc/settings.d/externalipam.yml", "error_style: http\nhold_seconds: 1", "hold_seconds");
    assert_keeps("etc/settings.d/externalipam.yml", "error_style: [", "externalipam.yml");
    place.ipam("error_style: http");
    assert_keeps("server.pem", "no certificate", "holds no certificate");
    place.certificate(server_certificate());
    assert_keeps("server.key", &authority().host(SERVER_NAME).key_pem(), "is not the key of the first certificate");
    place.certificate(server_certificate());
    assert_keeps("authority.pem", "", "authority.pem");
    authority().write(&place.path(""), "authority");
    // What is right again is taken, and the trouble is over.
    server.signal("HUP");
    server.wait_for(RELOADED);
    assert_eq!(trouble(&client), None);
    assert_eq!(client.get("/ipam/subnet/10.99.0.0/24").status, 404, "error_style is http by now");
    server.assert_sound();
    server.end_well("TERM");
}

#[test]
fn a_reload_says_what_only_a_restart_changes() {
    let place = place();
    let server = place.start();
    fs::create_dir(place.path("elsewhere")).expect("a directory");
    let mut silent = Vec::new();
    for (round, line) in [
        format!("https_port: {}", free_port()),
        "bind_host: 127.0.0.2".to_owned(),
        "http_port: 0\ntrusted_hosts: [foreman.example.com]".to_owned(),
        format!("state_directory: {}", place.path("elsewhere").display()),
        format!("log_file: {}", place.path("elsewhere/proxy.log").display()),
        "workers: 1".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let warnings = || {
            let is_warning = |line: &&String| line.contains("[W]") && line.contains("restart");
            server.output().lines().iter().filter(is_warning).count()
        };
        let before = warnings();
        place.global(&line);
        server.signal("HUP");
        server.wait_for_times(RELOADED, 2 * round + 1);
        if warnings() == before {
            silent.push(line);
        }
        place.global("");
        server.signal("HUP");
        server.wait_for_times(RELOADED, 2 * round + 2);
    }
    assert!(silent.is_empty(), "changed without effect and without a word:\n{}", silent.join("\n"));
}

#[test]
fn a_listener_that_needs_a_restart_is_not_announced_before() {
    let place = place();
    let server = place.start();
    place.global("http_port: 0\ntrusted_hosts: [foreman.example.com]");
    server.signal("HUP");
    server.wait_for(RELOADED);
    let features = server.foreman().get("/v2/features").json();
    assert_eq!(features["externalipam"]["http_enabled"], json!(false), "nobody listens: {features}");
    assert_eq!(features["externalipam"]["https_enabled"], json!(true), "{features}");
}

#[test]
fn https_that_was_taken_out_of_the_settings_goes_on_until_the_restart() {
    let place = place();
    let server = place.start();
    let state = place.path("state").display().to_string();
    place.write(
        "etc/settings.yml",
        format!("http_port: 0\ntrusted_hosts: [foreman.example.com]\nstate_directory: {state}"),
    );
    server.signal("HUP");
    server.wait_for(RELOADED);
    server.wait_for("ssl_certificate, ssl_private_key and ssl_ca_file: changed by a restart only");
    // What is on the way to its restart must not tell Foreman that the feature is gone: its subnets would lose it.
    let features = server.foreman().get("/v2/features").json();
    assert_eq!(features["externalipam"]["https_enabled"], json!(true), "{features}");
    assert_eq!(server.curl().get(&format!("/ipam/subnet/{SUBNET}")).status, 200);
}

#[test]
fn a_state_directory_is_not_left_by_a_reload() {
    // The lock, the promises and the control socket stay where they are, so the store must too.
    let place = place();
    let server = place.start();
    fs::create_dir(place.path("elsewhere")).expect("a directory");
    place.global(&format!("state_directory: {}", place.path("elsewhere").display()));
    server.signal("HUP");
    server.wait_for(RELOADED);
    let subnet = server.curl().get(&format!("/ipam/subnet/{SUBNET}"));
    assert_eq!(subnet.status, 200, "the store is another one: {}", subnet.text());
    assert!(!place.path("elsewhere/ipam.sqlite").exists());
}

#[test]
fn nothing_is_dropped_under_load_while_settings_are_reloaded_twenty_times() {
    let place = place();
    let server = place.start();
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let addresses = thread::scope(|scope| {
        let (server, is_over, answered) = (&server, &is_over, &answered);
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                scope.spawn(move || {
                    // Half of them as Foreman does, with a connection for each call; half keep theirs.
                    let client = server.foreman();
                    let mut kept = (caller % 2 == 0).then(|| client.connect().expect("a connection"));
                    let mut call = |request: Request| match &mut kept {
                        Some(connection) => connection.exchange(request).expect("an answer"),
                        None => client.try_send(request).expect("an answer"),
                    };
                    let mut addresses = Vec::new();
                    for number in 0.. {
                        if is_over.load(Ordering::SeqCst) {
                            break;
                        }
                        let address = offered(&call(next_ip(&mac(caller * 100_000 + number))));
                        let added = call(Request::empty_post(&target(&address)));
                        assert_eq!(added.status, 201, "{}", added.text());
                        addresses.push(address);
                        answered.fetch_add(2, Ordering::SeqCst);
                    }
                    addresses
                })
            })
            .collect();
        for round in 1..=20 {
            place.certificate(&authority().host(SERVER_NAME));
            place.ipam(&format!("hold_seconds: {}\ncandidate_seconds: {}", 600 + round, round % 3));
            server.signal("HUP");
            server.wait_for_times(RELOADED, round);
            // The next reload comes when the load has gone on.
            let so_far = answered.load(Ordering::SeqCst);
            until("the load goes on", || {
                assert_eq!(server.foreman().get("/features").status, 200);
                (answered.load(Ordering::SeqCst) >= so_far + 8).then_some(())
            });
        }
        is_over.store(true, Ordering::SeqCst);
        callers.into_iter().flat_map(|caller| caller.join().expect("no call failed")).collect::<Vec<_>>()
    });
    let distinct: HashSet<_> = addresses.iter().collect();
    assert_eq!(distinct.len(), addresses.len(), "an address was given twice");
    server.assert_sound();
    server.end_well("TERM");
    assert_eq!(place.store().verify().expect("a store that can be read"), []);
}
