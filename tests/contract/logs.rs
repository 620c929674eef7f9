//! The log as Foreman shows it on the proxy's page, and as it stands in the log itself.

use serde_json::{Value, json};

use crate::support::{Builder, Request, Seed, Server};

const SUBNET: &str = "10.0.0.0/24";

fn server() -> Server {
    Server::start(Seed::new().subnet(SUBNET))
}

fn entries(server: &Server, query: &str) -> Vec<Value> {
    let response = server.client().get(&format!("/logs/{query}"));
    assert_eq!(response.status, 200);
    response.json()["logs"].as_array().expect("a list").clone()
}

fn is_about(entry: &Value, text: &str) -> bool {
    entry["message"].as_str().expect("text").contains(text)
}

#[test]
fn logs_are_served_with_and_without_a_trailing_slash() {
    let server = server();
    for target in ["/logs/", "/logs", "/logs/?from_timestamp=0", "/logs/?from_timestamp=1795196948.692935"] {
        let response = server.client().get(target);
        assert_eq!(response.status, 200, "{target}");
        assert!(response.json()["logs"].is_array(), "{target}");
    }
}

#[test]
fn the_info_has_what_foreman_fetches() {
    let info = server().client().get("/logs/?from_timestamp=0").json()["info"].clone();
    // Foreman fails on a missing failed_modules.
    assert_eq!(info, json!({"size": 2000, "tail_size": 1000, "level": null, "level_tail": 2, "failed_modules": {}}));
}

#[test]
fn an_entry_has_time_level_message_and_request() {
    let server = server();
    server.client().within_request("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9").get("/ipam/subnet/10.0.0.0/24");
    let entries = entries(&server, "");
    let entry = entries.iter().find(|entry| is_about(entry, "Started GET /ipam/subnet/10.0.0.0/24"));
    let entry = entry.expect("the request is logged");
    assert!(entry["timestamp"].as_f64().expect("a number") > 1.7e9, "{entry}");
    assert_eq!((&entry["level"], &entry["request_id"]), (&json!("INFO"), &json!("0a1b2c3d")));
    for entry in &entries {
        let level = entry["level"].as_str().expect("text");
        assert!(["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "UNKNOWN"].contains(&level), "{entry}");
    }
}

#[test]
fn entries_are_in_order_and_begin_where_foreman_wants() {
    let server = server();
    let client = server.client();
    for number in 0..5 {
        client.get(&format!("/ipam/groups/nosuch{number}"));
    }
    let all = entries(&server, "?from_timestamp=0");
    let times: Vec<f64> = all.iter().map(|entry| entry["timestamp"].as_f64().expect("a number")).collect();
    assert!(times.is_sorted(), "{times:?}");
    let third = all.iter().find(|entry| is_about(entry, "Started GET /ipam/groups/nosuch3")).expect("logged");
    let later = entries(&server, &format!("?from_timestamp={}", third["timestamp"]));
    assert!(later.iter().any(|entry| is_about(entry, "nosuch3")));
    assert!(later.iter().all(|entry| !is_about(entry, "Started GET /ipam/groups/nosuch2")));
    assert!(entries(&server, "?from_timestamp=99999999999").is_empty());
}

#[test]
fn a_time_that_is_none_is_refused_in_json() {
    let response = server().curl().get("/logs/?from_timestamp=yesterday");
    assert_eq!(response.status, 400);
    assert!(response.error().contains("from_timestamp"));
}

#[test]
fn lines_have_the_form_of_foremans_proxy() {
    let server = server();
    let client = server.client().like_curl();
    let with_id = Request::new("GET", "/ipam/subnet/10.9.0.0/24?group=").header("X-Request-Id", "0a1b2c3d-4e5f-6071");
    client.send(with_id);
    let started = server.log().line_with("Started GET /ipam/subnet/10.9.0.0/24 group=").expect("logged");
    assert_eq!(head(&started), ("0a1b2c3d".to_owned(), 'I'));
    let finished = server.log().line_with("Finished GET /ipam/subnet/10.9.0.0/24 with 404 (").expect("logged");
    assert_eq!(head(&finished), ("0a1b2c3d".to_owned(), 'I'));
    let milliseconds = finished.split_once("with 404 (").expect("a time").1.strip_suffix(" ms)").expect("a unit");
    let (whole, fraction) = milliseconds.split_once('.').expect("a fraction");
    assert!(whole.parse::<u32>().is_ok() && fraction.len() == 2 && fraction.parse::<u32>().is_ok(), "{finished}");

    client.get("/ipam/groups/without-id");
    let started = server.log().line_with("Started GET /ipam/groups/without-id").expect("logged");
    let (id, _) = head(&started);
    assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{started}");
}

/// Request id and level of a line such as `2026-11-20T17:49:08 0a1b2c3d [I] message`.
fn head(line: &str) -> (String, char) {
    let mut words = line.splitn(4, ' ');
    let time: Vec<char> = words.next().expect("a time").chars().collect();
    assert_eq!(time.len(), "2026-11-20T17:49:08".len(), "{line}");
    for (sample, own) in "0000-00-00T00:00:00".chars().zip(time) {
        assert!(if sample == '0' { own.is_ascii_digit() } else { own == sample }, "{line}");
    }
    let id = words.next().expect("an id").to_owned();
    let level: Vec<char> = words.next().expect("a level").chars().collect();
    assert!(level.len() == 3 && level[0] == '[' && level[2] == ']', "{line}");
    (id, level[1])
}

#[test]
fn a_failed_call_is_told_once_with_its_request() {
    let server = server();
    server.client().within_request("deadbeef-0000").get("/ipam/subnet/10.9.0.0/24");
    let all = entries(&server, "");
    let about: Vec<&Value> = all.iter().filter(|entry| is_about(entry, "Subnet not found")).collect();
    assert_eq!(about.len(), 1, "{about:?}");
    assert_eq!((&about[0]["request_id"], &about[0]["level"]), (&json!("deadbeef"), &json!("WARN")));
}

#[test]
fn a_caller_cannot_forge_a_line() {
    let server = server();
    server.client().get("/ipam/groups/x%0a2026-11-20T17:49:08%20deadbeef%20[E]%20forged");
    let forged = Request::new("GET", "/ipam/groups/y").header("X-Request-Id", "a b\u{1b}[31mforged");
    // A refused request is as good as an escaped one.
    let _ = server.client().try_send(forged);
    server.client().get("/ipam/groups/last");
    server.log().line_with("Finished GET /ipam/groups/last").expect("logged");
    for line in server.log().lines() {
        assert!(!line.starts_with("2026-11-20T17:49:08 deadbeef"), "{line}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}

#[test]
fn at_level_debug_the_log_names_who_calls() {
    let server = Builder::new(Seed::new().subnet(SUBNET)).global("log_level: DEBUG").start();
    server.client().within_request("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9").get("/ipam/groups");
    let line = server.log().line_with("The caller is ").expect("logged");
    let expected = "The caller is certificate foreman.example.com at the door foreman, with the rights of Foreman";
    assert!(line.contains("0a1b2c3d") && line.ends_with(expected), "{line}");
}
