//! How the proxy shows who it is, and how it knows who calls.

use ipam_provider::settings::Section;
use serde_json::Value;

use super::is_given;
use crate::tls::{Files, Policy};

/// Each of these is needed for HTTPS.
const FILES: [&str; 3] = ["ssl_certificate", "ssl_private_key", "ssl_ca_file"];

/// Settings of HTTPS, in `settings.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// `ssl_certificate`, `ssl_private_key`, `ssl_ca_file` and `ssl_crl_file`, all PEM.
    pub files: Files,
    /// `tls_disabled_versions` and `ssl_disabled_ciphers`.
    pub policy: Policy,
}

/// Is HTTPS asked for, be it completely or not?
pub(super) fn is_wanted(section: &mut Section) -> bool {
    // Each key is asked for, so that all are known.
    FILES.map(|key| is_given(section, key)).contains(&true)
}

impl Tls {
    /// `None` when no HTTPS is asked for, or when there was a fault.
    pub(super) fn read(section: &mut Section) -> Option<Self> {
        let wanted = is_wanted(section);
        let [certificate, private_key, ca_file] = FILES.map(|key| {
            let path = section.path(key);
            if wanted {
                section.required(
                    key,
                    path,
                    "HTTPS needs ssl_certificate, ssl_private_key and ssl_ca_file: set all three",
                )
            } else {
                path
            }
        });
        let crl_file = section.path("ssl_crl_file");
        if crl_file.is_some() && !wanted {
            section.problem(
                "ssl_crl_file",
                "is set without the files for HTTPS, where alone there are client certificates",
                "set ssl_certificate, ssl_private_key and ssl_ca_file too, or remove ssl_crl_file",
            );
        }
        let right = "write a list of versions in quotes, such as ['1.2']; known are 1.0, 1.1, 1.2 and 1.3";
        let disabled_versions = section.read("tls_disabled_versions", right, versions).unwrap_or_default();
        let is_disabled = |version: &str| disabled_versions.iter().any(|disabled| disabled == version);
        if is_disabled("1.2") && is_disabled("1.3") {
            section.problem(
                "tls_disabled_versions",
                "leaves no TLS version that could be used",
                "leave out 1.2 or 1.3, or both",
            );
        }
        let disabled_ciphers = section.list("ssl_disabled_ciphers").unwrap_or_default();
        if !disabled_ciphers.iter().all(|name| is_cipher_name(name)) {
            section.problem(
                "ssl_disabled_ciphers",
                "has a name with characters that no cipher's name has",
                "write names as `openssl ciphers` shows them, such as AES256-SHA",
            );
        }
        let (certificate, private_key, ca_file) = (certificate?, private_key?, ca_file?);
        Some(Self {
            files: Files { certificate, private_key, ca_file, crl_file },
            policy: Policy { disabled_versions, disabled_ciphers },
        })
    }
}

/// Text or numbers: the Ruby proxy takes an unquoted `1.2` too, and YAML leaves it intact.
fn versions(value: &Value) -> Option<Vec<String>> {
    let version = |value: &Value| {
        let version = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        ["1.0", "1.1", "1.2", "1.3"].contains(&version.as_str()).then_some(version)
    };
    match value {
        Value::Array(items) => items.iter().map(version).collect(),
        Value::String(text) => text.split(',').map(|item| version(&item.into())).collect(),
        other => Some(vec![version(other)?]),
    }
}

