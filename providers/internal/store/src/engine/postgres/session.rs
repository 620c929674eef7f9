//! One connection to the database.
//!
//! It is driven by the thread that waits for its answers, so that no other has to be woken for each of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use ipam_provider::database::{Database, DatabaseError as ConnectionError, plan_each_time};
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{timeout, timeout_at};
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

use super::errors::is_refusal;
use crate::engine::Schema;
use crate::{DatabaseError, Failure, Result, StoreError};

/// Begins a unit that changes something, and tells the time.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT extract(epoch FROM now())::bigint";

/// Begins a unit that sees one state of the store.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Is the schema there, or may it be made?
const MAY_MAKE: &str = "SELECT to_regnamespace($1) IS NOT NULL \
    OR has_database_privilege(current_database(), 'CREATE')";

/// A page of a table that has just been filled would be read from a bitmap of all that follows it: there are no statistics
/// yet, and the estimate is far too low.
const PLANS: &str = "SET enable_bitmapscan = off";

/// How long a lock is waited for where a statement may take as long as it needs.
const LOCK: Duration = Duration::from_secs(5);

/// How long a unit may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not longer than anything that is asked of the database: somebody waits for the answer.
    Limited,
    /// As long as it needs: a command that looks at everything.
    Unlimited,
}

/// What to do where there are no tables, or older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Make them.
    Make,
    /// Change nothing, and use empty ones as long as the connection lasts.
    StandIn,
}

/// A connection that is ready for use.
pub(super) struct Session {
    pub(super) client: Client,
    runtime: Background,
    /// By text; that of a cursor has the number of the cursor with it.
    statements: RefCell<HashMap<(&'static str, Option<u32>), Statement>>,
    /// When the unit that it is used for has to be done.
    deadline: Cell<Option<Instant>>,
    /// Is an answer still to come that nobody waits for?
    is_late: Cell<bool>,
    /// How many cursors are open.
    pub(super) cursors: Cell<u32>,
    /// What its units are called, and how many there were.
    name: String,
    units: Cell<u64>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A runtime that is not waited for when it is dropped; `None` while it is.
struct Background(Option<Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How a commit failed.
pub(super) enum Uncommitted {
    /// It has no effect.
    Refused(StoreError),
    /// It may have taken effect: what is known by this token tells.
    Unknown(StoreError, String),
}

impl Session {
    /// Connects, and makes the tables where there are none.
    pub(super) fn open(
        database: &Database,
        schema: &Schema,
        absent: Absent,
        patience: Patience,
    ) -> Result<Self, ConnectionError> {
        let (name, tables) = (schema.database.name, schema.database.tables);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ConnectionError::Thread)?;
        let opening = async {
            let client = database.connect().await?;
            client.batch_execute(&settings(database, patience)).await?;
            let used = match absent {
                Absent::StandIn if tables.version(&client).await? < tables.newest() => {
                    let may_make: bool = client.query_one(MAY_MAKE, &[&name]).await?.try_get(0)?;
                    if !may_make {
                        return Err(ConnectionError::MayNotMake(name));
                    }
                    client.batch_execute(&format!("BEGIN; {}; COMMIT", schema.database.stand_in())).await?;
                    "pg_temp"
                }
                Absent::Make | Absent::StandIn => {
                    tables.ensure(&client).await?;
                    name
                }
            };
            client.batch_execute(&format!("SET search_path = {used}")).await?;
            plan_each_time(&client, PLANS).await?;
            // Units of connections that are long gone. Where nothing can be written, nothing has to be.
            let _ = client.batch_execute("DELETE FROM unit_of_work WHERE at < now() - interval '1 day'").await;
            let name: String = client.query_one("SELECT gen_random_uuid()::text", &[]).await?.try_get(0)?;
            Ok((client, name))
        };
        let limit = database.timeout();
        let opened = runtime.block_on(async { timeout(limit, opening).await });
        let opened = opened.unwrap_or(Err(ConnectionError::TimedOut(limit)));
        // Not waited for when it is dropped, which may be where nothing may be waited for.
        let runtime = Background(Some(runtime));
        let (client, name) = opened?;
        Ok(Self {
            client,
            runtime,
            statements: RefCell::default(),
            deadline: Cell::new(None),
            is_late: Cell::new(false),
            cursors: Cell::new(0),
            name,
            units: Cell::new(0),
        })
    }

    /// Waits for an answer, as long as the unit may take.
    pub(super) fn wait<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T> {
        Ok(self.answer(asked).ok_or_else(late)??)
    }

    /// The answer; `None` when there is none in time.
    fn answer<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
        let Some(deadline) = self.deadline.get() else { return Some(self.runtime().block_on(asked)) };
        let answer = self.runtime().block_on(async { timeout_at(deadline.into(), asked).await });
        self.is_late.set(answer.is_err());
        answer.ok()
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.0.as_ref().expect("it is there until it is dropped")
    }

    /// The prepared statement of a text; with the number of a cursor the one that declares it.
    pub(super) fn statement(&self, sql: &'static str, cursor: Option<u32>) -> Result<Statement> {
        if let Some(known) = self.statements.borrow().get(&(sql, cursor)) {
            return Ok(known.clone());
        }
        let text = numbered(sql);
        let text = match cursor {
            Some(number) => format!("DECLARE rows_{number} NO SCROLL CURSOR FOR {text}"),
            None => text,
        };
        let statement = self.wait(self.client.prepare(&text))?;
        self.statements.borrow_mut().insert((sql, cursor), statement.clone());
        Ok(statement)
    }

    fn start(&self, deadline: Option<Instant>) {
        self.deadline.set(deadline);
        self.cursors.set(0);
    }

    /// Begins a unit that reads.
    pub(super) fn begin_reading(&self, deadline: Option<Instant>) -> Result<()> {
        self.start(deadline);
        self.wait(self.client.batch_execute(BEGIN_READING))
    }

    /// Begins a unit that writes; the answer is the database's time.
    pub(super) fn begin(&self, deadline: Option<Instant>) -> Result<Timestamp> {
        self.start(deadline);
        let answers = self.wait(self.client.simple_query(BEGIN))?;
        let seconds = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(time.ok_or_else(|| DatabaseError::unreadable(0))?)
    }

    /// Ends a unit without a trace; `false` when the connection is of no use any more.
    pub(super) fn undo(&self) -> bool {
        self.is_usable() && self.wait(self.client.batch_execute("ROLLBACK")).is_ok()
    }

    /// May another unit use it?
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.is_late.get()
    }

