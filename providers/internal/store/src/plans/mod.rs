//! Plans: named sets of linked pools, from which prefixes are allocated together, one from each pool.
//!
//! | Module | Subject |
//! | --- | --- |
//! | `records` | what is asked and answered |
//! | `labels` | labels of allocations, and which ones a plan allows |
//! | `sizing` | from a number of hosts or a length to the prefixes that are needed |
//! | `definitions` | plans and their pools: add, edit, delete |
//! | `blocks` | the free space of a pool |
//! | `allocations` | allocate, calculate, edit, list, release |
//! | `verify` | what must hold |

mod allocations;
mod blocks;
mod definitions;
mod labels;
mod records;
mod sizing;
pub(crate) mod verify;

pub use labels::{AllowedLabels, LabelError, Labels};
pub use records::{
    AllocatedPrefix, AllocationAfter, Calculated, CalculatedPrefix, NewPlan, NewPlanAllocation, NewPool,
    PlanAllocationEdit, PlanAllocationRecord, PlanEdit, PlanRecord, PlanUsage, PoolRecord, PoolUsage, Size, Sizes,
};
