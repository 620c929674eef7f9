//! The reference as the suite's subject.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::{Capabilities, Prefix, Provider};

use super::ReferenceIpam;
use crate::{Fault, Role, Seed, SeededSubnet, Subject};

/// The reference with all that the contract knows.
pub struct ReferenceSubject(Arc<ReferenceIpam>);

/// The reference as an IPAM that can do little: no groups, no IPv6, no pools, no place for MAC and hostname.
pub struct ModestReferenceSubject(Arc<ReferenceIpam>);

#[async_trait]
impl Subject for ReferenceSubject {
    async fn start(seed: &Seed) -> Self {
        let everything = Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true };
        Self(Arc::new(ReferenceIpam::new(seed, everything)))
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.0.clone()
    }

    async fn fault(&self, fault: Fault) -> bool {
        self.0.set_fault(Some(fault));
        true
    }

    async fn heal(&self) {
        self.0.set_fault(None);
    }

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.0.take(subnet, address);
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.0.free(subnet, address);
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        self.0.remove(subnet);
    }

    async fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) -> bool {
        self.0.nest(outer, prefix, taken);
        true
    }
}

#[async_trait]
impl Subject for ModestReferenceSubject {
    fn seed() -> Seed {
        Seed::standard().without_groups().without_ipv6().without(Role::Pool)
    }

    async fn start(seed: &Seed) -> Self {
        let little = Capabilities { groups: false, ipv6: false, records_mac: false, records_hostname: false };
        Self(Arc::new(ReferenceIpam::new(seed, little)))
    }

    fn provider(&self) -> Arc<dyn Provider> {
        self.0.clone()
    }

    /// Skips as a store without a network does.
    async fn fault(&self, _fault: Fault) -> bool {
        false
    }

    async fn heal(&self) {}

    async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.0.take(subnet, address);
    }

    async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
        self.0.free(subnet, address);
    }

    async fn remove(&self, subnet: &SeededSubnet) {
        self.0.remove(subnet);
    }

    async fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) -> bool {
        self.0.nest(outer, prefix, taken);
        true
    }
}
