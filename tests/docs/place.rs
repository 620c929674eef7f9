//! A root of its own for the commands and settings of one page: settings, certificates, state and a program to call.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ipam_simulators::foreman::Identity;
use tempfile::TempDir;

use crate::identity::Certificates;
use crate::markdown::root;
use crate::run::{Ran, run};

/// Where the pages say that certificates are: of the host, its key, and the CA.
const CERTIFICATES: [[&str; 3]; 3] = [
    [
        "etc/puppetlabs/puppet/ssl/certs/proxy.example.com.pem",
        "etc/puppetlabs/puppet/ssl/private_keys/proxy.example.com.pem",
        "etc/puppetlabs/puppet/ssl/certs/ca.pem",
    ],
    ["etc/foreman-proxy/ssl_cert.pem", "etc/foreman-proxy/ssl_key.pem", "etc/foreman-proxy/ssl_ca.pem"],
    ["etc/foreman-ipam-proxy/tls/tls.crt", "etc/foreman-ipam-proxy/tls/tls.key", "etc/foreman-ipam-proxy/tls/ca.crt"],
];

/// Other certificates of authorities that the pages name.
const AUTHORITIES: [&str; 2] = ["etc/ssl/certs/netbox-ca.pem", "etc/foreman-proxy/foreman_ssl_ca.pem"];

const SETTINGS: &str = "etc/foreman-ipam-proxy";
const STATE: &str = "var/lib/foreman-ipam-proxy";

/// The place.
pub(crate) struct Place {
    directory: TempDir,
    certificates: Certificates,
}

impl Place {
    /// A machine on which the package is installed, with the embedded IPAM.
    pub(crate) fn new() -> Self {
        let place = Self { directory: TempDir::new().expect("a directory"), certificates: Certificates::new() };
        for directory in [STATE, "var/backups", "work", "tmp", "etc/foreman-ipam-proxy/settings.d"] {
            fs::create_dir_all(place.path(directory)).expect("a directory");
        }
        let (authority, host) = (&place.certificates.authority, &place.certificates.proxy);
        for [certificate, key, ca] in CERTIFICATES {
            place.write(certificate, &host.pem());
            place.write(key, &host.key_pem());
            place.write(ca, &authority.pem());
        }
        for ca in AUTHORITIES {
            place.write(ca, &authority.pem());
        }
        for entry in fs::read_dir(root().join("settings.d")).expect("examples") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let name = name.strip_suffix(".example").expect("an example");
            if name != "settings.yml" {
                place.settings(name, &fs::read_to_string(&path).expect("an example"));
            }
        }
        place.settings("settings.yml", &place.tls());
        place.write("work/addresses.csv", "kind,group,prefix,address\naddress,Production,192.0.2.0/24,192.0.2.11\n");
        place.write("bin/foreman-ipam-proxy", "#!/bin/sh\nexec \"$PROGRAM\" --config-dir \"$CONFIG\" \"$@\"\n");
        fs::set_permissions(place.path("bin/foreman-ipam-proxy"), PermissionsExt::from_mode(0o700)).expect("rights");
        place
    }

    /// The lines of `settings.yml` that name certificates.
    pub(crate) fn tls(&self) -> String {
        let [certificate, key, ca] = CERTIFICATES[0];
        format!("ssl_certificate: /{certificate}\nssl_private_key: /{key}\nssl_ca_file: /{ca}\n")
    }

    /// Makes a store with one subnet, as a site has that uses the embedded IPAM.
    pub(crate) fn with_store(self) -> Self {
        let ended = self.shell("foreman-ipam-proxy subnet add 198.51.100.0/24");
        assert_eq!(ended.code, 0, "{}", ended.err);
        self
    }

    /// A Foreman that believes the proxy of this place.
    pub(crate) fn foreman(&self) -> Identity {
        self.certificates.of_foreman()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only we can read, at a path from our root.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("rights");
    }

    /// Puts a file of settings in place, as a page shows it; its absolute paths are below our root. The state directory
    /// is ours, whatever it says.
    pub(crate) fn settings(&self, name: &str, text: &str) {
        let mut text = self.below(text);
        if name == "settings.yml" && !text.contains("\nstate_directory:") {
            text.push_str(&format!("state_directory: {}\n", self.path(STATE).display()));
        }
        let directory = Path::new(SETTINGS);
        let directory = if name == "settings.yml" { directory.to_owned() } else { directory.join("settings.d") };
        self.write(directory.join(name).to_str().expect("text"), &text);
    }

    /// A line of a page, for a shell; its absolute paths are below our root.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &self.below(line)]).env_clear().current_dir(self.path("work"));
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let program = env!("CARGO_BIN_EXE_foreman-ipam-proxy");
        command
            .env("PATH", path)
            .env("PROGRAM", program)
            .env("CONFIG", self.path(SETTINGS))
            .env("TMPDIR", self.path("tmp"));
        command
    }

    /// Runs a line of a page that is given nothing to read.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        run(self.command(line), "")
    }

    /// A text whose absolute paths are below our root: those at its beginning, behind a blank, `=` or an opening quote.
    pub(crate) fn below(&self, text: &str) -> String {
        let root = self.directory.path().display();
        let behind = ["\n", " ", "=", " \""]
            .iter()
            .fold(format!("\n{text}"), |text, before| text.replace(&format!("{before}/"), &format!("{before}{root}/")));
        behind[1..].to_owned()
    }
}
