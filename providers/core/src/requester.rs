//! Whom an address is reserved for, and what the IPAM remembers of it.

use crate::Mac;

/// Whom an address is reserved for, as far as it is known: Foreman tells neither when it adds an address, so the MAC
/// usually comes from the hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requester {
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name.
    pub hostname: Option<String>,
}

/// What the IPAM has recorded of a reserved address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The MAC, where the IPAM has a place for one and it is set.
    pub mac: Option<Mac>,
    /// The host's name, where it is set.
    pub hostname: Option<String>,
    /// Does the record carry the mark that only this proxy sets?
    pub ours: bool,
}
