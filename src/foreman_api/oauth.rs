//! OAuth 1.0a with a consumer's key and secret alone, as Foreman's API takes it: HMAC-SHA1 over method, address and
//! parameters (RFC 5849, section 3.4), in the header `Authorization`.
//!
//! There is no token, so that the key of the signature ends with an ampersand. A body of JSON is not signed.

use std::fmt;

use ipam_provider::settings::Secret;
use jiff::Timestamp;
use openssl::base64;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use secrecy::ExposeSecret;
use uuid::Uuid;

/// What is encoded: all but the unreserved characters (RFC 5849, section 3.6).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Key and secret that Foreman shares with those that may use its API.
#[derive(Clone)]
pub(crate) struct Consumer {
    /// `oauth_consumer_key` of Foreman's settings.
    pub key: String,
    /// `oauth_consumer_secret` of Foreman's settings.
    pub secret: Secret,
}

/// The key only says who asks.
impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Consumer {
    /// The value of the header `Authorization` for this request, which is good for one use.
    pub(super) fn authorize(&self, method: &Method, url: &Url) -> Result<String, ErrorStack> {
        let timestamp = Timestamp::now().as_second().to_string();
        self.authorize_at(method, url, &timestamp, &Uuid::new_v4().simple().to_string())
    }

    fn authorize_at(&self, method: &Method, url: &Url, timestamp: &str, nonce: &str) -> Result<String, ErrorStack> {
        let mut protocol = vec![
            ("oauth_consumer_key", self.key.clone()),
            ("oauth_nonce", nonce.to_owned()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", timestamp.to_owned()),
            ("oauth_version", "1.0".to_owned()),
        ];
        let base = base_string(method, url, &protocol);
        let key = format!("{}&", encoded(self.secret.expose_secret()));
        protocol.push(("oauth_signature", signature(&base, &key)?));
        let parameters = protocol.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value)));
        Ok(format!("OAuth {}", parameters.collect::<Vec<_>>().join(", ")))
    }
}

/// What is signed: method, address and all parameters (RFC 5849, section 3.4.1). `more` are those outside of the query.
fn base_string(method: &Method, url: &Url, more: &[(&str, String)]) -> String {
    let query = url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value)));
    let more = more.iter().map(|(name, value)| (encoded(name), encoded(value)));
    let mut parameters: Vec<(String, String)> = query.chain(more).collect();
    parameters.sort();
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // `Url` has lower case for scheme and host, and no port where it is the scheme's own.
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let address = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    format!("{method}&{}&{}", encoded(&address), encoded(&parameters.join("&")))
}

/// HMAC-SHA1 (RFC 5849, section 3.4.2).
fn signature(base: &str, key: &str) -> Result<String, ErrorStack> {
    let key = PKey::hmac(key.as_bytes())?;
    let code = Signer::new(MessageDigest::sha1(), &key)?.sign_oneshot_to_vec(base.as_bytes())?;
    Ok(base64::encode_block(&code))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn the_base_string_is_that_of_rfc_5849_section_3_4_1_1() {
        let more = parameters(&[
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ]);
        let base =
            base_string(&Method::POST, &url("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"), &more);
        assert_eq!(
            base,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540\
             %3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3D\
             HMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn the_signatures_are_those_of_rfc_5849_section_1_2() {
        let initiate = parameters(&[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131200"),
            ("oauth_nonce", "wIjqoS"),
            ("oauth_callback", "http://printer.example.com/ready"),
        ]);
        let base = base_string(&Method::POST, &url("https://photos.example.net/initiate"), &initiate[..]);
        let without_token = signature(&base, "kd94hf93k423kf44&").expect("a signature");
        assert_eq!(without_token, "74KNZJeDHnMBp0EMJ9ZHt/XKycU=");

        let photos = parameters(&[
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ]);
        let address = url("http://photos.example.net/photos?file=vacation.jpg&size=original");
        let base = base_string(&Method::GET, &address, &photos);
        let with_token = signature(&base, "kd94hf93k423kf44&pfkkdhi9sl3r4s00").expect("a signature");
        assert_eq!(with_token, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn the_header_has_everything_but_the_secret() {
        let consumer = Consumer { key: "a key".to_owned(), secret: Secret::from("geheim & more") };
        let header = consumer
            .authorize_at(
                &Method::GET,
                &url("https://foreman.example.com:8443/api/v2/smart_proxies?search=x"),
                "1",
                "n",
            )
            .expect("a header");
        let start = "OAuth oauth_consumer_key=\"a%20key\", oauth_nonce=\"n\", oauth_signature_method=\"HMAC-SHA1\", \
                     oauth_timestamp=\"1\", oauth_version=\"1.0\", oauth_signature=\"";
        assert!(header.starts_with(start) && header.ends_with("%3D\""), "{header}");
        assert!(!header.contains("geheim") && !format!("{consumer:?}").contains("geheim"), "{header}");
    }

    #[test]
    fn a_request_is_signed_as_the_oauth_gem_of_foreman_signs_it() {
        // Made with version 0.5.4 of the gem.
        let consumer =
            Consumer { key: "consumer key & more".to_owned(), secret: Secret::from("geheim/consumer+secret%") };
        let address = url("https://localhost:8443/api/v2/smart_proxies?search=name+%3D+%22a+%26+b%22");
        let header = consumer.authorize_at(&Method::GET, &address, "1763715600", "abcDEF123").expect("a header");
        assert!(header.ends_with("oauth_signature=\"3mj1b%2BtTCE5RdUDt8myiFvfUAV0%3D\""), "{header}");
    }

    #[test]
    fn no_two_requests_have_the_same_nonce() {
        let consumer = Consumer { key: "key".to_owned(), secret: Secret::from("secret") };
        let sign = || consumer.authorize(&Method::GET, &url("https://foreman.example.com/")).expect("a header");
        assert_ne!(sign(), sign());
    }
}
