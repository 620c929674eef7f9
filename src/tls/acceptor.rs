//! The server's side of HTTPS, with certificates and settings that can be replaced while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use openssl::error::ErrorStack;
use openssl::ssl::{
    AlpnError, ClientHelloResponse, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslMode, SslOptions,
    SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
};
use openssl::x509::X509StoreContextRef;
use openssl::x509::store::X509StoreBuilder;

use super::client_certificate::describe;
use super::files::{Error, Files, Material};
use super::policy::{Choice, Policy};

/// The key exchanges, fastest first. The second list is for systems in FIPS mode, which have no X25519.
const GROUPS: [&str; 2] = ["X25519:P-256:P-384", "P-256:P-384"];

/// What may be resumed with us; nothing is, but OpenSSL refuses clients that try unless there is one.
const SESSIONS: &[u8] = b"foreman-ipam-proxy";

const HTTP_1_1: &[u8] = b"\x08http/1.1";

/// HTTPS as the settings want it, replaceable while connections come in.
///
/// actix-web keeps the context that a server was bound with. So that context is only a front: when a client says hello,
/// the connection moves to the context loaded last. Connections made before keep theirs.
///
/// No session is ever resumed: Foreman does not try, tickets cost time in each handshake, and a resumed session would
/// carry a client certificate past authorities that have been replaced since.
#[derive(Debug, Clone)]
pub struct Server {
    current: Arc<ArcSwap<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    context: SslContext,
    lowest: SslVersion,
    highest: SslVersion,
}

impl Server {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or used, or nothing of TLS is left.
    pub fn load(files: &Files, policy: &Policy) -> Result<Self, Error> {
        Ok(Self { current: Arc::new(ArcSwap::from_pointee(Loaded::read(files, policy)?)) })
    }

    /// Reads the files again, for all connections that come in from now on.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); what was loaded before stays in use.
    pub fn reload(&self, files: &Files, policy: &Policy) -> Result<(), Error> {
        self.current.store(Arc::new(Loaded::read(files, policy)?));
        Ok(())
    }

    /// What `HttpServer::bind_openssl` and `listen_openssl` need; each call makes one.
    ///
    /// # Errors
    ///
    /// When OpenSSL cannot be set up.
    pub fn acceptor(&self) -> Result<SslAcceptorBuilder, Error> {
        let mut front = base()?;
        // These two are fixed per connection when it is made, so the front must allow what any later policy may.
        front.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        front.set_max_proto_version(Some(SslVersion::TLS1_3))?;
        let current = Arc::clone(&self.current);
        front.set_client_hello_callback(move |connection, _alert| {
            let loaded = current.load();
            // Brings certificate, key, chain, ciphers, authorities and ALPN; but not the versions. Everything else is
            // the same in every context, see `base`.
            connection.set_ssl_context(&loaded.context)?;
            connection.set_min_proto_version(Some(loaded.lowest))?;
            connection.set_max_proto_version(Some(loaded.highest))?;
            Ok(ClientHelloResponse::SUCCESS)
        });
        Ok(front)
    }
}

impl Loaded {
    fn read(files: &Files, policy: &Policy) -> Result<Self, Error> {
        let choice = policy.choose()?;
        let material = Material::read(files)?;
        let context = context(&material, &choice)?;
        Ok(Self { context, lowest: choice.lowest, highest: choice.highest })
    }
}

fn context(material: &Material, choice: &Choice) -> Result<SslContext, ErrorStack> {
    let mut context = base()?;
    if !choice.ciphers_1_2.is_empty() {
        context.set_cipher_list(&choice.ciphers_1_2)?;
    }
    if !choice.ciphers_1_3.is_empty() {
        context.set_ciphersuites(&choice.ciphers_1_3)?;
    }
    context.set_certificate(&material.certificate)?;
    context.set_private_key(&material.key)?;
    context.check_private_key()?;
    for certificate in &material.chain {
        context.add_extra_chain_cert(certificate.clone())?;
    }
    let mut store = X509StoreBuilder::new()?;
    for authority in &material.authorities {
        store.add_cert(authority.clone())?;
        // Also told to clients, so that one with several certificates picks the right one.
        context.add_client_ca(authority)?;
    }
    context.set_cert_store(store.build());
    Ok(context.build().into_context())
}

