//! JSON bodies of requests.

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};
use crate::http::body::read_whole;

/// The body as this type. What is wrong with it is answered with the path to the value that is.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request);
        let payload = payload.take();
        Box::pin(async move {
            if !is_json {
                let text = "The body must be JSON, with the header 'Content-Type: application/json'";
                return Err(Problem::new(Code::UnsupportedMediaType, text));
            }
            parse(&read_whole(payload).await?).map(Self)
        })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let text = error.into_inner().to_string();
        let place = if field == "." { "The body".to_owned() } else { format!("The body's {field}") };
        Problem::invalid(field, format!("{place} cannot be read: {text}"))
    })?;
    let ended = reader.end();
    ended.map_err(|error| Problem::invalid(".", format!("The body has more after its value: {error}")))?;
    Ok(value)
}

/// The proof that the request came in whole, of methods whose body says nothing. A write whose sender broke off in the middle
/// must not happen (RFC 9112, section 8).
pub(super) struct WholeBody;

impl FromRequest for WholeBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read_whole(payload.take());
        Box::pin(async { Ok(read.await.map(|_| Self)?) })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        items: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u8,
    }

    async fn sent(kind: Option<&str>, body: impl Into<Vec<u8>>) -> Result<Outer, (u16, String)> {
        let mut request = TestRequest::post().set_payload(body.into());
        if let Some(kind) = kind {
            request = request.insert_header((CONTENT_TYPE, kind));
        }
        let (request, mut payload) = request.to_http_parts();
        let read = Body::<Outer>::from_request(&request, &mut payload).await;
        read.map(|Body(outer)| outer).map_err(|problem| (problem.status_code().as_u16(), problem.to_string()))
    }

    const JSON: Option<&str> = Some("application/json; charset=utf-8");

    #[actix_web::test]
    async fn what_is_wrong_with_a_body_is_named() {
        assert_eq!(sent(JSON, r#"{"items": [{"count": 5}]}"#).await.expect("right").items[0].count, 5);
        let text = |outcome: Result<Outer, (u16, String)>| outcome.expect_err("wrong").1;
        let wrong = text(sent(JSON, r#"{"items": [{"count": 5}, {"count": "x"}]}"#).await);
        assert!(wrong.starts_with("The body's items[1].count cannot be read: invalid type: string"), "{wrong}");
        let unknown = text(sent(JSON, r#"{"items": [], "x": 1}"#).await);
        assert!(unknown.contains("unknown field `x`"), "{unknown}");
        for body in ["", "{", "{} {}", "[]", "\u{0}"] {
            assert_eq!(sent(JSON, body).await.expect_err("wrong").0, 400, "{body:?}");
        }
        assert_eq!(sent(JSON, [0xff, 0xfe]).await.expect_err("wrong").0, 400);
    }

    #[actix_web::test]
    async fn other_types_and_long_bodies_have_codes_of_their_own() {
        for kind in [None, Some("text/plain"), Some("application/jsonx"), Some("application/x-www-form-urlencoded")] {
            assert_eq!(sent(kind, "{}").await.expect_err("no JSON").0, 415, "{kind:?}");
        }
        let long = format!(r#"{{"items": [{}]}}"#, " ".repeat(70_000));
        assert_eq!(sent(JSON, long).await.expect_err("too long").0, 413);
    }
}
