//! The controller `user`, and who is let through to the others.

use std::time::Duration;

use serde_json::json;

use super::Version;
use super::body::{Outcome, Refusal, Success};
use super::call::{Call, methods};
use super::state::{Security, State, TOKEN_LIFE};

/// Checks the token or the code for every controller but `user`.
pub(super) fn admit(call: &Call, state: &mut State) -> Result<(), Refusal> {
    let token = call.token.as_deref().unwrap_or_default();
    if call.app.security == Security::SslCode {
        // Codes are compared by the database: the owner of a code is found first, then it is compared with the app.
        let owner = state.apps.iter().find(|app| app.code.is_some_and(|code| code.eq_ignore_ascii_case(token)));
        return match owner {
            Some(owner) if owner.id == call.app.id => Ok(()),
            Some(_) => Refusal::says(403, "Invalid token"),
            None => Refusal::says(401, "Unauthorized"),
        };
    }
    let now = state.now;
    match session(state, token) {
        Some(expires) if *expires > now => {
            *expires = now + TOKEN_LIFE;
            Ok(())
        }
        _ => Refusal::says(401, "Unauthorized"),
    }
}

/// When the session of this token ends. Tokens are compared by the database, which does not look at case.
fn session<'a>(state: &'a mut State, token: &str) -> Option<&'a mut Duration> {
    let sessions = state.users.iter_mut().filter_map(|user| user.token.as_mut());
    sessions.filter(|(known, _)| known.eq_ignore_ascii_case(token)).map(|(_, expires)| expires).next()
}

pub(super) fn answer(call: &Call, state: &mut State) -> Outcome {
    match call.method.as_str() {
        "OPTIONS" => Success::data(methods(call.app.id, "user")),
        "POST" => login(call, state),
        _ if call.app.security == Security::SslCode => Refusal::says(409, "Authentication not needed"),
        _ => {
            let Some(token) = call.token.as_deref() else { return Refusal::says(403, "Please provide token") };
            let now = state.now;
            let Some(expires) = session(state, token) else { return Refusal::says(403, "Invalid token") };
            if *expires <= now {
                return Refusal::says(403, "Token expired");
            }
            match (call.method.as_str(), call.ids.first().map(String::as_str)) {
                ("GET", None | Some("token_expires")) => Success::data(json!({"expires": "2026-11-20 23:58:03"})),
                ("GET", Some(_)) => Refusal::says(400, "Invalid identifier"),
                ("PATCH", _) => {
                    *expires = now + TOKEN_LIFE;
                    Success::data(json!({"expires": "2026-11-20 23:58:03"}))
                }
                ("DELETE", _) => {
                    let owner = |token: &&mut super::User| token.token.is_some();
                    let users = state.users.iter_mut().filter(owner);
                    for user in users
                        .filter(|user| user.token.as_ref().is_some_and(|(known, _)| known.eq_ignore_ascii_case(token)))
                    {
                        user.token = None;
                    }
                    Success::data(json!(["Token removed"]))
                }
                _ => Refusal::says(501, "Not Implemented"),
            }
        }
    }
}

/// Gives a token, in an app of any security: apps with a code give one too, and do not take it afterwards.
fn login(call: &Call, state: &mut State) -> Outcome {
    let Some((name, password)) = call.authorization.as_deref().and_then(basic) else {
        return Refusal::says(400, "Please provide username and password");
    };
    let now = state.now;
    let disabled =
        if state.version < Version::V1_7 { "Your account has been disabled." } else { "User account is disabled" };
    let found = state.user_mut(&name).filter(|user| user.password == password);
    let Some(user) = found else {
        state.failed_login();
        return Refusal::says(500, "Invalid username or password");
    };
    if !user.is_enabled {
        return Refusal::says(500, disabled);
    }
    let living = user.token.clone().filter(|(_, expires)| *expires > now).map(|(token, _)| token);
    let token = living.unwrap_or_else(|| state.new_token());
    state.good_login();
    let kept = if state.orphaned_logins > 0 {
        state.orphaned_logins -= 1;
        state.new_token()
    } else {
        token.clone()
    };
    state.user_mut(&name).expect("it was found above").token = Some((kept, now + TOKEN_LIFE));
    Success::data(json!({"token": token, "expires": "2026-11-20 23:58:03"}))
}

/// User and password of a Basic header; the name ends at the first colon.
fn basic(header: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(base64(header.strip_prefix("Basic ")?)?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff) as u8);
        }
    }
    Some(bytes)
}
