//! Plans over the management API: prefixes that are allocated together.

use serde_json::{Value, json};

use super::allocations::{post, start, with_json};
use super::{code, column};
use crate::support::{Client, Response, at_once};

const PLANS: &str = "/api/v1/plans";

fn patch(client: &Client, target: &str, body: &Value) -> Response {
    client.send(with_json("PATCH", target, body))
}

fn new_plan(group: &str) -> Value {
    json!({
        "group": group, "name": "clusters", "shortest": 24, "longest": 28, "labels": {"environment": ["dev", "prod"]},
        "pools": [
            {"name": "primary", "prefix": "10.128.0.0/22"},
            {"name": "cgnat", "prefix": "100.64.0.0/17", "shift": -5},
        ],
    })
}

/// A plan in the group blue; its path.
fn added(client: &Client) -> String {
    let plan = post(client, PLANS, &new_plan("blue"));
    assert_eq!(plan.status, 201, "{}", plan.text());
    format!("{PLANS}/{}", plan.json()["id"].as_str().expect("an id"))
}

fn own(response: &Response) -> String {
    assert_eq!(response.status, 201, "{}", response.text());
    format!("/api/v1/plan-allocations/{}", response.json()["id"].as_str().expect("an id"))
}

#[test]
fn prefixes_are_allocated_moved_and_released() {
    let (_server, client) = start();
    let plan = added(&client);
    let allocations = format!("{plan}/allocations");
    assert_eq!(code(&post(&client, PLANS, &new_plan("blue"))), "conflict");
    let calculated = client.get(&format!("{plan}/calculation?hosts=200")).json();
    assert_eq!(calculated["prefixes"][1]["length"], 19, "{calculated}");
    let body = json!({"hosts": 200, "labels": {"environment": "prod"}, "subnet": "primary", "extras": {"owner": "Production"}});
    let dry = post(&client, &format!("{allocations}?dry_run=true"), &body);
    assert_eq!((dry.status, &dry.json()["prefixes"][0]["prefix"]), (200, &json!("10.128.0.0/24")), "{}", dry.text());
    assert_eq!(client.get(&plan).json()["usage"]["allocations"], 0, "nothing is done");
    let first = post(&client, &allocations, &body);
    let id = own(&first);
    assert_eq!(first.json()["prefixes"][1]["prefix"], "100.64.0.0/19");
    let subnet = format!("/api/v1/subnets/{}", first.json()["subnet"].as_str().expect("a subnet"));
    assert_eq!(client.get(&subnet).json()["prefix"], "10.128.0.0/24");
    assert_eq!(code(&client.delete(&id)), "in_use", "a subnet is in it");
    assert_eq!(code(&client.delete(&plan)), "in_use");
    let tag = client.get(&id).header("etag").expect("a tag").to_owned();
    let moved = patch(&client, &id, &json!({"extras": {"owner": "staging", "tags": ["a"]}}));
    assert_eq!((moved.status, &moved.json()["extras"]["owner"]), (200, &json!("staging")), "{}", moved.text());
    let stale = client.send(with_json("PATCH", &id, &json!({})).header("If-Match", &tag));
    assert_eq!(code(&stale), "precondition_failed");
    own(&post(&client, &allocations, &json!({"length": 24})));
    assert_eq!(column(&client.get(&format!("{allocations}?owner=STAGING")), "description").len(), 1);
    let page = client.get(&format!("{allocations}?limit=1")).json();
    let cursor = page["next_cursor"].as_str().expect("another page").to_owned();
    assert_eq!(client.get(&format!("{allocations}?limit=1&cursor={cursor}")).json()["next_cursor"], Value::Null);
    // A pool shrinks around what is allocated, and no further.
    let shrunk = |prefix| json!({"pools": [{"name": "primary", "prefix": prefix}]});
    assert_eq!(code(&patch(&client, &plan, &shrunk("10.128.0.0/24"))), "in_use");
    assert_eq!(patch(&client, &plan, &shrunk("10.128.0.0/23")).status, 200);
    assert_eq!(code(&post(&client, &allocations, &json!({"length": 28}))), "exhausted");
    assert_eq!(client.delete(&subnet).status, 204);
    for _ in 0..2 {
        assert_eq!(client.delete(&id).status, 204);
    }
    assert_eq!(code(&client.get(&id)), "not_found");
    for _ in 0..2 {
        assert_eq!(client.delete(&format!("{plan}?with_allocations=true")).status, 204);
    }
    assert_eq!(code(&client.get(&plan)), "not_found");
}

