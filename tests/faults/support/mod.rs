//! The process, its directory, its callers and a service manager.

#[path = "../../../src/tls/test_certificates.rs"]
pub(crate) mod certificates;
#[path = "../../contract/support/client.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod client;
#[path = "../../contract/support/identity.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod identity;
mod manager;
mod output;
mod place;
mod process;
#[path = "../../contract/support/seed.rs"]
#[allow(dead_code, reason = "the contract tests use more of it")]
mod seed;
pub(crate) mod wire;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use openssl::x509::X509;
use serde_json::Value;

pub(crate) use certificates::{Certificate, Wish};
pub(crate) use client::{Client, Connection, Request, Response};
pub(crate) use identity::identities;
pub(crate) use manager::Manager;
pub(crate) use place::Place;
pub(crate) use process::{Ended, Process, Spawn};
pub(crate) use seed::Seed;

/// The subnet of tests that need only one.
pub(crate) const SUBNET: &str = "10.0.0.0/16";

/// The authority that signs all certificates but the stranger's.
pub(crate) fn authority() -> &'static Certificate {
    &identities().authority
}

/// The certificate of the server as tests begin.
pub(crate) fn server_certificate() -> &'static Certificate {
    &identities().server
}

/// The name that the server's certificate must have.
pub(crate) const SERVER_NAME: &str = identity::SERVER;

/// What a caller sees of a certificate.
pub(crate) fn der(x509: &X509) -> Vec<u8> {
    x509.to_der().expect("DER")
}

/// Seconds since 1970.
pub(crate) fn seconds() -> i64 {
    certificates::now()
}

/// A MAC that differs for each number.
pub(crate) fn mac(number: usize) -> String {
    format!("02:00:00:{:02x}:{:02x}:{:02x}", number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff)
}

/// The request for an address.
pub(crate) fn next_ip(mac: &str) -> Request {
    Request::new("GET", &format!("/ipam/subnet/{SUBNET}/next_ip?mac={mac}&group="))
}

/// Where one address is looked for, added and deleted.
pub(crate) fn target(address: &str) -> String {
    format!("/ipam/subnet/{SUBNET}/{address}?group=")
}

/// The address in the answer to [`next_ip`].
pub(crate) fn offered(response: &Response) -> String {
    let body = response.json();
    body["data"].as_str().unwrap_or_else(|| panic!("no address: {} {body}", response.status)).to_owned()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Asks again and again until the answer is as it should be; each question is an exchange with the server.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within 30 seconds");
    }
}

/// What the proxy's page in Foreman says is wrong; `None` when nothing is.
pub(crate) fn trouble(client: &Client) -> Option<String> {
    let body = client.get("/logs/").json();
    match &body["info"]["failed_modules"]["externalipam"] {
        Value::Null => None,
        text => Some(text.as_str().expect("text").to_owned()),
    }
}
