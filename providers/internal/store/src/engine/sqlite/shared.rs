//! A file that many callers have open: readers beside each other, and one writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::{Access, Draft, is_there, open};
use super::open_files::OpenFiles;
use super::readers::Readers;
use super::writer::Writer;
use super::{Session, migrate};
use crate::{Reading, Result, StoreError, Writing};

/// What [`SharedStore`](crate::SharedStore) is here. Needs a tokio runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    path: PathBuf,
    /// `None` after its files were removed or replaced, until it can be opened again.
    opened: Mutex<Option<Arc<Opened>>>,
    /// Removed after the connections above are closed.
    _stand_in: Option<Draft>,
}

/// The connections to a store, and the files that they have open.
#[derive(Debug)]
struct Opened {
    files: Arc<OpenFiles>,
    writer: Writer,
    readers: Readers,
}

impl Opened {
    fn new(path: &Path) -> Result<Self> {
        let connection = open(path, Access::Write)?;
        let files = Arc::new(OpenFiles::of(path)?);
        let writer = Writer::start(connection, files.clone())?;
        Ok(Self { files, writer, readers: Readers::new(path.to_owned()) })
    }
}

impl Shared {
    pub(crate) fn open_or_create(path: &Path) -> Result<Self> {
        drop(Session::open_or_create(path)?);
        Self::of(path, None)
    }

    pub(crate) fn open_or_stand_in(path: &Path) -> Result<Self> {
        if is_there(path)? && !migrate::is_due(path)? {
            return Self::of(path, None);
        }
        let draft = Draft::empty_store(path)?;
        let path = draft.path().to_owned();
        Self::of(&path, Some(draft))
    }

    fn of(path: &Path, stand_in: Option<Draft>) -> Result<Self> {
        let opened = Mutex::new(Some(Arc::new(Opened::new(path)?)));
        Ok(Self { path: path.to_owned(), opened, _stand_in: stand_in })
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.opened()?.readers.run(work).await
    }

    pub(crate) async fn read_few<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.opened()?.readers.run_here(work).await
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.opened()?.writer.run(work).await
    }

    /// The connections; new ones when the files of the former were removed or replaced.
    fn opened(&self) -> Result<Arc<Opened>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*opened {
            if !known.files.are_lost() {
                return Ok(known.clone());
            }
            // In one process new connections would share the locks of those that are open, so all of those close first.
            if Arc::strong_count(known) > 1 {
                return Err(StoreError::Replaced(self.path.clone()));
            }
            *opened = None;
        }
        let again = Arc::new(Opened::new(&self.path)?);
        *opened = Some(again.clone());
        log::info!("internal: {} is open again", self.path.display());
        Ok(again)
    }
}
