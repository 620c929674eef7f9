//! One settings file: what it says, and what it is to say.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::CommandError;
use super::{files, yaml};
use crate::settings::keys_of;

/// A settings file with changes that are not written yet.
pub(super) struct Sheet {
    path: PathBuf,
    /// `None` when there is no such file.
    text: Option<String>,
    written: BTreeMap<String, Value>,
    /// Only what differs; `None` takes the key away.
    changes: BTreeMap<String, Option<Value>>,
}

impl Sheet {
    /// Reads the file; one that does not exist is empty.
    pub(super) fn load(path: PathBuf) -> Result<Self, CommandError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                return Err(CommandError::Unusable(format!(
                    "{} cannot be read: {error}; run this as root or as the user of the service",
                    path.display()
                )));
            }
        };
        let written = keys_of(&path.display().to_string(), text.as_deref().unwrap_or_default())?;
        Ok(Self { path, text, written, changes: BTreeMap::new() })
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the key is to be; an empty text or nothing at all is none.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let value = match self.changes.get(key) {
            Some(change) => change.as_ref(),
            None => self.written.get(key),
        };
        value.filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// All keys with what they are to be.
    pub(super) fn values(&self) -> BTreeMap<String, Value> {
        let mut values = self.written.clone();
        for (key, change) in &self.changes {
            match change {
                Some(value) => values.insert(key.clone(), value.clone()),
                None => values.remove(key),
            };
        }
        values
    }

    /// Gives the key a value.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        self.change(key, Some(value));
    }

    /// Takes the key away.
    pub(super) fn unset(&mut self, key: &str) {
        self.change(key, None);
    }

    fn change(&mut self, key: &str, value: Option<Value>) {
        if self.written.get(key) == value.as_ref() {
            self.changes.remove(key);
        } else {
            self.changes.insert(key.to_owned(), value);
        }
    }

    /// Is there anything to write?
    pub(super) fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The text with all changes.
    pub(super) fn new_text(&self) -> Result<String, CommandError> {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let first = || format!("---\n# {name}: every key is described in {name}.example.\n");
        let text = self.text.clone().unwrap_or_else(first);
        let changed = self.changes.iter().fold(text, |text, (key, value)| yaml::with(&text, key, value.as_ref()));
        let read = keys_of(&self.path.display().to_string(), &changed).ok();
        if read.as_ref() != Some(&self.values()) {
            let keys: Vec<&str> = self.changes.keys().map(String::as_str).collect();
            return Err(CommandError::Unusable(format!(
                "{} is written in a way that cannot be changed safely; change there by hand: {}",
                self.path.display(),
                keys.join(", ")
            )));
        }
        Ok(changed)
    }

    /// What changes, one key a line, without secrets.
    pub(super) fn differences(&self, is_secret: impl Fn(&str) -> bool) -> Vec<String> {
        let shown = |key: &str, value: &Value| {
            if is_secret(key) { "(a secret)".to_owned() } else { yaml::inline(value) }
        };
        let mut lines = Vec::new();
        for (key, change) in &self.changes {
            if let Some(old) = self.written.get(key) {
                lines.push(format!("- {key}: {}", shown(key, old)));
            }
            if let Some(new) = change {
                lines.push(format!("+ {key}: {}", shown(key, new)));
            }
        }
        lines
    }

    /// Writes the file; what was there before stays beside it under the name that is answered.
    pub(super) fn write(&self) -> Result<Option<PathBuf>, CommandError> {
        let text = self.new_text()?;
        files::replace(&self.path, &text).map_err(|error| {
            CommandError::failed(format!(
                "{} cannot be written: {error}; run this as root or as the owner of the file",
                self.path.display()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sheet(text: &str) -> (tempfile::TempDir, Sheet) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.yml");
        fs::write(&path, text).expect("written");
        (directory, Sheet::load(path).expect("a sheet"))
    }

    #[test]
    fn setting_what_is_there_changes_nothing() {
        let (_directory, mut sheet) = sheet(":url: 'https://x'\ntoken: a\n");
        sheet.set("url", json!("https://x"));
        sheet.unset("user");
        assert!(!sheet.is_changed());
        sheet.set("url", json!("https://y"));
        sheet.set("token", json!("geheim"));
        let differences = sheet.differences(|key| key == "token").join("\n");
        assert_eq!(differences, "- token: (a secret)\n+ token: (a secret)\n- url: 'https://x'\n+ url: 'https://y'");
        assert_eq!(sheet.new_text().expect("a text"), ":url: 'https://y'\ntoken: 'geheim'\n");
        sheet.set("url", json!("https://x"));
        sheet.set("token", json!("a"));
        assert!(!sheet.is_changed(), "a change that is taken back is none");
    }

    #[test]
    fn a_notation_that_is_not_understood_is_left_alone() {
        let (_directory, mut sheet) = sheet("{url: 'https://x', token: a}\n");
        sheet.set("url", json!("https://y"));
        let error = sheet.new_text().expect_err("a refusal").to_string();
        assert!(error.ends_with("change there by hand: url"), "{error}");
    }
}
