//! What v2 means by an answer that is not the expected one.

use ipam_provider::http::{Answer, no_api};
use ipam_provider::{Error, ErrorKind};

use super::wire::Refusal;
use crate::vendor::WHAT;

/// The code of an error, where the answer is one of v2.
pub(super) fn code(answer: &Answer) -> Option<String> {
    serde_json::from_slice::<Refusal>(&answer.body).unwrap_or_default().code
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(super) fn error(answer: &Answer, right: &str) -> Error {
    let code = code(answer);
    let (kind, text) = match (answer.status, code.as_deref()) {
        // A login would have renewed the session.
        (401, Some(_)) => return refused_credentials("it does not know the proxy's token").because(answer.cause()),
        (403, Some(_)) => (
            ErrorKind::Unauthenticated,
            format!("{WHAT} refuses the request: the API user lacks the access right {right}; grant it"),
        ),
        (404, Some(_)) => (ErrorKind::NotFound, format!("{WHAT} has no such record any more")),
        (404, None) => return no_api(WHAT),
        (409, Some("ResourceAlreadyExists")) => {
            (ErrorKind::AlreadyExists, format!("The record already exists in {WHAT}"))
        }
        (400, Some("InvalidFilterField" | "InvalidQueryParameter")) => (
            ErrorKind::Unexpected,
            format!("This version of {WHAT} does not know what the proxy asks for; set api: v1, and report it"),
        ),
        (400 | 409, Some(_)) => (
            ErrorKind::Rejected,
            format!("{WHAT} refuses the record because of its rules; its own words are in the log of the proxy"),
        ),
        // A 5xx may show what is inside, and what has no code is not Address Manager's.
        _ => return answer.error(WHAT),
    };
    Error::new(kind, text).because(answer.cause())
}

/// Begins as the Ruby plugin's message does.
pub(super) fn refused_credentials(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("Invalid credentials for External IPAM: {WHAT} says no, {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vendor::FULL_ADDRESSES;

    fn of(status: u16, code: &str) -> Error {
        let body = json!({"status": status, "reason": "Reason", "code": code, "message": "geheim"});
        error(&Answer { status, body: body.to_string().into() }, FULL_ADDRESSES)
    }

    #[test]
    fn codes_have_their_kinds_and_the_vendors_words_stay_in_the_log() {
        for (status, code, kind) in [
            (401, "InvalidAuthorizationToken", ErrorKind::Unauthenticated),
            (403, "InsufficientPermissions", ErrorKind::Unauthenticated),
            (404, "ResourceNotFound", ErrorKind::NotFound),
            (409, "ResourceAlreadyExists", ErrorKind::AlreadyExists),
            (409, "ResourceInUse", ErrorKind::Rejected),
            (400, "InvalidResourceFieldValue", ErrorKind::Rejected),
            (400, "InvalidFilterField", ErrorKind::Unexpected),
            (405, "MethodNotAllowed", ErrorKind::Rejected),
            (429, "TooManyRequests", ErrorKind::Unavailable),
            (500, "InternalServerError", ErrorKind::Unavailable),
            (308, "PermanentRedirect", ErrorKind::Unexpected),
        ] {
            let error = of(status, code);
            assert_eq!(error.kind(), kind, "{status} {code}");
            assert!(!error.to_string().contains("geheim"), "{error}");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let is_known = matches!(status, 400 | 401 | 403 | 404 | 409);
            assert_eq!(source.is_some_and(|source| source.contains("geheim")), is_known, "{status} {code}");
        }
        assert!(of(403, "x").to_string().contains(FULL_ADDRESSES));
    }

    #[test]
    fn a_404_without_a_code_is_not_address_managers() {
        for body in ["<html>not found</html>", "{}", r#"{"detail": "Not Found"}"#, ""] {
            let error = error(&Answer { status: 404, body: body.into() }, FULL_ADDRESSES);
            assert_eq!(error.kind(), ErrorKind::Unexpected, "{body}");
        }
    }
}
