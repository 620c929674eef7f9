//! Masks secrets: those of the settings wherever they are, those of the session as soon as they were seen, and what stands
//! where a secret belongs.

use std::collections::BTreeSet;

use openssl::base64::decode_block;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::decode::shows;

/// What stands in place of a secret.
pub(super) const MASK: &str = "***";

/// A shorter text under the name of a secret is masked there, and not wherever else it occurs: it may be any word.
const TOKEN_AT_LEAST: usize = 8;

/// So many encodings may be around a secret.
const ENCODINGS: usize = 2;

/// Texts that must not be shown.
#[derive(Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Hides this text wherever it occurs. Of a URL also the password in it.
    pub(super) fn hide(&mut self, secret: &str) {
        if let Some(password) = reqwest::Url::parse(secret).ok().as_ref().and_then(|url| url.password()) {
            self.hide_text(&percent_decode_str(password).decode_utf8_lossy());
        }
        self.hide_text(secret);
    }

    fn hide_text(&mut self, secret: &str) {
        if !secret.is_empty() {
            self.0.insert(secret.to_owned());
        }
    }

    /// Hides a text that stands where a token does.
    fn learn(&mut self, token: &str) {
        if token.len() >= TOKEN_AT_LEAST {
            self.hide_text(token);
        }
    }

    /// Learns what the value of a header shows the session or the user with.
    pub(super) fn learn_header(&mut self, name: &str, value: &str) {
        if name.contains("cookie") {
            let pairs = value.split(';').take(if name == "set-cookie" { 1 } else { usize::MAX });
            pairs.filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| self.learn(value.trim()));
            return;
        }
        let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
        self.learn(credentials.trim());
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = decode_block(credentials.trim()).unwrap_or_default();
            let pair = String::from_utf8_lossy(&pair);
            pair.split_once(':').into_iter().for_each(|(_, password)| self.hide_text(password));
        }
    }

    /// Learns the texts that stand under the name of a secret.
    pub(super) fn learn_json(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match value.as_str() {
                        Some(text) if is_secret_name(key) => self.learn(text),
                        _ => self.learn_json(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_json(item)),
            _ => {}
        }
    }

    /// Learns the parameters of a query or a form that have the name of a secret.
    pub(super) fn learn_form(&mut self, form: &str) {
        for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
            if is_secret_name(&plain(name)) {
                self.learn(&plain(value));
            }
        }
    }

    fn shows(&self, text: &str) -> bool {
        let secrets: Vec<&str> = self.0.iter().map(String::as_str).collect();
        shows(text, &secrets, ENCODINGS)
    }

    /// The text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        // The longest first: one may be part of another.
        let mut secrets: Vec<&str> = self.0.iter().map(String::as_str).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let masked = secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        self.checked(masked)
    }

    /// Where a secret is in the text in an encoding, nothing is left of it.
    fn checked(&self, text: String) -> String {
        if self.shows(&text) { MASK.to_owned() } else { text }
    }

    /// Path and query of a request.
    pub(super) fn target(&self, path: &str, query: Option<&str>) -> String {
        let segments: Vec<String> = path.split('/').map(|segment| self.text(segment)).collect();
        let path = segments.join("/");
        self.checked(query.map_or_else(|| path.clone(), |query| format!("{path}?{}", self.form(query))))
    }

    /// A query or a form, still encoded.
    pub(super) fn form(&self, form: &str) -> String {
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, _)) if is_secret_name(&plain(name)) => format!("{}={MASK}", self.text(name)),
            Some((name, value)) => format!("{}={}", self.text(name), self.text(value)),
            None => self.text(pair),
        };
        self.checked(form.split('&').map(pair).collect::<Vec<_>>().join("&"))
    }

    /// The value of a header; `is_secret` where nothing of it may be shown but how it authenticates.
    pub(super) fn header(&self, name: &str, value: &str, is_secret: bool) -> String {
        if name == "set-cookie" {
            let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
            let cookie = self.text(pair.split_once('=').map_or(MASK, |(cookie, _)| cookie));
            return self.checked(format!("{cookie}={MASK};{}", self.text(attributes)));
        }
        if !is_secret {
            return self.text(value);
        }
        let is_scheme = |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic() || c == ':');
        match value.split_once(' ').map(|(scheme, _)| scheme).filter(is_scheme) {
            Some(scheme) => format!("{} {MASK}", self.text(scheme)),
            None => MASK.to_owned(),
        }
    }

    /// JSON without secrets. Of the answer to a login no text is shown, whatever its name.
    pub(super) fn json(&self, value: &Value, is_login: bool) -> Value {
        match value {
            Value::Object(object) => {
                let entry = |(key, value): (&String, &Value)| {
                    (self.text(key), self.json(value, is_login || is_secret_name(key)))
                };
                object.iter().map(entry).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.json(item, is_login)).collect(),
            Value::String(text) if is_login && !text.is_empty() => MASK.into(),
            Value::String(text) => self.text(text).into(),
            Value::Number(number) if is_login || self.shows(&number.to_string()) => MASK.into(),
            other => other.clone(),
        }
    }
}

/// Is this the name of a header, a key or a parameter that holds a secret?
pub(super) fn is_secret_name(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "apikey",
        "authorization",
        "cookie",
        "credential",
        "passphrase",
        "passwd",
        "password",
        "privatekey",
        "pwd",
        "secret",
        "sessionid",
        "token",
    ];
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    let name: String = letters.collect();
    name == "pass" || PARTS.iter().any(|part| name.contains(part))
}

fn plain(encoded: &str) -> String {
    percent_decode_str(&encoded.replace('+', " ")).decode_utf8_lossy().into_owned()
}
