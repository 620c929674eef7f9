//! A simulated IPAM that can be made to fail at one chosen request.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ipam_conformance::{Fault, Seed, SeededSubnet};
use ipam_simulators::{Ipam, Request, Response, Server};

use super::vendor::{Record, Vendor};

/// A running IPAM.
pub(crate) struct Simulated<V> {
    pub(crate) seed: Seed,
    pub(crate) vendor: Arc<V>,
    server: Arc<Server>,
    gate: Arc<Gate<V>>,
}

impl<V: Vendor> Simulated<V> {
    /// The product with its standard contents.
    pub(crate) fn start() -> Self {
        Self::start_with(V::seed())
    }

    /// The product with these contents.
    pub(crate) fn start_with(seed: Seed) -> Self {
        let vendor = V::start(&seed);
        let gate = Arc::new(Gate { vendor: vendor.clone(), plan: Mutex::default(), server: OnceLock::new() });
        let server = Arc::new(Server::start(gate.clone()));
        gate.server.set(Arc::downgrade(&server)).expect("it is set once");
        Self { seed, vendor, server, gate }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The provider's settings for it.
    pub(crate) fn settings(&self) -> String {
        V::settings(&self.url())
    }

    /// From now on each write takes this long.
    pub(crate) fn slow_down_writes(&self, time: Duration) {
        self.server.set_write_time(time);
    }

    /// From now on every request is hit by the fault.
    pub(crate) fn fail(&self, fault: Fault) {
        self.server.set_fault(Some(fault));
    }

    /// So many requests from now on are answered as usual; then the fault begins, for one request or for all.
    pub(crate) fn fail_after(&self, requests: usize, fault: Fault, extent: Extent) {
        *self.gate.plan() = Some(Plan { requests, fault, extent });
        if requests == 0 {
            self.server.set_fault(Some(fault));
        }
    }

    /// Ends the fault.
    pub(crate) fn heal(&self) {
        *self.gate.plan() = None;
        self.server.set_fault(None);
    }

    /// What the IPAM was asked since the last time; connections alone do not count.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        self.server.take_requests()
    }

    /// How many requests one call causes, and how many of them come before the first write.
    pub(crate) fn cost<T>(&self, call: impl FnOnce() -> T) -> (T, Cost) {
        self.take_requests();
        let answer = call();
        let requests = self.take_requests();
        let write = requests.iter().position(|request| self.vendor.is_write(request));
        (answer, Cost { requests: requests.len(), before_write: write.unwrap_or(requests.len()) })
    }

    /// The records of an address in a subnet.
    pub(crate) fn records_of(&self, subnet: &SeededSubnet, address: IpAddr) -> Vec<Record> {
        self.vendor.records(subnet).into_iter().filter(|record| record.address == address).collect()
    }

    /// The lowest address of the subnet that has no record.
    pub(crate) fn lowest_free(&self, subnet: &SeededSubnet) -> IpAddr {
        let records = self.vendor.records(subnet);
        let is_free = |address: &IpAddr| !records.iter().any(|record| record.address == *address);
        subnet.addresses().find(is_free).expect("the subnet is not full")
    }
}

/// What a call costs, in requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) requests: usize,
    pub(crate) before_write: usize,
}

/// How much a planned fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One request.
    One,
    /// Every request until the IPAM is healed.
    All,
}

#[derive(Debug)]
struct Plan {
    requests: usize,
    fault: Fault,
    extent: Extent,
}

/// Stands between server and product and counts requests.
///
/// The server asks `is_write` once for each request, after it has chosen the fault that hits this one: what is changed
/// there holds from the next request on.
struct Gate<V> {
    vendor: Arc<V>,
    plan: Mutex<Option<Plan>>,
    server: OnceLock<Weak<Server>>,
}

impl<V> Gate<V> {
    fn plan(&self) -> std::sync::MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) {
        let mut plan = self.plan();
        let Some(next) = plan.as_mut() else { return };
        let server = self.server.get().and_then(Weak::upgrade).expect("the server runs");
        match (next.requests, next.extent) {
            (0, Extent::One) => {
                server.set_fault(None);
                *plan = None;
            }
            (0, Extent::All) => {}
            (1, _) => {
                server.set_fault(Some(next.fault));
                next.requests = 0;
            }
            (left, _) => next.requests = left - 1,
        }
    }
}

impl<V: Vendor> Ipam for Gate<V> {
    fn answer(&self, request: &Request) -> Response {
        self.vendor.answer(request)
    }

    fn is_write(&self, request: &Request) -> bool {
        self.count();
        self.vendor.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.vendor.session_expired()
    }
}
