//! The suite over PostgreSQL, with two proxies over one database.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ipam_simulators::postgres::Server;

use super::{Database, PostgresPlace};
use crate::allocation::holds::place::Place;
use crate::allocation::holds::suite::{Subject, suite};

/// Functions that are found before PostgreSQL's own: time stands still until it is moved on.
const CLOCK: &str = "
    CREATE SCHEMA moved;
    CREATE TABLE moved.clock AS SELECT pg_catalog.clock_timestamp() AS time;
    CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql
        AS 'SELECT time FROM moved.clock';
    CREATE FUNCTION moved.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
        AS 'SELECT time FROM moved.clock'";

/// A database of its own in a server that all cases share.
struct InPostgres {
    server: &'static Server,
    name: String,
    place: Arc<PostgresPlace>,
    beside: Arc<PostgresPlace>,
}

#[async_trait]
impl Subject for InPostgres {
    async fn start() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(|| Server::start_with("-c fsync=off -c max_connections=300")).as_ref()?;
        let name = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.sql("postgres", &format!("CREATE DATABASE {name}"));
        server.sql(&name, CLOCK);
        server.sql(&name, &format!("ALTER DATABASE {name} SET search_path = moved, pg_catalog"));
        let url = server.url_through(server.directory(), "ipam", &name);
        let database = Database::new(&url, None, Duration::from_secs(20)).expect("a right URL");
        let place = || Arc::new(PostgresPlace::new(database.clone()).expect("a thread"));
        Some(Self { server, place: place(), beside: place(), name })
    }

    fn place(&self) -> Arc<dyn Place> {
        self.place.clone()
    }

    fn beside(&self) -> Arc<dyn Place> {
        self.beside.clone()
    }

    fn unit(&self) -> Duration {
        Duration::from_secs(100)
    }

    async fn pass(&self, time: Duration) {
        let by = format!("UPDATE moved.clock SET time = time + {} * interval '1 millisecond'", time.as_millis());
        self.server.sql(&self.name, &by);
    }
}

suite!(InPostgres);
