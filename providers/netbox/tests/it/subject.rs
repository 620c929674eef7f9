//! The suite's subjects: one simulator and a provider for it, in several versions and settings.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::settings::{Section, Setting};
use ipam_provider::{Kept, Prefix, Provider, Surroundings};
use ipam_provider_netbox::REGISTRATION;
use ipam_simulators::netbox::{MAC_FIELD, Netbox, TOKEN, Token, Version};
use ipam_simulators::{Ipam, Request, Response, Server};
use serde_json::{Value, json};

/// A simulator that is running, and a provider for it.
pub(crate) struct Running {
    pub(crate) netbox: Arc<Netbox>,
    pub(crate) server: Server,
    pub(crate) provider: Arc<dyn Provider>,
}

/// A provider with these settings besides the `url`.
pub(crate) fn provider(url: &str, settings: Value) -> Arc<dyn Provider> {
    let Value::Object(settings) = settings else { panic!("an object") };
    let mut settings: BTreeMap<_, _> =
        settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None })).collect();
    settings.insert("url".to_owned(), Setting { value: json!(url), origin: None });
    let mut section = Section::new("settings.d/externalipam_netbox.yml", settings);
    let plan = (REGISTRATION.read)(&mut section);
    let findings = section.finish();
    assert_eq!((findings.problems, findings.unknown), (vec![], vec![]));
    plan(&Surroundings {
        state_directory: "/nowhere".into(),
        may_create: true,
        database: None,
        trace: None,
        kept: Kept::default(),
    })
    .expect("a provider")
}

impl Running {
    pub(crate) fn start(netbox: Netbox, settings: Value) -> Self {
        let netbox = Arc::new(netbox);
        let server = Server::start(netbox.clone());
        let provider = provider(&server.url(), settings);
        Self { netbox, server, provider }
    }

    /// A simulator behind a front end that answers some requests in its place.
    pub(crate) fn behind(
        netbox: Netbox,
        settings: Value,
        answer: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let netbox = Arc::new(netbox);
        let server = Server::start(Arc::new(FrontEnd { netbox: netbox.clone(), answer }));
        let provider = provider(&server.url(), settings);
        Self { netbox, server, provider }
    }

    /// A simulator with the suite's seed, and a provider with the settings of the Ruby plugin and a field for MACs.
    pub(crate) fn seeded(version: Version) -> Self {
        Self::start(Netbox::seeded(&Seed::standard(), version), with_mac())
    }
}

struct FrontEnd<F> {
    netbox: Arc<Netbox>,
    answer: F,
}

impl<F: Fn(&Request) -> Option<Response> + Send + Sync + 'static> Ipam for FrontEnd<F> {
    fn answer(&self, request: &Request) -> Response {
        (self.answer)(request).unwrap_or_else(|| self.netbox.answer(request))
    }

    fn is_write(&self, request: &Request) -> bool {
        self.netbox.is_write(request)
    }

    fn session_expired(&self) -> Response {
        self.netbox.session_expired()
    }
}

/// The token, and the field for MACs.
pub(crate) fn with_mac() -> Value {
    json!({"token": TOKEN, "mac_field": MAC_FIELD})
}

/// A subject of the suite over a simulator and settings.
macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $seed:expr, $netbox:expr, $settings:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(Running);

        #[async_trait]
        impl Subject for $name {
            fn seed() -> Seed {
                $seed
            }

            async fn start(seed: &Seed) -> Self {
                let netbox: fn(&Seed) -> Netbox = $netbox;
                Self(Running::start(netbox(seed), $settings))
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
                self.0.netbox.take(subnet, address);
            }

            async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.netbox.free(subnet, address);
            }

            async fn remove(&self, subnet: &SeededSubnet) {
                self.0.netbox.remove(subnet);
            }

            async fn nest(&self, outer: &SeededSubnet, prefix: Prefix, taken: IpAddr) -> bool {
                self.0.netbox.nest(outer, (prefix.network(), prefix.length()), taken);
                true
            }
        }
    };
}

/// A token of the second kind.
const BEARER: &str = "nbt_k1234567890a.0123456789abcdef0123456789abcdef01234567";

/// With this kind of groups as well.
fn grouped(by: &str) -> Value {
    json!({"token": TOKEN, "mac_field": MAC_FIELD, "group_by": by})
}

subject!(
    /// 4.6 with the settings of most sites.
    Newest,
    Seed::standard(),
    |seed| Netbox::seeded(seed, Version::V4_6),
    with_mac()
);
subject!(
    /// Sites in scopes, a token of the second kind, no field for MACs.
    BearerAndSites,
    Seed::standard(),
    |seed| Netbox::seeded(seed, Version::V4_6).with_token(Token::new(BEARER)),
    json!({"token": BEARER, "group_by": "site"})
);
subject!(
    /// 3.7: no `fields=`, sites instead of scopes, only `Token`.
    OldAndSites,
    Seed::standard(),
    |seed| Netbox::seeded(seed, Version::V3_7),
    grouped("site")
);
subject!(
    /// 2.8 holds back the last address of IPv6 prefixes too, and whatever a /32 or /128 has: what it does not give out
    /// is not in the seed.
    Oldest,
    Seed::standard()
        .without(Role::SingleHost)
        .without(Role::Ipv6Small)
        .without(Role::Ipv6PointToPoint)
        .without(Role::Ipv6SingleHost),
    |seed| Netbox::seeded(seed, Version::V2_8),
    with_mac()
);
subject!(
    /// A server that gives pages of 20 rows, whatever is asked for, and links to another host.
    SmallPagesAndRoles,
    Seed::standard(),
    |seed| Netbox::seeded(seed, Version::V4_6).with_pages_of_at_most(20).with_links_to("http://elsewhere.invalid"),
    grouped("role")
);
subject!(
    /// No address is unique unless the proxy sees to it.
    NoUniquenessAndTenants,
    Seed::standard(),
    |seed| Netbox::seeded(seed, Version::V4_6).without_uniqueness(),
    grouped("tenant")
);
