//! Records that must still be as their caller has seen them, and the tags that say so.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ContentType, ETAG, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::http::api::answer::tag_of;
use crate::http::api::problem::{Code, Problem};

/// What the record must still be, by `If-Match` (RFC 9110, section 13.1.1).
#[derive(Debug, Clone)]
pub(in crate::http::api) struct Expected(Option<String>);

impl FromRequest for Expected {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(IF_MATCH).map(|value| value.to_str().map(str::to_owned));
        let wrong = |_| Problem::invalid("If-Match", "The header If-Match cannot be read");
        ready(value.transpose().map(Self).map_err(wrong))
    }
}

impl Expected {
    /// Is it the record that the caller has seen?
    pub(super) fn is_met_by(&self, record: &impl Serialize) -> bool {
        let Some(expected) = &self.0 else { return true };
        let tag = tag_of(&text(record));
        expected.split(',').map(str::trim).any(|own| own == "*" || own == tag)
    }
}

/// The problem of a record that is not the expected one.
pub(super) fn changed() -> Problem {
    Problem::new(Code::PreconditionFailed, "The record has changed since it was read; read it again")
}

/// A record that was made or changed, with its tag.
pub(super) fn written(mut answer: HttpResponseBuilder, record: &impl Serialize) -> HttpResponse {
    let body = text(record);
    let tag = tag_of(&body);
    answer.insert_header((ETAG, tag)).content_type(ContentType::json()).body(body)
}

fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("shapes of texts and numbers are JSON")
}
