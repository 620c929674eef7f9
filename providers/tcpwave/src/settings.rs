//! The settings of `settings.d/externalipam_tcpwave.yml`.

use ipam_provider::Description;
use ipam_provider::http::{HeaderValue, HttpSettings, secret_header};
use ipam_provider::settings::{Secret, Section};
use secrecy::ExposeSecret;

const URL: &str = "https://tcpwave.example.com:7443";

/// The object class that every TCPWave comes with.
const OBJECT_TYPE: &str = "Others";

/// How TCPWave is reached and what is written into it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The keys that all providers share. `client_certificate` and `client_key` are one of the two credentials.
    pub http: HttpSettings,
    /// `session_token`: the other one.
    pub session_token: Option<Secret>,
    /// `domain`: the domain of the names of new objects, without a dot at its end.
    pub domain: String,
    /// `object_type`: the class of new objects.
    pub object_type: String,
    /// `update_dns`: are A and PTR records made of new objects?
    pub update_dns: bool,
    /// `mark` and `description`: how new objects are described.
    pub description: Description,
    /// `delete_only_own`: is an object without our mark kept?
    pub delete_only_own: bool,
}

impl Settings {
    /// Reads the section; faults are noted in it. `None` when something that must be there is not.
    pub fn read(section: &mut Section) -> Option<Self> {
        let http = HttpSettings::read(section, URL);
        let session_token = session_token(section, http.as_ref());
        let right = "write the domain of the names of new objects, such as example.com";
        let domain =
            section.read("domain", right, |value| value.as_str().filter(|text| is_domain(text)).map(str::to_owned));
        let domain = section.required("domain", domain, right);
        let object_type = section.text("object_type").unwrap_or_else(|| OBJECT_TYPE.to_owned());
        let update_dns = section.flag("update_dns").unwrap_or(true);
        let description = Description::read(section);
        let delete_only_own = section.flag("delete_only_own").unwrap_or(false);
        Some(Self {
            http: http?,
            session_token: session_token?,
            domain: domain?,
            object_type,
            update_dns,
            description,
            delete_only_own,
        })
    }

    /// The value of the header that shows who we are, where that is not the client certificate.
    pub(crate) fn session(&self) -> Option<HeaderValue> {
        let value = secret_header(self.session_token.as_ref()?.expose_secret());
        Some(value.expect("a token is made of characters that a header may hold"))
    }
}

/// The session token, or none where a client certificate is shown: then nothing else is needed, and a token that is
/// left over, such as the example's, would be refused. `None` when there is no credential at all.
fn session_token(section: &mut Section, http: Option<&HttpSettings>) -> Option<Option<Secret>> {
    let right = "name client_certificate and client_key and an https url, or write a session token, in quotes";
    let token = section.secret_with("session_token", right, is_token);
    let has_certificate = section.has("client_certificate") || section.has("client_key");
    let is_plain = http.is_some_and(|http| http.url.scheme() == "http");
    if has_certificate && !is_plain {
        return Some(None);
    }
    section.required("session_token", token, right).map(Some)
}

/// Visible ASCII: a line break would end the header.
fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Labels with dots between them.
fn is_domain(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(is_label)
}

/// One label of a DNS name: 1 to 63 letters, digits and hyphens, the hyphens inside.
pub(crate) fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let has_edges = !text.starts_with('-') && !text.ends_with('-');
    (1..=63).contains(&text.len()) && has_edges && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ipam_provider::testing::read_settings;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> (Option<Settings>, Vec<String>) {
        read_settings(settings, Settings::read)
    }

    #[test]
    fn url_domain_and_one_credential_are_enough() {
        let (settings, problems) =
            read(json!({"url": "https://t.example.com:7443", "domain": "example.com", "session_token": "geheim"}));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            (settings.object_type.as_str(), settings.update_dns, settings.delete_only_own),
            ("Others", true, false)
        );
        assert_eq!(settings.session().expect("a token").to_str().expect("text"), "geheim");
        assert!(!format!("{settings:?} {:?}", settings.session()).contains("geheim"), "it is never shown");

        let (settings, problems) = read(json!({
            "url": "https://t.example.com:7443", "domain": "example.com", "client_certificate": "/c.pem",
            "client_key": "/k.pem", "session_token": "left-over",
        }));
        assert_eq!(problems, [""; 0]);
        assert!(settings.expect("settings").session().is_none());
    }

    #[test]
    fn a_credential_is_needed_and_over_http_a_certificate_is_none() {
        let missing = "x.yml: session_token is missing; name client_certificate and client_key and an https url, or \
                       write a session token, in quotes";
        let (settings, problems) = read(json!({"url": "https://t.example.com", "domain": "example.com"}));
        assert!(settings.is_none());
        assert_eq!(problems, [missing]);
        let (settings, problems) = read(json!({
            "url": "http://t.example.com", "domain": "example.com", "client_certificate": "/c.pem",
            "client_key": "/k.pem",
        }));
        assert!(settings.is_none());
        assert_eq!(problems, [missing]);
    }

    #[test]
    fn every_key_is_read() {
        let (settings, problems) = read(json!({
            "url": "https://t.example.com", "domain": "Lab.example.com", "session_token": "geheim",
            "object_type": "Server", "update_dns": false, "mark": "proxy-a", "description": "{mac}",
            "delete_only_own": true,
        }));
        let settings = settings.expect("settings");
        assert_eq!(problems, [""; 0]);
        assert_eq!((settings.domain.as_str(), settings.object_type.as_str()), ("Lab.example.com", "Server"));
        assert_eq!((settings.update_dns, settings.delete_only_own), (false, true));
        assert_eq!(settings.description.mark(), "proxy-a");
    }

    #[test]
    fn all_faults_are_told_at_once_and_none_shows_a_value() {
        let (settings, problems) = read(json!({
            "session_token": "geheim mit Blank", "domain": "geheim_.example.com", "object_type": 5,
            "update_dns": "perhaps",
            "description": "{host}", "mark": " geheim", "delete_only_own": "perhaps", "domains": "geheim",
        }));
        assert!(settings.is_none());
        let keys: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
        assert_eq!(
            keys,
            [
                "url",
                "session_token",
                "domain",
                "object_type",
                "update_dns",
                "description",
                "mark",
                "delete_only_own",
                "domains"
            ],
            "{problems:#?}"
        );
        assert!(!problems.iter().any(|problem| problem.contains("geheim") || problem.contains("perhaps")));
    }

    #[test]
    fn a_domain_is_made_of_labels() {
        for domain in ["example.com", "x", "1-a.example", &format!("{}.com", "a".repeat(63))] {
            assert!(is_domain(domain), "{domain}");
        }
        for other in
            ["", ".", "example.com.", ".example.com", "a..b", "-a.com", "a-.com", "a b", "zürich", &"a".repeat(64)]
        {
            assert!(!is_domain(other), "{other}");
        }
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let example = include_str!("../../../settings.d/externalipam_tcpwave.yml.example");
        let key = |line: &str| {
            let line = line.strip_prefix('#').unwrap_or(line);
            let is_key = |key: &&str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            line.split_once(':').map(|(key, _)| key).filter(is_key).map(str::to_owned)
        };
        let keys: BTreeSet<String> = example.lines().filter_map(key).collect();
        // A key that is nowhere near a known one is answered with all of them.
        let given = json!({"url": "https://t.example.com", "domain": "x", "session_token": "t", "xxxxxxxxxxxx": 1});
        let (_, problems) = read(given);
        let known = problems[0].split_once("known are: ").expect("a list of keys").1;
        assert_eq!(keys, known.split(", ").map(str::to_owned).collect());
    }
}
