//! Holds in a PostgreSQL database, which several proxies share.
//!
//! Every change of a space's holds is one transaction that first locks the row of the space, reads the holds that are
//! concerned, applies a rule, and writes. Changes of one space that wait at the same time share a transaction: it takes two
//! round trips and one write to the disk, however many changes are in it. Time and event numbers are the database's.
//!
//! | File | Subject |
//! | --- | --- |
//! | `session` | one connection with its prepared statements |
//! | `pool` | the connections, and what is wrong with the database now |
//! | `schema` | the tables, by version |
//! | `statements`, `rows` | SQL, and rows to and from holds |
//! | `change` | one transaction: the rules over the holds of one space |
//! | `queue` | which changes share a transaction; a commit whose answer was lost |
//! | `place` | the interface of a place |
//! | `check` | what `foreman-ipam-proxy check` asks |
//!
//! Nothing here needs what only PostgreSQL has: no advisory locks, no `SERIALIZABLE`, no exclusion constraints.

mod change;
mod check;
mod place;
mod pool;
mod queue;
mod rows;
mod schema;
mod session;
mod statements;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use check::check;
pub use ipam_provider::database::{Database, DatabaseError, UrlError};
pub use place::PostgresPlace;

use super::PlaceError;

impl From<DatabaseError> for PlaceError {
    fn from(error: DatabaseError) -> Self {
        Self(Arc::new(error))
    }
}
