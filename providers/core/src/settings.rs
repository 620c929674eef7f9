//! Reading one file of settings so that *all* its faults are found in one go.
//!
//! A [`Section`] holds the keys of one file. Each `read` takes a key, says what would be right, and notes a
//! [`Problem`] when the value is not that; [`Section::finish`] adds the keys that nobody asked for. A problem names file
//! and key and never shows a value, which may be a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::trace::Recorder;

/// Text that must not be shown: passwords, tokens.
pub type Secret = SecretString;

/// One value of a settings file.
#[derive(Clone)]
pub struct Setting {
    /// The value as the file's format has it.
    pub value: Value,
    /// Where it comes from when that is not the section's file, such as an environment variable.
    pub origin: Option<String>,
}

/// One fault in the settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, or whatever else the value came from.
    pub file: String,
    /// The key, where the fault is in one.
    pub key: Option<String>,
    /// What is wrong, never with the value.
    pub what: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key} {}; {}", self.file, self.what, self.right),
            None => write!(f, "{}: {}; {}", self.file, self.what, self.right),
        }
    }
}

/// The keys of one settings file, read one after the other.
pub struct Section {
    file: String,
    settings: BTreeMap<String, Setting>,
    known: BTreeSet<&'static str>,
    secrets: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    recorder: Recorder,
}

/// What a section leaves behind: its faults, and the keys that nobody asked for (whether they are faults is the
/// caller's decision).
#[derive(Debug, Default)]
pub struct Findings {
    /// Values that are wrong or missing.
    pub problems: Vec<Problem>,
    /// Keys that nobody read.
    pub unknown: Vec<Problem>,
    /// Keys that were read as secrets, whether they have a value or not.
    pub secrets: BTreeSet<&'static str>,
}

impl Section {
    /// The settings of `file`, a name for people to find it by.
    pub fn new(file: impl Into<String>, settings: BTreeMap<String, Setting>) -> Self {
        Self {
            file: file.into(),
            settings,
            known: BTreeSet::new(),
            secrets: BTreeSet::new(),
            problems: Vec::new(),
            recorder: Recorder::default(),
        }
    }

    /// Reads a key with a rule of its own: `right` says what it accepts, `rule` gives `None` for what it does not.
    ///
    /// A key that is absent, empty or `null` is `None` without a fault.
    pub fn read<T>(&mut self, key: &'static str, right: &str, rule: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        self.known.insert(key);
        let value = &self.settings.get(key)?.value;
        let is_unset = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if is_unset {
            return None;
        }
        let read = rule(value);
        if read.is_none() {
            self.problem(key, "has a value that cannot be used", right);
        }
        read
    }

