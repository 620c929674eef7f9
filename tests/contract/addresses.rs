//! Exists, add and delete.

use serde_json::json;

use crate::support::{Generation, Request, Seed, Server, mac};

const SUBNET: &str = "10.0.0.0/24";

fn server() -> Server {
    Server::start(Seed::new().subnet(SUBNET))
}

#[test]
fn an_added_address_exists_until_it_is_deleted() {
    for generation in [Generation::From21, Generation::From32] {
        let server = server();
        let foreman = server.foreman_of(generation);
        assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(false));
        assert_eq!(foreman.add(SUBNET, "10.0.0.9", None), Ok(()));
        assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(true));
        assert_eq!(foreman.delete(SUBNET, "10.0.0.9", None), Ok(()));
        assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(false));
    }
}

#[test]
fn delete_is_idempotent() {
    // B28: Foreman keeps a host whose address it cannot delete, so the Ruby plugin makes some hosts immortal.
    let server = server();
    let foreman = server.foreman();
    assert_eq!(foreman.delete(SUBNET, "10.0.0.200", None), Ok(()), "an address that never was");
    foreman.add(SUBNET, "10.0.0.9", None).expect("added");
    for _ in 0..3 {
        assert_eq!(foreman.delete(SUBNET, "10.0.0.9", None), Ok(()));
    }
    assert_eq!(foreman.delete("10.9.0.0/24", "10.9.0.5", None), Ok(()), "a subnet that is gone");
    assert_eq!(foreman.delete(SUBNET, "10.0.0.5", Some("gone")), Ok(()), "a group that is gone");
    let response = server.curl().delete(&format!("/ipam/subnet/{SUBNET}/10.0.0.200"));
    assert_eq!(response.status, 200, "to scripts too");
    assert_eq!(foreman.delete(SUBNET, "10.0.0.0", None), Ok(()), "the network address");
}

#[test]
fn an_address_is_added_once() {
    let server = server();
    let foreman = server.foreman();
    foreman.add(SUBNET, "10.0.0.9", None).expect("added");
    let text = foreman.add(SUBNET, "10.0.0.9", None).expect_err("an error");
    assert!(
        text.starts_with("IP address 10.0.0.9 is already reserved in External IPAM, in subnet 10.0.0.0/24"),
        "{text}"
    );
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(true));
}

#[test]
fn network_and_broadcast_addresses_cannot_be_added() {
    // B26.
    let server = Server::start(Seed::new().subnet(SUBNET).subnet("10.1.0.0/31"));
    let foreman = server.foreman();
    for address in ["10.0.0.0", "10.0.0.255"] {
        let text = foreman.add(SUBNET, address, None).expect_err(address);
        assert!(text.contains("cannot be given to a host"), "{text}");
        assert_eq!(foreman.ip_exists(SUBNET, address, None), Ok(false));
    }
    assert_eq!(foreman.add("10.1.0.0/31", "10.1.0.0", None), Ok(()));
    assert_eq!(foreman.add("10.1.0.0/31", "10.1.0.1", None), Ok(()));
}

#[test]
fn without_a_group_other_groups_are_left_alone() {
    // B15, B15b: the Ruby plugin deletes and sees the addresses of any VRF.
    let server = Server::start(Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", SUBNET));
    let foreman = server.foreman();
    foreman.add(SUBNET, "10.0.0.9", Some("blue")).expect("added");
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(false));
    assert_eq!(foreman.delete(SUBNET, "10.0.0.9", None), Ok(()));
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", Some("blue")), Ok(true));
    assert_eq!(foreman.add(SUBNET, "10.0.0.9", None), Ok(()));
    assert_eq!(foreman.delete(SUBNET, "10.0.0.9", Some("blue")), Ok(()));
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.9", None), Ok(true));
}

