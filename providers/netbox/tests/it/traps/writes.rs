//! What is recorded and deleted.

use ipam_conformance::Seed;
use ipam_provider::{AddressSet, Annotated, Annotation, ErrorKind, Released, Requester};
use ipam_simulators::netbox::{MAC_FIELD, Netbox, Token, Version};
use serde_json::{Value, json};

use super::{faults, free, ip, netbox, one_subnet, settings, subnet};
use crate::subject::{Running, provider, with_mac};

#[tokio::test]
async fn a_new_address_has_the_length_of_its_subnet_its_vrf_and_the_mark() {
    let running = Running::seeded(Version::V4_6);
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    let by = Requester {
        mac: Some("02:00:5E:00:53:01".parse().expect("a MAC")),
        hostname: Some("Web.Example.com".into()),
        ..Requester::default()
    };
    running.provider.reserve(&found, ip("192.0.2.20"), &by).await.expect("a reservation");
    let records = running.netbox.records_of("192.0.2.20");
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!(record["address"], "192.0.2.20/28");
    assert_eq!(record["vrf"]["name"], "Production");
    assert_eq!(record["dns_name"], "web.example.com");
    assert_eq!(record["description"], "foreman-ipam-proxy: Web.Example.com 02:00:5e:00:53:01");
    assert_eq!(record["custom_fields"][MAC_FIELD], "02:00:5e:00:53:01");
    assert_eq!(record["tenant"], Value::Null);
}

#[tokio::test]
async fn whoever_groups_by_tenant_gets_addresses_of_the_tenant() {
    let netbox = Netbox::seeded(&Seed::standard(), Version::V4_6);
    let running = Running::start(netbox, settings(json!({"group_by": "tenant"})));
    let found = subnet(&running, "192.0.2.16/28", Some("Production")).await;
    running.provider.reserve(&found, ip("192.0.2.20"), &Requester::default()).await.expect("a reservation");
    assert_eq!(running.netbox.records_of("192.0.2.20")[0]["tenant"]["name"], "Production");
}

#[tokio::test]
async fn a_required_custom_field_can_be_set_and_without_it_nothing_is_recorded() {
    let filled = netbox();
    filled.require_custom_field("owner_team");
    filled.add_tag("foreman");
    let more = json!({"custom_fields": {"owner_team": "linux"}, "tags": ["foreman"], "status": "dhcp"});
    let (running, found) = one_subnet(filled, more).await;
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("a reservation");
    let record = &running.netbox.records_of("10.1.2.5")[0];
    assert_eq!(record["custom_fields"]["owner_team"], "linux");
    assert_eq!((&record["tags"][0]["slug"], &record["status"]["value"]), (&json!("foreman"), &json!("dhcp")));

    let without = provider(&running.server.url(), with_mac());
    let refused = without.reserve(&found, ip("10.1.2.6"), &Requester::default()).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(refused.to_string().contains("custom field"), "{refused}");
}

#[tokio::test]
async fn an_annotation_leaves_tags_status_and_other_custom_fields_as_they_are() {
    let filled = netbox();
    filled.require_custom_field("owner_team");
    filled.add_tag("foreman");
    let more = json!({"custom_fields": {"owner_team": "linux"}, "tags": ["foreman"], "status": "dhcp"});
    let (running, found) = one_subnet(filled, more).await;
    running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect("a reservation");
    // What the settings say now is for new records.
    let other = provider(&running.server.url(), with_mac());
    let mac = Some("02:00:5e:00:53:01".parse().expect("a MAC"));
    let note = Annotation { hostname: Some("Web.example.com".to_owned()), mac };
    let annotate = other.annotate().expect("NetBox has a place for names");
    assert_eq!(annotate.annotate(&found, ip("10.1.2.5"), &note).await.expect("changed"), Annotated::Changed);
    let record = &running.netbox.records_of("10.1.2.5")[0];
    assert_eq!(record["dns_name"], "web.example.com");
    assert_eq!(record["description"], "foreman-ipam-proxy: Web.example.com 02:00:5e:00:53:01");
    assert_eq!(record["custom_fields"]["owner_team"], "linux");
    assert_eq!(record["custom_fields"][MAC_FIELD], "02:00:5e:00:53:01");
    assert_eq!((&record["tags"][0]["slug"], &record["status"]["value"]), (&json!("foreman"), &json!("dhcp")));
    assert_eq!(annotate.annotate(&found, ip("10.1.2.5"), &note).await.expect("an answer"), Annotated::AsItWas);
}

#[tokio::test]
async fn an_odd_host_name_or_an_infiniband_mac_fails_no_host() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    let infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
    let hostname = format!("bücher {}", "x".repeat(300));
    let by =
        Requester { mac: Some(infiniband.parse().expect("a MAC")), hostname: Some(hostname), ..Requester::default() };
    running.provider.reserve(&found, ip("10.1.2.5"), &by).await.expect("a reservation");
    let record = &running.netbox.records_of("10.1.2.5")[0];
    assert_eq!((&record["dns_name"], &record["custom_fields"][MAC_FIELD]), (&json!(""), &Value::Null));
    assert_eq!(record["description"].as_str().map(|text| text.chars().count()), Some(200));
}

