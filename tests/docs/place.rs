//! A root of its own for the commands and settings of one page: settings, certificates, state and a program to call.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::markdown::root;

#[path = "../../src/tls/test_certificates.rs"]
mod certificates;

use certificates::Certificate;

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
const AUTHORITIES: [&str; 1] = ["etc/ssl/certs/netbox-ca.pem"];

const SETTINGS: &str = "etc/foreman-ipam-proxy";
const STATE: &str = "var/lib/foreman-ipam-proxy";

/// The place.
pub(crate) struct Place(TempDir);

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// A machine on which the package is installed, with the embedded IPAM.
    pub(crate) fn new() -> Self {
        let place = Self(TempDir::new().expect("a directory"));
        for directory in [STATE, "var/backups", "work", "etc/foreman-ipam-proxy/settings.d"] {
            fs::create_dir_all(place.path(directory)).expect("a directory");
        }
        let authority = Certificate::root("Authority of the pages");
        let host = authority.host("proxy.example.com");
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

    /// What `--config-dir` is to be.
    pub(crate) fn settings_directory(&self) -> PathBuf {
        self.path(SETTINGS)
    }

    /// Makes a store with one subnet, as a site has that uses the embedded IPAM.
    pub(crate) fn with_store(self) -> Self {
        let ended = self.shell("foreman-ipam-proxy subnet add 198.51.100.0/24");
        assert_eq!(ended.code, 0, "{}", ended.err);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("rights");
    }

    /// Puts a file of settings in place, as a page shows it; its absolute paths are below our root. The state directory
    /// is ours, whatever it says.
    pub(crate) fn settings(&self, name: &str, text: &str) {
        let mut text = text.replace(": /", &format!(": {}/", self.0.path().display()));
        if name == "settings.yml" && !text.contains("\nstate_directory:") {
            text.push_str(&format!("state_directory: {}\n", self.path(STATE).display()));
        }
        let directory = Path::new(SETTINGS);
        let directory = if name == "settings.yml" { directory.to_owned() } else { directory.join("settings.d") };
        self.write(directory.join(name).to_str().expect("text"), &text);
    }

    /// Runs a line of a page in a shell; its absolute paths are below our root.
    pub(crate) fn shell(&self, line: &str) -> Ended {
        let below = [" ", "=", " \""].iter().fold(line.to_owned(), |line, before| {
            line.replace(&format!("{before}/"), &format!("{before}{}/", self.0.path().display()))
        });
        let mut command = Command::new("sh");
        command.args(["-c", &below]).env_clear().current_dir(self.path("work")).stdin(Stdio::null());
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        let program = env!("CARGO_BIN_EXE_foreman-ipam-proxy");
        command.env("PATH", path).env("PROGRAM", program).env("CONFIG", self.path(SETTINGS));
        let output = command.output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        Ended { code: output.status.code().expect("no signal"), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
