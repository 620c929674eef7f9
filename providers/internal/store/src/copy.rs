//! Copying all that a store has into another one, which may be on another engine.
//!
//! What is copied is what an export has, so nothing can be in the one and not in the other. The export goes to a file
//! without a name, is imported, and is compared with an export of the copy before the copy is kept.

use std::env;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::PathBuf;

use crate::progress::Progress;
use crate::{Imported, Reading, Result, Rows, Scope, StoreError, Writing};

/// All that a store has, as it was at one moment.
#[derive(Debug)]
pub(crate) struct Contents {
    csv: File,
    rows: Rows,
}

impl Contents {
    /// Reads a store.
    pub(crate) fn of(reading: &Reading<'_>, progress: &dyn Progress) -> Result<Self> {
        let mut csv = tempfile::tempfile_in(temporary()).map_err(failed)?;
        let mut to = BufWriter::new(&csv);
        reading.export(&mut to, progress)?;
        to.flush().map_err(failed)?;
        drop(to);
        let length = csv.metadata().map_err(failed)?.len();
        csv.rewind().map_err(failed)?;
        let rows = Rows::read(BufReader::new(&csv), Some(length), progress)?;
        Ok(Self { csv, rows })
    }

    /// Adds all of it to an empty store, and makes sure that it is all there and in order. The transaction must not be kept
    /// when this fails.
    ///
    /// # Errors
    /// [`NotEmpty`](StoreError::NotEmpty) for a store that has something, and [`CopyDiffers`](StoreError::CopyDiffers).
    pub(crate) fn add(&self, writing: &Writing<'_>, progress: &dyn Progress) -> Result<Imported> {
        // So that nothing is added between the look and the copy.
        writing.lock_subnets()?;
        let is_empty = writing.groups()?.is_empty()
            && writing.subnets_in(&Scope::Anywhere)?.is_empty()
            && writing.plans_in(&Scope::Anywhere)?.is_empty();
        if !is_empty {
            return Err(StoreError::NotNew);
        }
        let added = writing.add_rows(&self.rows, progress)?;
        if let Some(finding) = writing.verify(progress)?.into_iter().next() {
            return Err(StoreError::CopyDiffers(finding.what));
        }
        let mut csv = &self.csv;
        csv.rewind().map_err(failed)?;
        let mut equal = Equal { expected: BufReader::new(csv), differs: false };
        match writing.export(&mut equal, progress) {
            Err(_) if equal.differs => Err(StoreError::CopyDiffers("its export differs".to_owned())),
            Err(error) => Err(error),
            Ok(()) if equal.is_at_end().map_err(failed)? => Ok(added),
            Ok(()) => Err(StoreError::CopyDiffers("its export is shorter".to_owned())),
        }
    }
}

/// Where large temporary files belong: `/tmp` may be in memory.
fn temporary() -> PathBuf {
    env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from)
}

fn failed(source: io::Error) -> StoreError {
    StoreError::Io { doing: format!("Using a temporary file in {}", temporary().display()), source }
}

/// Takes only what is expected.
struct Equal<R> {
    expected: R,
    differs: bool,
}

impl<R: Read> Equal<R> {
    fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.expected.read(&mut [0])? == 0)
    }
}

impl<R: Read> Write for Equal<R> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut expected = vec![0; text.len()];
        let is_equal = match self.expected.read_exact(&mut expected) {
            Ok(()) => expected == text,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        if is_equal {
            return Ok(text.len());
        }
        self.differs = true;
        Err(io::ErrorKind::InvalidData.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_equal() {
        for (text, is_equal, is_whole) in
            [("abcdef", true, true), ("abc", true, false), ("abcdefg", false, true), ("abx", false, false)]
        {
            let mut equal = Equal { expected: &b"abcdef"[..], differs: false };
            let outcome = equal.write_all(text.as_bytes());
            assert_eq!((outcome.is_ok(), !equal.differs), (is_equal, is_equal), "{text}");
            if is_equal {
                assert_eq!(equal.is_at_end().expect("bytes"), is_whole, "{text}");
            }
        }
    }
}
