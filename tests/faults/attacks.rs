//! Callers that want to keep others out, none of which has a certificate.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use openssl::ssl::{SslConnector, SslMethod};
use socket2::SockRef;

use crate::garbage::{SUBNET, assert_well, start};
use crate::support::wire::{AT_MOST, Door, Wire, answers};
use crate::support::{Process, SERVER_NAME, authority};

/// A caller without a certificate.
fn stranger(server: &Process) -> Wire {
    let tcp = TcpStream::connect(server.https()).expect("a connection");
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
    connector.cert_store_mut().add_cert(authority().x509.clone()).expect("added");
    let own = tcp.try_clone().expect("a handle");
    let stream = Box::new(connector.build().connect(SERVER_NAME, own).expect("a handshake"));
    Wire { tcp, stream, deadline: Instant::now() + AT_MOST }
}

fn chunked(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: proxy.example.com\r\nTransfer-Encoding: chunked\r\n\r\n")
}

#[test]
fn a_connection_ends_soon_after_its_answer_whatever_follows() {
    let (_place, server) = start();
    let taken = format!("/ipam/subnet/{SUBNET}/10.0.0.9?group=");
    let kept = "GET /features HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n";
    let beginnings = [
        (chunked("POST", "/nosuch"), 404),
        (chunked("POST", "/features"), 405),
        (chunked("GET", "/features"), 200),
        (chunked("GET", "/nosuch") + "5\r\nhel", 404),
        (chunked("POST", &taken), 403),
        (chunked("GET", "/v2/features"), 403),
        (format!("{kept}G"), 200),
        (format!("{kept}GET /features HTTP/1.1\r\nHost: pro"), 200),
        (format!("{kept}\r\n"), 200),
    ];
    thread::scope(|scope| {
        let server = &server;
        for (beginning, status) in &beginnings {
            // One that says no more, and one that goes on for ever.
            for goes_on in [false, true] {
                scope.spawn(move || {
                    let mut wire = stranger(server);
                    assert!(wire.send(beginning.as_bytes()));
                    let mut received = Vec::new();
                    wire.is_waiting(AT_MOST, &mut received);
                    while goes_on
                        && wire.send(b"1\r\nx\r\n")
                        && wire.is_waiting(Duration::from_millis(100), &mut received)
                    {
                        assert!(Instant::now() < wire.deadline, "still open: {beginning:?}");
                    }
                    received.extend(wire.rest());
                    let first = answers(&received).first().map(|answer| answer.status);
                    assert_eq!(first, Some(*status), "{beginning:?}");
                });
            }
        }
        // With a certificate, so that the body is waited for and given up on.
        scope.spawn(|| {
            let mut wire = Wire::open(server, Door::Tls);
            wire.send(chunked("POST", &taken).as_bytes());
            assert_eq!(answers(&wire.rest()).iter().map(|answer| answer.status).collect::<Vec<_>>(), [408]);
        });
    });
    assert_well(&server);
    server.end_well("TERM");
}

/// Asks again and again, and reads nothing, until the server takes no more; then gives the connection.
fn asks_and_does_not_read(server: &Process) -> TcpStream {
    let request = b"GET /features HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n".repeat(500);
    let tcp = TcpStream::connect(server.http()).expect("a connection");
    SockRef::from(&tcp).set_recv_buffer_size(4096).expect("a small buffer");
    tcp.set_write_timeout(Some(Duration::from_secs(1))).expect("a limit");
    let mut sent = 0;
    loop {
        match (&tcp).write(&request) {
            Ok(count) => sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return tcp,
            Err(error) => panic!("after {sent} bytes: {error}"),
        }
    }
}

#[test]
fn callers_that_do_not_read_cost_little_and_are_cut_off() {
    const CALLERS: usize = 16;
    /// For each; the kernel's buffers are not in it.
    const KIB_AT_MOST: u64 = 512;
    let (_place, server) = start();
    assert_well(&server);
    let before = server.resident_kib();
    let callers: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| asks_and_does_not_read(&server))).collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    let more = server.resident_kib().saturating_sub(before);
    assert!(more < KIB_AT_MOST * CALLERS as u64, "{more} KiB for {CALLERS} callers");
    let began = Instant::now();
    for mut caller in &callers {
        caller.set_write_timeout(Some(AT_MOST)).expect("a limit");
        let error = caller.write_all(&[b'\n'; 16 * 1024 * 1024]).expect_err("the server reads no more");
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    }
    assert!(began.elapsed() < AT_MOST, "{:?}", began.elapsed());
    assert_well(&server);
}

#[test]
fn strangers_do_not_keep_the_proxy_from_ending() {
    /// What `shutdown_seconds` allows by default is 30.
    const ENDS_WITHIN: Duration = Duration::from_secs(9);
    let (_place, server) = start();
    let unread = asks_and_does_not_read(&server);
    let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(server.https()).expect("a connection")).collect();
    let mut half = stranger(&server);
    half.send(b"GET /features HTTP/1.1\r\nHost: pro");
    let mut endless = stranger(&server);
    endless.send(chunked("POST", "/nosuch").as_bytes());
    // More handshakes than actix-tls lets one worker have; others are served all the same.
    assert_well(&server);
    let began = Instant::now();
    server.end_well("TERM");
    assert!(began.elapsed() < ENDS_WITHIN, "{:?}", began.elapsed());
    drop((unread, silent, half, endless));
}
