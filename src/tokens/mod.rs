//! Tokens of the management API: who may use it without a client certificate.
//!
//! A token is 256 random bits that are shown once. What is kept is its hash, so that a copy of the tables opens nothing.
//! Each request looks its token up, in the tables themselves: what another process or proxy has revoked is revoked at once,
//! and a look-up is one row by an index.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `secret` | the text of a token, and its hash |
//! | `table` | the tokens in their database: added, listed, revoked, found by hash |
//! | `check` | whether a text that a caller shows is a token, and whose |
//! | `requests` | what became of requests that carry an idempotency key |
//! | `schema` | the tables, for both engines |

mod check;
mod error;
mod requests;
mod schema;
mod secret;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use check::{Tokens, Verdict};
pub(crate) use error::TokenError;
pub(crate) use requests::{Begun, Digest};
pub(crate) use table::{Table, Token};
