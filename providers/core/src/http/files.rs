//! Certificates and keys from files, as reqwest wants them.

use std::path::Path;

use openssl::error::ErrorStack;
use reqwest::{Certificate, Identity};

use crate::pem::{FileError, Pair, certificates};
use crate::{Error, ErrorKind, Result};

/// The certificates in a PEM file, to be trusted by a client.
///
/// # Errors
/// As [`certificates`].
pub fn authorities(file: &Path) -> std::result::Result<Vec<Certificate>, FileError> {
    let certificate = |x509: &openssl::x509::X509| {
        let der = x509.to_der().expect("what was read can be written");
        Certificate::from_der(&der).expect("OpenSSL wrote it")
    };
    Ok(certificates(file)?.iter().map(certificate).collect())
}

/// The certificate and the key that a client shows.
pub(super) fn identity(certificate: &Path, key: &Path) -> Result<Identity> {
    let pair = Pair::read(certificate, key).map_err(unusable)?;
    let pem = || -> std::result::Result<(Vec<u8>, Vec<u8>), ErrorStack> {
        let certificates: std::result::Result<Vec<_>, _> = pair.certificates.iter().map(|x509| x509.to_pem()).collect();
        Ok((certificates?.concat(), pair.key.private_key_to_pem_pkcs8()?))
    };
    let (certificates, key) = pem().expect("what was read can be written");
    Identity::from_pkcs8_pem(&certificates, &key).map_err(|error| {
        Error::new(ErrorKind::Rejected, "client_certificate and client_key cannot be used").because(error)
    })
}

/// The text names the file, and what would be right.
pub(super) fn unusable(error: FileError) -> Error {
    let unusable = Error::new(ErrorKind::Rejected, error.to_string());
    match error {
        FileError::Unreadable { source, .. } => unusable.because(source),
        FileError::Unusable { .. } | FileError::Mismatch { .. } => unusable,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use openssl::asn1::Asn1Time;
    use openssl::hash::MessageDigest;
    use openssl::pkey::{PKey, Private};
    use openssl::rsa::Rsa;
    use openssl::x509::{X509, X509Builder};

    use super::*;

    fn certificate(key: &PKey<Private>) -> X509 {
        let mut builder = X509Builder::new().expect("a builder");
        builder.set_pubkey(key).expect("a key");
        builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a start");
        builder.set_not_after(&Asn1Time::days_from_now(1).expect("a time")).expect("an end");
        builder.sign(key, MessageDigest::sha256()).expect("a signature");
        builder.build()
    }

    #[test]
    fn a_client_shows_a_key_of_any_form_and_trusts_each_certificate_of_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, content).expect("written");
            path
        };
        let rsa = Rsa::generate(2048).expect("a key");
        let key = PKey::from_rsa(rsa.clone()).expect("a key");
        let pem = certificate(&key).to_pem().expect("PEM");
        let alone = write("client.pem", &pem);
        let pkcs1 = rsa.private_key_to_pem().expect("PEM");
        let pkcs8 = key.private_key_to_pem_pkcs8().expect("PEM");
        for key in [&pkcs1, &pkcs8, &[b"Bag Attributes\n  friendlyName: x\n".as_slice(), &pkcs8].concat()] {
            identity(&alone, &write("client.key", key)).expect("an identity");
            let combined = write("combined.pem", &[key.as_slice(), &pem].concat());
            identity(&combined, &combined).expect("an identity");
        }
        let of_another = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let other = write("other.key", &of_another.private_key_to_pem_pkcs8().expect("PEM"));
        let error = identity(&alone, &other).expect_err("no pair").to_string();
        assert!(error.starts_with(&format!("{} is not the key of the first certificate", other.display())), "{error}");

        let bundle = write("bundle.pem", &["\u{feff}".as_bytes(), &pem, &pem].concat());
        assert_eq!(authorities(&bundle).map(|found| found.len()).map_err(|error| error.to_string()), Ok(2));
        assert!(authorities(&write("empty.pem", b"")).is_err());
    }
}
