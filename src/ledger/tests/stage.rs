//! Ledgers for tests, and records to put into them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ipam_provider::database::Database;
use ipam_provider::{GroupName, Mac};
use ipam_simulators::postgres::Server;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::ledger::{Operation, Outcome, Place, Record, Records};

/// The engines that every case runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Engine {
    Sqlite,
    Postgres,
}

/// An empty place for a ledger.
pub(in crate::ledger) struct Stage {
    pub(in crate::ledger) place: Place,
    pub(in crate::ledger) directory: TempDir,
    postgres: Option<(&'static Server, String)>,
}

impl Stage {
    /// `None`, with the reason on standard error, where the engine is not installed.
    pub(in crate::ledger) fn on(engine: Engine) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        if engine == Engine::Sqlite {
            return Some(Self { place: Place::of(directory.path(), None), directory, postgres: None });
        }
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| Server::start_with("-c fsync=off -c max_connections=300")).as_ref()?;
        let name = format!("ledger_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        let url = server.url_through(server.directory(), "ipam", &name);
        let database = Database::new(&url, None, Duration::from_secs(20)).expect("a right URL");
        Some(Self { place: Place::of(directory.path(), Some(&database)), directory, postgres: Some((server, name)) })
    }

    pub(in crate::ledger) fn records(&self) -> Records {
        Records::open_or_create(self.place.clone()).expect("a ledger")
    }

    pub(in crate::ledger) fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// What the database says past the ledger.
    pub(in crate::ledger) fn sql(&self, statement: &str) -> String {
        let Place::File(path) = &self.place else {
            let (server, name) = self.postgres.as_ref().expect("a database");
            return server.sql(name, statement);
        };
        let connection = rusqlite::Connection::open(path).expect("a connection");
        let mut prepared = connection.prepare(statement).expect("a statement");
        let last = prepared.column_count() - 1;
        let lines = prepared.query_map([], |row| row.get::<_, String>(last)).expect("rows");
        lines.map(|line| line.expect("text")).collect::<Vec<_>>().join("\n")
    }
}

/// So many seconds after a time.
pub(in crate::ledger) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_777_800_000 + seconds).expect("a time")
}

/// A record that differs from those of other numbers in all that is asked for; each is a second later than the one before.
pub(in crate::ledger) fn record(number: u32) -> Record {
    let [_, a, b, c] = number.to_be_bytes();
    Record {
        at: time(number.into()),
        door: Some("foreman".to_owned()),
        caller: Some("certificate foreman.example.com".to_owned()),
        request: Some(format!("request-{number}")),
        operation: Operation::Add,
        outcome: Outcome::Done,
        provider: "internal".to_owned(),
        group: GroupName::new(format!("group {number}")),
        prefix: "10.0.0.0/8".parse().expect("a prefix"),
        address: [10, a, b, c].into(),
        mac: Mac::from_bytes(&[2, 0, 0, a, b, c]),
        host_name: Some(format!("host-{number}.example.com")),
        message: None,
    }
}
