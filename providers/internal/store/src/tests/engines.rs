//! The engines that the suite runs over, and what a case needs of each.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use super::ip;
use crate::engine::sqlite;
use crate::key::Key;
use crate::{Result, Store};

/// Where a case runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
}

/// The columns that every record has.
pub(super) const COMMON: &str = "public_id, owner, external_id, tags, metadata, created_at, updated_at";

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
    };
}
pub(super) use over_each_engine;

/// An empty store, and a way around what it takes care of.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
    engine: Engine,
}

impl Fixture {
    pub(crate) fn on(engine: Engine) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = match engine {
            Engine::Sqlite => Store::open_or_create(&directory.path().join("ipam.sqlite")).expect("a store"),
        };
        Self { directory, store, engine }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Commits are not made durable any more: for cases that are about the tables, not about the disk.
    pub(super) fn hurry(&self) {
        match self.engine {
            Engine::Sqlite => sqlite::testing::hurry(&self.store.session),
        }
    }

    /// Runs one statement that the store itself never would. What the tables refuse they refuse here too.
    pub(super) fn raw(&self, sql: &str) -> Result<u64> {
        match self.engine {
            Engine::Sqlite => sqlite::testing::execute(self.store.path(), sql),
        }
    }

    /// Damages the store with statements that the tables would refuse.
    pub(super) fn damage(&self, sql: &str) {
        match self.engine {
            Engine::Sqlite => sqlite::testing::damage(self.store.path(), sql),
        }
    }
}

impl Engine {
    /// An address as statements have it.
    pub(super) fn address(self, text: &str) -> String {
        let digits: String = Key::from(ip(text)).bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.bytes(&digits)
    }

    /// The values of [`COMMON`] of a new record, as statements have them.
    pub(super) fn common(self) -> String {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let id = self.bytes(&format!("{:024x}", COUNTER.fetch_add(1, Ordering::Relaxed)));
        format!("{id}, '', NULL, '', '{{}}', 0, 0")
    }

    /// Bytes as statements have them.
    pub(super) fn bytes(self, digits: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{digits}'"),
        }
    }
}
