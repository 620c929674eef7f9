//! Which address is offered to whom: one address, one promise.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Builder, Foreman, Seed, Server, mac};

const SUBNET: &str = "10.0.0.0/24";

fn server() -> Server {
    Server::start(Seed::new().subnet(SUBNET))
}

fn ask(foreman: &Foreman, subnet: &str, number: usize) -> String {
    foreman.next_ip(subnet, Some(&mac(number)), None).expect("an address")
}

/// Distinct addresses for this many MACs.
fn distinct(foreman: &Foreman, subnet: &str, count: usize) -> BTreeSet<String> {
    let addresses: BTreeSet<String> = (0..count).map(|number| ask(foreman, subnet, number)).collect();
    assert_eq!(addresses.len(), count, "{addresses:?}");
    addresses
}

#[test]
fn addresses_are_compared_as_addresses() {
    // B1a: to the Ruby plugin 10.0.0.1 looks taken when 10.0.0.10 is, because it searches text.
    let server = Server::start(Seed::new().subnet(SUBNET).reserved(None, SUBNET, ["10.0.0.10", "10.0.0.100"]));
    let foreman = server.foreman();
    assert_eq!(ask(&foreman, SUBNET, 1), "10.0.0.1");
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.1", None), Ok(false));
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.10", None), Ok(true));
}

#[test]
fn a_gap_before_taken_addresses_is_offered_once() {
    // B1b, B4t: the Ruby plugin gives the address of the gap to every caller.
    let taken: Vec<String> = (2..20).map(|last| format!("10.0.0.{last}")).collect();
    let server = Server::start(Seed::new().subnet(SUBNET).reserved(None, SUBNET, taken.iter().map(String::as_str)));
    let addresses = distinct(&server.foreman(), SUBNET, 12);
    assert!(addresses.contains("10.0.0.1") && addresses.contains("10.0.0.30"), "{addresses:?}");
}

#[test]
fn many_open_offers_are_all_distinct() {
    // B4: from the seventh on, everybody gets the first one again.
    let server = server();
    assert!(distinct(&server.foreman(), SUBNET, 254).contains("10.0.0.254"));
}

#[test]
fn the_lowest_free_address_is_offered() {
    let server = Server::start(Seed::new().subnet(SUBNET).reserved(None, SUBNET, ["10.0.0.1", "10.0.0.3"]));
    let foreman = server.foreman();
    assert_eq!(["10.0.0.2", "10.0.0.4", "10.0.0.5"], [1, 2, 3].map(|number| ask(&foreman, SUBNET, number)).as_slice());
}

#[test]
fn a_delete_of_what_is_not_recorded_does_not_take_the_offer_of_another_host() {
    let server = server();
    let foreman = server.foreman();
    let offered = ask(&foreman, SUBNET, 1);
    assert_eq!(foreman.delete(SUBNET, &offered, None), Ok(()));
    assert_ne!(ask(&foreman, SUBNET, 2), offered);
    assert_eq!(ask(&foreman, SUBNET, 1), offered);
    assert_eq!(foreman.add(SUBNET, &offered, None), Ok(()));
}

#[test]
fn a_mac_is_offered_the_same_address_again() {
    let server = server();
    let foreman = server.foreman();
    let first = ask(&foreman, SUBNET, 1);
    ask(&foreman, SUBNET, 2);
    for _ in 0..10 {
        assert_eq!(ask(&foreman, SUBNET, 1), first);
    }
}

#[test]
fn callers_without_a_mac_are_different_callers() {
    let server = server();
    let foreman = server.foreman();
    let addresses: BTreeSet<String> =
        (0..20).map(|_| foreman.next_ip(SUBNET, None, None).expect("an address")).collect();
    assert_eq!(addresses.len(), 20);
}

