//! The suite that every IPAM provider and every layer must pass.
//!
//! A provider's test binary implements [`Subject`] for its simulator, its store or the real product, and writes one
//! line; each case becomes a test of its own, so that a failure names the case:
//!
//! ```
//! use ipam_conformance::reference::ReferenceSubject;
//!
//! ipam_conformance::suite!(ReferenceSubject);
//! ```
//!
//! The same cases run over a wrapper, in a module of their own because the names are the same:
//!
//! ```
//! mod guarded {
//!     use std::sync::Arc;
//!
//!     use ipam_conformance::reference::ReferenceSubject;
//!     use ipam_provider::{Guard, Limits};
//!
//!     const LIMITS: Limits = Limits { attempt: std::time::Duration::from_secs(10), read_attempts: 1 };
//!
//!     ipam_conformance::suite!(ReferenceSubject, wrap = |provider| Arc::new(Guard::new(provider, LIMITS)));
//! }
//! ```
//!
//! A case starts a fresh subject, depends on nothing but the [`Seed`], and leaves what it wrote where it is. What a
//! subject has not got (groups, IPv6, a fault it cannot inject) skips the cases about it, and says so on stderr.
//!
//! [`mod@reference`] holds the simplest provider that passes, and deliberate defects that show that every case can fail.

mod case;
mod fault;
pub mod reference;
mod seed;
mod stage;
mod subject;

pub mod annotations;
pub mod concurrency;
pub mod contract;
pub mod faults;
pub mod free_addresses;
pub mod groups;
pub mod lists;
pub mod reservations;
pub mod subnet_management;
pub mod subnets;

pub use case::{Case, CaseResult, Ended, Skip, Wrap, bare, case, cases, run, run_silently};
pub use fault::{Fault, RAW_BODY};
pub use seed::{Role, Seed, SeededGroup, SeededSubnet};
pub use stage::{Place, Stage};
pub use subject::Subject;
