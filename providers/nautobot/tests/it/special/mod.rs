//! What is special about Nautobot: each oddity of its answers, and what becomes of it.

mod access;
mod faults;
mod free;
mod lists;
mod recorded;
mod requests;
mod reservations;
mod subnets;

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSet, Error, FreeQuery, GroupName, Provider, Requester, Subnet};
use ipam_simulators::nautobot::Site;
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

/// Stands between the simulator and its server, and answers some requests in its place.
struct Instead<F> {
    ipam: Arc<dyn Ipam>,
    answer: F,
}

impl<F: Fn(&dyn Ipam, &Request) -> Option<Response> + Send + Sync + 'static> Ipam for Instead<F> {
    fn answer(&self, request: &Request) -> Response {
        (self.answer)(self.ipam.as_ref(), request).unwrap_or_else(|| self.ipam.answer(request))
    }

    fn is_write(&self, request: &Request) -> bool {
        self.ipam.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.ipam.session_expired()
    }
}

/// The seed, with some requests answered by `answer`.
pub(crate) fn instead(answer: impl Fn(&dyn Ipam, &Request) -> Option<Response> + Send + Sync + 'static) -> Fixture {
    Fixture::at(Site::default(), json!({}), |ipam| Arc::new(Instead { ipam, answer }))
}

pub(crate) fn is_post(request: &Request) -> bool {
    request.method == "POST"
}
