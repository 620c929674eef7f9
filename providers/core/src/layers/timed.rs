//! A time limit for every operation.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::http::TELL_IF_IT_LASTS;
use crate::{
    Capabilities, Error, ErrorKind, FreeQuery, Group, GroupName, Prefix, Probe, Provider, Released, Requester,
    Reservation, Result, Subnet,
};

/// Ends an operation with [`ErrorKind::TimedOut`] when it takes longer than the limit.
#[derive(Debug)]
pub struct Timed {
    inner: Arc<dyn Provider>,
    limit: Duration,
}

impl Timed {
    /// Limits each operation of `inner`.
    pub fn new(inner: Arc<dyn Provider>, limit: Duration) -> Self {
        Self { inner, limit }
    }

    async fn within<T>(&self, operation: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(self.limit, operation).await.unwrap_or_else(|_| Err(self.too_late()))
    }

    fn too_late(&self) -> Error {
        Error::new(
            ErrorKind::TimedOut,
            format!(
                "The IPAM ({}) gave no answer within {} seconds. {TELL_IF_IT_LASTS}",
                self.inner.name(),
                self.limit.as_secs_f32()
            ),
        )
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for Timed {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self) -> Vec<Probe> {
        timeout(self.limit, self.inner.probe())
            .await
            .unwrap_or_else(|_| vec![Probe { what: "an answer of the IPAM".to_owned(), outcome: Err(self.too_late()) }])
    }

    async fn groups(&self) -> Result<Vec<Group>> {
        self.within(self.inner.groups()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.within(self.inner.group(name)).await
    }

    async fn subnets(&self, group: &GroupName) -> Result<Vec<Subnet>> {
        self.within(self.inner.subnets(group)).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.within(self.inner.find_subnets(prefix, group)).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.within(self.inner.reservation(subnet, address)).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        self.within(self.inner.free_addresses(subnet, query)).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        self.within(self.inner.reserve(subnet, address, by)).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        self.within(self.inner.release(subnet, address)).await
    }
}
