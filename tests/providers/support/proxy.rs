//! The proxy over a simulated IPAM: its directory and its process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipam_conformance::RAW_BODY;
use tempfile::TempDir;

use super::client::Client;
use super::foreman::{Foreman, Generation};
use super::ipam::Simulated;
use super::process::{Process, Spawn};
use super::{Vendor, identities};

/// A directory with everything that a proxy needs.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    /// HTTPS for every client of the authority, over the provider of this name with these settings.
    pub(crate) fn new(provider: &str, settings: &str) -> Self {
        let place = Self { directory: TempDir::new().expect("a directory") };
        for name in ["etc", "etc/settings.d", "state"] {
            fs::create_dir(place.path(name)).expect("a directory");
        }
        let identities = identities();
        let (certificate, key) = identities.server.write(place.directory.path(), "server");
        let (authority, _) = identities.authority.write(place.directory.path(), "authority");
        let global = format!(
            "bind_host: 127.0.0.1\nhttps_port: 0\nlog_file: STDOUT\nlog_level: INFO\nworkers: 2\n\
             state_directory: {}\nssl_certificate: {}\nssl_private_key: {}\nssl_ca_file: {}\n",
            place.path("state").display(),
            certificate.display(),
            key.display(),
            authority.display(),
        );
        place.write("etc/settings.yml", &global);
        place.write("etc/settings.d/externalipam.yml", &format!("use_provider: {provider}\n"));
        place.write(&format!("etc/settings.d/externalipam_{provider}.yml"), settings);
        place
    }

    /// The directory for a proxy over this IPAM.
    pub(crate) fn over<V: Vendor>(ipam: &Simulated<V>) -> Self {
        Self::new(V::NAME, &ipam.settings())
    }

    /// The management API as well.
    pub(crate) fn with_api(self) -> Self {
        self.write("etc/settings.d/api.yml", "enabled: true\nbind_host: 127.0.0.1\nport: 0\n");
        self
    }

    /// Adds lines to `settings.d/externalipam.yml`.
    pub(crate) fn ipam(self, lines: &str) -> Self {
        let name = "etc/settings.d/externalipam.yml";
        let before = fs::read_to_string(self.path(name)).expect("a file");
        self.write(name, &(before + lines + "\n"));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file in the directory, for its owner only.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).expect("permissions");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"));
        command.arg("--config-dir").arg(self.path("etc")).args(arguments).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: its exit code, and what it wrote.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.command(arguments).output().expect("the binary starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("text"))
    }

    /// Starts the proxy and waits until it serves.
    pub(crate) fn start(self) -> Proxy {
        let process = Spawn::of(self.command(&["serve"])).ready();
        Proxy { process, place: self }
    }
}

/// A running proxy.
pub(crate) struct Proxy {
    process: Process,
    place: Place,
}

impl Proxy {
    /// A proxy with default settings over this IPAM.
    pub(crate) fn over<V: Vendor>(ipam: &Simulated<V>) -> Self {
        Place::over(ipam).start()
    }

    /// Changes a file of settings and has the proxy read it, for the first time.
    #[cfg(all(feature = "netbox", feature = "phpipam"))]
    pub(crate) fn reload(&self, name: &str, text: &str) {
        self.place.write(name, text);
        self.process.signal("HUP");
        self.wait_for("Settings and certificates are reloaded");
    }

    /// Runs a command beside the proxy: its exit code, and what it wrote.
    #[cfg(all(feature = "netbox", feature = "phpipam"))]
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.place.run(arguments)
    }

    /// Ends the proxy, and leaves its directory.
    #[cfg(all(feature = "netbox", feature = "phpipam"))]
    pub(crate) fn stop(self) -> Place {
        self.process.end_well("TERM");
        self.place
    }

    /// Calls the management API, which the settings have on, with a new token of this role.
    pub(crate) fn api(&self, role: &str) -> Client {
        let (code, token) = self.place.run(&["token", "add", role, "--role", role]);
        assert_eq!(code, Some(0), "{token}");
        self.process.api(token.trim())
    }

    /// Foreman as it is today.
    pub(crate) fn foreman(&self) -> Foreman {
        self.foreman_of(Generation::From32)
    }

    /// Foreman of some age.
    pub(crate) fn foreman_of(&self, generation: Generation) -> Foreman {
        Foreman::new(self.client(), generation)
    }

    /// Calls as Foreman does, to see the whole answer.
    pub(crate) fn client(&self) -> Client {
        self.process.foreman()
    }

    /// Calls as a person with curl does, who is told errors by status.
    pub(crate) fn curl(&self) -> Client {
        self.process.curl()
    }

    /// What the proxy's page in Foreman says is wrong; `None` when nothing is.
    pub(crate) fn trouble(&self) -> Option<String> {
        let body = self.client().get("/logs/").json();
        let failed = body["info"]["failed_modules"].as_object().expect("an object, or Foreman fails");
        failed.get("externalipam").map(|text| text.as_str().expect("text").to_owned())
    }

    /// Waits for a line of the log with this text and gives it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.process.wait_for(text)
    }

    /// Nothing has panicked, and nothing of the IPAM's raw answers is in the log.
    pub(crate) fn assert_sound(&self) {
        self.process.assert_sound();
        let shown = self.process.output().lines().into_iter().find(|line| line.contains(RAW_BODY));
        assert_eq!(shown, None, "the raw answer is in the log");
    }
}
