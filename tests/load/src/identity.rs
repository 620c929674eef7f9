//! The certificates of a proxy that the program starts itself, and of the Foreman that calls it.

use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::certificates::Certificate;

/// The name that the server's certificate is for.
pub(crate) const SERVER: &str = "proxy.example.com";

/// The name in Foreman's certificate.
pub(crate) const FOREMAN: &str = "foreman.example.com";

/// An authority, and what it has signed.
pub(crate) struct Identities {
    authority: Certificate,
    foreman: Certificate,
}

impl Identities {
    pub(crate) fn new() -> Self {
        let authority = Certificate::root("Authority of the load");
        Self { foreman: authority.host(FOREMAN), authority }
    }

    /// Writes `authority.pem`, and `server.pem` and `server.key`, which are new each time.
    pub(crate) fn write(&self, directory: &Path) {
        self.authority.write(directory, "authority");
        self.renew_server(directory);
    }

    pub(crate) fn renew_server(&self, directory: &Path) {
        self.authority.host(SERVER).write(directory, "server");
    }

    /// Calls with Foreman's certificate, and believes servers of the authority.
    pub(crate) fn connector(&self) -> SslConnector {
        let own = (&*self.foreman.x509, &*self.foreman.key);
        connector([self.authority.x509.clone()], Some(own)).expect("certificates that were just made")
    }
}

/// Calls with this certificate and key, and believes servers that these authorities have signed.
///
/// # Errors
/// When OpenSSL refuses one of them.
pub(crate) fn connector(
    authorities: impl IntoIterator<Item = X509>,
    own: Option<(&openssl::x509::X509Ref, &openssl::pkey::PKeyRef<Private>)>,
) -> Result<SslConnector, ErrorStack> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    let mut trusted = X509StoreBuilder::new()?;
    for authority in authorities {
        trusted.add_cert(authority)?;
    }
    connector.set_cert_store(trusted.build());
    connector.set_verify(SslVerifyMode::PEER);
    if let Some((certificate, key)) = own {
        connector.set_certificate(certificate)?;
        connector.set_private_key(key)?;
    }
    Ok(connector.build())
}

/// The same from PEM.
///
/// # Errors
/// When OpenSSL cannot read one of them.
pub(crate) fn connector_from_pem(
    authorities: &[u8],
    certificate: &[u8],
    key: &[u8],
) -> Result<SslConnector, ErrorStack> {
    let (certificate, key) = (X509::from_pem(certificate)?, PKey::private_key_from_pem(key)?);
    connector(X509::stack_from_pem(authorities)?, Some((&certificate, &key)))
}
