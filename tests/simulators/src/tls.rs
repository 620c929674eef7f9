//! TLS for simulators whose clients insist on it.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::pin::Pin;

use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{Ssl, SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Ref};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// The server's side of TLS.
pub struct Tls(SslAcceptor);

impl Tls {
    /// Shows this certificate.
    ///
    /// # Panics
    /// When the key is not the certificate's.
    pub fn new(certificate: &X509, key: &PKey<Private>) -> Self {
        Self::build(certificate, key, None)
    }

    /// Shows this certificate, and asks for certificates that `authority` signed. Callers without one are served too; the
    /// vendor's part decides. Those with one are named by the header [`CLIENT`], in the way of a web server in front of an
    /// application.
    ///
    /// # Panics
    /// When the key is not the certificate's.
    pub fn with_clients_of(authority: &X509, certificate: &X509, key: &PKey<Private>) -> Self {
        Self::build(certificate, key, Some(authority))
    }

    fn build(certificate: &X509, key: &PKey<Private>, authority: Option<&X509>) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
        acceptor.set_certificate(certificate).expect("a certificate");
        acceptor.set_private_key(key).expect("the certificate's key");
        if let Some(authority) = authority {
            let mut trusted = X509StoreBuilder::new().expect("a store");
            trusted.add_cert(authority.clone()).expect("a certificate");
            acceptor.set_verify_cert_store(trusted.build()).expect("a store");
            acceptor.set_verify(SslVerifyMode::PEER);
        }
        Self(acceptor.build())
    }

    /// The connection after its handshake; `None` when that fails.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<SslStream<TcpStream>> {
        let mut stream = SslStream::new(Ssl::new(self.0.context()).ok()?, stream).ok()?;
        Pin::new(&mut stream).accept().await.ok()?;
        Some(stream)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// An address for a client whose port cannot be changed: somewhere in 127.0.0.0/8, so that tests at the same time do not meet.
pub fn address_with_port(port: u16) -> SocketAddr {
    let [first, second, third, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    ([127, first | 1, second, third.clamp(1, 254)], port).into()
}

/// The header that holds the common name of the caller's certificate; a request has it only when one was shown.
pub const CLIENT: &str = "ssl-client-subject-cn";

/// The common name in the certificate that the caller showed.
pub(crate) fn client(stream: &SslStream<TcpStream>) -> Option<String> {
    let common_name = |certificate: &X509Ref| {
        let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
        entry.data().to_string().ok()
    };
    common_name(stream.ssl().peer_certificate()?.as_ref())
}

#[cfg(test)]
#[path = "../../../src/tls/test_certificates.rs"]
mod test_certificates;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Arc;

    use ipam_conformance::Fault;
    use openssl::ssl::{SslConnector, SslVerifyMode};
    use serde_json::json;

    use super::test_certificates::Certificate;
    use super::*;
    use crate::{Ipam, Request, Response, Server};

    /// Answers with the name of the caller.
    struct Courteous;

    impl Ipam for Courteous {
        fn answer(&self, request: &Request) -> Response {
            Response::json(200, &json!(request.header(CLIENT)))
        }

        fn is_write(&self, request: &Request) -> bool {
            request.method == "POST"
        }

        fn session_expired(&self) -> Response {
            Response::empty(401)
        }
    }

    #[test]
    fn callers_are_known_by_their_certificates() {
        let (authority, strangers) = (Certificate::root("Authority"), Certificate::root("Strangers"));
        let own = authority.host("ipam.example.com");
        let tls = Tls::with_clients_of(&authority.x509, &own.x509, &own.key);
        let server = Server::start_with_tls(address_with_port(7443), tls, Arc::new(Courteous));
        assert_eq!(server.url(), format!("https://{}", server.address()));

        let ask = |client: Option<&Certificate>, method: &str| {
            let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a connector");
            connector.set_verify(SslVerifyMode::NONE);
            if let Some(client) = client {
                connector.set_certificate(&client.x509).expect("a certificate");
                connector.set_private_key(&client.key).expect("a key");
            }
            let stream = TcpStream::connect(server.address()).expect("a connection");
            let mut stream = connector.build().connect("ipam.example.com", stream).ok()?;
            write!(stream, "{method} / HTTP/1.1\r\n\r\n").ok()?;
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).ok().filter(|length| *length > 0)?;
            let text = String::from_utf8_lossy(&answer[..length]).into_owned();
            Some(text.split_once("\r\n\r\n").expect("an answer").1.to_owned())
        };
        let node = authority.host("node7.example.com");
        assert_eq!(ask(Some(&node), "GET").as_deref(), Some(r#""node7.example.com""#));
        assert_eq!(ask(None, "GET").as_deref(), Some("null"));
        assert_eq!(ask(Some(&strangers.host("node7.example.com")), "GET"), None, "of an authority that is not trusted");
        server.set_fault(Some(Fault::ResetBeforeWrite));
        assert_eq!((ask(None, "POST"), ask(None, "GET").as_deref()), (None, Some("null")));
    }
}
