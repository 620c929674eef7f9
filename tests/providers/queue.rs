//! Many hosts at once, over a product that takes a while for each write: all but a few wait in the proxy.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipam_conformance::{Role, SeededSubnet};

use crate::support::{Foreman, Place, Simulated, Vendor, at_once, mac, named};

const HOSTS: usize = 400;

const WRITE: Duration = Duration::from_millis(100);

/// How many calls the proxy sends at once, unless the settings say otherwise.
const AT_ONCE: u32 = 4;

/// A product that takes its time for writes, and a subnet that is large enough.
fn start<V: Vendor>() -> (Simulated<V>, SeededSubnet) {
    let mut seed = V::seed();
    let subnet = seed.subnets.iter_mut().find(|subnet| subnet.role == Role::Wide).expect("every seed has it");
    subnet.prefix = "198.18.0.0/23".parse().expect("a prefix");
    let subnet = subnet.clone();
    let ipam = Simulated::start_with(seed);
    ipam.slow_down_writes(WRITE);
    (ipam, subnet)
}

/// Gives a host an address; else what Foreman's user is told.
fn create(foreman: &Foreman, subnet: &SeededSubnet, number: usize) -> Result<IpAddr, String> {
    let ((prefix, group), mac) = (named(subnet), mac(number));
    let address = foreman.next_ip(&prefix, Some(&mac), group)?;
    foreman.add(&prefix, &address, group)?;
    Ok(address.parse().expect("an address"))
}

/// Creates all hosts, begun at once, and checks that the IPAM has recorded these and nothing else.
fn create_all<V: Vendor>(ipam: &Simulated<V>, subnet: &SeededSubnet, foreman: &Foreman) -> Vec<Result<IpAddr, String>> {
    let mut hosts = at_once(HOSTS, |number| create(foreman, subnet, number));
    // It takes as long as any write that the proxy may have given up, and begins later.
    hosts.push(create(foreman, subnet, HOSTS));
    let mut created = BTreeMap::new();
    for (number, host) in hosts.iter().enumerate() {
        let Ok(address) = host else { continue };
        let other = created.insert(*address, mac(number));
        assert_eq!(other, None, "{address} was given twice");
    }
    let records = ipam.vendor.records(subnet);
    let left = |record: &crate::support::Record| created.get(&record.address) != record.mac.as_ref();
    let left: Vec<_> = records.iter().filter(|record| left(record)).collect();
    assert!(left.is_empty(), "{} records of hosts that were not created: {left:?}", left.len());
    assert_eq!(records.len(), created.len(), "every host is recorded, each once");
    hosts
}

pub(crate) fn a_queue_that_the_budget_has_room_for_fails_no_host<V: Vendor>() {
    let (ipam, subnet) = start::<V>();
    let proxy = Place::over(&ipam).start();
    let began = Instant::now();
    let hosts = create_all(&ipam, &subnet, &proxy.foreman());
    let failed: Vec<&String> = hosts.iter().filter_map(|host| host.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {HOSTS} after {:?}: {failed:?}", failed.len(), began.elapsed());
    // Longer than one call may take, so that the last ones would have failed if waiting counted.
    assert!(began.elapsed() > WRITE * HOSTS as u32 / AT_ONCE, "{:?}", began.elapsed());
    proxy.assert_sound();
}

pub(crate) fn a_host_that_the_budget_has_no_room_for_is_refused_before_anything_is_written<V: Vendor>() {
    let (ipam, subnet) = start::<V>();
    // Two seconds of each are kept for a write and the look that follows a lost answer: there is room for half of the
    // hosts.
    let proxy = Place::over(&ipam).ipam("request_budget_seconds: 9\nattempt_seconds: 2").start();
    let hosts = create_all(&ipam, &subnet, &proxy.foreman());
    let (created, refused): (Vec<_>, Vec<_>) = hosts.into_iter().partition(Result::is_ok);
    assert!(created.len() > HOSTS / 10 && refused.len() > HOSTS / 10, "{} of {HOSTS}", created.len());
    for text in refused.into_iter().filter_map(Result::err) {
        assert!(text.starts_with("The proxy's queue is too long") && text.contains("nothing was written"), "{text}");
    }
    proxy.assert_sound();
}
