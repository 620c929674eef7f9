//! One call over a connection of its own, with the headers of curl.

use std::io::{Read, Write};

use serde_json::Value;

/// Status and JSON of the answer, which is `null` for HEAD.
pub(crate) fn call(stream: impl Read + Write, method: &str, target: &str) -> (u16, Value) {
    call_with(stream, method, target, "")
}

/// The same with further headers, each with its line's end.
pub(crate) fn call_with(mut stream: impl Read + Write, method: &str, target: &str, headers: &str) -> (u16, Value) {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n{headers}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    if method == "HEAD" {
        return (status, Value::Null);
    }
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{method} {target}: {error} in {answer}")))
}
