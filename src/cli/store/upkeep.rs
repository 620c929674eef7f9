//! `store`: the file of the embedded IPAM.

use std::path::PathBuf;

use clap::Subcommand;
use ipam_store::{Finding, Scope, Store};

use super::place::Located;
use super::values::shown;
use crate::cli::output::{say, say_json};
use crate::cli::{CommandError, Outcome};

/// Arguments of `store`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Print where the file is, or would be.
    Path,
    /// Check that everything holds that must hold in the store. Reads every record.
    Verify {
        /// Work out anew which addresses are free in the subnets where that is wrong; records do not change.
        #[arg(long)]
        repair: bool,
        /// Print what is wrong as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy the store to a new file, from one moment, whether it is in use or not. Copying the file itself is not safe.
    Backup {
        /// The file to create.
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
}

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Path => say(located.path().display()),
        Command::Verify { repair, json } => {
            let mut store = located.open()?;
            let mut findings = store.verify()?;
            if repair && self::repair(&mut store, &findings)? {
                located.end_batches();
                findings = store.verify()?;
            }
            return report(&findings, json, located);
        }
        Command::Backup { to } => {
            located.open()?.backup(&to)?;
            say(format!("The address store is copied to {}", to.display()));
        }
    }
    Ok(())
}

/// Puts right what can be; tells whether anything was.
fn repair(store: &mut Store, findings: &[Finding]) -> Result<bool, CommandError> {
    let wrong: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.rebuild_helps)
        .filter_map(|finding| finding.subnet.as_deref())
        .collect();
    if wrong.is_empty() {
        return Ok(false);
    }
    store.write(|writing| {
        for subnet in writing.subnets_in(&Scope::Anywhere)? {
            if wrong.contains(&subnet.to_string().as_str()) {
                writing.rebuild_extents(subnet.id)?;
            }
        }
        Ok(())
    })?;
    Ok(true)
}

fn report(findings: &[Finding], json: bool, located: &Located) -> Outcome {
    let path = located.path().display();
    if json {
        say_json(&findings);
    } else {
        for Finding { subnet, what, .. } in findings {
            let subnet = subnet.as_ref().map(|subnet| format!("subnet {subnet}: ")).unwrap_or_default();
            say(shown(&format!("{subnet}{what}")));
        }
    }
    if findings.is_empty() {
        if !json {
            say(format!("The address store {path} is in order"));
        }
        return Ok(());
    }
    let advice = if findings.iter().all(|finding| finding.rebuild_helps) {
        "'store verify --repair' puts this right"
    } else {
        "restore it from a backup, or export it and import that into a new one"
    };
    Err(CommandError::failed(format!("the address store {path} is not in order; {advice}")))
}
