//! The simulator as the suite's subject, and a fixture for the other tests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::settings::{Section, Setting};
use ipam_provider::{FreeQuery, Provider, Result, Subnet};
use ipam_provider_phpipam::{Phpipam, Settings};
use ipam_simulators::phpipam::{self as simulator, PASSWORD, USER, Version};
use ipam_simulators::{Request, Server};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

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

    fn start(version: Version, seed: &Seed, settings: Value) -> Self {
        let ipam = simulator::Phpipam::seeded(version, seed);
        let server = Server::start(ipam.clone());
        let provider = Arc::new(provider(&server.url(), settings));
        Self { ipam, server, provider, seed: seed.clone() }
    }

    /// Sets or ends the fault, and waits until it is so: the server hears of it on a thread of its own.
    pub(crate) async fn set_fault(&self, fault: Option<Fault>) {
        let address = self.server.url().replace("http://", "");
        let witness = TcpStream::connect(&address).await;
        self.server.set_fault(fault);
        if fault == Some(Fault::Gone) {
            // Its connections end, whether by an end or by a reset.
            let _ = witness.expect("it listens").read(&mut [0]).await;
        }
        while TcpStream::connect(&address).await.is_ok() == (fault == Some(Fault::Gone)) {
            tokio::task::yield_now().await;
        }
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
        let held: BTreeSet<IpAddr> = held.iter().map(|address| ip(address)).collect();
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
pub(crate) fn provider(url: &str, settings: Value) -> Phpipam {
    let Value::Object(settings) = settings else { panic!("an object") };
    let mut values: BTreeMap<String, Setting> =
        settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None })).collect();
    values.insert("url".to_owned(), Setting { value: json!(url), origin: None });
    let mut section = Section::new("externalipam_phpipam.yml", values);
    let settings = Settings::read(&mut section);
    let findings = section.finish();
    assert!(findings.problems.is_empty() && findings.unknown.is_empty(), "{findings:?}");
    Phpipam::new(&settings.expect("settings without faults")).expect("a provider")
}

/// Version 1.8.2.
pub(crate) struct Newest(Fixture);

/// Version 1.6.0.
pub(crate) struct Older(Fixture);

macro_rules! subject {
    ($subject:ident, $version:expr) => {
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
                self.0.set_fault(Some(fault)).await;
                true
            }

            async fn heal(&self) {
                self.0.set_fault(None).await;
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
        }
    };
}

subject!(Newest, Version::V1_8);
subject!(Older, Version::V1_6);
