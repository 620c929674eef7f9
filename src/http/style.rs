//! Errors as the caller can read them, and one log line for each.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ContentType, HeaderValue, USER_AGENT};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use ipam_provider::ErrorKind;

use super::error::ApiError;
use super::state::shared;
use crate::allocation::Failure;
use crate::settings::ErrorStyle;
use crate::telemetry::with_causes;

/// The trouble that Foreman shows on the proxy's page while the IPAM fails.
const IPAM: &str = "IPAM";

/// Foreman's HTTP client. It raises on any status but 2xx and throws the body away, so only a 200 carries a text to the
/// person in front of it.
const FOREMAN_CLIENT: &str = "rest-client/";

/// Gives errors the form that the caller can read, and logs them.
pub(super) async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(error) = error else {
        if response.request().path().starts_with("/ipam/") {
            shared(response.request()).set_trouble(IPAM, None);
        }
        return Ok(response);
    };
    note(response.request(), error);
    let body = if is_for_foreman(response.request()) { error.in_foreman_style() } else { None };
    match body {
        None => Ok(response),
        Some(body) => {
            let answer = HttpResponse::Ok().content_type(ContentType::json()).body(body.to_string());
            Ok(response.into_response(answer))
        }
    }
}

fn is_for_foreman(request: &HttpRequest) -> bool {
    match shared(request).serving().error_style {
        ErrorStyle::Foreman => true,
        ErrorStyle::Http => false,
        ErrorStyle::Auto => {
            let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
            agent.is_some_and(|agent| agent.starts_with(FOREMAN_CLIENT.as_bytes()))
        }
    }
}

/// Logs why a call failed, with the cause that the caller is not told.
fn note(request: &HttpRequest, error: &ApiError) {
    match error.failure() {
        Some(Failure::Provider(cause)) => {
            log::error!("{} [{}]", with_causes(&**cause), cause.kind());
            match cause.kind() {
                ErrorKind::Unauthenticated | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Unexpected => {
                    shared(request).set_trouble(IPAM, Some(error.to_string()));
                }
                ErrorKind::NotFound | ErrorKind::AlreadyExists | ErrorKind::Unsupported | ErrorKind::Rejected => {}
            }
        }
        Some(_) => log::warn!("{error}"),
        None if error.status_code().is_server_error() => log::error!("{error}"),
        None => log::info!("{error}"),
    }
}
