//! The tokens in their database.

use std::path::Path;
use std::sync::Arc;

use ipam_provider::GroupName;
use ipam_provider::database::Database;
use ipam_store::{Row, SharedTables, StoreError, Value};
use jiff::Timestamp;
use openssl::memcmp;
use secrecy::{ExposeSecret, SecretString};

use super::TokenError;
use super::schema::API;
use super::secret::{self, Hash};
use crate::caller::Grant;
use crate::ledger::Place;

/// Names are no longer than this.
pub(crate) const NAME_AT_MOST: usize = 64;

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its name, which the ledger has.
    pub name: Arc<str>,
    /// What its holder may do.
    pub grant: Grant,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is not accepted; `None` for never.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute or so.
    pub used: Option<Timestamp>,
}

impl Token {
    /// Is it too late to use it?
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The columns of a token, in the order in which they are read.
macro_rules! columns {
    () => {
        "name, role, group_names, created_at, expires_at, used_at"
    };
}

const INSERT: &str = "INSERT INTO token (name, hash, role, group_names, created_at, expires_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM token WHERE name = ?1";
const LIST: &str = concat!("SELECT ", columns!(), " FROM token ORDER BY name");
const FIND: &str = concat!("SELECT ", columns!(), ", hash FROM token WHERE hash = ?1");
/// Only while it is the token that was used, not another of its name.
const USED: &str = "UPDATE token SET used_at = ?1 WHERE hash = ?2 AND (used_at IS NULL OR used_at < ?1)";

/// Can it be the name of a token?
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=NAME_AT_MOST).contains(&text.len()) && text.bytes().all(is_plain)
}

/// All tokens. Needs a tokio runtime.
#[derive(Debug)]
pub(crate) struct Table {
    place: Place,
    tables: SharedTables,
}

impl Table {
    /// Where the tokens are of a proxy with this state directory and this database, if it has one.
    pub(crate) fn place(state_directory: &Path, database: Option<&Database>) -> Place {
        match database {
            Some(database) => Place::Database(Box::new(database.clone())),
            None => Place::File(state_directory.join("api.sqlite")),
        }
    }

    /// Opens the tables, and makes them where there are none. A database is connected to when it is needed first.
    ///
    /// # Errors
    /// When a file cannot be created, or is something else.
    pub(crate) fn open_or_create(place: Place) -> Result<Self, TokenError> {
        let tables = match &place {
            Place::File(path) => SharedTables::open_or_create(path, &API),
            Place::Database(database) => Ok(SharedTables::in_database((**database).clone(), &API)),
        };
        Self::with(place, tables)
    }

    /// Opens the tables. Where there are none they are empty, and none are made.
    ///
    /// # Errors
    /// When a file is something else or cannot be opened.
    pub(crate) fn open(place: Place) -> Result<Self, TokenError> {
        let tables = match &place {
            Place::File(path) => SharedTables::open_or_stand_in(path, &API),
            Place::Database(database) => Ok(SharedTables::in_database_or_stand_in((**database).clone(), &API)),
        };
        Self::with(place, tables)
    }

    fn with(place: Place, tables: Result<SharedTables, StoreError>) -> Result<Self, TokenError> {
        match tables {
            Ok(tables) => Ok(Self { place, tables }),
            Err(source) => Err(TokenError::unusable(&place, source)),
        }
    }

    pub(super) fn tables(&self) -> &SharedTables {
        &self.tables
    }

    pub(super) fn failed(&self, source: StoreError) -> TokenError {
        TokenError::unusable(&self.place, source)
    }

    /// Makes a token of this name, and returns its text, which is kept nowhere.
    ///
    /// # Errors
    /// [`Exists`](TokenError::Exists), [`Name`](TokenError::Name), and those of the database.
    pub(crate) async fn add(
        &self,
        name: &str,
        grant: &Grant,
        expires: Option<Timestamp>,
    ) -> Result<SecretString, TokenError> {
        if !is_name(name) {
            return Err(TokenError::Name);
        }
        let text = secret::new();
        let hash = secret::hash(text.expose_secret());
        let (own, role, groups) = (name.to_owned(), grant.role.name(), grant.groups.as_deref().map(group_names));
        let added = self.tables.write(move |writing| {
            let values = [
                Value::from(&own),
                Value::Bytes(&hash),
                Value::from(role),
                Value::from(groups.as_ref()),
                Value::from(Timestamp::now()),
                Value::from(expires),
            ];
            writing.connection().execute(INSERT, &values)
        });
        match added.await {
            Ok(0) => Err(TokenError::Exists(name.to_owned())),
            Ok(_) => Ok(text),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Ends a token for good.
    ///
    /// # Errors
    /// [`Missing`](TokenError::Missing), and those of the database.
    pub(crate) async fn revoke(&self, name: &str) -> Result<(), TokenError> {
        let own = name.to_owned();
        let revoked = self.tables.write(move |writing| writing.connection().execute(DELETE, &[Value::from(&own)]));
        match revoked.await {
            Ok(0) => Err(TokenError::Missing(name.to_owned())),
            Ok(_) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// All tokens by name, those that have expired too.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn list(&self) -> Result<Vec<Token>, TokenError> {
        let tokens = self.tables.read(|reading| reading.connection().rows(LIST, &[], token));
        tokens.await.map_err(|source| self.failed(source))
    }

    /// The token of this hash.
    pub(super) async fn find(&self, hash: Hash) -> Result<Option<Token>, TokenError> {
        let found = self.tables.read_few(move |reading| {
            reading.connection().row(FIND, &[Value::Bytes(&hash)], |row| {
                // The index has compared it already, in a time that depends on how much of it is alike.
                let own: &[u8] = row.get(6)?;
                let is_same = own.len() == hash.len() && memcmp::eq(own, &hash);
                token(row).map(|token| is_same.then_some(token))
            })
        });
        found.await.map(Option::flatten).map_err(|source| self.failed(source))
    }

    /// Notes that the token of this hash is used.
    pub(super) async fn note_use(&self, hash: Hash, at: Timestamp) -> Result<(), TokenError> {
        let noted = self
            .tables
            .write(move |writing| writing.connection().execute(USED, &[Value::from(at), Value::Bytes(&hash)]));
        noted.await.map(drop).map_err(|source| self.failed(source))
    }
}

fn group_names(groups: &[GroupName]) -> String {
    serde_json::to_string(groups).expect("names are JSON")
}

fn token(row: &dyn Row) -> Result<Token, StoreError> {
    let strange = || StoreError::Invalid("a token has a value that this version does not know".to_owned());
    let groups = row.get::<Option<&str>>(2)?.map(|text| {
        let names: Vec<String> = serde_json::from_str(text).map_err(|_| strange())?;
        names.iter().map(GroupName::new).collect::<Option<Arc<[_]>>>().ok_or_else(strange)
    });
    Ok(Token {
        name: row.get::<&str>(0)?.into(),
        grant: Grant { role: row.get::<&str>(1)?.parse().map_err(|_| strange())?, groups: groups.transpose()? },
        created: row.get(3)?,
        expires: row.get(4)?,
        used: row.get(5)?,
    })
}
