//! The commands for the embedded IPAM: `group`, `subnet`, `address`, `plan`, `export` and `store`, and its part of `import`.
//!
//! They work on the store's file themselves, whether a proxy runs over it or not: SQLite keeps the processes apart, and
//! a running proxy sees a change with its next question. A command that changes something also has it forget which
//! addresses were free before.

mod addresses;
mod from_foreman;
mod groups;
mod place;
mod plan_values;
mod plans;
mod progress;
mod subnets;
mod transfer;
mod upkeep;
mod values;

use std::path::Path;

use clap::{Args, Subcommand};

use ipam_provider_internal::REGISTRATION;

use super::Outcome;
use super::output::say;

pub(super) use from_foreman::import_inventory;
pub(super) use place::Place;
pub(super) use transfer::import;

/// The provider whose records the commands manage.
pub(super) const PROVIDER: &str = REGISTRATION.name;

/// Arguments of the commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Groups of subnets in the embedded IPAM.
    Group(On<groups::Command>),
    /// Subnets in the embedded IPAM, and the ranges of them that are never offered.
    Subnet(On<subnets::Command>),
    /// Addresses that are taken in the embedded IPAM.
    Address(On<addresses::Command>),
    /// Plans, which allocate prefixes from linked pools of the embedded IPAM.
    Plan(On<plans::Command>),
    /// Write all that the embedded IPAM has as CSV.
    Export(transfer::Export),
    /// The embedded IPAM as a whole: verify, back up, copy.
    Store(On<upkeep::Command>),
}

/// A command and the store that it is for.
#[derive(Debug, Args)]
pub(super) struct On<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, directory: &Path) -> Outcome {
    match command {
        Command::Group(On { command, place }) => groups::run(command, &place.locate(directory)?),
        Command::Subnet(On { command, place }) => subnets::run(command, &place.locate(directory)?),
        Command::Address(On { command, place }) => addresses::run(command, &place.locate(directory)?),
        Command::Plan(On { command, place }) => plans::run(command, &place.locate(directory)?),
        Command::Export(export) => transfer::export(&export, directory),
        Command::Store(On { command, place }) => upkeep::run(command, &place.locate(directory)?),
    }
}

/// Prints one record: a line for each of its fields, the names padded to one width.
fn say_fields<const N: usize>(fields: [(&str, String); N]) {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in fields {
        say(format!("{name:width$}  {value}").trim_end());
    }
}
