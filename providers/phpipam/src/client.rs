//! Requests to phpIPAM's API: paths, the login, and what its envelope holds.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipam_provider::http::{
    Answer, Api, HeaderValue, HttpClient, LogIn, Login, LoginError, Method, Request, secret_header,
};
use ipam_provider::{Error, ErrorKind, Result};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::failure::{Asked, Failure, api_in_url, has_no_session, judge, refused_credentials};
use crate::vendor::WHAT;
use crate::wire::{Data, Token};
use crate::{Credentials, Settings};

/// phpIPAM blocks a host for five minutes, with all its users and apps, at the eleventh failed login within five minutes.
/// A minute makes that five tries, and leaves room for others on the same host.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// After a login was answered with "blocked": as long as that lasts.
const AFTER_BLOCK: Duration = Duration::from_secs(300);

/// Where the token of a user goes, and the code of an app.
const TOKEN: &str = "token";

/// Asks one API app of a phpIPAM.
#[derive(Debug)]
pub(crate) struct Client {
    api: Api,
    asked: Asked,
}

impl Client {
    /// Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let mut segments = settings.http.url.path_segments().into_iter().flatten();
        let has_api_in_url = segments.any(|segment| segment.eq_ignore_ascii_case("api"));
        let asked = Asked { app: settings.app_id.clone(), has_api_in_url };
        // Each request without phpIPAM's cookie leaves a row in its table of sessions.
        let http = HttpClient::with_cookies(WHAT, &settings.http)?;
        // With every request, those without a body too: nginx passes on an empty type where there is none, and phpIPAM
        // before version 1.8 refuses that with 415.
        let json = HeaderValue::from_static("application/json");
        let api = Api::new(http, |answer, _| answer.error(WHAT)).with_header("content-type", json);
        let api = match &settings.credentials {
            Credentials::User { name, password } => {
                let pair = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
                let user = User { api: api.clone(), asked: asked.clone(), basic: secret(&format!("Basic {pair}"))? };
                api.with_login(Login::new(TOKEN, user))
            }
            Credentials::AppCode(code) => api.with_header(TOKEN, secret(code.expose_secret())?),
        };
        Ok(Self { api, asked })
    }

    /// The id of the API app.
    pub(crate) fn app(&self) -> &str {
        &self.asked.app
    }

    /// Reads what is at this path; `None` for a success that holds nothing.
    pub(crate) async fn get<T: DeserializeOwned + Send + 'static>(&self, path: &[&str]) -> Result<Option<T>, Failure> {
        self.ask(self.request(Method::GET, path)).await
    }

    /// Reads the rows of a list that have this value in this column.
    pub(crate) async fn get_filtered<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        column: &str,
        value: &str,
    ) -> Result<Option<T>, Failure> {
        self.ask(self.request(Method::GET, path).query("filter_by", column).query("filter_value", value)).await
    }

    /// What the app says of itself.
    pub(crate) async fn options<T: DeserializeOwned + Send + 'static>(&self) -> Result<Option<T>, Failure> {
        self.ask(self.request(Method::OPTIONS, &[])).await
    }

    /// Creates.
    pub(crate) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        self.ask::<IgnoredAny>(self.request(Method::POST, path).json(body)).await.map(drop)
    }

    /// Changes these fields.
    pub(crate) async fn patch(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        self.ask::<IgnoredAny>(self.request(Method::PATCH, path).json(body)).await.map(drop)
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.ask::<IgnoredAny>(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// A request below the app. The path ends in a slash: before a query phpIPAM needs it.
    fn request(&self, method: Method, path: &[&str]) -> Request<'_> {
        self.api.request(method, &[&["api", self.app()], path, &[""]].concat())
    }

    async fn ask<T: DeserializeOwned + Send + 'static>(&self, request: Request<'_>) -> Result<Option<T>, Failure> {
        let (answer, asked) = (self.api.send(request).await?, self.asked.clone());
        match answer.read_with(move |answer| Ok(data(&asked, answer))).await? {
            // A login would have been renewed.
            Err(Failure::Session) => Err(Failure::Refused(refused_credentials(&format!(
                "app_code is not that of API app {}, or its security is not SSL with App code token",
                self.app()
            )))),
            outcome => outcome,
        }
    }
}

/// The login of a user.
struct User {
    api: Api,
    asked: Asked,
    basic: HeaderValue,
}

#[async_trait]
impl LogIn for User {
    /// `POST user/` with Basic authentication and no body. Never `DELETE user/`: the token is that of everybody who uses
    /// the user.
    async fn log_in(&self) -> Result<HeaderValue, LoginError> {
        let request = self.api.request(Method::POST, &["api", &self.asked.app, "user", ""]);
        let answer = self.api.send(request.header("authorization", &self.basic)).await?;
        let token: Option<Token> = match data(&self.asked, answer) {
            Err(Failure::Session) if self.asked.has_api_in_url => return Err(api_in_url().into()),
            // As a request without a token: up to version 1.7 API apps with security "SSL with App code token" take no
            // login, and so does what is no controller.
            Err(Failure::Session) => {
                let error = refused_credentials(&format!(
                    "API app {} takes no user and password. Set app_code in the proxy's settings when the app's security \
                     is SSL with App code token",
                    self.asked.app
                ));
                return Err(LoginError::Refused(error, AFTER_REFUSAL));
            }
            outcome => outcome?,
        };
        let token = token.map(|token| token.token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Error::new(ErrorKind::Unexpected, "phpIPAM gives no token for the login"))?;
        Ok(secret(&token)?)
    }

    fn has_ended(&self, answer: &Answer) -> bool {
        has_no_session(answer)
    }

    /// API apps with security "SSL with App code token" give tokens and do not take them.
    fn refused_token(&self) -> Error {
        refused_credentials(&format!(
            "it gives API app {} a token and then refuses it. Set app_code in the proxy's settings when the app's security \
             is SSL with App code token",
            self.asked.app
        ))
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused(error, _) => Self::Refused(error),
            LoginError::Undecided(error) => Self::Other(error),
        }
    }
}

/// A login that was not let in is not tried again for a while, so that phpIPAM does not block the host.
impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        let is_blocked = matches!(failure, Failure::Blocked);
        let is_refused = is_blocked || matches!(failure, Failure::Refused(_));
        let error = Error::from(failure);
        let pause = match error.kind() {
            _ if is_blocked => AFTER_BLOCK,
            ErrorKind::Unauthenticated => AFTER_REFUSAL,
            _ if is_refused => Duration::ZERO,
            _ => return Self::Undecided(error),
        };
        Self::Refused(error, pause)
    }
}

/// What a success holds.
fn data<T: DeserializeOwned>(asked: &Asked, mut answer: Answer) -> Result<Option<T>, Failure> {
    judge(asked, &mut answer)?;
    let holds: Data<T> = answer.json()?;
    Ok(holds.data)
}

/// A header value that is not shown in `Debug`.
fn secret(text: &str) -> Result<HeaderValue> {
    secret_header(text).ok_or_else(|| Error::new(ErrorKind::Rejected, "The credentials for phpIPAM cannot be sent"))
}
