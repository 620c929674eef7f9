//! What v1 means by an answer that is not the expected one: the one place that knows its texts.
//!
//! Errors are 500 with a text or a JSON string. Two texts are known from clients; that of a missing right is a guess.

use ipam_provider::http::{Answer, no_api, one_line, shape};
use ipam_provider::{Error, ErrorKind};
use serde_json::Value;

use crate::vendor::WHAT;

/// So much of an answer goes into the log.
const CAUSE_AT_MOST: usize = 500;

/// What Address Manager says of an error, where the answer is its own and not that of something in front of it: a gateway
/// answers 502 to 504 in plain text too, and what became of a write is then unknown.
pub(super) fn said(answer: &Answer) -> Option<String> {
    if answer.status > 500 {
        return None;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let text = match serde_json::from_str::<Value>(&text) {
        Ok(Value::String(text)) => text,
        Ok(_) => return None,
        Err(_) => text.into_owned(),
    };
    (!text.trim().is_empty() && !text.contains('<')).then(|| one_line(&text, CAUSE_AT_MOST))
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(super) fn error(answer: &Answer, right: &str) -> Error {
    let said = said(answer);
    let lower = said.as_deref().map(str::to_lowercase);
    let says = |words: &[&str]| lower.as_deref().is_some_and(|text| words.iter().any(|word| text.contains(word)));
    let error = match answer.status {
        // A login would have renewed the session.
        401 => refused_credentials("it does not know the proxy's token"),
        404 => no_api(WHAT),
        400..=599 if says(&["duplicate of another item"]) => {
            Error::new(ErrorKind::AlreadyExists, format!("The record already exists in {WHAT}"))
        }
        400..=599 if says(&["read only session", "read-only session"]) => crate::address_manager::read_only(),
        // Their wording is not known; a text that speaks of rights speaks of them.
        400..=599 if says(&["permission", "access right", "not authorized", "access denied"]) => lacks(right),
        403 => lacks(right),
        400 if said.is_some() => refused(),
        _ => answer.error(WHAT),
    };
    match said.filter(|_| matches!(answer.status, 400 | 401 | 403 | 500)) {
        Some(said) => error.because(said),
        None => error,
    }
}

/// Address Manager says no, and what it says is not known here.
pub(super) fn refused() -> Error {
    let text = format!("{WHAT} refuses the record because of its rules; its own words are in the log of the proxy");
    Error::new(ErrorKind::Rejected, text)
}

/// The cause of an error in place of the error itself.
pub(super) fn chain(error: Error) -> String {
    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn lacks(right: &str) -> Error {
    let text = format!("{WHAT} refuses the request: the API user lacks the access right {right}; grant it");
    Error::new(ErrorKind::Unauthenticated, text)
}

/// Begins as the Ruby plugin's message does.
pub(super) fn refused_credentials(why: &str) -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        format!("Invalid credentials for External IPAM: {WHAT} does not let the user in: {why}"),
    )
}

/// A success with an answer of another shape. Its shape is for the log, so that it can be reported: its values are not.
pub(super) fn unexpected(answer: &Answer) -> Error {
    let came = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) => format!("it answers with {}", shape(&value)),
        Err(_) => format!("it answers with {} bytes that are no JSON", answer.body.len()),
    };
    answer.not_understood(WHAT).because(came)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::FULL_ADDRESSES;

    #[test]
    fn the_shape_of_what_came_is_for_the_log_and_its_values_are_not() {
        let unexpected = unexpected(&Answer { status: 200, body: br#"{"id": 5, "of": ["geheim"]}"#.into() });
        let source = std::error::Error::source(&unexpected).expect("a source").to_string();
        assert_eq!(source, "it answers with {id: number, of: [text]}");
    }

    #[test]
    fn texts_have_their_kinds_and_stay_in_the_log() {
        for (status, body, kind) in [
            (500, r#""Duplicate of another item""#, ErrorKind::AlreadyExists),
            (500, "Duplicate of another item", ErrorKind::AlreadyExists),
            (500, r#""API method cannot be invoked from a read only session""#, ErrorKind::Rejected),
            (500, r#""You do not have permission""#, ErrorKind::Unauthenticated),
            (403, r#""geheim""#, ErrorKind::Unauthenticated),
            (401, "Invalid token", ErrorKind::Unauthenticated),
            (400, r#""geheim""#, ErrorKind::Rejected),
            (500, r#""geheim""#, ErrorKind::Unavailable),
            (500, "<html>Duplicate of another item</html>", ErrorKind::Unavailable),
            (500, "", ErrorKind::Unavailable),
            (503, "<html>", ErrorKind::Unavailable),
            (404, r#""geheim""#, ErrorKind::Unexpected),
            (200, "{}", ErrorKind::Unexpected),
        ] {
            let error = error(&Answer { status, body: body.into() }, FULL_ADDRESSES);
            assert_eq!(error.kind(), kind, "{status} {body}");
            assert!(!error.to_string().contains("geheim"), "{error}");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let is_own = status != 404 && !body.is_empty() && !body.contains('<') && body != "{}";
            assert_eq!(source.is_some(), is_own, "{status} {body}");
        }
    }
}