#[test]
fn a_request_that_asks_twice_asks_for_a_second_interface() {
    let server = server();
    let foreman = server.foreman();
    let request = foreman.within_request("f2a0c1b2-0000-4000-8000-000000000001");
    let (first, second) = (ask(&request, SUBNET, 1), ask(&request, SUBNET, 1));
    assert_ne!(first, second, "Foreman asks with the host's MAC for each of its interfaces");
    let later = foreman.within_request("f2a0c1b2-0000-4000-8000-000000000002");
    assert_eq!([ask(&later, SUBNET, 1), ask(&later, SUBNET, 1)], [first, second], "the form is sent again");
}

#[test]
fn subnets_do_not_share_their_offers() {
    // B2: to the Ruby plugin a question for another subnet ends all promises of the first.
    let other = "10.1.0.0/24";
    let server = Server::start(Seed::new().group("g").subnet_in("g", SUBNET).subnet_in("g", other));
    let foreman = server.foreman();
    let next =
        |subnet: &str, number: usize| foreman.next_ip(subnet, Some(&mac(number)), Some("g")).expect("an address");
    let first = next(SUBNET, 1);
    let elsewhere = next(other, 2);
    assert_ne!(next(SUBNET, 3), first);
    // B3: one MAC in two subnets keeps both.
    let same_mac = next(other, 1);
    assert_ne!(same_mac, elsewhere);
    assert_eq!((next(SUBNET, 1), next(other, 1)), (first, same_mac));
}

#[test]
fn a_subnet_has_one_set_of_offers_with_and_without_its_group() {
    // B2x: the Ruby plugin promises an address twice when one caller names the group and the other does not.
    let server = Server::start(Seed::new().group("blue").subnet_in("blue", SUBNET));
    let foreman = server.foreman();
    let with = foreman.next_ip(SUBNET, Some(&mac(1)), Some("blue")).expect("an address");
    let without = foreman.next_ip(SUBNET, Some(&mac(2)), None).expect("an address");
    assert_ne!(with, without);
    assert_eq!(foreman.next_ip(SUBNET, Some(&mac(1)), None), Ok(with));
}

#[test]
fn one_prefix_in_two_groups_is_two_subnets() {
    let seed = Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", SUBNET).group("red").subnet_in("red", SUBNET);
    let server = Server::start(seed);
    let foreman = server.foreman();
    for group in [None, Some("blue"), Some("red")] {
        assert_eq!(foreman.next_ip(SUBNET, Some(&mac(1)), group).as_deref(), Ok("10.0.0.1"), "{group:?}");
        assert_eq!(foreman.next_ip(SUBNET, Some(&mac(2)), group).as_deref(), Ok("10.0.0.2"), "{group:?}");
    }
}

#[test]
fn the_first_host_of_an_empty_subnet_is_created() {
    // B5: with a current phpIPAM the Ruby plugin cannot.
    let server = server();
    assert_eq!(server.foreman().create_host(SUBNET, Some(&mac(1)), None).as_deref(), Ok("10.0.0.1"));
    assert_eq!(server.foreman().create_host(SUBNET, None, None).as_deref(), Ok("10.0.0.2"));
}

#[test]
fn an_offered_address_that_is_used_meanwhile_is_not_offered_again() {
    // B8.
    let server = Builder::new(Seed::new().subnet(SUBNET)).ipam("candidate_seconds: 0").start();
    let foreman = server.foreman();
    assert_eq!(ask(&foreman, SUBNET, 1), "10.0.0.1");
    server.change_ipam(Seed::new().reserved(None, SUBNET, ["10.0.0.1"]));
    assert_eq!(ask(&foreman, SUBNET, 1), "10.0.0.2");
    assert_eq!(ask(&foreman, SUBNET, 2), "10.0.0.3");
}

#[test]
fn an_address_that_somebody_takes_by_hand_is_not_offered() {
    let server = server();
    let foreman = server.foreman();
    assert_eq!(foreman.add(SUBNET, "10.0.0.1", None), Ok(()));
    assert_eq!(ask(&foreman, SUBNET, 1), "10.0.0.2");
    // A batch of candidates has been fetched by now.
    assert_eq!(foreman.add(SUBNET, "10.0.0.3", None), Ok(()));
    assert_eq!(ask(&foreman, SUBNET, 2), "10.0.0.4");
}

