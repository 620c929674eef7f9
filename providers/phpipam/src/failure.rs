//! What phpIPAM's answers mean: the one place that knows its texts.
//!
//! The texts were recorded from versions 1.6.0 and 1.8.2 (PHP 8.2).

use ipam_provider::http::Answer;
use ipam_provider::{Error, ErrorKind};

use crate::vendor::WHAT;
use crate::wire::Envelope;

/// Why phpIPAM did not do what it was asked, as far as the operations act on it. None of the first four was executed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The token is not known, or no longer.
    Session,
    /// There is no subnet of that id.
    NoSubnet,
    /// What was asked for is not there; for lists: they are empty.
    Absent,
    /// It contradicts what is there: an address that exists, a subnet that contains subnets.
    Conflict,
    /// The caller's address is blocked after too many failed logins.
    Blocked,
    /// A status of 500 and no word: out of memory, out of order, or the database is away.
    Silent,
    /// It answers and does not let the proxy in: the credentials, the app, or the API as a whole.
    Refused(Error),
    /// Anything else.
    Other(Error),
}

/// What the settings ask for, as far as texts depend on it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The id of the API app.
    pub(crate) app: String,
    /// Has the path of `url` the segment `api`? phpIPAM's own address mostly has not: the API's path comes after it.
    pub(crate) has_api_in_url: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    /// For operations that do not expect the failure.
    fn from(failure: Failure) -> Self {
        let unexpected = |text: &str| Error::new(ErrorKind::Unexpected, format!("{WHAT} {text}"));
        match failure {
            Failure::Session => refused_credentials("it does not know the proxy's token"),
            Failure::NoSubnet => Error::new(ErrorKind::NotFound, format!("The subnet is gone from {WHAT}")),
            Failure::Absent => unexpected("says that it does not have what it always has"),
            Failure::Conflict => unexpected("says that a question contradicts what it has"),
            Failure::Blocked => Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{WHAT} has blocked the proxy's address for 5 minutes because of too many failed logins. Correct \
                     user and password in the proxy's settings, or find who else fails to log in from this host"
                ),
            ),
            Failure::Silent => Answer { status: 500, body: Vec::new() }.error(WHAT),
            Failure::Refused(error) | Failure::Other(error) => error,
        }
    }
}

/// What is said with 401 of a right rather than of the session.
const ONLY_READS: &str = "invalid permissions";

/// Starts as the Ruby plugin's message does.
pub(crate) fn refused_credentials(why: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, format!("Invalid credentials for External IPAM: {WHAT} says no, {why}"))
}

/// The API's path is in `url` already, so that an app of the name `api` was asked, or a controller of that name.
pub(crate) fn api_in_url() -> Error {
    let text =
        format!("The url in the proxy's settings has /api in it. Write the address of {WHAT} itself, without /api");
    Error::new(ErrorKind::Unexpected, text)
}

