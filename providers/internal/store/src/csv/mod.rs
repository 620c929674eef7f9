//! The store as a CSV file: one table for everything, each row saying what kind of record it is.
//!
//! The columns are described in `providers/internal/README.md`. A file is imported in two parts. The first reads it row by
//! row, checks what needs no store, and sorts the addresses, outside of any transaction. The second adds what was read, in
//! one transaction.

mod adding;
mod dialect;
mod export;
mod import;
mod plans;
mod staged;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use adding::add;
pub(crate) use export::export;
pub use import::Rows;

/// One row as the file has it: all columns are text, absent ones are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Columns {
    kind: String,
    group: String,
    prefix: String,
    address: String,
    last: String,
    mac: String,
    hostname: String,
    description: String,
    owner: String,
    pool: String,
    container: String,
    created_at: String,
    updated_at: String,
    gateway: String,
    external_id: String,
    tags: String,
    metadata: String,
    id: String,
    plan: String,
    details: String,
}

impl Columns {
    /// Without blanks at the ends of what is no free text.
    fn trimmed(mut self) -> Self {
        let not_free = [
            &mut self.kind,
            &mut self.prefix,
            &mut self.address,
            &mut self.last,
            &mut self.mac,
            &mut self.hostname,
            &mut self.pool,
            &mut self.container,
            &mut self.created_at,
            &mut self.updated_at,
            &mut self.gateway,
            &mut self.tags,
            &mut self.metadata,
            &mut self.id,
            &mut self.details,
        ];
        for text in not_free {
            if text.trim().len() < text.len() {
                *text = text.trim().to_owned();
            }
        }
        self
    }

    /// The cells, in the order of [`COLUMNS`].
    fn cells(&self) -> [&str; COLUMNS.len()] {
        [
            &self.kind,
            &self.group,
            &self.prefix,
            &self.address,
            &self.last,
            &self.mac,
            &self.hostname,
            &self.description,
            &self.owner,
            &self.pool,
            &self.container,
            &self.created_at,
            &self.updated_at,
            &self.gateway,
            &self.external_id,
            &self.tags,
            &self.metadata,
            &self.id,
            &self.plan,
            &self.details,
        ]
    }
}

/// The names of [`Columns`], in their order. New ones are added at the end.
const COLUMNS: [&str; 20] = [
    "kind",
    "group",
    "prefix",
    "address",
    "last",
    "mac",
    "hostname",
    "description",
    "owner",
    "pool",
    "container",
    "created_at",
    "updated_at",
    "gateway",
    "external_id",
    "tags",
    "metadata",
    "id",
    "plan",
    "details",
];

/// The words of the column `kind`.
mod kind {
    pub(super) const GROUP: &str = "group";
    pub(super) const PLAN: &str = "plan";
    pub(super) const PLAN_ALLOCATION: &str = "plan_allocation";
    pub(super) const SUBNET: &str = "subnet";
    pub(super) const EXCLUDED: &str = "excluded";
    pub(super) const ADDRESS: &str = "address";
}

/// How many rows of each kind were added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Groups.
    pub groups: u64,
    /// Plans.
    pub plans: u64,
    /// Allocations of plans.
    pub plan_allocations: u64,
    /// Subnets.
    pub subnets: u64,
    /// Excluded ranges.
    pub excluded_ranges: u64,
    /// Addresses.
    pub addresses: u64,
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line it begins on; the header is line 1.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

/// The faults of a CSV file, by line. Nothing of the file was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// At least one.
    pub faults: Vec<Fault>,
    /// Were there so many that the rest of the file was not looked at?
    pub gave_up: bool,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nothing was imported")?;
        for fault in &self.faults {
            write!(f, "\nline {}: {}", fault.line, fault.what)?;
        }
        if self.gave_up { f.write_str("\nThere may be more; the rest was not read") } else { Ok(()) }
    }
}

impl std::error::Error for Faults {}
