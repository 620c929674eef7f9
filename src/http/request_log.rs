//! The two log lines of a request, in the words of Foreman's proxy, and its id and its caller for all between them.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use log::Level;

use super::listener::Listener;
use super::{access, connection};
use crate::telemetry::request_id::{self, RequestId};

/// Paths are cut to this many characters in the log.
const PATH_AT_MOST: usize = 512;

/// Logs `Started GET /path` and `Finished GET /path with 200 (2.61 ms)`: looks over the control socket as DEBUG, because health
/// checks take them again and again, all else as INFO. As DEBUG, the caller is between them.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let _under_way = connection::begin_request(request.request());
    let given = request.headers().get("X-Request-Id").and_then(|id| id.to_str().ok());
    let id = RequestId::accept(given);
    request_id::scope(id, async {
        let level = if is_own_look(&request) { Level::Debug } else { Level::Info };
        if !log::log_enabled!(level) {
            return next.call(request).await;
        }
        let start = Instant::now();
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
        // In whole numbers, which are written faster than fractions.
        let hundredths = start.elapsed().as_micros() / 10;
        let (whole, part) = (hundredths / 100, hundredths % 100);
        log::log!(level, "Finished {method} {path} with {} ({whole}.{part:02} ms)", response.status().as_u16());
        Ok(response)
    })
    .await
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
