//! Address Managers to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::testing::read_settings;
use ipam_provider::{AddressSet, FreeQuery, GroupName, Provider, Result, Subnet};
use ipam_provider_bluecat::{Bluecat, Settings};
use ipam_simulators::bluecat::{Bluecat as Simulated, Site};
use ipam_simulators::{Ipam, Request, Server};
use serde_json::{Value, json};

/// The field that sites have for the description.
pub(crate) const FIELD: &str = "comments";

/// The standard seed without what there is no room for: every network is in a configuration, and there are no pools.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Bluecat {
    let (settings, problems) = read_settings(settings, Settings::read);
    assert_eq!(problems, [""; 0]);
    Bluecat::new(settings.expect("settings without a fault")).expect("a provider")
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    /// The seed at a site with a field for descriptions, asked over this API.
    pub(crate) fn new(api: &str) -> Self {
        Self::with(api, json!({}))
    }

    /// The same with these settings besides.
    pub(crate) fn with(api: &str, settings: Value) -> Self {
        let mut all = json!({"api": api});
        let (Value::Object(all_keys), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
        all_keys.extend(settings);
        Self::at(Site { field: Some(FIELD.to_owned()), ..Site::default() }, all, |ipam| ipam)
    }

    /// The seed at a site, with something between the simulator and its server.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        let mut all = json!({"user": Simulated::USER, "password": Simulated::PASSWORD});
        if let Some(field) = &site.field {
            all["description_field"] = field.as_str().into();
        }
        let ipam = Arc::new(Simulated::start(&seed(), site));
        let server = Server::start(around(ipam.clone()));
        all["url"] = server.url().into();
        let (Value::Object(all), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
        all.extend(settings);
        let provider = Arc::new(provider(Value::Object(all.clone())));
        Self { ipam, server, provider }
    }

    /// The one subnet of this prefix in the configuration.
    pub(crate) async fn subnet(&self, configuration: &str, prefix: &str) -> Subnet {
        let group = GroupName::new(configuration);
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
        let mut found = found.expect("an answer about the prefix");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    pub(crate) async fn free(&self, subnet: &Subnet, at_most: usize, held: &[&str]) -> Result<Vec<IpAddr>> {
        let held: AddressSet = held.iter().map(|text| text.parse::<IpAddr>().expect("an address")).collect();
        self.provider.free_addresses(subnet, FreeQuery { at_most, held: &held }).await
    }

    /// The requests since the last time, as method and path.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.server.take_requests().iter().map(|Request { method, path, .. }| format!("{method} {path}")).collect()
    }
}

/// The group of a seeded subnet.
pub(crate) fn group(subnet: &SeededSubnet) -> &str {
    subnet.group.as_ref().expect("the seed has only subnets in groups").as_str()
}

/// A subject over a site.
macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $api:expr, $site:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(Fixture);

        #[async_trait]
        impl Subject for $name {
            fn seed() -> Seed {
                seed()
            }

            async fn start(_: &Seed) -> Self {
                Self(Fixture::at($site, json!({"api": $api}), |ipam| ipam))
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

subject!(
    /// Asked over v1, with a field for descriptions.
    V1,
    "v1",
    Site { has_v2: false, field: Some(FIELD.to_owned()), ..Site::default() }
);

subject!(
    /// Asked over v2, with a field for descriptions.
    V2,
    "v2",
    Site { field: Some(FIELD.to_owned()), ..Site::default() }
);

subject!(
    /// Small pages, IPv6 compared as text, no list of addresses that nobody has, conflicts with another code, and no field.
    Awkward,
    "auto",
    Site { page_at_most: 7, lists_unassigned: false, compares_text: true, refuses_oddly: true, ..Site::default() }
);

subject!(
    /// Before 9.5; names are not taken with an assignment, and there is no field.
    Old,
    "auto",
    Site { has_v2: false, assigns_names: false, ..Site::default() }
);