    /// Ends a unit that writes, with its token; that of the unit before is not asked for any more.
    pub(super) fn commit(&self) -> Result<(), Uncommitted> {
        let before = format!("{}-{}", self.name, self.units.get());
        self.units.set(self.units.get() + 1);
        let token = format!("{}-{}", self.name, self.units.get());
        let batch = format!(
            "DELETE FROM unit_of_work WHERE token = '{before}'; INSERT INTO unit_of_work (token) VALUES ('{token}'); COMMIT"
        );
        match self.answer(self.client.batch_execute(&batch)) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) if is_refusal(&error) => Err(Uncommitted::Refused(error.into())),
            Some(Err(error)) => Err(Uncommitted::Unknown(error.into(), token)),
            None => Err(Uncommitted::Unknown(late().into(), token)),
        }
    }

    /// Has the unit of this token taken effect? If it has not, it never will: its own row can no more be added.
    pub(super) fn took_effect(&self, token: &str, deadline: Option<Instant>) -> Result<bool> {
        self.deadline.set(deadline);
        let insert = "INSERT INTO unit_of_work (token) VALUES ($1) ON CONFLICT DO NOTHING";
        Ok(self.wait(self.client.execute(insert, &[&token]))? == 0)
    }
}

fn late() -> DatabaseError {
    DatabaseError::new(Failure::Busy, "the database does not answer in time (database_timeout_seconds)")
}

/// What lasts as long as the connection. A commit that is lost to a power cut is an address given twice.
fn settings(database: &Database, patience: Patience) -> String {
    let limits = match patience {
        Patience::Limited => database.limits(),
        Patience::Unlimited => format!("SET statement_timeout = 0; SET lock_timeout = {}", LOCK.as_millis()),
    };
    format!(
        "{limits}; SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') IN ('off', 'local')"
    )
}

/// A statement with its values numbered as PostgreSQL has it.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}
