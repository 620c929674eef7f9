//! What was asked of the IPAM, how long it took and how it ended, as log lines.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::{
    Capabilities, FreeQuery, Group, GroupName, Prefix, Probe, Provider, Released, Requester, Reservation, Result,
    Subnet,
};

/// Logs each operation at debug level: name, subject, outcome, milliseconds.
///
/// A failure is logged by whoever answers it, with its cause; here it is one word of the same debug line.
#[derive(Debug)]
pub struct Observed {
    inner: Arc<dyn Provider>,
}

impl Observed {
    /// Observes the operations of `inner`.
    pub fn new(inner: Arc<dyn Provider>) -> Self {
        Self { inner }
    }

    async fn observe<T>(
        &self,
        operation: &str,
        subject: impl FnOnce() -> String,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if !log::log_enabled!(log::Level::Debug) {
            return work.await;
        }
        let start = Instant::now();
        let outcome = work.await;
        let ended = match &outcome {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.kind().to_string(),
        };
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        log::debug!("{} {operation} {}: {ended} ({milliseconds:.2} ms)", self.inner.name(), subject());
        outcome
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Observed {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self) -> Vec<Probe> {
        self.inner.probe().await
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.observe("groups", || "(all)".to_owned(), self.inner.groups()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.observe("group", || name.to_string(), self.inner.group(name)).await
    }

    async fn subnets(&self, group: &GroupName) -> Result<Vec<Subnet>> {
        self.observe("subnets", || group.to_string(), self.inner.subnets(group)).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.observe("find_subnets", || prefix.to_string(), self.inner.find_subnets(prefix, group)).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        let subject = || format!("{address} in {subnet}");
        self.observe("reservation", subject, self.inner.reservation(subnet, address)).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        self.observe("free_addresses", || subnet.to_string(), self.inner.free_addresses(subnet, query)).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        let subject = || format!("{address} in {subnet}");
        self.observe("reserve", subject, self.inner.reserve(subnet, address, by)).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        let subject = || format!("{address} in {subnet}");
        self.observe("release", subject, self.inner.release(subnet, address)).await
    }
}
