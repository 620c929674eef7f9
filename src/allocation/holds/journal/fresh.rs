//! A journal that is written beside the one in use, which stays until this one is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipam_provider::state_files;

use super::super::hold::Hold;
use super::line;
use crate::allocation::Timestamp;

/// Bytes that are written at a time.
const BUFFER: usize = 65_536;

/// A journal that is not complete yet. One that is not put in place leaves no file: it may have taken the last room on the
/// disk.
pub(super) struct Fresh<'a> {
    path: &'a Path,
    beside: PathBuf,
    pub(super) file: File,
    is_in_place: bool,
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if !self.is_in_place
            && let Err(error) = fs::remove_file(&self.beside)
        {
            log::warn!("{} cannot be removed: {error}", self.beside.display());
        }
    }
}

impl<'a> Fresh<'a> {
    /// Writes just the holds that `write` writes, as of `at`. Returns how many they are.
    pub(super) fn write(
        path: &'a Path,
        at: Timestamp,
        write: impl FnOnce(&mut Snapshot<'_>) -> io::Result<()>,
    ) -> io::Result<(Self, usize)> {
        let beside = path.with_extension("journal.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = state_files::create(&beside)?;
        let fresh = Self { path, beside, file, is_in_place: false };
        let mut writer = BufWriter::with_capacity(BUFFER, &fresh.file);
        writer.write_all(&line::time(at))?;
        let mut snapshot = Snapshot { writer: &mut writer, at, holds: 0 };
        write(&mut snapshot)?;
        let holds = snapshot.holds;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((fresh, holds))
    }

    /// Puts it in place of the old one, and goes on appending to it.
    pub(super) fn put_in_place(mut self) -> io::Result<File> {
        let file = self.file.try_clone()?;
        fs::rename(&self.beside, self.path)?;
        self.is_in_place = true;
        Ok(file)
    }
}

/// Takes the live holds one by one, so that they need not be in memory twice.
pub(in crate::allocation::holds) struct Snapshot<'a> {
    writer: &'a mut dyn Write,
    at: Timestamp,
    holds: usize,
}

impl Snapshot<'_> {
    /// Writes a hold that is promised until `until`.
    pub(in crate::allocation::holds) fn write(
        &mut self,
        address: IpAddr,
        hold: &Hold,
        until: Timestamp,
    ) -> io::Result<()> {
        self.holds += 1;
        self.writer.write_all(&line::held(address, hold, until, self.at))
    }
}
