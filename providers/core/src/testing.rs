//! What the tests of all providers need alike. Only in tests and with the feature `testing`, which no build for users has.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::settings::{Section, Setting};

/// Reads settings as if this JSON object stood in the provider's file `x.yml`. Gives what was read, and every fault and
/// unknown key as people are told of them. Panics over a value that is no object.
pub fn read_settings<T>(settings: Value, read: impl FnOnce(&mut Section) -> T) -> (T, Vec<String>) {
    let Value::Object(settings) = settings else { panic!("settings are an object, not {settings}") };
    let settings: BTreeMap<_, _> =
        settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None })).collect();
    let mut section = Section::new("x.yml", settings);
    let read = read(&mut section);
    let findings = section.finish();
    (read, findings.problems.iter().chain(&findings.unknown).map(ToString::to_string).collect())
}
