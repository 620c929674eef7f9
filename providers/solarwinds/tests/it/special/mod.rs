//! What is special about SolarWinds: each oddity, and what becomes of it.

mod access;
mod free;
mod names;
mod reserve;
mod rows;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ipam_provider::{AddressSet, Error, FreeQuery, GroupName, Provider, Requester, Subnet};
use ipam_simulators::solarwinds::{Site, Solarwinds};
use ipam_simulators::{Ipam, Request, Response};
use serde_json::{Value, json};

use crate::site::Fixture;

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

pub(crate) async fn free(provider: &Arc<dyn Provider>, subnet: &Subnet, at_most: usize) -> Result<Vec<IpAddr>, Error> {
    provider.free_addresses(subnet, FreeQuery { at_most, held: &AddressSet::default() }).await
}

/// Stands between the simulator and its server, and answers some requests in its place.
struct Instead<F> {
    ipam: Arc<Solarwinds>,
    answer: F,
}

impl<F: Fn(&Solarwinds, &Request) -> Option<Response> + Send + Sync + 'static> Ipam for Instead<F> {
    fn answer(&self, request: &Request) -> Response {
        (self.answer)(&self.ipam, request).unwrap_or_else(|| self.ipam.answer(request))
    }

    fn is_write(&self, request: &Request) -> bool {
        self.ipam.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.ipam.session_expired()
    }
}

/// The seed on a server, with some requests answered by `answer`.
pub(crate) fn instead_at(
    site: Site,
    answer: impl Fn(&Solarwinds, &Request) -> Option<Response> + Send + Sync + 'static,
) -> Fixture {
    Fixture::at(site, json!({}), |ipam| Arc::new(Instead { ipam, answer }))
}

pub(crate) fn instead(answer: impl Fn(&Solarwinds, &Request) -> Option<Response> + Send + Sync + 'static) -> Fixture {
    instead_at(Site::default(), answer)
}

/// A server where addresses are taken by their status.
pub(crate) const BEFORE_2022_2: Site =
    Site { has_start_address: false, held_as: 16, bits_with_rows: 12, ipv6_in_full: false };

/// `true` the first time that it is asked.
#[derive(Debug, Default)]
pub(crate) struct Once(Mutex<bool>);

impl Once {
    pub(crate) fn is_first(&self) -> bool {
        !std::mem::replace(&mut *self.0.lock().expect("no panic"), true)
    }
}

/// What a request does, in short: `Query`, a verb, `Create`, or `Change`.
pub(crate) fn kind(request: &Request) -> String {
    let segments = request.segments();
    match segments.get(4).map(String::as_str) {
        Some("Invoke") => segments.last().expect("a verb").clone(),
        Some("swis:") if request.method == "DELETE" => "Delete".to_owned(),
        Some("swis:") if segments.len() > 10 => segments[10].clone(),
        Some("swis:") => "Change".to_owned(),
        Some(other) => other.to_owned(),
        None => request.path.clone(),
    }
}

/// What the requests since the last time did.
pub(crate) fn kinds(fixture: &Fixture) -> Vec<String> {
    fixture.server.take_requests().iter().map(kind).collect()
}

/// The entity that a query asks.
pub(crate) fn asks(request: &Request, entity: &str) -> bool {
    let body = request.json().unwrap_or_default();
    body["query"].as_str().is_some_and(|text| text.contains(&format!("FROM {entity}")))
}

pub(crate) fn results(rows: Value) -> Response {
    Response::json(200, &json!({"results": rows}))
}
