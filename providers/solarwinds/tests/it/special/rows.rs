//! Addresses whose row is there twice, or goes away at the wrong moment.

use ipam_provider::{ErrorKind, Released, Requester};
use ipam_simulators::Response;
use serde_json::{Value, json};

use super::{Once, instead, ip, kind, kinds, results};

fn row(id: u64, comments: &str) -> Value {
    json!({
        "IpNodeId": id, "IPAddress": "2001:db8:1::5", "Status": "Reserved", "MAC": null, "DnsBackward": null,
        "Comments": comments, "Uri": format!("swis://orion.example.com/Orion/IPAM.IPNode/IpNodeId={id}"),
    })
}

/// Whether the server refuses a second row is not known. Where it does not, the older one counts.
#[tokio::test]
async fn of_two_rows_of_one_address_the_older_one_counts() {
    for (ours, winner) in [(7, true), (9, false)] {
        let created = std::sync::atomic::AtomicBool::new(false);
        let fixture = instead(move |_, request| match kind(request).as_str() {
            "Create" => {
                created.store(true, std::sync::atomic::Ordering::SeqCst);
                Some(Response::json(200, &json!("swis://orion.example.com/Orion/IPAM.IPNode/IpNodeId=7")))
            }
            "Delete" => Some(Response::empty(200)),
            "Query" if created.load(std::sync::atomic::Ordering::SeqCst) => {
                Some(results(json!([row(8, "proxy-b: elsewhere"), row(ours, "foreman-ipam-proxy")])))
            }
            _ => None,
        });
        let subnet = fixture.subnet("Production", "2001:db8:1::/64").await;
        kinds(&fixture);
        let reserved = fixture.provider.reserve(&subnet, ip("2001:db8:1::5"), &Requester::default()).await;
        let expected = if winner { Ok(()) } else { Err(ErrorKind::AlreadyExists) };
        assert_eq!(reserved.map_err(|error| error.kind()), expected);
        let is_deleted = kinds(&fixture).iter().any(|kind| kind == "Delete");
        assert_eq!(is_deleted, !winner, "the younger row is ours when we lost");
    }
}

#[tokio::test]
async fn a_row_that_goes_away_before_it_is_freed_was_absent() {
    let once = Once::default();
    let fixture = instead(move |ipam, request| {
        if kind(request) == "Change" && once.is_first() {
            ipam.forget("Production", ip("192.0.2.1"));
        }
        None
    });
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    let released = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect("no error");
    assert_eq!(released, Released::WasAbsent);
}

#[tokio::test]
async fn a_uri_that_leads_elsewhere_is_not_followed() {
    let fixture = instead(|_, request| {
        let is_node = request.json().is_some_and(|body| body["parameters"]["full"].is_string());
        let mut bad = row(1, "x");
        bad["IPAddress"] = json!("192.0.2.1");
        bad["Uri"] = json!("swis://x/Orion/../../../../Invoke/IPAM.GroupManagement/RemoveGroup");
        is_node.then(|| results(json!([bad])))
    });
    let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
    kinds(&fixture);
    let error = fixture.provider.release(&subnet, ip("192.0.2.1")).await.expect_err("no such uri");
    assert_eq!((error.kind(), kinds(&fixture)), (ErrorKind::Unexpected, vec!["Query".to_owned()]));
}
