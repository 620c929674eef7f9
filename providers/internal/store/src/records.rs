//! What a store answers and takes: records as people and JSON see them.

use std::fmt;
use std::net::IpAddr;

use ipam_provider::{AddressSpace, GroupName, Mac, Prefix, titled};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupRecord {
    /// Never used again after deletion.
    pub id: i64,
    /// Unique in the store.
    pub name: GroupName,
    /// Free text; may be empty.
    pub description: String,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubnetRecord {
    /// Never used again after deletion.
    pub id: i64,
    /// `None`: in the global table.
    pub group: Option<GroupName>,
    /// The id of the group, which stays when it is renamed.
    #[serde(skip)]
    pub group_id: Option<i64>,
    /// Unique in its group.
    pub prefix: Prefix,
    /// Free text; may be empty.
    pub description: String,
    /// May hosts have every address, also the first and last?
    pub pool: bool,
    /// Does it hold subnets instead of addresses?
    pub container: bool,
}

impl SubnetRecord {
    /// An address is recorded once in a group.
    pub fn space(&self) -> AddressSpace {
        AddressSpace::new(self.group_id.map_or_else(|| "global".to_owned(), |id| format!("group {id}")))
    }
}

impl fmt::Display for SubnetRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&titled(self.prefix, self.group.as_ref()))
    }
}

/// How many addresses of a subnet are in what state. The three together are all that may be offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Recorded, also those within excluded ranges.
    pub used: u128,
    /// To be had.
    pub free: u128,
    /// Within excluded ranges and not recorded.
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

/// A recorded address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRecord {
    /// The address.
    pub address: IpAddr,
    /// The interface's MAC.
    pub mac: Option<Mac>,
    /// The host's name.
    pub hostname: Option<String>,
    /// Free text; may be empty.
    pub description: String,
    /// Who recorded it: [`OWNER`](crate::OWNER), or what the command line was told; may be empty.
    pub owner: String,
    /// When it was recorded, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
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

/// A subnet to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubnet {
    /// `None`: in the global table.
    pub group: Option<GroupName>,
    /// The prefix.
    pub prefix: Prefix,
    /// Free text; may be empty.
    pub description: String,
    /// May hosts have every address, also the first and last?
    pub pool: bool,
    /// Does it hold subnets instead of addresses?
    pub container: bool,
}

impl NewSubnet {
    /// A plain subnet of the global table.
    pub fn of(prefix: Prefix) -> Self {
        Self { group: None, prefix, description: String::new(), pool: false, container: false }
    }
}

/// What to change of a group; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupEdit {
    /// The new name.
    pub name: Option<GroupName>,
    /// The new description.
    pub description: Option<String>,
}

/// What to change of a subnet; `None` leaves it as it is. Its prefix never changes.
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
    /// Who records it; may be empty.
    pub owner: String,
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
    /// Who it belongs to.
    pub owner: Option<String>,
}

/// What to do with what a group or subnet still holds when it is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Refuse.
    MustBeEmpty,
    /// Delete it too.
    DeleteToo,
}
