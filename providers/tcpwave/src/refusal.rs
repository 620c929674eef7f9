//! What TCPWave means by an answer that is not the expected one.
//!
//! Nearly every refusal is status 500 with a text such as `TIMS-2011: Subnet address range clashes with an existing
//! subnet`, also when the caller is at fault. Few numbers are known, so that a text is
//! [`Rejected`](ErrorKind::Rejected), and who asked looks for the reason. A 500 of another kind is trouble, as
//! everywhere.

use ipam_provider::http::{Answer, one_line, shape};
use ipam_provider::{Error, ErrorKind};
use serde_json::Value;

use crate::vendor::WHAT;

/// So much of an answer goes into the log.
const CAUSE_AT_MOST: usize = 300;

/// Words of a text that is about rights.
const ABOUT_RIGHTS: [&str; 5] = ["permission", "privilege", "authoriz", "authoris", "access denied"];

/// The number in a text that begins as TCPWave's refusals do, such as `TIMS-2011`.
pub(crate) fn number(answer: &Answer) -> Option<&str> {
    let text = std::str::from_utf8(&answer.body).ok()?.trim_start().trim_start_matches('"');
    let (number, _) = text.split_once(':')?;
    let digits = number.strip_prefix("TIMS-")?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// What an answer means that is not the expected one; `right` is what the request needed.
pub(crate) fn error(answer: &Answer, right: &str) -> Error {
    let lacks = || {
        let text =
            format!("The administrator of the proxy's {WHAT} credentials lacks the right: {right}; grant it in {WHAT}");
        Error::new(ErrorKind::Unauthenticated, text).because(cause(answer))
    };
    match (answer.status, number(answer)) {
        (401, _) => {
            let text = format!(
                "Invalid credentials for External IPAM: {WHAT} does not accept the client certificate or the session \
                 token; import the certificate there, or set a valid session_token in the provider's settings"
            );
            Error::new(ErrorKind::Unauthenticated, text).because(cause(answer))
        }
        (403, _) => lacks(),
        (_, Some(_)) if is_about_rights(answer) => lacks(),
        (_, Some(number)) => {
            let text = format!("{WHAT} refuses the request ({number}); its own words are in the log of the proxy");
            Error::new(ErrorKind::Rejected, text).because(cause(answer))
        }
        // Nothing of its body: such pages show what is inside.
        (_, None) => answer.error(WHAT),
    }
}

/// An answer in no known shape. The log has the shape, so that it can be reported, without the values.
pub(crate) fn not_understood(answer: &Answer) -> Error {
    let text = String::from_utf8_lossy(&answer.body);
    let shape = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) => shape(&value),
        Err(_) if text.trim().is_empty() => "nothing".to_owned(),
        Err(_) if text.trim_start().starts_with('<') => "a page of HTML or XML".to_owned(),
        Err(_) => format!("the text {text}"),
    };
    answer.not_understood(WHAT).because(said(&shape))
}

fn is_about_rights(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    ABOUT_RIGHTS.iter().any(|word| text.contains(word))
}

/// The words of a refusal, for the log.
fn cause(answer: &Answer) -> String {
    said(&String::from_utf8_lossy(&answer.body))
}

/// One line, cut short.
fn said(text: &str) -> String {
    format!("{WHAT} answered: {}", one_line(text, CAUSE_AT_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::ADD_OBJECTS;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into() }
    }

    #[test]
    fn refusals_are_understood() {
        for (status, body, kind, words) in [
            (401, "Unauthorized", ErrorKind::Unauthenticated, "Invalid credentials for External IPAM"),
            (403, "<html>geheim", ErrorKind::Unauthenticated, "lacks the right: add objects"),
            (500, "TIMS-0000: You do not have permission to geheim.", ErrorKind::Unauthenticated, "lacks the right"),
            (500, "TIMS-2011: Subnet address range geheim", ErrorKind::Rejected, "(TIMS-2011)"),
            (200, "TIMS-1234: geheim", ErrorKind::Rejected, "(TIMS-1234)"),
            (400, "\"TIMS-1234: geheim\"", ErrorKind::Rejected, "(TIMS-1234)"),
            (400, "geheim", ErrorKind::Rejected, "status 400"),
            (302, "", ErrorKind::Unexpected, "redirect"),
            (429, "TIMS", ErrorKind::Unavailable, "429"),
            (500, "<html>geheim: permission", ErrorKind::Unavailable, "status 500"),
            (500, "", ErrorKind::Unavailable, "status 500"),
            (503, "TIMS-x: geheim", ErrorKind::Unavailable, "status 503"),
        ] {
            let error = error(&answer(status, body), ADD_OBJECTS);
            assert_eq!(error.kind(), kind, "{status} {body}");
            let text = error.to_string();
            assert!(text.contains(words) && !text.contains("geheim") && !text.contains('<'), "{status} {body}: {text}");
        }
    }

    #[test]
    fn the_shape_of_an_odd_answer_is_in_the_cause_and_its_values_are_not() {
        for (body, shape) in [
            (
                r#"{"exist": "geheim", "list": [{"id": 7, "is": true}, 5], "none": null}"#,
                "{exist: text, list: [{id: number, is: flag}], none: null}",
            ),
            ("[]", "[]"),
            ("\"geheim\"", "text"),
            ("", "nothing"),
            ("<html>geheim", "a page of HTML or XML"),
            ("Perhaps", "the text Perhaps"),
        ] {
            let error = not_understood(&answer(200, body));
            let source = std::error::Error::source(&error).expect("what came").to_string();
            assert_eq!(source, format!("TCPWave answered: {shape}"), "{body}");
        }
    }

    #[test]
    fn what_came_is_in_the_cause_in_one_line_and_cut_short() {
        for error in [
            error(&answer(500, "TIMS-0000: the\n words"), ADD_OBJECTS),
            not_understood(&answer(200, &format!("the words {}", "x".repeat(1000)))),
        ] {
            let source = std::error::Error::source(&error).expect("what was said").to_string();
            assert!(source.contains("the words") && source.len() < 330, "{source}");
            assert!(!error.to_string().contains("the words"), "{error}");
        }
    }
}
