//! A file that many callers have open: readers beside each other, and one writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::connect::is_there;
use super::file::{self, Access};
use super::open_files::OpenFiles;
use super::publish::Draft;
use super::readers::Readers;
use super::writer::Writer;
use super::{Session, migrate};
use crate::engine::Schema;
use crate::{Reading, Result, StoreError, Writing};

/// What [`SharedStore`](crate::SharedStore) is here. Needs a tokio runtime.
#[derive(Debug)]
pub(crate) struct Shared {
    path: PathBuf,
    schema: &'static Schema,
    /// There was no store at the path: an empty one takes its place when it is first asked something.
    is_stand_in: bool,
    /// `None` until then, and after its files were removed or replaced, until it can be opened again.
    opened: Mutex<Option<Arc<Opened>>>,
}

/// The connections to a store, and the files that they have open.
#[derive(Debug)]
struct Opened {
    files: Arc<OpenFiles>,
    writer: Writer,
    readers: Readers,
    /// Removed after the connections above are closed.
    _stand_in: Option<Draft>,
}

impl Opened {
    fn new(path: &Path, schema: &'static Schema, stand_in: Option<Draft>) -> Result<Self> {
        let connection = file::open(path, schema, Access::Write)?;
        let files = Arc::new(OpenFiles::of(path, schema)?);
        let writer = Writer::start(connection, schema, files.clone())?;
        Ok(Self { files, writer, readers: Readers::new(path.to_owned(), schema), _stand_in: stand_in })
    }
}

impl Shared {
    pub(crate) fn open_or_create(path: &Path, schema: &'static Schema) -> Result<Self> {
        drop(Session::open_or_create(path, schema)?);
        Self::open(path, schema)
    }

    pub(crate) fn open_or_stand_in(path: &Path, schema: &'static Schema) -> Result<Self> {
        if is_there(path)? && !migrate::is_due(path, schema)? {
            return Self::open(path, schema);
        }
        Ok(Self { path: path.to_owned(), schema, is_stand_in: true, opened: Mutex::default() })
    }

    fn open(path: &Path, schema: &'static Schema) -> Result<Self> {
        let opened = Mutex::new(Some(Arc::new(Opened::new(path, schema, None)?)));
        Ok(Self { path: path.to_owned(), schema, is_stand_in: false, opened })
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

    pub(crate) fn send(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<()> + Send + 'static,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) {
        match self.opened() {
            Ok(opened) => opened.writer.send(work, done),
            Err(error) => done(Err(error)),
        }
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
        let now = if self.is_stand_in {
            let draft = Draft::empty_store(&self.path, self.schema)?;
            let path = draft.path().to_owned();
            Opened::new(&path, self.schema, Some(draft))?
        } else {
            let again = Opened::new(&self.path, self.schema, None)?;
            log::info!("{}: {} is open again", self.schema.name, self.path.display());
            again
        };
        let now = Arc::new(now);
        *opened = Some(now.clone());
        Ok(now)
    }
}
