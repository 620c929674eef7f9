//! The command line of the embedded IPAM and the demo: the real binary, in directories of its own.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `groups`, `subnets`, `addresses` | the commands that manage records |
//! | `transfer` | import and export |
//! | `from_foreman` | importing what a Foreman has |
//! | `setup` | writing the settings, with questions and without |
//! | `registration` | telling a Foreman of the proxy |
//! | `check_file` | one file of settings alone |
//! | `check_ipam` | what `check` says of an IPAM whose certificate is refused, and of files for it that cannot be used |
//! | `check_running` | whether the proxy that runs serves, and its trouble |
//! | `holds` | who holds what, and freeing it |
//! | `ledger` | who added and deleted which address |
//! | `names` | names of hosts from Foreman |
//! | `templates` | the templates for Foreman, rendered by Ruby |
//! | `shared` | two proxies that share a database |
//! | `upkeep` | where the store is, verify, backup and copy |
//! | `killed` | import, copy and backup that are killed in the middle |
//! | `upgrade` | a store that an older version has made |
//! | `beside_a_proxy` | the same while a proxy runs over the store |
//! | `token` | tokens of the management API |
//! | `demo` | everything that `serve --demo` tells people to try |
//! | `site` | settings and store of one test, and its commands |
//! | `run` | a command that is run to its end |
//! | `process`, `http` | a running proxy and calls of it |
//! | `foreman` | certificates, and a Foreman that believes them |

#![cfg(feature = "internal")]

mod addresses;
mod beside_a_proxy;
mod check_file;
#[cfg(feature = "phpipam")]
mod check_ipam;
mod check_running;
mod demo;
mod foreman;
mod from_foreman;
mod groups;
mod holds;
mod http;
mod killed;
mod ledger;
mod names;
mod orphans;
mod plans;
mod process;
mod registration;
mod run;
#[cfg(feature = "netbox")]
mod setup;
mod shared;
mod site;
mod subnets;
mod templates;
mod token;
mod transfer;
mod upgrade;
mod upkeep;
