//! HTTP itself: headers, methods, and bytes that no library sends.

use serde_json::json;

use crate::support::server::Shared;
use crate::support::{Builder, Connection, Request, Response, Seed, Server};

const SUBNET: &str = "10.0.0.0/24";

fn builder() -> Builder {
    Builder::new(Seed::new().subnet(SUBNET))
}

static SERVER: Shared = Shared::new(builder);

#[test]
fn every_answer_has_the_headers_of_the_proxy() {
    let server = Server::shared(&SERVER);
    for target in
        ["/features", "/version", "/logs/", "/nosuch", "/ipam/groups", "/ipam/subnet/10.9.0.0/24", "/ipam/groups/%zz"]
    {
        for client in [server.client(), server.curl(), server.client_as(None)] {
            let response = client.get(target);
            let header = |name| response.header(name);
            assert_eq!(header("content-type"), Some("application/json"), "{target}");
            assert_eq!(header("x-content-type-options"), Some("nosniff"), "{target}");
            assert!(header("server").is_some_and(|name| name.starts_with("foreman-ipam-proxy/")), "{target}");
            assert_eq!(header("x-request-id"), None, "{target}: the id is never sent back");
        }
    }
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let server = Server::shared(&SERVER);
    for target in [
        "/features",
        "/version",
        "/v2/features",
        "/ipam/groups",
        "/ipam/subnet/10.0.0.0/24",
        "/ipam/subnet/10.0.0.0/24/10.0.0.9",
    ] {
        let (head, get) = (server.client().head(target), server.client().get(target));
        assert_eq!((head.status, head.text()), (200, ""), "{target}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{target}");
    }
}

#[test]
fn one_connection_carries_many_calls() {
    let server = builder().start();
    let mut connection = server.client().connect().expect("a connection");
    let mut call = |request| connection.exchange(request).expect("an answer");
    let target = "/ipam/subnet/10.0.0.0/24/10.0.0.9?group=";
    for _ in 0..3 {
        assert_eq!(call(Request::new("GET", target)).answer(), (200, json!(false)));
        assert_eq!(call(Request::empty_post(target)).status, 201);
        assert_eq!(call(Request::new("HEAD", target)).status, 200);
        assert_eq!(call(Request::new("GET", target)).answer(), (200, json!(true)));
        assert_eq!(call(Request::new("GET", "/nosuch")).status, 404);
        assert_eq!(call(Request::new("FOO", target)).status, 405);
        assert_eq!(call(Request::new("DELETE", target)).status, 200);
    }
}

#[test]
fn calls_that_come_in_one_packet_are_answered_in_order() {
    let server = Server::shared(&SERVER);
    let mut connection = server.client().connect().expect("a connection");
    let one = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: proxy.example.com\r\n\r\n");
    let bytes = [one("/features"), one("/nosuch"), one("/version")].concat();
    assert_eq!(raw(&mut connection, &bytes).status, 200);
    assert_eq!(raw(&mut connection, "").status, 404);
    assert!(raw(&mut connection, "").json()["modules"].is_object());
}

fn raw(connection: &mut Connection, bytes: &str) -> Response {
    connection.raw(bytes.as_bytes(), false).expect("an answer")
}

#[test]
fn a_post_needs_no_length() {
    // The web server of the Ruby proxy answers 411 with a page.
    let server = builder().start();
    let mut connection = server.client().connect().expect("a connection");
    let response = raw(&mut connection, "POST /ipam/subnet/10.0.0.0/24/10.0.0.9 HTTP/1.1\r\nHost: proxy\r\n\r\n");
    assert_eq!(response.status, 201, "{}", response.text());
}

#[test]
fn a_body_in_chunks_is_ignored_like_any_other() {
    let server = builder().start();
    let mut connection = server.client().connect().expect("a connection");
    let head = "POST /ipam/subnet/10.0.0.0/24/10.0.0.9 HTTP/1.1\r\nHost: proxy\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = raw(&mut connection, &format!("{head}5\r\nhello\r\n0\r\n\r\n"));
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(raw(&mut connection, "GET /features HTTP/1.1\r\nHost: proxy\r\n\r\n").status, 200);
}

#[test]
fn a_whole_address_is_as_good_as_a_path() {
    let server = Server::shared(&SERVER);
    let mut connection = server.client().connect().expect("a connection");
    let target = "https://proxy.example.com:8443/ipam/subnet/10.0.0.0/24";
    let response = raw(&mut connection, &format!("GET {target} HTTP/1.1\r\nHost: proxy.example.com:8443\r\n\r\n"));
    assert_eq!(response.json()["subnet"], json!("10.0.0.0"));
}

#[test]
fn bytes_that_are_no_request_end_their_own_connection_only() {
    let server = Server::shared(&SERVER);
    let long = format!("GET /{} HTTP/1.1\r\nHost: proxy\r\n\r\n", "a".repeat(200_000));
    for bytes in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /ipam/groups/a b HTTP/1.1\r\nHost: proxy\r\n\r\n",
        "GET /ipam/groups/\u{1} HTTP/1.1\r\nHost: proxy\r\n\r\n",
        "GET /ipam/groups HTTP/1.1\r\nHost proxy\r\n\r\n",
        "GET /ipam/groups HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET /ipam/groups HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /ipam/subnet/10.0.0.0/24/10.0.0.9 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        &long,
    ] {
        let mut connection = server.client().connect().expect("a connection");
        // Some are answered with 400, for some there is only the end of the connection.
        if let Ok(response) = connection.raw(bytes.as_bytes(), false) {
            let shown = &bytes[..bytes.len().min(60)];
            assert!((400..500).contains(&response.status), "{shown:?}: {}", response.status);
            assert!(!response.text().contains("<html"), "{shown:?}: {}", response.text());
        }
        assert_eq!(server.client().get("/features").status, 200, "the server lives on");
    }
    assert_eq!(server.client().get("/ipam/subnet/10.0.0.0/24/10.0.0.9").answer(), (200, json!(false)));
}

#[test]
fn plain_text_on_the_port_of_https_harms_nobody() {
    use std::io::Write;

    let server = Server::shared(&SERVER);
    let mut stream = std::net::TcpStream::connect(server.https()).expect("a connection");
    stream.write_all(b"GET /features HTTP/1.1\r\nHost: proxy\r\n\r\n").expect("sent");
    assert_eq!(server.client().get("/features").status, 200);
    drop(stream);
    assert_eq!(server.client().get("/features").status, 200);
}

#[test]
fn callers_who_connect_and_say_nothing_keep_nobody_waiting() {
    let server = Server::shared(&SERVER);
    let silent: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(server.https()).expect("a connection")).collect();
    let idle: Vec<_> = (0..20).map(|_| server.client().connect().expect("a connection")).collect();
    assert_eq!(server.client().get("/ipam/subnet/10.0.0.0/24").status, 200);
    drop((silent, idle));
}

#[test]
fn a_caller_who_gives_up_leaves_the_server_well() {
    use std::io::Write;

    let server = builder().start();
    for _ in 0..20 {
        // The connection is closed before the answer is read; Foreman does so when its user leaves.
        let mut connection = server.client().connect().expect("a connection");
        connection
            .send(b"GET /ipam/subnet/10.0.0.0/24/next_ip?mac&group HTTP/1.1\r\nHost: proxy\r\n\r\n")
            .expect("sent");
        let mut half = std::net::TcpStream::connect(server.https()).expect("a connection");
        half.write_all(&[0x16, 0x03, 0x01]).expect("sent");
    }
    assert_eq!(server.client().get("/ipam/groups").answer(), (200, json!([])));
}
