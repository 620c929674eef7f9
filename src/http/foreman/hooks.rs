//! Webhooks of Foreman, which are hints: what they say of a host is not used, the host is read from Foreman's API.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use serde_json::{Value, json};

use super::access::trust;
use super::error::ForemanError;
use super::extract::TextBody;
use crate::caller::{Caller, Door, Principal, Rights, Who};
use crate::http::access::{refuse, turn_away};
use crate::http::error::RequestError;
use crate::http::state::{Now, shared};
use crate::telemetry::request_id;

/// The path that webhooks call.
pub(super) const PATH: &str = "/hooks/foreman";

/// Lets only those through who are trusted, or show the token; nobody where webhooks are off.
pub(super) async fn demand_trust_or_token(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if !shared(request.request()).serving().names.webhooks {
        return Ok(refuse(request, ForemanError::from(RequestError::UnknownRoute)));
    }
    if !shows_token(request.request())
        && let Err(refusal) = trust(request.request()).await
    {
        return Ok(turn_away::<ForemanError>(request, refusal));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Is the secret of `webhook_token` shown, as `Authorization: Bearer`?
fn shows_token(request: &HttpRequest) -> bool {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_token = shown
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|token| shared(request).serving().names.is_token(token.trim()));
    if is_token {
        let principal = Principal { who: Who::Webhook, rights: Rights::Hints };
        request_id::set_caller(Caller { door: Door::Foreman, principal });
    }
    is_token
}

/// `POST /hooks/foreman` with `{"id": 7, …}` → 202 `{"message": "…"}`
///
/// The answer is the same whether Foreman has such a host or not.
pub(super) async fn hint(TextBody(body): TextBody, now: Now) -> Result<HttpResponse, ForemanError> {
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let host = body.as_ref().and_then(|body| body.get("id")).and_then(Value::as_u64);
    let Some(host) = host else {
        return Err(ForemanError::invalid(
            "The webhook has no id of a host; use the template that foreman-ipam-proxy brings with it".to_owned(),
        ));
    };
    // A full queue has been logged.
    now.names.queue.hint(host);
    Ok(HttpResponse::Accepted().json(json!({"message": "The host will be read from Foreman"})))
}
