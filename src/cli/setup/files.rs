//! Writing a settings file: whole or not at all, with the owner and rights that it had.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// What a new file is open to: its owner, and the group of the service to read.
const MODE: u32 = 0o640;

/// What a new directory is open to.
const DIRECTORY_MODE: u32 = 0o750;

/// Makes a directory of settings where there is none.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)
}

/// Puts the text in the place of the file, in one step. The former file is kept; answers its new name.
///
/// A new file gets the group of its directory, which is that of the service.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    // A link stays a link.
    let path = if fs::symlink_metadata(path).is_ok() { fs::canonicalize(path)? } else { path.to_owned() };
    let directory = path.parent().unwrap_or(Path::new("/"));
    let former = match fs::metadata(&path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    give_owner(&file, former.as_ref(), &fs::metadata(directory)?)?;
    // After the change of owner, which may take rights away.
    let mode = former.as_ref().map_or(MODE, |former| former.permissions().mode() & 0o777);
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    let kept = former.map(|_| keep(&path)).transpose()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(kept)
}

fn give_owner(file: &NamedTempFile, former: Option<&Metadata>, directory: &Metadata) -> io::Result<()> {
    let own = file.as_file().metadata()?;
    let (uid, gid) = former.map_or((own.uid(), directory.gid()), |former| (former.uid(), former.gid()));
    if (own.uid(), own.gid()) == (uid, gid) {
        return Ok(());
    }
    match fchown(file.as_file(), Some(uid), Some(gid)) {
        // Who may not give files away and makes a new one, keeps it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && former.is_none() => Ok(()),
        outcome => outcome,
    }
}

/// Gives the file a second name that is not taken: `x.yml.bak`, `x.yml.bak2`, …
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 1_u32.. {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".bak".to_owned() } else { format!(".bak{number}") });
        match fs::hard_link(path, &name) {
            Ok(()) => return Ok(name.into()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many copies already"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_for_owner_and_group_and_the_next_keeps_what_was_there() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("x.yml");
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect("a file");
        let mode = || fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(replace(&path, "a").expect("written"), None);
        assert_eq!((read("x.yml").as_str(), mode()), ("a", 0o640));
        fs::set_permissions(&path, Permissions::from_mode(0o604)).expect("permissions");
        assert_eq!(replace(&path, "b").expect("written"), Some(directory.path().join("x.yml.bak")));
        assert_eq!(replace(&path, "c").expect("written"), Some(directory.path().join("x.yml.bak2")));
        assert_eq!((read("x.yml").as_str(), mode()), ("c", 0o604));
        assert_eq!((read("x.yml.bak").as_str(), read("x.yml.bak2").as_str()), ("a", "b"));
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 3, "nothing else is left");
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "a").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        replace(&link, "b").expect("written");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("a file"), "b");
    }
}
