//! Whether a request is signed as RFC 5849 says, from the server's side.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use percent_encoding::percent_decode_str;

use super::state::{State, User};
use super::{CONSUMER_KEY, CONSUMER_SECRET};
use crate::Request;

/// How far the caller's clock may be off.
const SECONDS_OFF: u64 = 300;

/// The user in whose name the request is made; `None` when anything is wrong with it.
pub(super) fn user(request: &Request, authorization: &str, state: &mut State) -> Option<User> {
    let protocol = parameters(authorization.strip_prefix("OAuth ")?)?;
    let value = |name: &str| protocol.get(name).map(String::as_str);
    let is_ours = state.oauth_is_active
        && value("oauth_consumer_key") == Some(CONSUMER_KEY)
        && value("oauth_signature_method") == Some("HMAC-SHA1")
        && value("oauth_version").is_none_or(|version| version == "1.0")
        && is_signed(request, &protocol)?;
    let (timestamp, nonce) = (value("oauth_timestamp")?, value("oauth_nonce").filter(|nonce| !nonce.is_empty())?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let is_of_now = timestamp.parse::<u64>().ok()?.abs_diff(now) <= SECONDS_OFF;
    if !(is_ours && is_of_now && state.nonces.insert((timestamp.to_owned(), nonce.to_owned()))) {
        return None;
    }
    let login = if state.oauth_maps_users { request.header("foreman-user")? } else { "admin" };
    state.user(login).cloned()
}

/// The parameters of the header (section 3.5.1).
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let parameter = |part: &str| {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.strip_prefix('"')?.strip_suffix('"')?;
        Some((decoded(name)?, decoded(value)?))
    };
    text.split(',').map(parameter).collect()
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn is_signed(request: &Request, protocol: &BTreeMap<String, String>) -> Option<bool> {
    let (given, expected) = (protocol.get("oauth_signature")?, signature(request, protocol)?);
    Some(given.len() == expected.len() && memcmp::eq(given.as_bytes(), expected.as_bytes()))
}

/// Sections 3.4.1 and 3.4.2. A body of JSON has no part in it.
fn signature(request: &Request, protocol: &BTreeMap<String, String>) -> Option<String> {
    let signed = protocol.iter().filter(|(name, _)| !["oauth_signature", "realm"].contains(&name.as_str()));
    let signed = signed.map(|(name, value)| (name.clone(), value.clone()));
    let pairs = request.parameters().into_iter().chain(signed);
    let mut pairs: Vec<String> = pairs.map(|(name, value)| format!("{}={}", escaped(&name), escaped(&value))).collect();
    pairs.sort();
    let host = request.header("host")?.to_lowercase();
    let address = format!("https://{}{}", host.strip_suffix(":443").unwrap_or(&host), request.path);
    let base = [request.method.as_str(), &escaped(&address), &escaped(&pairs.join("&"))].join("&");
    let key = PKey::hmac(format!("{}&", escaped(CONSUMER_SECRET)).as_bytes()).ok()?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key).ok()?;
    Some(openssl::base64::encode_block(&signer.sign_oneshot_to_vec(base.as_bytes()).ok()?))
}

/// Section 3.6.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers made with version 0.5.4 of the gem `oauth`, which Foreman verifies with.
    const GET: &str = "OAuth oauth_consumer_key=\"consumer%20key%20%26%20more\", oauth_nonce=\"abcDEF123\", \
                       oauth_signature=\"3mj1b%2BtTCE5RdUDt8myiFvfUAV0%3D\", oauth_signature_method=\"HMAC-SHA1\", \
                       oauth_timestamp=\"1763715600\", oauth_version=\"1.0\"";
    const POST: &str = "OAuth oauth_body_hash=\"vyGp6PvFo4RvsFtPoIWeCReyIC8%3D\", \
                        oauth_consumer_key=\"consumer%20key%20%26%20more\", oauth_nonce=\"n2\", \
                        oauth_signature=\"oYzbDzwQJxhlWSx4KLhRTUtndfE%3D\", oauth_signature_method=\"HMAC-SHA1\", \
                        oauth_timestamp=\"1763715600\", oauth_version=\"1.0\"";

    fn request(method: &str, query: &str) -> Request {
        Request {
            method: method.to_owned(),
            path: "/api/v2/smart_proxies".to_owned(),
            query: query.to_owned(),
            headers: vec![
                ("host".to_owned(), "localhost:8443".to_owned()),
                ("foreman-user".to_owned(), "admin".to_owned()),
            ],
            body: b"{}".to_vec(),
        }
    }

    fn is_right(request: &Request, header: &str) -> bool {
        let protocol = parameters(header.strip_prefix("OAuth ").expect("a header")).expect("parameters");
        is_signed(request, &protocol).expect("a signature")
    }

    #[test]
    fn what_the_gem_signs_is_signed_and_nothing_else() {
        let search = "search=name+%3D+%22a+%26+b%22";
        assert!(is_right(&request("GET", search), GET));
        assert!(is_right(&request("POST", ""), POST));
        assert!(!is_right(&request("GET", "search=name+%3D+%22b%22"), GET), "another query");
        assert!(!is_right(&request("PUT", ""), POST), "another method");
        assert!(!is_right(&request("GET", search), &GET.replace("abcDEF123", "abcDEF124")), "another nonce");
    }

    #[test]
    fn an_old_signature_and_a_used_nonce_are_refused() {
        let mut state = State::new();
        assert!(user(&request("POST", ""), POST, &mut state).is_none(), "it is of 2025");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().to_string();
        let unsigned = format!(
            "OAuth oauth_consumer_key=\"{}\", oauth_nonce=\"n\", oauth_signature_method=\"HMAC-SHA1\", \
             oauth_timestamp=\"{now}\"",
            escaped(CONSUMER_KEY)
        );
        let protocol = parameters(unsigned.strip_prefix("OAuth ").expect("a header")).expect("parameters");
        let code = escaped(&signature(&request("GET", ""), &protocol).expect("a signature"));
        let header = format!("{unsigned}, oauth_signature=\"{code}\"");
        assert!(user(&request("GET", ""), &header, &mut state).is_some());
        assert!(user(&request("GET", ""), &header, &mut state).is_none(), "the same again");
    }
}
