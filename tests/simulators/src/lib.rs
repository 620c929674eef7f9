//! Fake IPAMs for tests, one for each vendor.
//!
//! A simulator speaks HTTP on a port of its own and behaves as the real product was seen to: its oddities, its limits, its
//! errors. It is written from the vendor's documents and from recordings of real servers, and knows nothing of the
//! provider that it tests: a field name that both had wrong would cancel out. A replay of the recorded requests proves
//! the simulator itself.
//!
//! [`foreman`] is no IPAM, but the Foreman that proxies register in.
//!
//! [`Server`] is what they have in common: connections, and the faults of the conformance suite.

pub mod bluecat;
mod exchange;
pub mod foreman;
pub mod infoblox;
pub mod nautobot;
pub mod netbox;
pub mod phpipam;
pub mod postgres;
pub mod replay;
mod server;
pub mod solarwinds;
pub mod solidserver;
pub mod tcpwave;
pub mod tls;

pub use exchange::{Request, Response};
pub use server::{Ipam, Server};
