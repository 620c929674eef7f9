//! What Nautobot means by an answer that is not the expected one.

use ipam_provider::http::{Answer, no_api};
use ipam_provider::{Error, ErrorKind};
use serde_json::Value;

use crate::vendor::{VIEW_NAMESPACES, VIEW_STATUSES, WHAT};
use crate::wire::Refusal;

fn refusal(answer: &Answer) -> Refusal {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Is this how the loser of a race is told? Status 500, and as `exception` the refusal of the database (`IntegrityError`,
/// `duplicate key value violates unique constraint …`), or that of the check which is made once more just before the
/// write and which nobody catches (`ValidationError`, `{'__all__': ['IP address … already exists in ….']}`).
pub(crate) fn is_lost_race(answer: &Answer) -> bool {
    let exception = refusal(answer).exception;
    answer.status == 500 && matches!(exception.as_deref(), Some("IntegrityError" | "ValidationError"))
}

/// `{"parent": ["10.1.0.0/16: Global cannot be assigned as the parent of 10.1.2.3/16. …"]}`: the prefix is there, and a
/// smaller one is around the address, or it has been moved.
pub(crate) fn is_other_parent(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status == 400 && body["parent"].to_string().contains("cannot be assigned as the parent")
}

/// Is the token valid, and its user not allowed to do this? A token that may only read has the same text.
pub(crate) fn lacks_right(answer: &Answer) -> bool {
    let detail = refusal(answer).detail;
    answer.status == 403 && detail.as_deref() == Some("You do not have permission to perform this action.")
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(crate) fn error(answer: &Answer, right: &str) -> Error {
    let refusal = refusal(answer);
    match (answer.status, refusal.detail.as_deref()) {
        // Nautobot answers 403 to everything about access, also to a token that it does not know, and never 401.
        (403, _) if lacks_right(answer) => {
            let is_to_view = right.starts_with("view");
            let what_to_do = if is_to_view { "grant it" } else { "grant it, and let the token write" };
            let message = format!("The user of the Nautobot token lacks the permission: {right}; {what_to_do}");
            Error::new(ErrorKind::Unauthenticated, message)
        }
        (403, Some(detail)) => forbidden(detail).because(answer.cause()),
        // Only of something in front of Nautobot.
        (401, _) => invalid_credentials("does not accept the token; set a valid one in the provider's settings")
            .because(answer.cause()),
        (403, None) => answer.error(WHAT).because(answer.cause()),
        // `No Prefix matches the given query.`; in older versions `Not found.`
        (404, Some(_)) => Error::new(ErrorKind::NotFound, "Nautobot has no such record any more"),
        (404, None) => no_api(WHAT),
        (400, _) => invalid(answer),
        // 5xx, whatever the body: it names the database's host and its SQL.
        _ => answer.error(WHAT),
    }
}

/// A refusal that is not about a right.
fn forbidden(detail: &str) -> Error {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| detail.starts_with(beginning));
    if begins(&["Invalid token", "Token expired", "User inactive"]) {
        return invalid_credentials("does not accept the token; set a valid one in the provider's settings");
    }
    if begins(&["Authentication credentials"]) {
        return invalid_credentials("received no token: something in front of it removes the header Authorization");
    }
    if begins(&["CSRF Failed"]) {
        return invalid_credentials(
            "takes the request for one of a browser's session (CSRF): something in front of it adds a cookie",
        );
    }
    let text = "Nautobot refuses the request (status 403) for a reason that is not known here; it is in the proxy's log, \
                and foreman-ipam-proxy check shows it";
    Error::new(ErrorKind::Unauthenticated, text)
}

fn invalid_credentials(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("Invalid credentials for External IPAM: Nautobot {why}"))
}

/// A 400: `{"<field>": ["text", …]}`, with `__all__` for what concerns the whole record.
fn invalid(answer: &Answer) -> Error {
    let Ok(Value::Object(fields)) = serde_json::from_slice(&answer.body) else {
        // The page of a server that is called by a name that it does not know.
        return Error::new(
            ErrorKind::Rejected,
            "Nautobot refuses the request (status 400); the host in the provider's url must be in its ALLOWED_HOSTS",
        );
    };
    let says = |field: &str, text: &str| fields.get(field).is_some_and(|said| said.to_string().contains(text));
    let (kind, message) = if says("__all__", "already exists") {
        // `IP address 10.1.13.10/24 already exists in 10.1.13.0/24.` There is no 409.
        (ErrorKind::AlreadyExists, "The IP address already exists in Nautobot".to_owned())
    } else if says("parent", "Related object not found") {
        (ErrorKind::NotFound, "Nautobot has no such prefix any more".to_owned())
    } else if says("namespace", "Related object not found") {
        // The prefix is in it, so the namespace is there; the user may not view it.
        let text = format!("The user of the Nautobot token lacks the permission: {VIEW_NAMESPACES}; grant it");
        (ErrorKind::Rejected, text)
    } else if fields.contains_key("namespace") {
        // `No suitable parent Prefix for … exists in Namespace …`, or `Select a valid choice. …` when the namespace
        // that was to be filtered by is gone.
        let message = "Nautobot has no prefix for the address, or no namespace for the prefix, any more";
        (ErrorKind::NotFound, message.to_owned())
    } else if fields.contains_key("status") {
        // A status that the user may not view is refused like one that does not exist.
        let message = format!(
            "Nautobot does not know the status in the provider's settings (upper and lower case matter), or the user \
             of the token lacks the permission: {VIEW_STATUSES}"
        );
        (ErrorKind::Rejected, message)
    } else if fields.values().any(|said| said.to_string().contains("Unknown filter field")) {
        (ErrorKind::Unexpected, "This version of Nautobot does not know what the proxy asks for".to_owned())
    } else {
        let names: Vec<&str> = fields.keys().map(String::as_str).filter(|name| is_word(name)).collect();
        let message = format!(
            "Nautobot refuses the record because of: {}; compare the provider's settings with Nautobot's rules, its \
             own words are in the log of the proxy",
            names.join(", ")
        );
        (ErrorKind::Rejected, message)
    };
    Error::new(kind, message).because(answer.cause())
}

fn is_word(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::{ADD_ADDRESSES, VIEW_PREFIXES};

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into() }
    }

    /// Status, body, the kind, and words that the message must have.
    #[test]
    fn refusals_are_understood() {
        for (status, body, kind, word) in [
            (
                403,
                r#"{"detail": "Invalid token"}"#,
                ErrorKind::Unauthenticated,
                "Invalid credentials for External IPAM",
            ),
            (
                403,
                r#"{"detail": "Authentication credentials were not provided."}"#,
                ErrorKind::Unauthenticated,
                "Invalid credentials for External IPAM: Nautobot received no token",
            ),
            (403, r#"{"detail": "CSRF Failed: CSRF cookie not set."}"#, ErrorKind::Unauthenticated, "adds a cookie"),
            (403, r#"{"detail": "geheim"}"#, ErrorKind::Unauthenticated, "a reason that is not known here"),
            (
                403,
                r#"{"detail": "You do not have permission to perform this action."}"#,
                ErrorKind::Unauthenticated,
                "add on ipam.ipaddress",
            ),
            (403, "<html>", ErrorKind::Unauthenticated, "credentials"),
            (401, "<html>", ErrorKind::Unauthenticated, "Invalid credentials for External IPAM"),
            (404, r#"{"detail": "No Prefix matches the given query."}"#, ErrorKind::NotFound, "no such record"),
            (404, "<html>", ErrorKind::Unexpected, "url"),
            (301, "", ErrorKind::Unexpected, "url"),
            (406, r#"{"detail": "Invalid version"}"#, ErrorKind::Rejected, "406"),
            (429, "", ErrorKind::Unavailable, "429"),
            (500, r#"{"error": "geheim", "exception": "OperationalError"}"#, ErrorKind::Unavailable, "500"),
            (502, "<html>", ErrorKind::Unavailable, "502"),
            (
                400,
                r#"{"__all__": ["IP address 10.1.13.10/24 already exists in 10.1.13.0/24."]}"#,
                ErrorKind::AlreadyExists,
                "already exists",
            ),
            (400, r#"{"__all__": ["One of parent or namespace must be provided"]}"#, ErrorKind::Rejected, "__all__"),
            (
                400,
                r#"{"namespace": ["No suitable parent Prefix for 203.0.113.5 exists in Namespace Global"]}"#,
                ErrorKind::NotFound,
                "no prefix",
            ),
            (
                400,
                r#"{"namespace": ["Related object not found using the provided attributes: {'pk': 'x'}"]}"#,
                ErrorKind::Rejected,
                "view on ipam.namespace",
            ),
            (
                400,
                r#"{"parent": ["Related object not found …"], "namespace": ["Related object not found …"]}"#,
                ErrorKind::NotFound,
                "no such prefix",
            ),
            (
                400,
                r#"{"status": ["Related object not found using the provided attributes: {'name': 'active'}"]}"#,
                ErrorKind::Rejected,
                "view on extras.status",
            ),
            (400, r#"{"fields": ["Unknown filter field"]}"#, ErrorKind::Unexpected, "version"),
            (400, r#"{"custom_fields": ["geheim"], "<b>": ["x"]}"#, ErrorKind::Rejected, "because of: custom_fields;"),
            (400, "<title>Bad Request (400)</title>", ErrorKind::Rejected, "ALLOWED_HOSTS"),
        ] {
            let error = error(&answer(status, body), ADD_ADDRESSES);
            assert_eq!(error.kind(), kind, "{status} {body}");
            let message = error.to_string();
            assert!(message.contains(word), "{status} {body}: {message}");
            assert!(!message.contains("geheim") && !message.contains('<'), "{message}");
        }
    }

    #[test]
    fn an_unknown_reason_stays_readable_for_the_administrator() {
        for body in [r#"{"detail": "Not from there."}"#, "<h1>Not from there.</h1>"] {
            let error = error(&answer(403, body), VIEW_PREFIXES);
            let source = std::error::Error::source(&error).expect("what was said").to_string();
            assert!(source.contains("Not from there.") && !error.to_string().contains("there."), "{error}: {source}");
        }
    }
}
