//! What a store answers and takes: records as people and JSON see them.

use std::fmt;
use std::net::IpAddr;

use ipam_provider::{AddressSpace, GroupName, Mac};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::{Attributes, AttributesEdit, Bounds, PublicId};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRecord {
    /// The row in this database; never used again after deletion.
    pub id: i64,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// Unique in the store.
    pub name: GroupName,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// When it was recorded, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubnetRecord {
    /// The row in this database; never used again after deletion.
    pub id: i64,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// `None`: in the global table.
    pub group: Option<GroupName>,
    /// The id of the group, which stays when it is renamed.
    #[serde(skip)]
    pub group_id: Option<i64>,
    /// Unique in its group.
    #[serde(rename = "prefix")]
    pub bounds: Bounds,
    /// Free text; may be empty.
    pub description: String,
    /// May hosts have every address, also the first and last?
    pub pool: bool,
    /// Does it hold subnets instead of addresses?
    pub container: bool,
    /// The address of the router; it is never offered, though it may be recorded by name.
    pub gateway: Option<IpAddr>,
    /// What may be set on every record.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// When it was recorded, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

impl SubnetRecord {
    /// An address is recorded once in a group.
    pub fn space(&self) -> AddressSpace {
        AddressSpace::new(self.group_id.map_or_else(|| "global".to_owned(), |id| format!("group {id}")))
    }
}

impl fmt::Display for SubnetRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&titled(&self.bounds, self.group.as_ref()))
    }
}

/// A subnet as messages name it.
pub(crate) fn titled(bounds: &Bounds, group: Option<&GroupName>) -> String {
    match group {
        Some(group) => format!("{bounds} (group {group})"),
        None => bounds.to_string(),
    }
}

/// How many addresses of a subnet are in what state. The three together are all that may be offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Recorded, also those within excluded ranges.
    pub used: u128,
    /// To be had.
    pub free: u128,
    /// The gateway and those within excluded ranges, unless they are recorded.
    pub excluded: u128,
}

/// A range of a subnet that is never offered, though an address in it may be recorded by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExcludedRange {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address.
    pub last: IpAddr,
    /// Free text; may be empty.
    pub comment: String,
}

/// An excluded range as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RangeRecord {
    /// What is excluded.
    #[serde(flatten)]
    pub range: ExcludedRange,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// What may be set on every record.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// When it was recorded, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

/// A recorded address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRecord {
    /// The address.
    pub address: IpAddr,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name.
    pub hostname: Option<String>,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// When it was recorded, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

pub(crate) fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// Where to look for a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In every group and in the global table.
    Anywhere,
    /// Only among the subnets without a group.
    Global,
    /// Only in this group.
    Group(GroupName),
}

impl From<Option<GroupName>> for Scope {
    /// The scope that a subnet of this group is in.
    fn from(group: Option<GroupName>) -> Self {
        group.map_or(Self::Global, Self::Group)
    }
}

/// A group to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// The name.
    pub name: GroupName,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    pub attributes: Attributes,
}

/// A subnet to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubnet {
    /// `None`: in the global table.
    pub group: Option<GroupName>,
    /// What it covers.
    pub bounds: Bounds,
    /// Free text; may be empty.
    pub description: String,
    /// May hosts have every address, also the first and last? Of a range they always may.
    pub pool: bool,
    /// Does it hold subnets instead of addresses? A range never does.
    pub container: bool,
    /// The address of the router, within the subnet.
    pub gateway: Option<IpAddr>,
    /// What may be set on every record.
    pub attributes: Attributes,
}

impl NewSubnet {
    /// A plain subnet of the global table.
    pub fn of(bounds: impl Into<Bounds>) -> Self {
        Self {
            group: None,
            bounds: bounds.into(),
            description: String::new(),
            pool: false,
            container: false,
            gateway: None,
            attributes: Attributes::default(),
        }
    }
}

/// What to change of a group; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupEdit {
    /// The new name.
    pub name: Option<GroupName>,
    /// The new description.
    pub description: Option<String>,
    /// What is on every record.
    pub attributes: AttributesEdit,
}

/// What to change of a subnet; `None` leaves it as it is. What it covers never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetEdit {
    /// The new group; `Some(None)` moves it to the global table.
    pub group: Option<Option<GroupName>>,
    /// The new description.
    pub description: Option<String>,
    /// Whether hosts may have every address.
    pub pool: Option<bool>,
    /// Whether it holds subnets instead of addresses.
    pub container: Option<bool>,
    /// The address of the router; `Some(None)` removes it.
    pub gateway: Option<Option<IpAddr>>,
    /// What is on every record.
    pub attributes: AttributesEdit,
}

/// What to change of an excluded range; `None` leaves it as it is. Its ends never change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RangeEdit {
    /// The new comment.
    pub comment: Option<String>,
    /// What is on every record.
    pub attributes: AttributesEdit,
}

/// What to remember of a new address. An empty host name is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressDetails {
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name.
    pub hostname: Option<String>,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    pub attributes: Attributes,
}

/// What to change of an address; `None` leaves it as it is, and `Some(None)` removes what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressEdit {
    /// The interface's MAC.
    pub mac: Option<Option<Mac>>,
    /// The host's name.
    pub hostname: Option<Option<String>>,
    /// Free text.
    pub description: Option<String>,
    /// What is on every record.
    pub attributes: AttributesEdit,
}

/// What to do with what a group or subnet still holds when it is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Refuse.
    MustBeEmpty,
    /// Delete it too.
    DeleteToo,
}
