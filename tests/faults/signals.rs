//! Log rotation and the end of the process.

use std::fs;
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;

use ipam_store::Store;
use openssl::ssl::{SslConnector, SslMethod};

use crate::support::{
    Manager, Place, Request, SERVER_NAME, SUBNET, Seed, Spawn, authority, free_port, mac, next_ip, offered, target,
    until,
};

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

#[test]
fn a_rotated_log_is_opened_anew_on_sigusr1() {
    // Contract §8.8; without a handler the signal ends the process.
    let place = place();
    let (log, rotated) = (place.path("proxy.log"), place.path("proxy.log.1"));
    place.global(&format!("log_file: {}\nhttps_port: {}", log.display(), free_port()));
    let manager = Manager::new(&place);
    let spawned = Spawn::of(manager.employ(place.command(&["serve"])));
    assert!(manager.heard().starts_with("READY=1\n"));
    let server = spawned.unready();
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let first = until("the log says where the server listens", || {
        read(&log).lines().find_map(|line| Some(line.split_once("Listening on https://")?.1.to_owned()))
    });
    let address: std::net::SocketAddr = first.trim().parse().expect("address and port");
    let ask = |path: &str| {
        let tcp = TcpStream::connect(address).expect("a connection");
        let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
        connector.cert_store_mut().add_cert(authority().x509.clone()).expect("added");
        let mut stream = connector.build().connect(SERVER_NAME, tcp).expect("a handshake");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {SERVER_NAME}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sent");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    };
    ask("/before");
    for round in 0..3 {
        until("the line is written", || read(&log).contains("Finished GET /").then_some(()));
        fs::rename(&log, &rotated).expect("renamed");
        ask(&format!("/between{round}"));
        server.signal("USR1");
        until("the log is opened anew", || {
            ask("/meanwhile");
            read(&log).contains("The log is reopened").then_some(())
        });
        ask(&format!("/after{round}"));
        until("the new file is written to", || {
            read(&log).contains(&format!("GET /after{round} with 404")).then_some(())
        });
        assert!(read(&rotated).contains(&format!("GET /between{round} ")), "{}", read(&rotated));
        assert!(!read(&rotated).contains(&format!("/after{round}")), "{}", read(&rotated));
    }
    // A log that cannot be opened anew goes on where it was.
    fs::rename(&log, &rotated).expect("renamed");
    fs::create_dir(&log).expect("a directory");
    server.signal("USR1");
    until("the fault is logged", || {
        ask("/meanwhile");
        read(&rotated).contains("cannot be opened anew, so the old one stays in use").then_some(())
    });
    server.end_well("TERM");
}

/// Adds that wait for the store, which somebody else is writing to, are under way when the signal comes.
fn ends_in_the_middle_of_adds(signal: &str) {
    const ADDS: usize = 8;
    let place = place();
    let server = place.start();
    let addresses: Vec<String> =
        (0..ADDS).map(|number| offered(&server.foreman().send(next_ip(&mac(number))))).collect();
    let idle = server.foreman().connect().expect("a connection");
    let control = place.path("state/control.sock");
    assert!(control.exists());
    let mut store: Store = place.store();
    let (locked, is_locked) = channel();
    let (unlock, may_unlock) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let written = store.write(|_| {
                locked.send(()).expect("the test goes on");
                // An error is a test that has failed, which must not keep the lock.
                let _ = may_unlock.recv();
                Ok(())
            });
            written.expect("nothing was changed");
        });
        is_locked.recv().expect("the store is locked");
        let adds: Vec<_> = addresses
            .iter()
            .map(|address| {
                let client = server.foreman();
                scope.spawn(move || client.try_send(Request::empty_post(&target(address))))
            })
            .collect();
        server.wait_for_times("Started POST", ADDS);
        server.signal(signal);
        server.wait_for("Stopping when the requests under way are answered");
        // An impatient administrator changes nothing.
        server.signal(signal);
        unlock.send(()).expect("the store is locked");
        for (add, address) in adds.into_iter().zip(&addresses) {
            let answer = add.join().expect("no panic").unwrap_or_else(|error| panic!("{address}: {error}"));
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    });
    let https = server.https();
    let ended = server.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text);
    assert!(ended.text.contains("Stopped"), "{}", ended.text);
    assert!(!ended.text.contains("Panic"), "{}", ended.text);
    assert!(!control.exists(), "the control socket is removed");
    assert!(TcpStream::connect(https).is_err(), "nobody listens");
    drop(idle);
    assert_eq!(place.store().verify().expect("a store that can be read"), []);
}

#[test]
fn sigterm_in_the_middle_of_requests_answers_them_and_ends_with_0() {
    ends_in_the_middle_of_adds("TERM");
}

#[test]
fn sigint_in_the_middle_of_requests_answers_them_and_ends_with_0() {
    ends_in_the_middle_of_adds("INT");
}

#[test]
fn a_caller_who_never_finishes_does_not_keep_the_proxy_from_ending() {
    let place = place();
    place.global("shutdown_seconds: 1");
    let server = place.start();
    let mut half = server.foreman().connect().expect("a connection");
    half.send(b"GET /features HTTP/1.1\r\nHost: pro").expect("sent");
    let silent = TcpStream::connect(server.https()).expect("a connection");
    // The server has seen both when it has answered somebody who came later.
    assert_eq!(server.foreman().get("/features").status, 200);
    server.end_well("TERM");
    drop((half, silent));
}

#[test]
fn signals_of_other_daemons_do_not_end_the_proxy() {
    let place = place();
    let server = place.start();
    for signal in ["TTIN", "USR1", "HUP", "PIPE"] {
        server.signal(signal);
        assert_eq!(server.foreman().get("/v2/features").status, 200, "{signal}");
    }
    server.wait_for("The log is reopened");
    server.wait_for("Settings and certificates are reloaded");
    server.end_well("TERM");
}
