//! Orphans: addresses that were added through the proxy for hosts which Foreman does not have.
//!
//! When a later step of a host's creation fails, Foreman rolls back and does not release the address. Each further try takes
//! another one. Which addresses are orphans is kept nowhere: it follows from the ledger, from an inventory of Foreman that is
//! proven to be complete, and from the IPAM.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `in_foreman` | an inventory, to be asked by address, MAC and host name |
//! | `search` | which addresses are orphans |
//! | `release` | releasing one, after a last look at ledger and IPAM |
//! | `watch` | what the running proxy does after each sweep |

mod in_foreman;
mod release;
mod search;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use in_foreman::InForeman;
pub(crate) use release::release;
pub(crate) use search::{Found, NotSearched, Search, is_older};
pub(crate) use watch::Watch;
