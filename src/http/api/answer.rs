//! Answers that a caller can ask for again at no cost.

use actix_web::http::header::{CACHE_CONTROL, ContentType, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::sha256;
use serde::Serialize;

/// The value as JSON with an entity tag; 304 to a caller that has it already (RFC 9110, section 13.1.2).
pub(super) fn tagged(request: &HttpRequest, value: &impl Serialize) -> HttpResponse {
    let body = serde_json::to_string(value).expect("shapes of texts and numbers are JSON");
    let tag = tag_of(&body);
    let mut response = if has(request, &tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag.as_str())).insert_header((CACHE_CONTROL, "private, no-cache"));
    if has(request, &tag) { response.finish() } else { response.content_type(ContentType::json()).body(body) }
}

/// The entity tag of a body.
pub(super) fn tag_of(body: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&sha256(body.as_bytes())[..16]))
}

/// Does the caller have the answer of this tag?
fn has(request: &HttpRequest, tag: &str) -> bool {
    let tags = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).map(str::trim).any(|own| own == "*" || own.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_caller_that_has_the_answer_gets_none() {
        let request = |tags: &str| TestRequest::get().insert_header((IF_NONE_MATCH, tags)).to_http_request();
        let first = tagged(&request("\"other\""), &json!({"a": 1}));
        assert_eq!(first.status().as_u16(), 200);
        let tag = first.headers().get(ETAG).expect("a tag").to_str().expect("text").to_owned();
        for tags in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            assert_eq!(tagged(&request(&tags), &json!({"a": 1})).status().as_u16(), 304, "{tags}");
        }
        assert_eq!(tagged(&request(&tag), &json!({"a": 2})).status().as_u16(), 200);
    }
}
