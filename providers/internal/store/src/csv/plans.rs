//! Plans and their allocations as rows: what only they have is one JSON object, in the column `details`.

use ipam_provider::{GroupName, Prefix};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Columns, kind};
use crate::{
    AllowedLabels, Attributes, Bounds, Labels, NewPlan, NewPlanAllocation, NewPool, PlanAllocationRecord, PlanRecord,
    Result, Size, Sizes, StoreError,
};

/// What only a plan has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanDetails {
    shortest: u8,
    longest: u8,
    kept_back: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hosts_at_most: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    labels: AllowedLabels,
    pools: Vec<PoolDetails>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolDetails {
    name: String,
    prefix: String,
    #[serde(default, skip_serializing_if = "is_default")]
    shift: i16,
}

/// What only an allocation of a plan has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocationDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hosts: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<u8>,
    #[serde(default, skip_serializing_if = "is_default")]
    labels: Labels,
    prefixes: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An allocation of the plan that a row names.
#[derive(Debug)]
pub(super) struct Allocated {
    pub(super) group: Option<GroupName>,
    pub(super) plan: String,
    pub(super) new: NewPlanAllocation,
    pub(super) prefixes: Vec<Prefix>,
}

/// The columns of a plan, beside those that every kind has.
pub(super) fn of_plan(plan: &PlanRecord, common: Columns) -> Columns {
    let Sizes { shortest, longest, kept_back, hosts_at_most } = plan.sizes;
    let pools = plan.pools.iter().map(|pool| PoolDetails {
        name: pool.name.clone(),
        prefix: pool.prefix.to_string(),
        shift: pool.shift,
    });
    let pools = pools.collect();
    let details = PlanDetails { shortest, longest, kept_back, hosts_at_most, labels: plan.labels.clone(), pools };
    Columns { description: plan.description.clone(), ..row(kind::PLAN, plan, &details, common) }
}

/// The columns of an allocation of a plan, beside those that every kind has.
pub(super) fn of_allocation(plan: &PlanRecord, allocation: &PlanAllocationRecord, common: Columns) -> Columns {
    let PlanAllocationRecord { hosts, length, labels, prefixes, .. } = allocation;
    let details = AllocationDetails {
        hosts: *hosts,
        length: *length,
        labels: labels.clone(),
        prefixes: prefixes.iter().map(|one| one.prefix.to_string()).collect(),
    };
    Columns { description: allocation.description.clone(), ..row(kind::PLAN_ALLOCATION, plan, &details, common) }
}

fn row(kind: &str, plan: &PlanRecord, details: &impl Serialize, common: Columns) -> Columns {
    Columns {
        kind: kind.to_owned(),
        group: plan.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        plan: plan.name.clone(),
        details: serde_json::to_string(details).expect("names, numbers and texts are JSON"),
        ..common
    }
}

/// The plan of a row.
pub(super) fn plan(row: &Columns, attributes: Attributes) -> Result<NewPlan> {
    let details: PlanDetails = details(row)?;
    let PlanDetails { shortest, longest, kept_back, hosts_at_most, labels, pools } = details;
    let pools = pools
        .into_iter()
        .map(|PoolDetails { name, prefix, shift }| Ok(NewPool { prefix: prefix_of(&prefix)?, name, shift }));
    Ok(NewPlan {
        group: GroupName::new(&row.group),
        name: name(row)?,
        description: row.description.clone(),
        sizes: Sizes { shortest, longest, kept_back, hosts_at_most },
        labels,
        pools: pools.collect::<Result<_>>()?,
        attributes,
    })
}

/// The allocation of a row.
pub(super) fn allocation(row: &Columns, attributes: Attributes) -> Result<Allocated> {
    let AllocationDetails { hosts, length, labels, prefixes } = details(row)?;
    let size = match (hosts, length) {
        (Some(hosts), None) => Size::Hosts(hosts),
        (None, Some(length)) => Size::Length(length),
        _ => return Err(StoreError::Invalid("details: give either hosts or length".to_owned())),
    };
    Ok(Allocated {
        group: GroupName::new(&row.group),
        plan: name(row)?,
        new: NewPlanAllocation { size, labels, description: row.description.clone(), attributes },
        prefixes: prefixes.iter().map(|text| prefix_of(text)).collect::<Result<_>>()?,
    })
}

fn name(row: &Columns) -> Result<String> {
    if row.plan.is_empty() {
        return Err(StoreError::Invalid("plan is missing".to_owned()));
    }
    Ok(row.plan.clone())
}

fn details<T: DeserializeOwned>(row: &Columns) -> Result<T> {
    serde_json::from_str(&row.details).map_err(|error| StoreError::Invalid(format!("details: {error}")))
}

fn prefix_of(text: &str) -> Result<Prefix> {
    let bounds: Bounds = text.parse().map_err(|error| StoreError::Invalid(format!("details: {error}")))?;
    bounds.prefix().ok_or_else(|| StoreError::Invalid(format!("details: '{text}' is not a prefix")))
}
