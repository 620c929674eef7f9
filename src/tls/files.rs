//! The certificate, the key, the authorities and the revocation lists, from their files.

use std::cmp::Reverse;
use std::path::PathBuf;

use ipam_provider::pem::{self, FileError, Pair};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Crl, X509VerifyResult};

/// The files that HTTPS needs, each in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// `ssl_certificate`: our certificate first, intermediate authorities after it.
    pub certificate: PathBuf,
    /// `ssl_private_key`: the key of that certificate, not encrypted.
    pub private_key: PathBuf,
    /// `ssl_ca_file`: the authorities whose client certificates are accepted.
    pub ca_file: PathBuf,
    /// `ssl_crl_file`: the client certificates that these authorities have revoked. `None`: none is looked up.
    pub crl_file: Option<PathBuf>,
}

/// HTTPS cannot be set up with these files and settings. `Display` says what would be right.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file does not hold what it should.
    #[error(transparent)]
    File(#[from] FileError),
    /// OpenSSL, which reads this file itself, is stricter than we are.
    #[error(
        "{} holds revocation lists that OpenSSL does not find; write each -----BEGIN X509 CRL----- at the start of its \
         line, without a byte order mark",
        .0.display()
    )]
    UnevenLists(PathBuf),
    /// No TLS version is left.
    #[error(
        "tls_disabled_versions and ssl_disabled_ciphers leave nothing to encrypt with; \
         enable TLS 1.2 or 1.3 and at least one of its ciphers"
    )]
    NothingLeft,
    /// OpenSSL refuses something.
    #[error("OpenSSL refuses the certificates or the TLS settings")]
    OpenSsl(#[from] ErrorStack),
}

/// What the files hold.
pub(super) struct Material {
    /// Our certificate.
    pub(super) certificate: X509,
    /// What we send after it.
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
    pub(super) authorities: Vec<X509>,
    /// Empty when there is no `ssl_crl_file`.
    pub(super) lists: Vec<X509Crl>,
}

impl Material {
    pub(super) fn read(files: &Files) -> Result<Self, Error> {
        let Pair { mut certificates, key } = Pair::read(&files.certificate, &files.private_key)?;
        let certificate = certificates.remove(0);
        let authorities = pem::certificates(&files.ca_file)?;
        let lists = files.crl_file.as_deref().map(pem::revocation_lists).transpose()?.unwrap_or_default();
        let now = Asn1Time::days_from_now(0)?;
        let chain = chain(&certificate, &certificates, &authorities, &now);
        Ok(Self { certificate, chain, key, authorities, lists })
    }
}

/// What is sent after the certificate, for a client that knows only the root: from issuer to issuer up to but without the
/// root, then what else is in the certificate's own file.
///
/// Where an authority has been renewed under its name, the old certificate is often still in the files. It is left out
/// once it has expired.
fn chain(certificate: &X509, given: &[X509], authorities: &[X509], now: &Asn1TimeRef) -> Vec<X509> {
    let is_valid = |x509: &X509| x509.not_before() <= now && x509.not_after() > now;
    let mut chain: Vec<X509> = Vec::new();
    loop {
        let last = chain.last().unwrap_or(certificate);
        // The first of the best: a file of our own goes before the authorities of clients.
        let issuers = given.iter().chain(authorities).filter(|issuer| is_issuer(issuer, last));
        match issuers.min_by_key(|issuer| Reverse(is_valid(issuer))) {
            // Authorities may have signed each other in a circle.
            Some(issuer) if !is_issuer(issuer, issuer) && !is_among(issuer, &chain) => chain.push(issuer.clone()),
            _ => break,
        }
    }
    for other in given {
        let is_replaced = chain.iter().any(|sent| is_same_authority(sent, other)) && !is_valid(other);
        if !is_among(other, &chain) && !is_replaced {
            chain.push(other.clone());
        }
    }
    chain
}

/// By name, and by key where two authorities have one name.
pub(super) fn is_issuer(issuer: &X509, subject: &X509) -> bool {
    let has_signed = || issuer.public_key().is_ok_and(|key| subject.verify(&key).unwrap_or(false));
    issuer.issued(subject) == X509VerifyResult::OK && has_signed()
}

fn is_same_authority(a: &X509, b: &X509) -> bool {
    a.subject_name().try_cmp(b.subject_name()).is_ok_and(std::cmp::Ordering::is_eq)
}

