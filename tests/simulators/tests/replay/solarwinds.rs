//! SolarWinds IPAM: the requests that the vendor's Python client orionsdk 0.5.0 sends. The answers beside them were made up
//! by whoever captured the requests, so only the status and the kind of answer are compared, and of rows that they have the
//! columns that were asked for.

use std::path::Path;

use ipam_simulators::solarwinds::Solarwinds;
use ipam_simulators::{Ipam, Request};
use serde_json::Value;

fn captured() -> Vec<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/solarwinds/orionsdk-0.5.0.json");
    let text = std::fs::read(file).expect("a file");
    let captured: Value = serde_json::from_slice(&text).expect("JSON");
    captured["exchanges"].as_array().expect("exchanges").clone()
}

fn request(exchange: &Value) -> Request {
    let request = &exchange["request"];
    let headers = request["headers"].as_object().expect("headers").iter();
    Request {
        method: request["method"].as_str().expect("a method").to_owned(),
        path: request["path"].as_str().expect("a path").to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.as_str().expect("text").to_owned())).collect(),
        body: request["body"].as_str().expect("a body").into(),
    }
}

/// The server as it was before this step.
fn before(step: &str) -> Solarwinds {
    let solarwinds = Solarwinds::recorded();
    let address = |last| [192, 0, 2, last].into();
    match step {
        "verb FinishIpReservation" | "verb CancelIpReservation" => {
            let start = captured().into_iter().find(|exchange| exchange["step"] == "verb StartIpReservation (atomic)");
            assert_eq!(solarwinds.answer(&request(&start.expect("it was captured"))).body, br#""192.0.2.11""#);
        }
        "create IPNode" => solarwinds.forget("IP Networks", address(10)),
        _ => {}
    }
    solarwinds
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

#[test]
fn every_request_of_the_vendors_client_is_taken() {
    let exchanges = captured();
    assert!(exchanges.len() >= 22, "{}", exchanges.len());
    for exchange in exchanges {
        let step = exchange["step"].as_str().expect("a step");
        let answer = before(step).answer(&request(&exchange));
        let canned = &exchange["canned_response"];
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(u64::from(answer.status), canned["status"].as_u64().expect("a status"), "{step}: {text}");
        let (expected, found) = (parsed(canned["body"].as_str().expect("a body").as_bytes()), parsed(&answer.body));
        let kind = |value: &Value| std::mem::discriminant(value);
        assert_eq!(kind(&found), kind(&expected), "{step}: {text}");
        for key in expected.as_object().into_iter().flat_map(|body| body.keys()) {
            assert!(found.get(key).is_some(), "{step}: {key} is missing in {text}");
        }
        let (expected, found) = (&expected["results"], &found["results"]);
        let Some(row) = found.get(0).and_then(Value::as_object) else {
            assert!(expected.get(0).is_none(), "{step}: no rows in {text}");
            continue;
        };
        for column in row.keys() {
            assert!(expected[0].get(column).is_some(), "{step}: nobody asked for {column}");
        }
    }
}

/// A client that names the arguments, or writes a set as Go programs do, is refused.
#[test]
fn arguments_of_verbs_are_a_list_by_position() {
    let exchanges = captured();
    let change = exchanges.iter().find(|exchange| exchange["step"] == "verb ChangeIpStatus Used").expect("it is there");
    for body in [r#"{"ip": "192.0.2.10", "status": "Used"}"#, r#"{"192.0.2.10", "Used"}"#, r#"[192, "Used"]"#] {
        let changed = Request { body: body.into(), ..request(change) };
        assert_eq!(Solarwinds::recorded().answer(&changed).status, 400, "{body}");
    }
}