    /// Text. A number is refused: YAML has already changed it (`0123` reads as 83, `3.10` as 3.1).
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "write text, in quotes if it looks like a number", |value| value.as_str().map(str::to_owned))
    }

    /// Text that is never shown; see [`text`](Self::text).
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        self.secrets.insert(key);
        self.text(key).map(|text| self.hidden(text))
    }

    /// Text that is never shown and must be as `rule` says; see [`read`](Self::read).
    pub fn secret_with(&mut self, key: &'static str, right: &str, rule: impl FnOnce(&str) -> bool) -> Option<Secret> {
        self.secrets.insert(key);
        self.read(key, right, |value| value.as_str().filter(|text| rule(text)).map(str::to_owned))
            .map(|text| self.hidden(text))
    }

    fn hidden(&self, text: String) -> Secret {
        let secret = Secret::from(text);
        self.recorder.hide(&secret);
        secret
    }

    /// What records the exchanges of a connection with these settings.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// An absolute path.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.read(key, "write an absolute path, such as /etc/ssl/ca.pem", |value| {
            value.as_str().map(PathBuf::from).filter(|path| path.is_absolute())
        })
    }

    /// `true` or `false`, or one of the other words for these in YAML 1.1, which Foreman's own files are written in.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "write true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => boolean(text),
            _ => None,
        })
    }

    /// A whole number in a range.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let right = format!("write a whole number from {} to {}", range.start(), range.end());
        self.read(key, &right, |value| {
            let number = match value {
                Value::Number(number) => number.as_u64(),
                // From the environment everything is text.
                Value::String(text) => text.parse().ok(),
                _ => None,
            };
            number.filter(|number| range.contains(number))
        })
    }

    /// A whole number of seconds in a range. The unit belongs in the key: `hold_seconds`.
    pub fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number(key, range).map(Duration::from_secs)
    }

    /// A list of texts; one text alone, or texts separated by commas, is a list too.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "write a list of texts, such as ['a.example.com', 'b.example.com']", |value| match value {
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            Value::String(text) => {
                Some(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            _ => None,
        })
    }

    /// One of a few words, each with what it stands for.
    pub fn choice<T: Clone>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.read(key, &format!("write one of: {}", words.join(", ")), |value| {
            let choice = |word: &str| choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| choice.clone());
            match value {
                Value::String(text) => choice(text).or_else(|| choice(&boolean(text)?.to_string())),
                Value::Bool(flag) => choice(&flag.to_string()),
                _ => None,
            }
        })
    }

    /// Notes a fault when the value is missing; `right` says what to set.
    pub fn required<T>(&mut self, key: &'static str, value: Option<T>, right: &str) -> Option<T> {
        let has_fault = |problem: &Problem| problem.key.as_deref() == Some(key);
        if value.is_none() && !self.problems.iter().any(has_fault) {
            self.problem(key, "is missing", right);
        }
        value
    }

    /// Notes a fault in a key: what is wrong, and what would be right. Never put the value in.
    pub fn problem(&mut self, key: &str, what: impl Into<String>, right: impl Into<String>) {
        let origin = self.settings.get(key).and_then(|setting| setting.origin.clone());
        self.problems.push(Problem {
            file: origin.unwrap_or_else(|| self.file.clone()),
            key: Some(key.to_owned()),
            what: what.into(),
            right: right.into(),
        });
    }

    /// The keys of one item of a list in this section; `place` names the item for people.
    pub fn item(&self, place: &str, settings: BTreeMap<String, Setting>) -> Self {
        Self::new(format!("{}: {place}", self.file), settings)
    }

    /// Takes over the faults of an item, to which keys that nobody asked for belong too. Returns whether it has none.
    pub fn take_item(&mut self, item: Self) -> bool {
        let findings = item.finish();
        let has_none = findings.problems.is_empty() && findings.unknown.is_empty();
        self.problems.extend(findings.problems);
        self.problems.extend(findings.unknown);
        has_none
    }

    /// Was the key given a value?
    pub fn has(&self, key: &str) -> bool {
        self.settings.get(key).is_some_and(|setting| !setting.value.is_null())
    }

    /// All faults found, and the keys that nobody asked for, each with the known key it may have been meant for.
    pub fn finish(self) -> Findings {
        let unknown = self.settings.iter().filter(|(key, _)| !self.known.contains(key.as_str()));
        let unknown = unknown.map(|(key, setting)| Problem {
            file: setting.origin.clone().unwrap_or_else(|| self.file.clone()),
            key: Some(key.clone()),
            what: "is not a setting".to_owned(),
            right: match nearest(key, &self.known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are: {}", self.known.iter().copied().collect::<Vec<_>>().join(", ")),
            },
        });
        Findings { unknown: unknown.collect(), problems: self.problems, secrets: self.secrets }
    }
}

