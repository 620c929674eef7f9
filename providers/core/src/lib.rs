//! What an IPAM provider is: the [`Provider`] trait, the nouns it speaks of, its errors, how it reads its settings, and
//! the [`Guard`] around every provider.
//!
//! A provider crate depends on this crate and on nothing else of the project: it knows no HTTP server, no holds and no
//! other vendor. What it must and should do is written in `providers/README.md`.

mod address;
mod annotate;
mod custom_fields;
pub mod database;
mod description;
mod error;
mod free;
mod group;
mod guard;
pub mod http;
mod kept;
mod list;
mod mac;
mod manage_subnets;
mod observer;
pub mod pem;
mod prefix;
mod provider;
mod registration;
mod requester;
pub mod settings;
mod sorted;
pub mod state_files;
mod subnet;
mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod trace;

pub use address::{AddressSet, addresses_between, next_address};
pub use annotate::{Annotate, Annotated, Annotation};
pub use custom_fields::CustomFields;
pub use description::Description;
pub use error::{Error, ErrorKind, Result};
pub use free::{add_unused, unused};
pub use group::{Group, GroupName};
pub use guard::{Guard, Limits, Turn};
pub use kept::Kept;
pub use list::{ListReservations, ListedReservation, ReservationPage, bad_place, first_listed};
pub use mac::{Mac, MacError};
pub use manage_subnets::{Creation, Deletion, InDeleted, ManageSubnets};
pub use observer::{Ended, Observer};
pub use prefix::{Prefix, PrefixError};
pub use provider::{Capabilities, FreeQuery, OwnRecord, Probe, Probes, Provider, Released};
pub use registration::{Plan, ProviderSettings, Registration, Surroundings};
pub use requester::{HOSTNAME_AT_MOST, HostnameError, Requester, Reservation, check_hostname, is_hostname};
pub use sorted::{SortedPage, SortedPlace, sorted_page};
pub use subnet::{AddressSpace, RecordId, Subnet, titled};
pub use template::{Filling, Template, TemplateError};
pub use trace::{Recorder, Trace};
