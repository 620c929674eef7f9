//! What is special about TCPWave: each guess about its answers, and what becomes of it.

mod access;
mod annotate;
mod free;
mod objects;
mod shapes;
mod subnets;

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSet, Error, FreeQuery, GroupName, Provider, Requester, Subnet};
use ipam_simulators::tcpwave::Site;
use ipam_simulators::{Ipam, Request, Response};
use serde_json::json;

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

/// The cause of an error, which is for the log.
pub(crate) fn cause(error: &Error) -> String {
    std::error::Error::source(error).expect("a cause").to_string()
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

/// The seed, with the requests of this path answered so.
pub(crate) fn instead(path: &'static str, status: u16, body: &'static str) -> Fixture {
    let answer = move |request: &Request| {
        let response = Response { status, headers: Vec::new(), body: body.into() };
        request.path.ends_with(path).then_some(response)
    };
    Fixture::at(Site::default(), json!({}), |ipam| Arc::new(Instead { ipam, answer }))
}