pub(super) fn is_among(certificate: &X509, certificates: &[X509]) -> bool {
    certificates.iter().any(|other| other.to_der().ok() == certificate.to_der().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::slice::from_ref;

    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    fn ders(chain: &[X509]) -> Vec<Vec<u8>> {
        chain.iter().map(|x509| x509.to_der().expect("DER")).collect()
    }

    /// What is sent after the certificate today.
    fn sent(certificate: &Certificate, given: &[&Certificate], authorities: &[&Certificate]) -> Vec<Vec<u8>> {
        let x509s = |certificates: &[&Certificate]| -> Vec<X509> {
            certificates.iter().map(|certificate| certificate.x509.clone()).collect()
        };
        let now = Asn1Time::days_from_now(0).expect("a time");
        ders(&chain(&certificate.x509, &x509s(given), &x509s(authorities), &now))
    }

    #[test]
    fn intermediates_are_taken_from_the_authorities_when_the_certificate_comes_alone() {
        let root = Certificate::root("Root");
        let intermediate = root.sign(&Wish::authority("Intermediate"));
        let host = intermediate.host("proxy.example.com");
        let authorities = [&root, &intermediate, &Certificate::root("Other")];
        assert_eq!(sent(&host, &[], &authorities), ders(from_ref(&intermediate.x509)));
        assert_eq!(sent(&root.host("b.example.com"), &[], &authorities), ders(&[]));
        assert_eq!(sent(&host, &[&intermediate, &root], &[]), ders(&[intermediate.x509.clone(), root.x509.clone()]));
    }

    #[test]
    fn a_renewed_intermediate_is_sent_and_not_the_expired_one_of_its_name() {
        let root = Certificate::root("Root");
        let renewed = root.sign(&Wish::authority("Intermediate"));
        let long_ago = Wish { not_before: 1_000_000_000, not_after: 1_100_000_000, ..Wish::authority("Intermediate") };
        let expired = renewed.signed_by(&root, &long_ago);
        let host = renewed.host("proxy.example.com");
        for (given, authorities) in [
            (&[][..], &[&root, &expired, &renewed][..]),
            (&[], &[&renewed, &expired]),
            (&[&expired, &renewed], &[&root]),
            (&[&expired], &[&root, &renewed]),
        ] {
            assert_eq!(sent(&host, given, authorities), ders(from_ref(&renewed.x509)));
        }
        assert_eq!(sent(&host, &[&expired], &[&root]), ders(from_ref(&expired.x509)), "there is no other");
        let namesake = root.sign(&Wish::authority("Intermediate"));
        assert_eq!(sent(&host, &[], &[&namesake, &renewed]), ders(from_ref(&renewed.x509)), "another key");
    }

    #[test]
    fn each_bad_file_is_named_with_what_would_be_right() {
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Certificate::root("Test CA");
        let (ca_file, _) = authority.write(directory.path(), "ca");
        let (certificate, private_key) = authority.host("proxy.example.com").write(directory.path(), "proxy");
        let (_, other_key) = authority.host("other.example.com").write(directory.path(), "other");
        let empty = directory.path().join("empty");
        fs::write(&empty, "").expect("written");
        let garbled = directory.path().join("garbled");
        fs::write(&garbled, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
        let encrypted = directory.path().join("encrypted");
        let pem = authority.key.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"secret");
        fs::write(&encrypted, pem.expect("PEM")).expect("written");
        let good = Files { certificate, private_key, ca_file, crl_file: None };
        assert!(Material::read(&good).is_ok());

        let fault = |files: Files| Material::read(&files).err().expect("a fault").to_string();
        for bad in [&empty, &garbled, &other_key] {
            let text = fault(Files { certificate: bad.clone(), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no certificate", bad.display())), "{text}");
            let text = fault(Files { ca_file: bad.clone(), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no certificate", bad.display())), "{text}");
            let text = fault(Files { crl_file: Some(bad.clone()), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no revocation list", bad.display())), "{text}");
        }
        for bad in [&empty, &good.certificate, &encrypted] {
            let text = fault(Files { private_key: bad.clone(), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no private key", bad.display())), "{text}");
        }
        let text = fault(Files { private_key: other_key, ..good.clone() });
        assert!(text.contains("is not the key of the first certificate in"), "{text}");
        let text = fault(Files { private_key: directory.path().join("absent"), ..good });
        assert!(text.contains("absent cannot be read"), "{text}");
    }
}
