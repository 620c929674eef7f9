//! Bytes that no client of ours sends, over plain HTTP and over mutual TLS.
//!
//! Whatever comes in: there is an answer that says what is wrong, or the connection is closed, within a time limit; and
//! everybody else is served meanwhile.

use std::net::Shutdown;

use serde_json::json;

use crate::support::wire::{Answer, DOORS, Door, Wire, answers, get, request};
use crate::support::{Place, Process, Seed};

/// The subnet of these tests.
pub(crate) const SUBNET: &str = "10.0.0.0/24";

/// A server on both doors.
pub(crate) fn start() -> (Place, Process) {
    let place = Place::new(Seed::new().subnet(SUBNET).group("blue"));
    // The name that reverse DNS knows this machine by depends on the machine; over plain HTTP a 403 is an answer too.
    place.global("http_port: 0\ntrusted_hosts: [foreman.example.com, localhost]");
    let server = place.start();
    (place, server)
}

/// Sends these bytes and reads to the end of the connection.
fn exchange(server: &Process, door: Door, bytes: &[u8]) -> Vec<Answer> {
    let mut wire = Wire::open(server, door);
    wire.send(bytes);
    answers(&wire.rest())
}

/// Everybody else is served.
pub(crate) fn assert_well(server: &Process) {
    let answer = server.foreman().get(&format!("/ipam/subnet/{SUBNET}/10.0.0.200?group="));
    assert_eq!(answer.answer(), (200, json!(false)));
    server.assert_sound();
}

/// What is expected over TLS; plain HTTP may say 403 instead, when this machine has another name than `localhost`.
fn assert_status(door: Door, answer: &Answer, expected: u16, sent: &[u8]) {
    let is_right = answer.status == expected || (door == Door::Plain && answer.status == 403);
    assert!(is_right, "{expected} for {:?}: {answer:?}", String::from_utf8_lossy(&sent[..sent.len().min(200)]));
    answer.assert_is_readable();
}

