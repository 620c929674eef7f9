//! Runs a script of this directory with the Python that has the vendors' clients.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names another Python.
const VARIABLE: &str = "IPAM_TEST_PYTHON";

/// A Python that has the packages of `requirements.txt`.
pub(crate) struct Python(PathBuf);

impl Python {
    /// `None` where there is none. Then standard error says that the test was skipped.
    pub(crate) fn find() -> Option<Self> {
        if let Some(path) = env::var_os(VARIABLE) {
            return Some(Self(path.into()));
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python-clients").join("bin/python");
        if path.exists() {
            return Some(Self(path));
        }
        let text = "SKIPPED: there are no Python clients; tests/README.md says how to install them";
        // Past the capture of the test harness, which would hide it: what was not checked must be seen.
        let _ = writeln!(io::stderr(), "{text}");
        None
    }

    /// Runs a script.
    ///
    /// # Panics
    /// With its output, when it fails.
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        let mut command = Command::new(&self.0);
        // No compiled files beside the scripts, nothing from the user's own packages, and no proxy on the way. With a bundle of
        // certificates in the environment, requests verifies even where it is set not to.
        command.args(["-B", "-s"]).arg(path).args(arguments).env("NO_PROXY", "*");
        for variable in ["PYTHONPATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            command.env_remove(variable);
        }
        let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        let (shown, failure) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script} failed, {}\n{shown}{failure}", output.status);
    }
}
