//! The contract with Foreman, black box: the real binary with its embedded IPAM, called over mutual TLS the way Foreman
//! calls it, and looked at from outside only.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `registration`, `version`, `logs` | what makes the process a Smart Proxy in Foreman's eyes |
//! | `access` | who may call what |
//! | `groups`, `encodings` | names, prefixes, addresses and MACs in every spelling that callers use |
//! | `shapes`, `errors` | answers and refusals as Foreman and others can read them |
//! | `allocation`, `concurrency`, `restart` | no address is promised twice |
//! | `addresses` | add, exists and delete |
//! | `sequences` | what Foreman calls for hosts and interfaces, one call after the other, and what is left when it is refused |
//! | `monitoring`, `watched` | health, metrics, and what is installed to watch them |
//! | `api` | the management API: who may do what, what is read, problems, events |
//! | `transport`, `tls` | HTTP and TLS themselves, with bytes that no library sends |
//! | `recorded` | what the Ruby plugin answered, and how we differ from it |
//! | `support` | the server process, the clients and the store's contents |
//!
//! A test that a fault of the Ruby plugin gave rise to names it, as "B2" and so on, in a comment.

#![cfg(feature = "internal")]

mod access;
mod addresses;
mod allocation;
mod api;
mod concurrency;
mod encodings;
mod errors;
mod groups;
mod logs;
mod monitoring;
mod recorded;
mod registration;
mod restart;
mod sequences;
mod shapes;
mod support;
mod tls;
mod transport;
mod version;
mod watched;
