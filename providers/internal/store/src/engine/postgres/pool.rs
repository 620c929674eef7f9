//! The connections, and units of work over them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipam_provider::database::Database;

use super::errors::not_connected;
use super::session::{Absent, Patience, Session, Uncommitted};
use crate::engine::Schema;
use crate::{DatabaseError, Failure, Reading, Result, StoreError, Writing};

/// How long to wait before the next try to reach a database that was there a moment ago.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections of this process to one store.
#[derive(Debug)]
pub(crate) struct Pool {
    database: Database,
    schema: &'static Schema,
    absent: Absent,
    patience: Patience,
    idle: Mutex<Vec<Session>>,
    /// Since when the database cannot be reached.
    away: Mutex<Option<Instant>>,
}

impl Pool {
    /// The database is connected to when it is needed first.
    pub(crate) fn new(database: Database, schema: &'static Schema, absent: Absent, patience: Patience) -> Self {
        Self { database, schema, absent, patience, idle: Mutex::default(), away: Mutex::default() }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Connects, so that what is wrong is told now.
    pub(crate) fn connect(&self) -> Result<()> {
        self.open().map(|session| self.give_back(session))
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reading<'_>) -> Result<T>) -> Result<T> {
        let (session, ()) = self.begun(Session::begin_reading)?;
        let outcome = work(&Reading::new(&session));
        self.undo(session);
        outcome
    }

    pub(crate) fn write<T>(&self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        let (session, now) = self.begun(Session::begin)?;
        match work(&Writing::new(&session, now)) {
            Ok(outcome) => self.commit(session).map(|()| outcome),
            Err(error) => {
                self.undo(session);
                Err(error)
            }
        }
    }

    pub(crate) fn try_out<T>(&self, work: impl FnOnce(&Writing<'_>) -> Result<T>) -> Result<T> {
        let (session, now) = self.begun(Session::begin)?;
        let outcome = work(&Writing::new(&session, now));
        self.undo(session);
        outcome
    }

    /// Ends a unit without a trace.
    fn undo(&self, session: Session) {
        if session.undo() {
            self.give_back(session);
        }
    }

    fn commit(&self, session: Session) -> Result<()> {
        match session.commit() {
            Ok(()) => {
                self.give_back(session);
                Ok(())
            }
            Err(Uncommitted::Refused(error)) => {
                self.undo(session);
                Err(error)
            }
            Err(Uncommitted::Unknown(error, token)) => {
                drop(session);
                let name = self.schema.name;
                log::warn!("{name}: the database's answer to a commit is lost ({error}); it is looked up");
                match self.took_effect(&token) {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(error),
                    Err(why) => {
                        log::warn!("{name}: a commit whose answer is lost cannot be looked up: {why}");
                        Err(StoreError::Unknown)
                    }
                }
            }
        }
    }

    /// Has the unit of this token taken effect?
    fn took_effect(&self, token: &str) -> Result<bool> {
        let deadline = Instant::now() + self.database.timeout();
        loop {
            let outcome = self.open().and_then(|session| {
                let found = session.took_effect(token, Some(deadline))?;
                self.give_back(session);
                Ok(found)
            });
            match outcome {
                Err(error) if may_pass(&error) && Instant::now() + PAUSE < deadline => pause(),
                outcome => return outcome,
            }
        }
    }

    /// A connection in which a unit has begun. While the database is being restarted, or another one takes its place, it is
    /// tried again; one that is away for longer fails at once, so that callers do not queue up.
    pub(super) fn begun<T>(&self, begin: impl Fn(&Session, Option<Instant>) -> Result<T>) -> Result<(Session, T)> {
        let until = Instant::now() + self.database.timeout();
        let deadline = (self.patience == Patience::Limited).then_some(until);
        loop {
            let idle = self.idle().pop();
            let is_new = idle.is_none();
            let session = match idle {
                Some(session) => Ok(session),
                None => self.open(),
            };
            let begun = session.and_then(|session| {
                let begun = begin(&session, deadline)?;
                Ok((session, begun))
            });
            match begun {
                Err(error) if may_pass(&error) && !self.is_away_for_long() => {
                    if Instant::now() + PAUSE >= until {
                        return Err(error);
                    }
                    // An idle connection may have been lost long ago: the next may be none, or a new one.
                    if is_new {
                        pause();
                    }
                }
                outcome => return outcome,
            }
        }
    }

    fn open(&self) -> Result<Session> {
        let opened = Session::open(&self.database, self.schema, self.absent, self.patience);
        let opened = opened.map_err(|error| not_connected(&self.database, error));
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match &opened {
            Ok(_) => {
                if away.take().is_some() {
                    log::info!("{}: the database {} answers again", self.schema.name, self.database);
                }
            }
            Err(_) => {
                away.get_or_insert_with(Instant::now);
            }
        }
        opened
    }

    fn is_away_for_long(&self) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|since| since.elapsed() > self.database.timeout())
    }

    fn give_back(&self, session: Session) {
        if session.is_usable() {
            self.idle().push(session);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "units run on threads that may block")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// Does it make sense to try again on another connection, when nothing took effect?
fn may_pass(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error) if matches!(error.failure(), Failure::Away | Failure::ReadOnly))
}

/// Too many callers wait.
pub(super) fn too_many() -> StoreError {
    DatabaseError::new(Failure::Busy, "all connections to the database are in use (database_timeout_seconds)").into()
}
