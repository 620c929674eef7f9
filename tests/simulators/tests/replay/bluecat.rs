//! BlueCat Address Manager. The requests are those that bluecat-libraries 26.1.0 sent; their answers were written by hand, so
//! that only whether a request is accepted and the shape of what is answered are compared.

use std::path::Path;

use ipam_simulators::bluecat::Bluecat;
use ipam_simulators::replay::{Recording, differences};
use ipam_simulators::{Ipam, Request};
use serde_json::Value;

/// The captured requests with their answers, in the order in which they were sent.
fn captured(file: &str) -> Vec<Recording> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bluecat").join(file);
    let text = std::fs::read(path).expect("a file");
    let all: Value = serde_json::from_slice(&text).expect("JSON");
    let exchanges = all["exchanges"].as_array().expect("exchanges");
    exchanges.iter().map(recording).collect()
}

fn recording(exchange: &Value) -> Recording {
    let (request, answer) = (&exchange["request"], &exchange["canned_response"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let target = text(&request["target"]);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers = request["headers"].as_object().expect("headers");
    let body = text(&answer["body"]);
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(&body).unwrap_or(Value::String(body)),
    };
    Recording {
        name: format!("{} {}", text(&exchange["step"]), path),
        request: Request {
            method: text(&request["method"]),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().map(|(name, value)| (name.to_lowercase(), text(value))).collect(),
            body: text(&request["body_text"]).into_bytes(),
        },
        status: u16::try_from(answer["status"].as_u64().expect("a status")).expect("a status"),
        body,
    }
}

/// How the simulator differs. What it answers besides is no difference: the answers name only what a client reads. Nor is a
/// field that the request did not ask for: whoever wrote the answers did not look at that.
fn compare(bluecat: &Bluecat, recordings: &[Recording]) -> Vec<String> {
    let different = |recording: &Recording| {
        let fields = recording.request.parameter("fields");
        let is_asked = |field: &str| fields.as_ref().is_none_or(|all| all.split(',').any(|asked| asked == field));
        let is_one = |difference: &String| match difference.strip_suffix(" is missing") {
            Some("/totalCount") => recording.request.parameter("total").is_some(),
            Some(path) => is_asked(path.rsplit('/').next().unwrap_or_default()),
            None => !difference.ends_with("is not in the recording") && difference != "/data is not an empty list",
        };
        let found = differences(bluecat, recording).into_iter().filter(is_one);
        found.map(|difference| format!("{}: {difference}", recording.name)).collect::<Vec<_>>()
    };
    recordings.iter().flat_map(different).collect()
}

#[test]
fn every_captured_request_of_v1_is_accepted() {
    let recordings = captured("bluecat-libraries-v1.json");
    assert_eq!(recordings.len(), 23);
    assert_eq!(compare(&Bluecat::recorded("pa ss&word"), &recordings), [""; 0]);
}

#[test]
fn every_captured_request_of_v2_is_accepted() {
    let recordings = captured("bluecat-libraries-v2.json");
    assert_eq!(recordings.len(), 14);
    assert_eq!(compare(&Bluecat::recorded("pa ss"), &recordings), [""; 0]);
}

/// The library reads errors only of this type, to the letter.
#[test]
fn errors_of_v2_are_plain_json() {
    let bluecat = Bluecat::recorded("pa ss");
    let refused = captured("bluecat-libraries-v2.json").into_iter().filter(|recording| recording.status >= 400);
    for recording in refused {
        let answer = bluecat.answer(&recording.request);
        assert!(answer.headers.contains(&("Content-Type", "application/json".to_owned())), "{}", recording.name);
    }
}
