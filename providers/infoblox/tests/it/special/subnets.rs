//! Network views and networks: pages, containers, views that change, cloud members.

use ipam_provider::{ErrorKind, GroupName, Requester};
use ipam_simulators::infoblox::Site;
use serde_json::json;

use super::{free, host, instead, ip, name};
use crate::site::Fixture;

#[tokio::test]
async fn ten_thousand_networks_are_listed_in_pages() {
    let fixture = Fixture::new();
    fixture.ipam.add_network_view("Large", "");
    for number in 0..10_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        fixture.ipam.add_network("Large", &format!("10.{high}.{low}.0/28"), "");
    }
    fixture.server.take_requests();
    let subnets = fixture.provider.subnets(Some(&name("Large"))).await.expect("all networks");
    assert_eq!(subnets.len(), 10_000);
    assert!(subnets.is_sorted_by(|a, b| a.prefix < b.prefix), "each once");
    // The login, the view, ten pages, and the networks of IPv6.
    assert_eq!(fixture.server.take_requests().len(), 13);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    let fixture = instead(|_, request| {
        request.query.contains("_page_id").then(|| ipam_simulators::Response::html(503, "<html>busy</html>"))
    });
    for number in 0..1001_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        fixture.ipam.add_network("Production", &format!("10.{high}.{low}.0/28"), "");
    }
    let error = fixture.provider.subnets(Some(&name("Production"))).await.expect_err("the second page fails");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_container_is_no_subnet() {
    let fixture = Fixture::new();
    fixture.ipam.add_container("Production", "10.0.0.0/8");
    fixture.ipam.add_container("Production", "2001:db8:100::/40");
    for prefix in ["10.0.0.0/8", "2001:db8:100::/40"] {
        for group in [None, Some(name("Production"))] {
            let found = fixture.provider.find_subnets(prefix.parse().expect("a prefix"), group.as_ref()).await;
            assert_eq!(found.expect("absent is no error"), [], "{prefix}");
        }
    }
    let listed = fixture.provider.subnets(Some(&name("Production"))).await.expect("the networks");
    assert!(!listed.iter().any(|subnet| subnet.prefix.to_string() == "10.0.0.0/8"));
}

#[tokio::test]
async fn a_network_that_was_split_gives_out_nothing() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    fixture.ipam.contain("Production", "192.0.2.16/28");
    fixture.ipam.add_network("Production", "192.0.2.16/29", "");
    let error = free(&fixture.provider, &subnet, 5).await.expect_err("it is a container now");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "Subnet 192.0.2.16/28 (group Production) is no longer in Infoblox");
}

#[tokio::test]
async fn a_renamed_view_hides_no_record() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = ip("192.0.2.17");
    fixture.provider.reserve(&subnet, address, &host("web.example.com")).await.expect("a reservation");
    fixture.ipam.rename_network_view("Production", "Production 2");
    for outcome in [
        fixture.provider.reservation(&subnet, address).await.map(drop),
        fixture.provider.release(&subnet, address).await.map(drop),
        fixture.provider.reserve(&subnet, ip("192.0.2.18"), &Requester::default()).await,
    ] {
        assert_eq!(outcome.expect_err("the view has another name").kind(), ErrorKind::NotFound);
    }
    let own = fixture.provider.own_records(address).await.expect("a list");
    assert_eq!(own.iter().map(|own| own.place.as_str()).collect::<Vec<_>>(), ["network view Production 2"]);
    let renamed = fixture.subnet("Production 2", "192.0.2.16/28").await;
    assert_eq!(renamed.space, subnet.space, "holds live on");
    assert!(fixture.provider.release(&renamed, address).await.expect("a release").is_removed());
}

#[tokio::test]
async fn with_network_view_only_that_one_is_served() {
    let fixture = Fixture::with(json!({"network_view": "dmz/web"}));
    let names: Vec<_> =
        fixture.provider.groups().await.expect("the groups").into_iter().map(|group| group.name).collect();
    assert_eq!(names, [name("dmz/web")]);
    assert_eq!(fixture.provider.group(&name("Production")).await.expect("no error"), None);
    assert_eq!(fixture.provider.subnets(Some(&name("Production"))).await.expect("no error"), []);
    let found = fixture.provider.find_subnets("198.51.100.0/28".parse().expect("a prefix"), None).await;
    let groups: Vec<_> = found.expect("a list").into_iter().map(|subnet| subnet.group).collect();
    assert_eq!(groups, [GroupName::new("dmz/web")]);

    let missing = Fixture::with(json!({"network_view": "No such view"}));
    assert_eq!(missing.provider.groups().await.expect("no error"), []);
    let faults: Vec<_> = missing.provider.probe().await.into_iter().filter(|probe| probe.outcome.is_err()).collect();
    assert!(faults.len() == 1 && faults[0].what.contains("No such view"), "{faults:?}");
}

#[tokio::test]
async fn on_a_cloud_member_searches_go_to_the_grid_master() {
    let site = Site { is_cloud_member: true, num_at_most: 1000, ..Site::default() };
    let alone = Fixture::at(site.clone(), json!({}), |ipam| ipam);
    assert_eq!(alone.provider.groups().await.expect("a list"), [], "nothing is delegated to the member");
    let fixture = Fixture::at(site, json!({"cloud_member": true}), |ipam| ipam);
    let subnet = fixture.subnet("Production", "192.0.2.16/28").await;
    let address = free(&fixture.provider, &subnet, 1).await.expect("free addresses")[0];
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.reservation(&subnet, address).await.expect("an answer").is_some());
    assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
}
