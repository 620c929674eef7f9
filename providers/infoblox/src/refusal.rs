//! What Infoblox means by an answer that is not the expected one.

use ipam_provider::http::{Answer, no_api};
use ipam_provider::{Error, ErrorKind};

use crate::vendor::WHAT;
use crate::wire::Refusal;

fn refusal(answer: &Answer) -> Refusal {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// User and password are refused. It is the web server that says so, in HTML.
pub(crate) fn invalid_credentials(answer: &Answer) -> Error {
    let text = "Invalid credentials for External IPAM: Infoblox does not let the user in. Correct user and password, and allow the \
         interface API in the user's admin group";
    Error::new(ErrorKind::Unauthenticated, text).because(answer.cause())
}

/// Does the user lack a right? The status is not documented: 403, or 400 with a class of its own.
pub(crate) fn lacks_right(answer: &Answer) -> bool {
    let Refusal { error, code, text } = refusal(answer);
    let is_denied = code.starts_with("Client.Ibap.Auth")
        || error.starts_with("AdmConAuth")
        || text.to_ascii_lowercase().contains("not authorized");
    (answer.status == 403 && !code.is_empty()) || (answer.status == 400 && is_denied)
}

/// Are there fewer free addresses than were asked for?
pub(crate) fn is_exhausted(answer: &Answer) -> bool {
    let Refusal { error, text, .. } = refusal(answer);
    // `Cannot find 1 available IP address(es) in this network.`
    let is_told = |text: &str| text.contains("Cannot find") && text.contains("available IP");
    answer.status == 400 && (is_told(&text) || is_told(&error))
}

/// Is the call itself malformed, as it is with more addresses than may be asked for?
pub(crate) fn is_malformed(answer: &Answer) -> bool {
    answer.status == 400 && !refusal(answer).code.is_empty() && !is_exhausted(answer) && !lacks_right(answer)
}

/// Does something have the address, the client or the name already? The code is not in every version's answer; the class is.
fn is_conflict(refusal: &Refusal) -> bool {
    refusal.code.starts_with("Client.Ibap.Data.Conflict") || refusal.error.contains("IB.Data.Conflict")
}

/// `Reference … not found`, `View … not found`. Only the API itself has the code: a gateway that does not know the path may
/// answer in JSON as well.
fn is_not_found(refusal: &Refusal) -> bool {
    refusal.code.starts_with("Client.Ibap.Data.NotFound") || refusal.error.starts_with("AdmConDataNotFoundError")
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(crate) fn error(answer: &Answer, right: &str) -> Error {
    let refusal = refusal(answer);
    match answer.status {
        401 => invalid_credentials(answer),
        _ if lacks_right(answer) => {
            let text = format!("The Infoblox user lacks a permission: {right}; grant it to its admin group");
            Error::new(ErrorKind::Unauthenticated, text).because(answer.cause())
        }
        400 | 404 if is_not_found(&refusal) => {
            Error::new(ErrorKind::NotFound, "Infoblox has no such record any more").because(answer.cause())
        }
        404 => no_api(WHAT),
        400 if !refusal.error.is_empty() || !refusal.text.is_empty() => invalid(&refusal).because(answer.cause()),
        _ => answer.error(WHAT),
    }
}

/// A 400, with the class of the error in the code.
fn invalid(refusal: &Refusal) -> Error {
    let says = |what: &str| refusal.text.contains(what) || refusal.error.contains(what);
    let (kind, text) = if is_conflict(refusal) {
        (ErrorKind::AlreadyExists, "The IP address, its MAC or its name already exists in Infoblox")
    } else if says("Version") && says("not supported") {
        (
            ErrorKind::Rejected,
            "Infoblox does not have the version of its API that wapi_version names; set an older one, such as 2.7",
        )
    } else if says("extensible attribute") {
        (
            ErrorKind::Rejected,
            "Infoblox refuses what extensible_attributes sets: define the attribute, or correct its value; its own words are in the proxy's log",
        )
    } else if says("parent was not found") {
        (
            ErrorKind::Rejected,
            "Infoblox has no zone for the host's name in the DNS view; correct zone and dns_view in the provider's settings",
        )
    } else if refusal.code.starts_with("Client.Ibap.Proto") {
        (
            ErrorKind::Unexpected,
            "This version of Infoblox does not understand what the proxy asks for; its own words are in the proxy's log",
        )
    } else {
        (ErrorKind::Rejected, "Infoblox refuses the record; its own words are in the proxy's log")
    };
    Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use ipam_conformance::RAW_BODY;
    use serde_json::json;

    use super::*;
    use crate::vendor::FIXED;

    fn answer(status: u16, class: &str, code: &str, text: &str) -> Answer {
        let body = json!({"Error": format!("{class}{text}"), "code": code, "text": text});
        Answer { status, body: body.to_string().into() }
    }

    /// Status, class, code, text, kind, and words that the message must have.
    #[test]
    fn refusals_are_understood() {
        let conflict = "AdmConDataError: None (IBDataConflictError: IB.Data.Conflict:";
        let data = "AdmConDataError: None (IBDataError: IB.Data:";
        let missing = "AdmConDataNotFoundError: ";
        for (status, class, code, text, kind, word) in [
            (
                400,
                conflict,
                "Client.Ibap.Data.Conflict",
                "The record 'x' exists.",
                ErrorKind::AlreadyExists,
                "already exists",
            ),
            (400, conflict, "", "The record 'x' exists.", ErrorKind::AlreadyExists, "already exists"),
            (404, missing, "Client.Ibap.Data.NotFound", "View x not found", ErrorKind::NotFound, "no such record"),
            (400, missing, "", "View x not found", ErrorKind::NotFound, "no such record"),
            (403, "AdmConAuthError: ", "Client.Ibap.Auth", "No", ErrorKind::Unauthenticated, FIXED.write),
            (403, "", "Client.Ibap.Data", "No", ErrorKind::Unauthenticated, FIXED.write),
            (400, "AdmConAuthError: ", "", "No", ErrorKind::Unauthenticated, FIXED.write),
            (400, data, "Client.Ibap.Data", "Not Authorized", ErrorKind::Unauthenticated, FIXED.write),
            (
                400,
                "AdmConProtoError: ",
                "Client.Ibap.Proto",
                "Version 9.9 not supported",
                ErrorKind::Rejected,
                "wapi_version",
            ),
            (
                400,
                "AdmConProtoError: ",
                "Client.Ibap.Proto",
                "Unknown argument/field: 'x'",
                ErrorKind::Unexpected,
                "version",
            ),
            (
                400,
                data,
                "Client.Ibap.Data",
                "Unknown extensible attribute: Site",
                ErrorKind::Rejected,
                "extensible_attributes",
            ),
            (
                400,
                data,
                "Client.Ibap.Data",
                "The action is not allowed. A parent was not found.",
                ErrorKind::Rejected,
                "zone",
            ),
            (400, data, "Client.Ibap.Data", "Something new", ErrorKind::Rejected, "log"),
            (503, data, "Client.Ibap.Data", "busy", ErrorKind::Unavailable, "trouble of its own"),
        ] {
            let error = error(&answer(status, class, code, text), FIXED.write);
            assert_eq!(error.kind(), kind, "{status} {class}{text}: {error}");
            assert!(error.to_string().contains(word) && !error.to_string().contains(RAW_BODY), "{error}");
        }
    }

    #[test]
    fn what_is_not_the_api_is_no_absent_record() {
        for (status, body, kind) in [
            (404, format!("{{\"detail\": \"{RAW_BODY}\"}}"), ErrorKind::Unexpected),
            (404, format!("<html>{RAW_BODY}</html>"), ErrorKind::Unexpected),
            (403, format!("<html>{RAW_BODY}</html>"), ErrorKind::Unauthenticated),
            (400, format!("<html>{RAW_BODY}</html>"), ErrorKind::Rejected),
            (401, format!("<html>{RAW_BODY}</html>"), ErrorKind::Unauthenticated),
            (302, String::new(), ErrorKind::Unexpected),
            (429, String::new(), ErrorKind::Unavailable),
        ] {
            let error = error(&Answer { status, body: body.into() }, FIXED.write);
            assert_eq!(error.kind(), kind, "{status}: {error}");
            assert!(!error.to_string().contains(RAW_BODY), "{error}");
        }
    }

    #[test]
    fn a_full_network_is_known_by_its_text() {
        let data = "AdmConDataError: None (IBDataError: IB.Data:";
        let full = answer(400, data, "Client.Ibap.Data", "Cannot find 12 available IP address(es) in this network.");
        assert!(is_exhausted(&full) && !is_malformed(&full));
        let other = answer(400, "AdmConProtoError: ", "Client.Ibap.Proto", "Invalid value for num");
        assert!(!is_exhausted(&other) && is_malformed(&other));
        assert!(!is_malformed(&Answer { status: 400, body: b"<html></html>".to_vec() }));
    }
}
