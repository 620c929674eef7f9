//! A PostgreSQL that several proxies share: what its URL says, how a connection is opened, and tables by version.

mod error;
mod options;
mod tables;

pub use error::DatabaseError;
pub use options::{Database, UrlError, plan_each_time};
pub use tables::Tables;
