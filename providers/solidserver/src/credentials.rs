//! Who asks: user and password with each request, or a signature of it.

use std::time::{SystemTime, UNIX_EPOCH};

use ipam_provider::http::{HeaderValue, Request, secret_header};
use ipam_provider::settings::Secret;
use openssl::base64::encode_block;
use openssl::hash::{MessageDigest, hash};
use secrecy::ExposeSecret;

use crate::settings::{Access, Settings};

/// What is added to each request. Nothing is logged in to: SOLIDserver keeps no session.
#[derive(Debug, Clone)]
pub(crate) enum Credentials {
    /// The same headers each time.
    Headers(Vec<(&'static str, HeaderValue)>),
    /// `Authorization: SDS <id>:<signature>`.
    Token { id: String, secret: Secret },
}

impl Credentials {
    pub(crate) fn of(settings: &Settings) -> Self {
        let encoded = |text: &str| secret_header(&encode_block(text.as_bytes())).expect("base64 is visible ASCII");
        match &settings.access {
            Access::Native { user, password } => Self::Headers(vec![
                ("x-ipm-username", encoded(user)),
                ("x-ipm-password", encoded(password.expose_secret())),
            ]),
            Access::Basic { user, password } => {
                let pair = encode_block(format!("{user}:{}", password.expose_secret()).as_bytes());
                let value = secret_header(&format!("Basic {pair}")).expect("base64 is visible ASCII");
                Self::Headers(vec![("authorization", value)])
            }
            Access::Token { id, secret } => Self::Token { id: id.clone(), secret: secret.clone() },
        }
    }

    /// The request with what shows who asks. Nothing may be added to its query afterwards.
    pub(crate) fn show<'a>(&self, request: Request<'a>) -> Request<'a> {
        match self {
            Self::Headers(headers) => {
                headers.iter().fold(request, |request, (name, value)| request.header(name, value))
            }
            Self::Token { id, secret } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
                let signature = signature(secret.expose_secret(), now, request.method(), request.url());
                let value = secret_header(&format!("SDS {id}:{signature}"));
                let value = value.expect("the settings take an id that a header may hold");
                let time = HeaderValue::from(now);
                request.header("authorization", &value).header("x-sds-ts", &time)
            }
        }
    }
}

/// The hexadecimal SHA3-256 of secret, time, method and URL, a line each (SOLIDserverRest 2.14.0, `query`).
fn signature(secret: &str, time: u64, method: &str, url: &str) -> String {
    let text = format!("{secret}\n{time}\n{method}\n{url}");
    let digest = hash(MessageDigest::sha3_256(), text.as_bytes()).expect("OpenSSL 1.1.1 and later have SHA3");
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Captured from SOLIDserverRest 2.14.0.
    #[test]
    fn a_signature_is_that_of_the_vendors_own_client() {
        let url = "https://127.0.0.1:33047/rest/ip_site_list?limit=100&offset=0";
        assert_eq!(
            signature("keysecret456", 1_795_197_813, "GET", url),
            "d93384a7ff3a4dad9f2f36ba6b7c0c4b9e938ad68d5d9d9cf7c407d5a7a52058"
        );
    }
}
