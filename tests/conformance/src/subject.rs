//! What a provider's tests must be able to do with the IPAM behind it.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::{Prefix, Provider};

use crate::{Fault, Seed, SeededSubnet};

/// A provider together with the IPAM (simulator, store or real product) behind it.
///
/// The methods that write do so as *another writer* would: not through the provider, and without its mark. They panic
/// when they cannot, since nothing that follows would mean anything.
#[async_trait]
pub trait Subject: Send + Sync {
    /// What this subject is filled with: [`Seed::standard`] without what the IPAM has no room for.
    ///
    /// Taking out groups or IPv6 must agree with the provider's capabilities; a case checks it.
    fn seed() -> Seed
    where
        Self: Sized,
    {
        Seed::standard()
    }

    /// Why the suite cannot run here, such as an environment variable that is not set. The cases are then skipped,
    /// with this reason on stderr.
    fn missing() -> Option<String>
    where
        Self: Sized,
    {
        None
    }

    /// Starts an IPAM that holds exactly the seed (a real product may hold more, in other groups and prefixes) and a
    /// provider for it.
    async fn start(seed: &Seed) -> Self
    where
        Self: Sized;

    /// The provider, bare: without time limit or retries. The same one at each call.
    fn provider(&self) -> Arc<dyn Provider>;

    /// Has the IPAM room for the mark by which [`Reservation::ours`](ipam_provider::Reservation::ours) is known?
    fn marks_reservations(&self) -> bool {
        true
    }

    /// Has a record room for host names of every domain? TCPWave has it for those of one.
    fn records_every_domain(&self) -> bool {
        true
    }

    /// Does the IPAM tell only one of several callers at once that it removed a record? Nautobot tells several.
    fn tells_one_remover(&self) -> bool {
        true
    }

    /// From now on, and until [`heal`](Self::heal), the IPAM answers with this fault. `false` when this subject cannot
    /// inject it.
    async fn fault(&self, fault: Fault) -> bool;

    /// Ends the fault.
    async fn heal(&self);

    /// Another writer takes an address, with neither MAC nor hostname.
    async fn take(&self, subnet: &SeededSubnet, address: IpAddr);

    /// Another writer frees an address that is taken.
    async fn free(&self, subnet: &SeededSubnet, address: IpAddr);

    /// Another writer removes the subnet and every record in it.
    async fn remove(&self, subnet: &SeededSubnet);

    /// Another writer makes a subnet inside this one, in its group, and takes an address of it. `false` where the IPAM has
    /// no such subnets, or this subject does not make them.
    async fn nest(&self, _outer: &SeededSubnet, _prefix: Prefix, _taken: IpAddr) -> bool {
        false
    }
}
