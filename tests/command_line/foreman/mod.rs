//! A site that Foreman's calls reach: certificates, a port, a simulated Foreman.

#[path = "../../../src/tls/test_certificates.rs"]
mod certificates;
mod identity;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use ipam_simulators::foreman::{Foreman, Identity};
use tempfile::TempDir;

use crate::process::{Proxy, free_port};
use crate::site::{Ran, binary, run};

use certificates::Certificate;
use identity::{Certificates, FOREMAN};

pub(crate) use identity::HOST;

/// Made once for each run.
static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

/// An authority that neither side knows.
static STRANGER: LazyLock<Certificate> = LazyLock::new(|| Certificate::root("Authority of strangers"));

/// A directory with certificates and nothing else, and a Foreman of the same authority.
pub(crate) struct Place {
    directory: TempDir,
    pub(crate) foreman: Foreman,
    /// A port that was free a moment ago.
    pub(crate) port: u16,
}

impl Place {
    /// A Foreman and a proxy that believe each other.
    pub(crate) fn new() -> Self {
        Self::with(CERTIFICATES.of_foreman())
    }

    /// The proxy's CA is not Foreman's: neither believes the other.
    pub(crate) fn of_strangers() -> Self {
        let server = STRANGER.host(FOREMAN);
        Self::with(Identity {
            certificate: server.pem(),
            key: server.key_pem(),
            authority: STRANGER.pem(),
            ..CERTIFICATES.of_foreman()
        })
    }

    fn with(identity: Identity) -> Self {
        let directory = TempDir::new().expect("a directory");
        CERTIFICATES.authority.write(directory.path(), "ca");
        STRANGER.write(directory.path(), "stranger");
        CERTIFICATES.proxy.write(directory.path(), "proxy");
        fs::create_dir(directory.path().join("state")).expect("a directory");
        Self { directory, foreman: Foreman::start(&identity), port: free_port() }
    }

    /// A path in the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path in the place, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// What a file has.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a file that only we can read, and answers its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("permissions");
        self.text(name)
    }

    /// Where the proxy is registered.
    pub(crate) fn proxy_url(&self) -> String {
        format!("https://{HOST}:{}", self.port)
    }

    /// Settings of the embedded IPAM for Foreman's calls; `more` are lines of `settings.yml`.
    pub(crate) fn configure(&self, more: &str) {
        let settings = format!(
            "foreman_url: {}\nssl_certificate: {}\nssl_private_key: {}\nssl_ca_file: {}\nhttps_port: {}\n\
             bind_host: 127.0.0.1\nworkers: 1\nstate_directory: {}\n{more}",
            self.foreman.url(),
            self.text("proxy.pem"),
            self.text("proxy.key"),
            self.text("ca.pem"),
            self.port,
            self.text("state"),
        );
        self.write("etc/settings.yml", &settings);
        self.write("etc/settings.d/externalipam.yml", "use_provider: internal\n");
    }

    /// A command with the settings of this place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.arg("--config-dir").arg(self.path("etc")).args(arguments).current_dir(self.directory.path());
        command.env("FOREMAN_IPAM_PROXY__STATE_DIRECTORY", self.path("state"));
        command
    }

    /// Runs a command that is given nothing to read.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments), "")
    }

    /// Runs a command as `admin`, who may do everything.
    pub(crate) fn as_admin(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("FOREMAN_USER", "admin").env("FOREMAN_PASSWORD", "changeme");
        run(command, "")
    }

    /// Starts the proxy.
    pub(crate) fn start(&self) -> Proxy {
        Proxy::start(self.command(&["serve"]))
    }
}
