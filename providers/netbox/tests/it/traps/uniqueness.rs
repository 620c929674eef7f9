//! Where NetBox itself refuses a second record of an address, and where it does not.

use std::net::IpAddr;
use std::sync::Arc;

use ipam_provider::{AddressSet, ErrorKind, Requester, Subnet};
use ipam_simulators::netbox::{Netbox, Right, TOKEN, Token, Version};
use serde_json::json;

use super::{asked, free, ip, netbox, one_subnet, subnet};
use crate::subject::Running;

/// What a subnet that was looked up costs: a look at an address, its reservation, its release.
async fn costs(running: &Running, found: &Subnet) -> [usize; 3] {
    let address = ip("10.1.2.5");
    asked(running);
    assert_eq!(free(running, found, 5, &AddressSet::default()).await.len(), 5);
    assert_eq!(asked(running), 1, "free addresses");
    assert_eq!(running.provider.reservation(found, address).await.expect("an answer"), None);
    let exists = asked(running);
    running.provider.reserve(found, address, &Requester::default()).await.expect("a reservation");
    let add = asked(running);
    running.provider.release(found, address).await.expect("a release");
    [exists, add, asked(running)]
}

/// A subnet in a VRF, or in the global table, where addresses are unique or not.
async fn subnet_in(version: Version, vrf: Option<&str>, is_unique: bool, token: &str) -> (Running, Subnet) {
    // The user of the token "some" may not view VRFs.
    let rights = [Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let netbox = Netbox::new(version).with_token(Token::new("some").with_rights(&rights));
    let id = vrf.map(|name| netbox.add_vrf(name));
    let netbox = if is_unique { netbox } else { netbox.without_uniqueness() };
    netbox.add_prefix("10.1.2.0/24", id);
    let running = Running::start(netbox, json!({"token": token}));
    let found = subnet(&running, "10.1.2.0/24", vrf).await;
    (running, found)
}

#[tokio::test]
async fn a_write_is_looked_after_unless_the_vrf_is_known_to_refuse_a_second_record() {
    // A VRF that enforces uniqueness is trusted where the token may see that, and where writes are done one by one.
    for (version, vrf, is_unique, token, expected) in [
        (Version::V4_6, Some("blue"), true, TOKEN, [1, 1, 2]),
        (Version::V4_6, Some("blue"), false, TOKEN, [1, 3, 2]),
        (Version::V4_6, Some("blue"), true, "some", [1, 2, 2]),
        (Version::V4_6, Some("blue"), false, "some", [1, 2, 2]),
        (Version::V4_6, None, true, TOKEN, [1, 2, 2]),
        (Version::V4_6, None, false, TOKEN, [1, 2, 2]),
        (Version::V3_7, Some("blue"), true, TOKEN, [1, 2, 2]),
        (Version::V3_7, None, true, TOKEN, [1, 2, 2]),
    ] {
        let (running, found) = subnet_in(version, vrf, is_unique, token).await;
        assert_eq!(costs(&running, &found).await, expected, "{version:?} {vrf:?} {is_unique} {token}");
        assert_eq!(asked(&running), 0, "nothing follows afterwards");
    }
}

#[tokio::test]
async fn a_reservation_that_cannot_be_looked_after_is_not_called_a_success() {
    let rights = [Right::ViewPrefixes, Right::AddAddresses];
    let netbox = netbox().without_uniqueness().with_token(Token::new("blind").with_rights(&rights));
    let (running, found) = one_subnet(netbox, json!({"token": "blind"})).await;
    let failed = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    let failed = failed.expect_err("somebody else may have it");
    assert!(failed.kind().leaves_write_unknown(), "it is recorded: {failed}");
}

#[tokio::test]
async fn without_uniqueness_an_address_that_was_recorded_long_ago_is_taken() {
    let (running, found) = one_subnet(netbox().without_uniqueness(), json!({})).await;
    let id = running.netbox.record("10.1.2.5/32", None);
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is taken").kind(), ErrorKind::AlreadyExists);
    let ids: Vec<_> = running.netbox.records_of("10.1.2.5").iter().map(|record| record["id"].clone()).collect();
    assert_eq!(ids, [json!(id)], "the record that was there is left as it was");
}

#[tokio::test]
async fn without_uniqueness_of_many_proxies_one_wins_and_one_record_stays() {
    let (running, found) = one_subnet(netbox().without_uniqueness(), json!({})).await;
    for round in 1..=5u8 {
        let address = IpAddr::from([10, 1, 2, round]);
        let calls = (0..16).map(|_| {
            let (provider, found) = (Arc::clone(&running.provider), found.clone());
            tokio::spawn(async move { provider.reserve(&found, address, &Requester::default()).await })
        });
        let mut won = 0;
        for call in calls.collect::<Vec<_>>() {
            match call.await.expect("no panic") {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
        assert_eq!((won, running.netbox.records_of(&address.to_string()).len()), (1, 1));
    }
}
