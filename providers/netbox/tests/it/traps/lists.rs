//! The records of a subnet, page by page.

use ipam_provider::ErrorKind;
use serde_json::json;

use super::{addresses, asked, ip, netbox, one_subnet};

#[tokio::test]
async fn a_page_costs_two_requests_and_may_be_smaller_than_asked_for() {
    let (running, subnet) = one_subnet(netbox().with_pages_of_at_most(20), json!({})).await;
    for address in addresses(1..=50) {
        running.netbox.record(&format!("{address}/24"), None);
    }
    let list = running.provider.list_reservations().expect("lists");
    let (mut listed, mut from, mut pages) = (Vec::new(), None::<String>, 0);
    asked(&running);
    loop {
        let page = list.list(&subnet, from.as_deref(), 1000).await.expect("a page");
        assert_eq!(asked(&running), 2, "after {} records", listed.len());
        listed.extend(page.records.into_iter().map(|record| record.address));
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!((listed, pages), (addresses(1..=50), 3));
}

#[tokio::test]
async fn several_records_of_an_address_are_listed_as_one() {
    let (running, subnet) = one_subnet(netbox().without_uniqueness(), json!({})).await;
    for address in ["10.1.2.5/24", "10.1.2.5/32", "10.1.2.6/24", "10.1.2.6/25", "10.1.2.6/32", "10.1.2.7/16"] {
        running.netbox.record(address, None);
    }
    let list = running.provider.list_reservations().expect("lists");
    let mut from = None::<String>;
    for address in ["10.1.2.5", "10.1.2.6", "10.1.2.7"] {
        let page = list.list(&subnet, from.as_deref(), 1).await.expect("a page");
        assert_eq!(page.records.iter().map(|record| record.address).collect::<Vec<_>>(), [ip(address)]);
        from = page.next;
    }
    assert_eq!(from, None);
}

#[tokio::test]
async fn a_prefix_that_became_another_one_is_gone() {
    let (running, subnet) = one_subnet(netbox(), json!({})).await;
    let id = subnet.id.as_str().parse().expect("a number");
    running.netbox.set_prefix(id, "10.1.2.0/25", None);
    let list = running.provider.list_reservations().expect("lists");
    let error = list.list(&subnet, None, 10).await.expect_err("it is another one");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
