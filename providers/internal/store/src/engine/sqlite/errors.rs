//! What SQLite's errors mean to a store.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::{Constraint, DatabaseError, Failure, StoreError};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(DatabaseError::new(failure(&error), error))
    }
}

fn failure(error: &rusqlite::Error) -> Failure {
    let Some(known) = error.sqlite_error() else { return Failure::Other };
    match known.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::Busy,
        ErrorCode::DiskFull => Failure::DiskFull,
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly => Failure::NotWritable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Failure::Damaged,
        ErrorCode::SystemIoFailure => Failure::Unreadable,
        ErrorCode::OutOfMemory => Failure::OutOfMemory,
        ErrorCode::ConstraintViolation => Failure::Refused(constraint(known.extended_code)),
        _ => Failure::Other,
    }
}

fn constraint(code: i32) -> Constraint {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Constraint::Unique,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
        ffi::SQLITE_CONSTRAINT_TRIGGER => Constraint::Rule,
        _ => Constraint::Check,
    }
}

#[cfg(test)]
mod tests {
    use ipam_provider::ErrorKind;

    use super::*;

    fn sqlite(code: i32) -> ipam_provider::Error {
        StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).into()
    }

    #[test]
    fn a_busy_or_full_disk_is_worth_asking_again_and_a_damaged_file_is_not() {
        assert_eq!(sqlite(ffi::SQLITE_BUSY).kind(), ErrorKind::Unavailable);
        assert_eq!(sqlite(ffi::SQLITE_FULL).kind(), ErrorKind::Unavailable);
        assert_eq!(sqlite(ffi::SQLITE_CORRUPT).kind(), ErrorKind::Unexpected);
        assert_eq!(sqlite(ffi::SQLITE_FULL).to_string(), "The disk that holds the address store is full");
    }
}
