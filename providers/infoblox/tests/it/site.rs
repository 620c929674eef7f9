//! Grids to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::testing::read_settings;
use ipam_provider::{GroupName, Provider, Subnet};
use ipam_provider_infoblox::{Infoblox, Settings};
use ipam_simulators::infoblox::{Infoblox as Simulated, Site};
use ipam_simulators::{Ipam, Server};
use serde_json::{Value, json};

/// The standard seed without the table outside of groups, and without a pool: every network is in a network view, and
/// nobody has its first and last address.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Infoblox {
    let (settings, problems) = read_settings(settings, Settings::read);
    assert_eq!(problems, [""; 0]);
    Infoblox::new(settings.expect("settings without a fault")).expect("a provider")
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    /// The seed at a usual site.
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// The same with these settings besides.
    pub(crate) fn with(settings: Value) -> Self {
        Self::at(Site { num_at_most: 1000, ..Site::default() }, settings, |ipam| ipam)
    }

    /// The seed at a site, with something between the simulator and its server.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        let ipam = Arc::new(Simulated::start(&seed(), site));
        let server = Server::start(around(ipam.clone()));
        let mut all = json!({"url": server.url(), "user": Simulated::USER, "password": Simulated::PASSWORD});
        let (Value::Object(all), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
        all.extend(settings);
        let provider = Arc::new(provider(Value::Object(all.clone())));
        Self { ipam, server, provider }
    }

    /// The one subnet of this prefix in the network view.
    pub(crate) async fn subnet(&self, view: &str, prefix: &str) -> Subnet {
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), GroupName::new(view).as_ref()).await;
        let mut found = found.expect("an answer about the prefix");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

/// The group of a seeded subnet.
pub(crate) fn group(subnet: &SeededSubnet) -> &str {
    subnet.group.as_ref().expect("the seed has only subnets in groups").as_str()
}

/// A subject over a site.
macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $site:expr, $settings:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(Fixture);

        #[async_trait]
        impl Subject for $name {
            fn seed() -> Seed {
                seed()
            }

            async fn start(_: &Seed) -> Self {
                Self(Fixture::at($site, $settings, |ipam| ipam))
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
        }
    };
}

fn usual() -> Site {
    Site { num_at_most: 1000, ..Site::default() }
}

subject!(
    /// Each address is a fixed address.
    FixedAddresses,
    usual(),
    json!({})
);

subject!(
    /// Each address is a reservation.
    Reservations,
    usual(),
    json!({"record_type": "reservation"})
);

subject!(
    /// Each address is a host record that is not in DNS.
    Hosts,
    usual(),
    json!({"record_type": "host"})
);

subject!(
    /// Small pages, few addresses at once, and refusals in their other form.
    Awkward,
    Site { page_at_most: 7, num_at_most: 20, denial: 400, refuses_outside: true, ..Site::default() },
    json!({"wapi_version": "2.13"})
);
