//! The ledger as it grows.

use std::thread;

use serde_json::Value;

use super::{code, items, pause, seed};
use crate::support::{Builder, Client, Request, Server};

fn start() -> (Server, Client) {
    let server = Builder::new(seed()).with_api(&[]).start();
    let client = server.api(&server.token("follower", &["--role", "reader"]));
    (server, client)
}

fn add(server: &Server, numbers: std::ops::Range<u8>) {
    for number in numbers {
        let target = format!("/ipam/subnet/10.0.0.0/24/10.0.0.{number}");
        assert_eq!(server.client().post(&target).status, 201);
    }
}

fn addresses(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["address"].as_str().expect("an address").to_owned()).collect()
}

#[test]
fn a_caller_that_goes_on_where_it_was_misses_nothing() {
    let (server, client) = start();
    let (mut after, mut seen) = (0, Vec::new());
    for numbers in [1..4, 4..5, 5..9] {
        add(&server, numbers);
        loop {
            let response = client.get(&format!("/api/v1/events?after={after}&limit=2"));
            seen.extend(addresses(&items(&response)));
            let body = response.json();
            after = body["after"].as_i64().expect("a sequence");
            if body["is_end"] == true {
                break;
            }
        }
    }
    assert_eq!(seen, (1..9).map(|number| format!("10.0.0.{number}")).collect::<Vec<_>>());
    let again = client.get(&format!("/api/v1/events?after={after}")).json();
    assert_eq!((again["items"].as_array().map(Vec::len), again["after"].as_i64()), (Some(0), Some(after)));
}

/// Follows the ledger in a thread until the stream ends; what it was sent.
fn follow(client: &Client, last: Option<&str>) -> thread::JoinHandle<String> {
    let mut request = Request::new("GET", "/api/v1/events").header("Accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let client = client.clone();
    thread::spawn(move || {
        let response = client.send(request);
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        response.text().to_owned()
    })
}

/// The ids and the data of the events in a stream.
fn events(stream: &str) -> Vec<(String, Value)> {
    let blocks = stream.split("\n\n").filter(|block| block.starts_with("id: "));
    let event = |block: &str| {
        let lines: Vec<&str> = block.lines().collect();
        assert_eq!(lines[1], "event: entry");
        let data = lines[2].strip_prefix("data: ").expect("data");
        (lines[0].strip_prefix("id: ").expect("an id").to_owned(), serde_json::from_str(data).expect("JSON"))
    };
    blocks.map(event).collect()
}

#[test]
fn a_stream_has_every_entry_goes_on_and_ends_with_its_token() {
    let (server, client) = start();
    add(&server, 1..3);
    let stream = follow(&client, None);
    add(&server, 3..5);
    // Longer than a connection without a request may last.
    pause(12.0);
    add(&server, 5..6);
    pause(3.0);
    server.run(&["token", "revoke", "follower"]);
    let sent = events(&stream.join().expect("a stream"));
    let entries: Vec<Value> = sent.iter().map(|(_, entry)| entry.clone()).collect();
    assert_eq!(addresses(&entries), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
    for (id, entry) in &sent {
        assert_eq!(*id, entry["sequence"].to_string());
    }
    let client = server.api(&server.token("other", &["--role", "reader"]));
    let rest = follow(&client, Some(&sent[2].0));
    pause(1.0);
    // The end of the process ends it, and is not held up by it.
    let began = std::time::Instant::now();
    let server = server.restart();
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    let rest: Vec<Value> = events(&rest.join().expect("a stream")).into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(addresses(&rest), ["10.0.0.4", "10.0.0.5"]);
    drop(server);
}

#[test]
fn without_a_ledger_there_is_nothing_to_follow() {
    let server = Builder::new(seed()).ipam("ledger_days: 0").with_api(&[]).start();
    let client = server.api(&server.token("follower", &["--role", "reader"]));
    for target in ["/api/v1/events", "/api/v1/ledger"] {
        let response = client.get(target);
        assert_eq!((response.status, code(&response).as_str()), (501, "not_supported"), "{target}");
    }
}
