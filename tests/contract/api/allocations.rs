//! Addresses that are allocated in one call, once for each idempotency key; subnets that are created and deleted.

use std::fs;

use serde_json::{Value, json};

use super::{code, id_of, items};
use crate::support::{Builder, Client, Request, Response, Seed, Server, at_once, mac};

const SUBNET: &str = "10.0.0.0/24";
const SMALL: &str = "10.0.1.0/29";

pub(super) fn start() -> (Server, Client) {
    let seed = Seed::new().subnet(SUBNET).subnet(SMALL).group("blue").subnet_in("blue", "10.1.0.0/24");
    let server = Builder::new(seed).with_api(&[]).start();
    let client = server.api(&server.token("deploy", &["--role", "admin"]));
    (server, client)
}

/// A request with a body of JSON.
pub(super) fn with_json(method: &str, target: &str, body: &Value) -> Request {
    let body = body.to_string();
    let request = Request::new(method, target).header("Content-Type", "application/json");
    request.header("Content-Length", &body.len().to_string()).body(&body)
}

pub(super) fn post(client: &Client, target: &str, body: &Value) -> Response {
    client.send(with_json("POST", target, body))
}

fn with_key(client: &Client, key: &str, body: &Value) -> Response {
    client.send(with_json("POST", "/api/v1/allocations", body).header("Idempotency-Key", key))
}

fn addresses(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 201, "{}", response.text());
    let items = response.json()["items"].as_array().expect("items").clone();
    items.iter().map(|item| item["address"].as_str().expect("an address").to_owned()).collect()
}

#[test]
fn an_address_is_allocated_shown_and_released() {
    let (server, client) = start();
    let subnet = id_of(&client, SUBNET, None);
    let body = json!({
        "subnets": [subnet], "mac": mac(1), "hostname": "web.example.com", "owner": "port 17", "description": "of a test",
    });
    let response = post(&client, "/api/v1/allocations", &body);
    assert_eq!(addresses(&response), ["10.0.0.1"]);
    let [record] = &server.records(SUBNET)[..] else { panic!("one record") };
    assert_eq!(record.mac.map(|mac| mac.to_string()), Some(mac(1)));
    assert_eq!(
        (record.hostname.as_deref(), record.description.as_str()),
        (Some("web.example.com"), "port 17: of a test")
    );
    let id = response.json()["items"][0]["id"].as_str().expect("an id").to_owned();
    let own = format!("/api/v1/allocations/{id}");
    assert_eq!(client.get(&own).json()["mac"], json!(mac(1)));
    // Foreman is offered another one.
    assert_eq!(server.foreman().next_ip(SUBNET, Some(&mac(2)), None).as_deref(), Ok("10.0.0.2"));
    for _ in 0..2 {
        assert_eq!(client.delete(&own).status, 204);
    }
    assert_eq!(code(&client.get(&own)), "not_found");
    let ledger = items(&client.get("/api/v1/ledger?address=10.0.0.1"));
    let told: Vec<_> = ledger.iter().map(|entry| (entry["operation"].clone(), entry["outcome"].clone())).collect();
    let expected = [("add", "done"), ("delete", "done"), ("delete", "nothing")].map(|(a, b)| (json!(a), json!(b)));
    assert!(expected.iter().all(|entry| told.contains(entry)), "{told:?}");
    assert!(ledger.iter().all(|entry| entry["door"] == "api" && entry["caller"] == "token deploy"), "{ledger:?}");
}

