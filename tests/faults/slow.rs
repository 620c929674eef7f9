//! Clients that never finish, over plain HTTP and over mutual TLS: they are given up on, and keep nobody waiting.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::garbage::{SUBNET, assert_well, start};
use crate::support::wire::{AT_MOST, DOORS, Door, Wire, answers, connector, get, request};
use crate::support::{Process, SERVER_NAME};

/// A caller who never finishes.
type Slow = Box<dyn Fn(&Process) + Send + Sync>;

/// Sends these bytes and nothing more.
fn stops_after(door: Door, bytes: Vec<u8>) -> Slow {
    Box::new(move |server| {
        let mut wire = Wire::open(server, door);
        wire.send(&bytes);
        for answer in answers(&wire.rest()) {
            assert!((400..500).contains(&answer.status), "{answer:?}");
            answer.assert_is_readable();
        }
    })
}

/// Sends these bytes and then the end of what it has to say, but goes on listening.
fn half_open(door: Door, bytes: Vec<u8>) -> Slow {
    Box::new(move |server| {
        let mut wire = Wire::open(server, door);
        wire.send(&bytes);
        wire.tcp.shutdown(Shutdown::Write).expect("half closed");
        for answer in answers(&wire.rest()) {
            answer.assert_is_readable();
        }
    })
}

/// Sends one byte after the other, with a moment between them in which it listens.
fn drips(door: Door, bytes: Vec<u8>) -> Slow {
    Box::new(move |server| {
        let mut wire = Wire::open(server, door);
        let mut answer = Vec::new();
        for byte in bytes.iter().cycle() {
            if !wire.send(&[*byte]) || !wire.is_waiting(Duration::from_millis(50), &mut answer) {
                break;
            }
            assert!(Instant::now() < wire.deadline, "the server has more patience than {AT_MOST:?}");
        }
        answer.extend(wire.rest());
        for answer in answers(&answer) {
            assert!((400..500).contains(&answer.status), "{answer:?}");
            answer.assert_is_readable();
        }
    })
}

/// Sends these bytes to the port of HTTPS and waits for the end.
fn no_tls(bytes: Vec<u8>) -> Slow {
    Box::new(move |server| {
        let tcp = TcpStream::connect(server.https()).expect("a connection");
        let mut wire =
            Wire { stream: Box::new(tcp.try_clone().expect("a handle")), tcp, deadline: Instant::now() + AT_MOST };
        wire.send(&bytes);
        let answer = wire.rest();
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    })
}

/// The first message of a TLS handshake.
fn client_hello() -> Vec<u8> {
    /// Keeps what is written and has nothing to read.
    #[derive(Debug, Default)]
    struct Sink(Vec<u8>);

    impl Read for Sink {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let Err(openssl::ssl::HandshakeError::WouldBlock(stopped)) = connector().connect(SERVER_NAME, Sink::default())
    else {
        panic!("a handshake with nobody");
    };
    stopped.get_ref().0.clone()
}

#[test]
fn callers_who_never_finish_are_given_up_on_and_keep_nobody_waiting() {
    let (_place, server) = start();
    let target = format!("/ipam/subnet/{SUBNET}/10.0.0.10?group=");
    let post = |more: &str| request("POST", &target, more);
    let mut slow: Vec<Slow> = Vec::new();
    for door in DOORS {
        slow.push(stops_after(door, Vec::new()));
        slow.push(stops_after(door, b"GET /features HTTP/1.1\r\nHost: pro".to_vec()));
        slow.push(stops_after(door, b"G".to_vec()));
        slow.push(drips(door, b"X-Header: value\r\n".to_vec()));
        slow.push(drips(door, b"\r\n".to_vec()));
        slow.push(half_open(door, Vec::new()));
        slow.push(half_open(door, b"GET /features HTTP/1.1\r\nHost: pro".to_vec()));
        slow.push(half_open(door, get("/features")));
        slow.push(half_open(door, [post("Content-Length: 1000\r\n"), b"short".to_vec()].concat()));
        slow.push(half_open(door, [post("Transfer-Encoding: chunked\r\n"), b"5\r\nhel".to_vec()].concat()));
    }
    // The first line is good, and then the headers never end.
    slow.push(Box::new(|server| {
        let mut wire = Wire::open(server, Door::Tls);
        wire.send(b"GET /features HTTP/1.1\r\n");
        let mut answer = Vec::new();
        while wire.send(b"a: b\r\n") && wire.is_waiting(Duration::from_millis(50), &mut answer) {
            assert!(Instant::now() < wire.deadline, "the server has more patience than {AT_MOST:?}");
        }
    }));
    let hello = client_hello();
    assert_eq!(hello[0], 22, "a handshake record");
    slow.push(no_tls(Vec::new()));
    slow.push(no_tls(b"GET /features HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n".to_vec()));
    slow.push(no_tls(b"\x16\x03\x01".to_vec()));
    slow.push(no_tls(b"\x16\x03\x01\xff\xff\x01\x00\xff\xff".repeat(50)));
    slow.push(no_tls((0..5000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()));
    slow.push(no_tls(hello[..hello.len() / 2].to_vec()));
    slow.push(no_tls(hello.clone()));
    slow.push(no_tls([hello.clone(), hello].concat()));

    let is_over = AtomicBool::new(false);
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (server, is_over, served) = (&server, &is_over, &served);
        let bystander = scope.spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                assert_well(server);
                served.fetch_add(1, Ordering::SeqCst);
            }
        });
        let slow: Vec<_> = slow.iter().map(|slow| scope.spawn(move || slow(server))).collect();
        let outcomes: Vec<_> = slow.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::SeqCst);
        bystander.join().expect("everybody else is served");
        assert!(outcomes.iter().all(Result::is_ok), "see above");
    });
    server.wait_for("The request's head has not come within 10 seconds (answered with 408, from 127.0.0.1)");
    assert!(served.load(Ordering::SeqCst) > 100, "{served:?} others were served meanwhile");
    server.assert_sound();
    server.end_well("TERM");
}

#[test]
fn a_body_that_is_promised_and_does_not_come_holds_nobody_up() {
    let (_place, server) = start();
    let target = format!("/ipam/subnet/{SUBNET}/10.0.0.30?group=");
    // A GET's body is not read, so the answer comes at once. A write waits for it, because a caller who breaks off in the
    // middle must get nothing done; but not for ever.
    let reads: &[u16] = &[200, 400, 413];
    let writes: &[u16] = &[408];
    thread::scope(|scope| {
        for (method, expected) in [("GET", reads), ("POST", writes), ("DELETE", writes)] {
            for length in ["5", "1000", "100000000", "9223372036854775807"] {
                let (server, target) = (&server, &target);
                scope.spawn(move || {
                    let mut wire = Wire::open(server, Door::Tls);
                    let head = format!("Host: proxy.example.com\r\nContent-Length: {length}\r\n");
                    wire.send(format!("{method} {target} HTTP/1.1\r\n{head}\r\n").as_bytes());
                    // The caller would keep the connection, which cannot be used any further.
                    let answers = answers(&wire.rest());
                    assert_eq!(answers.len(), 1, "{method} {length}: {answers:?}");
                    assert!(expected.contains(&answers[0].status), "{method} {length}: {answers:?}");
                    answers[0].assert_is_readable();
                    assert_well(server);
                });
            }
        }
    });
    assert_eq!(server.foreman().get(&target).answer(), (200, json!(false)), "nothing was added");
}
