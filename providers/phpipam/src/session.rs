//! The session with phpIPAM: one token, one login under way at a time, and a rest after a refused login.
//!
//! phpIPAM blocks a host for five minutes, with all its users and apps, at the eleventh failed login within five
//! minutes. A password that was refused is therefore not tried again for a while.

use std::time::Duration;

use ipam_provider::http::HeaderValue;
use ipam_provider::{Error, ErrorKind};
use tokio::time::Instant;

/// After a refused login: five tries in five minutes, and room for others on the same host.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// After a login was answered with "blocked": as long as that lasts.
const AFTER_BLOCK: Duration = Duration::from_secs(300);

/// After a token was refused that a login had just given. Such logins are not counted, so this only ends the loop.
const AFTER_REFUSED_TOKEN: Duration = Duration::from_secs(10);

/// The token, and whether a login may be tried. Kept behind a lock that only a login holds across a request.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Marked as sensitive, so that it is not in `Debug`.
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

/// How a login ended that gave no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginEnd {
    /// User or password, or the app, was refused.
    Refused,
    /// The host is blocked.
    Blocked,
    /// It was not decided: the server was away, busy or not phpIPAM.
    Undecided,
}

impl Session {
    /// The token, unless it is the one that was refused.
    pub(crate) fn token_besides(&self, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
        self.token.clone().filter(|token| Some(token) != refused)
    }

    /// Why no login may be tried now.
    pub(crate) fn rests(&self, now: Instant) -> Option<Error> {
        let rest = self.rest.as_ref().filter(|rest| now < rest.until)?;
        let seconds = (rest.until - now).as_secs() + 1;
        Some(Error::new(rest.kind, format!("{}. The proxy logs in again in {seconds} seconds", rest.message)))
    }

    /// A login gave this token.
    pub(crate) fn begin(&mut self, token: HeaderValue) {
        *self = Self { token: Some(token), rest: None };
    }

    /// A login failed in this way, with this error.
    pub(crate) fn fail(&mut self, end: LoginEnd, error: &Error, now: Instant) {
        let pause = match end {
            LoginEnd::Refused => AFTER_REFUSAL,
            LoginEnd::Blocked => AFTER_BLOCK,
            LoginEnd::Undecided => return,
        };
        self.rest(pause, error, now);
    }

    /// The token was refused although a login had just given it.
    pub(crate) fn refuse(&mut self, token: &HeaderValue, error: &Error, now: Instant) {
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
    fn a_refused_login_is_not_repeated_within_a_minute() {
        let (mut session, now) = (Session::default(), Instant::now());
        session.fail(LoginEnd::Refused, &error(), now);
        let rest = session.rests(now + Duration::from_secs(59)).expect("a rest");
        assert_eq!(rest.kind(), ErrorKind::Unauthenticated);
        assert_eq!(rest.to_string(), "Invalid credentials. The proxy logs in again in 2 seconds");
        assert!(session.rests(now + Duration::from_secs(60)).is_none());
    }

    #[test]
    fn a_block_is_waited_for() {
        let (mut session, now) = (Session::default(), Instant::now());
        session.fail(LoginEnd::Blocked, &error(), now);
        assert!(session.rests(now + Duration::from_secs(299)).is_some());
        assert!(session.rests(now + Duration::from_secs(300)).is_none());
    }

    #[test]
    fn a_login_that_was_not_decided_may_be_repeated_at_once() {
        let mut session = Session::default();
        session.fail(LoginEnd::Undecided, &error(), Instant::now());
        assert!(session.rests(Instant::now()).is_none());
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
