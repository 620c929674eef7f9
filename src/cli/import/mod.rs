//! `import`: records of a CSV file into the embedded IPAM, or what Foreman has into any IPAM.

mod inventory;
mod provider;
mod report;

use std::path::Path;
#[cfg(feature = "internal")]
use std::path::PathBuf;

use clap::Args;
use ipam_provider::GroupName;

use super::group_name::new_group_name;
use super::prompt::Prompt;
use super::register::Connection;
#[cfg(feature = "internal")]
use super::store::{self, Place};
use super::{CommandError, Outcome, load};
use crate::settings::Settings;

pub(super) use inventory::Inventory;
#[cfg(feature = "internal")]
pub(super) use inventory::{ForemanSubnet, before, difference, named};
#[cfg(feature = "internal")]
pub(super) use report::Kind;
pub(super) use report::Report;

/// What an example of the command shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  What a CSV file has:
    foreman-ipam-proxy import addresses.csv
  What would be imported from Foreman, on Foreman's own host:
    foreman-ipam-proxy import --from-foreman --dry-run
  The subnet Servers into the group Production, as a user:
    foreman-ipam-proxy import --from-foreman --subnet Servers --group Production --user admin";

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The CSV file, or - for standard input. 'export' shows the columns.
    ///
    /// Rows refer to what is in the file or in the store. A running proxy records addresses while the rows are read, and
    /// waits while they are added, which takes about two seconds for a million.
    #[cfg(feature = "internal")]
    #[arg(required_unless_present = "from_foreman", conflicts_with = "from_foreman")]
    file: Option<PathBuf>,
    #[cfg(feature = "internal")]
    #[command(flatten)]
    place: Place,
    /// Read subnets and hosts from Foreman, which does not change.
    ///
    /// The embedded IPAM gets the subnets, with gateway, DNS servers and what lies outside of Foreman's own range as
    /// excluded ranges, and the addresses of all interfaces. Another IPAM must have the subnets, and gets the addresses.
    /// What is recorded already stays as it is, and where it differs it is shown, so that the command can be repeated.
    #[arg(long, required = cfg!(not(feature = "internal")))]
    from_foreman: bool,
    /// Show what would be imported, and change nothing.
    #[arg(long, requires = "from_foreman")]
    #[cfg_attr(feature = "internal", arg(conflicts_with = "file"))]
    dry_run: bool,
    /// Only this subnet, by its name in Foreman or as 192.0.2.0/24; may be given several times [default: all subnets].
    #[arg(long, value_name = "NAME|PREFIX", requires = "from_foreman")]
    #[cfg_attr(feature = "internal", arg(conflicts_with = "file"))]
    subnet: Vec<String>,
    /// The group in the IPAM that the subnets are in, as in Foreman's subnet form: Foreman's API does not show it.
    #[arg(long, value_name = "NAME", requires = "from_foreman", value_parser = new_group_name)]
    #[cfg_attr(feature = "internal", arg(conflicts_with = "file"))]
    group: Option<GroupName>,
    #[command(flatten)]
    connection: Connection,
    /// Ask nothing: what is missing is an error.
    #[arg(long, requires = "from_foreman")]
    #[cfg_attr(feature = "internal", arg(conflicts_with = "file"))]
    non_interactive: bool,
}

pub(super) fn run(arguments: &Arguments, directory: &Path) -> Outcome {
    #[cfg(feature = "internal")]
    if let Some(file) = &arguments.file {
        return store::import(file, &arguments.place, directory);
    }
    let settings = load(directory)?;
    let prompt = if arguments.non_interactive { Prompt::Never } else { Prompt::Ask };
    let foreman = arguments.connection.open(&settings, prompt)?;
    let inventory = runtime().block_on(Inventory::read(&foreman, &arguments.subnet))?;
    let report = into_ipam(arguments, &inventory, settings, directory)?;
    report.tell(&inventory, arguments.dry_run)
}

/// Imports into the IPAM of the settings, or into the store that is named.
fn into_ipam(
    arguments: &Arguments,
    inventory: &Inventory,
    settings: Settings,
    directory: &Path,
) -> Result<Report, CommandError> {
    let Arguments { group, dry_run, .. } = arguments;
    #[cfg(feature = "internal")]
    if arguments.place.is_named() || is_embedded(&settings) {
        return store::import_inventory(inventory, group.as_ref(), *dry_run, &arguments.place, directory);
    }
    #[cfg(not(feature = "internal"))]
    let _ = directory;
    runtime().block_on(provider::import(inventory, group.clone(), *dry_run, settings))
}

/// Is there no other IPAM than the embedded one?
#[cfg(feature = "internal")]
fn is_embedded(settings: &Settings) -> bool {
    settings.routes.iter().all(|route| route.provider == store::PROVIDER)
}

fn runtime() -> actix_web::rt::SystemRunner {
    actix_web::rt::System::new()
}
