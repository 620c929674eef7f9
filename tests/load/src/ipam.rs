//! The IPAM behind the proxy: the embedded one, or a simulated product whose requests are counted, that can fail, and
//! that others can write to.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ipam_conformance::{Fault, Seed};
use ipam_provider::database::Database;
use ipam_provider::{Prefix, addresses_between};
use ipam_simulators::Server;
use ipam_store::{AddressDetails, Scope, Store, StoreError};
use serde::Serialize;

use crate::audit::Record;
use crate::places::{Place, seed};
use crate::products::{
    Bluecat, BluecatV1, Infoblox, Nautobot, Netbox, Phpipam, Solarwinds, Solidserver, Tcpwave, Vendor,
};
use crate::relay::Relay;

/// Which IPAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// The proxy's own.
    Embedded,
    /// BlueCat Address Manager 9.5 over REST v2, simulated.
    Bluecat,
    /// The same over REST v1.
    #[value(name = "bluecat-v1")]
    BluecatV1,
    /// Infoblox NIOS with WAPI 2.7, simulated.
    Infoblox,
    /// Nautobot 3.2, simulated.
    Nautobot,
    /// NetBox 4.6, simulated.
    Netbox,
    /// phpIPAM 1.8, simulated.
    Phpipam,
    /// SolarWinds IPAM 2026.2, simulated.
    Solarwinds,
    /// EfficientIP SOLIDserver, simulated.
    Solidserver,
    /// TCPWave, simulated. It has no IPv6.
    Tcpwave,
}

impl Product {
    /// May a subnet be outside of all groups?
    pub fn has_global_table(self) -> bool {
        matches!(self, Self::Embedded | Self::Netbox)
    }

    /// Can it have IPv6 subnets?
    pub fn has_ipv6(self) -> bool {
        self != Self::Tcpwave
    }
}

/// Where the embedded IPAM is.
pub(crate) enum Home {
    /// In a file.
    File(PathBuf),
    /// In the database that proxies share.
    Database(Box<Database>),
}

impl Home {
    /// Works on the store, on a thread of its own: a store waits, which a runtime's thread may not.
    fn on<T: Send>(&self, work: impl FnOnce(Store) -> Result<T, StoreError> + Send) -> Result<T, StoreError> {
        let open = || match self {
            Self::File(path) => Store::open(path),
            Self::Database(database) => Store::open_database(database),
        };
        thread::scope(|scope| scope.spawn(|| work(open()?)).join().expect("no panic"))
    }
}

/// An IPAM with these places in it and nothing else.
pub struct Ipam {
    places: Vec<Place>,
    inside: Inside,
}

enum Inside {
    /// Where the proxy makes it.
    Embedded(Home),
    Simulated(Simulated),
}

struct Simulated {
    product: Box<dyn Simulator>,
    server: Server,
    /// The longer way to it, if there is one.
    relay: Option<Relay>,
    counted: AtomicU64,
}

/// What is done to a simulated product past the proxy.
trait Simulator: Send + Sync {
    fn name(&self) -> &'static str;
    fn settings(&self, url: &str) -> String;
    fn records(&self, place: &Place) -> Vec<(IpAddr, Option<String>)>;
    fn take(&self, place: &Place, address: IpAddr) -> bool;
}

struct Of<V>(Arc<V>);

impl<V: Vendor> Simulator for Of<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn settings(&self, url: &str) -> String {
        V::settings(url)
    }

    fn records(&self, place: &Place) -> Vec<(IpAddr, Option<String>)> {
        let records = self.0.records(&place.seeded());
        records.into_iter().map(|record| (record.address, record.mac)).collect()
    }

    fn take(&self, place: &Place, address: IpAddr) -> bool {
        self.0.take(&place.seeded(), address)
    }
}

fn simulated<V: Vendor>(seed: &Seed) -> (Box<dyn Simulator>, Server) {
    let vendor = V::start(seed);
    (Box::new(Of(vendor.clone())), Server::start(vendor))
}

impl Ipam {
    /// The embedded IPAM here.
    pub(crate) fn embedded(places: &[Place], store: Home) -> Self {
        Self { places: places.to_vec(), inside: Inside::Embedded(store) }
    }

    /// A simulated product, whose answers can be delayed if so wished; `None` for the embedded IPAM, which is none.
    pub(crate) fn simulated(places: &[Place], product: Product, with_relay: bool) -> Option<Self> {
        let seed = seed(places);
        let (product, server) = match product {
            Product::Embedded => return None,
            Product::Bluecat => simulated::<Bluecat>(&seed),
            Product::BluecatV1 => simulated::<BluecatV1>(&seed),
            Product::Infoblox => simulated::<Infoblox>(&seed),
            Product::Nautobot => simulated::<Nautobot>(&seed),
            Product::Netbox => simulated::<Netbox>(&seed),
            Product::Phpipam => simulated::<Phpipam>(&seed),
            Product::Solarwinds => simulated::<Solarwinds>(&seed),
            Product::Solidserver => simulated::<Solidserver>(&seed),
            Product::Tcpwave => simulated::<Tcpwave>(&seed),
        };
        let relay = with_relay.then(|| Relay::start(&server.url()));
        let inside = Inside::Simulated(Simulated { product, server, relay, counted: AtomicU64::new(0) });
        Some(Self { places: places.to_vec(), inside })
    }

