//! How Foreman calls a proxy: `GET /v2/features` with its client certificate, as rest-client does it, and webhooks.

use std::io::{Read, Write};
use std::net::TcpStream;

use openssl::pkey::PKey;
use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use serde_json::Value;

use super::{AT_MOST, Identity};

/// Calls proxies.
pub(super) struct Caller {
    connector: SslConnector,
    /// Without a client certificate, for webhooks that do not show it.
    plain: SslConnector,
}

impl Caller {
    pub(super) fn new(identity: &Identity) -> Self {
        let builder = || {
            let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a TLS context");
            let mut trusted = X509StoreBuilder::new().expect("a store");
            trusted.add_cert(X509::from_pem(identity.authority.as_bytes()).expect("a certificate")).expect("added");
            connector.set_cert_store(trusted.build());
            connector.set_verify(SslVerifyMode::PEER);
            connector
        };
        let mut connector = builder();
        let certificate = X509::from_pem(identity.client_certificate.as_bytes()).expect("a certificate");
        let key = PKey::private_key_from_pem(identity.client_key.as_bytes()).expect("a key");
        connector.set_certificate(&certificate).expect("a certificate");
        connector.set_private_key(&key).expect("its key");
        Self { connector: connector.build(), plain: builder().build() }
    }

    /// The names of the modules that run, or what Ruby would raise, such as `[RestClient::Forbidden]: 403 Forbidden`.
    pub(super) fn features(&self, url: &str) -> Result<Vec<String>, String> {
        let head = "GET /v2/features HTTP/1.1\r\nAccept: application/json\r\nUser-Agent: rest-client/2.1.0\r\n";
        let answer = exchange(&self.connector, url, head, "")?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("[EOFError]: end of file reached")?;
        match head.split(' ').nth(1) {
            Some("200") => {}
            Some("403") => return Err("[RestClient::Forbidden]: 403 Forbidden".to_owned()),
            _ => return Err("[RestClient::InternalServerError]: 500 Internal Server Error".to_owned()),
        }
        let modules: Value = serde_json::from_str(body).map_err(|error| format!("[JSON::ParserError]: {error}"))?;
        let modules = modules.as_object().ok_or("[NoMethodError]: undefined method `reject!'")?;
        let running = modules.iter().filter(|(_, module)| module["state"] == "running");
        Ok(running.map(|(name, _)| name.clone()).collect())
    }

    /// One call of the External IPAM module. Answers the status.
    pub(super) fn call(&self, url: &str, method: &str, path: &str) -> Result<u16, String> {
        let head = format!("{method} {path} HTTP/1.1\r\nContent-Length: 0\r\nUser-Agent: curl/8.5.0\r\n");
        status(&exchange(&self.connector, url, &head, "")?)
    }

    /// Delivers a webhook once, as plugin 3.2 does: with the client certificate (`proxy_authorization`), or with a header of
    /// its own and without one. Answers the status.
    pub(super) fn webhook(&self, url: &str, body: &str, token: Option<&str>) -> Result<u16, String> {
        let length = body.len();
        let header = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!(
            "POST /hooks/foreman HTTP/1.1\r\nContent-Type: application/json\r\nUser-Agent: Ruby\r\n\
             Content-Length: {length}\r\n{header}"
        );
        let connector = if token.is_some() { &self.plain } else { &self.connector };
        status(&exchange(connector, url, &head, body)?)
    }
}

fn status(answer: &str) -> Result<u16, String> {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| "no status".to_owned())
}

/// One request over a connection of its own.
fn exchange(connector: &SslConnector, url: &str, head: &str, body: &str) -> Result<String, String> {
    let authority = url.strip_prefix("https://").ok_or("[URI::BadURIError]: bad URI")?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let port: u16 = port.parse().map_err(|_| "[URI::InvalidURIError]: bad URI")?;
    let refused = |_| {
        format!(
            "[Errno::ECONNREFUSED]: Failed to open TCP connection to {authority} (Connection refused - connect(2) \
                 for \"{host}\" port {port})"
        )
    };
    let tcp = TcpStream::connect(("127.0.0.1", port)).map_err(refused)?;
    tcp.set_read_timeout(Some(AT_MOST)).map_err(|error| format!("[Errno]: {error}"))?;
    let mut stream = connector.connect(host, tcp).map_err(|error| match error {
        HandshakeError::Failure(stream) => format!(
            "[RestClient::SSLCertificateNotVerified]: SSL_connect returned=1 errno=0 state=error: certificate \
                 verify failed ({})",
            stream.ssl().verify_result().error_string()
        ),
        error => format!("[OpenSSL::SSL::SSLError]: {error}"),
    })?;
    let request = format!("{head}Host: {authority}\r\nConnection: close\r\n\r\n{body}");
    let mut answer = String::new();
    // A certificate that the proxy refuses shows here, with TLS 1.3.
    let exchanged = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    exchanged.map_err(|error| format!("[OpenSSL::SSL::SSLError]: SSL_read: {error}"))?;
    Ok(answer)
}
