//! Two writers at once, lost answers in the middle of a reservation, and what is left of them.

use std::sync::Arc;
use std::time::Duration;

use ipam_provider::{ErrorKind, Requester, Subnet};
use ipam_simulators::solarwinds::Site;
use ipam_simulators::{Ipam, Response};
use serde_json::{Value, json};

use super::{BEFORE_2022_2, Once, free, host, instead, instead_at, ip, kind, kinds};
use crate::site::Fixture;

const PREFIX: &str = "192.0.2.16/28";
const ADDRESS: &str = "192.0.2.17";
const NEXT: &str = "192.0.2.18";

async fn reserve(fixture: &Fixture, subnet: &Subnet, by: &Requester) -> Result<(), ErrorKind> {
    fixture.provider.reserve(subnet, ip(ADDRESS), by).await.map_err(|error| error.kind())
}

fn row(fixture: &Fixture, address: &str) -> Value {
    fixture.ipam.node("Production", ip(address)).expect("a row")
}

/// Status, and whether there is a comment.
fn state(fixture: &Fixture, address: &str) -> (u64, bool) {
    let row = row(fixture, address);
    (row["Status"].as_u64().expect("a number"), row["Comments"].is_string())
}

#[tokio::test]
async fn the_requests_of_an_add_and_a_delete() {
    let change = ["Query", "Change"];
    for (settings, add) in [
        (json!({}), vec!["Query", "StartIpReservationForGroup", "FinishIpReservationForGroup", "Change"]),
        (json!({"reserve_with": "status"}), vec!["Query", "Change", "Query"]),
    ] {
        let fixture = Fixture::with(settings);
        let subnet = fixture.subnet("Production", PREFIX).await;
        kinds(&fixture);
        assert_eq!(reserve(&fixture, &subnet, &host("web.example.com")).await, Ok(()));
        assert_eq!(kinds(&fixture), add);
        let row = row(&fixture, ADDRESS);
        let columns = ["Status", "MAC", "DnsBackward", "Comments"].map(|name| row[name].clone());
        let comment = "foreman-ipam-proxy: web.example.com 02:00:5e:00:53:aa";
        assert_eq!(columns, [json!(4), json!(super::MAC), json!("web.example.com"), json!(comment)]);
        fixture.provider.release(&subnet, ip(ADDRESS)).await.expect("a release");
        assert_eq!(kinds(&fixture), change);
        assert_eq!(state(&fixture, ADDRESS), (2, false), "nothing of the host is left");
    }
}

/// Of two proxies that start a reservation at once, the server gives the address to one.
#[tokio::test]
async fn a_reservation_of_another_address_is_ended() {
    let fixture = instead(|ipam, request| {
        if kind(request) == "StartIpReservationForGroup" {
            ipam.take("Production", ip(ADDRESS));
        }
        None
    });
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::AlreadyExists));
    assert_eq!(kinds(&fixture).last().map(String::as_str), Some("CancelIpReservationForGroup"));
    assert_eq!(state(&fixture, ADDRESS), (1, false), "the other one's");
    assert_eq!(free(&fixture.provider, &subnet, 1).await.expect("addresses"), [ip(NEXT)]);
}

/// In a full subnet no other address is there to be reserved.
#[tokio::test]
async fn the_last_address_that_is_taken_meanwhile_is_taken() {
    let fixture = instead(|ipam, request| {
        if kind(request) == "StartIpReservationForGroup" {
            for last in 17..=30 {
                ipam.take("Production", ip(&format!("192.0.2.{last}")));
            }
        }
        None
    });
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::AlreadyExists));
}

#[tokio::test]
async fn many_proxies_at_once_have_one_winner() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", PREFIX).await;
    for last in 17..=30 {
        let address = ip(&format!("192.0.2.{last}"));
        let calls = (0..6).map(|number| {
            let (proxy, subnet) = (fixture.second(json!({"mark": format!("proxy-{number}")})), subnet.clone());
            tokio::spawn(async move { proxy.reserve(&subnet, address, &host("a")).await.map_err(|error| error.kind()) })
        });
        let mut winners = Vec::new();
        for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            match call.await.expect("no panic") {
                Ok(()) => winners.push(number),
                Err(kind) => assert_eq!(kind, ErrorKind::AlreadyExists, "{address}"),
            }
        }
        let comment = row(&fixture, &address.to_string())["Comments"].as_str().unwrap_or_default().to_owned();
        // One that lost may have been in the way of one that would have won later: then nobody has it.
        assert!(winners.len() <= 1, "{address}: {winners:?}");
        for winner in winners {
            assert!(comment.starts_with(&format!("proxy-{winner}:")), "{address}: {comment}");
        }
    }
}

/// Without reservations the row says who wrote last.
#[tokio::test]
async fn a_status_that_another_proxy_changes_just_after_us_is_the_other_ones() {
    let fixture = instead_at(BEFORE_2022_2, |ipam, request| {
        let answer = ipam.answer(request);
        if kind(request) == "Change" {
            ipam.comment("Production", ip(ADDRESS), "proxy-b: elsewhere");
        }
        Some(answer)
    });
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::AlreadyExists));
    assert_eq!(row(&fixture, ADDRESS)["Comments"], json!("proxy-b: elsewhere"));
}

