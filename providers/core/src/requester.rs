//! Whom an address is reserved for, and what the IPAM remembers of it.

use crate::Mac;

/// Host names are no longer than this (RFC 1035, section 2.3.4).
pub const HOSTNAME_AT_MOST: usize = 253;

/// Can this be the name of a host, as far as an IPAM cares? 1 to 253 bytes without blanks.
pub fn is_hostname(text: &str) -> bool {
    (1..=HOSTNAME_AT_MOST).contains(&text.len()) && !text.contains(char::is_whitespace)
}

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
