//! Credentials, rights and trouble.

use std::net::IpAddr;

use ipam_provider::{AddressSet, Annotated, Annotation, Error, ErrorKind, FreeQuery, Requester};
use ipam_simulators::netbox::{Netbox, Right, Token, TokenFault, Trouble, Version};
use serde_json::json;

use super::{addresses, faults, free, ip, netbox, one_subnet, subnet};
use crate::subject::{Running, provider, with_mac};

async fn refusal(running: &Running, token: &str) -> Error {
    let provider = provider(&running.server.url(), json!({"token": token}));
    provider.groups().await.expect_err("a refusal")
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_from_one_without_the_right() {
    let faults = [
        ("expired", TokenFault::Expired, "expired"),
        ("disabled", TokenFault::Disabled, "disabled"),
        ("inactive", TokenFault::InactiveUser, "not active"),
        ("elsewhere", TokenFault::SourceAddress, "the proxy's address"),
        ("csrf", TokenFault::Other("CSRF Failed: CSRF token missing."), "adds a cookie"),
        ("stripped", TokenFault::Other("Authentication credentials were not provided."), "removes the header"),
    ];
    let netbox = faults
        .iter()
        .fold(netbox(), |netbox, (token, fault, _)| netbox.with_token(Token::new(*token).with_fault(*fault)));
    let netbox = netbox.with_token(Token::new("nothing").with_rights(&[]));
    let running = Running::start(netbox, with_mac());
    for (token, _, says) in faults.into_iter().chain([("unknown", TokenFault::Expired, "not valid")]) {
        let refused = refusal(&running, token).await;
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated, "{token}");
        let text = refused.to_string();
        assert!(text.starts_with("Invalid credentials for External IPAM") && text.contains(says), "{token}: {text}");
    }
    for token in ["nbt_unknown.x", "nbt_without_a_dot"] {
        assert!(refusal(&running, token).await.to_string().contains("not valid"), "{token}");
    }
    let refused = refusal(&running, "nothing").await;
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.to_string().contains("ipam.view_vrf"), "{refused}");
}

#[tokio::test]
async fn an_unknown_reason_of_a_refusal_is_shown_by_a_probe_and_never_called_a_wrong_token() {
    let reason = "Client IP address could not be determined for validation.";
    let token = Token::new("some").with_fault(TokenFault::Other(reason));
    let running = Running::start(netbox().with_token(token), json!({"token": "some"}));
    let probes = running.provider.probe().await;
    let refused = probes.into_iter().find_map(|probe| probe.outcome.err()).expect("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    let source = std::error::Error::source(&refused).expect("what NetBox said").to_string();
    let text = refused.to_string();
    assert!(source.contains(reason) && !text.contains(reason) && !text.contains("not valid"), "{text}: {source}");
}

#[tokio::test]
async fn a_probe_says_which_right_is_missing_and_changes_nothing() {
    let all =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let needs =
        ["ipam.view_vrf", "ipam.view_prefix", "ipam.view_ipaddress", "ipam.add_ipaddress", "ipam.delete_ipaddress"];
    for version in [Version::V2_8, Version::V3_7, Version::V4_6] {
        for (missing, permission) in all.iter().zip(needs) {
            let rights: Vec<Right> = all.iter().copied().filter(|right| right != missing).collect();
            let netbox = Netbox::new(version).with_token(Token::new("some").with_rights(&rights));
            let running = Running::start(netbox, json!({"token": "some"}));
            let failed = faults(&running).await;
            assert_eq!(failed.len(), 1, "{version:?} without {permission}: {failed:?}");
            assert!(failed[0].contains(permission), "{failed:?}");
        }
        let netbox = Netbox::new(version).with_token(Token::new("reader").read_only());
        let running = Running::start(netbox, json!({"token": "reader"}));
        let probes = running.provider.probe().await;
        assert_eq!(probes.iter().filter(|probe| probe.outcome.is_err()).count(), 2, "a token to read: {probes:?}");
    }
}

#[tokio::test]
async fn the_least_rights_suffice() {
    let rights =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let netbox = netbox().with_token(Token::new("gateway").with_rights(&rights));
    let (running, found) = one_subnet(netbox, json!({"token": "gateway"})).await;
    let address = free(&running, &found, 1, &AddressSet::default()).await[0];
    running.provider.reserve(&found, address, &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, address).await.expect("a release").is_removed());
}

