//! phpIPAM's names.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "phpipam";

/// phpIPAM's name for people.
pub(crate) const WHAT: &str = "phpIPAM";
