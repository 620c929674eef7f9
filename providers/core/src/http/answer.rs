//! A whole answer of an IPAM.

use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result};

/// An answer that was read to its end. Its body never goes into a message: it may hold what is the IPAM's own.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Answer {
    /// Is the status 2xx?
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// [`Unexpected`](ErrorKind::Unexpected) when it is none. The source says where it differs, without values.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = format!("{:?} error in line {}, column {}", error.classify(), error.line(), error.column());
            Error::new(ErrorKind::Unexpected, "The IPAM's answer could not be understood").because(place)
        })
    }

    /// What the status means when the vendor's own texts say nothing better: `what` names the IPAM.
    ///
    /// 429 and every 5xx may pass. A redirect is a wrong `url` in the settings: following it could turn a write into a
    /// read, or show the credentials to another host.
    pub fn error(&self, what: &str) -> Error {
        let (kind, text) = match self.status {
            300..=399 => (
                ErrorKind::Unexpected,
                "answers with a redirect; correct the url in the provider's settings".to_owned(),
            ),
            401 | 403 => {
                (ErrorKind::Unauthenticated, "refuses the proxy's credentials, or they lack a right".to_owned())
            }
            408 | 425 | 429 => (ErrorKind::Unavailable, format!("is asked too much (status {})", self.status)),
            500..=599 => (ErrorKind::Unavailable, format!("has trouble of its own (status {})", self.status)),
            400..=499 => (ErrorKind::Rejected, format!("refuses the request (status {})", self.status)),
            status => {
                (ErrorKind::Unexpected, format!("gives an answer that could not be understood (status {status})"))
            }
        };
        Error::new(kind, format!("{what} {text}"))
    }
}
