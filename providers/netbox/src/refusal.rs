//! What an answer of NetBox that is no success means.

use ipam_provider::http::{Answer, no_api, one_line};
use ipam_provider::{Error, ErrorKind};
use serde_json::Value;

use crate::vendor::WHAT;
use crate::wire;

/// The one text of a refusal that is about rights.
const NO_PERMISSION: &str = "You do not have permission to perform this action.";

/// The beginning of what NetBox says of an address that is taken.
const DUPLICATE: &str = "Duplicate IP address found";

/// What NetBox says of an address in a range that is marked as populated (4.3 and newer).
const INSIDE_RANGE: &str = "inside range";

/// The beginning of what NetBox says of a record that another one is to refer to, and that is not there.
const NO_RELATED: &str = "Related object not found";

/// The filters that name a group by its id.
const GROUP_FILTERS: [&str; 4] = ["vrf_id", "tenant_id", "site_id", "role_id"];

/// So much of an answer goes into the log.
const CAUSE_AT_MOST: usize = 300;

/// The error of a request that needs this permission.
///
/// NetBox answers in the language of `Accept-Language`, which is always English here, so that its texts can be told
/// apart. Nothing of a 500 is looked at but for the one word: such bodies show the database's host and its errors.
pub(crate) fn error(answer: &Answer, permission: &str) -> Error {
    let error = match answer.status {
        // Every failure of authentication is 403, never 401; only the text tells a wrong token from a missing right.
        403 => forbidden(answer, permission),
        400 => bad_request(answer),
        404 => not_found(answer),
        // Only of something in front of NetBox.
        401 => answer.error(WHAT),
        // Deleting what other records need, or no room for a next address.
        409 => Error::new(ErrorKind::Rejected, format!("{WHAT} refuses this because other records depend on it")),
        500 if contains(&answer.body, "maintenance mode") => {
            let text = format!("{WHAT} is in maintenance mode and takes no changes");
            return Error::new(ErrorKind::Unavailable, text);
        }
        _ => return answer.error(WHAT),
    };
    error.because(cause(answer))
}

/// A wrong token, or a token without the right. A read-only token and a missing permission look the same.
fn forbidden(answer: &Answer, permission: &str) -> Error {
    let unauthenticated = |text: String| Error::new(ErrorKind::Unauthenticated, text);
    let Ok(wire::Detail { detail }) = answer.json() else {
        // A page of a front end, such as a firewall for applications.
        return answer.error(WHAT);
    };
    if detail == NO_PERMISSION {
        return unauthenticated(format!(
            "{WHAT} refuses this to the proxy's token: the token is read-only, or its user lacks {permission}"
        ));
    }
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| detail.starts_with(beginning));
    let why = if begins(&["Source IP"]) {
        "the token may not be used from the proxy's address"
    } else if begins(&["Token expired"]) {
        "the token has expired"
    } else if begins(&["Token disabled"]) {
        "the token is disabled"
    } else if begins(&["User inactive"]) {
        "the token's user is not active"
    } else if begins(&["Invalid token", "Invalid v1 token", "Invalid v2 token", "Invalid authorization"]) {
        "the token is not valid"
    } else if begins(&["Authentication credentials"]) {
        // 3.x also says it of a scheme that it does not know.
        "it received no token: something in front of it removes the header Authorization, or this version does not know \
         tokens that begin with nbt_"
    } else if begins(&["CSRF Failed"]) {
        "the request belongs to a browser's session (CSRF): something in front of it adds a cookie"
    } else {
        let text = format!(
            "{WHAT} refuses the request (status 403) for a reason that is not known here; it is in the proxy's log, and \
             foreman-ipam-proxy check shows it"
        );
        return unauthenticated(text);
    };
    unauthenticated(format!("Invalid credentials for External IPAM: {WHAT} says that {why}"))
}

