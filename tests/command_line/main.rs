//! The command line of the embedded IPAM and the demo: the real binary, in directories of its own.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `groups`, `subnets`, `addresses` | the commands that manage records |
//! | `transfer` | import and export |
//! | `upkeep` | where the store is, verify and backup |
//! | `beside_a_proxy` | the same while a proxy runs over the store |
//! | `demo` | everything that `serve --demo` tells people to try |
//! | `site` | settings and store of one test, and running commands |
//! | `process`, `http` | a running proxy and calls of it |

#![cfg(feature = "internal")]

mod addresses;
mod beside_a_proxy;
mod demo;
mod groups;
mod http;
mod process;
mod site;
mod subnets;
mod transfer;
mod upkeep;
