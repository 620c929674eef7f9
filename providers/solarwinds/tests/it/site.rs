//! SolarWinds servers to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::settings::{Section, Setting};
use ipam_provider::{GroupName, Provider, Subnet};
use ipam_provider_solarwinds::{Settings, Solarwinds};
use ipam_simulators::solarwinds::{Site, Solarwinds as Simulated};
use ipam_simulators::{Ipam, Server};
use serde_json::{Value, json};

/// The standard seed without what SolarWinds has no word for: a table outside of groups, and subnets whose first and last
/// address are for hosts.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Solarwinds {
    let Value::Object(settings) = settings else { panic!("an object") };
    let settings = settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
    let mut section = Section::new("settings.d/externalipam_solarwinds.yml", settings.collect());
    let settings = Settings::read(&mut section);
    assert_eq!(section.finish().problems, []);
    Solarwinds::new(settings.expect("settings without a fault")).expect("a provider")
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    /// The seed on a current server.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// The same with these settings besides.
    pub(crate) fn with(settings: Value) -> Self {
        Self::at(Site::default(), settings, |ipam| ipam)
    }

    /// The seed on a server, with something between the simulator and its server.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<Simulated>) -> Arc<dyn Ipam>) -> Self {
        Self::of(Simulated::start(&seed(), site), settings, around)
    }

    /// This simulator.
    pub(crate) fn of(ipam: Simulated, settings: Value, around: impl FnOnce(Arc<Simulated>) -> Arc<dyn Ipam>) -> Self {
        let ipam = Arc::new(ipam);
        let server = Server::start(around(ipam.clone()));
        let provider = Arc::new(provider(merged(&server, settings)));
        Self { ipam, server, provider }
    }

    /// Another proxy over the same server.
    pub(crate) fn second(&self, settings: Value) -> Arc<dyn Provider> {
        Arc::new(provider(merged(&self.server, settings)))
    }

    /// The one subnet of this prefix in the group.
    pub(crate) async fn subnet(&self, group: &str, prefix: &str) -> Subnet {
        let group = GroupName::new(group);
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
        let mut found = found.expect("an answer about the prefix");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

fn merged(server: &Server, settings: Value) -> Value {
    let mut all = json!({"url": server.url(), "user": Simulated::USER, "password": Simulated::PASSWORD});
    let (Value::Object(known), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
    known.extend(settings);
    all
}

/// The group of a seeded subnet.
pub(crate) fn group(subnet: &SeededSubnet) -> &str {
    subnet.group.as_ref().expect("the seed has only subnets in groups").as_str()
}

/// A subject over a site.
macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $site:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(Fixture);

        #[async_trait]
        impl Subject for $name {
            fn seed() -> Seed {
                seed()
            }

            async fn start(_: &Seed) -> Self {
                Self(Fixture::at($site, json!({}), |ipam| ipam))
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
                assert!(self.0.ipam.take(group(subnet), address), "{address} is taken");
            }

            async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.ipam.free(group(subnet), address);
            }

            async fn remove(&self, subnet: &SeededSubnet) {
                self.0.ipam.remove(subnet);
            }
        }
    };
}

subject!(
    /// A server of today.
    Current,
    Site::default()
);

subject!(
    /// A server that starts reservations at the first available address only.
    Old,
    Site { has_start_address: false, ipv6_in_full: true, ..Site::default() }
);

subject!(
    /// A server whose addresses have rows only when they are recorded.
    Rowless,
    Site { bits_with_rows: 0, held_as: 4, ..Site::default() }
);
