//! The session of v2: user and password give a token, which goes into Basic authentication.

use async_trait::async_trait;
use ipam_provider::http::{Answer, Api, HeaderValue, LogIn, LoginError, secret_header};
use ipam_provider::settings::Secret;
use ipam_provider::{Error, ErrorKind};
use secrecy::ExposeSecret;
use serde_json::json;

use super::refusal::refused_credentials;
use super::wire::Session;
use crate::vendor::{AFTER_REFUSAL, WHAT};

/// The login of the user. The token as `Bearer` would be refused: that is for OAuth.
pub(super) struct User {
    pub(super) api: Api,
    pub(super) name: String,
    pub(super) password: Secret,
}

#[async_trait]
impl LogIn for User {
    async fn log_in(&self) -> Result<HeaderValue, LoginError> {
        let credentials = json!({"username": self.name, "password": self.password.expose_secret()});
        let answer = self.api.post(&["api", "v2", "sessions"], &credentials).await?;
        if answer.status == 401 || answer.status == 403 {
            let error = refused_credentials("user or password is wrong, or the user is not one of the API");
            return Err(LoginError::Refused(error, AFTER_REFUSAL));
        }
        let session: Session = self.api.created(&answer, "a login")?;
        let header = secret_header(&format!("Basic {}", session.basic_authentication_credentials));
        let unusable = || Error::new(ErrorKind::Unexpected, format!("{WHAT} gives a token that cannot be sent"));
        Ok(header.ok_or_else(unusable)?)
    }

    fn has_ended(&self, answer: &Answer) -> bool {
        answer.status == 401
    }

    fn refused_token(&self) -> Error {
        refused_credentials("it gives the proxy a token and then refuses it")
    }
}
