//! What infoblox-client 0.6.2 sends, asked of the simulated grid. The answers beside the requests are no real grid's, so
//! that they show what the library can read and no more: the status, and keys with their types.

use std::fs;
use std::path::Path;

use ipam_simulators::infoblox::{Infoblox, Site};
use ipam_simulators::{Ipam, Request, Response};
use serde_json::Value;

fn exchanges() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/infoblox/infoblox-client-0.6.2.json");
    let recorded: Value = serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON");
    recorded["exchanges"].as_array().expect("exchanges").clone()
}

fn request(recorded: &Value) -> Request {
    let (path, query) = match recorded["path"].as_str().expect("a path").split_once('?') {
        Some((path, query)) => (path, query),
        None => (recorded["path"].as_str().expect("a path"), ""),
    };
    let basic = openssl_basic(Infoblox::OTHER_USER, Infoblox::OTHER_PASSWORD);
    let mut headers = vec![("authorization".to_owned(), basic)];
    for (name, value) in recorded["headers"].as_object().expect("headers") {
        headers.push((name.clone(), value.as_str().expect("a text").to_owned()));
    }
    let body = if recorded["body"].is_null() { Vec::new() } else { recorded["body"].to_string().into_bytes() };
    let method = recorded["method"].as_str().expect("a method").to_owned();
    Request { method, path: path.to_owned(), query: query.to_owned(), headers, body }
}

fn openssl_basic(user: &str, password: &str) -> String {
    format!("Basic {}", openssl::base64::encode_block(format!("{user}:{password}").as_bytes()))
}

/// The grid as it was before this request.
fn before(step: &str) -> Infoblox {
    // The two pages of one row each were written for the second page's sake.
    let page_at_most = if step.contains("paging") { 1 } else { 1000 };
    let grid = Infoblox::empty(Site { page_at_most, ..Site::default() });
    grid.add_network("default", "192.0.2.0/24", "");
    grid.add_network("default", "2001:db8::/64", "");
    if step.contains("paging") {
        grid.add_network("default", "198.51.100.0/24", "");
    }
    if step.contains("exhausted") {
        for last in 1..=254 {
            grid.take("default", [192, 0, 2, last].into());
        }
    }
    if step.starts_with("search fixedaddress") {
        grid.take("default", [192, 0, 2, 10].into());
    }
    if step.starts_with("search host") {
        let host = exchanges().into_iter().find(|exchange| exchange["step"] == "create host record, explicit ip");
        let answer = grid.answer(&request(&host.expect("it is recorded")["request"]));
        assert_eq!(answer.status, 201);
    }
    grid
}

/// References and page ids differ: those of the simulator are put in their place.
fn adapted(grid: &Infoblox, step: &str, mut request: Request) -> Request {
    let references = [
        ("fixedaddress/", "ZG5zLmZpeGVkX2FkZHJlc3MkMTkyLjAuMi4xMC4wLi4"),
        ("record%3Ahost/", "ZG5zLmhvc3QkLl9kZWZhdWx0LmNvbS5leGFtcGxlLmgx"),
    ];
    for (kind, opaque) in references {
        if request.path.contains(kind) && request.path.contains(opaque) {
            let record = grid.record("default", [192, 0, 2, 10].into()).expect("a record");
            let reference = record["_ref"].as_str().expect("a reference");
            let start = reference.find('/').expect("a type") + 1;
            let end = start + reference[start..].find(':').expect("a name");
            request.path = request.path.replace(opaque, &reference[start..end]);
        }
    }
    if step.contains("paging") && request.query.contains("_page_id") {
        let first =
            Request { query: request.query.split("&_page_id").next().expect("a query").to_owned(), ..request.clone() };
        let page: Value = serde_json::from_slice(&grid.answer(&first).body).expect("JSON");
        let id = page["next_page_id"].as_str().expect("another page");
        request.query = request.query.replace("789c5590cb6e", id);
    }
    request
}

/// What the library's maker and the recorder's agree on: the keys that were answered are answered, with the same types.
fn compare(at: &str, recorded: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(recorded), Value::Object(simulated)) => {
            for (key, value) in recorded {
                match simulated.get(key) {
                    Some(other) => compare(&format!("{at}/{key}"), value, other, found),
                    None => found.push(format!("{at}/{key} is missing")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(simulated)) => {
            if let (Some(recorded), Some(simulated)) = (recorded.first(), simulated.first()) {
                compare(&format!("{at}[]"), recorded, simulated, found);
            }
        }
        _ if std::mem::discriminant(recorded) == std::mem::discriminant(simulated) => {}
        _ => found.push(format!("{at} is {simulated} instead of {recorded}")),
    }
}

#[test]
fn every_request_of_the_client_is_answered() {
    let mut found = Vec::new();
    let exchanges = exchanges();
    assert_eq!(exchanges.len(), 16);
    for exchange in exchanges {
        let step = exchange["step"].as_str().expect("a name");
        let grid = before(step);
        let Response { status, body, .. } = grid.answer(&adapted(&grid, step, request(&exchange["request"])));
        let answered: Value = serde_json::from_slice(&body).unwrap_or_default();
        if exchange["response"]["status"] != status {
            found.push(format!("{step}: status {status}: {answered}"));
        }
        let mut expected = exchange["response"]["body"].clone();
        let asked = request(&exchange["request"]).parameter("_return_fields");
        for row in expected.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            // The recorder answered more than it was asked for.
            let is_asked = |key: &str| asked.as_ref().is_none_or(|asked| asked.split(',').any(|field| field == key));
            row.retain(|key, _| key == "_ref" || is_asked(key));
        }
        compare(step, &expected, &answered, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The word for "no more" is the product's, as two clients read it.
#[test]
fn a_full_network_is_refused_in_the_words_that_clients_know() {
    let exchanges = exchanges();
    let exhausted =
        exchanges.iter().find(|exchange| exchange["step"] == "next_available_ip exhausted").expect("it is there");
    let grid = before("next_available_ip exhausted");
    let answer = grid.answer(&request(&exhausted["request"]));
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(body, exhausted["response"]["body"]);
}
