//! phpIPAM's names, and the errors that name it.

use ipam_provider::{Error, ErrorKind, Subnet};

/// The name in settings and log lines.
pub(crate) const NAME: &str = "phpipam";

/// phpIPAM's name for people.
pub(crate) const WHAT: &str = "phpIPAM";

/// For operations on a subnet that was found before.
pub(crate) fn gone(subnet: &Subnet) -> Error {
    Error::new(ErrorKind::NotFound, format!("Subnet {subnet} is no longer in {WHAT}"))
}
