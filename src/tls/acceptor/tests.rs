//! A server of actix-web with our TLS, and clients that shake hands with it.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{App, HttpServer, web};
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslStream};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use super::super::test_certificates::{self, Certificate, Wish};
use super::super::{ClientCertificate, Shown};
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
            crl_file: None,
        };
        server_certificate.write(directory.path(), "server");
        write_authorities(&files.ca_file, client_authorities);
        let server = Server::load(&files, &Policy::default()).expect("good files");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = || {
            let name = |request: actix_web::HttpRequest| async move {
                let name = request.conn_data::<Option<String>>().cloned().flatten();
                let shown = request.conn_data::<Option<Shown>>().and_then(Option::as_ref);
                if shown.is_some_and(|shown| !shown.is_still_accepted()) {
                    return "no longer".to_owned();
                }
                name.unwrap_or_else(|| "nobody".to_owned())
            };
            App::new().default_service(web::to(name))
        };
        let shown_to = server.clone();
        let running = HttpServer::new(app)
            .on_connect(move |connection, data| {
                type Stream = actix_tls::accept::openssl::TlsStream<actix_web::rt::net::TcpStream>;
                let stream = connection.downcast_ref::<Stream>().expect("TLS");
                let certificate = stream.ssl().peer_certificate();
                data.insert(certificate.and_then(|x509| ClientCertificate::read(&x509).common_name));
                data.insert(Shown::on(stream.ssl(), &shown_to));
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

/// A client with this certificate, asked for its name again and again on one connection.
async fn kept(subject: &Subject, root: &Certificate, certificate: &Certificate) -> SslStream<Wire> {
    let client = connector(root, Some(certificate));
    subject.client(move |address| connect(address, client).expect("connected")).await
}

async fn asked(subject: &Subject, mut stream: SslStream<Wire>) -> (Option<String>, SslStream<Wire>) {
    subject.client(move |_| (ask(&mut stream), stream)).await
}

#[actix_web::test]
async fn a_connection_is_good_as_long_as_the_authorities_accept_its_certificate() {
    let (root, first, second) = (Certificate::root("Test CA"), Certificate::root("A"), Certificate::root("B"));
    let intermediate = first.sign(&Wish::authority("Intermediate"));
    let subject = Subject::start(&root.host("proxy.example.com"), &[&first]);
    let mut of_intermediate = connector(&root, Some(&intermediate.host("b.example.com")));
    of_intermediate.add_extra_chain_cert(intermediate.x509.clone()).expect("added");
    let direct = kept(&subject, &root, &first.host("a.example.com")).await;
    let behind = subject.client(move |address| connect(address, of_intermediate).expect("connected")).await;
    let nobody = subject.client({
        let client = connector(&root, None);
        move |address| connect(address, client).expect("connected")
    });
    let (mut streams, mut expected) = (vec![direct, behind, nobody.await], vec!["a.example.com", "b.example.com"]);
    expected.push("nobody");
    for (authorities, expected) in [
        (&[&first][..], expected.clone()),
        (&[&second, &first], expected),
        (&[&second], vec!["no longer", "no longer", "nobody"]),
    ] {
        write_authorities(&subject.files.ca_file, authorities);
        subject.reload(&Policy::default()).expect("good files");
        let mut asked_again = Vec::new();
        for (stream, expected) in streams.into_iter().zip(expected) {
            let (name, stream) = asked(&subject, stream).await;
            assert_eq!(name.as_deref(), Some(expected));
            asked_again.push(stream);
        }
        streams = asked_again;
    }
    subject.handle.stop(false).await;
}

#[actix_web::test]
async fn revoked_clients_are_refused_and_a_newer_list_counts_from_the_reload_on() {
    let root = Certificate::root("Test CA");
    let mut subject = Subject::start(&root.host("proxy.example.com"), &[&root]);
    let (good, bad) = (root.host("good.example.com"), root.host("bad.example.com"));
    let list = subject.directory.path().join("crl.pem");
    let now = test_certificates::now();
    let write = |revoked: &[&Certificate], end| fs::write(&list, root.revocations(revoked, now - 60, now + end));
    write(&[], 3600).expect("written");
    subject.files.crl_file = Some(list.clone());
    subject.reload(&Policy::default()).expect("good files");
    let names = async |subject: &Subject| {
        let mut names = Vec::new();
        for certificate in [&good, &bad] {
            for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
                let mut client = connector(&root, Some(certificate));
                client.set_max_proto_version(Some(version)).expect("a version");
                names.push(subject.client(move |address| ask(&mut connect(address, client)?)).await);
            }
        }
        names
    };
    let name = |name: &str| Some(name.to_owned());
    let (is_good, is_bad) = (name("good.example.com"), name("bad.example.com"));
    assert_eq!(names(&subject).await, [is_good.clone(), is_good.clone(), is_bad.clone(), is_bad]);
    let (of_good, of_bad) = (kept(&subject, &root, &good).await, kept(&subject, &root, &bad).await);

    write(&[&bad], 3600).expect("written");
    subject.reload(&Policy::default()).expect("good files");
    assert_eq!(names(&subject).await, [is_good.clone(), is_good.clone(), None, None]);
    let (name, of_good) = asked(&subject, of_good).await;
    assert_eq!(name, is_good);
    assert_eq!(asked(&subject, of_bad).await.0.as_deref(), Some("no longer"), "revoked on an open connection too");

    write(&[], -1).expect("written");
    subject.reload(&Policy::default()).expect("good files");
    assert_eq!(names(&subject).await, [None, None, None, None], "a list that is over says nothing");
    assert_eq!(asked(&subject, of_good).await.0.as_deref(), Some("no longer"));
    let findings = subject.server.findings(Timestamp::now());
    assert!(findings.iter().any(|finding| finding.text.contains("the revocation list of CN = Test CA expired on ")));

    let indented =
        root.revocations(&[], now - 60, now + 3600).lines().map(|line| format!("  {line}\n")).collect::<String>();
    fs::write(&list, root.revocations(&[], now - 60, now + 3600) + &indented).expect("written");
    let error = subject.reload(&Policy::default()).expect_err("a list that OpenSSL does not find").to_string();
    assert!(error.contains("crl.pem holds revocation lists that OpenSSL does not find; "), "{error}");
    subject.handle.stop(false).await;
}

#[actix_web::test]
async fn an_authority_without_a_list_has_its_clients_refused_and_is_reported() {
    let (root, other) = (Certificate::root("Test CA"), Certificate::root("Other CA"));
    let intermediate = other.sign(&Wish::authority("Intermediate"));
    let mut subject = Subject::start(&root.host("proxy.example.com"), &[&root, &other, &intermediate]);
    let list = subject.directory.path().join("crl.pem");
    let now = test_certificates::now();
    fs::write(&list, intermediate.revocations(&[], now - 60, now + 365 * 24 * 60 * 60)).expect("written");
    subject.files.crl_file = Some(list);
    subject.reload(&Policy::default()).expect("good files");
    let mut names = Vec::new();
    for certificate in [root.host("a.example.com"), intermediate.host("b.example.com")] {
        let client = connector(&root, Some(&certificate));
        names.push(subject.client(move |address| ask(&mut connect(address, client)?)).await);
    }
    assert_eq!(names, [None, Some("b.example.com".to_owned())], "the list of the root above is not demanded");
    let texts: Vec<String> = subject.server.findings(Timestamp::now()).into_iter().map(|found| found.text).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("crl.pem has no revocation list of CN = Test CA, and all its clients are refused"));
    subject.handle.stop(false).await;
}