#[test]
fn an_exhausted_subnet_promises_nothing_twice() {
    // B10b: in a /29 the Ruby plugin's seventh and eighth callers get the first address again.
    let subnet = "10.0.0.0/29";
    let server = Server::start(Seed::new().subnet(subnet));
    let foreman = server.foreman();
    distinct(&foreman, subnet, 6);
    for number in [6, 7] {
        let text = foreman.next_ip(subnet, Some(&mac(number)), None).expect_err("an error");
        assert!(text.starts_with("No free addresses found in 10.0.0.0/29"), "{text}");
        assert!(text.contains("6 of them only held"), "{text}");
    }
    assert_eq!(ask(&foreman, subnet, 3), "10.0.0.4", "who has a promise keeps it");
}

#[test]
fn a_deleted_address_of_a_full_subnet_is_offered_at_once() {
    let subnet = "10.0.0.0/30";
    let server = Server::start(Seed::new().subnet(subnet));
    let foreman = server.foreman();
    for number in [1, 2] {
        foreman.create_host(subnet, Some(&mac(number)), None).expect("a host");
    }
    foreman.next_ip(subnet, Some(&mac(3)), None).expect_err("full");
    assert_eq!(foreman.delete(subnet, "10.0.0.1", None), Ok(()));
    assert_eq!(ask(&foreman, subnet, 3), "10.0.0.1");
}

#[test]
fn the_smallest_subnets_offer_all_they_have() {
    // B11.
    for (subnet, expected) in [
        ("10.0.0.0/30", vec!["10.0.0.1", "10.0.0.2"]),
        ("10.0.0.0/31", vec!["10.0.0.0", "10.0.0.1"]),
        ("10.0.0.7/32", vec!["10.0.0.7"]),
        ("2001:db8::/126", vec!["2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ("2001:db8::/127", vec!["2001:db8::", "2001:db8::1"]),
        ("2001:db8::7/128", vec!["2001:db8::7"]),
    ] {
        let server = Server::start(Seed::new().subnet(subnet));
        let foreman = server.foreman();
        for (number, address) in expected.iter().enumerate() {
            let host = foreman.create_host(subnet, Some(&mac(number)), None);
            assert_eq!(host.as_deref(), Ok(*address), "{subnet}");
        }
        foreman.next_ip(subnet, Some(&mac(99)), None).expect_err(subnet);
    }
}

#[test]
fn looking_at_the_headers_promises_nothing() {
    // B24: HEAD reserves in the Ruby plugin.
    let server = server();
    for number in 1..4 {
        let response = server.client().head(&format!("/ipam/subnet/{SUBNET}/next_ip?mac={}", mac(number)));
        assert_eq!((response.status, response.text()), (200, ""));
    }
    assert_eq!(server.client().get("/ipam/holds").json(), json!({"holds": []}));
    assert_eq!(ask(&server.foreman(), SUBNET, 9), "10.0.0.1");
}

#[test]
fn an_offer_says_nothing_about_existence() {
    let server = server();
    let foreman = server.foreman();
    let address = ask(&foreman, SUBNET, 1);
    assert_eq!(foreman.ip_exists(SUBNET, &address, None), Ok(false), "Foreman would not create the host");
}

#[test]
fn a_released_hold_is_offered_to_the_next() {
    let server = server();
    let foreman = server.foreman();
    assert_eq!(ask(&foreman, SUBNET, 1), "10.0.0.1");
    let released = server.client().delete("/ipam/holds/10.0.0.1?subnet=10.0.0.0/24&group=");
    assert_eq!(released.status, 200);
    assert!(released.json()["message"].is_string());
    assert_eq!(ask(&foreman, SUBNET, 2), "10.0.0.1");
    let again = server.curl().delete("/ipam/holds/10.0.0.9?subnet=10.0.0.0/24");
    assert_eq!(again.status, 404);
}
