//! Databases for tests, and a way past the store.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ipam_provider::database::Database;
use ipam_simulators::postgres::Server;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::Pool;
use super::session::Session;
use crate::Result;

/// The server that all cases share; `None` where PostgreSQL is not installed, which standard error says.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_with("-c fsync=off -c max_connections=300")).as_ref()
}

/// Databases that no case uses now.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A database without tables, for one case at a time.
pub(crate) struct Lent {
    name: String,
}

impl Lent {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(name) = free {
            let lent = Self { name };
            Raw::open(&lent.database()).batch("DROP SCHEMA ipam_store CASCADE; DROP TABLE public.ipam_proxy_schema");
            return lent;
        }
        let name = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server().expect("the case is skipped without").sql("postgres", &format!("CREATE DATABASE {name}"));
        Self { name }
    }

    pub(crate) fn database(&self) -> Database {
        let server = server().expect("the case is skipped without");
        let url = server.url_through(server.directory(), "ipam", &self.name);
        Database::new(&url, None, Duration::from_secs(20)).expect("a right URL")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).push(self.name.clone());
    }
}

/// A connection that may do what the store never would, apart from what the database itself refuses.
pub(crate) struct Raw {
    runtime: Runtime,
    client: Client,
}

impl Raw {
    pub(crate) fn open(database: &Database) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = runtime.block_on(database.connect()).expect("a connection");
        let raw = Self { runtime, client };
        raw.batch("SET search_path = ipam_store");
        raw
    }

    pub(crate) fn execute(&self, sql: &str) -> Result<u64> {
        Ok(self.runtime.block_on(self.client.execute(sql, &[]))?)
    }

    pub(crate) fn batch(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// What a question answers, as text.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.runtime.block_on(self.client.query(sql, &[])).expect("an answer");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs statements without the constraints that would forbid them. Those of single rows are there again afterwards.
    pub(crate) fn damage(&self, sql: &str) {
        let of_kind = |kind: &str, statement: &str| {
            let select = format!(
                "SELECT format('{statement}', conrelid::regclass, conname, pg_get_constraintdef(oid))
                 FROM pg_constraint WHERE contype = '{kind}' AND connamespace = 'ipam_store'::regnamespace"
            );
            self.texts(&select).concat()
        };
        let drop = "ALTER TABLE %1$s DROP CONSTRAINT %2$I;";
        let (checks, exclusions) = (of_kind("c", drop), of_kind("x", drop));
        let again = of_kind("c", "ALTER TABLE %1$s ADD CONSTRAINT %2$I %3$s NOT VALID;");
        self.batch(&format!("SET session_replication_role = replica; {checks} {exclusions} {sql}; {again}"));
    }
}

impl Pool {
    /// A setting of its connections.
    pub(crate) fn setting(&self, name: &str) -> String {
        let (session, ()) = self.begun(Session::begin_reading).expect("a connection");
        let row = session.wait(session.client.query_one("SELECT current_setting($1)", &[&name])).expect("a setting");
        row.get(0)
    }
}
