//! Thousands of connections that say nothing.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Connection, Place, Process, Request, SUBNET, Seed, mac, next_ip, offered, until};

/// How many connections there are, where the limits of this process allow as many.
const CONNECTIONS: u64 = 10_000;

/// One in so many is TLS and has had an answer; the others are plain and never say a word.
const ONE_IN: usize = 8;

/// What else this process has open while the test runs.
const OTHER_FILES: u64 = 1500;

/// About 16 KiB for each connection are normal in a debug build.
const RESIDENT_KIB_AT_MOST: u64 = 500_000;

/// Every connection is closed by then: the server waits 10 seconds for a word.
const CLOSED_WITHIN: Duration = Duration::from_secs(60);

#[expect(clippy::print_stderr, reason = "a smaller test than was asked for must not look like the whole one")]
fn how_many() -> usize {
    let limit = rlimit::increase_nofile_limit(CONNECTIONS + OTHER_FILES).expect("a limit");
    let connections = CONNECTIONS.min(limit.saturating_sub(OTHER_FILES));
    if connections < CONNECTIONS {
        eprintln!("ONLY {connections} connections instead of {CONNECTIONS}: this process may open {limit} files");
    }
    usize::try_from(connections).expect("a small number")
}

/// Somebody else, in the midst of it.
fn assert_serves(server: &Process, number: usize) {
    let client = server.foreman();
    let address = offered(&client.send(next_ip(&mac(number))));
    let answer = client.get(&format!("/ipam/subnet/{SUBNET}/{address}?group="));
    assert_eq!((answer.status, answer.text()), (200, "false"));
}

/// Waits until the server has closed the connection.
fn wait_for_end(mut connection: &TcpStream, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    connection.set_read_timeout(Some(left)).expect("a limit");
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("not closed within {CLOSED_WITHIN:?}: {error}"),
    }
    // Nothing, or the word that the time is over.
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
#[expect(clippy::print_stderr, reason = "memory is reported, for reading")]
fn ten_thousand_idle_connections_keep_nobody_waiting_and_leave_nothing_behind() {
    let place = Place::new(Seed::new().subnet(SUBNET));
    place.global("http_port: 0\ntrusted_hosts: [foreman.example.com]");
    let server = place.start();
    assert_serves(&server, 0);
    let (files_before, resident_before) = (server.open_files(), server.resident_kib());

    let connections = how_many();
    let client = server.foreman();
    let (mut spoken, mut silent): (Vec<Connection>, Vec<TcpStream>) = (Vec::new(), Vec::new());
    for _ in 0..connections / ONE_IN {
        let mut connection = client.connect().expect("a connection");
        assert_eq!(connection.exchange(Request::new("GET", "/version")).expect("an answer").status, 200);
        spoken.push(connection);
    }
    for number in spoken.len()..connections {
        silent.push(TcpStream::connect(server.http()).expect("a connection"));
        if number % 1000 == 0 {
            assert_serves(&server, number);
        }
    }
    assert_serves(&server, 1);
    let (files, resident) = (server.open_files(), server.resident_kib());
    // A slow machine may have seen the first ones closed by now.
    assert!(files > files_before + connections / 2, "{files} open files are not {connections} connections");
    assert!(resident < RESIDENT_KIB_AT_MOST, "{resident} KiB");

    // The server gives up on everyone.
    let deadline = Instant::now() + CLOSED_WITHIN;
    for connection in &silent {
        wait_for_end(connection, deadline);
    }
    for connection in &mut spoken {
        assert!(connection.raw(b"", false).is_err(), "there is no answer without a question");
    }
    assert!(Instant::now() < deadline, "not closed within {CLOSED_WITHIN:?}");
    drop((silent, spoken));
    assert_serves(&server, 2);
    until("all are closed at the server", || {
        assert_serves(&server, 3);
        (server.open_files() < files_before + 50).then_some(())
    });
    let after_first = server.resident_kib();

    // The allocator keeps what it has for the next time; what leaks would come on top of it. Now we close.
    let mut after_again = Vec::new();
    for wave in 0..2 {
        let again: Vec<TcpStream> =
            (0..connections).map(|_| TcpStream::connect(server.http()).expect("a connection")).collect();
        until("all are accepted", || {
            assert_serves(&server, 10 + wave);
            (server.open_files() > files_before + connections / 2).then_some(())
        });
        drop(again);
        until("all are closed at the server", || {
            assert_serves(&server, 20 + wave);
            (server.open_files() < files_before + 50).then_some(())
        });
        after_again.push(server.resident_kib());
    }
    eprintln!(
        "idle connections: {connections} in {files} files; resident {resident_before} KiB before, {resident} KiB with \
         them, {after_first} KiB after them, {after_again:?} KiB after as many again and once more"
    );
    let last = after_again[after_again.len() - 1];
    assert!(last < resident + resident / 2, "{last} KiB are kept where {resident} were enough");
    server.assert_sound();
    server.end_well("TERM");
}
