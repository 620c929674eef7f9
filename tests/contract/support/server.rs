//! The binary as a process of its own, on ports of the system's choice, with a directory of its own.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use ipam_store::{AddressRecord, Scope, Store};
use openssl::ssl::SslVersion;
use tempfile::TempDir;

use super::client::Client;
use super::foreman::{Foreman, Generation};
use super::identity::{Identity, identities};
use super::log::Log;
use super::seed::Seed;

/// Settings of a server that is about to start.
pub(crate) struct Builder {
    seed: Seed,
    global: Vec<String>,
    ipam: Vec<String>,
    api: Option<Vec<String>>,
    with_https: bool,
}

impl Builder {
    /// A server over an IPAM with these contents, on HTTPS, that trusts every client of its authority.
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, global: Vec::new(), ipam: Vec::new(), api: None, with_https: true }
    }

    /// Adds a line to `settings.yml`.
    pub(crate) fn global(mut self, line: impl Into<String>) -> Self {
        self.global.push(line.into());
        self
    }

    /// Adds a line to `settings.d/externalipam.yml`.
    pub(crate) fn ipam(mut self, line: impl Into<String>) -> Self {
        self.ipam.push(line.into());
        self
    }

    /// The management API as well, with these lines in `settings.d/api.yml`.
    pub(crate) fn with_api(mut self, lines: &[&str]) -> Self {
        let own = ["enabled: true", "bind_host: 127.0.0.1", "port: 0"];
        self.api = Some(own.iter().chain(lines).map(|line| (*line).to_owned()).collect());
        self
    }

    /// Trusts only the clients of these names.
    pub(crate) fn trusted_hosts(self, names: &[&str]) -> Self {
        self.global(format!("trusted_hosts: [{}]", names.join(", ")))
    }

    /// Plain HTTP as well.
    pub(crate) fn with_http(self) -> Self {
        self.global("http_port: 0")
    }

    /// Plain HTTP only.
    pub(crate) fn http_only(mut self) -> Self {
        self.with_https = false;
        self.with_http()
    }

    /// Starts the server and waits until it serves.
    pub(crate) fn start(self) -> Server {
        let directory = TempDir::new().expect("a directory");
        let place = |name: &str| directory.path().join(name);
        for name in ["etc", "etc/settings.d", "state"] {
            fs::create_dir(place(name)).expect("a directory");
        }
        let write = |name: &str, text: String| {
            fs::write(place(name), text).expect("written");
            fs::set_permissions(place(name), PermissionsExt::from_mode(0o600)).expect("permissions");
        };
        let mut global = vec![
            "bind_host: 127.0.0.1".to_owned(),
            "log_file: STDOUT".to_owned(),
            "workers: 2".to_owned(),
            format!("state_directory: {}", place("state").display()),
        ];
        if self.with_https {
            let identities = identities();
            let (certificate, key) = identities.server.write(directory.path(), "server");
            let (authority, _) = identities.authority.write(directory.path(), "authority");
            global.push("https_port: 0".to_owned());
            global.push(format!("ssl_certificate: {}", certificate.display()));
            global.push(format!("ssl_private_key: {}", key.display()));
            global.push(format!("ssl_ca_file: {}", authority.display()));
        }
        global.extend(self.global);
        let mut ipam = vec!["use_provider: internal".to_owned()];
        ipam.extend(self.ipam);
        write("etc/settings.yml", lines(&global));
        write("etc/settings.d/externalipam.yml", lines(&ipam));
        if let Some(api) = &self.api {
            write("etc/settings.d/api.yml", lines(api));
        }
        let store = place("state/ipam.sqlite");
        write("etc/settings.d/externalipam_internal.yml", format!("store: {}\n", store.display()));
        self.seed.write(&store);
        let process = Process::start(&directory);
        Server { directory, process }
    }
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A running server; ends with its value, and shows its log when the test has failed.
pub(crate) struct Server {
    directory: TempDir,
    process: Process,
}

impl Server {
    /// A server over these contents with default settings.
    pub(crate) fn start(seed: Seed) -> Self {
        Builder::new(seed).start()
    }

    /// The one server that tests share that change nothing; ends when none of them runs.
    pub(crate) fn shared(kept: &'static Shared) -> Arc<Self> {
        let mut server = kept.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = server.upgrade() {
            return running;
        }
        let started = Arc::new((kept.build)().start());
        *server = Arc::downgrade(&started);
        started
    }

    /// Where HTTPS is served.
    pub(crate) fn https(&self) -> SocketAddr {
        self.process.https.expect("the server has HTTPS")
    }

    /// Calls as Foreman does, with Foreman's certificate.
    pub(crate) fn client(&self) -> Client {
        self.client_as(Some(&identities().foreman))
    }

    /// Calls as Foreman does, with this certificate or none.
    pub(crate) fn client_as(&self, identity: Option<&Identity>) -> Client {
        Client::https(self.https(), identity)
    }

    /// Calls as Foreman does, with Foreman's certificate and no other version of TLS than this.
    pub(crate) fn client_of(&self, version: SslVersion) -> Client {
        Client::with_tls(self.https(), Some(&identities().foreman), |tls| {
            // OpenSSL itself offers the oldest versions only when it is told to care for nothing.
            tls.set_cipher_list("DEFAULT@SECLEVEL=0").expect("a list");
            tls.set_min_proto_version(Some(version)).expect("a version");
            tls.set_max_proto_version(Some(version)).expect("a version");
        })
    }

