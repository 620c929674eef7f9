//! The program itself, over servers that need nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ipam-load")).args(arguments).output().expect("the program runs")
}

#[test]
fn the_program_reports_as_json_and_as_a_table() {
    for how in [&["--plain", "--kept-alive"][..], &[]] {
        let output = run(&[&["--bare", "--hosts", "60", "--callers", "4", "--json", "-"], how].concat());
        let table = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success(), "{table}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["created"], 60, "{report}");
        assert_eq!(report["failed"], 0, "{report}");
        assert_eq!(report["duplicate_count"], 0, "{report}");
        assert_eq!(report["calls"]["next_ip"]["count"], 60, "{report}");
        assert!(table.contains("given twice") && table.contains("p99"), "{table}");
    }
}

/// A server that has one address for everybody, acknowledges every add and records none. It ends with the test.
fn broken_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

/// Answers one request without a body. A caller that is gone already is nobody's business.
fn answer(stream: &TcpStream) {
    answer_with(stream, |request| match request.split(' ').next() {
        Some("GET") if request.contains("next_ip") => (200, r#"{"data":"192.0.2.1"}"#),
        Some("GET") => (200, "false"),
        _ => (200, "{}"),
    });
}

fn answer_with(mut stream: &TcpStream, answer: impl Fn(&str) -> (u16, &'static str)) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.by_ref().find(String::is_empty);
    let (status, body) = answer(&request);
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
}

#[test]
fn a_server_that_gives_one_address_to_all_and_loses_it_is_found_out() {
    let url = format!("http://{}", broken_server());
    let usual = ["--url", &url, "--subnet", "192.0.2.0/24", "--hosts", "20", "--callers", "4", "--json", "-"];
    let output = run(&[&usual[..], &["--life", "reserved"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["created"], 20, "{report}");
    // 19 offers and 19 reservations too many.
    assert_eq!(report["duplicate_count"], 38, "{report}");
    assert_eq!(
        report["audit"]["lost"].as_array().map(Vec::len),
        Some(1),
        "one address, which does not exist: {report}"
    );
    let table = String::from_utf8(output.stderr).expect("text");
    assert!(table.contains("given twice: 192.0.2.1 "), "{table}");
    assert!(table.contains("an acknowledged add is lost: 192.0.2.1 in 192.0.2.0/24"), "{table}");
}

#[test]
fn arguments_that_do_not_fit_are_said() {
    let output = run(&["--url", "ftp://x", "--subnet", "10.0.0.0/24"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("'ftp://x' is not http://HOST:PORT"), "{text}");
}

#[test]
fn several_proxies_that_share_nothing_are_refused() {
    for (arguments, why) in [
        (&["--ipam", "netbox", "--proxies", "2"][..], "--database own starts a PostgreSQL"),
        (&["--ipam", "embedded", "--proxies", "2"], "--database own starts a PostgreSQL"),
        (&["--ipam", "netbox", "--trouble", "restart-database"], "name it with --database"),
    ] {
        let own = env!("CARGO_BIN_EXE_ipam-load");
        let output = run(&[&["--own-proxy", own], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains(why), "{text}");
    }
}

/// A server that records an address and says that it does not know so, in the add's answer and in this log.
fn unsure_server(log: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        let is_recorded = AtomicBool::new(false);
        for stream in listener.incoming().flatten() {
            answer_with(&stream, |request| match request.split(' ').next() {
                Some("GET") if request.contains("next_ip") => (200, r#"{"data":"192.0.2.1"}"#),
                Some("GET") if request.contains("/logs/") => (200, log),
                Some("GET") if request.contains("/holds") => (404, r#"{"error":"no such route"}"#),
                Some("POST") => {
                    is_recorded.store(true, Ordering::SeqCst);
                    (503, r#"{"error":"no answer"}"#)
                }
                // Also a connection that was only made to see whether somebody listens.
                _ => (200, if is_recorded.load(Ordering::SeqCst) { "true" } else { "false" }),
            });
        }
    });
    address
}

#[test]
fn what_the_log_of_another_server_names_is_known() {
    const NAMED: &str =
        r#"{"logs":[{"level":"WARN","message":"Whether 192.0.2.1 is reserved is unknown","request_id":"a"}]}"#;
    for (log, code) in [(NAMED, 0), (r#"{"logs":[]}"#, 1)] {
        let url = format!("http://{}", unsure_server(log));
        let one = ["--url", &url, "--subnet", "192.0.2.0/24", "--hosts", "1", "--callers", "1", "--json", "-"];
        let output = run(&[&one[..], &["--life", "reserved"]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["audit"]["left"].as_array().map(Vec::len), Some(1), "{report}");
        assert_eq!(output.status.code(), Some(code), "{report}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the thread stands for a server that is away for a while")]
fn while_a_server_refuses_connections_no_host_is_begun() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("it listens");
    drop(port);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(600));
            let listener = TcpListener::bind(address).expect("the port again");
            for stream in listener.incoming().flatten().take(30) {
                answer(&stream);
            }
        }
    });
    let url = format!("http://{address}");
    let usual = ["--url", &url, "--subnet", "192.0.2.0/24", "--hosts", "50", "--callers", "2", "--json", "-"];
    let output = run(&[&usual[..], &["--life", "offered"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // One or two for each caller when the server goes away.
    assert!(report["failed"].as_u64().is_some_and(|failed| failed <= 12), "{report}");
    assert!(report["created"].as_u64() >= Some(38), "{report}");
}
