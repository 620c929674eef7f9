//! Answers in the shapes that every Foreman from 2.3 on can read, to Foreman and to others alike, and the older ones.

use serde_json::{Value, json};

use crate::support::{Builder, Client, Response, Seed, Server};

const SUBNET: &str = "/ipam/subnet/10.0.0.0/24";

fn seed() -> Seed {
    Seed::new()
        .described_subnet(None, "10.0.0.0/24", "servers")
        .described_group("Customers", "all of them")
        .described_subnet(Some("Customers"), "10.1.0.0/24", "racks 1 to 7")
        .reserved(None, "10.0.0.0/24", ["10.0.0.1"])
}

/// Runs a test as Foreman and as curl, with every style of errors: answers that are no errors are the same for all.
fn to_everybody(test: impl Fn(&Client)) {
    for style in ["auto", "foreman", "http"] {
        for as_client in [Server::client, Server::curl] {
            let server = Builder::new(seed()).ipam(format!("error_style: {style}")).start();
            test(&as_client(&server));
        }
    }
}

fn is_json(response: &Response) {
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("content-encoding"), None);
}

fn id(body: &Value) -> &Value {
    let id = &body["id"];
    assert!(id.is_u64(), "{body}");
    id
}

#[test]
fn next_ip_is_an_object_with_the_address_as_text() {
    to_everybody(|client| {
        let response = client.get(&format!("{SUBNET}/next_ip?mac=02%3A00%3A00%3A00%3A00%3A01&group="));
        assert_eq!(response.answer(), (200, json!({"data": "10.0.0.2"})));
        is_json(&response);
    });
}

#[test]
fn a_subnet_is_an_object_with_network_and_length_as_texts() {
    to_everybody(|client| {
        let response = client.get(&format!("{SUBNET}?group="));
        let body = response.json();
        let expected = json!({"id": id(&body), "subnet": "10.0.0.0", "mask": "24", "description": "servers"});
        assert_eq!(response.answer(), (200, expected));
        is_json(&response);
    });
}

#[test]
fn groups_are_a_list_and_a_group_is_an_object() {
    to_everybody(|client| {
        let response = client.get("/ipam/groups/Customers");
        let body = response.json();
        let expected = json!({"id": id(&body), "name": "Customers", "description": "all of them"});
        assert_eq!(response.answer(), (200, expected.clone()));
        is_json(&response);
        assert_eq!(client.get("/ipam/groups").answer(), (200, json!([expected])));
    });
}

#[test]
fn subnets_of_a_group_are_a_list() {
    to_everybody(|client| {
        let response = client.get("/ipam/groups/Customers/subnets");
        let body = response.json();
        let subnet = json!({"id": id(&body[0]), "subnet": "10.1.0.0", "mask": "24", "description": "racks 1 to 7"});
        assert_eq!(response.answer(), (200, json!([subnet])));
        is_json(&response);
        assert_eq!(client.get("/ipam/group/Customers/subnet/10.1.0.0/24").answer(), (200, subnet));
    });
}

#[test]
fn no_groups_are_an_empty_list() {
    let server = Server::start(Seed::new());
    assert_eq!(server.client().get("/ipam/groups").answer(), (200, json!([])));
}

#[test]
fn existence_is_a_bare_true_or_false() {
    // An object would read as "taken" in Foreman 2.3 to 3.2.
    to_everybody(|client| {
        let taken = client.get(&format!("{SUBNET}/10.0.0.1?group="));
        assert_eq!((taken.status, taken.text()), (200, "true"));
        let free = client.get(&format!("{SUBNET}/10.0.0.2?group="));
        assert_eq!((free.status, free.text()), (200, "false"));
        is_json(&taken);
        is_json(&free);
    });
}

