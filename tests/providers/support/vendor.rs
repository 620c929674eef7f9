//! What the tests must know of an IPAM product and be able to do with it.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_conformance::{Seed, SeededSubnet};
use ipam_simulators::{Ipam, Request, Response};
use serde_json::Value;

/// One IPAM product, simulated. What is looked at and done here goes past the proxy.
pub(crate) trait Vendor: Ipam + Sized {
    /// As in `use_provider`.
    const NAME: &'static str;

    /// How many requests the calls of the contract may cost.
    const COSTS: Costs;

    /// How many of the requests of an add are writes.
    const WRITES_OF_ADD: u32 = 1;

    /// May a prefix be outside of all groups?
    const HAS_GLOBAL_TABLE: bool;

    /// What `check` says of an account that may only read.
    const MISSING_RIGHT: &'static str;

    /// [`Seed::standard`] without what the product has no room for.
    fn seed() -> Seed;

    /// The product with this in it, and with a place for MACs.
    fn start(seed: &Seed) -> Arc<Self>;

    /// The provider's file of settings for the product at this URL.
    fn settings(url: &str) -> String;

    /// The same with credentials that are refused.
    fn wrong_settings(url: &str) -> String;

    /// The same with credentials that may only read.
    fn read_only_settings(&self, url: &str) -> String;

    /// Everything that is recorded in the subnet.
    fn records(&self, subnet: &SeededSubnet) -> Vec<Record>;

    /// Another user takes an address; `false` when it is taken already.
    fn take(&self, subnet: &SeededSubnet, address: IpAddr) -> bool;
}

/// How many requests the calls of the contract may cost, when the subnet has been looked up before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Costs {
    /// A batch of free addresses, which up to 64 callers share.
    pub(crate) batch: usize,
    /// Is an address taken?
    pub(crate) exists: usize,
    /// Recording one.
    pub(crate) add: usize,
    /// Removing one.
    pub(crate) delete: usize,
    /// Looking a subnet up.
    pub(crate) lookup: usize,
    /// Before the first of all.
    pub(crate) login: usize,
}

/// What is recorded of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) address: IpAddr,
    /// In the place that the product has for it.
    pub(crate) mac: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) description: String,
}

/// A request past the proxy; `head` is the credential.
pub(crate) fn ask(
    ipam: &impl Ipam,
    method: &str,
    target: &str,
    head: (&str, &str),
    body: Option<&Value>,
) -> (Response, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = [("host", "127.0.0.1"), ("accept", "application/json"), ("content-type", "application/json"), head];
    let response = ipam.answer(&Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    });
    let json = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    (response, json)
}

/// A text that is there and not empty.
pub(crate) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The address of `192.0.2.1` and `192.0.2.1/28`.
pub(crate) fn address(value: &Value) -> IpAddr {
    let text = value.as_str().expect("an address");
    text.split('/').next().unwrap_or_default().parse().expect("an address")
}
