//! Subnets: the IPAM's records of prefixes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::{GroupName, Prefix};

/// The IPAM's own id of a record, opaque to everybody but the provider.
///
/// A provider may add a note: what else a look-up has told it about the record, so that it need not ask again while the
/// caller remembers the record. Nobody else reads the note, and it is shown nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    id: Arc<str>,
    note: Arc<str>,
}

impl RecordId {
    /// An id as the IPAM writes it: a number, a UUID, a reference.
    pub fn new(id: impl fmt::Display) -> Self {
        Self::with_note(id, "")
    }

    /// An id, and the provider's note.
    pub fn with_note(id: impl fmt::Display, note: impl fmt::Display) -> Self {
        Self { id: id.to_string().into(), note: note.to_string().into() }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The provider's note; empty where it made none.
    pub fn note(&self) -> &str {
        &self.note
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