    /// The provider's name, and the contents of its file of settings.
    pub(crate) fn settings(&self) -> (&'static str, String) {
        match &self.inside {
            Inside::Embedded(Home::File(path)) => ("internal", format!("store: {}\n", path.display())),
            Inside::Embedded(Home::Database(_)) => ("internal", "store: database\n".to_owned()),
            Inside::Simulated(simulated) => {
                let url = simulated.relay.as_ref().map_or_else(|| simulated.server.url(), Relay::url);
                (simulated.product.name(), simulated.product.settings(&url))
            }
        }
    }

    /// The places that it was made with.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// How many requests have reached it so far; `None` where it has none.
    pub fn requests(&self) -> Option<u64> {
        let Inside::Simulated(simulated) = &self.inside else { return None };
        let new = simulated.server.take_requests().len() as u64;
        Some(simulated.counted.fetch_add(new, Ordering::SeqCst) + new)
    }

    /// From now on every request is hit by this fault, or by none. Without effect on the embedded IPAM.
    pub fn fail(&self, fault: Option<Fault>) {
        if let Inside::Simulated(simulated) = &self.inside {
            simulated.server.set_fault(fault);
        }
    }

    /// From now on each answer comes so much later; what it answers is done at once. Only with a
    /// relay, see [`Setup::with_relay`](crate::own_proxy::Setup::with_relay).
    pub fn delay(&self, by: Duration) {
        if let Inside::Simulated(Simulated { relay: Some(relay), .. }) = &self.inside {
            relay.delay(by);
        }
    }

    /// Everything that is recorded, the records of all places one after the other.
    ///
    /// # Errors
    /// When the embedded IPAM's file cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, StoreError> {
        let mut all = Vec::new();
        for (index, place) in (0..).zip(&self.places) {
            let found = match &self.inside {
                Inside::Embedded(store) => read(store, place)?,
                Inside::Simulated(simulated) => simulated.product.records(place),
            };
            all.extend(found.into_iter().map(|(address, mac)| Record { place: index, address, mac }));
        }
        Ok(all)
    }

    /// What is wrong with the embedded IPAM, sentence by sentence.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn verify(&self) -> Result<Vec<String>, StoreError> {
        let Inside::Embedded(home) = &self.inside else { return Ok(Vec::new()) };
        let findings = home.on(|store| store.verify())?;
        Ok(findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.subnet.unwrap_or_default(), finding.what))
            .collect())
    }

    /// Somebody else takes an address past the proxy; `false` when it is taken already.
    ///
    /// # Errors
    /// When the embedded IPAM's file cannot be written.
    pub fn take(&self, place: u32, address: IpAddr) -> Result<bool, StoreError> {
        let place = &self.places[place as usize];
        match &self.inside {
            Inside::Simulated(simulated) => Ok(simulated.product.take(place, address)),
            Inside::Embedded(home) => {
                let added = home.on(|mut store| {
                    store.write(|writing| {
                        let subnet = writing.one_subnet(place.prefix, &Scope::from(place.group.clone()))?;
                        writing.add_address(subnet.id, address, AddressDetails::default())
                    })
                });
                match added {
                    Ok(()) => Ok(true),
                    Err(StoreError::AddressTaken { .. }) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The lowest address of a place that nobody has recorded.
    ///
    /// # Errors
    /// When the embedded IPAM's file cannot be read.
    pub fn lowest_free(&self, place: u32) -> Result<Option<IpAddr>, StoreError> {
        let taken: Vec<IpAddr> =
            self.records()?.into_iter().filter(|record| record.place == place).map(|record| record.address).collect();
        let Place { prefix, .. } = &self.places[place as usize];
        Ok(hosts(*prefix).find(|address| !taken.contains(address)))
    }
}

fn read(home: &Home, place: &Place) -> Result<Vec<(IpAddr, Option<String>)>, StoreError> {
    let mut found = Vec::new();
    home.on(|store| {
        store.read(|reading| {
            let subnet = reading.one_subnet(place.prefix, &Scope::from(place.group.clone()))?;
            reading.each_address(subnet.id, |record| {
                found.push((record.address, record.mac.map(|mac| mac.to_string())));
                Ok(())
            })
        })
    })?;
    Ok(found)
}

fn hosts(prefix: Prefix) -> impl Iterator<Item = IpAddr> {
    let (first, last) = prefix.offerable(false);
    addresses_between(first, last)
}
