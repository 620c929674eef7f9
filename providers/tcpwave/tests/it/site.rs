//! TCPWaves to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::settings::{Section, Setting};
use ipam_provider::{GroupName, Provider, Subnet};
use ipam_provider_tcpwave::{Settings, Tcpwave};
use ipam_simulators::tcpwave::{Exists, Site, Tcpwave as Simulated};
use ipam_simulators::{Ipam, Server};
use serde_json::{Value, json};

/// The standard seed without what TCPWave has no room for: a table outside of organizations, subnets whose first and
/// last address are for hosts, and IPv6.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin).without(Role::Pool).without_ipv6()
}

/// Whatever can be read in two ways, read in the other one.
pub(crate) fn awkward() -> Site {
    Site {
        page_at_most: 7,
        list_key: Some("rows"),
        exists: Exists::Word,
        mask_in_address: true,
        lists_free: true,
        ignores_filters: true,
        absent_is_empty: true,
        ignores_case: true,
        full_is_refused: true,
        deletes_what_is_absent: true,
        shows_words: true,
        right_as_500: true,
        ..Site::default()
    }
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Tcpwave {
    let Value::Object(settings) = settings else { panic!("an object") };
    let settings = settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
    let mut section = Section::new("settings.d/externalipam_tcpwave.yml", settings.collect());
    let settings = Settings::read(&mut section);
    assert_eq!(section.finish().problems, []);
    Tcpwave::new(settings.expect("settings without a fault")).expect("a provider")
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    /// The seed at the plain site.
    pub(crate) fn new() -> Self {
        Self::at(Site::default(), json!({}), |ipam| ipam)
    }

    /// The seed at a site, with something between the simulator and its server.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        Self::over(Simulated::start(&seed(), site), settings, around)
    }

    /// A simulator with whatever is in it.
    pub(crate) fn over(ipam: Simulated, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        let ipam = Arc::new(ipam);
        let server = Server::start(around(ipam.clone()));
        let mut all = json!({
            "url": server.url(), "session_token": Simulated::TOKEN, "domain": Simulated::DOMAIN,
        });
        let (Value::Object(known), Value::Object(settings)) = (&mut all, settings) else { panic!("objects") };
        known.extend(settings);
        let provider = Arc::new(provider(all));
        Self { ipam, server, provider }
    }

    /// The one subnet of this prefix in the organization.
    pub(crate) async fn subnet(&self, organization: &str, prefix: &str) -> Subnet {
        let group = GroupName::new(organization);
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
        let mut found = found.expect("an answer about the prefix");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

/// The group of a seeded subnet.
fn group(subnet: &SeededSubnet) -> &str {
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

            fn records_every_domain(&self) -> bool {
                false
            }

            fn tells_one_remover(&self) -> bool {
                !$site.deletes_what_is_absent
            }

            async fn fault(&self, fault: Fault) -> bool {
                self.0.server.set_fault(Some(fault));
                true
            }

            async fn heal(&self) {
                self.0.server.set_fault(None);
            }

            async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.ipam.take(group(subnet), address);
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
    /// The likelier reading of each answer.
    Plain,
    Site::default()
);

subject!(
    /// The other one.
    Awkward,
    awkward()
);
