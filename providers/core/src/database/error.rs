//! Why the database does not do what it is asked.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio_postgres::error::{Severity, SqlState};

/// A failure of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no connection.
    #[error("the database {0} cannot be connected to")]
    Connect(String, #[source] tokio_postgres::Error),
    /// A file that is needed for a connection cannot be used.
    #[error("{0} cannot be used for the connection to the database")]
    File(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not answer in time.
    #[error("the database does not answer within {} seconds (database_timeout_seconds)", .0.as_secs())]
    TimedOut(Duration),
    /// A statement failed.
    #[error("a statement of the database failed")]
    Statement(#[from] tokio_postgres::Error),
    /// A newer version of this program has changed the tables.
    #[error(
        "the tables in the database have version {found}, and this program knows versions up to {known}; install the newer program"
    )]
    Newer {
        /// What the database has.
        found: i32,
        /// What this program knows.
        known: i32,
    },
    /// The tables need a schema, and the user may not make it.
    #[error("its user may not make the schema {0}; grant CREATE on the database, or make the schema for the user")]
    MayNotMake(&'static str),
    /// A row is not as this program writes it.
    #[error("a row in the database has a {0} that cannot be read")]
    Row(&'static str),
    /// The program itself failed.
    #[error("the thread that talks to the database is gone")]
    Gone,
    /// The threads for the database cannot be started.
    #[error("the thread that talks to the database cannot be started")]
    Thread(#[source] io::Error),
}

impl DatabaseError {
    /// Does it make sense to try again on another connection, when nothing took effect?
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_, error) | Self::Statement(error) => match error.code() {
                Some(code) => is_passing(code),
                // The connection was refused or broke off.
                None => error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<io::Error>),
            },
            _ => false,
        }
    }

    /// Did the database refuse a statement, so that the transaction has certainly no effect?
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Statement(error) => {
                error.as_db_error().is_some_and(|said| said.parsed_severity() == Some(Severity::Error))
            }
            _ => false,
        }
    }
}

fn is_passing(code: &SqlState) -> bool {
    // Connection trouble, a server that stops or starts, too many connections, and a transaction that lost against another.
    code.code().starts_with("08")
        || code.code().starts_with("57P")
        || code.code().starts_with("40")
        || code.code() == "53300"
}
