//! The envelope around every answer, and the answers that have none.

use serde_json::{Value, json};

use crate::Response;

/// What a controller answers: data, or the status and message of a refusal.
pub(super) type Outcome = Result<Success, Refusal>;

/// A success, with the keys that its envelope has.
#[derive(Debug, Default)]
pub(super) struct Success {
    pub(super) code: u16,
    pub(super) data: Option<Value>,
    pub(super) message: Option<&'static str>,
    /// A text in answers to creations, a number everywhere else.
    pub(super) id: Option<u64>,
}

impl Success {
    pub(super) fn data(data: Value) -> Outcome {
        Ok(Self { code: 200, data: Some(data), ..Self::default() })
    }

    pub(super) fn message(message: &'static str) -> Outcome {
        Ok(Self { code: 200, message: Some(message), ..Self::default() })
    }
}

/// No success.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An envelope with this status.
    Says(u16, String),
    /// PHP stopped in the middle: 500, no body, and the connection is closed.
    Fatal,
    /// An error of the database, printed before the envelope that tells it again.
    Printed(String),
    /// The lock was not to be had: status 200 around an envelope that says 500.
    Locked(String),
    /// As above, in the versions whose own error handling breaks over it.
    LockedSilently,
    /// `json_encode` failed over what the message repeats.
    Unencodable,
    /// Apache answered before PHP saw the request.
    Apache,
}

impl Refusal {
    pub(super) fn says<T>(status: u16, message: impl Into<String>) -> Result<T, Self> {
        Err(Self::Says(status, message.into()))
    }
}

/// The answer to a request. Slashes are escaped as PHP does it.
pub(super) fn response(outcome: Outcome) -> Response {
    match outcome {
        Ok(Success { code, data, message, id }) => {
            let mut body = json!({"code": code, "success": true, "time": 0.002});
            let keys =
                [("data", data), ("message", message.map(Value::from)), ("id", id.map(|id| id.to_string().into()))];
            for (key, value) in keys {
                if let Some(value) = value {
                    body[key] = value;
                }
            }
            json(code, &body)
        }
        Err(Refusal::Says(status, message)) => refusal(status, status, &message),
        Err(Refusal::Fatal) => Response::html(500, "").with_header("Connection", "close"),
        Err(Refusal::Printed(message)) => {
            let envelope = refusal(500, 500, &message);
            let printed = format!("<div class='alert alert-danger'>{message}</div>").into_bytes();
            Response { body: [printed, envelope.body].concat(), ..envelope }
        }
        Err(Refusal::Locked(message)) => refusal(200, 500, &message),
        Err(Refusal::LockedSilently) => Response::html(503, ""),
        Err(Refusal::Unencodable) => json_text(400, String::new()),
        Err(Refusal::Apache) => {
            Response::html(404, "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><title>404 Not Found</title>")
        }
    }
}

/// How a token that is not known is refused. The header's address is phpIPAM's own mistake.
pub(super) fn unauthorized() -> Response {
    refusal(401, 401, "Unauthorized").with_header("Location", "/api//user/")
}

fn refusal(status: u16, code: u16, message: &str) -> Response {
    json(status, &json!({"code": code, "success": false, "message": message, "time": 0.001}))
}

fn json(status: u16, value: &Value) -> Response {
    json_text(status, value.to_string().replace('/', "\\/"))
}

fn json_text(status: u16, text: String) -> Response {
    let headers =
        vec![("Content-Type", "application/json; charset=utf-8".to_owned()), ("Cache-Control", "no-cache".to_owned())];
    Response { status, headers, body: text.into_bytes() }
}