#[test]
fn writes_are_answered_with_an_object_that_is_no_error() {
    // Foreman 2.1 and 2.2 fail on an empty body, all of them on false and null.
    to_everybody(|client| {
        let added = client.post(&format!("{SUBNET}/10.0.0.9?group="));
        assert_eq!(added.status, 201);
        let deleted = client.delete(&format!("{SUBNET}/10.0.0.9?group="));
        assert_eq!(deleted.status, 200);
        let again = client.delete(&format!("{SUBNET}/10.0.0.9?group="));
        assert_eq!(again.status, 200);
        for response in [added, deleted, again] {
            is_json(&response);
            let body = response.json();
            let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["message"]);
            assert!(body["message"].as_str().expect("text").contains("10.0.0.9"), "{body}");
        }
    });
}

#[test]
fn holds_are_listed_with_all_that_is_known_of_them() {
    to_everybody(|client| {
        client.get(&format!("{SUBNET}/next_ip?mac=02:00:00:00:00:01"));
        client.get("/ipam/subnet/10.1.0.0/24/next_ip?group=Customers");
        let response = client.get("/ipam/holds");
        is_json(&response);
        let body = response.json();
        let holds = body["holds"].as_array().expect("a list");
        let view = |hold: &Value| {
            let keys: Vec<String> = hold.as_object().expect("an object").keys().cloned().collect();
            assert_eq!(keys, ["address", "group", "mac", "prefix", "provider", "since", "space", "state", "until"]);
            for time in ["since", "until"] {
                let text = hold[time].as_str().expect("a time");
                assert!(text.ends_with('Z') && text.contains('T'), "{text} is not in UTC");
            }
            ["provider", "group", "prefix", "address", "state", "mac"].map(|key| hold[key].clone())
        };
        assert_eq!(holds.len(), 2);
        assert!(holds.iter().map(view).any(|hold| {
            let mac = json!("02:00:00:00:00:01");
            hold == [json!("internal"), Value::Null, json!("10.0.0.0/24"), json!("10.0.0.2"), json!("offered"), mac]
        }));
        assert!(holds.iter().map(view).any(|hold| {
            let group = json!("Customers");
            hold == [json!("internal"), group, json!("10.1.0.0/24"), json!("10.1.0.1"), json!("offered"), Value::Null]
        }));
    });
}

#[test]
fn foreman_2_1_is_told_of_existence_in_its_own_words() {
    // It looks for the name of Ruby's class of answers in a text.
    let server = Builder::new(seed()).ipam("legacy: foreman-2.1").start();
    let text = |address: &str| {
        let response = server.client().get(&format!("{SUBNET}/{address}?group="));
        assert_eq!(response.status, 200);
        response.json().as_str().expect("a JSON text").to_owned()
    };
    assert!(text("10.0.0.1").contains("Net::HTTPFound"));
    assert!(!text("10.0.0.2").contains("Net::HTTPFound"));
}

#[test]
fn foreman_2_1_is_served_the_rest_as_all_others() {
    let server = Builder::new(seed()).ipam("legacy: foreman-2.1").start();
    let client = server.client();
    assert_eq!(client.get(&format!("{SUBNET}/next_ip?mac=&group=")).answer(), (200, json!({"data": "10.0.0.2"})));
    assert!(client.post(&format!("{SUBNET}/10.0.0.2?group=")).json()["message"].is_string());
    assert!(client.delete(&format!("{SUBNET}/10.0.0.2?group=")).json()["message"].is_string());
    assert_eq!(client.get("/ipam/group/Customers/subnet/10.1.0.0/24").json()["mask"], json!("24"));
}

#[test]
fn containers_are_not_listed_as_subnets_of_hosts_nor_offer_addresses() {
    // B32: the Ruby plugin lists phpIPAM's folders, with a mask of null.
    let server = Server::start(Seed::new().container("10.8.0.0/16").subnet("10.8.1.0/24"));
    let foreman = server.foreman();
    let text = foreman.next_ip("10.8.0.0/16", None, None).expect_err("an error");
    assert!(text.contains("10.8.0.0/16"), "{text}");
    assert_eq!(foreman.next_ip("10.8.1.0/24", None, None).as_deref(), Ok("10.8.1.1"));
}
