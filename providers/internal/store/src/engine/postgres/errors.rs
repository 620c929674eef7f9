//! What PostgreSQL's errors mean to a store.

use std::error::Error as StdError;
use std::io;

use ipam_provider::database::{Database, DatabaseError as ConnectionError};
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::{Constraint, DatabaseError, Failure, StoreError};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let failure = failure(&error);
        Self::Database(if error.as_db_error().is_some() {
            DatabaseError::new(failure, error.into_source().expect("what the database said"))
        } else {
            DatabaseError::new(failure, error)
        })
    }
}

/// Why a connection could not be opened.
pub(super) fn not_connected(database: &Database, error: ConnectionError) -> StoreError {
    let failure = match &error {
        ConnectionError::Newer { found, known } => {
            return StoreError::Newer { path: database.to_string().into(), found: *found, known: *known };
        }
        ConnectionError::Connect(_, cause) if takes_no_changes(cause) => Failure::ReadOnly,
        // Also when the two cannot agree on TLS.
        ConnectionError::Connect(_, cause) if cause.code().is_none() => Failure::Away,
        ConnectionError::Connect(_, cause) | ConnectionError::Statement(cause) => failure(cause),
        ConnectionError::MayNotMake(_) => Failure::Forbidden,
        ConnectionError::TimedOut(_) => Failure::Away,
        _ => Failure::Other,
    };
    DatabaseError::new(failure, error).into()
}

/// Is none of the hosts one that takes changes? It is said by the client library.
fn takes_no_changes(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none())
}

/// Did the database refuse a statement, so that the unit has certainly no effect?
pub(super) fn is_refusal(error: &Error) -> bool {
    error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
}

fn failure(error: &Error) -> Failure {
    let Some(code) = error.code() else {
        let is_cut = error.is_closed() || error.source().is_some_and(<dyn StdError>::is::<io::Error>);
        return if is_cut { Failure::Away } else { Failure::Other };
    };
    match *code {
        SqlState::UNIQUE_VIOLATION => Failure::Refused(Constraint::Unique),
        SqlState::FOREIGN_KEY_VIOLATION => Failure::Refused(Constraint::ForeignKey),
        SqlState::EXCLUSION_VIOLATION | SqlState::RAISE_EXCEPTION => Failure::Refused(Constraint::Rule),
        SqlState::DISK_FULL => Failure::DiskFull,
        SqlState::READ_ONLY_SQL_TRANSACTION => Failure::ReadOnly,
        SqlState::INSUFFICIENT_PRIVILEGE | SqlState::UNDEFINED_DATABASE => Failure::Forbidden,
        SqlState::OUT_OF_MEMORY => Failure::OutOfMemory,
        SqlState::LOCK_NOT_AVAILABLE | SqlState::QUERY_CANCELED => Failure::Busy,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Failure::Damaged,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Failure::Away,
        SqlState::IO_ERROR => Failure::Unreadable,
        _ => match code.code().get(..2) {
            Some("22" | "23") => Failure::Refused(Constraint::Check),
            Some("40") => Failure::Busy,
            Some("28") => Failure::Forbidden,
            // The connection, a server that stops or starts, too many connections.
            Some("08" | "53" | "57") => Failure::Away,
            _ => Failure::Other,
        },
    }
}