#[tokio::test]
async fn network_and_broadcast_and_foreign_addresses_are_not_recorded_although_netbox_would() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for address in ["10.1.2.0", "10.1.2.255", "10.1.3.1"] {
        let refused = running.provider.reserve(&found, ip(address), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::Rejected, "{address}");
        assert_eq!(running.netbox.records_of(address), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn an_address_of_a_populated_range_is_refused_with_what_to_look_at() {
    let filled = netbox();
    filled.add_range("10.1.2.3/24", "10.1.2.19/24", None, true);
    let (running, found) = one_subnet(filled, json!({})).await;
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert!(refused.to_string().contains("an IP range that is marked as populated"), "{refused}");
    assert!(!refused.to_string().contains("10.1.2.3-19"), "NetBox's own text is for the log: {refused}");
}

#[tokio::test]
async fn an_address_recorded_with_another_length_is_taken() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    for length in ["32", "24", "8"] {
        let id = running.netbox.record(&format!("10.1.2.5/{length}"), None);
        let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
        assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::AlreadyExists, "{length}");
        let released = running.provider.release(&found, ip("10.1.2.5")).await.expect("a release");
        assert!(released.is_removed(), "{id}");
    }
}

#[tokio::test]
async fn an_address_that_is_recorded_twice_is_free_after_one_release() {
    let (running, found) = one_subnet(netbox(), json!({})).await;
    running.netbox.record("10.1.2.5/24", None);
    running.netbox.record("10.1.2.5/32", None);
    assert!(!running.provider.reservation(&found, ip("10.1.2.5")).await.expect("an answer").expect("records").ours);
    assert!(running.provider.release(&found, ip("10.1.2.5")).await.expect("a release").is_removed());
    assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
}

#[tokio::test]
async fn only_our_own_records_are_deleted_where_the_settings_say_so() {
    let (running, found) = one_subnet(netbox(), json!({"delete_only_own": true})).await;
    running.netbox.record("10.1.2.5/24", None);
    let refused = running.provider.release(&found, ip("10.1.2.5")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert_eq!(running.netbox.records_of("10.1.2.5").len(), 1);
    running.provider.reserve(&found, ip("10.1.2.6"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.6")).await.expect("a release").is_removed());
    assert_eq!(running.provider.release(&found, ip("10.1.2.7")).await.expect("a release"), Released::WasAbsent);
    // Another proxy's mark is not ours.
    running.provider.reserve(&found, ip("10.1.2.8"), &Requester::default()).await.expect("a reservation");
    let other = provider(&running.server.url(), settings(json!({"delete_only_own": true, "mark": "foreman-ipam"})));
    assert_eq!(other.release(&found, ip("10.1.2.8")).await.expect_err("a refusal").kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn where_other_records_are_hidden_their_addresses_are_taken() {
    let token = Token::new("constrained").only_described("foreman-ipam-proxy");
    let (running, found) = one_subnet(netbox().with_token(token), json!({"token": "constrained"})).await;
    running.netbox.record("10.1.2.1/24", None);
    assert_eq!(running.provider.reservation(&found, ip("10.1.2.1")).await.expect("an answer"), None, "it is hidden");
    assert_eq!(free(&running, &found, 1, &AddressSet::default()).await, [ip("10.1.2.2")]);
    let refused = running.provider.reserve(&found, ip("10.1.2.1"), &Requester::default()).await;
    assert_eq!(refused.expect_err("a refusal").kind(), ErrorKind::AlreadyExists);
    running.provider.reserve(&found, ip("10.1.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release").is_removed());
}

#[tokio::test]
async fn a_record_that_may_be_seen_and_not_deleted_is_not_called_gone() {
    let token = Token::new("constrained").deletes_only_described("foreman-ipam-proxy");
    let (running, found) = one_subnet(netbox().with_token(token), json!({"token": "constrained"})).await;
    running.netbox.record("10.1.2.1/24", None);
    let refused = running.provider.release(&found, ip("10.1.2.1")).await.expect_err("a refusal");
    assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
    assert!(refused.to_string().contains("ipam.delete_ipaddress"), "{refused}");
    assert_eq!(running.netbox.records_of("10.1.2.1").len(), 1);
    running.provider.reserve(&found, ip("10.1.2.2"), &Requester::default()).await.expect("a reservation");
    assert!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release").is_removed());
    assert_eq!(running.provider.release(&found, ip("10.1.2.2")).await.expect("a release"), Released::WasAbsent);
}

#[tokio::test]
async fn an_add_that_constraints_leave_out_is_not_said_to_lack_the_right() {
    for is_unique in [true, false] {
        let netbox = netbox().with_token(Token::new("constrained").only_described("by hand"));
        let netbox = if is_unique { netbox } else { netbox.without_uniqueness() };
        let (running, found) = one_subnet(netbox, json!({"token": "constrained"})).await;
        assert_eq!(faults(&running).await, [""; 0], "no probe can see constraints without a record");
        let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
        let refused = refused.expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        let text = refused.to_string();
        assert!(text.contains("the constraints of ipam.add_ipaddress") && !text.contains("read-only"), "{text}");
        assert_eq!(running.netbox.records_of("10.1.2.5"), [] as [Value; 0]);
    }
    let (running, found) =
        one_subnet(netbox().with_token(Token::new("reader").read_only()), json!({"token": "reader"})).await;
    let refused = running.provider.reserve(&found, ip("10.1.2.5"), &Requester::default()).await;
    let text = refused.expect_err("a refusal").to_string();
    assert!(text.contains("read-only") && !text.contains("constraints"), "{text}");
}
