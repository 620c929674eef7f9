//! Files in a directory that may belong to another user than the one who opens them.
//!
//! Root runs commands in the state directory, which belongs to the service's user. That user could put a link there that
//! leads to one of root's files, or a pipe that keeps whatever opens it waiting. So links are not followed, only regular
//! files are opened, and the owner is changed only of what was just created, through its open descriptor.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Only the owner.
const MODE: u32 = 0o600;

/// The directory that a file is in.
pub fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a regular file for reading.
///
/// # Errors
/// Those of the system, and when the path is that of a link or of anything else that is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// As [`open`], for appending.
///
/// # Errors
/// Those of [`open`].
pub fn append(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().append(true), path)
}

/// Creates a file for reading and appending that only its owner can open. What root creates belongs to the owner of the
/// directory, so that a command that is run as root does not lock the service out.
///
/// # Errors
/// Those of the system; `AlreadyExists` when the name is taken, also by a link that leads nowhere.
pub fn create(path: &Path) -> io::Result<File> {
    create_with_mode(path, MODE)
}

/// As [`append`], but a file that is not there is created as by [`create`], with this mode.
///
/// # Errors
/// Those of [`append`] and [`create`].
pub fn append_or_create(path: &Path, mode: u32) -> io::Result<File> {
    let is = |error: &io::Error, kind| error.kind() == kind;
    match append(path) {
        Err(error) if is(&error, io::ErrorKind::NotFound) => match create_with_mode(path, mode) {
            // Another process was faster.
            Err(error) if is(&error, io::ErrorKind::AlreadyExists) => append(path),
            created => created,
        },
        opened => opened,
    }
}

fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let not_regular = || io::Error::other("it is not a regular file");
    // A pipe without a reader or writer would block; regular files ignore O_NONBLOCK.
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link, which is not followed"),
        // A socket, or a pipe without a reader.
        Some(libc::ENXIO) => not_regular(),
        _ => error,
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn create_with_mode(path: &Path, mode: u32) -> io::Result<File> {
    // O_EXCL follows no link.
    let file = OpenOptions::new().read(true).append(true).create_new(true).mode(mode).open(path)?;
    let directory = fs::metadata(directory_of(path))?;
    if file.metadata()?.uid() == 0 && directory.uid() != 0 {
        fchown(&file, Some(directory.uid()), Some(directory.gid()))?;
    }
    Ok(file)
}

/// Does the path still lead to this open file?
pub fn is_at(file: &File, path: &Path) -> bool {
    let found = fs::symlink_metadata(path).and_then(|found| Ok((found, file.metadata()?)));
    found.is_ok_and(|(found, opened)| (found.dev(), found.ino()) == (opened.dev(), opened.ino()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    #[test]
    fn a_link_is_neither_followed_nor_replaced() {
        let directory = tempfile::tempdir().expect("a directory");
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        symlink(&target, &link).expect("a link");
        for _ in 0..2 {
            assert_eq!(create(&link).expect_err("taken").kind(), io::ErrorKind::AlreadyExists);
            for error in [open(&link), append(&link), append_or_create(&link, 0o640)].map(|it| it.expect_err("a link"))
            {
                assert!(error.to_string().contains("a symbolic link"), "{error}");
            }
            // The second time the link leads somewhere.
            fs::write(&target, "of root").expect("written");
        }
        assert_eq!(fs::read_to_string(&target).expect("a file"), "of root");
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        for refused in [open(&pipe), open(directory.path()), append(&pipe), append_or_create(&pipe, 0o640)] {
            assert_eq!(refused.expect_err("not a file").to_string(), "it is not a regular file");
        }
        append(directory.path()).expect_err("a directory");
        assert_eq!(create(&pipe).expect_err("taken").kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_new_file_is_private_and_known_by_its_descriptor() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let mut file = create(&path).expect("a file");
        file.write_all(b"text").expect("written");
        assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        append_or_create(&path, 0o640).and_then(|mut file| file.write_all(b" and more")).expect("written");
        let mut text = String::new();
        open(&path).and_then(|mut file| file.read_to_string(&mut text)).expect("text");
        assert_eq!(text, "text and more");
        assert!(is_at(&file, &path));
        fs::remove_file(&path).expect("removed");
        assert!(!is_at(&file, &path), "it is gone");
        create(&path).expect("another file");
        assert!(!is_at(&file, &path), "it is another one");
    }

    #[test]
    fn what_root_creates_belongs_to_the_owner_of_the_directory_and_nothing_else_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let [there, new, log] = ["there", "new", "log"].map(|name| directory.path().join(name));
        fs::write(&there, "of root").expect("written");
        // Only root can give a directory away.
        if chown(directory.path(), Some(12_345), Some(12_346)).is_err() {
            return;
        }
        let owner = |path: &Path| fs::metadata(path).map(|file| (file.uid(), file.gid())).expect("a file");
        create(&new).expect("a file");
        append_or_create(&log, 0o640).expect("a file");
        assert_eq!([owner(&new), owner(&log)], [(12_345, 12_346); 2]);
        open(&there).expect("a file");
        append_or_create(&there, 0o640).expect("a file");
        assert_eq!(owner(&there).0, 0, "a file that was there keeps its owner");
    }
}