/// What no settings change. OpenSSL copies most of it into a connection before the client has said anything.
fn base() -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut context = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    context.set_options(
        // Ours is the order of ciphers, but clients without AES in hardware may have ChaCha20.
        SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::PRIORITIZE_CHACHA
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_TICKET,
    );
    // The chain is complete when it is loaded; OpenSSL would verify it anew in each handshake.
    context.set_mode(SslMode::NO_AUTO_CHAIN | SslMode::RELEASE_BUFFERS);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_num_tickets(0)?;
    context.set_session_id_context(SESSIONS)?;
    // A certificate is verified when there is one; routes that need one ask for it, because `/features` and `/version`
    // work without.
    context.set_verify_callback(SslVerifyMode::PEER, |is_good, chain| {
        if !is_good {
            log_refusal(chain);
        }
        is_good
    });
    if context.set_groups_list(GROUPS[0]).is_err() {
        context.set_groups_list(GROUPS[1])?;
    }
    context.set_alpn_select_callback(|_, offered| select_next_proto(HTTP_1_1, offered).ok_or(AlpnError::NOACK));
    Ok(context)
}

/// The client learns no more than that its certificate was refused, and actix-web logs nothing of it.
fn log_refusal(chain: &X509StoreContextRef) {
    let names = chain.current_cert().map(|x509| (describe(x509.subject_name()), describe(x509.issuer_name())));
    let (subject, issuer) = names.unwrap_or_else(|| ("nobody".to_owned(), "nobody".to_owned()));
    let reason = chain.error().error_string();
    log::warn!(
        "A client was refused because of its certificate: {reason} (of {subject}, signed by {issuer}). \
         Authorities of clients belong into ssl_ca_file"
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::{App, HttpServer, web};
    use openssl::ssl::{SslConnector, SslConnectorBuilder, SslStream};
    use openssl::x509::X509;

    use super::super::ClientCertificate;
    use super::super::test_certificates::{Certificate, Wish};
    use super::*;

    /// A server of actix-web, and the files it has loaded.
    struct Subject {
        directory: tempfile::TempDir,
        files: Files,
        server: Server,
        address: SocketAddr,
        handle: actix_web::dev::ServerHandle,
    }

    impl Subject {
        /// Answers with the name in the client's certificate.
        fn start(server_certificate: &Certificate, client_authorities: &[&Certificate]) -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let files = Files {
                certificate: directory.path().join("server.pem"),
                private_key: directory.path().join("server.key"),
                ca_file: directory.path().join("authorities.pem"),
            };
            server_certificate.write(directory.path(), "server");
            write_authorities(&files.ca_file, client_authorities);
            let server = Server::load(&files, &Policy::default()).expect("good files");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let app = || {
                let name = |request: actix_web::HttpRequest| async move {
                    let name = request.conn_data::<Option<String>>().cloned().flatten();
                    name.unwrap_or_else(|| "nobody".to_owned())
                };
                App::new().default_service(web::to(name))
            };
            let running = HttpServer::new(app)
                .on_connect(|connection, data| {
                    type Stream = actix_tls::accept::openssl::TlsStream<actix_web::rt::net::TcpStream>;
                    let stream = connection.downcast_ref::<Stream>().expect("TLS");
                    let certificate = stream.ssl().peer_certificate();
                    data.insert(certificate.and_then(|x509| ClientCertificate::read(&x509).common_name));
                })
                .workers(1)
                .disable_signals()
                .listen_openssl(listener, server.acceptor().expect("an acceptor"))
                .expect("a server")
                .run();
            let handle = running.handle();
            actix_web::rt::spawn(running);
            Self { directory, files, server, address, handle }
        }

        fn reload(&self, policy: &Policy) -> Result<(), Error> {
            self.server.reload(&self.files, policy)
        }

        /// Runs a client, which blocks, beside the server.
        async fn client<T: Send + 'static>(&self, work: impl FnOnce(SocketAddr) -> T + Send + 'static) -> T {
            let address = self.address;
            actix_web::rt::task::spawn_blocking(move || work(address)).await.expect("no panic")
        }
    }

    fn write_authorities(path: &PathBuf, authorities: &[&Certificate]) {
        let pem: String = authorities.iter().map(|authority| authority.pem()).collect();
        fs::write(path, pem).expect("written");
    }

    /// A client that trusts `root` and shows `certificate`.
    fn connector(root: &Certificate, certificate: Option<&Certificate>) -> SslConnectorBuilder {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("a client");
        let mut store = X509StoreBuilder::new().expect("a store");
        store.add_cert(root.x509.clone()).expect("added");
        builder.set_cert_store(store.build());
        if let Some(certificate) = certificate {
            builder.set_certificate(&certificate.x509).expect("a certificate");
            builder.set_private_key(&certificate.key).expect("a key");
        }
        builder
    }

    /// A connection that keeps what the server sent, as it was on the wire.
    #[derive(Debug)]
    struct Wire {
        stream: TcpStream,
        heard: Vec<u8>,
    }

    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.stream.read(buffer)?;
            self.heard.extend_from_slice(&buffer[..length]);
            Ok(length)
        }
    }

    impl Write for Wire {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.stream.write(buffer)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.stream.flush()
        }
    }

    fn connect(address: SocketAddr, builder: SslConnectorBuilder) -> Option<SslStream<Wire>> {
        let stream = TcpStream::connect(address).expect("a connection");
        let patience = std::time::Duration::from_secs(20);
        stream.set_read_timeout(Some(patience)).expect("a limit");
        let stream = Wire { stream, heard: Vec::new() };
        let mut configuration = builder.build().configure().expect("a client");
        configuration.set_verify_hostname(false);
        configuration.connect("proxy.example.com", stream).ok()
    }

    /// The body of the answer; `None` when the server hangs up, which is how TLS 1.3 refuses a client certificate.
    fn ask(stream: &mut SslStream<Wire>) -> Option<String> {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        loop {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).ok().filter(|length| *length > 0)?;
            answer.extend_from_slice(&part[..length]);
            let text = String::from_utf8(answer.clone()).ok()?;
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if length == Some(body.len()) {
                return Some(body.to_owned());
            }
        }
    }

    fn name_of(x509: &X509) -> Option<String> {
        ClientCertificate::read(x509).common_name
    }

    fn disabled(version: &str) -> Policy {
        Policy { disabled_versions: vec![version.to_owned()], ..Policy::default() }
    }

    #[actix_web::test]
    async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
        let root = Certificate::root("Test CA");
        let subject = Subject::start(&root.host("old.example.com"), &[&root]);
        let client = connector(&root, None);
        let mut old = subject.client(move |address| connect(address, client).expect("connected")).await;
        assert_eq!(name_of(&old.ssl().peer_certificate().expect("shown")).as_deref(), Some("old.example.com"));

        root.host("new.example.com").write(subject.directory.path(), "server");
        subject.reload(&disabled("1.2")).expect("good files");
        let client = connector(&root, None);
        let new = subject.client(move |address| connect(address, client).expect("connected")).await;
        assert_eq!(name_of(&new.ssl().peer_certificate().expect("shown")).as_deref(), Some("new.example.com"));
        let answers = subject.client(move |_| (ask(&mut old), ask(&mut old))).await;
        assert_eq!(answers, (Some("nobody".to_owned()), Some("nobody".to_owned())));
        subject.handle.stop(false).await;
    }

    #[actix_web::test]
    async fn client_authorities_are_replaced() {
        let (root, first, second) = (Certificate::root("Test CA"), Certificate::root("A"), Certificate::root("B"));
        let subject = Subject::start(&root.host("proxy.example.com"), &[&first]);
        let names = async |versions: [SslVersion; 2]| {
            let mut names = Vec::new();
            for authority in [&first, &second] {
                for version in versions {
                    let mut client = connector(&root, Some(&authority.host("Foreman.example.com")));
                    client.set_max_proto_version(Some(version)).expect("a version");
                    names.push(subject.client(move |address| ask(&mut connect(address, client)?)).await);
                }
            }
            names
        };
        let versions = [SslVersion::TLS1_2, SslVersion::TLS1_3];
        let known = Some("foreman.example.com".to_owned());
        assert_eq!(names(versions).await, [known.clone(), known.clone(), None, None]);
        write_authorities(&subject.files.ca_file, &[&second]);
        subject.reload(&Policy::default()).expect("good files");
        assert_eq!(names(versions).await, [None, None, known.clone(), known]);
        // In TLS 1.2 the request for a certificate, with the authorities in it, can be read on the wire.
        let mut client = connector(&root, None);
        client.set_max_proto_version(Some(SslVersion::TLS1_2)).expect("a version");
        let heard =
            subject.client(move |address| connect(address, client).expect("connected").get_ref().heard.clone()).await;
        let is_told = |authority: &Certificate| {
            let name = authority.x509.subject_name().to_der().expect("DER");
            heard.windows(name.len()).any(|part| part == name)
        };
        assert_eq!((is_told(&first), is_told(&second)), (false, true));
        subject.handle.stop(false).await;
    }

    #[actix_web::test]
    async fn versions_and_ciphers_are_replaced() {
        let root = Certificate::root("Test CA");
        let subject = Subject::start(&root.host("proxy.example.com"), &[&root]);
        let spoken = async || {
            let mut spoken = Vec::new();
            for version in [SslVersion::TLS1_1, SslVersion::TLS1_2, SslVersion::TLS1_3] {
                let mut client = connector(&root, None);
                client.set_min_proto_version(Some(version)).expect("a version");
                client.set_max_proto_version(Some(version)).expect("a version");
                // OpenSSL's default level has no TLS 1.1, which would hide whether the server refuses it.
                client.set_security_level(0);
                let cipher = subject.client(move |address| {
                    let mut stream = connect(address, client)?;
                    let cipher = stream.ssl().current_cipher()?.name();
                    ask(&mut stream).map(|_| cipher)
                });
                spoken.push(cipher.await);
            }
            spoken
        };
        let (of_1_2, of_1_3) = (Some("ECDHE-ECDSA-AES128-GCM-SHA256"), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(spoken().await, [None, of_1_2, of_1_3]);
        subject.reload(&disabled("1.3")).expect("good files");
        assert_eq!(spoken().await, [None, of_1_2, None]);
        subject.reload(&disabled("1.2")).expect("good files");
        assert_eq!(spoken().await, [None, None, of_1_3]);
        let fewer = ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"].map(str::to_owned).to_vec();
        subject.reload(&Policy { disabled_ciphers: fewer, ..Policy::default() }).expect("good files");
        assert_eq!(spoken().await, [None, Some("ECDHE-ECDSA-AES256-GCM-SHA384"), Some("TLS_AES_256_GCM_SHA384")]);
        subject.handle.stop(false).await;
    }

    #[actix_web::test]
    async fn a_bad_file_leaves_everything_as_it_was() {
        let root = Certificate::root("Test CA");
        let subject = Subject::start(&root.host("proxy.example.com"), &[&root]);
        fs::write(&subject.files.certificate, "half a file").expect("written");
        let error = subject.reload(&disabled("1.3")).expect_err("no certificate");
        assert!(error.to_string().contains("server.pem holds no certificate"), "{error}");
        let mut client = connector(&root, None);
        client.set_min_proto_version(Some(SslVersion::TLS1_3)).expect("a version");
        let answer = subject.client(move |address| ask(&mut connect(address, client)?));
        assert_eq!(answer.await.as_deref(), Some("nobody"));
        subject.handle.stop(false).await;
    }

    #[actix_web::test]
    async fn a_client_that_knows_only_the_root_gets_the_intermediate() {
        let root = Certificate::root("Test CA");
        let intermediate = root.sign(&Wish::authority("Intermediate"));
        let subject = Subject::start(&intermediate.host("proxy.example.com"), &[&root, &intermediate]);
        let client = connector(&root, None);
        let connected = subject.client(move |address| connect(address, client).is_some());
        assert!(connected.await);
        subject.handle.stop(false).await;
    }

    #[actix_web::test]
    async fn no_session_is_offered_and_http_1_1_is_chosen() {
        let root = Certificate::root("Test CA");
        let subject = Subject::start(&root.host("proxy.example.com"), &[&root]);
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let mut client = connector(&root, None);
            client.set_max_proto_version(Some(version)).expect("a version");
            client.set_alpn_protos(b"\x02h2\x08http/1.1").expect("protocols");
            let offered = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&offered);
            client.set_session_cache_mode(SslSessionCacheMode::CLIENT);
            client.set_new_session_callback(move |_, _| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            let protocol = subject.client(move |address| {
                let mut stream = connect(address, client)?;
                // Tickets of TLS 1.3 come with the first answer.
                ask(&mut stream)?;
                stream.ssl().selected_alpn_protocol().map(<[u8]>::to_vec)
            });
            assert_eq!(protocol.await.as_deref(), Some(&b"http/1.1"[..]));
            assert_eq!(offered.load(Ordering::Relaxed), 0);
        }
        subject.handle.stop(false).await;
    }
}
