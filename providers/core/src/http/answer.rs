//! A whole answer of an IPAM.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TELL_IF_IT_LASTS;
use super::rows::TOO_MANY_ROWS;
use crate::{Error, ErrorKind, Result};

/// A larger body is read on a thread for blocking work: 64 KiB of JSON take less than a millisecond.
const LARGE: usize = 64 * 1024;

/// An answer that was read to its end. Its body never goes into a message: it may hold what is the IPAM's own.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// So much of an answer goes into the log.
const CAUSE_AT_MOST: usize = 500;

impl Answer {
    /// Is the status 2xx?
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// [`Unexpected`](ErrorKind::Unexpected) when it is none, or has more [`Rows`](super::Rows) than it may. The source
    /// says where it differs, without values.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let said = error.to_string();
            if said.starts_with(TOO_MANY_ROWS) {
                let text = "The IPAM's answer has more rows than the proxy reads; the log has how many those are";
                return Error::new(ErrorKind::Unexpected, text).because(said);
            }
            let place = format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column());
            let text = format!("The IPAM's answer could not be understood. {CHECK_URL}");
            Error::new(ErrorKind::Unexpected, text).because(place)
        })
    }

    /// The body as JSON of this shape, as [`json`](Self::json) gives it. A large body does not keep the other requests of
    /// this thread waiting.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub async fn into_json<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        self.read_with(|answer| answer.json()).await
    }

    /// What `read` makes of the answer. A large answer is read on a thread for blocking work.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn read_with<T: Send + 'static>(
        self,
        read: impl FnOnce(Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.body.len() <= LARGE {
            return read(self);
        }
        let task = tokio::task::spawn_blocking(move || read(self));
        task.await.unwrap_or_else(|panic| {
            Err(Error::new(ErrorKind::Unexpected, "The proxy failed to read the IPAM's answer; see its log")
                .because(panic))
        })
    }

    /// What was answered, for the log: one line, cut short. Not for an answer that shows what is inside of the IPAM, as
    /// those of status 5xx do.
    pub fn cause(&self) -> String {
        one_line(&String::from_utf8_lossy(&self.body), CAUSE_AT_MOST)
    }

    /// For an answer that is none of what the vendor's API answers.
    pub fn not_understood(&self, what: &str) -> Error {
        let status = self.status;
        let text = format!("{what} gives an answer that could not be understood (status {status}). {CHECK_URL}");
        Error::new(ErrorKind::Unexpected, text)
    }

    /// What the status means when the vendor's own texts say nothing better: `what` names the IPAM.
    ///
    /// 429 and every 5xx may pass. A redirect is a wrong `url` in the settings: following it could turn a write into a
    /// read, or show the credentials to another host.
    pub fn error(&self, what: &str) -> Error {
        let status = self.status;
        let (kind, text) = match status {
            300..=399 => {
                (ErrorKind::Unexpected, "answers with a redirect. Correct the url in the proxy's settings".to_owned())
            }
            401 | 403 => (
                ErrorKind::Unauthenticated,
                "refuses the proxy's credentials, or they lack a right. Correct them in the proxy's settings"
                    .to_owned(),
            ),
            408 | 425 | 429 => {
                (ErrorKind::Unavailable, format!("is asked too much (status {status}). Try again in a minute"))
            }
            500..=599 => {
                (ErrorKind::Unavailable, format!("has trouble of its own (status {status}). {TELL_IF_IT_LASTS}"))
            }
            400..=499 => (
                ErrorKind::Rejected,
                format!("refuses the request (status {status}). The proxy's log has what is known of the reason"),
            ),
            _ => return self.not_understood(what),
        };
        Error::new(kind, format!("{what} {text}"))
    }
}

const CHECK_URL: &str = "Check that the url in the proxy's settings leads to its API";

/// What a value looks like, for the log: keys, and for values what they are; of a list the first one.
pub fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "flag".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
        Value::Object(object) => {
            let entries: Vec<String> = object.iter().map(|(key, value)| format!("{key}: {}", shape(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// What somebody said, for the log: one line of at most so many characters.
pub fn one_line(text: &str, at_most: usize) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(at_most).collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use serde_json::json;

    use super::super::Rows;
    use super::*;

    fn answer(body: &Value) -> Answer {
        Answer { status: 200, body: body.to_string().into() }
    }

    #[tokio::test]
    async fn a_large_answer_is_read_on_another_thread() {
        let is_read_here = async |body: &Value| {
            let here = thread::current().id();
            answer(body).read_with(move |_| Ok(thread::current().id() == here)).await.expect("it is read")
        };
        assert!(is_read_here(&json!([1, 2, 3])).await);
        let large = json!(vec!["0123456789"; 10_000]);
        assert!(!is_read_here(&large).await);
        assert_eq!(answer(&large).into_json::<Vec<String>>().await.expect("texts").len(), 10_000);
    }

    #[test]
    fn an_answer_with_too_many_rows_is_refused_and_no_value_is_shown() {
        assert_eq!(answer(&json!(["a", "b"])).json::<Rows<String, 2>>().expect("two rows").0, ["a", "b"]);
        let error = answer(&json!(["geheim", "b", "c"])).json::<Rows<String, 2>>().expect_err("three rows");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        let source = std::error::Error::source(&error).expect("a source").to_string();
        assert!(source.starts_with("more than 2 rows") && !format!("{error} {source}").contains("geheim"), "{source}");
        let other = answer(&json!([1])).json::<Rows<String, 2>>().expect_err("no text");
        assert!(other.to_string().contains("could not be understood"), "{other}");
    }

    #[test]
    fn every_status_says_what_is_wrong_with_whom_and_what_to_do() {
        let error = |status| Answer { status, body: b"<p>own words</p>".to_vec() }.error("Somebody's IPAM");
        for (status, kind, what_to_do) in [
            (302, ErrorKind::Unexpected, "Correct the url in the proxy's settings"),
            (401, ErrorKind::Unauthenticated, "Correct them in the proxy's settings"),
            (403, ErrorKind::Unauthenticated, "Correct them in the proxy's settings"),
            (404, ErrorKind::Rejected, "The proxy's log has what is known of the reason"),
            (429, ErrorKind::Unavailable, "Try again in a minute"),
            (500, ErrorKind::Unavailable, "Try again, and tell the administrators of the IPAM if it lasts"),
            (503, ErrorKind::Unavailable, "Try again, and tell the administrators of the IPAM if it lasts"),
            (200, ErrorKind::Unexpected, "Check that the url in the proxy's settings leads to its API"),
        ] {
            let error = error(status);
            assert_eq!(error.kind(), kind, "{status}");
            let text = error.to_string();
            assert!(text.starts_with("Somebody's IPAM ") && text.ends_with(&format!(". {what_to_do}")), "{text}");
        }
        let shape = Answer { status: 200, body: b"<p>own words</p>".to_vec() }.json::<u8>().expect_err("no number");
        assert!(shape.to_string().ends_with(CHECK_URL) && !shape.to_string().contains("words"), "{shape}");
    }
}
