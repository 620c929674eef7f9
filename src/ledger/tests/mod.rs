//! One suite over both engines, and the ledger of a proxy that runs.

mod running;
mod stage;
mod suite;

pub(super) use stage::{Engine, Stage, record, time};
