//! Whom an address is reserved for, and what the IPAM remembers of it.

use std::net::IpAddr;

use crate::Mac;

/// Host names are no longer than this (RFC 1035, section 2.3.4).
pub const HOSTNAME_AT_MOST: usize = 253;

/// The text is no host name; see [`is_hostname`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a host name has 1 to {HOSTNAME_AT_MOST} characters, and neither blanks nor control characters")]
pub struct HostnameError;

/// Can this be the name of a host, as far as an IPAM cares? 1 to 253 bytes, and neither blanks nor control characters.
pub fn is_hostname(text: &str) -> bool {
    let is_strange = |c: char| c.is_whitespace() || c.is_control();
    (1..=HOSTNAME_AT_MOST).contains(&text.len()) && !text.contains(is_strange)
}

/// [`is_hostname`], with the rule in words for people.
///
/// # Errors
/// When it is none.
pub fn check_hostname(text: &str) -> Result<(), HostnameError> {
    if is_hostname(text) { Ok(()) } else { Err(HostnameError) }
}

/// Whom an address is reserved for, as far as it is known: Foreman tells neither when it adds an address, so the MAC
/// usually comes from the hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requester {
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name.
    pub hostname: Option<String>,
    /// The whole description of the record, mark included, when it is to be as an earlier one was; `None` for the one that
    /// the settings say.
    pub description: Option<String>,
    /// What the requester wants people to read in the record: it comes after the mark, in place of the text that the
    /// settings say.
    pub remark: Option<String>,
}

impl Requester {
    /// The host name, if the product takes it. One that it would refuse is left out of the record of the address, with a
    /// line in the log: it must cost nobody a host. `what` is the product's name for people.
    pub fn hostname_for(&self, what: &str, address: IpAddr, takes: impl FnOnce(&str) -> bool) -> Option<&str> {
        let name = self.hostname.as_deref().filter(|name| !name.is_empty())?;
        if takes(name) {
            return Some(name);
        }
        log::warn!("{address} is recorded without its host name: {what} does not take such a name");
        None
    }
}

/// What the IPAM has recorded of a reserved address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The MAC, where the IPAM has a place for one and it is set.
    pub mac: Option<Mac>,
    /// The host's name, where it is set.
    pub hostname: Option<String>,
    /// The whole description as it is recorded, mark included; it may be empty. `None` where the IPAM has no place for one.
    pub description: Option<String>,
    /// Does the record carry the mark that only this proxy sets?
    pub ours: bool,
}

/// Records an address again as it was.
impl From<Reservation> for Requester {
    fn from(record: Reservation) -> Self {
        Self { mac: record.mac, hostname: record.hostname, description: record.description, remark: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_has_an_end_and_nothing_that_cannot_be_seen() {
        for name in ["a", "web1.example.com", "bücher_1", &"a".repeat(253)] {
            assert_eq!(check_hostname(name), Ok(()), "{name:?}");
        }
        for name in ["", "a b", "a\t", "a\u{a0}b", "a\u{7}", "a\u{1b}[2J", "a\u{7f}", &"a".repeat(254)] {
            assert_eq!(check_hostname(name), Err(HostnameError), "{name:?}");
        }
    }
}