#[tokio::test]
async fn host_names_that_come_later_need_the_right_to_change_and_a_probe_hints_at_it() {
    let rights =
        [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses, Right::AddAddresses, Right::DeleteAddresses];
    let all = [&rights[..], &[Right::ChangeAddresses]].concat();
    let note = Annotation { hostname: Some("web.example.com".to_owned()), mac: None };
    for (rights, is_allowed) in [(&rights[..], false), (&all[..], true)] {
        let netbox = netbox().with_token(Token::new("gateway").with_rights(rights));
        let (running, found) = one_subnet(netbox, json!({"token": "gateway"})).await;
        running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("a reservation");
        assert_eq!(faults(&running).await, [""; 0]);
        let hints = running.provider.probe().await.into_iter().filter(|probe| probe.what.contains("change_ipaddress"));
        assert_eq!(hints.count(), usize::from(!is_allowed));
        let annotate = running.provider.annotate().expect("NetBox has a place for names");
        match annotate.annotate(&found, ip("10.1.2.5"), &note).await {
            Ok(annotated) => assert_eq!((annotated, is_allowed), (Annotated::Changed, true)),
            Err(refused) => assert_eq!((refused.kind(), is_allowed), (ErrorKind::Unauthenticated, false)),
        }
    }
}

#[tokio::test]
async fn free_addresses_that_are_listed_need_no_right_to_view_ranges() {
    let rights = [Right::ViewGroups, Right::ViewPrefixes, Right::ViewAddresses];
    let netbox = netbox().with_token(Token::new("gateway").with_rights(&rights));
    netbox.add_prefix("10.8.0.0/16", None);
    // As many are left as a server may give in a page, and the last address is taken.
    for byte in 41..=254 {
        netbox.record(&format!("10.1.2.{byte}/24"), None);
    }
    let (running, found) = one_subnet(netbox, json!({"token": "gateway"})).await;
    assert_eq!(free(&running, &found, 64, &AddressSet::default()).await, addresses(1..=40));
    let held: AddressSet = addresses(1..=40).into_iter().collect();
    assert_eq!(free(&running, &found, 64, &held).await, [] as [IpAddr; 0], "all are held");
    // Where NetBox has listed as many as it was asked for, there may be more.
    let wide = subnet(&running, "10.8.0.0/16", None).await;
    let held: AddressSet = (0..2000u32).map(|host| IpAddr::from((0x0a08_0000 + host).to_be_bytes())).collect();
    let refused = running.provider.free_addresses(&wide, FreeQuery { at_most: 3, held: &held }).await;
    let refused = refused.expect_err("nobody knows what is behind");
    assert!(refused.to_string().contains("ipam.view_iprange"), "{refused}");
}

#[tokio::test]
async fn a_probe_finds_settings_that_netbox_does_not_know() {
    let more = json!({"tags": ["nowhere"], "tenant": "nobody", "status": "bogus", "custom_fields": {"nope": "x"}});
    let (running, _) = one_subnet(netbox(), more).await;
    let failed = faults(&running).await;
    assert_eq!(
        failed,
        ["NetBox does not know what the settings say for status, tags, tenant, custom_fields; create it there first"]
    );
    assert_eq!(
        free(&running, &subnet(&running, "10.1.2.0/24", None).await, 1, &AddressSet::default()).await,
        [ip("10.1.2.1")]
    );
}

#[tokio::test]
async fn a_probe_with_a_wrong_token_fails_where_the_status_is_shown_to_everybody() {
    for version in [Version::V3_7, Version::V4_6] {
        let running = Running::start(Netbox::new(version), json!({"token": "wrong"}));
        let failed = faults(&running).await;
        assert!(!failed.is_empty(), "{version:?}");
        assert!(failed.iter().all(|text| text.starts_with("Invalid credentials for External IPAM")), "{failed:?}");
    }
}

#[tokio::test]
async fn nothing_of_what_is_inside_netbox_is_shown() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for trouble in [Trouble::DatabaseDown, Trouble::RedisDown, Trouble::DatabaseReadOnly, Trouble::Maintenance] {
        running.netbox.set_trouble(Some(trouble));
        let failed =
            running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect_err("a failure");
        assert_eq!(failed.kind(), ErrorKind::Unavailable, "{trouble:?}");
        let text = failed.to_string();
        assert!(!text.contains("15432") && !text.contains("16379") && !text.contains("INSERT"), "{text}");
        assert_eq!(text.contains("maintenance"), trouble == Trouble::Maintenance, "{text}");
    }
    running.netbox.set_trouble(None);
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("it works again by itself");
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_no_missing_record() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let wrong = provider(&format!("{}/api", running.server.url()), with_mac());
    let refused = wrong.reservation(&found, ip("192.0.2.20")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unexpected, "{refused}");
    assert!(refused.to_string().contains("url"), "{refused}");
}
