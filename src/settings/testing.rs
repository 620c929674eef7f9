//! What the tests of the settings share.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use ipam_provider::settings::{Problem, Section, Setting};
use ipam_provider::{Error, ErrorKind, Plan, Provider, Registration, Surroundings};
use serde_json::Value;
use tempfile::TempDir;

use super::{Environment, Faults, Settings};

/// A section of these keys, as if a file `test.yml` had them.
pub(super) fn section(settings: Value) -> Section {
    let Value::Object(settings) = settings else { panic!("settings are an object") };
    let settings = settings.into_iter().map(|(key, value)| (key, Setting { value, origin: None }));
    Section::new("test.yml", settings.collect())
}

/// The faults of a section, one a line.
pub(super) fn faults(section: Section) -> String {
    lines(&section.finish().problems)
}

/// Problems as they are shown, one a line.
pub(super) fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// A provider that needs a `url` and a `token` and can be built by nobody.
pub(super) fn provider_named(name: &'static str) -> Registration {
    Registration { name, read: read_url_and_token }
}

fn read_url_and_token(section: &mut Section) -> Plan {
    let url = section.text("url");
    section.required("url", url, "set the address of the IPAM");
    let token = section.secret("token");
    section.required("token", token, "set the API token");
    section.seconds("timeout_seconds", 1..=60);
    Box::new(refuse)
}

fn refuse(_: &Surroundings) -> Result<Arc<dyn Provider>, Error> {
    Err(Error::new(ErrorKind::Unsupported, "This provider is for tests of settings"))
}

/// A directory of settings that lasts for one test.
pub(super) struct Directory(TempDir);

impl Directory {
    /// A directory with an empty `settings.d` in it.
    pub(super) fn new() -> Self {
        let directory = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(directory.path().join("settings.d")).expect("an empty directory");
        directory
    }

    /// A directory that has what `settings.yml` needs at least.
    pub(super) fn that_starts() -> Self {
        let directory = Self::new();
        directory.write("settings.yml", "http_port: 8000\ntrusted_hosts: [foreman.example.com]\n");
        directory
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that only its owner may read; `DIR` in the text is replaced by the directory.
    pub(super) fn write(&self, file: &str, text: &str) {
        self.write_bytes(file, text.replace("DIR", &self.path().display().to_string()).as_bytes());
    }

    pub(super) fn write_bytes(&self, file: &str, bytes: &[u8]) {
        let path = self.path().join(file);
        fs::write(&path, bytes).expect("the file is written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is ours");
    }

    /// Reads the directory with the embedded IPAM and a provider `netbox` that needs two settings.
    pub(super) fn load(&self, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
        let providers = [ipam_provider_internal::REGISTRATION, provider_named("netbox")];
        Settings::load_with(self.path(), &providers, &Environment::new(variables.iter().copied()))
    }

    /// The settings, which have no faults.
    pub(super) fn settings(&self) -> Settings {
        self.load(&[]).unwrap_or_else(|faults| panic!("faults in the settings:\n{faults}"))
    }

    /// The faults, of which there are some, one a line, with `DIR` for the directory.
    pub(super) fn faults(&self) -> String {
        self.faults_with(&[])
    }

    pub(super) fn faults_with(&self, variables: &[(&str, &str)]) -> String {
        self.without_path(&self.load(variables).expect_err("there are faults").to_string())
    }

    /// The warnings, one a line, with `DIR` for the directory.
    pub(super) fn warnings(&self) -> String {
        self.without_path(&lines(&self.settings().warnings))
    }

    fn without_path(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "DIR")
    }
}
