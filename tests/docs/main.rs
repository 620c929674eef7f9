//! The administrator's pages against the program: what they quote, what they tell people to type, and where they link to.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `troubleshooting` | every error text has an entry in `docs/troubleshoot.md`, and every entry a text |
//! | `no_trouble` | the texts of the program that need none |
//! | `source` | the texts that the program's source has |
//! | `commands` | every command is run, or listed with the reason why not |
//! | `not_run` | that list, and what is done with each command |
//! | `machine` | Foreman, NetBox and the service around the commands |
//! | `settings` | every YAML block is checked by the real binary |
//! | `links` | every link between pages leads somewhere |
//! | `container` | the container's files agree with each other and with the program |
//! | `haproxy` | HAProxy takes the example of a balancer |
//! | `markdown` | pages, blocks, tables, headings and links |
//! | `place` | settings, certificates and a store for the commands |
//! | `hiera` | the Hiera of the Puppet module's page is settings too |
//!
//! Certificates, a command's end and a running proxy are those of other tests.

#![cfg(all(feature = "internal", feature = "nautobot", feature = "netbox", feature = "phpipam"))]

#[path = "../../src/tls/test_certificates.rs"]
mod certificates;
mod commands;
mod container;
mod haproxy;
mod hiera;
#[path = "../command_line/foreman/identity.rs"]
mod identity;
mod links;
mod machine;
mod markdown;
mod no_trouble;
mod not_run;
mod place;
#[path = "../command_line/process.rs"]
mod process;
#[path = "../command_line/run.rs"]
mod run;
mod settings;
mod source;
mod troubleshooting;
