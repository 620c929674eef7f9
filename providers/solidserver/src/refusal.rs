//! What SOLIDserver means by an answer that is not the expected one.

use ipam_provider::http::Answer;
use ipam_provider::{Error, ErrorKind};

use crate::vendor::WHAT;
use crate::wire::Refusal;

/// The number of a refusal for want of a parameter (recorded).
const MISSING_PARAMETER: &str = "4";

/// Words of a refusal for want of a right. How an appliance says it is not recorded: a 403, or a 400 with one of these.
const RIGHTS: [&str; 5] = ["permission", "not allowed", "access denied", "unauthorized", "insufficient right"];

/// Is the user known, and not allowed to use the service?
pub(crate) fn lacks_right(answer: &Answer) -> bool {
    match answer.status {
        403 => true,
        400 => Refusal::read(&answer.body).is_some_and(|refusal| speaks_of_rights(&refusal)),
        _ => false,
    }
}

fn speaks_of_rights(refusal: &Refusal) -> bool {
    let text = refusal.text.to_lowercase();
    RIGHTS.iter().any(|words| text.contains(words))
}

/// Is this the refusal of a request that lacks a parameter, as a probe's does on purpose?
pub(crate) fn lacks_parameter(answer: &Answer) -> bool {
    answer.status == 400 && Refusal::read(&answer.body).is_some_and(|refusal| refusal.number == MISSING_PARAMETER)
}

/// What an answer means that is not the expected one; `right` is the service that was asked.
pub(crate) fn error(answer: &Answer, right: &str) -> Error {
    match answer.status {
        401 => invalid_credentials("does not accept the user and password, or the token").because(answer.cause()),
        // EfficientIP's Terraform provider: "Possible time drift".
        412 => {
            invalid_credentials("does not accept the time of the token's signature: set the clocks of both machines")
                .because(answer.cause())
        }
        _ if lacks_right(answer) => {
            let text = format!(
                "The user of {WHAT} may not use the service {right}; give the user's group the right to use it"
            );
            Error::new(ErrorKind::Unauthenticated, text).because(answer.cause())
        }
        400 => invalid(answer, right),
        // 5xx, whatever the body.
        _ => answer.error(WHAT),
    }
}

fn invalid_credentials(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("Invalid credentials for External IPAM: {WHAT} {why}"))
}

/// A 400: `{"errno": …, "errmsg": …}`. The numbers are not documented, so that they decide nothing; who must know whether
/// an address is taken looks.
fn invalid(answer: &Answer, right: &str) -> Error {
    let Some(refusal) = Refusal::read(&answer.body) else {
        return answer.error(WHAT).because(answer.cause());
    };
    Error::new(ErrorKind::Rejected, refused_text(&refusal, right)).because(answer.cause())
}

/// A row of an answer with a success status that is a refusal all the same.
pub(crate) fn refused_row(refusal: &Refusal, right: &str) -> Error {
    let kind = if speaks_of_rights(refusal) { ErrorKind::Unauthenticated } else { ErrorKind::Rejected };
    Error::new(kind, refused_text(refusal, right)).because(format!("{}: {}", refusal.number, refusal.text))
}

fn refused_text(refusal: &Refusal, right: &str) -> String {
    let number: String = refusal.number.chars().filter(char::is_ascii_digit).take(9).collect();
    format!("{WHAT} refuses the request (service {right}, error {number}); its own words are in the log of the proxy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_understood() {
        let missing = r#"{"errno":"4","errmsg":"Missing parameter","severity":"error","parameters":"ip_id/hostaddr"}"#;
        for (status, body, kind, words) in [
            (401, "geheim", ErrorKind::Unauthenticated, "Invalid credentials for External IPAM"),
            (412, "", ErrorKind::Unauthenticated, "set the clocks of both machines"),
            (403, "<html>geheim", ErrorKind::Unauthenticated, "the service ip_add"),
            (400, r#"[{"errno":"2","errmsg":"Permission denied"}]"#, ErrorKind::Unauthenticated, "the service ip_add"),
            (400, missing, ErrorKind::Rejected, "(service ip_add, error 4)"),
            (400, r#"{"errno":"<b>","errmsg":"geheim"}"#, ErrorKind::Rejected, "(service ip_add, error )"),
            (400, "<html>geheim", ErrorKind::Rejected, "400"),
            (429, "", ErrorKind::Unavailable, "429"),
            (500, r#"{"errno":"4","errmsg":"geheim"}"#, ErrorKind::Unavailable, "500"),
            (302, "", ErrorKind::Unexpected, "url"),
        ] {
            let error = error(&Answer { status, body: body.into() }, "ip_add");
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{status} {body}: {text}");
            assert!(text.contains(words) && !text.contains("geheim") && !text.contains('<'), "{status} {body}: {text}");
        }
        assert!(lacks_parameter(&Answer { status: 400, body: missing.into() }));
        assert!(!lacks_parameter(&Answer { status: 400, body: br#"{"errno":"44"}"#.to_vec() }));
    }
}
