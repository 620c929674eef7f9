//! Bodies of requests, and how long a client may take.

use std::time::Duration;

use actix_web::dev::Payload;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::error::RequestError;

/// How long a client may take to finish a TLS handshake, to send a request's head, then its body, to read more of an
/// answer, and to send the next request.
pub(super) const SLOW_CLIENT: Duration = Duration::from_secs(10);

/// A longer body is not read to its end; Foreman sends none, or a short one with a webhook.
const BODY_AT_MOST: usize = 64 * 1024;

/// Reads a body that nothing is done with to its end.
pub(super) async fn read_to_end(payload: Payload) -> Result<(), RequestError> {
    read_whole(payload).await.map(drop)
}

/// Reads a body.
pub(super) async fn read_whole(mut payload: Payload) -> Result<Vec<u8>, RequestError> {
    let read = async {
        let mut body = Vec::new();
        while let Some(part) = payload.next().await {
            let part = part.map_err(|_| RequestError::Invalid("The request's body is broken".to_owned()))?;
            body.extend_from_slice(&part);
            if body.len() > BODY_AT_MOST {
                return Err(RequestError::TooLong { at_most: BODY_AT_MOST });
            }
        }
        Ok(body)
    };
    // actix limits the head only.
    timeout(SLOW_CLIENT, read).await.unwrap_or_else(|_| Err(RequestError::slow_body(SLOW_CLIENT)))
}
