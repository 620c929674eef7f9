//! Errors in the form that the caller can read.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ContentType, HeaderValue, USER_AGENT};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::error::ForemanError;
use crate::http::request_log::Outcome;
use crate::http::state::shared;
use crate::http::trouble;
use crate::settings::ErrorStyle;

/// Foreman's HTTP client. It raises on any status but 2xx and throws the body away, so only a 200 carries a text to the
/// person in front of it.
const FOREMAN_CLIENT: &str = "rest-client/";

/// The methods with which a route asks the IPAM. Its other answers come from memory too, and prove nothing of the IPAM.
pub(super) struct AsksIpam(pub(super) &'static [&'static str]);

/// Notes how calls end, and gives errors the form that the caller can read.
pub(super) async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<ForemanError>());
    trouble::note(response.request(), error, asks_ipam(response.request()));
    let Some(error) = error else { return Ok(response) };
    let body = if is_for_foreman(response.request()) { error.in_foreman_style() } else { None };
    match body {
        None => Ok(response),
        Some(body) => {
            let mut answer = HttpResponse::Ok().content_type(ContentType::json()).body(body.to_string());
            answer.extensions_mut().insert(Outcome(error.status_code()));
            Ok(response.into_response(answer))
        }
    }
}

fn asks_ipam(request: &HttpRequest) -> bool {
    let asking = request.app_data::<AsksIpam>();
    asking.is_some_and(|AsksIpam(methods)| methods.contains(&request.method().as_str()))
}

fn is_for_foreman(request: &HttpRequest) -> bool {
    match shared(request).serving().foreman.error_style {
        ErrorStyle::Foreman => true,
        ErrorStyle::Http => false,
        ErrorStyle::Auto => {
            let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
            agent.is_some_and(|agent| agent.starts_with(FOREMAN_CLIENT.as_bytes()))
        }
    }
}