#[test]
fn each_failure_has_its_code() {
    let (server, client) = start();
    let (subnet, small) = (id_of(&client, SUBNET, None), id_of(&client, SMALL, None));
    let refused = |body: Value| code(&post(&client, "/api/v1/allocations", &body));
    assert_eq!(refused(json!({"subnets": [small], "address": "10.0.0.7"})), "not_in_subnet");
    assert_eq!(refused(json!({"subnets": [small], "address": "10.0.1.0"})), "not_offerable");
    assert_eq!(refused(json!({"subnets": [small], "count": 7})), "exhausted");
    assert_eq!(server.records(SMALL).len(), 0, "all or none");
    let all = post(&client, "/api/v1/allocations", &json!({"subnets": [small], "count": 6, "strategy": "random"}));
    assert_eq!(addresses(&all).len(), 6);
    assert_eq!(refused(json!({"subnets": [small]})), "exhausted");
    assert_eq!(refused(json!({"subnets": [small], "address": "10.0.1.3"})), "in_use");
    // The next subnet has room.
    let next = post(&client, "/api/v1/allocations", &json!({"subnets": [small, subnet]}));
    assert_eq!(addresses(&next), ["10.0.0.1"]);
    let offered = server.foreman().next_ip(SUBNET, Some(&mac(1)), None).expect("an address");
    assert_eq!(refused(json!({"subnets": [subnet], "address": offered})), "in_use");
    for wrong in [
        json!({"subnets": []}),
        json!({"subnets": ["x"]}),
        json!({"subnets": [subnet], "count": 0}),
        json!({"subnets": [subnet], "count": 257}),
        json!({"subnets": [subnet], "strategy": "best"}),
        json!({"subnets": [subnet], "address": "10.0.0.9", "strategy": "lowest"}),
        json!({"subnets": [subnet], "address": "10.0.0.9", "count": 2}),
        json!({"subnets": [subnet], "mac": "x"}),
        json!({"subnets": [subnet], "hostname": "a b"}),
        json!({"subnets": [subnet], "description": "a\u{7}b"}),
        json!({"subnets": [subnet], "colour": "blue"}),
    ] {
        assert_eq!(refused(wrong.clone()), "invalid", "{wrong}");
    }
    let limited = server.api(&server.token("blue", &["--role", "operator", "--group", "blue"]));
    assert_eq!(code(&post(&limited, "/api/v1/allocations", &json!({"subnets": [subnet]}))), "forbidden");
}

#[test]
fn a_key_is_one_allocation_in_parallel_and_after_a_restart() {
    let (server, client) = start();
    let body = json!({"subnets": [id_of(&client, SUBNET, None)], "count": 2});
    let given = at_once(16, |_| addresses(&with_key(&client, "port-1", &body)));
    assert!(given.iter().all(|addresses| *addresses == given[0]), "{given:?}");
    assert_eq!(server.records(SUBNET).len(), 2);
    let again = with_key(&client, "port-1", &body);
    assert_eq!((again.header("idempotent-replayed"), addresses(&again)), (Some("true"), given[0].clone()));
    let other = json!({"subnets": body["subnets"], "count": 1});
    let reused = with_key(&client, "port-1", &other);
    assert_eq!((reused.status, code(&reused).as_str()), (422, "key_reused"));
    assert_eq!(code(&with_key(&client, "a\tb", &body)), "invalid");
    // The keys of two callers are different ones.
    let second = server.api(&server.token("second", &["--role", "operator"]));
    assert_ne!(addresses(&with_key(&second, "port-1", &body)), given[0]);

    let token = server.token("third", &["--role", "operator"]);
    let before = addresses(&with_key(&server.api(&token), "port-2", &body));
    let server = server.restart();
    assert_eq!(addresses(&with_key(&server.api(&token), "port-2", &body)), before);
    assert_eq!(server.records(SUBNET).len(), 6);
}

#[test]
fn a_request_that_failed_can_be_sent_again_with_its_key() {
    let (server, client) = start();
    let body = json!({"subnets": [id_of(&client, SMALL, None)], "count": 6});
    let first = addresses(&with_key(&client, "all", &body));
    assert_eq!(code(&with_key(&client, "more", &body)), "exhausted");
    let own = post(&client, "/api/v1/allocations?dry_run=true", &json!({"subnets": body["subnets"]}));
    assert_eq!(code(&own), "exhausted");
    for address in &first {
        server.foreman().delete(SMALL, address, None).expect("deleted");
    }
    assert_eq!(addresses(&with_key(&client, "more", &body)).len(), 6);
}

