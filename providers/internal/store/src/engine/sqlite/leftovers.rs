//! Databases that were not yet whole when the process that made them was killed.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipam_provider::state_files::directory_of;

use super::connect::{FILES_BESIDE, connect};

/// A younger one may be in the moment between its creation and its first use.
const AT_LEAST: Duration = Duration::from_secs(60);

/// Removes those whose names begin so, with the files that SQLite keeps beside them, unless a process has them open. What
/// cannot be looked at stays: it is in nobody's way.
pub(super) fn remove(beside: &Path, beginning: &OsStr) {
    let Ok(entries) = fs::read_dir(directory_of(beside)) else { return };
    for entry in entries.flatten() {
        if is_draft(&entry, beginning) && is_old(&entry) && is_abandoned(&entry.path()) {
            remove_all_of(entry.path());
        }
    }
}

/// Removes a database and the files beside it.
pub(super) fn remove_all_of(path: PathBuf) {
    for suffix in ["", FILES_BESIDE[0], FILES_BESIDE[1], FILES_BESIDE[2]] {
        let mut path = path.clone().into_os_string();
        path.push(suffix);
        // Most are not there, and what cannot be removed harms nobody.
        let _ = fs::remove_file(path);
    }
}

fn is_draft(entry: &DirEntry, beginning: &OsStr) -> bool {
    let name = entry.file_name();
    let name = name.as_encoded_bytes();
    let is_beside = FILES_BESIDE.iter().any(|suffix| name.ends_with(suffix.as_bytes()));
    name.starts_with(beginning.as_encoded_bytes()) && !is_beside
}

fn is_old(entry: &DirEntry) -> bool {
    let changed = entry.metadata().ok().filter(fs::Metadata::is_file).and_then(|found| found.modified().ok());
    changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|age| age >= AT_LEAST)
}

/// Has no process it open? SQLite gives up the write-ahead log only then.
fn is_abandoned(path: &Path) -> bool {
    let Ok(connection) = connect(path) else { return false };
    let alone = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)));
    alone.is_ok_and(|mode| mode == "delete")
}
