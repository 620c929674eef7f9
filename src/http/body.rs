//! Bodies of requests, and how long a client may take.

use std::time::Duration;

use actix_web::dev::Payload;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::error::RequestError;

/// How long a client may take to finish a TLS handshake, to send a request's head, then its body, to read more of an
/// answer, and to send the next request.
pub(super) const SLOW_CLIENT: Duration = Duration::from_secs(10);

/// A longer body that nothing is done with is not read to its end; Foreman sends none.
const BODY_AT_MOST: usize = 64 * 1024;

/// Reads a body that nothing is done with to its end.
pub(super) async fn read_to_end(mut payload: Payload) -> Result<(), RequestError> {
    let read = async {
        let mut length = 0;
        while let Some(part) = payload.next().await {
            let part = part.map_err(|_| RequestError::Invalid("The request's body is broken".to_owned()))?;
            length += part.len();
            if length > BODY_AT_MOST {
                return Err(RequestError::Invalid(format!(
                    "The request's body is longer than {BODY_AT_MOST} bytes; send none"
                )));
            }
        }
        Ok(())
    };
    // actix limits the head only.
    timeout(SLOW_CLIENT, read).await.unwrap_or_else(|_| Err(RequestError::slow_body(SLOW_CLIENT)))
}
