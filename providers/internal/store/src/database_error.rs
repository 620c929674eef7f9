//! What a database says when it fails, in the same words whichever it is.

use std::error::Error;
use std::fmt;

/// Why the database failed. `Display` is its own text.
#[derive(Debug)]
pub struct DatabaseError {
    failure: Failure,
    source: Box<dyn Error + Send + Sync>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Another change was in the way for too long.
    Busy,
    /// There is no room on the disk.
    DiskFull,
    /// It may not be opened or written to.
    NotWritable,
    /// It takes no changes now.
    ReadOnly,
    /// It cannot be reached.
    Away,
    /// It refuses its user, or the user lacks a right.
    Forbidden,
    /// It is not whole.
    Damaged,
    /// The disk failed, or what else it is read from.
    Unreadable,
    /// There is not enough memory.
    OutOfMemory,
    /// The tables do not take it.
    Refused(Constraint),
    /// Anything else.
    Other,
}

/// What in the tables refused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// It is there already.
    Unique,
    /// It belongs to a row that is not there, or a row belongs to it.
    ForeignKey,
    /// A column does not take the value.
    Check,
    /// It is not where it may be, overlaps something, or does not change: a rule over several rows.
    Rule,
}

impl DatabaseError {
    pub(crate) fn new(failure: Failure, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure, source: source.into() }
    }

    /// A column has a value that does not belong there.
    pub(crate) fn unreadable(column: usize) -> Self {
        Self::new(Failure::Other, format!("a row is damaged: column {column} has a value that does not belong there"))
    }

    /// What kind of failure it is.
    pub fn failure(&self) -> Failure {
        self.failure
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// It stands for the error of the database: what that was caused by is its own cause.
impl Error for DatabaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
