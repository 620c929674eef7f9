//! A Foreman and a proxy that believe each other, by their certificates.
//!
//! Needs nothing but the certificates beside it, so that other test programs can take it in with `#[path]`.

use ipam_simulators::foreman::Identity;

use super::certificates::Certificate;

/// The host that the proxy's certificate is for; the simulated Foreman finds every host on this machine.
pub(crate) const HOST: &str = "proxy.example.com";

/// The host that the simulated Foreman is reached as, and calls as.
pub(crate) const FOREMAN: &str = "localhost";

/// One authority, and what it has signed.
pub(crate) struct Certificates {
    pub(crate) authority: Certificate,
    /// Of the proxy.
    pub(crate) proxy: Certificate,
    server: Certificate,
    client: Certificate,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let authority = Certificate::root("Authority of the tests");
        Self {
            proxy: authority.host(HOST),
            server: authority.host(FOREMAN),
            client: authority.host(FOREMAN),
            authority,
        }
    }

    /// What Foreman shows, and whom it believes.
    pub(crate) fn of_foreman(&self) -> Identity {
        Identity {
            certificate: self.server.pem(),
            key: self.server.key_pem(),
            client_certificate: self.client.pem(),
            client_key: self.client.key_pem(),
            authority: self.authority.pem(),
        }
    }
}
