//! The certificates that clients have shown, which their connections may outlive.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openssl::ssl::SslRef;
use openssl::x509::X509;

use super::acceptor::{Server, load_of};
use super::verifier::verify;

/// The certificate that a client has shown on a connection, which may outlive the authority that it was accepted by.
#[derive(Clone)]
pub(crate) struct Shown {
    server: Server,
    certificate: X509,
    intermediates: Vec<X509>,
    /// The last load under which the certificate was accepted.
    accepted_under: Arc<AtomicU64>,
}

impl Shown {
    /// What the client has shown in the handshake; `None` without a certificate.
    pub(crate) fn on(connection: &SslRef, server: &Server) -> Option<Self> {
        let intermediates = connection.peer_cert_chain().into_iter().flatten().map(ToOwned::to_owned);
        // A context of another server would have no number, and the certificate is verified at the first request.
        let load = load_of(connection).unwrap_or_default();
        Some(Self {
            server: server.clone(),
            certificate: connection.peer_certificate()?,
            intermediates: intermediates.collect(),
            accepted_under: Arc::new(AtomicU64::new(load)),
        })
    }

    /// Do the authorities and revocation lists that are loaded now accept it too? Costs a verification once for each
    /// reload.
    pub(crate) fn is_still_accepted(&self) -> bool {
        if self.accepted_under.load(Ordering::Relaxed) == self.server.number() {
            return true;
        }
        let (load, context) = self.server.current();
        let is_accepted = verify(&self.certificate, &self.intermediates, context.cert_store()).unwrap_or(false);
        if is_accepted {
            self.accepted_under.store(load, Ordering::Relaxed);
        }
        is_accepted
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("accepted_under", &self.accepted_under).finish_non_exhaustive()
    }
}