#[test]
fn a_subnet_that_only_a_group_has_takes_hosts_without_naming_it() {
    // B15c: the Ruby plugin adds to the global table, and is then offered the same taken address for ever.
    let server = Server::start(Seed::new().group("blue").subnet_in("blue", SUBNET));
    let foreman = server.foreman();
    let hosts: Vec<_> = (0..3).map(|_| foreman.create_host(SUBNET, None, None).expect("a host")).collect();
    assert_eq!(hosts, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    for address in &hosts {
        assert_eq!(foreman.ip_exists(SUBNET, address, Some("blue")), Ok(true), "{address}");
    }
}

#[test]
fn a_form_is_refused_because_its_group_could_mean_another_subnet() {
    let server = Server::start(Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", SUBNET));
    let target = format!("/ipam/subnet/{SUBNET}/10.0.0.60");
    for method in ["POST", "DELETE"] {
        for kind in [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-Urlencoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            "APPLICATION/X-WWW-FORM-URLENCODED ;charset=utf-8",
        ] {
            let form = || Request::new(method, &target).header("Content-Type", kind);
            let with_length = form().header("Content-Length", "10").body("group=blue");
            assert_eq!(server.curl().send(with_length).status, 400, "{method} {kind}");
            let in_chunks = form().header("Transfer-Encoding", "chunked").body("a\r\ngroup=blue\r\n0\r\n\r\n");
            assert_eq!(server.curl().send(in_chunks).status, 400, "{method} {kind}");
        }
    }
    assert_eq!(server.client().get(&target).answer(), (200, json!(false)));
}

#[test]
fn where_no_body_comes_there_is_no_form() {
    let server = Server::start(Seed::new().subnet(SUBNET));
    let target = format!("/ipam/subnet/{SUBNET}/10.0.0.60");
    for (method, status) in [("GET", 200), ("POST", 201), ("DELETE", 200)] {
        let announced = Request::new(method, &target).header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(server.curl().send(announced).status, status, "{method}");
    }
}

#[test]
fn any_other_body_of_a_write_is_ignored() {
    let server = Server::start(Seed::new().subnet(SUBNET).group("blue").subnet_in("blue", SUBNET));
    for (number, (kind, body)) in [
        ("application/json", "{\"group\": \"nosuch\"}"),
        ("application/json", "{nope"),
        ("text/html; charset=klingon", "<html>"),
        ("", "\u{0}\u{1}"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/ipam/subnet/{SUBNET}/10.0.0.{}?group=", number + 60);
        let length = body.len().to_string();
        let with_body = |method: &str| {
            Request::new(method, &target).header("Content-Type", kind).header("Content-Length", &length).body(body)
        };
        assert_eq!(server.client().send(with_body("POST")).status, 201, "{kind} {body}");
        assert_eq!(server.client().get(&target).answer(), (200, json!(true)), "{kind} {body}");
        assert_eq!(server.client().send(with_body("DELETE")).status, 200, "{kind} {body}");
        assert_eq!(server.client().get(&target).answer(), (200, json!(false)), "{kind} {body}");
    }
}

#[test]
fn the_mac_of_the_offer_stays_with_the_reservation() {
    let server = server();
    let foreman = server.foreman();
    let address = foreman.create_host(SUBNET, Some(&mac(7)), None).expect("a host");
    let holds = server.client().get("/ipam/holds").json();
    assert_eq!(holds["holds"][0]["address"], json!(address));
    assert_eq!(holds["holds"][0]["mac"], json!(mac(7)));
    assert_eq!(holds["holds"][0]["state"], json!("reserved"));
}

#[test]
fn a_host_of_its_own_mac_and_name_may_be_given() {
    let server = server();
    let client = server.curl();
    let added = client.post(&format!("/ipam/subnet/{SUBNET}/10.0.0.9?mac=02-00-00-00-00-09&hostname=web1.example.com"));
    assert_eq!(added.status, 201);
    for (query, text) in
        [("mac=zz", "Mac address is invalid"), ("hostname=a%20b", "Parameter hostname is not a host name")]
    {
        let refused = client.post(&format!("/ipam/subnet/{SUBNET}/10.0.0.10?{query}"));
        assert_eq!(refused.status, 400);
        assert!(refused.error().starts_with(text), "{}", refused.text());
    }
    assert_eq!(client.get(&format!("/ipam/subnet/{SUBNET}/10.0.0.10")).answer(), (200, json!(false)));
}

#[test]
fn a_subnet_that_somebody_has_just_created_is_found() {
    let server = Server::start(Seed::new());
    let foreman = server.foreman();
    assert_eq!(foreman.subnet(SUBNET, None), Ok(None));
    assert_eq!(foreman.group("blue"), Ok(None));
    server.change_ipam(Seed::new().subnet(SUBNET).group("blue"));
    assert!(foreman.subnet(SUBNET, None).expect("an answer").is_some());
    assert!(foreman.group("blue").expect("an answer").is_some());
}

#[test]
fn the_life_of_a_dual_stack_host() {
    let six = "2001:db8:1::/64";
    let server = Server::start(Seed::new().subnet(SUBNET).subnet(six));
    let foreman = server.foreman();
    let request = foreman.within_request("5e0e6a7c-0000-4000-8000-000000000001");
    let v4 = request.create_host(SUBNET, Some(&mac(1)), None).expect("an address");
    let v6 = request.create_host(six, Some(&mac(1)), None).expect("an address");
    assert_eq!((v4.as_str(), v6.as_str()), ("10.0.0.1", "2001:db8:1::1"));
    // The address is changed by hand: Foreman deletes the old one and adds the new one.
    assert_eq!(foreman.delete(SUBNET, &v4, None), Ok(()));
    assert_eq!(foreman.ip_exists(SUBNET, "10.0.0.77", None), Ok(false));
    assert_eq!(foreman.add(SUBNET, "10.0.0.77", None), Ok(()));
    // The host is deleted.
    assert_eq!(foreman.delete(SUBNET, "10.0.0.77", None), Ok(()));
    assert_eq!(foreman.delete(six, &v6, None), Ok(()));
    assert_eq!(foreman.ip_exists(six, &v6, None), Ok(false));
}
