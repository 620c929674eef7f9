//! Where NetBox itself refuses a second record of an address, and where it does not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

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
    for (version, vrf, is_unique, expected) in [
        (Version::V4_6, Some("blue"), true, [1, 1, 2]),
        (Version::V4_6, Some("blue"), false, [1, 3, 2]),
        (Version::V3_7, Some("blue"), true, [1, 2, 2]),
        (Version::V3_7, None, true, [1, 2, 2]),
    ] {
        let (running, found) = subnet_in(version, vrf, is_unique, TOKEN).await;
        assert_eq!(costs(&running, &found).await, expected, "{version:?} {vrf:?} {is_unique}");
        assert_eq!(asked(&running), 0, "{version:?} {vrf:?} {is_unique}");
    }
}

#[tokio::test]
async fn what_no_look_up_tells_of_uniqueness_the_first_record_does() {
    for (vrf, is_unique, token, expected) in [
        (None, true, TOKEN, [1, 1, 2]),
        (None, false, TOKEN, [1, 3, 2]),
        (Some("blue"), true, "some", [1, 1, 2]),
        (Some("blue"), false, "some", [1, 3, 2]),
    ] {
        let (running, found) = subnet_in(Version::V4_6, vrf, is_unique, token).await;
        let first = ip("10.1.2.9");
        asked(&running);
        running.provider.reserve(&found, first, &Requester::default()).await.expect("a reservation");
        let mut requests = Vec::new();
        while requests.len() < 3 {
            requests.extend(running.server.take_requests());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["POST", "GET", "POST"], "what looks after the record, and what finds out");
        // Even a NetBox that stopped at the first fault would create nothing.
        let list = requests[2].json().expect("JSON");
        assert_eq!((list[0].get("address"), &list[1]["address"]), (None, &json!("10.1.2.9/24")));
        assert_eq!(running.netbox.records_of("10.1.2.9").len(), 1);
        until_known(&running, &found, expected[1]).await;
        assert_eq!(costs(&running, &found).await, expected, "{vrf:?} {is_unique} {token}");
        // And it is right.
        let again = running.provider.reserve(&found, first, &Requester::default()).await.expect_err("it is taken");
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    }
}

/// Until the answer to the list has been read: from then on an addition costs this.
async fn until_known(running: &Running, found: &Subnet, expected: usize) {
    for byte in 20..=250 {
        asked(running);
        running.provider.reserve(found, [10, 1, 2, byte].into(), &Requester::default()).await.expect("a reservation");
        if asked(running) == expected {
            return;
        }
    }
    panic!("an addition does not come to cost {expected}");
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
