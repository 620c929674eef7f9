//! The store of the embedded IPAM: groups, subnets, excluded ranges and addresses, in a database.
//!
//! The words, what the store promises, the tables and the columns of the CSV are described in
//! `providers/internal/README.md`.
//!
//! ```text
//! Store, SharedStore          one caller, or many at once; each unit of work is a closure
//!        │
//!        ▼
//! Reading, Writing            what can be asked and changed: groups, subnets, ranges, addresses, CSV, verify
//!        │                    one set of statements, in literals
//!        ▼
//! Connection                  a statement with its values; rows
//!        │
//!        ▼
//! an engine                   opens, creates and copies a database, runs units of work, has the tables, knows its errors
//! ```
//!
//! Each unit of work happens wholly or not at all, and sees one state of the store. Several processes may have one store
//! open: nothing of its content is remembered from one unit to the next.
//!
//! There are two engines. SQLite: one file, of which one thread is the writer, with readers on connections of their own.
//! PostgreSQL: a schema in a database that several proxies share, where several units write at the same time and lock what
//! they rely on. Nothing outside of `engine` and `locks` knows which it is.
//!
//! The engines know nothing of these tables but their [`Schema`]: [`SharedTables`] are those of another subject, such as the
//! proxy's ledger.

mod addresses;
mod attributes;
mod bounds;
mod bulk;
mod connection;
mod copy;
mod csv;
mod database_error;
mod engine;
mod error;
mod extents;
mod groups;
mod key;
mod locks;
mod plans;
mod progress;
mod public_id;
mod ranges;
mod recorder;
mod records;
mod shared;
mod store;
mod subnets;
mod tables;
#[cfg(test)]
mod tests;
mod value;
mod verify;
mod work;

pub use attributes::{AttributeError, Attributes, AttributesEdit, ExternalId, Metadata, Tags};
pub use bounds::{AddressRange, Bounds, BoundsError};
pub use connection::{Connection, Row, Visit, Writers};
pub use csv::{Fault, Faults, Imported, Rows};
pub use database_error::{Constraint, DatabaseError, Failure};
pub use engine::{DatabaseSchema, Durability, FileSchema, Schema};
pub use error::{Result, StoreError};
pub use key::Key;
pub use plans::{
    AllocatedPrefix, AllocationAfter, AllowedLabels, Calculated, CalculatedPrefix, LabelError, Labels, NewPlan,
    NewPlanAllocation, NewPool, PlanAllocationEdit, PlanAllocationRecord, PlanEdit, PlanRecord, PlanUsage, PoolRecord,
    PoolUsage, Size, Sizes,
};
pub use progress::{Progress, Step, Unseen};
pub use public_id::{PublicId, PublicIdError};
pub use records::{
    AddressDetails, AddressEdit, AddressRecord, Contents, ExcludedRange, GroupEdit, GroupRecord, NewGroup, NewSubnet,
    RangeEdit, RangeRecord, Scope, SubnetEdit, SubnetRecord, Usage,
};
pub use shared::SharedStore;
pub use store::Store;
pub use tables::SharedTables;
pub use value::{FromValue, Value};
pub use verify::Finding;
pub use work::{Reading, Writing};

/// The owner of addresses that the proxy records for Foreman. Whoever else writes to the store uses another.
pub const OWNER: &str = "foreman-ipam-proxy";
