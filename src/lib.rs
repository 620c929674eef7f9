//! A Foreman Smart Proxy for External IPAM.
//!
//! Foreman asks a Smart Proxy for the next free address of a subnet, whether an address is taken, and to add or delete
//! one. This crate is that proxy. Behind it is the IPAM that a site has, or the embedded one.
//!
//! # The way of a request
//!
//! ```text
//! Foreman ── HTTPS ──▶ http          extractors let only valid arguments through; handlers are thin
//!                       │
//!                       ▼
//!                     allocation     which address: holds, shared candidates, remembered look-ups
//!                       │
//!                       ▼
//!                     routes         which of several IPAMs
//!                       │
//!                       ▼
//!                     guard          queue, time limits, retries of reads, log lines (crate ipam-provider)
//!                       │
//!                       ▼
//!                     a provider     facts and writes of one IPAM product            (crates in providers/)
//! ```
//!
//! Each knows as little as it can: only [`http`] knows status codes, only [`allocation`] chooses addresses and keeps
//! promises, only [`routes`] knows that there may be several IPAMs, only a provider's own crate knows its vendor's words.
//!
//! # Around it
//!
//! | Module | Holds |
//! | --- | --- |
//! | [`app`] | the composition root: settings → provider → allocator → servers; signals, reload, shutdown |
//! | [`cli`] | the commands; those for the embedded IPAM work on its store themselves (crate ipam-store in `providers/internal/store`) |
//! | [`foreman_api`] | the client of Foreman's own API |
//! | [`names`] | names of hosts, from Foreman's API into the records of the IPAM |
//! | [`registration`] | telling Foreman of this proxy, through that API |
//! | [`registry`] | the providers of this build |
//! | [`settings`] | reads and checks all settings, all faults in one go |
//! | [`telemetry`] | log lines and the buffer that Foreman shows |
//! | [`tls`] | the server's side of mutual TLS, replaceable while it runs |
//! | [`trust`] | who may call, and as whom: a [`caller::Principal`] |
//! | [`daemon`] | systemd and signals |
//!
//! # What is kept where
//!
//! The truth is in the IPAM. The proxy itself keeps holds only, short promises of addresses: in memory and in a journal in
//! the state directory, or, for several proxies, in a PostgreSQL that they share. Everything that settings decide is one value, [`http::Serving`], which a reload replaces as a
//! whole; [`allocation::Holds`] outlives it.

pub mod allocation;
pub mod app;
pub mod caller;
pub mod cli;
pub mod daemon;
pub mod foreman_api;
pub mod http;
pub mod names;
pub mod registration;
pub mod registry;
pub mod routes;
pub mod settings;
pub mod telemetry;
pub mod tls;
pub mod trust;