#[test]
fn arguments_that_are_wrong_are_answered_with_what_is_wrong() {
    let (_place, server) = start();
    for (target, status) in [
        ("/ipam/subnet/10.0.0.5/24".to_owned(), 400),
        ("/ipam/subnet/10.0.0.5/24/next_ip?mac&group=".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/33".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/-1".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/+24".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/99999999999999999999".to_owned(), 400),
        ("/ipam/subnet/2001:db8::/129".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/255.255.255.0".to_owned(), 400),
        ("/ipam/subnet/010.0.0.0/24".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/10.0.1.5".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/2001:db8::1".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/10.0.0.256".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/::ffff:10.0.0.5".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/next_ip?mac=00:11:22:33:44&group=".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/next_ip?mac=zz:11:22:33:44:55".to_owned(), 400),
        (format!("/ipam/subnet/10.0.0.0/24/next_ip?mac={}", "00:".repeat(3000)), 400),
        ("/ipam/subnet/10.0.0.0/24?group=nosuch".to_owned(), 404),
        ("/ipam/groups/nosuch".to_owned(), 404),
        ("/ipam/groups/nosuch/subnets".to_owned(), 404),
        (format!("/ipam/groups/{}", "a".repeat(10_000)), 404),
        (format!("/{}", "a".repeat(10_000)), 404),
        (format!("/{}", "a/".repeat(5_000)), 404),
        (format!("/features?{}", "a=b&".repeat(3_000)), 200),
        ("/ipam/groups/%".to_owned(), 400),
        ("/ipam/groups/%zz".to_owned(), 400),
        ("/ipam/groups/%ff%fe".to_owned(), 400),
        ("/ipam/groups/a%00b".to_owned(), 400),
        ("/ipam/groups/a%0d%0aX-Evil:%20yes".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0%00/24".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/10.0.0.5%00".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group=%".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group=a%00b".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group[]=blue".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group%5B%5D=blue".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group[a]=blue".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24?group=blue&group=red".to_owned(), 400),
        ("/ipam/subnet/10.0.0.0/24/next_ip?mac=02:00:00:00:00:01&mac=02:00:00:00:00:02".to_owned(), 400),
        ("/logs/?from_timestamp=x".to_owned(), 400),
        ("/logs/?from_timestamp=NaN".to_owned(), 400),
    ] {
        for door in DOORS {
            let sent = get(&target);
            let answers = exchange(&server, door, &sent);
            assert_eq!(answers.len(), 1, "{target}");
            assert_status(door, &answers[0], status, &sent);
            assert!(!answers[0].head.contains("X-Evil"), "{answers:?}");
        }
        assert_well(&server);
    }
    let holds = server.foreman().get("/ipam/holds").json();
    assert_eq!(holds, json!({"holds": []}), "nothing was promised");
}

#[test]
fn bytes_that_are_no_http_are_refused_or_closed() {
    let (_place, server) = start();
    let host = "Host: proxy.example.com\r\n";
    let target = format!("/ipam/subnet/{SUBNET}/10.0.0.9");
    let header = |line: &str| format!("GET /features HTTP/1.1\r\n{host}{line}\r\n\r\n").into_bytes();
    let mut random = Vec::new();
    for number in 0..20_000_u32 {
        random.extend_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
    }
    let cases: Vec<Vec<u8>> = vec![
        header(&format!("X-Long: {}", "a".repeat(200_000))),
        header(&"X-Many: a\r\n".repeat(20_000)),
        header("no colon"),
        header("Content-Length: -1"),
        header("Content-Length: x"),
        header("Content-Length: 5\r\nContent-Length: 7"),
        header("Content-Length: 99999999999999999999999999"),
        header("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        header("Transfer-Encoding: gzip, nonsense"),
        header("X-Nul: a\0b"),
        header(&format!("Evil: a\r\n{}", "\0".repeat(100))),
        format!("GET /ipam/groups/a\0b HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /ipam/groups/a b HTTP/1.1\r\n{host}\r\n").into_bytes(),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(200_000)).into_bytes(),
        b"GET http://[::1 HTTP/1.1\r\n\r\n".to_vec(),
        b"GET features HTTP/1.1\r\n\r\n".to_vec(),
        b"GET  HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /features HTTP/3.7\r\n\r\n".to_vec(),
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("POST {target} HTTP/1.0\r\n{host}\r\n").into_bytes(),
        format!("POST {target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
        format!("POST {target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")
            .into_bytes(),
        format!("POST {target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n")
            .into_bytes(),
        random,
    ];
    for bytes in &cases {
        for door in DOORS {
            let mut wire = Wire::open(&server, door);
            wire.send(bytes);
            // Nothing more will come, so a server that waits for more is told so.
            let _ = wire.tcp.shutdown(Shutdown::Write);
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
            for answer in answers(&wire.rest()) {
                assert!((400..500).contains(&answer.status), "{door:?} {shown:?}: {answer:?}");
                answer.assert_is_readable();
            }
        }
        assert_well(&server);
    }
    server.wait_for("The request cannot be read: ");
    server.wait_for("The request's head is too long (answered with 431, from 127.0.0.1)");
}

#[test]
fn a_write_whose_body_is_broken_or_cut_off_has_no_effect() {
    // RFC 9112, sections 6.3 and 8: such a message is incomplete. What it asks for must not be done behind the back of
    // a caller who is told that it failed, or nothing at all.
    let (_place, server) = start();
    let cases = [
        ("Transfer-Encoding: chunked\r\n", "zz\r\n"),
        ("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\n"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhel"),
        ("Content-Length: 1000\r\n", "short"),
    ];
    let mut faults = Vec::new();
    for (last, (more, body)) in (40..).zip(cases) {
        let target = format!("/ipam/subnet/{SUBNET}/10.0.0.{last}?group=");
        let mut wire = Wire::open(&server, Door::Tls);
        wire.send(&[request("POST", &target, more), body.as_bytes().to_vec()].concat());
        let _ = wire.tcp.shutdown(Shutdown::Write);
        let statuses: Vec<u16> = answers(&wire.rest()).iter().map(|answer| answer.status).collect();
        let is_reserved = server.foreman().get(&target).answer() == (200, json!(true));
        if is_reserved || statuses.iter().any(|status| !(400..500).contains(status)) {
            faults.push(format!("{more:?} {body:?}: answered {statuses:?}, reserved {is_reserved}"));
        }
    }
    assert_well(&server);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn odd_requests_that_are_http_all_the_same_are_answered() {
    let (_place, server) = start();
    let address = |last: u8| format!("/ipam/subnet/{SUBNET}/10.0.0.{last}?group=");
    let chunks = "4\r\nbody\r\n0\r\n\r\n";
    let mut cases: Vec<(Vec<u8>, u16)> = vec![
        ([request("GET", "/features", "Content-Length: 4\r\n"), b"body".to_vec()].concat(), 200),
        ([request("GET", &address(7), "Content-Length: 4\r\n"), b"body".to_vec()].concat(), 200),
        ([request("DELETE", &address(7), "Content-Length: 4\r\n"), b"body".to_vec()].concat(), 200),
        (b"GET /features HTTP/1.0\r\n\r\n".to_vec(), 200),
        (format!("GET {} HTTP/1.0\r\n\r\n", address(7)).into_bytes(), 200),
        (b"GET /nosuch HTTP/1.0\r\n\r\n".to_vec(), 404),
        (request("GET", "/features", "Expect: 200-nonsense\r\n"), 200),
        (request("GET", "/features", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 200),
        (request("GET", "*", ""), 404),
    ];
    for method in ["FOO", "PATCH", "TRACE", "OPTIONS", "PROPFIND"] {
        cases.push((request(method, &address(7), ""), 405));
    }
    for (bytes, status) in &cases {
        for door in DOORS {
            let answers = exchange(&server, door, bytes);
            assert_eq!(answers.len(), 1, "{:?}: {answers:?}", String::from_utf8_lossy(bytes));
            assert_status(door, &answers[0], *status, bytes);
        }
        assert_well(&server);
    }
    for (last, more, body) in [
        (20, "Transfer-Encoding: chunked\r\n", chunks),
        (21, "Transfer-Encoding: chunked\r\nTrailer: X\r\n", "0\r\nX: y\r\n\r\n"),
        (22, "Content-Length: 4\r\nExpect: 100-continue\r\n", "body"),
    ] {
        let bytes = [request("POST", &address(last), more), body.as_bytes().to_vec()].concat();
        let mut answers = exchange(&server, Door::Tls, &bytes);
        let answer = answers.pop().expect("an answer");
        // An interim answer may come before.
        assert!(answers.iter().all(|interim| interim.status == 100), "{answers:?}");
        // The trailer may be more than the server knows; then nothing must have happened.
        let is_reserved = server.foreman().get(&address(last)).answer() == (200, json!(true));
        assert_eq!(answer.status == 201, is_reserved, "{answer:?}");
        assert!(answer.status == 201 || answer.status == 400, "{answer:?}");
        answer.assert_is_readable();
    }
}

#[test]
fn requests_in_one_packet_are_answered_one_after_the_other() {
    let (_place, server) = start();
    let keep = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n").into_bytes();
    for door in DOORS {
        let mut bytes = Vec::new();
        for number in 0..200 {
            bytes.extend(keep(if number % 2 == 0 { "/features" } else { "/nosuch" }));
        }
        bytes.extend(get("/version"));
        let statuses: Vec<u16> = exchange(&server, door, &bytes).iter().map(|answer| answer.status).collect();
        let expected: Vec<u16> = (0..200).map(|number| if number % 2 == 0 { 200 } else { 404 }).chain([200]).collect();
        assert_eq!(statuses, expected, "{door:?}");
        // Garbage behind a good request takes nothing from it.
        let answers = exchange(&server, door, &[keep("/features"), b"\0\0\r\n\r\n".to_vec()].concat());
        assert_eq!(answers.first().map(|answer| answer.status), Some(200), "{answers:?}");
    }
    assert_well(&server);
}
