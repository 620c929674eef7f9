//! The session with a product that is logged in to: one token, one login under way at a time, and a rest after a refused
//! login.
//!
//! Products block a user, or the proxy's whole host, after some failed logins. A password that was refused is therefore not
//! tried again for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Answer, HeaderValue, Request};
use crate::{Error, ErrorKind, Result, trace};

/// After a token was refused that a login had just given: ends a loop of logins.
const AFTER_REFUSED_TOKEN: Duration = Duration::from_secs(10);

/// What of a login is the vendor's.
#[async_trait]
pub trait LogIn: Send + Sync {
    /// Logs in, and gives the value of the header that shows the session. Mark it as sensitive.
    async fn log_in(&self) -> Result<HeaderValue, LoginError>;

    /// Does the answer refuse the request because the session is not known, or no longer? Such a request was not executed.
    fn has_ended(&self, answer: &Answer) -> bool;

    /// What is wrong when a token is refused that a login has just given.
    fn refused_token(&self) -> Error;
}

/// Why a login, or a request that needs one, came to nothing.
#[derive(Debug)]
pub enum LoginError {
    /// The product answers and does not let the proxy in. No login is tried for this long.
    Refused(Error, Duration),
    /// It was not decided: the product was away, busy or something else.
    Undecided(Error),
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::Undecided(error)
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        let (LoginError::Refused(error, _) | LoginError::Undecided(error)) = error;
        error
    }
}

/// A session, and the way to a new one.
#[derive(Clone)]
pub struct Login {
    header: &'static str,
    vendor: Arc<dyn LogIn>,
    session: Arc<Mutex<Session>>,
}

impl Login {
    /// A session that begins with the first request. `header` is where its token goes.
    pub fn new(header: &'static str, vendor: impl LogIn + 'static) -> Self {
        Self { header, vendor: Arc::new(vendor), session: Arc::default() }
    }

    /// Sends a request with the token, and once more with a new one when the session has ended.
    ///
    /// # Errors
    /// Those of [`Request::send`], of the login, and [`Refused`](LoginError::Refused) without a login while none is tried.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, LoginError> {
        let first = self.token(None).await?;
        let answer = request.clone().header(self.header, &first).send().await?;
        if !self.vendor.has_ended(&answer) {
            return Ok(answer);
        }
        let second = self.token(Some(&first)).await?;
        let answer = request.header(self.header, &second).send().await?;
        if !self.vendor.has_ended(&answer) {
            return Ok(answer);
        }
        let error = self.vendor.refused_token();
        self.session.lock().await.refuse(&second, &error, Instant::now());
        Err(LoginError::Refused(error, AFTER_REFUSED_TOKEN))
    }

    /// The token to send: any but the one that was refused.
    ///
    /// A login goes on when its caller has given up, so that its outcome is known to the next one: a refused password
    /// must not be tried without end.
    async fn token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, LoginError> {
        if let Some(token) = self.session.lock().await.token_besides(refused) {
            return Ok(token);
        }
        let (this, refused) = (self.clone(), refused.cloned());
        let login = tokio::spawn(async move { this.renew(refused.as_ref()).await });
        login.await.unwrap_or_else(|broken| {
            Err(Error::new(ErrorKind::Unexpected, "The login to the IPAM broke off").because(broken).into())
        })
    }

    /// Logs in, unless somebody else has while this caller waited for the lock. Logins at once may end each other's session.
    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, LoginError> {
        let mut session = self.session.lock().await;
        if let Some(token) = session.token_besides(refused) {
            return Ok(token);
        }
        if let Some(error) = session.rests(Instant::now()) {
            return Err(LoginError::Refused(error, Duration::ZERO));
        }
        let outcome = trace::as_login(self.vendor.log_in()).await;
        match &outcome {
            Ok(token) => session.begin(token.clone()),
            Err(LoginError::Refused(error, pause)) => session.rest(*pause, error, Instant::now()),
            Err(LoginError::Undecided(_)) => {}
        }
        outcome
    }
}

/// The token, and whether a login may be tried. Kept behind a lock that only a login holds across a request.
#[derive(Debug, Default)]
struct Session {
    token: Option<HeaderValue>,
    rest: Option<Rest>,
}

/// No login is tried until then.
#[derive(Debug)]
struct Rest {
    until: Instant,
    kind: ErrorKind,
    message: String,
}

impl Session {
    /// The token, unless it is the one that was refused.
    fn token_besides(&self, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
        self.token.clone().filter(|token| Some(token) != refused)
    }

    /// Why no login may be tried now.
    fn rests(&self, now: Instant) -> Option<Error> {
        let rest = self.rest.as_ref().filter(|rest| now < rest.until)?;
        let seconds = (rest.until - now).as_secs() + 1;
        Some(Error::new(rest.kind, format!("{}. The proxy logs in again in {seconds} seconds", rest.message)))
    }

    /// A login gave this token.
    fn begin(&mut self, token: HeaderValue) {
        *self = Self { token: Some(token), rest: None };
    }

    /// The token was refused although a login had just given it.
    fn refuse(&mut self, token: &HeaderValue, error: &Error, now: Instant) {
        if self.token.as_ref() == Some(token) {
            self.token = None;
            self.rest(AFTER_REFUSED_TOKEN, error, now);
        }
    }

    fn rest(&mut self, pause: Duration, error: &Error, now: Instant) {
        self.rest = Some(Rest { until: now + pause, kind: error.kind(), message: error.to_string() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> Error {
        Error::new(ErrorKind::Unauthenticated, "Invalid credentials")
    }

    #[test]
    fn a_refused_login_is_not_repeated_until_its_pause_is_over() {
        let (mut session, now) = (Session::default(), Instant::now());
        session.rest(Duration::from_secs(60), &error(), now);
        let rest = session.rests(now + Duration::from_secs(59)).expect("a rest");
        assert_eq!(rest.kind(), ErrorKind::Unauthenticated);
        assert_eq!(rest.to_string(), "Invalid credentials. The proxy logs in again in 2 seconds");
        assert!(session.rests(now + Duration::from_secs(60)).is_none());
        session.rest(Duration::ZERO, &error(), now);
        assert!(session.rests(now).is_none());
    }

    #[test]
    fn a_refused_token_is_dropped_once() {
        let (mut session, now) = (Session::default(), Instant::now());
        let (old, new) = (HeaderValue::from_static("old"), HeaderValue::from_static("new"));
        session.begin(new.clone());
        session.refuse(&old, &error(), now);
        assert_eq!(session.token_besides(Some(&old)), Some(new.clone()), "another call has renewed it meanwhile");
        assert_eq!(session.token_besides(Some(&new)), None);
        session.refuse(&new, &error(), now);
        assert_eq!(session.token_besides(None), None);
        assert!(session.rests(now).is_some());
    }
}
