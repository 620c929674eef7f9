//! The server process, the clients that call it, and what the IPAM behind it contains.

mod at_once;
#[path = "../../../src/tls/test_certificates.rs"]
mod certificates;
mod client;
mod foreman;
mod identity;
mod log;
mod names;
mod seed;
pub(crate) mod server;

pub(crate) use at_once::at_once;
pub(crate) use client::{Client, Connection, Request, Response};
pub(crate) use foreman::{Foreman, Generation};
pub(crate) use identity::{Identity, identities};
pub(crate) use names::cgi_escape;
pub(crate) use seed::Seed;
pub(crate) use server::{Builder, Server};

/// A MAC that differs for each number.
pub(crate) fn mac(number: usize) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", number / 256 % 256, number % 256)
}