/// What a word means to the YAML parsers of Ruby and of old: in YAML 1.2 only `true` and `false` are no text.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The known key that differs least from `key`, when it differs by at most two edits.
fn nearest<'a>(key: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let ranked = known.iter().map(|candidate| (edits(key, candidate), *candidate));
    ranked.filter(|(edits, _)| *edits <= 2).min().map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(values: Value) -> Section {
        let Value::Object(map) = values else { panic!("an object") };
        let settings = map.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
        Section::new("settings.d/x.yml", settings.collect())
    }

    fn texts(problems: &[Problem]) -> Vec<String> {
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn all_faults_are_reported_at_once_and_no_value_is_shown() {
        let mut section =
            section(json!({"url": 5, "pasword": "geheim", "timeout_seconds": "geheim", "verify": "geheim"}));
        assert_eq!(section.text("url"), None);
        assert!(section.secret("password").is_none());
        let url = section.text("token");
        section.required("token", url, "set the API token");
        assert_eq!(section.seconds("timeout_seconds", 1..=60), None);
        assert_eq!(section.flag("verify"), None);
        let findings = section.finish();
        assert_eq!(
            texts(&findings.problems),
            [
                "settings.d/x.yml: url has a value that cannot be used; write text, in quotes if it looks like a number",
                "settings.d/x.yml: token is missing; set the API token",
                "settings.d/x.yml: timeout_seconds has a value that cannot be used; write a whole number from 1 to 60",
                "settings.d/x.yml: verify has a value that cannot be used; write true or false",
            ]
        );
        assert_eq!(texts(&findings.unknown), ["settings.d/x.yml: pasword is not a setting; did you mean password?"]);
        assert_eq!(findings.secrets, BTreeSet::from(["password"]));
    }

    #[test]
    fn faults_of_an_item_name_its_place() {
        let mut section = section(json!({"routes": []}));
        let keys = [("prefixes", json!(5)), ("grups", json!("Lab"))];
        let keys = keys.map(|(key, value)| (key.to_owned(), Setting { value, origin: None }));
        let mut item = section.item("route 1", BTreeMap::from(keys));
        assert_eq!((item.text("groups"), item.text("prefixes")), (None, None));
        section.take_item(item);
        assert_eq!(
            texts(&section.finish().problems),
            [
                "settings.d/x.yml: route 1: prefixes has a value that cannot be used; write text, in quotes if it looks like a number",
                "settings.d/x.yml: route 1: grups is not a setting; did you mean groups?",
            ]
        );
    }

    #[test]
    fn a_fault_from_the_environment_names_the_variable() {
        let setting = Setting { value: json!("x"), origin: Some("environment variable PORT".to_owned()) };
        let mut section = Section::new("settings.yml", BTreeMap::from([("port".to_owned(), setting)]));
        assert_eq!(section.number("port", 1..=65535), None);
        assert!(section.finish().problems[0].to_string().starts_with("environment variable PORT: port "));
    }

    #[test]
    fn values_are_read_in_the_spellings_people_use() {
        let mut section = section(json!({
            "port": "8443", "ports": 8443, "on": "true", "hosts": "a, b", "list": ["c"], "none": null, "empty": "",
        }));
        assert_eq!(section.number("port", 1..=65535), Some(8443));
        assert_eq!(section.number("ports", 1..=65535), Some(8443));
        assert_eq!(section.flag("on"), Some(true));
        assert_eq!(section.list("hosts"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(section.list("list"), Some(vec!["c".to_owned()]));
        assert_eq!(section.text("none"), None);
        assert_eq!(section.text("empty"), None);
        let findings = section.finish();
        assert_eq!((findings.problems.len(), findings.unknown.len()), (0, 0));
    }

    #[test]
    fn booleans_have_the_words_of_yaml_1_1_too() {
        let mut section = section(json!({
            "a": "yes", "b": "On", "c": "TRUE", "d": "no", "e": "Off", "f": "False", "g": true, "h": "y", "enabled": "yes",
            "style": "on",
        }));
        for key in ["a", "b", "c", "g"] {
            assert_eq!(section.flag(key), Some(true), "{key}");
        }
        for key in ["d", "e", "f"] {
            assert_eq!(section.flag(key), Some(false), "{key}");
        }
        assert_eq!(section.choice("enabled", &[("true", 1), ("false", 0), ("https", 2)]), Some(1));
        assert_eq!((section.flag("h"), section.choice("style", &[("auto", 1)])), (None, None));
        assert_eq!(section.finish().problems.len(), 2);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
