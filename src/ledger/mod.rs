//! The ledger: one record of every write through any door, also of those that were refused or failed.
//!
//! It answers who had an address at some time, and who did what. It is only appended to; records that are too old are
//! removed.
//!
//! ```text
//! allocator ── events ──▶ observe ── Record ──▶ the thread that writes the file of SQLite
//!    ▲                                     ╰──▶ queue of the Ledger ── many at once ──▶ Records ──▶ PostgreSQL
//!    └───────────── it is saved ──────────────┘
//! ```
//!
//! What the thread cannot save goes into the queue too, and waits there for better times.
//!
//! The caller of a write has its answer after the record is saved, so that `kill -9` loses no record of a write that was
//! answered. A ledger that cannot be written is trouble that is logged and shown, and keeps no caller waiting.

mod error;
mod feed;
mod observe;
mod query;
mod record;
mod records;
mod retention;
mod schema;
mod standing;
#[cfg(test)]
mod tests;
mod write;
mod writer;

pub use error::LedgerError;
pub(crate) use error::told;
pub use feed::{Feed, Filter};
pub use query::{Cursor, Query, Subject};
pub use record::{Entry, Operation, Outcome, Record};
pub use records::{Place, Records};
pub use standing::Standing;
pub(crate) use writer::Health;
pub use writer::Ledger;
