//! Holds and the embedded IPAM in PostgreSQL: several proxies over one database, and a database that fails.
//!
//! Each test starts a PostgreSQL of its own; without its programs the tests say that they are skipped.

#[path = "../../src/tls/test_certificates.rs"]
mod certificates;
mod failures;
mod proxies;
mod relay;
mod rules;
mod store;
mod support;
mod tables;
mod tls;
