//! Orphans over a simulated Foreman, a ledger, and an IPAM that remembers.

use ipam_provider::Mac;

use crate::ledger::Standing;

/// What stands of an address.
pub(super) fn standing(address: &str) -> Standing {
    let mac: Mac = "52:54:00:00:00:05".parse().expect("a MAC");
    Standing {
        provider: "internal".to_owned(),
        group: None,
        prefix: "192.0.2.0/24".parse().expect("a prefix"),
        address: address.parse().expect("an address"),
        sequence: 1,
        since: "2026-05-03T09:00:00Z".parse().expect("a time"),
        door: Some("foreman".to_owned()),
        mac: Some(mac),
        host_name: None,
    }
}
