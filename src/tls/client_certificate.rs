//! Who a client's certificate says it is.

use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref};

/// The names in a client's certificate, in lower case. The TLS layer has verified the certificate before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ClientCertificate {
    /// The common name of the subject. None when there is no or more than one, or when it is not plain text.
    pub common_name: Option<String>,
    /// The DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
}

impl ClientCertificate {
    /// Reads the names. What cannot be read with certainty is no name; this never fails.
    pub(crate) fn read(certificate: &X509Ref) -> Self {
        let dns_names = certificate.subject_alt_names();
        let dns_names = dns_names.iter().flatten().filter_map(|name| name.dnsname().and_then(plain));
        Self { common_name: common_name(certificate.subject_name()), dns_names: dns_names.collect() }
    }
}

/// A subject or issuer for people: `O = Example, CN = foreman.example.com`.
pub(super) fn describe(name: &X509NameRef) -> String {
    let entries = name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        format!("{key} = {}", entry.data().to_string().unwrap_or_default())
    });
    let name = entries.collect::<Vec<_>>().join(", ");
    if name.is_empty() { "nobody".to_owned() } else { name }
}

fn common_name(subject: &X509NameRef) -> Option<String> {
    let mut entries = subject.entries_by_nid(Nid::COMMONNAME);
    let (only, None) = (entries.next()?, entries.next()) else {
        // Which one an authority vouches for is anybody's guess, and programs guess differently.
        return None;
    };
    let bytes = only.data().as_slice();
    let text = only.data().to_string().ok()?;
    // In BMPString, UniversalString and T61String the same bytes are other characters than in the rest; a name is only
    // what reads the same either way.
    (text.as_bytes() == bytes).then_some(text).and_then(|text| plain(&text))
}

/// The text in lower case, if it could be the name of a host.
pub(super) fn plain(text: &str) -> Option<String> {
    // A NUL ends a name for programs in C, and has fooled them before.
    let is_plain = !text.is_empty() && !text.chars().any(|character| character.is_control() || character == ' ');
    // Not the capitals of all scripts: U+212A, the sign of Kelvin, would become the k of another host's name.
    is_plain.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Type;

    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    fn read(common_names: &[(&str, Asn1Type)], dns_names: &[&str]) -> ClientCertificate {
        let wish = Wish {
            common_names: common_names.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            dns_names: dns_names.iter().map(|name| (*name).to_owned()).collect(),
            ..Wish::host("")
        };
        ClientCertificate::read(&Certificate::root("Test CA").sign(&wish).x509)
    }

    #[test]
    fn names_are_read_in_lower_case() {
        for kind in [Asn1Type::UTF8STRING, Asn1Type::PRINTABLESTRING, Asn1Type::IA5STRING, Asn1Type::T61STRING] {
            let names = read(&[("Foreman.Example.COM", kind)], &["Foreman.example.com", "fm.example.com"]);
            assert_eq!(names.common_name.as_deref(), Some("foreman.example.com"));
            assert_eq!(names.dns_names, ["foreman.example.com", "fm.example.com"]);
        }
        assert_eq!(read(&[], &[]), ClientCertificate::default());
    }

    #[test]
    fn what_reads_differently_in_another_encoding_is_no_name() {
        // As a BMPString, the same bytes are ten Chinese characters.
        assert_eq!(
            read(&[("foreman.example.com.", Asn1Type::UTF8STRING)], &[]).common_name.as_deref(),
            Some("foreman.example.com.")
        );
        assert_eq!(read(&[("foreman.example.com.", Asn1Type::BMPSTRING)], &[]).common_name, None);
        assert_eq!(read(&[("f\u{fc}r.example.com", Asn1Type::T61STRING)], &[]).common_name, None);
    }

    #[test]
    fn a_sign_that_looks_like_a_letter_is_none() {
        let names = read(&[("\u{212a}vm.example.com", Asn1Type::UTF8STRING)], &[]);
        assert_eq!(names.common_name.as_deref(), Some("\u{212a}vm.example.com"));
    }

    #[test]
    fn a_nul_ends_no_name() {
        let names = read(
            &[("foreman.example.com\0.evil.example", Asn1Type::UTF8STRING)],
            &["foreman.example.com\0.evil.example", "other.example.com"],
        );
        assert_eq!(names.common_name, None);
        assert!(!names.dns_names.contains(&"foreman.example.com".to_owned()));
    }

    #[test]
    fn two_common_names_are_none() {
        let kind = Asn1Type::UTF8STRING;
        assert_eq!(read(&[("a.example.com", kind), ("b.example.com", kind)], &[]).common_name, None);
        assert_eq!(read(&[("", kind)], &[]).common_name, None);
        assert_eq!(read(&[("a b", kind)], &[]).common_name, None);
    }
}