#[test]
fn a_dry_run_changes_nothing() {
    let (server, client) = start();
    let subnet = id_of(&client, SUBNET, None);
    post(&client, "/api/v1/allocations", &json!({"subnets": [subnet]}));
    let state = || {
        let names = ["ipam.sqlite", "ipam.sqlite-wal"];
        names.map(|name| fs::read(server.state(name)).unwrap_or_default())
    };
    let seen = |path: &str| items(&client.get(path));
    let before = (state(), seen("/api/v1/holds"), seen("/api/v1/ledger"));
    for body in [
        json!({"subnets": [subnet]}),
        json!({"subnets": [subnet], "strategy": "random", "count": 5}),
        json!({"subnets": [subnet], "address": "10.0.0.77"}),
    ] {
        let request = with_json("POST", "/api/v1/allocations?dry_run=true", &body).header("Idempotency-Key", "dry");
        let response = client.send(request);
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(
            response.json()["items"].as_array().map(Vec::len),
            Some(body["count"].as_u64().unwrap_or(1) as usize)
        );
    }
    assert_eq!(
        code(&post(&client, "/api/v1/allocations?dry_run=true", &json!({"subnets": [subnet], "address": "10.0.0.1"}))),
        "in_use"
    );
    let after = (state(), seen("/api/v1/holds"), seen("/api/v1/ledger"));
    assert!(before.0 == after.0, "the store has changed");
    assert_eq!((before.1, before.2), (after.1, after.2));
}

#[test]
fn subnets_are_created_and_deleted() {
    let (server, client) = start();
    let new = json!({"prefix": "10.9.0.0/24", "group": "blue", "description": "New"});
    let created = post(&client, "/api/v1/subnets", &new);
    assert_eq!((created.status, &created.json()["description"]), (201, &json!("New")), "{}", created.text());
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(id_of(&client, "10.9.0.0/24", Some("blue")), id);
    assert_eq!(code(&post(&client, "/api/v1/subnets", &new)), "conflict");
    let refused = |body: Value| code(&post(&client, "/api/v1/subnets", &body));
    assert_eq!(refused(json!({"prefix": "10.9.0.0/25", "group": "blue"})), "overlap");
    assert_eq!(refused(json!({"prefix": "10.9.0.0/24", "group": "green"})), "not_found");
    assert_eq!(refused(json!({"prefix": "10.9.0.1/24"})), "invalid");
    assert_eq!(addresses(&post(&client, "/api/v1/allocations", &json!({"subnets": [id]}))), ["10.9.0.1"]);
    let own = format!("/api/v1/subnets/{id}");
    assert_eq!(code(&client.delete(&own)), "in_use");
    assert_eq!(client.delete(&format!("{own}?with_addresses=true")).status, 204);
    assert_eq!(client.delete(&own).status, 204, "it is deleted already");
    assert_eq!(code(&client.get(&own)), "not_found");
    let operator = server.api(&server.token("operator", &["--role", "operator"]));
    assert_eq!(code(&post(&operator, "/api/v1/subnets", &new)), "forbidden");
    let limited = server.api(&server.token("red", &["--role", "admin", "--group", "red"]));
    assert_eq!(code(&post(&limited, "/api/v1/subnets", &new)), "forbidden");
}

#[test]
fn mac_and_host_name_of_a_record_are_changed() {
    let (server, client) = start();
    let subnet = id_of(&client, SUBNET, None);
    addresses(&post(&client, "/api/v1/allocations", &json!({"subnets": [subnet], "mac": mac(1)})));
    let path = |address: &str| format!("/api/v1/subnets/{subnet}/addresses/{address}");
    let note = json!({"hostname": "db.example.com"});
    assert_eq!(client.send(with_json("PATCH", &path("10.0.0.1"), &note)).status, 204);
    let [record] = &server.records(SUBNET)[..] else { panic!("one record") };
    assert_eq!(
        (record.hostname.as_deref(), record.mac.map(|mac| mac.to_string())),
        (Some("db.example.com"), Some(mac(1)))
    );
    assert_eq!(code(&client.send(with_json("PATCH", &path("10.0.0.9"), &note))), "not_found");
    server.change_ipam(Seed::new().reserved(None, SUBNET, ["10.0.0.9"]));
    assert_eq!(code(&client.send(with_json("PATCH", &path("10.0.0.9"), &note))), "conflict");
    let limited = server.api(&server.token("blue", &["--role", "operator", "--group", "blue"]));
    assert_eq!(code(&limited.send(with_json("PATCH", &path("10.0.0.1"), &note))), "forbidden");
}
