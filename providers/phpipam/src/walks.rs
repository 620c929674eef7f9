//! Where the search for free addresses goes on in subnets that are walked through.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipam_provider::{RecordId, Subnet};

/// Where the walks through subnets go on.
#[derive(Debug, Default)]
pub(crate) struct Walks(Mutex<BTreeMap<RecordId, Passed>>);

/// No free address is known between these two. It counts as long as the first one is the lowest free address.
#[derive(Debug, Clone, Copy)]
struct Passed {
    first: IpAddr,
    next: IpAddr,
}

impl Walks {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<RecordId, Passed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to go on, if the lowest free address is still the same.
    pub(crate) fn next(&self, subnet: &Subnet, first: IpAddr) -> Option<IpAddr> {
        self.entries().get(&subnet.id).filter(|passed| passed.first == first).map(|passed| passed.next)
    }

    pub(crate) fn remember(&self, subnet: &Subnet, first: IpAddr, next: IpAddr) {
        self.entries().insert(subnet.id.clone(), Passed { first, next });
    }

    pub(crate) fn forget(&self, subnet: &Subnet) {
        self.entries().remove(&subnet.id);
    }
}