/// A proxy whose start was lost may take the reservation of this one for its own, finish it, and write last.
#[tokio::test]
async fn a_reservation_that_another_proxy_has_finished_is_looked_at_afterwards() {
    let fixture = instead(|ipam, request| {
        let answer = ipam.answer(request);
        match kind(request).as_str() {
            "FinishIpReservationForGroup" => {
                return Some(Response::json(400, &json!({"Message": "The reservation was not started"})));
            }
            "Change" => ipam.comment("Production", ip(ADDRESS), "proxy-b: elsewhere"),
            _ => {}
        }
        Some(answer)
    });
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::AlreadyExists));
    assert_eq!(row(&fixture, ADDRESS)["Comments"], json!("proxy-b: elsewhere"));
}

/// OrionSDK issue 257: servers were seen that answered 200 and changed nothing.
#[tokio::test]
async fn a_change_that_was_answered_and_not_made_is_unknown() {
    let fixture = instead_at(BEFORE_2022_2, |_, request| (kind(request) == "Change").then(|| Response::empty(200)));
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::Unexpected));
}

#[tokio::test]
async fn a_lost_answer_to_the_start_of_a_reservation_costs_nobody_the_address() {
    let verbs = ["StartIpReservationForGroup", "FinishIpReservationForGroup"];
    for (lost, held_as) in verbs.into_iter().flat_map(|verb| [(verb, 4), (verb, 16)]) {
        let once = Once::default();
        let fixture = instead_at(Site { held_as, ..Site::default() }, move |ipam, request| {
            (kind(request) == lost && once.is_first()).then(|| {
                ipam.answer(request);
                Response::empty(502)
            })
        });
        let subnet = fixture.subnet("Production", PREFIX).await;
        assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Ok(()), "{lost} {held_as}");
        assert_eq!(state(&fixture, ADDRESS), (4, true), "{lost} {held_as}");
    }
}

/// As long as the reservation lasts, this proxy goes on where it stopped; then the server makes the address available.
#[tokio::test]
async fn a_reservation_whose_start_is_unknown_is_no_record_and_can_be_gone_on_with() {
    for gone_on_with in [true, false] {
        let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_broken = broken.clone();
        let fixture = instead(move |ipam, request| {
            let starts = kind(request) == "StartIpReservationForGroup";
            if starts {
                is_broken.store(true, std::sync::atomic::Ordering::SeqCst);
                ipam.answer(request);
            }
            is_broken.load(std::sync::atomic::Ordering::SeqCst).then(|| Response::empty(502))
        });
        let subnet = fixture.subnet("Production", PREFIX).await;
        assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::Unavailable));
        broken.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(state(&fixture, ADDRESS), (16, false));
        assert_eq!(fixture.provider.reservation(&subnet, ip(ADDRESS)).await.expect("an answer"), None);
        let other = fixture.second(json!({}));
        assert!(other.reservation(&subnet, ip(ADDRESS)).await.expect("an answer").is_some_and(|found| !found.ours));
        let refused = other.reserve(&subnet, ip(ADDRESS), &host("b")).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
        if gone_on_with {
            assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Ok(()));
            assert_eq!(state(&fixture, ADDRESS), (4, true));
        } else {
            fixture.ipam.advance(Duration::from_secs(120));
            assert_eq!(free(&other, &subnet, 1).await.expect("addresses"), [ip(ADDRESS)]);
        }
    }
}

#[tokio::test]
async fn a_record_that_is_refused_leaves_the_address_available() {
    let fixture = instead(|_, request| {
        let is_record = request.json().is_some_and(|body| body["Comments"].is_string());
        is_record.then(|| Response::json(400, &json!({"Message": "MAC has no valid format"})))
    });
    let subnet = fixture.subnet("Production", PREFIX).await;
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Err(ErrorKind::Rejected));
    assert_eq!(state(&fixture, ADDRESS), (2, false));
}

#[tokio::test]
async fn what_an_earlier_host_left_in_a_row_is_not_the_next_ones() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet("Production", PREFIX).await;
    fixture.ipam.comment("Production", ip(ADDRESS), "an old host");
    assert_eq!(fixture.provider.reservation(&subnet, ip(ADDRESS)).await.expect("an answer"), None);
    assert_eq!(reserve(&fixture, &subnet, &Requester::default()).await, Ok(()));
    assert_eq!(row(&fixture, ADDRESS)["Comments"], json!("foreman-ipam-proxy"));
}

#[tokio::test]
async fn only_own_records_are_deleted_where_the_settings_say_so() {
    let fixture = Fixture::with(json!({"delete_only_own": true}));
    let subnet = fixture.subnet("Production", PREFIX).await;
    fixture.ipam.take("Production", ip(NEXT));
    let refused = fixture.provider.release(&subnet, ip(NEXT)).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Rejected));
    assert_eq!(reserve(&fixture, &subnet, &host("a")).await, Ok(()));
    assert!(fixture.provider.release(&subnet, ip(ADDRESS)).await.expect("a release").is_removed());
}
