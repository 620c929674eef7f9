//! Nautobots to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::settings::{Section, Setting};
use ipam_provider::{GroupName, Prefix, Provider, Subnet};
use ipam_provider_nautobot::{Nautobot, Settings};
use ipam_simulators::nautobot::{Nautobot as Simulated, Site};
use ipam_simulators::{Ipam, Server};
use serde_json::{Value, json};

/// The key of the custom field for MACs, where a site has one.
const MAC: &str = "mac_address";

/// The standard seed without the table outside of groups: every prefix is in a namespace.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin)
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Nautobot {
    let Value::Object(settings) = settings else { panic!("an object") };
    let settings = settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
    let mut section = Section::new("settings.d/externalipam_nautobot.yml", settings.collect());
    let settings = Settings::read(&mut section);
    assert_eq!(section.finish().problems, []);
    Nautobot::new(settings.expect("settings without a fault")).expect("a provider")
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    /// The seed at a site with a custom field for MACs.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// The same with these settings besides.
    pub(crate) fn with(settings: Value) -> Self {
        let site = Site { custom_field: Some(MAC.to_owned()), ..Site::default() };
        Self::at(site, settings, |ipam| ipam)
    }

    /// The seed at a site, with something between the simulator and its server.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        let mut all = json!({"token": Simulated::TOKEN});
        if site.custom_field.is_some() {
            all["mac_field"] = MAC.into();
        }
        let ipam = Arc::new(Simulated::start(&seed(), site));
        let server = Server::start(around(ipam.clone()));
        all["url"] = server.url().into();
        let (Value::Object(all), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
        all.extend(settings);
        let provider = Arc::new(provider(Value::Object(all.clone())));
        Self { ipam, server, provider }
    }

    /// The one subnet of this prefix in the namespace.
    pub(crate) async fn subnet(&self, namespace: &str, prefix: &str) -> Subnet {
        let group = GroupName::new(namespace);
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
        let mut found = found.expect("an answer about the prefix");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    async fn start(site: Site) -> Self {
        Self::at(site, json!({}), |ipam| ipam)
    }
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
                Self(Fixture::start($site).await)
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
                self.0.ipam.take(group(subnet), address);
            }

            async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.ipam.free(group(subnet), address);
            }

            async fn remove(&self, subnet: &SeededSubnet) {
                self.0.ipam.remove(subnet);
            }

            async fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) -> bool {
                self.0.ipam.add_prefix(group(outer), &prefix.to_string(), "network", "");
                self.0.ipam.take(group(outer), taken);
                true
            }
        }
    };
}

subject!(
    /// A Nautobot as it comes, with a custom field for MACs.
    Plain,
    Site { custom_field: Some(MAC.to_owned()), ..Site::default() }
);

subject!(
    /// Small pages, a wrong host in the URL of the next one, races, and no place for MACs.
    Awkward,
    Site { page_at_most: 7, custom_field: None, races: true, next_host: Some("elsewhere.example.com".to_owned()) }
);
