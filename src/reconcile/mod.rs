//! The differences between Foreman, the ledger and the IPAM, for each subnet that uses this proxy.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `compare` | the differences of one subnet, from what the three say of it |
//! | `read` | what the three say |
//! | `restore` | reserving again what a host in Foreman has and the IPAM lacks |

mod compare;
mod read;
mod restore;

pub(crate) use compare::{Difference, Kind};
pub(crate) use read::{Report, Sources};
pub(crate) use restore::{Restored, restore};
