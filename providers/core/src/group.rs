//! Groups: what one IPAM calls a section, another a VRF, a namespace or a network view.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The name of a group, exactly as the IPAM spells it; never empty.
///
/// Foreman sends `group=` for "no group", so an empty name is `None` wherever a name is optional.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// The name, or `None` when it is empty.
    pub fn new(name: impl AsRef<str>) -> Option<Self> {
        let name = name.as_ref();
        (!name.is_empty()).then(|| Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for GroupName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The IPAM's record of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The IPAM's own id.
    pub id: crate::RecordId,
    /// Unique within the IPAM.
    pub name: GroupName,
    /// Free text; may be empty.
    pub description: String,
}
