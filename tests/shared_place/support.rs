//! Places over one database, and what is asked of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foreman_ipam_proxy::allocation::Timestamp;
use foreman_ipam_proxy::allocation::holds::{
    Ask, Claim, Database, Grant, Offer, Place, PlaceError, PostgresPlace, Scope, Space, Step, Stepped,
};
use ipam_provider::{AddressSpace, Mac, Prefix};

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// More holds than a test has.
pub(crate) const MANY: usize = 1_000_000;

pub(crate) fn place(url: &str) -> Arc<PostgresPlace> {
    Arc::new(PostgresPlace::new(database(url)).expect("a thread"))
}

pub(crate) fn database(url: &str) -> Database {
    Database::new(url, None, LIMIT).expect("a right URL")
}

pub(crate) fn scope(space: &str, prefix: &str) -> Arc<Scope> {
    let space = Space { provider: "netbox".into(), name: AddressSpace::new(space) };
    Arc::new(Scope { space, group: None, prefix: prefix.parse().expect("a prefix") })
}

pub(crate) fn mac(number: u16) -> Mac {
    let [a, b] = number.to_be_bytes();
    Mac::from_bytes(&[0, 0, 0x5e, 0, a, b]).expect("six bytes")
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The addresses of a prefix, without the first.
pub(crate) fn addresses(prefix: Prefix) -> impl Iterator<Item = IpAddr> + Send {
    let first = prefix.network();
    ipam_provider::addresses_between(first, prefix.last()).skip(1)
}

/// What an ask for a MAC is granted.
pub(crate) fn grant(mac: Option<Mac>, life: Duration) -> Grant {
    Grant { ask: Ask { mac, request: None, arrival: 0 }, life, confirmed: Timestamp::default() }
}

pub(crate) const LIFE: Duration = Duration::from_secs(600);

/// Claims an address of the scope's prefix.
pub(crate) async fn claim(place: &dyn Place, scope: &Arc<Scope>, mac: Option<Mac>) -> Result<Claim, PlaceError> {
    place.claim(scope, &mut addresses(scope.prefix), grant(mac, LIFE), MANY).await
}

/// The address that is claimed.
pub(crate) async fn granted(place: &dyn Place, scope: &Arc<Scope>, mac: Option<Mac>) -> IpAddr {
    match claim(place, scope, mac).await.expect("the database is there") {
        Claim::Granted(address) => address,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn step(place: &dyn Place, scope: &Arc<Scope>, address: &str, step: Step) -> Stepped {
    place.step(scope, ip(address), step).await.expect("the database is there")
}

pub(crate) async fn offer(place: &dyn Place, scope: &Arc<Scope>, mac: Mac) -> Option<Offer> {
    let ask = Ask { mac: Some(mac), request: None, arrival: 0 };
    place.offer_for(scope, &ask).await.expect("the database is there")
}
