//! What SWIS means by an answer that is not the expected one: mostly status 400, and a text for programmers.

use ipam_provider::http::{Answer, no_api, one_line};
use ipam_provider::{Error, ErrorKind};
use serde_json::{Map, Value};

use crate::vendor::WHAT;

/// So much of an answer goes into the log.
const CAUSE_AT_MOST: usize = 500;

/// The `Message` of `{"Message", "ExceptionType", "FullException"}`.
fn message(answer: &Answer) -> Option<String> {
    let body: Map<String, Value> = serde_json::from_slice(&answer.body).ok()?;
    let message = body.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("Message"));
    message.and_then(|(_, text)| text.as_str().map(str::to_owned))
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(crate) fn error(answer: &Answer, right: &str) -> Error {
    let said = message(answer);
    let cause = one_line(said.as_deref().unwrap_or_default(), CAUSE_AT_MOST);
    match (answer.status, said) {
        // The body is empty, or a page of the web server.
        (401, _) => {
            let text = format!(
                "Invalid credentials for External IPAM: {WHAT} does not accept user and password; correct them in the \
                 provider's settings, and look whether the account is enabled"
            );
            Error::new(ErrorKind::Unauthenticated, text)
        }
        (403, _) => lacks(right).because(cause),
        // The row of a uri that is not there is a 400, so this is always about the path.
        (404, _) => no_api(WHAT),
        (400, Some(said)) => refused(&said, right).because(cause),
        // 5xx, whatever the body.
        _ => answer.error(WHAT),
    }
}

fn lacks(right: &str) -> Error {
    let text = format!("The SolarWinds account lacks a right: {right}; grant it");
    Error::new(ErrorKind::Unauthenticated, text)
}

/// A 400 with a text. Which text stands for which refusal is known of two; of others it is a guess, and then the text is in
/// the log.
fn refused(said: &str, right: &str) -> Error {
    let lower = said.to_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if speaks_of(&["access denied", "access is denied", "not authorized", "unauthorized", "permission", "privilege"]) {
        return lacks(right);
    }
    let (kind, text) = if speaks_of(&["not found in catalog"]) {
        // `Source entity [IPAM.Subnet] not found in catalog`.
        let text = "The SolarWinds server has no IPAM, or one that is older than the proxy knows; the provider's page names \
                    the versions";
        (ErrorKind::Unsupported, text.to_owned())
    } else if speaks_of(&["invalid key properties"]) {
        // `Invalid key properties specified for entity IPAM.IPNode`.
        (ErrorKind::NotFound, format!("{WHAT} has no such record any more"))
    } else if speaks_of(&["already exists", "duplicate"]) {
        (ErrorKind::AlreadyExists, format!("The IP address already exists in {WHAT}"))
    } else {
        (ErrorKind::Rejected, format!("{WHAT} refuses the request; its own words are in the log of the proxy"))
    };
    Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::CHANGE_ADDRESSES;

    /// Status, body, the kind, and words that the message must have.
    #[test]
    fn refusals_are_understood() {
        let said = |text: &str| format!(r#"{{"Message": "{text}", "ExceptionType": "x", "FullException": "geheim"}}"#);
        for (status, body, kind, word) in [
            (401, String::new(), ErrorKind::Unauthenticated, "Invalid credentials for External IPAM"),
            (401, "<html>".to_owned(), ErrorKind::Unauthenticated, "Invalid credentials for External IPAM"),
            (403, said("geheim"), ErrorKind::Unauthenticated, "for changing IP addresses"),
            (403, "<html>".to_owned(), ErrorKind::Unauthenticated, "role Power User"),
            (400, said("Access denied. geheim"), ErrorKind::Unauthenticated, "role Power User"),
            (400, said("Source entity [IPAM.X] not found in catalog"), ErrorKind::Unsupported, "has no IPAM"),
            (400, said("Invalid key properties specified for entity X"), ErrorKind::NotFound, "no such record"),
            (400, said("IP address already exists geheim"), ErrorKind::AlreadyExists, "already exists"),
            (400, said("geheim"), ErrorKind::Rejected, "in the log of the proxy"),
            (400, "<html>".to_owned(), ErrorKind::Rejected, "status 400"),
            (404, said("geheim"), ErrorKind::Unexpected, "url"),
            (404, "<html>".to_owned(), ErrorKind::Unexpected, "url"),
            (301, String::new(), ErrorKind::Unexpected, "url"),
            (429, String::new(), ErrorKind::Unavailable, "429"),
            (500, said("geheim"), ErrorKind::Unavailable, "500"),
            (503, "<html>".to_owned(), ErrorKind::Unavailable, "503"),
        ] {
            let error = error(&Answer { status, body: body.clone().into_bytes() }, CHANGE_ADDRESSES);
            let message = error.to_string();
            assert_eq!(error.kind(), kind, "{status} {body}: {message}");
            assert!(message.contains(word), "{status} {body}: {message}");
            assert!(!message.contains("geheim") && !message.contains('<'), "{message}");
        }
    }

    #[test]
    fn the_servers_own_words_are_the_cause() {
        let body = br#"{"Message": "IP node\r\n  is locked"}"#.to_vec();
        let error = error(&Answer { status: 400, body }, CHANGE_ADDRESSES);
        assert_eq!(std::error::Error::source(&error).expect("a cause").to_string(), "IP node is locked");
    }
}
