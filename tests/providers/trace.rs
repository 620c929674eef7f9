//! `check --trace`: what a user can send to the developers.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ipam_simulators::Request;
use ipam_simulators::replay::recordings;
use serde_json::{Deserializer, Value};
use tempfile::TempDir;

use crate::support::{Place, Simulated, Vendor};

/// What of the settings, and of what was sent, is nobody's business.
fn secrets(settings: &str, requests: &[Request]) -> Vec<String> {
    let is_secret =
        |name: &str| ["authorization", "code", "cookie", "password", "token"].iter().any(|w| name.contains(w));
    let lines = settings.lines().filter_map(|line| line.split_once(": "));
    let headers = requests.iter().flat_map(|request| &request.headers).map(|(name, value)| (&**name, &**value));
    let secret = |(name, value): (&str, &str)| match name {
        "cookie" => value.split_once('=').map_or(value, |(_, value)| value).to_owned(),
        // After the scheme, such as Basic.
        _ => value.rsplit(' ').next().unwrap_or(value).trim_matches('"').to_owned(),
    };
    lines.chain(headers).filter(|(name, _)| is_secret(name)).map(secret).collect()
}

pub(crate) fn check_traces_its_exchanges_without_secrets<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("trace.json");
    let path = file.to_str().expect("text");
    let place = Place::over(&ipam);
    let (code, output) = place.run(&["check", "--trace", path]);
    assert_eq!(code, Some(0), "{output}");
    let requests = ipam.take_requests();
    let said = format!("trace         {path} has the exchanges with the IPAM: {}. ", requests.len());
    assert!(output.contains(&said), "{output}");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);

    let text = fs::read_to_string(&file).expect("text");
    let secrets = secrets(&ipam.settings(), &requests);
    assert!(!secrets.is_empty(), "{requests:?}");
    for secret in secrets {
        assert!(secret.len() > 4 && !text.contains(&secret), "{secret} in {text}");
    }
    for (document, number) in Deserializer::from_str(&text).into_iter::<Value>().zip(1..) {
        let recording = document.expect("JSON").to_string();
        fs::write(directory.path().join(format!("{number:03}.json")), recording).expect("written");
    }
    fs::remove_file(&file).expect("the file is there");
    let recordings = recordings(directory.path());
    let recorded: Vec<Request> = recordings.iter().map(|recording| recording.request.clone()).collect();
    // Requests may be under way at the same time.
    let calls = |requests: &[Request]| {
        let mut calls: Vec<_> = requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
        calls.sort();
        calls
    };
    assert_eq!(calls(&recorded), calls(&requests));
    let has_json = |body: &Value| body.is_object() || body.is_array();
    assert!(recordings.iter().any(|recording| recording.status == 200 && has_json(&recording.body)), "{text}");
}

pub(crate) fn check_does_not_overwrite_a_trace<V: Vendor>() {
    let ipam = Simulated::<V>::start();
    let place = Place::over(&ipam);
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("trace.json");
    let path = file.to_str().expect("text");
    fs::write(&file, "mine").expect("written");
    let (code, output) = place.run(&["check", "--trace", path]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("{path} is there already and is not overwritten")), "{output}");
    assert_eq!((fs::read_to_string(&file).expect("text").as_str(), ipam.take_requests().len()), ("mine", 0));

    let absent = directory.path().join("absent/trace.json");
    let (code, output) = place.run(&["check", "--trace", absent.to_str().expect("text")]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("cannot be created for --trace"), "{output}");
}