/// Judges an answer. A success is 2xx *and* JSON *and* `success: true`.
///
/// `answer.body` is cut down to the envelope: errors of the database, and whatever else PHP is set to print, stand
/// before it.
pub(crate) fn judge(asked: &Asked, answer: &mut Answer) -> Result<(), Failure> {
    let app = &asked.app;
    let envelope = envelope(&mut answer.body);
    let Some(Envelope { success, message }) = envelope else { return Err(without_envelope(asked, answer)) };
    if answer.is_success() && success {
        return Ok(());
    }
    let message = message.unwrap_or_default();
    let failure = |kind, text: String| Failure::Other(Error::new(kind, text).because(message.clone()));
    let refused = |why: &str| Failure::Refused(refused_credentials(why).because(message.clone()));
    let unusable_app = |text: &str| {
        let error = Error::new(ErrorKind::Unavailable, format!("{WHAT} refuses API app {app}: {text}"));
        Failure::Refused(error.because(message.clone()))
    };
    Err(match (answer.status, message.as_str()) {
        // The lock under which it writes was not to be had in time: a status of 200 around `"code":500`. Nothing was
        // written.
        (200..=299, _) => failure(
            ErrorKind::Unavailable,
            format!("{WHAT} is busy with other changes and has not done this one. Try again"),
        ),
        // A right, not a session: a new login would not help.
        (401, ONLY_READS) => failure(
            ErrorKind::Unauthenticated,
            format!("API app {app} may only read in {WHAT}. Set its permission to Read / Write there"),
        ),
        (401, _) => Failure::Session,
        // Only the code of another app is refused in this way.
        (403, _) => refused("app_code belongs to another API app"),
        (400, "Invalid application id" | "Invalid controller") if asked.has_api_in_url => {
            Failure::Other(api_in_url().because(message.clone()))
        }
        (400, "Invalid application id") => {
            refused(&format!("it has no API app {app}; correct app_id (without it, the user's name is taken)"))
        }
        // 400 for the subnet itself, 404 for what is below it.
        (400 | 404, text) if text.starts_with("Invalid subnet Id") => Failure::NoSubnet,
        (404, _) => Failure::Absent,
        (409, _) => Failure::Conflict,
        (500, text) if text.starts_with("Your IP has been blocked") => Failure::Blocked,
        // Refused logins are said to be errors of the server.
        (500, "Invalid username or password") => refused("user or password is wrong"),
        (500, "User account is disabled" | "Your account has been disabled.") => refused("the user is disabled there"),
        // The race for an address was lost in the database rather than before it.
        (500, text) if text.contains("1062") && text.contains("sid_ip_unique") => Failure::Conflict,
        (500, text) if text.contains("is not a valid address for subnet") => {
            let what_to_do = "Choose another, or correct the subnet in Foreman";
            failure(
                ErrorKind::Rejected,
                format!("{WHAT} does not take this address for a host of the subnet. {what_to_do}"),
            )
        }
        (500, text) if text.contains("Data too long for column") => {
            let what_to_do = "Shorten description and owner in the proxy's settings";
            failure(ErrorKind::Rejected, format!("{WHAT} has no room for a value of the record. {what_to_do}"))
        }
        // Settings of phpIPAM. It may take seconds to correct them, so that the same call may work later.
        (503, "SSL connection is required for API") => unusable_app(
            "it needs https in the proxy's url, or, with security User token, $api_allow_unsafe in phpIPAM's config.php",
        ),
        (503, "Application disabled") => unusable_app("it is disabled there; set its permission to Read / Write"),
        (503, "API server disabled") => unusable_app("the API is switched off in its settings"),
        (503, "Invalid app security" | "Invalid enc_request") => {
            unusable_app("set its security to SSL with User token or SSL with App code token")
        }
        (415, _) => Failure::Other(type_refused().because(message.clone())),
        _ => Failure::Other(answer.error(WHAT).because(message.clone())),
    })
}

/// Is the token of a request not known, or no longer?
pub(crate) fn has_no_session(answer: &Answer) -> bool {
    // All that 401 is about besides is a right.
    answer.status == 401
        && envelope(&mut answer.body.clone()).is_some_and(|envelope| envelope.message.as_deref() != Some(ONLY_READS))
}

/// Every request has a Content-Type, so that something on the way has removed it. Up to version 1.7 phpIPAM refuses an
/// empty one, which is what nginx makes of none.
fn type_refused() -> Error {
    let text = format!(
        "{WHAT} refuses the type of the proxy's requests (status 415). Let what is in front of it pass on the header \
         Content-Type"
    );
    Error::new(ErrorKind::Rejected, text)
}

/// No envelope: the answer is not phpIPAM's, or PHP ended before it.
fn without_envelope(asked: &Asked, answer: &Answer) -> Failure {
    match answer.status {
        500 if answer.body.is_empty() => Failure::Silent,
        404 if asked.has_api_in_url => Failure::Other(api_in_url()),
        415 => Failure::Other(type_refused()),
        // A web server's own page.
        404 => Failure::Other(Error::new(
            ErrorKind::Unexpected,
            format!("The url in the proxy's settings does not lead to {WHAT}'s API (status 404). Correct it"),
        )),
        400 => Failure::Other(answer.not_understood(WHAT)),
        _ => Failure::Other(answer.error(WHAT)),
    }
}

