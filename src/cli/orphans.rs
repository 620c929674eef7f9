//! `orphans`: addresses that were added for hosts which Foreman does not have.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use clap::Subcommand;
use ipam_provider::{GroupName, titled};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::compared::Compared;
use super::group_name::group_name;
use super::output::{say, say_json, say_table, shown, warn};
use super::prompt::Prompt;
use super::{CommandError, Outcome};
use crate::ledger::Standing;
use crate::orphans::{Found, Search, release};

/// What the ledger says of a release.
const WHY: &str = "an orphan: Foreman has no host with it (orphans release)";

/// Arguments of `orphans`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the orphans: Foreman and the IPAM are asked now.
    ///
    /// An address is one when Foreman has added it through the proxy longer than orphan_after_seconds ago, no host in Foreman has
    /// it on any interface, and its record in the IPAM is still the one that the proxy has made.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Release orphans in the IPAM. Foreman and the IPAM are asked first: what is no orphan is never released.
    Release {
        /// The addresses, as 'orphans list' shows them.
        #[arg(value_name = "ADDRESS", required_unless_present = "all", conflicts_with = "all")]
        addresses: Vec<IpAddr>,
        /// Release all orphans; they are shown first.
        #[arg(long)]
        all: bool,
        /// Only orphans in this group, where several groups have an address.
        #[arg(long, value_parser = group_name)]
        group: Option<GroupName>,
        /// Do not ask before all are released.
        #[arg(long, requires = "all")]
        yes: bool,
    },
}

pub(super) fn run(command: Command, directory: &Path) -> Outcome {
    actix_web::rt::System::new().block_on(async {
        match command {
            Command::List { json } => {
                let compared = Compared::open(directory, false)?;
                let found = search(&compared).await?;
                list(&found.orphans, json);
                complete(&found)
            }
            Command::Release { addresses, all: _, group, yes } => {
                let compared = Compared::open(directory, true)?;
                let outcome = release_some(&compared, &addresses, group.as_ref(), yes).await;
                compared.finish().await;
                outcome
            }
        }
    })
}

async fn search(compared: &Compared) -> Result<Found, CommandError> {
    let Some(ledger) = &compared.ledger else {
        warn(&"there is no ledger, so that it is not known what was added through the proxy");
        return Ok(Found::default());
    };
    let (inventory, taken) = compared.inventory().await?;
    let (allocator, after) = (compared.allocator(), compared.after());
    let search = Search { ledger, allocator, inventory: &inventory, taken, after };
    search.run().await.map_err(CommandError::failed)
}

/// Says what could not be looked at.
fn complete(found: &Found) -> Outcome {
    for (address, failure) in &found.unread {
        warn(&format!("{address} may be one, and cannot be looked at in the IPAM: {failure}"));
    }
    if found.unread.is_empty() { Ok(()) } else { Err(CommandError::Said(1)) }
}

async fn release_some(compared: &Compared, addresses: &[IpAddr], group: Option<&GroupName>, yes: bool) -> Outcome {
    let found = search(compared).await?;
    let is_meant = |orphan: &&Standing| {
        (addresses.is_empty() || addresses.contains(&orphan.address))
            && (group.is_none() || orphan.group.as_ref() == group)
    };
    let meant: Vec<&Standing> = found.orphans.iter().filter(is_meant).collect();
    let mut is_well = true;
    for address in addresses {
        match meant.iter().filter(|orphan| orphan.address == *address).count() {
            0 => {
                is_well = false;
                warn(&format!("{address} is no orphan and is not released; 'orphans list' shows what is"));
            }
            1 => {}
            _ => {
                return Err(CommandError::failed(format!(
                    "{address} is an orphan in several groups; choose one with --group"
                )));
            }
        }
    }
    let Some(ledger) = compared.ledger.as_ref().filter(|_| !meant.is_empty()) else {
        if addresses.is_empty() {
            say("there are no orphans");
        }
        return if is_well { complete(&found) } else { Err(CommandError::Said(1)) };
    };
    if addresses.is_empty() && !yes {
        table(&meant);
        let question = format!("Release {} in the IPAM?", numbered(meant.len()));
        if Prompt::Ask.confirm(&question, false)? != Some(true) {
            return Err(CommandError::failed("nothing is released; answer yes, or give --yes"));
        }
    }
    for orphan in meant {
        let place = titled(orphan.prefix, orphan.group.as_ref());
        match release(compared.allocator(), ledger, orphan, WHY).await {
            Ok(true) => say(format!("{} in {place} is released", orphan.address)),
            Ok(false) => say(format!("{} in {place} was not reserved any more", orphan.address)),
            Err(why) => {
                is_well = false;
                warn(&format!("{} in {place} is not released: {why}", orphan.address));
            }
        }
    }
    if is_well { complete(&found) } else { Err(CommandError::Said(1)) }
}

fn numbered(number: usize) -> String {
    if number == 1 { "this orphan".to_owned() } else { format!("these {number} orphans") }
}

fn list(orphans: &[Standing], json: bool) {
    if json {
        let rows: Vec<Value> = orphans.iter().map(to_json).collect();
        say_json(&rows);
    } else if orphans.is_empty() {
        say("there are no orphans");
    } else {
        table(&orphans.iter().collect::<Vec<_>>());
    }
}

fn to_json(orphan: &Standing) -> Value {
    json!({
        "provider": orphan.provider,
        "group": orphan.group.as_ref().map(GroupName::as_str),
        "prefix": orphan.prefix.to_string(),
        "address": orphan.address.to_string(),
        "added": orphan.since.to_string(),
        "mac": orphan.mac.map(|mac| mac.to_string()),
        "host_name": orphan.host_name,
    })
}

fn table(orphans: &[&Standing]) {
    let ipams: BTreeSet<&str> = orphans.iter().map(|orphan| orphan.provider.as_str()).collect();
    let dash = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| shown(&text));
    let row = |orphan: &&Standing| {
        let added = orphan.since.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let group = dash(orphan.group.as_ref().map(|group| group.as_str().to_owned()));
        let ipam = if ipams.len() > 1 { orphan.provider.clone() } else { "-".to_owned() };
        let (mac, host) = (dash(orphan.mac.map(|mac| mac.to_string())), dash(orphan.host_name.clone()));
        [orphan.address.to_string(), added, mac, host, orphan.prefix.to_string(), group, ipam]
    };
    let rows: Vec<_> = orphans.iter().map(row).collect();
    say_table(["ADDRESS", "ADDED", "MAC", "HOST", "SUBNET", "GROUP", "IPAM"], &rows);
}
