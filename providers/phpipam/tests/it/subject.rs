//! The simulator as the suite's subject, and a fixture for the other tests.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::testing::read_settings;
use ipam_provider::{AddressSet, FreeQuery, Prefix, Provider, Result, Subnet};
use ipam_provider_phpipam::{Phpipam, Settings};
use ipam_simulators::phpipam::{self as simulator, PASSWORD, USER, Version};
use ipam_simulators::{Request, Server};
use serde_json::{Value, json};

/// A simulated server and a provider for it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<simulator::Phpipam>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<Phpipam>,
    pub(crate) seed: Seed,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(json!({"user": USER, "password": PASSWORD}))
    }

    /// A provider with these settings besides `url`.
    pub(crate) fn with(settings: Value) -> Self {
        Self::start(Version::V1_8, &seed(), settings)
    }

    pub(crate) fn start(version: Version, seed: &Seed, settings: Value) -> Self {
        let ipam = simulator::Phpipam::seeded(version, seed);
        let server = Server::start(ipam.clone());
        let provider = Arc::new(provider(&server.url(), settings));
        Self { ipam, server, provider, seed: seed.clone() }
    }

    pub(crate) fn seeded(&self, role: Role) -> &SeededSubnet {
        self.seed.subnet(role).expect("a role of the seed")
    }

    pub(crate) async fn subnet(&self, role: Role) -> Subnet {
        let seeded = self.seeded(role);
        let found = self.provider.find_subnets(seeded.prefix, seeded.group.as_ref()).await;
        found.expect("an answer").remove(0)
    }

    pub(crate) async fn free(&self, subnet: &Subnet, at_most: usize, held: &[&str]) -> Result<Vec<IpAddr>> {
        let held: AddressSet = held.iter().map(|address| ip(address)).collect();
        self.provider.free_addresses(subnet, FreeQuery { at_most, held: &held }).await
    }

    /// The requests since the last time, as method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.server.take_requests().iter().map(|Request { method, path, .. }| format!("{method} {path}")).collect()
    }
}

/// Everything but what is outside of groups: each subnet of phpIPAM is in a section.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A provider for the server at this URL. Panics over settings with a fault.
pub(crate) fn provider(url: &str, mut settings: Value) -> Phpipam {
    settings["url"] = json!(url);
    let (settings, findings) = read_settings(settings, Settings::read);
    assert!(findings.is_empty(), "{findings:?}");
    Phpipam::new(&settings.expect("settings without faults")).expect("a provider")
}

macro_rules! subject {
    ($subject:ident, $version:expr) => {
        /// This version.
        pub(crate) struct $subject(Fixture);

        #[async_trait]
        impl Subject for $subject {
            fn seed() -> Seed {
                seed()
            }

            async fn start(seed: &Seed) -> Self {
                Self(Fixture::start($version, seed, json!({"user": USER, "password": PASSWORD})))
            }

            fn provider(&self) -> Arc<dyn Provider> {
                self.0.provider.clone()
            }

            async fn fault(&self, fault: Fault) -> bool {
                self.0.server.set_fault(Some(fault));
                true
            }

            async fn heal(&self) {
                self.0.server.set_fault(None);
            }

            async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.ipam.take(subnet, address);
            }

            async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.ipam.free(subnet, address);
            }

            async fn remove(&self, subnet: &SeededSubnet) {
                self.0.ipam.remove(subnet);
            }

            async fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) -> bool {
                let section = outer.group.as_ref().expect("each subnet is in a section").as_str();
                let (network, length, master) = (prefix.network(), prefix.length(), self.0.ipam.id_of(outer));
                let inner = self.0.ipam.add_subnet(section, network, length, master, None);
                self.0.ipam.take_in(inner, taken);
                true
            }
        }
    };
}

subject!(V1_5, Version::V1_5);
subject!(V1_6, Version::V1_6);
subject!(V1_7, Version::V1_7);
subject!(V1_8, Version::V1_8);