/// The names end up in a cipher string, where `:` and `!` and others have a meaning.
fn is_cipher_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::testing::{faults, section};

    fn with(extra: Value) -> Value {
        let mut settings = json!({
            "ssl_certificate": "/etc/ssl/cert.pem", "ssl_private_key": "/etc/ssl/key.pem", "ssl_ca_file": "/etc/ssl/ca.pem",
        });
        let more = extra.as_object().expect("an object").clone();
        settings.as_object_mut().expect("an object").extend(more);
        settings
    }

    #[test]
    fn all_three_files_make_https() {
        let mut section = section(with(json!({})));
        let tls = Tls::read(&mut section).expect("HTTPS is on");
        let path = |name: &str| std::path::PathBuf::from("/etc/ssl").join(name);
        let files = Files {
            certificate: path("cert.pem"),
            private_key: path("key.pem"),
            ca_file: path("ca.pem"),
            crl_file: None,
        };
        assert_eq!(tls, Tls { files: files.clone(), policy: Policy::default() });
        assert_eq!(faults(section), "");
        let mut section = super::super::testing::section(with(json!({"ssl_crl_file": "/etc/ssl/crl.pem"})));
        let tls = Tls::read(&mut section).expect("HTTPS is on");
        assert_eq!(tls.files, Files { crl_file: Some(path("crl.pem")), ..files });
        assert_eq!(faults(section), "");
    }

    #[test]
    fn a_revocation_list_without_https_is_a_fault() {
        let mut section = section(json!({"ssl_crl_file": "/etc/ssl/crl.pem"}));
        assert_eq!(Tls::read(&mut section), None);
        insta::assert_snapshot!(faults(section), @"test.yml: ssl_crl_file is set without the files for HTTPS, where alone there are client certificates; set ssl_certificate, ssl_private_key and ssl_ca_file too, or remove ssl_crl_file");
    }

    #[test]
    fn some_but_not_all_of_the_files_is_a_fault() {
        let mut section =
            section(json!({"ssl_certificate": "/etc/ssl/cert.pem", "ssl_ca_file": "", "ssl_private_key": null}));
        assert_eq!(Tls::read(&mut section), None);
        insta::assert_snapshot!(faults(section), @r"
        test.yml: ssl_private_key is missing; HTTPS needs ssl_certificate, ssl_private_key and ssl_ca_file: set all three
        test.yml: ssl_ca_file is missing; HTTPS needs ssl_certificate, ssl_private_key and ssl_ca_file: set all three
        ");
    }

    #[test]
    fn none_of_the_files_is_no_https() {
        let mut section = section(json!({"ssl_certificate": "", "tls_disabled_versions": []}));
        assert_eq!(Tls::read(&mut section), None);
        assert_eq!(faults(section), "");
    }

    #[test]
    fn versions_are_read_as_the_ruby_proxy_reads_them() {
        let disabled = |value: Value| {
            let mut section = section(with(json!({"tls_disabled_versions": value})));
            let tls = Tls::read(&mut section).expect("HTTPS is on");
            assert_eq!(faults(section), "");
            tls.policy.disabled_versions
        };
        assert_eq!(disabled(json!(["1.2"])), ["1.2"]);
        assert_eq!(disabled(json!([1.3])), ["1.3"]);
        assert_eq!(disabled(json!(1.2)), ["1.2"]);
        assert_eq!(disabled(json!("1.0, 1.1, 1.3")), ["1.0", "1.1", "1.3"]);
        assert_eq!(disabled(json!(["1.0", 1.1])), ["1.0", "1.1"]);
    }

    #[test]
    fn what_would_leave_nothing_or_confuse_openssl_is_a_fault() {
        let mut nothing_left =
            section(with(json!({"tls_disabled_versions": ["1.2", "1.3"], "ssl_disabled_ciphers": ["A:B"]})));
        Tls::read(&mut nothing_left);
        insta::assert_snapshot!(faults(nothing_left), @r"
        test.yml: tls_disabled_versions leaves no TLS version that could be used; leave out 1.2 or 1.3, or both
        test.yml: ssl_disabled_ciphers has a name with characters that no cipher's name has; write names as `openssl ciphers` shows them, such as AES256-SHA
        ");
        let mut unknown = section(with(json!({"tls_disabled_versions": ["TLSv1.2"], "ssl_disabled_ciphers": [3]})));
        Tls::read(&mut unknown);
        insta::assert_snapshot!(faults(unknown), @r"
        test.yml: tls_disabled_versions has a value that cannot be used; write a list of versions in quotes, such as ['1.2']; known are 1.0, 1.1, 1.2 and 1.3
        test.yml: ssl_disabled_ciphers has a value that cannot be used; write a list of texts, such as ['a.example.com', 'b.example.com']
        ");
    }
}
