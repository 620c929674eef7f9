//! SOLIDservers to test with.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::testing::read_settings;
use ipam_provider::{GroupName, Provider, Subnet};
use ipam_provider_solidserver::{Settings, Solidserver};
use ipam_simulators::solidserver::condition::Dialect;
use ipam_simulators::solidserver::{Site, Solidserver as Simulated};
use ipam_simulators::{Ipam, Server};
use serde_json::{Value, json};

/// The standard seed without what SOLIDserver has no room for: every network is in a space, and none says that hosts may
/// have its first and last address.
pub(crate) fn seed() -> Seed {
    Seed::standard().without(Role::GlobalTwin).without(Role::Pool)
}

/// An appliance that is the other way round in everything that is not known.
pub(crate) fn awkward() -> Site {
    Site {
        dialect: Dialect { backslash_escapes: true, ignores_case: true },
        page_at_most: 7,
        finds_at_most: 9,
        numbers_are_numbers: true,
        is_old: true,
        lowers_names: true,
        has_orphans: true,
        offers_edges: true,
        refuses_what_is_gone: false,
        denies_with_400: true,
    }
}

/// The provider of these settings. Panics when one has a fault.
pub(crate) fn provider(settings: Value) -> Solidserver {
    let (settings, problems) = read_settings(settings, Settings::read);
    assert_eq!(problems, [""; 0]);
    Solidserver::new(settings.expect("settings without a fault")).expect("a provider")
}

/// User and password.
pub(crate) fn user() -> Value {
    json!({"user": Simulated::USER, "password": Simulated::PASSWORD})
}

/// A simulator, its server, and a provider that asks it.
pub(crate) struct Fixture {
    pub(crate) ipam: Arc<Simulated>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// With these settings besides.
    pub(crate) fn with(settings: Value) -> Self {
        Self::at(Site::default(), settings, |ipam| ipam)
    }

    /// The seed at a site, with something between the simulator and its server. Settings without a token are given the
    /// user.
    pub(crate) fn at(site: Site, settings: Value, around: impl FnOnce(Arc<dyn Ipam>) -> Arc<dyn Ipam>) -> Self {
        let ipam = Arc::new(Simulated::start(&seed(), site));
        let server = Server::start(around(ipam.clone()));
        let mut all = if settings.get("token_id").is_some() { json!({}) } else { user() };
        all["url"] = server.url().into();
        let (Value::Object(all), Value::Object(settings)) = (&mut all, settings) else { panic!("an object") };
        all.extend(settings);
        let provider = Arc::new(provider(Value::Object(all.clone())));
        Self { ipam, server, provider }
    }

    /// The one subnet of this prefix in the space.
    pub(crate) async fn subnet(&self, space: &str, prefix: &str) -> Subnet {
        let group = GroupName::new(space);
        let found = self.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
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
    ($(#[$doc:meta])* $name:ident, $site:expr, $settings:expr, tells_one_remover = $tells:expr) => {
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

            fn tells_one_remover(&self) -> bool {
                $tells
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
    /// As the sources have it.
    Plain,
    Site::default(),
    json!({}),
    tells_one_remover = true
);

subject!(
    /// A 204 for what is gone cannot be told from one for what is deleted.
    Awkward,
    awkward(),
    json!({"login": "basic"}),
    tells_one_remover = false
);

subject!(
    /// With a token.
    Signed,
    Site::default(),
    json!({"token_id": Simulated::TOKEN_ID, "token_secret": Simulated::TOKEN_SECRET}),
    tells_one_remover = true
);
