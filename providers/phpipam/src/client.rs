//! Requests to phpIPAM's API: paths, the token, and one repetition after a session has ended.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipam_provider::http::{Answer, HeaderValue, HttpClient, Method, Request};
use ipam_provider::{Error, ErrorKind, Result};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::failure::{Asked, Failure, api_in_url, judge, refused_credentials};
use crate::session::{LoginEnd, Session};
use crate::vendor::WHAT;
use crate::wire::{Data, Login};
use crate::{Credentials, Settings};

/// Goes with every request, those without a body too: nginx passes on an empty type where there is none, and phpIPAM
/// before version 1.8 refuses that with 415.
const CONTENT_TYPE: (&str, HeaderValue) = ("content-type", HeaderValue::from_static("application/json"));

/// An answer of more bytes than this takes a while to parse, and is parsed where no caller waits for the thread.
const LARGE: usize = 256 * 1024;

/// Asks one API app of a phpIPAM.
#[derive(Debug)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    http: HttpClient,
    asked: Asked,
    access: Access,
}

/// What goes into the header `token`.
enum Access {
    /// The token of a user, which a login gives; the header `Authorization` of that login.
    User { basic: HeaderValue, session: Mutex<Session> },
    /// The code of the app, for ever.
    AppCode(HeaderValue),
}

/// No headers: they hold the credentials.
impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("http", &self.http).field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Client {
    /// Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let access = match &settings.credentials {
            Credentials::User { name, password } => {
                let pair = STANDARD.encode(format!("{name}:{}", password.expose_secret()));
                Access::User { basic: secret(&format!("Basic {pair}"))?, session: Mutex::default() }
            }
            Credentials::AppCode(code) => Access::AppCode(secret(code.expose_secret())?),
        };
        // Each request without phpIPAM's cookie leaves a row in its table of sessions.
        let http = HttpClient::with_cookies(WHAT, &settings.http)?;
        let mut segments = settings.http.url.path_segments().into_iter().flatten();
        let has_api_in_url = segments.any(|segment| segment.eq_ignore_ascii_case("api"));
        let asked = Asked { app: settings.app_id.clone(), has_api_in_url };
        Ok(Self(Arc::new(Inner { http, asked, access })))
    }

    /// The id of the API app.
    pub(crate) fn app(&self) -> &str {
        &self.0.asked.app
    }

    /// Reads what is at this path; `None` for a success that holds nothing.
    pub(crate) async fn get<T: DeserializeOwned + Send + 'static>(&self, path: &[&str]) -> Result<Option<T>, Failure> {
        self.ask(&Call::new(Method::GET, path)).await
    }

    /// Reads the rows of a list that have this value in this column.
    pub(crate) async fn get_filtered<T: DeserializeOwned + Send + 'static>(
        &self,
        path: &[&str],
        column: &str,
        value: &str,
    ) -> Result<Option<T>, Failure> {
        self.ask(&Call { filter: Some((column, value)), ..Call::new(Method::GET, path) }).await
    }

    /// What the app says of itself.
    pub(crate) async fn options<T: DeserializeOwned + Send + 'static>(&self) -> Result<Option<T>, Failure> {
        self.ask(&Call::new(Method::OPTIONS, &[])).await
    }

    /// Creates.
    pub(crate) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        let body = serde_json::to_value(body).expect("records of texts and numbers are JSON");
        self.ask::<IgnoredAny>(&Call { body: Some(body), ..Call::new(Method::POST, path) }).await.map(|_| ())
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.ask::<IgnoredAny>(&Call::new(Method::DELETE, path)).await.map(|_| ())
    }

    /// Sends the call, and once more with a new session when the session has ended: a call that is refused for that has
    /// not been executed.
    async fn ask<T: DeserializeOwned + Send + 'static>(&self, call: &Call<'_>) -> Result<Option<T>, Failure> {
        let first = self.token(None).await?;
        match self.0.send(call, &first).await {
            Err(Failure::Session) => {}
            outcome => return outcome,
        }
        let second = self.token(Some(&first)).await?;
        match self.0.send(call, &second).await {
            Err(Failure::Session) => Err(self.0.refused_token(&second).await),
            outcome => outcome,
        }
    }

    /// The token to send: any but the one that was refused.
    ///
    /// A login goes on when its caller has given up, so that its outcome is known to the next one: a refused password
    /// must not be tried without end.
    async fn token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, Failure> {
        match &self.0.access {
            Access::AppCode(code) if Some(code) != refused => Ok(code.clone()),
            Access::AppCode(_) => Err(Failure::Refused(refused_credentials(&format!(
                "app_code is not that of API app {}, or its security is not SSL with App code token",
                self.app()
            )))),
            Access::User { basic, session } => {
                if let Some(token) = session.lock().await.token_besides(refused) {
                    return Ok(token);
                }
                let (inner, basic, refused) = (self.0.clone(), basic.clone(), refused.cloned());
                let login = tokio::spawn(async move { inner.renew(&basic, refused.as_ref()).await });
                login.await.map_err(|error| {
                    Error::new(ErrorKind::Unexpected, "The login to phpIPAM broke off").because(error)
                })?
            }
        }
    }
}

