//! Subnets: the IPAM's records of prefixes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, GroupName, Prefix, Result};

/// The IPAM's own id of a record, opaque to everybody but the provider.
///
/// A provider may add a note: what else a look-up has told it about the record, so that it need not ask again while the
/// caller remembers the record. Nobody else reads the note, and it is shown nowhere.
///
/// Where one provider has several IPAMs behind it, the id also names the IPAM that has the record, so that equal ids of two
/// IPAMs differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    id: Arc<str>,
    note: Arc<str>,
    ipam: Option<Arc<str>>,
}

impl RecordId {
    /// An id as the IPAM writes it: a number, a UUID, a reference.
    pub fn new(id: impl fmt::Display) -> Self {
        Self { id: id.to_string().into(), note: "".into(), ipam: None }
    }

    /// An id, and the provider's note.
    pub fn with_note(id: impl fmt::Display, note: &impl Serialize) -> Self {
        let note = serde_json::to_string(note).expect("notes of ids and flags are JSON");
        Self { id: id.to_string().into(), note: note.into(), ipam: None }
    }

    /// The id of the same record, with the name of the IPAM that has it, or without one as the IPAM's own provider knows
    /// it.
    #[must_use]
    pub fn of_ipam(self, ipam: Option<Arc<str>>) -> Self {
        Self { ipam, ..self }
    }

    /// The IPAM that has the record, if a provider with several of them has named it.
    pub fn ipam(&self) -> Option<&str> {
        self.ipam.as_deref()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The provider's note; `None` where it made none of this kind.
    pub fn note<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.note).ok()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// The set of subnets within which one address belongs to one host only, such as a VRF; holds are kept by it.
///
/// Nested subnets share their space. It does not change when something is renamed or resized, so it is made of ids. The text
/// is opaque to all but the provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressSpace(Arc<str>);

impl AddressSpace {
    /// A space of this name, which no other space of the IPAM has.
    pub fn new(name: impl fmt::Display) -> Self {
        Self(name.to_string().into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AddressSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The IPAM's record of a prefix.
///
/// The group is the record's own, also when none was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The IPAM's own id.
    pub id: RecordId,
    /// The prefix.
    pub prefix: Prefix,
    /// The group it is in; `None` for an IPAM without groups and for a global table.
    pub group: Option<GroupName>,
    /// The space that its addresses are in.
    pub space: AddressSpace,
    /// Free text; may be empty.
    pub description: String,
    /// May hosts have every address, also the first and last? (NetBox calls such a prefix a pool.)
    pub pool: bool,
}

impl Subnet {
    /// May a host be given this address?
    pub fn is_offerable(&self, address: IpAddr) -> bool {
        self.prefix.is_offerable(address, self.pool)
    }

    /// The note of its id. `what` is the product's name for people, here and below.
    ///
    /// # Errors
    /// [`gone`](Self::gone) for a subnet that no look-up of this provider has found.
    pub fn note<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        self.id.note().ok_or_else(|| self.gone(what))
    }

    /// The subnet has gone since it was found, or has become another one.
    pub fn gone(&self, what: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("Subnet {self} is no longer in {what}"))
    }

    /// Names the subnet in an error that says that a record has gone.
    pub fn gone_as(&self, what: &str, error: Error) -> Error {
        if error.kind() == ErrorKind::NotFound { self.gone(what).because(error) } else { error }
    }

    /// The address has a record already.
    pub fn taken(&self, address: IpAddr) -> Error {
        Error::new(ErrorKind::AlreadyExists, format!("IP address {address} already exists in subnet {self}"))
    }

    /// The record of the address is not to be deleted, because it does not have the proxy's mark.
    pub fn not_ours(&self, what: &str, address: IpAddr) -> Error {
        let text = format!(
            "IP address {address} in subnet {self} was not recorded by this proxy, and delete_only_own keeps it; delete it \
             in {what}"
        );
        Error::new(ErrorKind::Rejected, text)
    }

    /// No host of the subnet may have the address. The provider checks this before it sends a request.
    pub fn not_offerable(&self, address: IpAddr) -> Error {
        let text = format!("IP address {address} is not for hosts of subnet {self}");
        Error::new(ErrorKind::Rejected, text).without_request()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&titled(self.prefix, self.group.as_ref()))
    }
}

/// A prefix with its group, as messages name it: `192.0.2.0/24 (group Production)`.
pub fn titled(prefix: Prefix, group: Option<&GroupName>) -> String {
    match group {
        Some(group) => format!("{prefix} (group {group})"),
        None => prefix.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        vrf: Option<u64>,
    }

    fn subnet(id: RecordId) -> Subnet {
        let prefix = "10.1.2.0/24".parse().expect("a prefix");
        Subnet { id, prefix, group: None, space: AddressSpace::new("global"), description: String::new(), pool: false }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_not_shown_in_the_id() {
        for note in [Note { vrf: None }, Note { vrf: Some(7) }] {
            let id = RecordId::with_note(5, &note);
            assert_eq!((id.as_str(), id.to_string().as_str()), ("5", "5"));
            assert_eq!(subnet(id).note::<Note>("Some IPAM").expect("a note"), note);
        }
    }

    #[test]
    fn an_address_that_no_host_may_have_is_refused_without_a_request() {
        let (subnet, address) = (subnet(RecordId::new(5)), "10.1.3.1".parse().expect("an address"));
        assert!(subnet.not_offerable(address).is_without_request());
        assert!(!subnet.taken(address).is_without_request());
    }

    #[test]
    fn a_subnet_without_a_note_was_not_found_here() {
        for id in [RecordId::new(5), RecordId::with_note(5, &"another note")] {
            let error = subnet(id).note::<Note>("Some IPAM").expect_err("no note");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert_eq!(error.to_string(), "Subnet 10.1.2.0/24 is no longer in Some IPAM");
        }
    }
}