#[test]
fn a_key_allocates_once() {
    let (_server, client) = start();
    let plan = added(&client);
    let allocate = |length: u8| {
        let request = with_json("POST", &format!("{plan}/allocations"), &json!({"length": length}));
        client.send(request.header("Idempotency-Key", "one"))
    };
    let answers = at_once(8, |_| own(&allocate(26)));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(own(&allocate(26)), answers[0]);
    assert_eq!(code(&allocate(27)), "key_reused");
    assert_eq!(client.get(&plan).json()["usage"]["allocations"], 1);
}

#[test]
fn each_role_does_its_own() {
    let (server, client) = start();
    let plan = added(&client);
    let allocations = format!("{plan}/allocations");
    let reader = server.api(&server.token("reader", &["--role", "reader"]));
    let operator = server.api(&server.token("operator", &["--role", "operator"]));
    let others = server.api(&server.token("others", &["--role", "admin", "--group", "red"]));
    assert_eq!(column(&reader.get(&format!("{PLANS}?group=blue")), "name"), ["clusters"]);
    assert_eq!(code(&post(&reader, &allocations, &json!({"length": 24}))), "forbidden");
    let id = own(&post(&operator, &allocations, &json!({"length": 24})));
    assert_eq!(code(&patch(&operator, &plan, &json!({}))), "forbidden");
    assert_eq!(code(&operator.delete(&plan)), "forbidden");
    assert_eq!(code(&reader.delete(&id)), "forbidden");
    assert_eq!(column(&others.get(PLANS), "name").len(), 0);
    assert_eq!(code(&others.get(&plan)), "not_found");
    assert_eq!(code(&others.get(&id)), "not_found");
    assert_eq!(code(&post(&others, PLANS, &new_plan("blue"))), "forbidden");
    assert_eq!(others.delete(&id).status, 204, "as of one that is not there");
    assert_eq!(reader.get(&id).status, 200, "it is there still");
}

#[test]
fn wrong_input_is_refused() {
    let (_server, client) = start();
    let plan = added(&client);
    let allocations = format!("{plan}/allocations");
    for (body, expected) in [
        (json!({}), "invalid"),
        (json!({"hosts": 1, "length": 24}), "invalid"),
        (json!({"length": 23}), "invalid"),
        (json!({"hosts": 0}), "invalid"),
        (json!({"hosts": u64::MAX}), "invalid"),
        (json!({"hosts": -1}), "invalid"),
        (json!({"length": 24, "vpc": "x"}), "invalid"),
        (json!({"length": 24, "labels": {"environment": "x"}}), "invalid"),
        (json!({"length": 24, "subnet": "none"}), "not_found"),
        (json!({"length": 24, "extras": {"metadata": {"a": "x".repeat(1 << 20)}}}), "too_large"),
    ] {
        assert_eq!(
            code(&post(&client, &allocations, &body)),
            expected,
            "{}",
            &body.to_string()[..body.to_string().len().min(80)]
        );
    }
    assert_eq!(client.get(&plan).json()["usage"]["allocations"], 0);
    let mut other = new_plan("blue");
    other["name"] = json!("x".repeat(10_000));
    assert_eq!(code(&post(&client, PLANS, &other)), "invalid");
    other["name"] = json!("other");
    assert_eq!(code(&post(&client, PLANS, &other)), "overlap");
    assert_eq!(code(&client.get(&format!("{PLANS}/x"))), "invalid");
    assert_eq!(code(&client.get(&format!("{plan}/calculation"))), "invalid");
}
