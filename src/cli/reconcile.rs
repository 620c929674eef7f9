//! `reconcile`: the differences between Foreman, the ledger and the IPAM.

use std::path::Path;

use clap::Args;
use ipam_provider::GroupName;
use serde_json::{Value, json};

use super::compared::Compared;
use super::output::{say, say_json, say_table, shown, warn};
use super::prompt::Prompt;
use super::{CommandError, Outcome};
use crate::reconcile::{Difference, Kind, Report, Restored, Sources, restore};

pub(super) const EXAMPLES: &str = "\
Examples:
  What differs, in a table:
    foreman-ipam-proxy reconcile
  The same for a program:
    foreman-ipam-proxy reconcile --report --json
  Reserve what hosts in Foreman have and the IPAM lacks, without a question:
    foreman-ipam-proxy reconcile --restore --yes";

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show the differences and change nothing, which is done without any option too.
    #[arg(long)]
    report: bool,
    /// Reserve again what a host in Foreman has and the IPAM lacks.
    ///
    /// It is shown first. A record that the IPAM has of such an address meanwhile is never changed.
    #[arg(long, conflicts_with = "report")]
    restore: bool,
    /// Print JSON.
    #[arg(long, conflicts_with = "restore")]
    json: bool,
    /// Do not ask before addresses are reserved.
    #[arg(long, requires = "restore")]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, directory: &Path) -> Outcome {
    actix_web::rt::System::new().block_on(async {
        let compared = Compared::open(directory, arguments.restore)?;
        if !arguments.restore {
            let report = compare(&compared).await?;
            show(&report, arguments.json);
            return complete(&report);
        }
        let outcome = restore_missing(&compared, arguments.yes).await;
        compared.finish().await;
        outcome
    })
}

async fn compare(compared: &Compared) -> Result<Report, CommandError> {
    let (inventory, taken) = compared.inventory().await?;
    let sources = Sources {
        ledger: compared.ledger.as_ref(),
        allocator: compared.allocator(),
        inventory: &inventory,
        taken,
        after: compared.after(),
    };
    sources.compare().await.map_err(CommandError::failed)
}

fn show(report: &Report, json: bool) {
    if json {
        let differences: Vec<Value> = report.differences.iter().map(Difference::json).collect();
        let not_compared =
            report.not_compared.iter().map(|(prefix, why)| json!({"prefix": prefix.to_string(), "why": why}));
        say_json(&json!({
            "subnets": report.compared.0,
            "addresses_in_foreman": report.compared.1,
            "differences": differences,
            "not_compared": not_compared.collect::<Vec<_>>(),
            "leaked_not_looked_for": report.not_whole,
        }));
        return;
    }
    if !report.differences.is_empty() {
        table(&report.differences.iter().collect::<Vec<_>>());
    }
    let (subnets, addresses) = report.compared;
    let counts = Kind::ALL.map(|kind| {
        let number = report.differences.iter().filter(|found| found.kind == kind).count();
        format!("{number} {}", kind.told())
    });
    say(format!("{subnets} subnets with {addresses} addresses of hosts: {}", counts.join(", ")));
}

/// Says what could not be compared.
fn complete(report: &Report) -> Outcome {
    if let Some(why) = &report.not_whole {
        warn(&format!("leaked addresses are not looked for, because Foreman may have more hosts than it shows: {why}"));
    }
    for (prefix, why) in &report.not_compared {
        warn(&format!("the subnet {prefix} is not compared: {why}"));
    }
    let is_complete = report.not_whole.is_none() && report.not_compared.is_empty();
    if is_complete { Ok(()) } else { Err(CommandError::Said(1)) }
}

async fn restore_missing(compared: &Compared, yes: bool) -> Outcome {
    let mut report = compare(compared).await?;
    let is_missing = |found: &&Difference| found.kind == Kind::Missing;
    if !report.differences.iter().any(|found| is_missing(&found)) {
        say("no address of a host is missing in the IPAM");
        return complete(&report);
    }
    if !yes {
        let missing: Vec<_> = report.differences.iter().filter(is_missing).collect();
        table(&missing);
        let question = format!("Reserve what is missing in the IPAM, {} addresses?", missing.len());
        if Prompt::Ask.confirm(&question, false)? != Some(true) {
            return Err(CommandError::failed("nothing is reserved; answer yes, or give --yes"));
        }
        // An answer may take long.
        let confirmed: Vec<_> = missing.iter().map(|found| (found.prefix, found.address)).collect();
        report = compare(compared).await?;
        report.differences.retain(|found| confirmed.contains(&(found.prefix, found.address)));
    }
    let mut is_well = true;
    for missing in report.differences.iter().filter(is_missing) {
        let Difference { address, prefix, hosts, .. } = missing;
        match restore(compared.allocator(), compared.ledger.as_ref(), missing).await {
            Ok(Restored::Done) => say(format!("{address} in {prefix} is reserved for {}", shown(&hosts.join(", ")))),
            Ok(Restored::Not(why)) => {
                is_well = false;
                warn(&format!("{address} in {prefix} is not reserved: {why}"));
            }
            Err(error) => return Err(CommandError::failed(error)),
        }
    }
    if is_well { complete(&report) } else { Err(CommandError::Said(1)) }
}

fn table(differences: &[&Difference]) {
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { shown(&text) };
    let text = |value: Option<String>| dash(value.unwrap_or_default());
    let row = |found: &&Difference| {
        let (host, mac) = &found.recorded;
        [
            found.address.to_string(),
            found.kind.told().to_owned(),
            dash(found.hosts.join(", ")),
            text(found.mac.map(|mac| mac.to_string())),
            text(host.clone()),
            text(mac.map(|mac| mac.to_string())),
            found.prefix.to_string(),
            text(found.group.as_ref().map(|group: &GroupName| group.as_str().to_owned())),
            text(found.remark()),
        ]
    };
    let rows: Vec<_> = differences.iter().map(row).collect();
    say_table(
        ["ADDRESS", "WHAT", "IN FOREMAN", "MAC", "RECORDED HOST", "RECORDED MAC", "SUBNET", "GROUP", "WHY"],
        &rows,
    );
}
