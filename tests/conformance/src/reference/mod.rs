//! The simplest provider that passes the suite, and deliberate defects that do not.
//!
//! [`ReferenceIpam`] proves the suite and the layers, and serves tests that need some provider. [`Defective`] is a layer
//! that spoils one promise of the contract; for each [`Defect`] some case must fail.

mod defect;
mod ipam;
mod subject;

pub use defect::{Defect, Defective};
pub use ipam::ReferenceIpam;
pub use subject::{ModestReferenceSubject, ReferenceSubject};
