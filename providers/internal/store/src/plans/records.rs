//! What is asked of plans, and what is answered.

use ipam_provider::{GroupName, Prefix};
use jiff::Timestamp;
use serde::Serialize;

use super::{AllowedLabels, Labels};
use crate::records::rfc3339;
use crate::{Attributes, AttributesEdit, PublicId};

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanRecord {
    /// The row in this database; never used again after deletion.
    pub id: i64,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// `None`: of the global table.
    pub group: Option<GroupName>,
    /// Unique in its group.
    pub name: String,
    /// Free text; may be empty.
    pub description: String,
    /// What may be asked for.
    #[serde(flatten)]
    pub sizes: Sizes,
    /// The labels that allocations may have.
    pub labels: AllowedLabels,
    /// At least one; sizes are asked for of the first.
    pub pools: Vec<PoolRecord>,
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

/// A pool of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolRecord {
    /// The row in this database.
    #[serde(skip)]
    pub(crate) id: i64,
    /// Unique in its plan.
    pub name: String,
    /// All that is allocated from it lies in it.
    pub prefix: Prefix,
    /// What is added to the length of the prefix of the first pool for that of this one: −5 for 32 times its size.
    pub shift: i16,
}

/// Which sizes a plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The length of the largest prefix of the first pool.
    pub shortest: u8,
    /// The length of the smallest.
    pub longest: u8,
    /// How many addresses of each prefix no host gets: network, broadcast, router and so on.
    pub kept_back: u32,
    /// How many hosts may be asked for at once; `None` for as many as the largest prefix has room for.
    pub hosts_at_most: Option<u64>,
}

/// How much is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Room for so many hosts in the first pool.
    Hosts(u64),
    /// A prefix of this length from the first pool.
    Length(u8),
}

/// A plan to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// `None`: in the global table.
    pub group: Option<GroupName>,
    /// The name: 1 to 100 characters, no control characters, no blanks at its ends.
    pub name: String,
    /// Free text; may be empty.
    pub description: String,
    /// What may be asked for.
    pub sizes: Sizes,
    /// The labels that allocations may have.
    pub labels: AllowedLabels,
    /// At least one; sizes are asked for of the first, whose shift is 0.
    pub pools: Vec<NewPool>,
    /// What may be set on every record.
    pub attributes: Attributes,
}

/// A pool to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPool {
    /// As the name of a plan.
    pub name: String,
    /// What it has.
    pub prefix: Prefix,
    /// As [`PoolRecord::shift`].
    pub shift: i16,
}

/// What to change of a plan; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanEdit {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// What may be asked for from now on.
    pub sizes: Option<Sizes>,
    /// The labels that allocations may have from now on.
    pub labels: Option<AllowedLabels>,
    /// Names of pools, and what each has from now on.
    pub pools: Vec<(String, Prefix)>,
    /// What is on every record.
    pub attributes: AttributesEdit,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlanAllocation {
    /// How much.
    pub size: Size,
    /// Labels that the plan allows.
    pub labels: Labels,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    pub attributes: Attributes,
}

/// What to change of an allocation; `None` leaves it as it is. Its prefixes never change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanAllocationEdit {
    /// The new labels, all of them.
    pub labels: Option<Labels>,
    /// The new description.
    pub description: Option<String>,
    /// What is on every record; a new owner moves the allocation.
    pub attributes: AttributesEdit,
}

/// What a plan has allocated in one go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanAllocationRecord {
    /// The row in this database; never used again after deletion.
    pub id: i64,
    /// Never changes, and no other record of this kind ever has it.
    pub public_id: PublicId,
    /// The row of its plan.
    #[serde(skip)]
    pub plan_id: i64,
    /// How many hosts were asked for, if it was that.
    pub hosts: Option<u64>,
    /// Which length was asked for, if it was that.
    pub length: Option<u8>,
    /// One of each pool, in the order of the pools.
    pub prefixes: Vec<AllocatedPrefix>,
    /// The labels.
    pub labels: Labels,
    /// Free text; may be empty.
    pub description: String,
    /// What may be set on every record.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// When it was allocated, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it was last changed, to the second.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Timestamp,
}

/// A prefix of an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllocatedPrefix {
    /// The name of its pool.
    pub pool: String,
    /// The prefix.
    pub prefix: Prefix,
    /// How many hosts have room in it.
    pub usable: u128,
}

/// Where a list of allocations goes on: after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationAfter {
    pub(crate) owner_key: String,
    pub(crate) first: crate::Key,
}

impl AllocationAfter {
    /// After the allocation of this owner whose prefix of the first pool begins so.
    pub fn new(owner: &str, first: std::net::IpAddr) -> Self {
        Self { owner_key: owner.to_lowercase(), first: first.into() }
    }
}

/// What an allocation of some size would be, wherever it lay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Calculated {
    /// One of each pool, in the order of the pools.
    pub prefixes: Vec<CalculatedPrefix>,
}

/// A prefix of which only the size is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CalculatedPrefix {
    /// The name of its pool.
    pub pool: String,
    /// Its length.
    pub length: u8,
    /// How many addresses it has.
    pub addresses: u128,
    /// How many hosts have room in it.
    pub usable: u128,
}

/// How much of a plan is allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanUsage {
    /// How many allocations it has.
    pub allocations: u64,
    /// Of each pool, in their order.
    pub pools: Vec<PoolUsage>,
}

/// How much of a pool is allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolUsage {
    /// The name of the pool.
    pub pool: String,
    /// How many addresses it has.
    pub addresses: u128,
    /// How many of them are free.
    pub free: u128,
    /// The length of the largest prefix that is free; `None` when nothing is.
    pub largest_free: Option<u8>,
}
