//! A delete that is still on its way when its address is given on.

use std::net::IpAddr;
use std::time::Duration;

use ipam_load::calls::{Call, Foreman};
use ipam_load::connection::Connections;
use ipam_load::hosts::mac;
use ipam_load::ipam::Product;
use ipam_load::own_proxy::{OwnProxy, Setup};
use ipam_load::places::{Generated, Place};
use ipam_load::promise::Clock;

use crate::setup;

/// Longer than a few calls take.
const LATE: Duration = Duration::from_secs(2);

/// What a host is offered within this request of Foreman's.
async fn offered(proxy: &OwnProxy, place: &Place, host: u64, request: &str) -> IpAddr {
    let mut foreman = Foreman::new(proxy.target(), Connections::PerCall, Clock::start());
    foreman.next_ip(place, Some(&mac(host)), request).await.outcome.expect("an address")
}

/// A host whose hold has ended long ago is deleted. The IPAM has removed the record and not answered yet, the address is
/// free, and is offered: from then on it belongs to the new host, whatever the answer of the delete brings.
async fn is_kept_by_the_next_owner(product: Product) {
    let places = Generated { ipv4: 1, length: 24, ipv6: 0, groups: 1 }.places().expect("there is room");
    let place = &places[0];
    let setup = Setup { with_relay: true, ..setup(product) };
    let proxy = OwnProxy::start(&setup, &places).await.expect("a proxy");
    let address = proxy.ipam().lowest_free(0).expect("an IPAM").expect("a free address");
    assert!(proxy.ipam().take(0, address).expect("an IPAM"), "it is free");
    let mut foreman = Foreman::new(proxy.target(), Connections::PerCall, Clock::start());
    foreman.exists(place, address, "warm").await.outcome.expect("an answer");

    let (target, of_delete) = (proxy.target(), place.clone());
    proxy.ipam().delay(LATE);
    let delete = tokio::spawn(async move {
        let mut foreman = Foreman::new(target, Connections::PerCall, Clock::start());
        foreman.write(Call::Delete, &of_delete, address, "delete").await.outcome
    });
    while !proxy.ipam().records().expect("an IPAM").is_empty() {
        tokio::task::yield_now().await;
    }
    proxy.ipam().delay(Duration::ZERO);
    let next = offered(&proxy, place, 1, "first").await;
    assert_eq!(delete.await.expect("no panic"), Ok(()));
    let other = offered(&proxy, place, 2, "second").await;
    assert_ne!(next, other, "{address} was deleted, {next} was offered to a host and then to another one");
    assert_eq!(offered(&proxy, place, 1, "third").await, next, "its hold lives");
}

macro_rules! over {
    ($($name:ident $product:ident)+) => {$(
        #[tokio::test]
        async fn $name() {
            is_kept_by_the_next_owner(Product::$product).await;
        }
    )+};
}

over! {
    a_deleted_address_of_bluecat_is_kept_by_its_next_owner Bluecat
    a_deleted_address_of_infoblox_is_kept_by_its_next_owner Infoblox
    a_deleted_address_of_nautobot_is_kept_by_its_next_owner Nautobot
    a_deleted_address_of_netbox_is_kept_by_its_next_owner Netbox
    a_deleted_address_of_phpipam_is_kept_by_its_next_owner Phpipam
    a_deleted_address_of_solarwinds_is_kept_by_its_next_owner Solarwinds
    a_deleted_address_of_solidserver_is_kept_by_its_next_owner Solidserver
    a_deleted_address_of_tcpwave_is_kept_by_its_next_owner Tcpwave
}
