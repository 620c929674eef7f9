//! Answers as the web API forms them.

use serde_json::json;

use crate::Response;

/// A refusal: `Error` has the class of the exception, `code` is what clients tell refusals by.
pub(super) fn refusal(status: u16, class: &str, code: &str, text: &str) -> Response {
    Response::json(status, &json!({"Error": format!("{class}{text}"), "code": code, "text": text}))
}

/// The call is malformed.
pub(super) fn malformed(text: &str) -> Response {
    refusal(400, "AdmConProtoError: ", "Client.Ibap.Proto", text)
}

pub(super) fn unknown_field(name: &str) -> Response {
    malformed(&format!("Unknown argument/field: '{name}'"))
}

/// A rule on the data is broken.
pub(super) fn invalid(text: &str) -> Response {
    let error = format!("AdmConDataError: None (IBDataError: IB.Data:{text})");
    Response::json(400, &json!({"Error": error, "code": "Client.Ibap.Data", "text": text}))
}

pub(super) fn conflict(text: &str) -> Response {
    let error = format!("AdmConDataError: None (IBDataConflictError: IB.Data.Conflict:{text})");
    Response::json(400, &json!({"Error": error, "code": "Client.Ibap.Data.Conflict", "text": text}))
}

pub(super) fn not_found(text: &str) -> Response {
    refusal(404, "AdmConDataNotFoundError: ", "Client.Ibap.Data.NotFound", text)
}

pub(super) fn no_view(name: &str) -> Response {
    not_found(&format!("View {name} not found"))
}

/// The web server itself says this, in HTML.
pub(super) fn unauthorized() -> Response {
    let page = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\"><html><head><title>401 Authorization Required</title>\
                </head><body><h1>Authorization Required</h1></body></html>";
    Response::html(401, page).with_header("WWW-Authenticate", "Basic realm=\"InfoBlox ONE Platform\"")
}
