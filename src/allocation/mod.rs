//! Which address next: the one place that chooses addresses, and that keeps what it has promised.
//!
//! [`Allocator`] answers every call of the contract from the facts of the `Routes` and from
//! the [`Holds`], the proxy's short promises. The rest is pieces of it: [`Clock`] and journal make holds end in time and
//! survive a restart, candidates come in shared batches, look-ups are remembered for a while.
//!
//! | Subject | Where |
//! | --- | --- |
//! | one address, one hold; same MAC, same answer; recycling; quarantine | `holds::rules` |
//! | where holds are kept: memory with a journal | `holds::memory`, `holds::journal` |
//! | one provider call for many callers | `candidates` |
//! | how many candidates were fetched, and how many for nothing | `offer_counts` |
//! | what is recorded and held, for people who look | `inspect` |
//! | which record is meant by prefix and group | `lookup` |
//! | what Foreman's refused edit has deleted is reserved again | `restore` |
//! | host name and MAC go into a record of ours | `annotate` |
//! | an address chosen and reserved in one call | `allocate`, `choice`; without effects, `rehearsal` |
//! | subnets are created and deleted | `manage_subnets` |
//! | the records of a subnet, page by page | `list` |
//! | an address whose host is gone is released, if its record is still ours | `orphan` |
//! | look after a write whose answer is lost; delete is idempotent | `writes` |
//! | a reservation that turns up after its caller was told of a failure is named | `watch`, `lost` |
//! | what has happened to an address, for the log and whatever else subscribes | `events`, `event_log` |

mod allocate;
mod allocator;
mod annotate;
mod candidates;
mod choice;
mod clock;
mod event_log;
mod events;
mod failure;
pub mod holds;
mod inspect;
mod list;
mod lookup;
mod lost;
mod manage_subnets;
mod offer_counts;
mod orphan;
mod rehearsal;
mod restore;
mod upkeep;
mod watch;
mod writes;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use allocate::{ALLOCATED_AT_MOST, AllocationRequest, Strategy};
pub(crate) use allocate::{Attempt, Intended, Intentions, leaves_unknown};
pub use allocator::{Allocator, Deleted, Rules};
pub use clock::{Clock, Timestamp};
pub(crate) use event_log::write as log_event;
pub(crate) use events::{Event, EventKind, Events, Pending, Subject, Subscriber};
pub use failure::Failure;
pub use holds::{HeldAddress, HoldState, Holds, JournalError, ListError, Page, PlaceError};
pub use inspect::Inspected;
pub use lookup::GroupChoice;
pub(crate) use lost::Finding;
pub use offer_counts::OfferCounts;
pub(crate) use orphan::Cleared;
pub use rehearsal::Rehearsed;
pub use upkeep::Look;
pub use writes::Added;

/// No hold lives longer: settings are checked against it, and what a journal says is cut to it.
pub(crate) const HOLD_LIFE_AT_MOST: Duration = Duration::from_secs(86_400);