impl Inner {
    /// Logs in, unless somebody else has while this caller waited for the lock. Logins race in phpIPAM: of several at
    /// once, only the last token is good.
    async fn renew(&self, basic: &HeaderValue, refused: Option<&HeaderValue>) -> Result<HeaderValue, Failure> {
        let Access::User { session, .. } = &self.access else {
            return Err(Error::new(ErrorKind::Unexpected, "An API app with a code has no login").into());
        };
        let mut session = session.lock().await;
        if let Some(token) = session.token_besides(refused) {
            return Ok(token);
        }
        if let Some(error) = session.rests(Instant::now()) {
            return Err(Failure::Refused(error));
        }
        match self.log_in(basic).await {
            Ok(token) => {
                session.begin(token.clone());
                Ok(token)
            }
            Err(failure) => {
                let is_blocked = matches!(failure, Failure::Blocked);
                let is_refused = is_blocked || matches!(failure, Failure::Refused(_));
                let error = Error::from(failure);
                let end = match error.kind() {
                    _ if is_blocked => LoginEnd::Blocked,
                    ErrorKind::Unauthenticated => LoginEnd::Refused,
                    _ => LoginEnd::Undecided,
                };
                session.fail(end, &error, Instant::now());
                Err(if is_refused { Failure::Refused(error) } else { error.into() })
            }
        }
    }

    /// `POST user/` with Basic authentication and no body. Never `DELETE user/`: the token is that of everybody who uses
    /// the user.
    async fn log_in(&self, basic: &HeaderValue) -> Result<HeaderValue, Failure> {
        let request = self.http.request(Method::POST, &["api", &self.asked.app, "user", ""]);
        let (name, value) = CONTENT_TYPE;
        let answer = request.header("authorization", basic).header(name, &value).send().await?;
        let login: Option<Login> = data(&self.asked, answer).map_err(|failure| match failure {
            Failure::Session => self.login_not_taken(),
            other => other,
        })?;
        let token = login.map(|login| login.token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| Error::new(ErrorKind::Unexpected, "phpIPAM gives no token for the login"))?;
        Ok(secret(&token)?)
    }

    async fn send<T: DeserializeOwned + Send + 'static>(
        &self,
        call: &Call<'_>,
        token: &HeaderValue,
    ) -> Result<Option<T>, Failure> {
        let answer = call.request(self).header("token", token).send().await?;
        if answer.body.len() <= LARGE {
            return data(&self.asked, answer);
        }
        let asked = self.asked.clone();
        let parsed = tokio::task::spawn_blocking(move || data(&asked, answer)).await;
        let broken = |error| Error::new(ErrorKind::Unexpected, "Reading phpIPAM's answer broke off").because(error);
        parsed.map_err(broken)?
    }

    /// A login was answered as a request without a token: up to version 1.7 API apps with security "SSL with App code token"
    /// take no login, and so does what is no controller.
    fn login_not_taken(&self) -> Failure {
        if self.asked.has_api_in_url {
            return api_in_url().into();
        }
        Failure::Refused(refused_credentials(&format!(
            "API app {} takes no user and password. Set app_code in the proxy's settings when the app's security is SSL \
             with App code token",
            self.asked.app
        )))
    }

    /// A token was refused right after the login that gave it, as API apps do whose security is "SSL with App code
    /// token": they give tokens and do not take them.
    async fn refused_token(&self, token: &HeaderValue) -> Failure {
        let app = &self.asked.app;
        let error = refused_credentials(&format!(
            "it gives API app {app} a token and then refuses it. Set app_code in the proxy's settings when the app's \
             security is SSL with App code token"
        ));
        if let Access::User { session, .. } = &self.access {
            session.lock().await.refuse(token, &error, Instant::now());
        }
        Failure::Refused(error)
    }
}

/// A request below the app, as often as it is sent.
struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    filter: Option<(&'a str, &'a str)>,
    body: Option<serde_json::Value>,
}

impl<'a> Call<'a> {
    fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, filter: None, body: None }
    }

    /// The path ends in a slash: before a query phpIPAM needs it.
    fn request<'c>(&self, inner: &'c Inner) -> Request<'c> {
        let path = [&["api", inner.asked.app.as_str()], self.path, &[""]].concat();
        let (name, value) = CONTENT_TYPE;
        let mut request = inner.http.request(self.method.clone(), &path).header(name, &value);
        if let Some((column, value)) = self.filter {
            request = request.query("filter_by", column).query("filter_value", value);
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
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
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| Error::new(ErrorKind::Rejected, "The credentials for phpIPAM cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}
