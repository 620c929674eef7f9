//! The settings of a connection to an IPAM, the same keys for every provider.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use crate::Recorder;
use crate::settings::{Secret, Section};

/// How an IPAM is reached.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `url`: `http` or `https`, host, and the path that the IPAM is under, without a slash at the end.
    pub url: Url,
    /// `ca_file`: PEM certificates that the IPAM's certificate may be signed by, besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// `client_certificate` and `client_key`: PEM files to show who we are with.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `verify_tls`: `false` believes any server; the last resort.
    pub verify_tls: bool,
    /// `proxy`: an HTTP proxy on the way; the environment's is not used.
    pub proxy: Option<Secret>,
    /// `connect_seconds`: how long a connection may take to be made.
    pub connect: Duration,
    /// `read_seconds`: how long the IPAM may be silent in the middle of an answer.
    pub read: Duration,
    /// `max_parallel`: how many calls may be under way at once.
    pub max_parallel: usize,
    /// What is told of the exchanges.
    pub recorder: Recorder,
}

impl HttpSettings {
    /// Reads the keys; `None` when there is no usable `url`. `example` shows what one looks like.
    pub fn read(section: &mut Section, example: &str) -> Option<Self> {
        let right =
            format!("write http:// or https://, the host and the path, without user and password, such as {example}");
        let url = section.read("url", &right, |value| value.as_str().and_then(base));
        let url = section.required("url", url, &right);
        let identity = match (section.path("client_certificate"), section.path("client_key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                section.required::<()>("client_key", None, "name the key of client_certificate");
                None
            }
            (None, Some(_)) => {
                section.required::<()>("client_certificate", None, "name the certificate of client_key");
                None
            }
        };
        let right = "write http://host:port of the proxy";
        // User and password may be in it.
        let proxy = section.secret_with("proxy", right, |text| Url::parse(text).is_ok());
        let settings = (
            section.path("ca_file"),
            section.flag("verify_tls").unwrap_or(true),
            section.seconds("connect_seconds", 1..=30).unwrap_or(Duration::from_secs(5)),
            section.seconds("read_seconds", 1..=60).unwrap_or(Duration::from_secs(15)),
            section.number("max_parallel", 1..=64).map_or(4, |number| usize::try_from(number).unwrap_or(64)),
        );
        let (ca_file, verify_tls, connect, read, max_parallel) = settings;
        let recorder = section.recorder().clone();
        Some(Self { url: url?, ca_file, identity, verify_tls, proxy, connect, read, max_parallel, recorder })
    }
}

/// A URL to put paths behind: no query, no fragment, no slash at the end.
fn base(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    is_plain.then_some(url)
}

/// May it be the name of a user in HTTP Basic, which a colon ends?
pub fn is_basic_user(text: &str) -> bool {
    !text.contains(':') && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::settings::Setting;

    fn read(settings: Value) -> (Option<HttpSettings>, Vec<String>) {
        let Value::Object(settings) = settings else { panic!("an object") };
        let settings: BTreeMap<_, _> =
            settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None })).collect();
        let mut section = Section::new("x.yml", settings);
        let read = HttpSettings::read(&mut section, "https://ipam.example.com");
        (read, section.finish().problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_url_is_enough() {
        let (settings, problems) = read(json!({"url": "https://ipam.example.com/phpipam/"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!(settings.url.as_str(), "https://ipam.example.com/phpipam");
        assert!(settings.verify_tls && settings.proxy.is_none() && settings.identity.is_none());
        assert_eq!((settings.connect.as_secs(), settings.read.as_secs(), settings.max_parallel), (5, 15, 4));
    }

    #[test]
    fn a_url_that_hides_something_is_refused() {
        for url in ["ipam.example.com", "ftp://x", "https://user:geheim@x", "https://x?token=geheim", "https://x#y", ""]
        {
            let (settings, problems) = read(json!({"url": url}));
            assert!(
                settings.is_none() && problems.len() == 1 && !problems[0].contains("geheim"),
                "{url}: {problems:?}"
            );
        }
    }

    #[test]
    fn half_an_identity_is_a_fault() {
        let (_, problems) = read(json!({"url": "https://x", "client_certificate": "/a.pem"}));
        assert_eq!(problems, ["x.yml: client_key is missing; name the key of client_certificate"]);
    }
}