    /// Calls as a person with curl does, with Foreman's certificate.
    pub(crate) fn curl(&self) -> Client {
        self.client().like_curl()
    }

    /// Calls by plain HTTP.
    pub(crate) fn http_client(&self) -> Client {
        Client::http(self.process.http.expect("the server has plain HTTP"))
    }

    /// Calls the management API as a person with curl does, with this certificate or none.
    pub(crate) fn api_as(&self, identity: Option<&Identity>) -> Client {
        Client::https(self.process.api.expect("the management API is on"), identity).like_curl()
    }

    /// The same with this token and no certificate.
    pub(crate) fn api(&self, token: &str) -> Client {
        self.api_as(None).with_token(token)
    }

    /// What a command prints that is run with the settings of the server.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"));
        command.arg("--config-dir").arg(self.directory.path().join("etc")).args(arguments).env_clear();
        let output = command.output().expect("the binary runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        text(output.stdout)
    }

    /// A new token of this name, with these arguments.
    pub(crate) fn token(&self, name: &str, arguments: &[&str]) -> String {
        let arguments: Vec<&str> = ["token", "add", name].iter().chain(arguments).copied().collect();
        self.run(&arguments).trim().to_owned()
    }

    /// Changes a file of settings, and has the server read all of them again.
    pub(crate) fn reload(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join("etc").join(name), text).expect("written");
        let kill = format!("kill -HUP {}", self.process.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        assert!(self.log().line_with("Settings and certificates are reloaded").is_some());
    }

    /// A file of the server's state.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.directory.path().join("state").join(name)
    }

    /// Foreman as it is today.
    pub(crate) fn foreman(&self) -> Foreman {
        self.foreman_of(Generation::From32)
    }

    /// Foreman of some age.
    pub(crate) fn foreman_of(&self, generation: Generation) -> Foreman {
        Foreman::new(self.client(), generation)
    }

    /// What the server has written.
    pub(crate) fn log(&self) -> &Log {
        &self.process.log
    }

    /// Changes the contents of the IPAM while the server runs, as somebody else would.
    pub(crate) fn change_ipam(&self, seed: Seed) {
        seed.write(&self.store());
    }

    /// What the IPAM has in a subnet of the global table.
    pub(crate) fn records(&self, prefix: &str) -> Vec<AddressRecord> {
        let prefix: ipam_store::Bounds = prefix.parse().expect("a prefix");
        let store = Store::open(&self.store()).expect("a store");
        let mut records = Vec::new();
        let read = store.read(|reading| {
            let subnet = reading.one_subnet(prefix, &Scope::Global)?;
            reading.each_address(subnet.id, |record| {
                records.push(record);
                Ok(())
            })
        });
        read.expect("the records of a subnet");
        records
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("state/ipam.sqlite")
    }

    /// Ends the server as systemd does, and starts it again over the same files.
    pub(crate) fn restart(mut self) -> Self {
        let status = self.process.terminate();
        assert!(status.success(), "the server ended with {status}\n{}", self.process.log.lines().join("\n"));
        self.process = Process::start(&self.directory);
        self
    }
}

/// Keeps the one server that several tests share.
pub(crate) struct Shared {
    build: fn() -> Builder,
    server: Mutex<Weak<Server>>,
}

impl Shared {
    /// A place for a server that is started when the first test asks for it.
    pub(crate) const fn new(build: fn() -> Builder) -> Self {
        Self { build, server: Mutex::new(Weak::new()) }
    }
}

struct Process {
    child: Child,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
    https: Option<SocketAddr>,
    http: Option<SocketAddr>,
    api: Option<SocketAddr>,
}

impl Process {
    fn start(directory: &TempDir) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"))
            .arg("--config-dir")
            .arg(directory.path().join("etc"))
            .arg("serve")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Log::default());
        let readers =
            vec![log.follow(child.stdout.take().expect("a pipe")), log.follow(child.stderr.take().expect("a pipe"))];
        let mut process = Self { child, log, readers, https: None, http: None, api: None };
        // A failed assertion drops the process, which shows what it wrote.
        assert!(process.log.line_with("Ready").is_some(), "the server does not become ready");
        process.https = process.listening_on("Listening on https://");
        process.http = process.listening_on("Listening on http://");
        process.api = process.listening_on("The management API listens on https://");
        process
    }

    fn listening_on(&self, said: &str) -> Option<SocketAddr> {
        let lines = self.log.lines();
        let address = lines.iter().find_map(|line| line.split_once(said))?.1;
        let end = address.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).unwrap_or(address.len());
        Some(address[..end].parse().expect("address and port"))
    }

    /// As systemd does it.
    fn terminate(&mut self) -> ExitStatus {
        let kill = format!("kill -TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(sent.success(), "the process is gone already");
        self.child.wait().expect("an exit status")
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "libtest shows it beside the test that failed")]
    fn drop(&mut self) {
        // Both fail only when the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("--- the server wrote:\n{}\n---", self.log.lines().join("\n"));
        }
    }
}
