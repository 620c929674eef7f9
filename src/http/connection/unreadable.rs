//! JSON for the answers that actix-http gives by itself.
//!
//! What it cannot read as a request never reaches the application: it answers with a status, no body, and closes the
//! connection. It has no hook for that, so its answer is found in the output, where it is always the last: it is the only
//! one with an error status and without the `Server` header that the application gives to all of its answers.

use serde_json::json;

use crate::http::body::SLOW_CLIENT;
use crate::http::listener::Listener;
use crate::http::{SERVER, api};

/// An answer of actix-http's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Where it begins in the output.
    pub(super) start: usize,
    /// Its status.
    pub(super) status: u16,
    /// What is wrong with the request.
    pub(super) text: String,
    /// What is sent in place of it.
    pub(super) answer: Vec<u8>,
}

/// The answer of actix-http's own that the output ends with, if there is one. `listener` decides the form of what is sent in
/// place of it.
pub(super) fn find(output: &[u8], listener: Listener) -> Option<Unreadable> {
    // Only an answer without a body ends so: ours are JSON.
    let before_end = output.strip_suffix(b"\r\n\r\n")?;
    let start = before_end.windows(7).rposition(|part| part == b"HTTP/1.")?;
    let head = std::str::from_utf8(&before_end[start..]).ok()?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let has = |name: &str| head.lines().any(|line| is_header(line, name));
    if status < 400 || has("server") {
        return None;
    }
    let text = text(status);
    let (kind, body) = match listener {
        Listener::Api => api::unreadable(status, &text),
        Listener::Https | Listener::Http | Listener::Control => {
            ("application/json", json!({"error": text}).to_string())
        }
    };
    let kept = head.lines().filter(|line| !is_header(line, "content-length") && !is_header(line, "connection"));
    let mut answer: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    let length = body.len();
    answer.push_str(&format!(
        "server: {SERVER}\r\nx-content-type-options: nosniff\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ));
    Some(Unreadable { start, status, text, answer: answer.into_bytes() })
}

fn is_header(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
}

fn text(status: u16) -> String {
    match status {
        408 => format!("The request's head has not come within {} seconds", SLOW_CLIENT.as_secs()),
        431 => "The request's head is too long".to_owned(),
        400 => "The request cannot be read: it is not HTTP/1.1, or a header or the body is malformed; \
                a POST of HTTP/1.0 needs Content-Length"
            .to_owned(),
        _ => "The request cannot be answered because of a fault in the proxy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nServer: x\r\n\r\n{}";
    const THEIRS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: today\r\n\r\n";

    #[test]
    fn an_empty_answer_gets_a_body_that_says_why() {
        for before in [&b""[..], OURS] {
            let found = find(&[before, THEIRS].concat(), Listener::Https).expect("an answer");
            assert_eq!((found.start, found.status), (before.len(), 400));
            let answer = String::from_utf8(found.answer).expect("text");
            let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
            assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\ndate: today\r\nserver: "), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
            assert!(head.ends_with("\r\nconnection: close"), "{head}");
            assert_eq!(body, json!({"error": found.text}).to_string());
        }
    }

    #[test]
    fn for_the_management_api_it_is_a_problem() {
        let found = find(THEIRS, Listener::Api).expect("an answer");
        let answer = String::from_utf8(found.answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(
            (&body["status"], &body["code"], &body["detail"]),
            (&json!(400), &json!("invalid"), &json!(found.text))
        );
    }

    #[test]
    fn the_applications_answers_stay_as_they_are() {
        let of_head = b"HTTP/1.1 404 Not Found\r\ncontent-length: 20\r\nserver: x\r\n\r\n";
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        for output in [OURS, of_head, interim, b"", b"\r\n\r\n", b"{\"a\":1}", b"HTTP/1.1 \r\n\r\n"] {
            assert_eq!(find(output, Listener::Https), None, "{:?}", String::from_utf8_lossy(output));
        }
    }
}
