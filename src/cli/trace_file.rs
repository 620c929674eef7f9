//! The file of `check --trace`.

use std::fs::{File, OpenOptions, remove_file};
use std::io::{BufWriter, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipam_provider::Trace;

use super::output::say;
use super::{CommandError, Outcome};

/// A file for the exchanges with the IPAM, open to its owner only.
pub(super) struct TraceFile {
    path: PathBuf,
    file: File,
    /// Keeps the exchanges until they are written.
    pub(super) trace: Trace,
}

impl TraceFile {
    /// Creates the file. What is there is not overwritten.
    pub(super) fn create(path: &Path) -> Result<Self, CommandError> {
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = created.map_err(|error| {
            let path = path.display();
            CommandError::failed(match error.kind() {
                ErrorKind::AlreadyExists => {
                    format!("{path} is there already and is not overwritten; name another file with --trace")
                }
                _ => format!("{path} cannot be created for --trace: {error}"),
            })
        })?;
        Ok(Self { path: path.to_owned(), file, trace: Trace::default() })
    }

    /// Writes the exchanges, and prints where they are.
    pub(super) fn finish(self) -> Outcome {
        let Self { path, file, trace } = self;
        let failed = |error| CommandError::failed(format!("{} cannot be written: {error}", path.display()));
        let exchanges = trace.write(&mut BufWriter::new(&file)).map_err(failed)?;
        let path_shown = path.display();
        if exchanges == 0 {
            remove_file(&path).map_err(failed)?;
            say(format!("trace         the IPAM was not asked over HTTP; {path_shown} is not kept"));
        } else {
            say(format!(
                "trace         {path_shown} has the exchanges with the IPAM: {exchanges}. Passwords and tokens are masked; read \
                 it before you send it, because names and addresses are in it"
            ));
        }
        Ok(())
    }
}
