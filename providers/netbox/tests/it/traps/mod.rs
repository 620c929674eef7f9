//! What is special about NetBox: each a thing that a simple client gets wrong.

mod free_addresses;
mod lists;
mod requests;
mod rights;
mod subnets;
mod uniqueness;
mod writes;

use std::net::IpAddr;

use ipam_conformance::Seed;
use ipam_provider::{AddressSet, FreeQuery, GroupName, Prefix, Provider, Subnet};
use ipam_simulators::netbox::{Netbox, Version};
use serde_json::Value;

use crate::subject::{Running, with_mac};

fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn name(group: &str) -> GroupName {
    GroupName::new(group).expect("a name")
}

fn settings(more: Value) -> Value {
    let mut settings = with_mac();
    let (Value::Object(all), Value::Object(more)) = (&mut settings, more) else { panic!("objects") };
    all.extend(more);
    settings
}

async fn find(provider: &dyn Provider, prefix: &str, group: Option<&str>) -> Vec<Subnet> {
    let prefix: Prefix = prefix.parse().expect("a prefix");
    provider.find_subnets(prefix, group.map(name).as_ref()).await.expect("subnets")
}

/// The only record of a prefix in a group, or in the global table.
async fn subnet(running: &Running, prefix: &str, group: Option<&str>) -> Subnet {
    let mut found = find(running.provider.as_ref(), prefix, group).await;
    found.retain(|subnet| subnet.group == group.map(name));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// A global subnet of an otherwise empty NetBox.
async fn one_subnet(netbox: Netbox, more: Value) -> (Running, Subnet) {
    netbox.add_prefix("10.1.2.0/24", None);
    let running = Running::start(netbox, settings(more));
    let found = subnet(&running, "10.1.2.0/24", None).await;
    (running, found)
}

/// An empty 4.6 with the field for MACs.
fn netbox() -> Netbox {
    Netbox::seeded(&Seed { groups: Vec::new(), subnets: Vec::new() }, Version::V4_6)
}

async fn free(running: &Running, subnet: &Subnet, at_most: usize, held: &AddressSet) -> Vec<IpAddr> {
    running.provider.free_addresses(subnet, FreeQuery { at_most, held }).await.expect("free addresses")
}

fn addresses(last_bytes: std::ops::RangeInclusive<u8>) -> Vec<IpAddr> {
    last_bytes.map(|byte| [10, 1, 2, byte].into()).collect()
}

/// How many requests were made since the last time.
fn asked(running: &Running) -> usize {
    running.server.take_requests().len()
}

/// What probes find wrong.
async fn faults(running: &Running) -> Vec<String> {
    let probes = running.provider.probe().await;
    probes.into_iter().filter_map(|probe| Some(probe.outcome.err()?.to_string())).collect()
}
