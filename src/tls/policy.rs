//! Which TLS versions and ciphers are spoken.

use openssl::ssl::{SslContext, SslMethod, SslVersion};

use super::files::Error;

/// What of TLS the settings switch off. TLS 1.0 and 1.1 are always off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// `tls_disabled_versions`, such as `1.2`.
    pub disabled_versions: Vec<String>,
    /// `ssl_disabled_ciphers`, by their OpenSSL names.
    pub disabled_ciphers: Vec<String>,
}

/// The ciphers of TLS 1.2, best first: forward secrecy before the two without it, which old clients need; no CBC.
const CIPHERS_1_2: [&str; 8] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
];

/// The ciphers of TLS 1.3, best first.
const CIPHERS_1_3: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Versions that the settings may name; the first three are never spoken.
const VERSIONS: [&str; 5] = ["1", "1.0", "1.1", "1.2", "1.3"];

/// What is left of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) lowest: SslVersion,
    pub(super) highest: SslVersion,
    /// OpenSSL's cipher list for TLS 1.2; empty when only 1.3 is spoken.
    pub(super) ciphers_1_2: String,
    /// OpenSSL's list of cipher suites for TLS 1.3; empty when only 1.2 is spoken.
    pub(super) ciphers_1_3: String,
}

impl Policy {
    /// What the settings name that OpenSSL does not know, one text each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let versions = self.disabled_versions.iter().filter(|version| !VERSIONS.contains(&version.as_str()));
        let versions =
            versions.map(|name| format!("tls_disabled_versions: '{name}' is not a TLS version; write 1.2 or 1.3"));
        let ciphers = self.disabled_ciphers.iter().filter(|cipher| !is_cipher(cipher));
        let ciphers = ciphers.map(|name| {
            format!("ssl_disabled_ciphers: '{name}' is not a cipher of OpenSSL; 'openssl ciphers' lists the names")
        });
        versions.chain(ciphers).collect()
    }

    /// What is left.
    pub(super) fn choose(&self) -> Result<Choice, Error> {
        let left = |version: &str, ciphers: &[&str]| {
            if self.disabled_versions.iter().any(|disabled| disabled == version) {
                return String::new();
            }
            let is_left = |cipher: &&&str| !self.disabled_ciphers.iter().any(|disabled| disabled == **cipher);
            ciphers.iter().filter(is_left).copied().collect::<Vec<_>>().join(":")
        };
        let (ciphers_1_2, ciphers_1_3) = (left("1.2", &CIPHERS_1_2), left("1.3", &CIPHERS_1_3));
        let (lowest, highest) = match (ciphers_1_2.is_empty(), ciphers_1_3.is_empty()) {
            (false, false) => (SslVersion::TLS1_2, SslVersion::TLS1_3),
            (false, true) => (SslVersion::TLS1_2, SslVersion::TLS1_2),
            (true, false) => (SslVersion::TLS1_3, SslVersion::TLS1_3),
            (true, true) => return Err(Error::NothingLeft),
        };
        Ok(Choice { lowest, highest, ciphers_1_2, ciphers_1_3 })
    }
}

/// Does OpenSSL have a cipher of this name, whether or not we speak it? Sites carry the CBC ciphers of the Ruby proxy
/// in their lists; switching those off again is no mistake.
fn is_cipher(name: &str) -> bool {
    // OpenSSL also takes groups such as ALL or kRSA and expressions such as A:!B, which switch nothing off here. Only
    // the names of ciphers have a hyphen inside.
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let of_1_2 = || {
        let mut context = SslContext::builder(SslMethod::tls()).ok()?;
        // TLS 1.3 suites belong to every list; without them OpenSSL refuses a list that it knows nothing of.
        context.set_ciphersuites("").ok()?;
        context.set_cipher_list(name).ok()
    };
    is_name && (CIPHERS_1_3.contains(&name) || (name.trim_matches('-').contains('-') && of_1_2().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(versions: &[&str], ciphers: &[&str]) -> Policy {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Policy { disabled_versions: owned(versions), disabled_ciphers: owned(ciphers) }
    }

    #[test]
    fn both_versions_are_spoken_unless_switched_off() {
        let range = |policy: Policy| policy.choose().map(|choice| (choice.lowest, choice.highest)).ok();
        let (v2, v3) = (SslVersion::TLS1_2, SslVersion::TLS1_3);
        assert_eq!(range(policy(&[], &[])), Some((v2, v3)));
        assert_eq!(range(policy(&["1.1", "1.2"], &[])), Some((v3, v3)));
        assert_eq!(range(policy(&["1.3"], &[])), Some((v2, v2)));
        assert_eq!(range(policy(&[], &CIPHERS_1_3)), Some((v2, v2)), "a version without ciphers is not spoken");
        assert_eq!(range(policy(&[], &CIPHERS_1_2)), Some((v3, v3)));
    }

    #[test]
    fn switching_everything_off_is_an_error() {
        assert!(matches!(policy(&["1.2", "1.3"], &[]).choose(), Err(Error::NothingLeft)));
        assert!(matches!(policy(&["1.2"], &CIPHERS_1_3).choose(), Err(Error::NothingLeft)));
    }

    #[test]
    fn ciphers_are_switched_off_by_name() {
        let choice = policy(&[], &["AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]).choose().expect("something left");
        assert!(!choice.ciphers_1_2.split(':').any(|cipher| cipher == "AES128-GCM-SHA256"));
        assert!(choice.ciphers_1_2.contains("ECDHE-RSA-AES128-GCM-SHA256"));
        assert_eq!(choice.ciphers_1_3, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    }

    #[test]
    fn only_unknown_names_are_warned_about() {
        assert_eq!(policy(&["1.0", "1.1", "1.2"], &["AES256-SHA", "ECDHE-RSA-AES128-SHA256"]).warnings(), [""; 0]);
        assert_eq!(policy(&[], &CIPHERS_1_2).warnings(), [""; 0]);
        assert_eq!(policy(&[], &CIPHERS_1_3).warnings(), [""; 0]);
        for name in ["AES999-SHA", "ALL", "kRSA", "", "-AES128-SHA", "AES128-SHA:!RC4", "TLS_AES_1", "@SECLEVEL=1"] {
            assert_eq!(policy(&[], &[name]).warnings().len(), 1, "{name}");
        }
        assert_eq!(policy(&["tls1.2"], &[]).warnings().len(), 1);
    }
}
