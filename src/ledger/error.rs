//! What can go wrong with the ledger, in words for people.

use std::path::PathBuf;

use ipam_store::{Failure, StoreError};

use crate::telemetry::with_causes;

/// Why the ledger cannot be read or written. `Display` is one sentence that says what to do where that is known.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no file yet.
    #[error(
        "there is no ledger at {0}: the proxy makes it when it starts, unless ledger_days is 0 in externalipam.yml"
    )]
    Missing(PathBuf),
    /// Its database failed.
    #[error("the ledger in {place} cannot be used: {}", told(.source))]
    Unusable {
        /// Where it is.
        place: String,
        /// Why.
        source: Box<StoreError>,
    },
}

/// The store speaks of the embedded IPAM where it speaks of itself.
pub(crate) fn told(error: &StoreError) -> String {
    match error {
        StoreError::NotAStore(_) => {
            "it is something else; move it away, and restart the proxy to make a new one".to_owned()
        }
        StoreError::Newer { .. } => {
            "a newer version of the proxy has written it; install that version again".to_owned()
        }
        StoreError::Link(_) => "it is a symbolic link, which is not followed; move it away".to_owned(),
        StoreError::Missing(_) | StoreError::Replaced(_) => {
            "its files were removed or replaced while it was open".to_owned()
        }
        StoreError::NotSaved(why) => format!("the records were not saved: {why}"),
        StoreError::Unknown => "the database has not answered; records may be missing".to_owned(),
        StoreError::Stopped => "the thread that writes it has ended; restart the proxy".to_owned(),
        StoreError::Io { doing, source } => format!("{doing} failed: {source}"),
        StoreError::Database(error) => match error.failure() {
            Failure::DiskFull => "the disk is full; free some space".to_owned(),
            Failure::NotWritable => {
                "it may not be opened or written to; it and its directory must be writable for the proxy's user"
                    .to_owned()
            }
            Failure::Damaged => {
                "it is damaged; stop the proxy, move the file away, and start the proxy, which makes a new one"
                    .to_owned()
            }
            Failure::Busy => format!("another change was in the way for too long ({error})"),
            Failure::Away => format!("the database cannot be reached ({error})"),
            Failure::Forbidden => {
                format!("the database refuses its user; look at the user, the password and the rights ({error})")
            }
            Failure::ReadOnly => "the database takes no changes now: it is read-only".to_owned(),
            Failure::Unreadable | Failure::OutOfMemory | Failure::Refused(_) | Failure::Other => error.to_string(),
        },
        other => with_causes(other),
    }
}
