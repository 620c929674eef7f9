//! The engines that the suite runs over, and what a case needs of each.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ipam_provider::database::Database;
use tempfile::TempDir;

use super::ip;
use crate::engine::postgres::testing::{Lent, Raw, server};
use crate::engine::sqlite;
use crate::key::Key;
use crate::{Result, Store, store};

/// Where a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// The columns that every record has.
pub(crate) const COMMON: &str = "public_id, owner, external_id, tags, metadata, created_at, updated_at";

/// Tests of cases, one for each engine.
macro_rules! over_each_engine {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[test]
                fn $case() {
                    super::$case(crate::tests::Engine::Sqlite);
                }
            )*
        }

        /// Skipped where PostgreSQL is not installed.
        mod postgres {
            $(
                #[test]
                fn $case() {
                    if crate::engine::postgres::testing::server().is_some() {
                        super::$case(crate::tests::Engine::Postgres);
                    }
                }
            )*
        }
    };
}
pub(super) use over_each_engine;

/// An empty store, and a way around what it takes care of.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
    engine: Engine,
    /// Given back after the store is closed.
    lent: Option<Lent>,
}

impl Fixture {
    pub(crate) fn on(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let lent = (engine == Engine::Postgres).then(Lent::new);
        let store = match &lent {
            None => Store::open_or_create(&directory.path().join("ipam.sqlite")).expect("a store"),
            Some(lent) => Store::open_database(&lent.database()).expect("a store"),
        };
        Self { directory, store, engine, lent }
    }

    /// The file that it is in.
    pub(crate) fn file(&self) -> &Path {
        self.store.path().expect("it is in a file")
    }

    /// The database that it is in.
    pub(crate) fn database(&self) -> Database {
        self.lent.as_ref().expect("it is in a database").database()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Commits are not made durable any more: for cases that are about the tables, not about the disk.
    pub(crate) fn hurry(&self) {
        match &self.store.engine {
            store::Engine::File(session) => sqlite::testing::hurry(session),
            // The server is started so.
            store::Engine::Database(_) => {}
        }
    }

    /// Runs one statement that the store itself never would. What the tables refuse they refuse here too.
    pub(crate) fn raw(&self, sql: &str) -> Result<u64> {
        match self.engine {
            Engine::Sqlite => sqlite::testing::execute(self.file(), sql),
            Engine::Postgres => Raw::open(&self.database()).execute(sql),
        }
    }

    /// Damages the store with statements that the tables would refuse.
    pub(crate) fn damage(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => sqlite::testing::damage(self.file(), sql),
            Engine::Postgres => Raw::open(&self.database()).damage(sql),
        }
    }
}

impl Engine {
    /// Those that there are here.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Sqlite];
        all.extend(server().map(|_| Self::Postgres));
        all
    }

    /// An address as statements have it.
    pub(crate) fn address(self, text: &str) -> String {
        let digits: String = Key::from(ip(text)).bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.bytes(&digits)
    }

    /// The values of [`COMMON`] of a new record, as statements have them.
    pub(crate) fn common(self) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let id = self.bytes(&format!("{:024x}", COUNTER.fetch_add(1, Ordering::Relaxed)));
        format!("{id}, '', NULL, '', '{{}}', 0, 0")
    }

    /// Bytes as statements have them.
    pub(crate) fn bytes(self, digits: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{digits}'"),
            Self::Postgres => format!("'\\x{digits}'::bytea"),
        }
    }

    /// How many random sequences are tried: one in a file is quicker.
    pub(super) fn cases(self) -> u32 {
        match self {
            Self::Sqlite => 96,
            Self::Postgres => 24,
        }
    }
}
