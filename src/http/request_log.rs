//! The two log lines of a request, in the words of Foreman's proxy, its id and its caller for all between them, and how it
//! ended for the metrics.

use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use log::Level;

use super::listener::Listener;
use super::state::shared;
use super::{access, connection, monitoring, route};
use crate::telemetry::request_id::{self, RequestId};

/// Paths are cut to this many characters in the log.
const PATH_AT_MOST: usize = 512;

/// The status of an error that is answered with a 200; an extension of the response, for the metrics.
pub(super) struct Outcome(pub(super) StatusCode);

/// Logs `Started GET /path` and `Finished GET /path with 200 (2.61 ms)`: looks over the control socket and the routes of
/// monitoring as DEBUG, because they come again and again, all else as INFO. As DEBUG, the caller is between them.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let _under_way = connection::begin_request(request.request());
    let given = request.headers().get("X-Request-Id").and_then(|id| id.to_str().ok());
    let id = RequestId::accept(given);
    request_id::scope(id, async {
        let is_frequent = is_own_look(&request) || monitoring::is_route(request.path());
        let level = if is_frequent { Level::Debug } else { Level::Info };
        let start = Instant::now();
        if !log::log_enabled!(level) {
            let response = next.call(request).await?;
            count(&response, start.elapsed());
            return Ok(response);
        }
        let method = request.method().clone();
        let uri = request.uri();
        let path = cut(uri.path());
        log::log!(level, "Started {method} {path} {}", cut(uri.query().unwrap_or_default()));
        let path = path.to_owned();
        let response = next.call(request).await?;
        if log::log_enabled!(Level::Debug)
            && let Some(caller) = request_id::caller()
        {
            log::debug!("The caller is {caller}");
        }
        let took = start.elapsed();
        count(&response, took);
        // In whole numbers, which are written faster than fractions.
        let hundredths = took.as_micros() / 10;
        let (whole, part) = (hundredths / 100, hundredths % 100);
        log::log!(level, "Finished {method} {path} with {} ({whole}.{part:02} ms)", response.status().as_u16());
        Ok(response)
    })
    .await
}

fn count(response: &ServiceResponse<impl MessageBody>, took: Duration) {
    let request = response.request();
    let status = response.response().extensions().get::<Outcome>().map_or(response.status(), |outcome| outcome.0);
    let method = request.method().as_str();
    shared(request).metrics().answered(route::taken(request), method, status.as_u16(), took);
}

/// Does one of the proxy's own commands only look? `next_ip` is more than a look, whoever asks.
fn is_own_look(request: &ServiceRequest) -> bool {
    request.method() == Method::GET
        && access::listener(request.request()) == Some(Listener::Control)
        && !request.path().starts_with("/ipam/subnet/")
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(PATH_AT_MOST).map_or(text, |(end, _)| &text[..end])
}
