//! What only the embedded IPAM has: tags, metadata and owners of records, excluded ranges, gateways, and groups that are
//! created and deleted, and plans.
//!
//! The store is the one that the provider has open, so that it has one writer. Over another IPAM these routes are
//! `not_supported`.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `store`, `expected` | the store that is open; a record that must still be as its caller has seen it |
//! | `records` | what every record has, in bodies and answers |
//! | `groups`, `subnets`, `ranges`, `addresses`, `plans`, `plan_allocations` | one kind of records each |

pub(super) mod addresses;
mod expected;
pub(super) mod groups;
pub(super) mod plan_allocations;
pub(super) mod plans;
pub(super) mod ranges;
pub(super) mod records;
mod store;
pub(super) mod subnets;

use super::paths::Path;

pub(super) fn paths() -> Vec<Path> {
    [groups::paths(), subnets::paths(), ranges::paths(), addresses::paths(), plans::paths(), plan_allocations::paths()]
        .into_iter()
        .flatten()
        .collect()
}
