//! Namespaces and prefixes.

use ipam_provider::{ErrorKind, RecordId, Requester, Subnet};
use ipam_simulators::Request;

use super::{free, instead, ip, name};
use crate::site::Fixture;

#[tokio::test]
async fn every_prefix_is_in_a_namespace_also_when_none_is_asked_for() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Global", "198.51.100.0/28", "network", "");
    let found = fixture.provider.find_subnets("198.51.100.0/28".parse().expect("a prefix"), None).await;
    let groups: Vec<_> = found.expect("subnets").into_iter().map(|subnet| subnet.group).collect();
    assert_eq!(groups, ["Global", "Production", "dmz/web"].map(|group| Some(name(group))));
}

#[tokio::test]
async fn a_namespace_may_be_named_like_a_filter_or_an_id() {
    let fixture = Fixture::new();
    let id = fixture.provider.group(&name("Production")).await.expect("an answer").expect("a group").id;
    for strange in ["null", id.as_str(), "true", "namespace=Global"] {
        fixture.ipam.add_namespace(strange, "Strange");
        fixture.ipam.add_prefix(strange, "203.0.113.128/28", "network", "");
        let group = fixture.provider.group(&name(strange)).await.expect("an answer").expect("a group");
        assert_eq!((group.name.as_str(), group.description.as_str()), (strange, "Strange"));
        let subnet = fixture.subnet(strange, "203.0.113.128/28").await;
        assert_eq!(
            fixture.provider.subnets(Some(&name(strange))).await.expect("subnets"),
            std::slice::from_ref(&subnet)
        );
        fixture.provider.reserve(&subnet, ip("203.0.113.129"), &Requester::default()).await.expect("a reservation");
        let found = fixture.provider.reservation(&subnet, ip("203.0.113.129")).await;
        assert!(found.expect("an answer").is_some(), "{strange}");
    }
}

#[tokio::test]
async fn rows_of_other_prefixes_are_not_taken_for_the_one_asked_for() {
    // A filter that is switched off, as an empty one is, gives everything.
    let fixture = instead(|ipam, request| {
        let all = Request { query: "limit=1000&depth=1".to_owned(), ..request.clone() };
        (request.path == "/api/ipam/prefixes/").then(|| ipam.answer(&all))
    });
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    assert_eq!(subnet.prefix.to_string(), "192.0.2.16/28");
    let listed = fixture.provider.subnets(Some(&name("Zone A"))).await.expect("subnets");
    assert_eq!(listed.len(), 2, "{listed:?}");
}

#[tokio::test]
async fn a_namespace_of_another_name_is_the_same_namespace_until_it_is_looked_up_again() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.rename_namespace("Production", "Former production");
    fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await.expect("a reservation");
    assert!(fixture.ipam.record("Former production", ip("192.0.2.17")).is_some());
    let found = fixture.provider.find_subnets(subnet.prefix, subnet.group.as_ref()).await;
    assert_eq!(found.expect("an answer"), []);
}

#[tokio::test]
async fn a_prefix_that_has_become_another_one_is_gone() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.move_prefix(subnet.id.as_str(), "dmz/web", "192.0.2.64/28");
    for outcome in [
        free(&fixture.provider, &subnet, 1).await.map(drop),
        fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await,
    ] {
        let error = outcome.expect_err("what was remembered is wrong");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "Subnet 192.0.2.16/28 (group Production) is no longer in Nautobot");
    }
    assert_eq!(fixture.provider.reservation(&subnet, ip("192.0.2.17")).await.expect("an answer"), None);
}

#[tokio::test]
async fn an_address_of_a_prefix_that_was_moved_goes_neither_with_it_nor_into_the_wider_one() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "192.0.0.0/16", "container", "");
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.move_prefix(subnet.id.as_str(), "dmz/web", "192.0.2.16/28");
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is gone").kind(), ErrorKind::NotFound);
    for namespace in ["Production", "dmz/web"] {
        assert_eq!(fixture.ipam.record(namespace, ip("192.0.2.17")), None, "{namespace}");
    }
}

#[tokio::test]
async fn an_address_of_a_vanished_subnet_is_not_put_into_the_wider_one() {
    let fixture = Fixture::new();
    fixture.ipam.add_prefix("Production", "192.0.0.0/16", "container", "");
    let seed = crate::site::seed();
    let seeded = seed.subnet(ipam_conformance::Role::Empty).expect("a subnet");
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.remove(seeded);
    let refused = fixture.provider.reserve(&subnet, ip("192.0.2.17"), &Requester::default()).await;
    assert_eq!(refused.expect_err("it is gone").kind(), ErrorKind::NotFound);
    assert_eq!(fixture.ipam.record("Production", ip("192.0.2.17")), None);
}

#[tokio::test]
async fn a_subnet_that_was_never_looked_up_is_not_found() {
    let fixture = Fixture::new();
    let known = fixture.subnet("Production", "192.0.2.16/28").await;
    let subnet = Subnet { id: RecordId::new(known.id.as_str()), ..known };
    fixture.server.take_requests();
    let reservation = fixture.provider.reservation(&subnet, ip("192.0.2.17")).await;
    assert_eq!(reservation.expect_err("its namespace is not known").kind(), ErrorKind::NotFound);
    assert_eq!(fixture.server.take_requests().len(), 0);
}
