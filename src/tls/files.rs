//! Reading the certificate, the key and the authorities from their files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509VerifyResult};

/// The three files that HTTPS needs, each in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// `ssl_certificate`: our certificate first, intermediate authorities after it.
    pub certificate: PathBuf,
    /// `ssl_private_key`: the key of that certificate, not encrypted.
    pub private_key: PathBuf,
    /// `ssl_ca_file`: the authorities whose client certificates are accepted.
    pub ca_file: PathBuf,
}

/// HTTPS cannot be set up with these files and settings. `Display` names the file and says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read; the proxy's user needs read permission on it and its directories", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file has no certificate in it.
    #[error("{} holds no certificate that can be read; it must be PEM (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What OpenSSL says, if anything.
        source: ErrorStack,
    },
    /// A file has no key in it.
    #[error("{} holds no private key that can be read; it must be PEM and not encrypted", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What OpenSSL says.
        source: ErrorStack,
    },
    /// Certificate and key are not a pair.
    #[error("{} is not the key of the first certificate in {}; put the two that were made together",
        .private_key.display(), .certificate.display())]
    Mismatch {
        /// The key's file.
        private_key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
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
    /// What we send after it, up to but without the root.
    pub(super) chain: Vec<X509>,
    pub(super) key: PKey<Private>,
    pub(super) authorities: Vec<X509>,
}

impl Material {
    pub(super) fn read(files: &Files) -> Result<Self, Error> {
        let mut certificates = certificates(&files.certificate)?;
        let certificate = certificates.remove(0);
        let authorities = self::certificates(&files.ca_file)?;
        let key = key(&files.private_key)?;
        if !is_pair(&certificate, &key) {
            let (private_key, certificate) = (files.private_key.clone(), files.certificate.clone());
            return Err(Error::Mismatch { private_key, certificate });
        }
        let chain = if certificates.is_empty() { intermediates(&certificate, &authorities) } else { certificates };
        Ok(Self { certificate, chain, key, authorities })
    }
}

/// The certificates in a PEM file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<X509>, Error> {
    let no_certificate = |source| Error::NoCertificate { path: path.to_owned(), source };
    let certificates = X509::stack_from_pem(&read(path)?).map_err(no_certificate)?;
    // A file without any reads as an empty list and leaves no error behind.
    if certificates.is_empty() { Err(no_certificate(ErrorStack::get())) } else { Ok(certificates) }
}

/// The private key in a PEM file.
pub(super) fn key(path: &Path) -> Result<PKey<Private>, Error> {
    // Without the callback OpenSSL asks for the passphrase of an encrypted key on the terminal.
    let no_passphrase = |_: &mut [u8]| Ok(0);
    PKey::private_key_from_pem_callback(&read(path)?, no_passphrase)
        .map_err(|source| Error::NoKey { path: path.to_owned(), source })
}

/// Is it the key of the certificate?
pub(super) fn is_pair(certificate: &X509, key: &PKey<Private>) -> bool {
    certificate.public_key().is_ok_and(|public| key.public_eq(&public))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// The authorities between the certificate and its root, nearest first, for a client that knows only the root.
fn intermediates(certificate: &X509, authorities: &[X509]) -> Vec<X509> {
    let is_issuer = |issuer: &X509, subject: &X509| issuer.issued(subject) == X509VerifyResult::OK;
    let mut chain: Vec<X509> = Vec::new();
    // A chain is no longer than the list, even when authorities sign each other in a circle.
    while chain.len() < authorities.len() {
        let last = chain.last().unwrap_or(certificate);
        match authorities.iter().find(|authority| is_issuer(authority, last)) {
            Some(issuer) if !is_issuer(issuer, issuer) => chain.push(issuer.clone()),
            _ => break,
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    #[test]
    fn intermediates_are_taken_from_the_authorities_when_the_certificate_comes_alone() {
        let root = Certificate::root("Root");
        let intermediate = root.sign(&Wish::authority("Intermediate"));
        let host = intermediate.host("proxy.example.com");
        let authorities = [root.x509.clone(), intermediate.x509.clone(), Certificate::root("Other").x509];
        let chain = intermediates(&host.x509, &authorities);
        assert_eq!(chain.len(), 1);
        assert_eq!(chain[0].to_der().expect("DER"), intermediate.x509.to_der().expect("DER"));
        assert!(intermediates(&root.host("b.example.com").x509, &authorities).is_empty());
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
        let good = Files { certificate, private_key, ca_file };
        assert!(Material::read(&good).is_ok());

        let fault = |files: Files| Material::read(&files).err().expect("a fault").to_string();
        for bad in [&empty, &garbled, &other_key] {
            let text = fault(Files { certificate: bad.clone(), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no certificate", bad.display())), "{text}");
            let text = fault(Files { ca_file: bad.clone(), ..good.clone() });
            assert!(text.starts_with(&format!("{} holds no certificate", bad.display())), "{text}");
        }
        for bad in [&empty, &good.certificate, &encrypted] {
            let text = fault(Files { private_key: bad.clone(), ..good.clone() });
            assert!(text.contains("no private key that can be read; it must be PEM and not encrypted"), "{text}");
        }
        let text = fault(Files { private_key: other_key, ..good.clone() });
        assert!(text.contains("is not the key of the first certificate in"), "{text}");
        let text = fault(Files { private_key: directory.path().join("absent"), ..good });
        assert!(text.contains("absent cannot be read"), "{text}");
    }
}