/// A refused value: `{"field": ["text"]}`, `{"__all__": ["text"]}`, `{"detail": "text"}`, or a page of HTML.
fn bad_request(answer: &Answer) -> Error {
    let rejected = |text: String| Error::new(ErrorKind::Rejected, text);
    let Ok(Value::Object(body)) = answer.json() else {
        // The host in the URL is not in ALLOWED_HOSTS, or the web server refuses the request line.
        return rejected(format!(
            "{WHAT} refuses the request; check that ALLOWED_HOSTS there has the host of the url in the settings"
        ));
    };
    // A filter by the id of a group that has gone is refused rather than answered with an empty list.
    if GROUP_FILTERS.iter().any(|filter| body.contains_key(*filter)) {
        return Error::new(ErrorKind::NotFound, format!("The group has gone from {WHAT}"));
    }
    // The same of a VRF that an address is to be recorded in.
    if body.get("vrf").is_some_and(|texts| texts.to_string().contains(NO_RELATED)) {
        return Error::new(ErrorKind::NotFound, format!("The VRF has gone from {WHAT}"));
    }
    // There is no 409 for an address that is taken.
    if body.get("address").is_some_and(|texts| texts.to_string().contains(DUPLICATE)) {
        return Error::new(ErrorKind::AlreadyExists, format!("The address is already recorded in {WHAT}"));
    }
    if body.get("address").is_some_and(|texts| texts.to_string().contains(INSIDE_RANGE)) {
        return rejected(format!(
            "{WHAT} takes no address in an IP range that is marked as populated; choose another address, or remove the \
             mark there"
        ));
    }
    if body.contains_key("detail") {
        return rejected(format!("A rule in {WHAT} (a protection rule, for example) refuses this"));
    }
    let is_plain = |key: &&String| key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let fields: Vec<&str> = body.keys().filter(is_plain).map(String::as_str).collect();
    match fields[..] {
        // Of no one field: custom validators, and custom fields with a bad value or without the one they require.
        [] | ["__all__"] => {
            rejected(format!("A rule in {WHAT} (a custom field or custom validator) refuses the address; see the log"))
        }
        _ => rejected(format!("{WHAT} refuses the value of {}; see the log", fields.join(", "))),
    }
}

/// A record that is not there, or a page that is not there.
fn not_found(answer: &Answer) -> Error {
    match answer.json::<wire::Detail>() {
        Ok(_) => Error::new(ErrorKind::NotFound, format!("The record has gone from {WHAT}")),
        // A wrong path is a page of HTML; it must not pass for a record that has gone.
        Err(_) => no_api(WHAT),
    }
}

/// What NetBox said, for the log: one line, cut short.
fn cause(answer: &Answer) -> String {
    format!("status {}: {}", answer.status, one_line(&String::from_utf8_lossy(&answer.body), CAUSE_AT_MOST))
}

