//! The records in their database: appended, asked for, removed when they are too old.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipam_provider::GroupName;
use ipam_provider::database::Database;
use ipam_store::{Connection, Key, SharedTables, StoreError, Value, Writing};
use jiff::Timestamp;

use super::feed::{self, Feed, Filter};
use super::query::{Cursor, LAST_BEFORE, Query, entry};
use super::schema::LEDGER;
use super::write::Tables;
use super::{Entry, LedgerError, Record};

/// Where a ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In the database that several proxies share.
    Database(Box<Database>),
}

impl Place {
    /// Where the ledger is of a proxy with this state directory and this database, if it has one.
    pub fn of(state_directory: &Path, database: Option<&Database>) -> Self {
        match database {
            Some(database) => Self::Database(Box::new(database.clone())),
            None => Self::File(state_directory.join("ledger.sqlite")),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(database) => write!(f, "the database {database}"),
        }
    }
}

/// The records of a ledger. Needs a tokio runtime.
#[derive(Debug)]
pub struct Records {
    place: Place,
    tables: SharedTables,
}

impl Records {
    /// Opens a ledger, and makes it where there is none. A database is connected to when it is needed first.
    ///
    /// # Errors
    /// When a file cannot be created, or is something else.
    pub fn open_or_create(place: Place) -> Result<Self, LedgerError> {
        let tables = match &place {
            Place::File(path) => SharedTables::open_or_create(path, &LEDGER),
            Place::Database(database) => Ok(SharedTables::in_database((**database).clone(), &LEDGER)),
        };
        Self::with(place, tables)
    }

    /// Opens a ledger that is there. In a database without tables it is empty, and none are made.
    ///
    /// # Errors
    /// [`Missing`](LedgerError::Missing), and when a file is something else or cannot be opened.
    pub fn open(place: Place) -> Result<Self, LedgerError> {
        let tables = match &place {
            Place::File(path) if !path.exists() => return Err(LedgerError::Missing(path.clone())),
            Place::File(path) => SharedTables::open_or_stand_in(path, &LEDGER),
            Place::Database(database) => Ok(SharedTables::in_database_or_stand_in((**database).clone(), &LEDGER)),
        };
        Self::with(place, tables)
    }

    fn with(place: Place, tables: Result<SharedTables, StoreError>) -> Result<Self, LedgerError> {
        match tables {
            Ok(tables) => Ok(Self { place, tables }),
            Err(source) => Err(unusable(&place, source)),
        }
    }

    fn failed(&self, source: StoreError) -> LedgerError {
        unusable(&self.place, source)
    }

    /// Adds records: all of them, or none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn append(&self, records: Arc<Vec<Record>>) -> Result<(), LedgerError> {
        let tables = Tables::of(&self.place);
        let added = self.tables.write(move |writing| tables.append(writing.connection(), &records)).await;
        added.map_err(|source| self.failed(source))
    }

    /// As [`append`](Self::append) for one record, without waiting; only in a file. `done` is called in any case, with the
    /// record when it is not saved.
    pub(super) fn send(&self, record: Record, done: impl FnOnce(Result<(), Record>) + Send + 'static) {
        let tables = Tables::of(&self.place);
        let record = Arc::new(record);
        let sent = record.clone();
        let work = move |writing: &Writing<'_>| tables.append(writing.connection(), std::slice::from_ref(&*sent));
        self.tables.send(work, |saved| done(saved.map_err(|_| Arc::unwrap_or_clone(record))));
    }

    /// A page of the records that are asked for, in the order of their time, and where the next page begins if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn page(
        &self,
        query: &Query,
        after: Option<Cursor>,
        at_most: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), LedgerError> {
        let query = query.clone();
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let page = self.tables.read(move |reading| {
            let values = query.values(after.unwrap_or_else(|| query.start()), limit);
            reading.connection().rows(query.statement(), &values, entry)
        });
        let page = page.await.map_err(|source| self.failed(source))?;
        let last = page.last().filter(|_| page.len() >= at_most);
        let next = last.map(|last| Cursor { at: last.record.at.as_microsecond(), sequence: last.sequence });
        Ok((page, next))
    }

    /// The last record of an address before a time that says whether it is reserved then.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last_before(
        &self,
        address: IpAddr,
        group: Option<&GroupName>,
        before: Timestamp,
    ) -> Result<Option<Entry>, LedgerError> {
        let group = group.cloned();
        let last = self.tables.read(move |reading| {
            let values = [
                Value::from(Key::from(address)),
                Value::from(before.as_microsecond()),
                Value::from(group.as_ref()),
                Value::from(group.is_some()),
            ];
            reading.connection().row(LAST_BEFORE, &values, entry)
        });
        last.await.map_err(|source| self.failed(source))
    }

    /// Up to so many of the records after this sequence, in the order of their sequence. What has the sequence 0 or less is
    /// before all of them.
    ///
    /// No record appears later below a sequence that was returned.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn after(&self, sequence: i64, at_most: usize, filter: &Filter) -> Result<Feed, LedgerError> {
        let filter = filter.clone();
        let read = self.tables.read(move |reading| feed::read(reading.connection(), sequence, at_most, &filter));
        read.await.map_err(|source| self.failed(source))
    }

    /// Reads in one transaction.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let read = self.tables.read(move |reading| work(reading.connection()));
        read.await.map_err(|source| self.failed(source))
    }

    /// Removes some of the records from before a time, the oldest first, and returns how many. What another proxy is removing
    /// is left to it.
    pub(super) async fn remove_slice(&self, before: Timestamp, at_most: u32) -> Result<u64, LedgerError> {
        let tables = Tables::of(&self.place);
        let removed = self.tables.write(move |writing| tables.remove(writing.connection(), before, at_most));
        removed.await.map_err(|source| self.failed(source))
    }
}

fn unusable(place: &Place, source: StoreError) -> LedgerError {
    LedgerError::Unusable { place: place.to_string(), source: Box::new(source) }
}