/// The envelope, which the body then begins with.
fn envelope(body: &mut Vec<u8>) -> Option<Envelope> {
    const START: &[u8] = br#"{"code":"#;
    if let Ok(envelope) = serde_json::from_slice(body) {
        return Some(envelope);
    }
    let start = body.windows(START.len()).position(|window| window == START)?;
    let envelope = serde_json::from_slice(&body[start..]).ok()?;
    body.drain(..start);
    Some(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(has_api_in_url: bool) -> Asked {
        Asked { app: "foreman".to_owned(), has_api_in_url }
    }

    fn judged(status: u16, body: &str) -> Result<(), Failure> {
        judge(&asked(false), &mut Answer { status, body: body.into() })
    }

    fn said(status: u16, message: &str) -> Failure {
        let body = serde_json::json!({"code": status, "success": false, "message": message, "time": 0});
        judged(status, &body.to_string()).expect_err("no success")
    }

    fn kind(failure: Failure) -> ErrorKind {
        Error::from(failure).kind()
    }

    #[test]
    fn a_success_needs_status_json_and_success() {
        assert!(judged(200, r#"{"code":200,"success":true,"data":[],"time":0}"#).is_ok());
        for (status, body) in [
            (200, ""),
            (200, "<html>"),
            (200, r#"{"data":[]}"#),
            (200, r#"{"code":500,"success":false,"message":"Cannot obtain lock"}"#),
            (500, r#"{"code":200,"success":true}"#),
            (302, r#"{"code":200,"success":true}"#),
        ] {
            assert!(judged(status, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn what_php_prints_before_the_envelope_is_passed_over() {
        let printed = r#"<div>Error: SQLSTATE[22001]</div>{"code":500,"success":false,"message":"Data too long for column 'note'"}"#;
        assert_eq!(kind(judged(500, printed).expect_err("no success")), ErrorKind::Rejected);
        let mut answer = Answer { status: 200, body: br#"Warning: x {"code":200,"success":true,"data":1}"#.to_vec() };
        assert!(judge(&asked(false), &mut answer).is_ok());
        assert_eq!(answer.body, br#"{"code":200,"success":true,"data":1}"#);
    }

    #[test]
    fn a_silent_500_is_never_taken_for_absent() {
        assert!(matches!(judged(500, ""), Err(Failure::Silent)));
        assert_eq!(kind(Failure::Silent), ErrorKind::Unavailable);
    }

    #[test]
    fn a_missing_right_is_not_a_missing_session() {
        assert!(matches!(said(401, "Unauthorized"), Failure::Session));
        let error = Error::from(said(401, "invalid permissions"));
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().contains("may only read"), "{error}");
    }

    #[test]
    fn texts_mean_what_they_were_recorded_for() {
        let duplicate = "Error: SQLSTATE[23000]: Integrity constraint violation: 1062 Duplicate entry '174325762-132' for key 'sid_ip_unique'";
        assert!(matches!(said(500, duplicate), Failure::Conflict));
        assert!(matches!(said(409, "IP address already exists"), Failure::Conflict));
        assert!(matches!(said(400, "Invalid subnet Id (9999)"), Failure::NoSubnet));
        assert!(matches!(said(404, "Invalid subnet Id (9999)"), Failure::NoSubnet));
        assert!(matches!(said(404, "No free addresses found"), Failure::Absent));
        for adverb in ["excesive", "excessive"] {
            let text = format!("Your IP has been blocked for 5 minutes because of {adverb} login failures");
            assert!(matches!(said(500, &text), Failure::Blocked));
        }
        for (status, text, expected) in [
            (500, "Invalid username or password", ErrorKind::Unauthenticated),
            (500, "User account is disabled", ErrorKind::Unauthenticated),
            (500, "Your account has been disabled.", ErrorKind::Unauthenticated),
            (403, "Invalid token", ErrorKind::Unauthenticated),
            (400, "Invalid application id", ErrorKind::Unauthenticated),
            (500, "10.99.1.20 is not a valid address for subnet 10.10.1.0/24", ErrorKind::Rejected),
            (400, "Invalid MAC address", ErrorKind::Rejected),
            (500, "Error: SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded", ErrorKind::Unavailable),
            (503, "SSL connection is required for API", ErrorKind::Unavailable),
            (503, "Application disabled", ErrorKind::Unavailable),
            (429, "", ErrorKind::Unavailable),
            (415, "Invalid Content type ", ErrorKind::Rejected),
        ] {
            assert_eq!(kind(said(status, text)), expected, "{status} {text}");
        }
    }

    #[test]
    fn a_refused_type_is_explained_whoever_refuses_it() {
        for refused in [said(415, "Invalid Content type "), judged(415, "<html>").expect_err("no success")] {
            assert!(Error::from(refused).to_string().contains("the header Content-Type"));
        }
    }

    #[test]
    fn an_answer_to_a_url_with_the_path_of_the_api_says_so() {
        let page = "<!DOCTYPE html><title>404 Not Found</title>";
        let no_app = r#"{"code":400,"success":false,"message":"Invalid application id","time":0}"#;
        let no_controller = r#"{"code":400,"success":false,"message":"Invalid controller","time":0}"#;
        for (status, body) in [(404, page), (400, no_app), (400, no_controller)] {
            let judged = judge(&asked(true), &mut Answer { status, body: body.into() });
            let error = Error::from(judged.expect_err("no success"));
            assert!(error.to_string().starts_with("The url in the proxy's settings has /api in it"), "{error}");
        }
        // A phpIPAM whose own path has such a segment works.
        let session = r#"{"code":401,"success":false,"message":"Unauthorized","time":0}"#;
        let judged = judge(&asked(true), &mut Answer { status: 401, body: session.into() });
        assert!(matches!(judged, Err(Failure::Session)));
    }

    #[test]
    fn a_web_servers_page_is_a_wrong_url_and_not_an_absent_subnet() {
        let error = Error::from(judged(404, "<!DOCTYPE HTML><title>404 Not Found</title>").expect_err("no success"));
        assert_eq!(error.kind(), ErrorKind::Unexpected);
        assert!(error.to_string().starts_with("The url in the proxy's settings"), "{error}");
    }
}
