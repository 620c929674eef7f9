//! Which address next: the one place that chooses addresses, and that keeps what it has promised.
//!
//! [`Allocator`] answers every call of the contract from the facts of a [`Provider`](ipam_provider::Provider) and from
//! the [`Holds`], the proxy's short promises. The rest is pieces of it: [`Clock`] and journal make holds end in time and
//! survive a restart, candidates come in shared batches, look-ups are remembered for a while.
//!
//! | Rule | Kept in |
//! | --- | --- |
//! | one address, one hold; same MAC, same answer; recycling | `table` |
//! | a million holds in little memory | `shelf`, over `packed` and `sorted` |
//! | holds survive a restart | `journal` |
//! | one provider call for many callers | `candidates` |
//! | which record is meant by prefix and group | `lookup` |
//! | look after a write whose answer is lost; delete is idempotent | `writes` |
//! | a reservation that turns up after its caller was told of a failure is named | `watch` |

mod allocator;
mod candidates;
mod clock;
mod failure;
mod hold;
mod holds;
mod journal;
mod listing;
mod lookup;
mod packed;
mod shelf;
mod sorted;
mod table;
mod watch;
mod writes;

#[cfg(test)]
mod tests;

pub use allocator::{Allocator, Deleted, Rules};
pub use clock::{Clock, Timestamp};
pub use failure::Failure;
pub use hold::{Ask, Hold, HoldState, RequestMark, Scope};
pub use holds::{HOLD_LIFE_AT_MOST, Holds, HoldsError};
pub use listing::{HeldAddress, Listing};
pub use lookup::GroupChoice;
pub use writes::Added;
