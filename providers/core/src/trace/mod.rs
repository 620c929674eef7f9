//! The exchanges with an IPAM, to be written to a file that a user may send to the developers: each in the form of the
//! recordings in `tests/fixtures`, with secrets masked.
//!
//! A [`Recorder`] goes with the settings of each connection. It is told of every secret that is read from them, and does
//! nothing else until [`check --trace`](Trace) starts it.

mod decode;
mod mask;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use mask::{MASK, Secrets, is_secret_name};

/// A larger body is not kept.
const BODY_AT_MOST: usize = 4 * 1024 * 1024;

tokio::task_local! {
    /// There is a value while a product is logged in to.
    static LOGGING_IN: ();
}

/// Runs the requests of a login. Nothing of their answers is shown but the shape.
pub(crate) async fn as_login<F: Future>(login: F) -> F::Output {
    LOGGING_IN.scope((), login).await
}

/// Keeps exchanges until they are written: only then every secret that went over the wire is known.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    secrets: Secrets,
    exchanges: Vec<Exchange>,
}

struct Exchange {
    method: Method,
    url: Url,
    is_login: bool,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    outcome: Outcome,
}

enum Outcome {
    Answered(u16, HeaderMap, Vec<u8>),
    Failed(String),
}

impl Trace {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes one JSON document for each exchange, and returns how many there were.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut impl Write) -> io::Result<usize> {
        let Kept { secrets, exchanges } = &mut *self.kept();
        exchanges.iter().for_each(|exchange| exchange.teach(secrets));
        for (exchange, number) in exchanges.iter().zip(1..) {
            serde_json::to_writer_pretty(&mut *to, &exchange.document(number, secrets))?;
            writeln!(to)?;
        }
        to.flush()?;
        Ok(exchanges.len())
    }
}

/// No values: they are what must be masked.
impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("exchanges", &self.kept().exchanges.len()).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Lets the secrets be known that are in it.
    fn teach(&self, secrets: &mut Secrets) {
        secrets.learn_form(self.url.query().unwrap_or_default());
        teach_message(secrets, &self.headers, self.body.as_deref().unwrap_or_default());
        if let Outcome::Answered(_, headers, body) = &self.outcome {
            teach_message(secrets, headers, body);
        }
    }

    fn document(&self, number: usize, secrets: &Secrets) -> Value {
        let request = json!({
            "method": self.method.as_str(),
            "path": secrets.target(self.url.path(), self.url.query()),
            "headers": shown_headers(secrets, &self.headers),
            "body": self.body.as_ref().map(|body| shown_body(secrets, &self.headers, body, false)),
        });
        let name = format!("{number:03}-{}", self.method);
        match &self.outcome {
            Outcome::Answered(status, headers, body) => {
                let body = shown_body(secrets, headers, body, self.is_login);
                let headers = shown_headers(secrets, headers);
                json!({"name": name, "request": request, "response": {"status": status, "headers": headers, "body": body}})
            }
            Outcome::Failed(why) => {
                json!({"name": name, "request": request, "response": null, "failure": secrets.text(why)})
            }
        }
    }
}

fn teach_message(secrets: &mut Secrets, headers: &HeaderMap, body: &[u8]) {
    for (name, value) in headers {
        if value.is_sensitive() || is_secret_name(name.as_str()) {
            secrets.learn_header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
    }
    match serde_json::from_slice(body) {
        Ok(json) => secrets.learn_json(&json),
        Err(_) if is_form(headers) => secrets.learn_form(&String::from_utf8_lossy(body)),
        Err(_) => {}
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"))
}

fn shown_headers(secrets: &Secrets, headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for (name, value) in headers {
        let is_secret = value.is_sensitive() || is_secret_name(name.as_str());
        let value = secrets.header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()), is_secret);
        shown.insert(secrets.text(name.as_str()), value.into());
    }
    shown.into()
}

/// A body as JSON, or as text where it is none; `null` when it is empty.
fn shown_body(secrets: &Secrets, headers: &HeaderMap, body: &[u8], is_login: bool) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if body.len() > BODY_AT_MOST {
        return format!("({} bytes are left out)", body.len()).into();
    }
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str(&text) {
        Ok(json) => secrets.json(&json, is_login),
        Err(_) if is_login => MASK.into(),
        Err(_) if is_form(headers) => secrets.form(&text).into(),
        Err(_) => secrets.text(&text).into(),
    }
}

/// Hears of the secrets in the settings of a connection, and of its exchanges.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Recording>);

#[derive(Default)]
struct Recording {
    secrets: Mutex<Vec<SecretString>>,
    trace: OnceLock<Trace>,
}

impl Recorder {
    /// A text that is in no trace.
    pub(crate) fn hide(&self, secret: &SecretString) {
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.clone());
    }

    /// Keeps all exchanges in this trace from now on.
    pub(crate) fn start(&self, trace: &Trace) {
        let secrets = self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().for_each(|secret| trace.kept().secrets.hide(secret.expose_secret()));
        let _ = self.0.trace.set(trace.clone());
    }

    /// A request that is about to be sent; `None` unless it is to be kept.
    pub(crate) fn sent(&self, method: &Method, url: &Url, headers: &HeaderMap, body: Option<&[u8]>) -> Option<Sent> {
        let trace = self.0.trace.get()?.clone();
        let mut kept = trace.kept();
        kept.exchanges.push(Exchange {
            method: method.clone(),
            url: url.clone(),
            is_login: LOGGING_IN.try_with(|()| ()).is_ok(),
            headers: headers.clone(),
            body: body.map(<[u8]>::to_vec),
            // Whoever waits for the answer may give up.
            outcome: Outcome::Failed("no answer came before the time limit of the operation".to_owned()),
        });
        let index = kept.exchanges.len() - 1;
        drop(kept);
        Some(Sent { trace, index })
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("is_on", &self.0.trace.get().is_some()).finish_non_exhaustive()
    }
}

/// A request whose answer is awaited.
pub(crate) struct Sent {
    trace: Trace,
    index: usize,
}

impl Sent {
    pub(crate) fn answered(self, status: u16, headers: HeaderMap, body: &[u8]) {
        self.ended(Outcome::Answered(status, headers, body.to_vec()));
    }

    pub(crate) fn failed(self, error: &crate::Error) {
        let cause = std::error::Error::source(error).map(|source| format!(": {source}"));
        self.ended(Outcome::Failed(format!("{error}{}", cause.unwrap_or_default())));
    }

    fn ended(self, outcome: Outcome) {
        self.trace.kept().exchanges[self.index].outcome = outcome;
    }
}
