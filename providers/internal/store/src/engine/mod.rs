//! The databases that tables can be in. What only one of them has is in its module and nowhere else.

pub(crate) mod postgres;
mod schema;
pub(crate) mod sqlite;
mod store;

pub use schema::{DatabaseSchema, Durability, FileSchema, Schema};
pub(crate) use store::STORE;
