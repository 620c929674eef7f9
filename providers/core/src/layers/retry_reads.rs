//! Reads are tried again when the IPAM is briefly away. Writes never are: see [`Provider`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Capabilities, FreeQuery, Group, GroupName, Prefix, Probe, Provider, Released, Requester, Reservation, Result,
    Subnet,
};

/// The pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Repeats a read that failed with a transient kind of error.
#[derive(Debug)]
pub struct RetryReads {
    inner: Arc<dyn Provider>,
    attempts: u32,
}

impl RetryReads {
    /// Tries each read of `inner` at most `attempts` times.
    pub fn new(inner: Arc<dyn Provider>, attempts: u32) -> Self {
        Self { inner, attempts }
    }

    async fn repeat<T, F: Future<Output = Result<T>>>(&self, read: impl Fn() -> F) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match read().await {
                Err(error) if error.kind().is_transient() && attempt < self.attempts => {
                    log::info!("{}: {error}; attempt {} of {} follows", self.name(), attempt + 1, self.attempts);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        unreachable!("the loop has no end")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Provider for RetryReads {
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
        self.repeat(|| self.inner.groups()).await
    }

    async fn group(&self, name: &GroupName) -> Result<Option<Group>> {
        self.repeat(|| self.inner.group(name)).await
    }

    async fn subnets(&self, group: &GroupName) -> Result<Vec<Subnet>> {
        self.repeat(|| self.inner.subnets(group)).await
    }

    async fn find_subnets(&self, prefix: Prefix, group: Option<&GroupName>) -> Result<Vec<Subnet>> {
        self.repeat(|| self.inner.find_subnets(prefix, group)).await
    }

    async fn reservation(&self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>> {
        self.repeat(|| self.inner.reservation(subnet, address)).await
    }

    async fn free_addresses(&self, subnet: &Subnet, query: FreeQuery<'_>) -> Result<Vec<IpAddr>> {
        self.repeat(|| self.inner.free_addresses(subnet, query)).await
    }

    async fn reserve(&self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<()> {
        self.inner.reserve(subnet, address, by).await
    }

    async fn release(&self, subnet: &Subnet, address: IpAddr) -> Result<Released> {
        self.inner.release(subnet, address).await
    }
}