fn contains(body: &[u8], words: &str) -> bool {
    body.windows(words.len()).any(|window| window == words.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into() }
    }

    fn refused(status: u16, body: Value) -> (ErrorKind, String) {
        let error = error(&answer(status, &body.to_string()), "ipam.add_ipaddress");
        (error.kind(), error.to_string())
    }

    #[test]
    fn failures_of_the_token_are_told_from_missing_rights_by_their_text() {
        for (detail, says) in [
            ("Invalid v1 token", "is not valid"),
            ("Invalid v2 token", "is not valid"),
            ("Invalid token", "is not valid"),
            ("Invalid authorization header: Could not parse key from v2 token.", "is not valid"),
            ("Authentication credentials were not provided.", "removes the header Authorization"),
            ("CSRF Failed: CSRF token missing.", "adds a cookie"),
            ("Token expired", "has expired"),
            ("Token disabled", "is disabled"),
            ("User inactive", "is not active"),
            ("Source IP 192.0.2.7 is not permitted to authenticate using this token.", "the proxy's address"),
        ] {
            let (kind, text) = refused(403, json!({"detail": detail}));
            assert_eq!(kind, ErrorKind::Unauthenticated, "{detail}");
            assert!(
                text.starts_with("Invalid credentials for External IPAM") && text.contains(says),
                "{detail}: {text}"
            );
        }
        let (kind, text) = refused(403, json!({"detail": NO_PERMISSION}));
        assert_eq!(kind, ErrorKind::Unauthenticated);
        assert!(text.contains("read-only") && text.contains("ipam.add_ipaddress"), "{text}");
        assert_eq!(error(&answer(403, "<html>"), "x").kind(), ErrorKind::Unauthenticated);
    }

    #[test]
    fn an_unknown_reason_is_not_the_tokens_fault_and_stays_readable_for_the_administrator() {
        let body = json!({"detail": "Client IP address could not be determined for validation."}).to_string();
        let refused = error(&answer(403, &body), "ipam.view_vrf");
        assert_eq!(refused.kind(), ErrorKind::Unauthenticated);
        let text = refused.to_string();
        assert!(text.contains("not known here") && !text.contains("token") && !text.contains("Client IP"), "{text}");
        assert!(refused.source().expect("what NetBox said").to_string().contains("Client IP address"));
    }

    #[test]
    fn a_bad_request_is_what_its_body_says() {
        let duplicate = json!({"address": ["Duplicate IP address found in VRF blue (65000:1): 10.1.13.10/24"]});
        assert_eq!(refused(400, duplicate).0, ErrorKind::AlreadyExists);
        let range = json!({"address": ["Cannot create IP address 10.1.12.5/24 inside range 10.1.12.1-9/24."]});
        let (kind, text) = refused(400, range);
        assert_eq!(kind, ErrorKind::Rejected);
        assert!(text.contains("marked as populated") && !text.contains("10.1.12.1-9"), "{text}");
        let invalid = json!({"address": ["Invalid IP address format: x"]});
        assert_eq!(
            refused(400, invalid),
            (ErrorKind::Rejected, "NetBox refuses the value of address; see the log".into())
        );
        let gone = json!({"vrf_id": ["Select a valid choice. 99999 is not one of the available choices."]});
        assert_eq!(refused(400, gone).0, ErrorKind::NotFound);
        let gone = json!({"vrf": ["Related object not found using the provided numeric ID: 7"]});
        assert_eq!(refused(400, gone).0, ErrorKind::NotFound);
        assert_eq!(refused(400, json!({"__all__": ["Invalid value for custom field"]})).0, ErrorKind::Rejected);
        assert_eq!(
            refused(400, json!({"detail": "Deletion is prevented by a protection rule"})).0,
            ErrorKind::Rejected
        );
        let html = error(&answer(400, "<h1>Bad Request (400)</h1>"), "x");
        assert_eq!(html.kind(), ErrorKind::Rejected);
        assert!(html.to_string().contains("ALLOWED_HOSTS"), "{html}");
    }

    #[test]
    fn a_page_that_is_missing_is_no_record_that_has_gone() {
        assert_eq!(refused(404, json!({"detail": "No Prefix matches the given query."})).0, ErrorKind::NotFound);
        assert_eq!(refused(404, json!({"detail": "Not found."})).0, ErrorKind::NotFound);
        assert_eq!(error(&answer(404, "<!DOCTYPE html>"), "x").kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn nothing_of_a_failure_inside_netbox_reaches_people_or_the_log() {
        let inside = json!({"error": "connection to server at \"db.internal\", port 15432 failed"}).to_string();
        let maintenance = json!({"error": "NetBox is currently operating in maintenance mode and …"}).to_string();
        for (status, body) in [(500, &inside), (502, &inside), (503, &inside), (500, &maintenance)] {
            let failed = error(&answer(status, body), "x");
            assert_eq!(failed.kind(), ErrorKind::Unavailable);
            assert!(!failed.to_string().contains("db.internal"), "{failed}");
            assert!(failed.source().is_none(), "{failed:?}");
        }
        let maintenance = error(&answer(500, &maintenance), "x");
        assert!(maintenance.to_string().contains("maintenance mode"), "{maintenance}");
    }
}
