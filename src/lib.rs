//! A Foreman Smart Proxy for External IPAM.
//!
//! Foreman asks a Smart Proxy for the next free address of a subnet, whether an address is taken, and to add or delete
//! one. This crate is that proxy. Behind it is the IPAM that a site has, or the embedded one.
//!
//! # The way of a request
//!
//! ```text
//! Foreman ── HTTPS ──▶ http           connections, request ids, who calls: what every door shares
//!                       │
//!                       ▼
//!                     http::foreman   a door: routes, shapes, errors of one kind of callers; extractors let only
//!                       │             valid arguments through; handlers are thin. Another door is http::api, the
//!                       │             management API
//!                       ▼
//!                     allocation      which address: holds, shared candidates, remembered look-ups
//!                       │      ╰────▶ events: what became of which address; the log subscribes
//!                       ▼
//!                     routes          which of several IPAMs
//!                       │
//!                       ▼
//!                     guard           queue, time limits, retries of reads, log lines (crate ipam-provider)
//!                       │
//!                       ▼
//!                     a provider      facts and writes of one IPAM product            (crates in providers/)
//! ```
//!
//! Each knows as little as it can: only a door knows status codes and what its callers call things, only [`allocation`]
//! chooses addresses and keeps promises, only `routes` knows that there may be several IPAMs, only a provider's own crate
//! knows its vendor's words. No door imports another.
//!
//! # Around it
//!
//! | Module | Holds |
//! | --- | --- |
//! | `app` | the composition root: settings → provider → allocator → servers; signals, reload, shutdown |
//! | `caller` | who calls, through which door, with which rights |
//! | [`cli`] | the commands; those for the embedded IPAM work on its store themselves (crate ipam-store in `providers/internal/store`) |
//! | `foreman_api` | the client of Foreman's own API |
//! | [`ledger`] | a record of every write through any door: who did what with which address, and when |
//! | `metrics` | numbers for Prometheus: what happens is counted, what can be read is read for each scrape |
//! | `names` | names of hosts, from Foreman's API into the records of the IPAM |
//! | `orphans` | addresses that were added for hosts which Foreman does not have |
//! | `reconcile` | the differences between Foreman, ledger and IPAM |
//! | `registration` | telling Foreman of this proxy, through that API |
//! | [`registry`] | the providers of this build |
//! | `settings` | reads and checks all settings, all faults in one go |
//! | [`telemetry`] | log lines, the buffer that Foreman shows, and the request that is being answered |
//! | `tokens` | tokens of the management API: who may use it without a client certificate |
//! | `tls` | the server's side of mutual TLS, replaceable while it runs |
//! | `trust` | the gate: who may call, and as whom |
//! | `daemon` | systemd and signals |
//!
//! # What is kept where
//!
//! The truth is in the IPAM. The proxy itself keeps holds only, short promises of addresses: in memory and in a journal in
//! the state directory, or, for several proxies, in a PostgreSQL that they share. The ledger is in the same places.
//! Everything that settings decide is one value, `http::Serving`, which a reload replaces as a whole. `app::Runtime` outlives
//! it: the holds, the ledger, the metrics, the names of
//! callers, and the stores and pools that providers have open.
//!
//! Public is what the program itself, its tests, benchmarks and packages use.

pub mod allocation;
mod app;
mod caller;
pub mod cli;
mod daemon;
mod foreman_api;
mod http;
pub mod ledger;
mod metrics;
mod names;
mod orphans;
mod reconcile;
mod registration;
pub mod registry;
mod routes;
mod settings;
pub mod telemetry;
mod tls;
mod tokens;
mod trust;
