//! What only the embedded IPAM has: groups, excluded ranges, tags and metadata, with entity tags.

use serde_json::{Value, json};

use super::allocations::{post, start, with_json};
use super::{code, id_of};
use crate::support::{Client, Response};

fn put(client: &Client, target: &str, body: &Value) -> Response {
    client.send(with_json("PUT", target, body))
}

fn patch(client: &Client, target: &str, body: &Value) -> Response {
    client.send(with_json("PATCH", target, body))
}

#[test]
fn a_group_is_created_changed_and_deleted() {
    let (server, client) = start();
    let group = "/api/v1/groups/Lab%20%26%20Test";
    let created = put(&client, group, &json!({"description": "Racks 1 to 3", "extras": {"tags": ["lab"]}}));
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.json()["extras"]["owner"], "token deploy");
    assert_eq!(code(&put(&client, group, &json!({}))), "conflict");
    let tag = client.get(group).header("etag").expect("a tag").to_owned();
    let edit = || with_json("PATCH", group, &json!({"description": "Racks", "extras": {"metadata": {"floor": 2}}}));
    let edited = client.send(edit().header("If-Match", &tag));
    assert_eq!((edited.status, &edited.json()["extras"]["metadata"]), (200, &json!({"floor": 2})), "{}", edited.text());
    assert_eq!(edited.json()["extras"]["tags"], json!(["lab"]), "what is not given stays");
    let stale = client.send(edit().header("If-Match", &tag));
    assert_eq!((stale.status, code(&stale).as_str()), (412, "precondition_failed"));
    let subnet = post(&client, "/api/v1/subnets", &json!({"prefix": "10.7.0.0/24", "group": "Lab & Test"}));
    assert_eq!(subnet.status, 201, "{}", subnet.text());
    assert_eq!(code(&client.delete(group)), "in_use");
    assert_eq!(client.delete(&format!("{group}?with_subnets=true")).status, 204);
    assert_eq!(client.delete(group).status, 204, "it is deleted already");
    assert_eq!(code(&client.get(group)), "not_found");
    let operator = server.api(&server.token("operator", &["--role", "operator"]));
    assert_eq!(code(&put(&operator, group, &json!({}))), "forbidden");
    let limited = server.api(&server.token("blue", &["--role", "admin", "--group", "blue"]));
    assert_eq!(code(&put(&limited, group, &json!({}))), "forbidden");
}

#[test]
fn a_gateway_and_excluded_ranges_are_not_offered() {
    let (server, client) = start();
    let subnet = id_of(&client, "10.0.1.0/29", None);
    let details = format!("/api/v1/subnets/{subnet}/details");
    // A batch of candidates from before is not used.
    assert_eq!(server.foreman().next_ip("10.0.1.0/29", None, None).as_deref(), Ok("10.0.1.1"));
    let edited = patch(&client, &details, &json!({"gateway": "10.0.1.2", "extras": {"tags": ["a", "b"]}}));
    assert_eq!((edited.status, &edited.json()["gateway"]), (200, &json!("10.0.1.2")), "{}", edited.text());
    let range = |first, last| format!("/api/v1/subnets/{subnet}/ranges/{first}/{last}");
    assert_eq!(put(&client, &range("10.0.1.3", "10.0.1.5"), &json!({"comment": "DHCP"})).status, 204);
    assert_eq!(code(&put(&client, &range("10.0.1.5", "10.0.1.6"), &json!({}))), "overlap");
    assert_eq!(code(&put(&client, &range("10.0.1.6", "10.0.1.9"), &json!({}))), "not_in_subnet");
    let allocated = post(&client, "/api/v1/allocations", &json!({"subnets": [subnet]}));
    assert_eq!(allocated.json()["items"][0]["address"], "10.0.1.6", "{}", allocated.text());
    let ranges = client.get(&format!("/api/v1/subnets/{subnet}/ranges")).json();
    assert_eq!(ranges["items"], json!([{"first": "10.0.1.3", "last": "10.0.1.5", "comment": "DHCP"}]));
    for _ in 0..2 {
        assert_eq!(client.delete(&range("10.0.1.3", "10.0.1.5")).status, 204);
    }
    assert_eq!(patch(&client, &details, &json!({"gateway": null})).json()["gateway"], Value::Null);
    assert_eq!(code(&patch(&client, &details, &json!({"gateway": "x"}))), "invalid");
}

#[test]
fn a_record_has_tags_and_metadata() {
    let (_server, client) = start();
    let subnet = id_of(&client, "10.0.0.0/24", None);
    post(&client, "/api/v1/allocations", &json!({"subnets": [subnet], "hostname": "web.example.com"}));
    let details = format!("/api/v1/subnets/{subnet}/addresses/10.0.0.1/details");
    let change = json!({"hostname": null, "description": "In rack 7", "extras": {"metadata": {"port": 4}, "external_id": "4711"}});
    let edited = patch(&client, &details, &change);
    assert_eq!(edited.status, 200, "{}", edited.text());
    let record = client.get(&details);
    assert_eq!(record.header("etag"), edited.header("etag"));
    let record = record.json();
    assert_eq!((&record["hostname"], &record["description"]), (&Value::Null, &json!("In rack 7")));
    assert_eq!(
        (&record["extras"]["metadata"], &record["extras"]["external_id"]),
        (&json!({"port": 4}), &json!("4711"))
    );
    assert_eq!(code(&patch(&client, &details, &json!({"extras": {"tags": ["a\u{7}"]}}))), "invalid");
    let other = format!("/api/v1/subnets/{subnet}/addresses/10.0.0.9/details");
    assert_eq!(code(&patch(&client, &other, &json!({}))), "not_found");
}
