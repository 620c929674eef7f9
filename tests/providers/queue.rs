//! Many hosts at once, over a product that takes a while for each write: all but a few wait in the proxy.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipam_conformance::{Role, SeededSubnet};

use crate::support::{Foreman, Place, Simulated, Vendor, at_once, mac, named};

const HOSTS: usize = 400;

/// All writes of an add. The proxy sends four calls at once unless the settings say otherwise, so that all hosts take ten
/// seconds.
const WRITE: Duration = Duration::from_millis(100);

/// A product that takes its time for writes, and a subnet that is large enough.
fn start<V: Vendor>() -> (Simulated<V>, SeededSubnet) {
    let mut seed = V::seed();
    let subnet = seed.subnets.iter_mut().find(|subnet| subnet.role == Role::Wide).expect("every seed has it");
    subnet.prefix = "198.18.0.0/23".parse().expect("a prefix");
    let subnet = subnet.clone();
    let ipam = Simulated::start_with(seed);
    ipam.slow_down_writes(WRITE / V::WRITES_OF_ADD);
    (ipam, subnet)
}

/// Offers each host an address, and then adds all of them at once. An error is what Foreman's user is told.
///
/// Checks that the IPAM has recorded the hosts that were added, and nothing else.
fn create_all<V: Vendor>(ipam: &Simulated<V>, subnet: &SeededSubnet, foreman: &Foreman) -> Vec<Result<IpAddr, String>> {
    let (prefix, group) = named(subnet);
    let offer = |number| foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address");
    let offered = at_once(HOSTS + 1, offer);
    let add = |number: usize| {
        foreman.add(&prefix, &offered[number], group)?;
        Ok(offered[number].parse().expect("an address"))
    };
    let mut hosts = at_once(HOSTS, add);
    // This takes as long as each write that the proxy may have given up, and begins later.
    hosts.push(add(HOSTS));
    let mut created = BTreeMap::new();
    for (number, host) in hosts.iter().enumerate() {
        let Ok(address) = host else { continue };
        let other = created.insert(*address, mac(number));
        assert_eq!(other, None, "{address} was given twice");
    }
    let records = ipam.vendor.records(subnet);
    let left: Vec<_> = records.iter().filter(|record| created.get(&record.address) != record.mac.as_ref()).collect();
    assert!(left.is_empty(), "{} records of hosts that were not created: {left:?}", left.len());
    assert_eq!(records.len(), created.len(), "every host is recorded, each once");
    hosts
}

pub(crate) fn a_queue_that_the_budget_has_room_for_fails_no_host<V: Vendor>() {
    let (ipam, subnet) = start::<V>();
    let proxy = Place::over(&ipam).start();
    // The last ones wait for longer than one call may take.
    let hosts = create_all(&ipam, &subnet, &proxy.foreman());
    let failed: Vec<&String> = hosts.iter().filter_map(|host| host.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {HOSTS}: {failed:?}", failed.len());
    proxy.assert_sound();
}

pub(crate) fn a_host_that_the_budget_has_no_room_for_is_refused_before_anything_is_written<V: Vendor>() {
    let (ipam, subnet) = start::<V>();
    // Four seconds are kept for a write and the look that follows a lost answer: there is room for half of the hosts.
    let proxy = Place::over(&ipam).ipam("request_budget_seconds: 9\nattempt_seconds: 2").start();
    let hosts = create_all(&ipam, &subnet, &proxy.foreman());
    let (created, refused): (Vec<_>, Vec<_>) = hosts.into_iter().partition(Result::is_ok);
    assert!(created.len() > HOSTS / 10 && refused.len() > HOSTS / 10, "{} of {HOSTS}", created.len());
    for text in refused.into_iter().filter_map(Result::err) {
        assert!(text.starts_with("The proxy's queue is too long") && text.contains("nothing was written"), "{text}");
    }
    proxy.assert_sound();
}
