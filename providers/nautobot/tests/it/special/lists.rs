//! The records of a subnet, page by page.

use ipam_provider::{ErrorKind, addresses_between};
use ipam_simulators::nautobot::Site;
use serde_json::json;

use super::ip;
use crate::site::Fixture;

#[tokio::test]
async fn a_page_costs_two_requests_and_may_be_smaller_than_asked_for() {
    let fixture = Fixture::at(Site { page_at_most: 20, ..Site::default() }, json!({}), |ipam| ipam);
    let subnet = fixture.subnet("Production", "198.18.0.0/24").await;
    let all: Vec<_> = addresses_between(ip("198.18.0.1"), ip("198.18.0.50")).collect();
    for address in &all {
        fixture.ipam.take("Production", *address);
    }
    let list = fixture.provider.list_reservations().expect("lists");
    let (mut listed, mut from) = (Vec::new(), None::<String>);
    fixture.server.take_requests();
    loop {
        let page = list.list(&subnet, from.as_deref(), 1000).await.expect("a page");
        assert_eq!(fixture.server.take_requests().len(), 2, "after {} records", listed.len());
        listed.extend(page.records.into_iter().map(|record| record.address));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(listed, all);
}

#[tokio::test]
async fn a_prefix_that_became_another_one_is_gone() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    fixture.ipam.move_prefix(subnet.id.as_str(), "Unused", "192.0.2.0/28");
    let list = fixture.provider.list_reservations().expect("lists");
    let error = list.list(&subnet, None, 10).await.expect_err("it is another one");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
