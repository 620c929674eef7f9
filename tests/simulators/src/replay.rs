//! Recorded exchanges of real servers, asked again of a simulator: the proof of the simulator itself.
//!
//! A recording is one JSON file with `name`, `request` and `response`. Compared are the status and the shape of the body:
//! which keys there are and of what type, not the values, which depend on what was in the server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::tls::CLIENT;
use crate::{Ipam, Request, Response};

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What it shows; the file's name without `.json`.
    pub name: String,
    /// What was sent.
    pub request: Request,
    /// The status that came back.
    pub status: u16,
    /// The body that came back: JSON, or a text that is none, or `null` when it was empty.
    pub body: Value,
}

/// All recordings in a directory, by name.
///
/// # Panics
/// When there is none, or a file is no recording.
pub fn recordings(directory: &Path) -> Vec<Recording> {
    let files = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = files.map(|file| file.expect("an entry").path());
    let named: BTreeMap<String, _> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), path))
        .collect();
    assert!(!named.is_empty(), "no recordings in {}", directory.display());
    named.into_iter().filter(|(name, _)| !name.starts_with('_')).map(|(name, path)| read(name, &path)).collect()
}

fn read(name: String, path: &Path) -> Recording {
    let text = fs::read(path).expect("a file");
    let recording: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (request, response) = (&recording["request"], &recording["response"]);
    let target = request["path"].as_str().unwrap_or_else(|| panic!("{name}: no path"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Recording {
        request: Request {
            method: request["method"].as_str().unwrap_or_else(|| panic!("{name}: no method")).to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers(&request["headers"]),
            body: match &request["body"] {
                Value::Null => Vec::new(),
                Value::String(text) => text.clone().into_bytes(),
                json => json.to_string().into_bytes(),
            },
        },
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
        body: match &response["body"] {
            Value::String(text) => parsed(text.as_bytes()),
            body => body.clone(),
        },
        name,
    }
}

/// The exchanges of one run of a vendor's own client, in order. The requests are the client's; the answers were written for
/// it and show no more than what it can read. A caller that showed a certificate is named by a header, as by a web server
/// in front of an application.
///
/// # Panics
/// When the file is no capture.
pub fn captured(file: &Path) -> Vec<Recording> {
    let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let capture: Value = serde_json::from_slice(&text).expect("JSON");
    let exchanges = capture["exchanges"].as_array().expect("exchanges");
    exchanges.iter().map(of_client).collect()
}

fn of_client(exchange: &Value) -> Recording {
    let (request, response) = (&exchange["request"], &exchange["canned_response"]);
    let target = request["target"].as_str().expect("a target");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = headers(&request["headers"]);
    if let Some(name) = request["tls_client_certificate_subject"]["commonName"].as_str() {
        headers.push((CLIENT.to_owned(), name.to_owned()));
    }
    Recording {
        name: exchange["step"].as_str().expect("a step").to_owned(),
        request: Request {
            method: request["method"].as_str().expect("a method").to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: request["body_text"].as_str().unwrap_or_default().into(),
        },
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
        body: parsed(response["body"].as_str().unwrap_or_default().as_bytes()),
    }
}

/// An object of names and values, or a list of pairs.
fn headers(recorded: &Value) -> Vec<(String, String)> {
    let pair = |name: &str, value: &Value| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned());
    match recorded {
        Value::Object(headers) => headers.iter().map(|(name, value)| pair(name, value)).collect(),
        Value::Array(pairs) => {
            pairs.iter().map(|entry| pair(entry[0].as_str().unwrap_or_default(), &entry[1])).collect()
        }
        _ => Vec::new(),
    }
}

fn parsed(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

/// How the simulator's answer differs from the recorded one; empty when it does not.
pub fn differences(ipam: &dyn Ipam, recording: &Recording) -> Vec<String> {
    let Response { status, body, .. } = ipam.answer(&recording.request);
    let mut found = Vec::new();
    if status != recording.status {
        found.push(format!("status {status} instead of {}", recording.status));
    }
    compare("", &recording.body, &parsed(&body), &mut found);
    found
}

/// Compares shapes. Of lists the first items are compared: they are alike.
fn compare(at: &str, recorded: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(recorded), Value::Object(simulated)) => {
            for (key, value) in recorded {
                match simulated.get(key) {
                    Some(other) => compare(&format!("{at}/{key}"), value, other, found),
                    None => found.push(format!("{at}/{key} is missing")),
                }
            }
            let extra = simulated.keys().filter(|key| !recorded.contains_key(*key));
            found.extend(extra.map(|key| format!("{at}/{key} is not in the recording")));
        }
        (Value::Array(recorded), Value::Array(simulated)) => match (recorded.first(), simulated.first()) {
            (Some(recorded), Some(simulated)) => compare(&format!("{at}[]"), recorded, simulated, found),
            (None, None) => {}
            (Some(_), None) => found.push(format!("{at} is an empty list")),
            (None, Some(_)) => found.push(format!("{at} is not an empty list")),
        },
        _ if kind(recorded) == kind(simulated) => {}
        _ => found.push(format!("{at} is {} instead of {}", kind(simulated), kind(recorded))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a flag",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
