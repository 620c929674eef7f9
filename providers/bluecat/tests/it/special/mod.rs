//! What is special about Address Manager: each oddity of its answers, and what becomes of it.

mod access;
mod annotate;
mod dns;
mod free;
mod requests;
mod texts;

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{GroupName, Requester};
use ipam_simulators::bluecat::Site;
use ipam_simulators::{Ipam, Request, Response};
use serde_json::{Value, json};

use crate::site::{FIELD, Fixture};

/// Both APIs, for what is alike.
pub(crate) const APIS: [&str; 2] = ["v1", "v2"];

pub(crate) const MAC: &str = "02:00:5e:00:53:aa";

pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

pub(crate) fn name(name: &str) -> GroupName {
    GroupName::new(name).expect("a name")
}

pub(crate) fn host(hostname: &str) -> Requester {
    Requester { mac: Some(MAC.parse().expect("a MAC")), hostname: Some(hostname.to_owned()), ..Requester::default() }
}

/// Stands between the simulator and its server, and answers some requests in its place.
struct Instead<F> {
    ipam: Arc<dyn Ipam>,
    answer: F,
}

impl<F: Fn(&Request) -> Option<Response> + Send + Sync + 'static> Ipam for Instead<F> {
    fn answer(&self, request: &Request) -> Response {
        (self.answer)(request).unwrap_or_else(|| self.ipam.answer(request))
    }

    fn is_write(&self, request: &Request) -> bool {
        self.ipam.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.ipam.session_expired()
    }
}

/// The seed over this API, with some requests answered by `answer`.
pub(crate) fn instead(
    api: &str,
    settings: Value,
    answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
) -> Fixture {
    let mut all = json!({"api": api});
    let (Value::Object(keys), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
    keys.extend(settings);
    let site = Site { field: Some(FIELD.to_owned()), ..Site::default() };
    Fixture::at(site, all, |ipam| Arc::new(Instead { ipam, answer }))
}

/// An error with all of its causes.
pub(crate) fn chain(error: &ipam_provider::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
