//! What a look-up notes of a prefix.

use std::fmt;

use ipam_provider::{Result, Subnet};
use serde::{Deserialize, Serialize};

use crate::vendor::gone;

/// What an operation on an address of a prefix needs to know besides what everybody sees of it. JSON in
/// [`RecordId::note`](ipam_provider::RecordId::note).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The id of its VRF; `None` in the global table.
    pub(crate) vrf: Option<u64>,
    /// Does NetBox refuse a second record of an address there? `None` when that is not known.
    pub(crate) is_unique: Option<bool>,
    /// The id of the tenant that an address inherits.
    pub(crate) tenant: Option<u64>,
}

impl Note {
    /// # Errors
    /// [`NotFound`](ipam_provider::ErrorKind::NotFound) for a subnet that no look-up of this provider has found.
    pub(crate) fn of(subnet: &Subnet) -> Result<Self> {
        serde_json::from_str(subnet.id.note()).map_err(|_| gone(subnet))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use ipam_provider::{AddressSpace, ErrorKind, RecordId};

    use super::*;

    fn subnet(id: RecordId) -> Subnet {
        let prefix = "10.1.2.0/24".parse().expect("a prefix");
        Subnet { id, prefix, group: None, space: AddressSpace::new("global"), description: String::new(), pool: false }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_not_shown_in_the_id() {
        for note in [
            Note { vrf: None, is_unique: None, tenant: None },
            Note { vrf: Some(7), is_unique: Some(true), tenant: Some(3) },
        ] {
            let id = RecordId::with_note(5, note);
            assert_eq!(id.as_str(), "5");
            assert_eq!(Note::of(&subnet(id)).expect("a note"), note);
        }
    }

    #[test]
    fn a_subnet_without_a_note_was_not_found_here() {
        let error = Note::of(&subnet(RecordId::new(5))).expect_err("no note");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
