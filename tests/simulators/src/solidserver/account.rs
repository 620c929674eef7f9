//! Who asks: the three ways to show it, and the services that a user may use.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::base64;
use openssl::hash::{MessageDigest, hash};
use serde_json::json;

use super::{Site, Solidserver, State};
use crate::{Request, Response};

/// So many seconds a signature is good for, before and after.
const SIGNATURE_SECONDS: u64 = 300;

impl Solidserver {
    /// Nothing, or how the request is refused.
    pub(super) fn check(&self, state: &State, request: &Request, service: &str) -> Result<(), Response> {
        let is_known =
            if let Some(signed) = request.header("authorization").and_then(|value| value.strip_prefix("SDS ")) {
                check_signature(state, request, signed)?
            } else {
                given(request) == Some((Self::USER.to_owned(), Self::PASSWORD.to_owned()))
            };
        if !is_known {
            return Err(refused(401, "Authentication failed"));
        }
        if state.denied.contains(service) {
            let Site { denies_with_400, .. } = self.site;
            return Err(refused(if denies_with_400 { 400 } else { 403 }, "Permission denied"));
        }
        Ok(())
    }
}

/// User and password, of the headers `X-IPM-Username` and `X-IPM-Password`, or of HTTP Basic.
fn given(request: &Request) -> Option<(String, String)> {
    let decoded = |text: &str| String::from_utf8(base64::decode_block(text).ok()?).ok();
    if let Some(pair) = request.header("authorization").and_then(|value| value.strip_prefix("Basic ")) {
        let pair = decoded(pair)?;
        return pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()));
    }
    Some((decoded(request.header("x-ipm-username")?)?, decoded(request.header("x-ipm-password")?)?))
}

/// `<key id>:<hexadecimal SHA3-256 of "secret\ntime\nMETHOD\nurl">`, with the time in `X-SDS-TS`.
fn check_signature(state: &State, request: &Request, signed: &str) -> Result<bool, Response> {
    let Some((id, signature)) = signed.split_once(':') else { return Ok(false) };
    let time = request.header("x-sds-ts").unwrap_or_default();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    if time.parse::<u64>().is_ok_and(|time| time.abs_diff(state.clock.unwrap_or_else(now)) > SIGNATURE_SECONDS) {
        return Err(refused(412, "Timestamp out of range"));
    }
    let host = request.header("host").unwrap_or_default();
    let question = if request.query.is_empty() { "" } else { "?" };
    // The library speaks HTTPS only; the tests of the proxy speak HTTP.
    let is_right = ["https", "http"].iter().any(|scheme| {
        let url = format!("{scheme}://{host}{}{question}{}", request.path, request.query);
        let text = format!("{}\n{time}\n{}\n{url}", Solidserver::TOKEN_SECRET, request.method);
        let digest = hash(MessageDigest::sha3_256(), text.as_bytes()).expect("a digest");
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == signature
    });
    Ok(id == Solidserver::TOKEN_ID && is_right)
}

/// The texts are not recorded.
pub(super) fn refused(status: u16, text: &str) -> Response {
    Response::json(status, &json!([{"errno": "2", "errmsg": text, "severity": "error"}]))
}
