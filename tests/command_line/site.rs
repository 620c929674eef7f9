//! Settings and store of one test, and running commands over them.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::run::{Ran, run};

/// A directory with settings of the embedded IPAM and, after the first command that adds, its store.
pub(crate) struct Site {
    directory: TempDir,
}

impl Site {
    /// A site without a store.
    pub(crate) fn new() -> Self {
        let site = Self { directory: TempDir::new().expect("a directory") };
        for name in ["etc", "etc/settings.d", "state"] {
            fs::create_dir(site.place(name)).expect("a directory");
        }
        let settings = format!(
            "bind_host: 127.0.0.1\nhttp_port: 0\ntrusted_hosts: [localhost]\nlog_file: STDOUT\nworkers: 1\n\
             state_directory: {}\n",
            site.place("state").display()
        );
        site.write("etc/settings.yml", &settings);
        site.write("etc/settings.d/externalipam.yml", "use_provider: internal\n");
        site
    }

    /// A site whose store has what the CSV has.
    pub(crate) fn with(csv: &str) -> Self {
        let site = Self::new();
        site.write("seed.csv", csv);
        site.ok(&["import", &site.text("seed.csv")]);
        site
    }

    /// A path in the site.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path in the site, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.place(name).display().to_string()
    }

    /// Where the settings put the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.place("state/ipam.sqlite")
    }

    /// Writes a file that only we can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.place(name), text).expect("written");
        fs::set_permissions(self.place(name), PermissionsExt::from_mode(0o600)).expect("permissions");
    }

    /// A command with the settings of this site.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.arg("--config-dir").arg(self.place("etc")).args(arguments).current_dir(self.directory.path());
        command
    }

    /// Has something at the control socket that gives each caller this answer.
    pub(crate) fn answer_at_control_socket(&self, answer: &'static str) {
        let listener = UnixListener::bind(self.place("state/control.sock")).expect("a socket");
        thread::spawn(move || {
            for mut caller in listener.incoming().map_while(Result::ok) {
                // The request, or the end of a connection that was only made to see whether somebody listens.
                let _ = caller.read(&mut [0; 4096]);
                let _ = caller.write_all(answer.as_bytes());
            }
        });
    }

    /// Runs a command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments), "")
    }

    /// Runs a command that is given this on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        run(self.command(arguments), input)
    }

    /// What a command prints that does what it is asked to, and has nothing to complain of.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.out
    }

    /// The JSON that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(arguments);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {out}"))
    }

    /// As [`json`](Self::json), without ids and times, and without attributes that are not set.
    pub(crate) fn brief(&self, arguments: &[&str]) -> Value {
        let mut value = self.json(arguments);
        shorten(&mut value);
        value
    }

    /// What a command complains of that fails with exit code 1 and prints no result.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}: {}", ran.err);
        ran.err.strip_prefix("foreman-ipam-proxy: ").expect("the name of the program").trim_end().to_owned()
    }

    /// What the parser of the command line says of a wrong one.
    pub(crate) fn misused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
        ran.err
    }
}

/// The binary without the environment of the test.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foreman-ipam-proxy"));
    command.env_clear();
    command
}

/// The rows of a printed table, each with its cells; two blanks or more end a cell.
pub(crate) fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    table.lines().map(cells).collect()
}

/// Whether a path is there.
pub(crate) fn is_there(path: &Path) -> bool {
    path.try_exists().expect("the directory can be read")
}

/// Removes what every record has, unless a test has set it.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => {
            fields.retain(|name, value| match name.as_str() {
                "public_id" | "created_at" | "updated_at" => false,
                "owner" | "external_id" | "tags" | "metadata" | "gateway" => {
                    ![json!(null), json!(""), json!([]), json!({})].contains(value)
                }
                _ => true,
            });
            fields.values_mut().for_each(shorten);
        }
        _ => {}
    }
}
