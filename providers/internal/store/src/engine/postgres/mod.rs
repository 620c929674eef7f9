//! PostgreSQL: the store is a schema of a database that several proxies share. Several units of work write at a time.
//!
//! | File | Subject |
//! | --- | --- |
//! | `session` | one connection: its statements, and how long it waits |
//! | `connection` | the statements of the store |
//! | `pool` | the connections; units of work, and what became of a commit whose answer was lost |
//! | `shared` | many callers at once |
//! | `errors` | what PostgreSQL's errors mean to a store |
//! | `damage` | what the database finds wrong with itself |

mod connection;
mod damage;
mod errors;
mod pool;
mod session;
mod shared;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use pool::Pool;
pub(crate) use session::{Absent, Patience};
pub(crate) use shared::Shared;
