//! The session: Basic authentication once, then the cookie that it has set.
//!
//! A grid writes each login into its audit log and has a limit of sessions, so that user and password must not go with
//! every request.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipam_provider::http::{Answer, HeaderValue, HttpClient, LogIn, LoginError, Method, secret_header};
use ipam_provider::{Error, ErrorKind};
use secrecy::ExposeSecret;

use crate::Settings;
use crate::refusal::{error, invalid_credentials};
use crate::vendor::{COOKIE, VIEWS};

/// Directories behind a grid lock users out after some failed logins within minutes.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Opens sessions.
pub(crate) struct Session {
    http: HttpClient,
    version: String,
    basic: HeaderValue,
}

impl Session {
    /// Does no network.
    pub(crate) fn new(http: HttpClient, settings: &Settings) -> Self {
        let pair = STANDARD.encode(format!("{}:{}", settings.user, settings.password.expose_secret()));
        let basic = secret_header(&format!("Basic {pair}")).expect("base64 is visible ASCII");
        Self { http, version: format!("v{}", settings.wapi_version), basic }
    }
}

#[async_trait]
impl LogIn for Session {
    async fn log_in(&self) -> Result<HeaderValue, LoginError> {
        let json = HeaderValue::from_static("application/json");
        let request = self.http.request(Method::GET, &["wapi", &self.version, VIEWS.name]).query("_max_results", 1);
        let request = request.header("authorization", &self.basic).header("content-type", &json);
        let (answer, cookie) = request.send_for_cookie(COOKIE).await?;
        match (answer.status, cookie) {
            (401, _) => Err(LoginError::Refused(invalid_credentials(&answer), AFTER_REFUSAL)),
            // Whatever else is refused, the next request shows.
            (_, Some(cookie)) => Ok(cookie),
            (200, None) => {
                answer.json::<serde_json::Value>()?;
                let text = "Infoblox opens no session: its answer does not set the cookie ibapauth. Let it pass, if something in \
                     front of Infoblox removes it";
                Err(Error::new(ErrorKind::Unexpected, text).into())
            }
            (_, None) => Err(error(&answer, VIEWS.read).into()),
        }
    }

    /// Whoever is not let in gets a page of HTML; an expired session is told in no other way.
    fn has_ended(&self, answer: &Answer) -> bool {
        answer.status == 401
    }

    fn refused_token(&self) -> Error {
        let text = "Infoblox does not accept the session that it has just opened. Look into its audit log";
        Error::new(ErrorKind::Unauthenticated, text)
    }
}
