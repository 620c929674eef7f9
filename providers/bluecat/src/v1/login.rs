//! The session of v1: `GET login` answers a sentence with a token in it.

use async_trait::async_trait;
use ipam_provider::http::{Answer, Api, HeaderValue, LogIn, LoginError, Method, secret_header};
use ipam_provider::settings::Secret;
use ipam_provider::{Error, ErrorKind};
use secrecy::ExposeSecret;

use super::refusal::{error, refused_credentials};
use crate::vendor::{AFTER_REFUSAL, WHAT};

/// The login of the user.
pub(super) struct User {
    pub(super) api: Api,
    pub(super) name: String,
    pub(super) password: Secret,
}

#[async_trait]
impl LogIn for User {
    /// There is no other way than the query. Errors never show a URL, for this reason too.
    async fn log_in(&self) -> Result<HeaderValue, LoginError> {
        let request = self.api.request(Method::GET, &["Services", "REST", "v1", "login"]);
        let request = request.query("username", &self.name).query("password", self.password.expose_secret());
        let answer = self.api.send(request).await?;
        match answer.status {
            200 => {}
            401 | 403 => {
                let refused = refused_credentials("user or password is wrong, or the user is not one of the API");
                return Err(LoginError::Refused(refused, AFTER_REFUSAL));
            }
            _ => return Err(error(&answer, "a login").into()),
        }
        let text = String::from_utf8_lossy(&answer.body);
        // Not the answer: it may hold a token.
        let unusable = || Error::new(ErrorKind::Unexpected, format!("{WHAT} answers the login with no token"));
        let header = token(&text).and_then(secret_header);
        Ok(header.ok_or_else(unusable)?)
    }

    fn has_ended(&self, answer: &Answer) -> bool {
        answer.status == 401
    }

    fn refused_token(&self) -> Error {
        refused_credentials("it gives the proxy a token and then refuses it")
    }
}

/// The value of the header in `Session Token-> BAMAuthToken: … <- for User : …`.
fn token(text: &str) -> Option<&str> {
    let start = text.find("BAMAuthToken: ")?;
    let token = text[start..].split(" <-").next()?.trim_end_matches('"').trim();
    (token.len() > "BAMAuthToken: ".len()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_what_stands_between_the_arrows() {
        let text = r#""Session Token-> BAMAuthToken: 2xk3jMTQ3MDY= <- for User : api""#;
        assert_eq!(token(text), Some("BAMAuthToken: 2xk3jMTQ3MDY="));
        assert_eq!(token("\"BAMAuthToken: abc\""), Some("BAMAuthToken: abc"));
        for text in ["", "{}", "Session Token-> <-", "BAMAuthToken:  <- for User"] {
            assert_eq!(token(text), None, "{text}");
        }
    }
}
