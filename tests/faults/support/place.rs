//! The directory that a proxy lives in: settings, certificates and state.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ipam_store::Store;
use tempfile::TempDir;

use super::process::{Process, Spawn};
use super::{Certificate, Seed, authority, server_certificate};

/// A directory with everything that a proxy needs.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    /// HTTPS for every client of the authority, over an IPAM with these contents.
    pub(crate) fn new(seed: Seed) -> Self {
        let place = Self { directory: TempDir::new().expect("a directory") };
        for name in ["etc", "etc/settings.d", "state"] {
            fs::create_dir(place.path(name)).expect("a directory");
        }
        authority().write(place.directory.path(), "authority");
        place.certificate(server_certificate());
        place.global("");
        place.ipam("");
        place.write("etc/settings.d/externalipam_internal.yml", "");
        seed.write(&place.store_path());
        place
    }

    /// A path in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The file of the embedded IPAM.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.path("state/ipam.sqlite")
    }

    /// The embedded IPAM itself.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.store_path()).expect("a store")
    }

    /// Writes a file in the directory, for its owner only.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("written");
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).expect("permissions");
    }

    /// Writes `settings.yml` anew: what every proxy here has, and these lines. A key in them wins.
    pub(crate) fn global(&self, more: &str) {
        let path = |name: &str| self.path(name).display().to_string();
        let usual = [
            ("bind_host", "127.0.0.1".to_owned()),
            ("https_port", "0".to_owned()),
            ("log_file", "STDOUT".to_owned()),
            ("workers", "2".to_owned()),
            ("state_directory", path("state")),
            ("ssl_certificate", path("server.pem")),
            ("ssl_private_key", path("server.key")),
            ("ssl_ca_file", path("authority.pem")),
        ];
        let is_given = |key: &str| more.lines().any(|line| line.starts_with(&format!("{key}:")));
        let usual = usual.iter().filter(|(key, _)| !is_given(key)).map(|(key, value)| format!("{key}: {value}\n"));
        self.write("etc/settings.yml", usual.collect::<String>() + more + "\n");
    }

    /// Writes `settings.d/externalipam.yml` anew.
    pub(crate) fn ipam(&self, lines: &str) {
        self.write("etc/settings.d/externalipam.yml", format!("use_provider: internal\n{lines}\n"));
    }

    /// Puts another certificate, with its key, in place of the server's.
    pub(crate) fn certificate(&self, certificate: &Certificate) {
        certificate.write(self.directory.path(), "server");
    }

    /// A command on this directory, with an empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("--config-dir").arg(self.path("etc")).args(arguments).env_clear().stdin(Stdio::null());
        command
    }

    /// The same behind shell words, which end in `exec`.
    pub(crate) fn command_after(&self, shell: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!(r#"{shell} "$0" "$@""#)]).arg(binary());
        command.arg("--config-dir").arg(self.path("etc")).args(arguments).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// Starts the proxy and waits until it serves.
    pub(crate) fn start(&self) -> Process {
        Spawn::of(self.command(&["serve"])).ready()
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"))
}
