//! `store`: the file of the embedded IPAM.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use ipam_provider::database::Database;
use ipam_store::{Finding, Scope, Store, StoreError};

use super::place::Located;
use super::progress::Bar;
use super::transfer::counted;
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
    /// Copy all records into a new or empty store, and compare the two: all of them, or none when something is in the way.
    ///
    /// What is recorded while it runs is not in the copy: stop the service if the copy is to take the place of the store. Holds
    /// are not copied.
    Copy {
        /// The file to create; or 'database' for that of the settings; or another, such as postgresql://ipam@db.example.com/ipam.
        #[arg(long, value_name = "FILE|database|URL")]
        to: OsString,
        /// The file that holds the password for the database.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// How long the database may take to answer a new connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What `--to` says for the database of the settings.
const IN_DATABASE: &str = "database";

pub(super) fn run(command: Command, located: &Located) -> Outcome {
    match command {
        Command::Path => say(located.place()),
        Command::Verify { repair, json } => {
            let mut store = located.open()?;
            let mut findings = verify(&store)?;
            if repair && self::repair(&mut store, &findings)? {
                located.end_batches();
                findings = verify(&store)?;
            }
            return report(&findings, json, located);
        }
        Command::Backup { to } => {
            located.open()?.backup(&to)?;
            say(format!("The address store is copied to {}", to.display()));
        }
        Command::Copy { to, password_file } => return copy(located, &to, password_file),
    }
    Ok(())
}

fn copy(located: &Located, to: &OsStr, password_file: Option<PathBuf>) -> Outcome {
    let store = located.open()?;
    let (copied, place) = match database(located, to, password_file)? {
        Some(database) => {
            let mut copy = Store::open_database(&database)?;
            (store.copy_into(&mut copy, &Bar::new())?, database.to_string())
        }
        None => (store.copy(to.as_ref(), &Bar::new())?, Path::new(to).display().to_string()),
    };
    say(format!("Copied {} to {place}", counted(copied)));
    Ok(())
}

/// The database that is named; `None` for a file.
fn database(located: &Located, to: &OsStr, password_file: Option<PathBuf>) -> Result<Option<Database>, CommandError> {
    let url = to.to_str().filter(|text| ["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme)));
    match (url, password_file) {
        (Some(url), password_file) => Database::new(url, password_file, CONNECT_WITHIN)
            .map(Some)
            .map_err(|error| CommandError::failed(format!("--to: {error}"))),
        (None, Some(_)) => Err(CommandError::failed("--password-file is for the URL of a database; --to names none")),
        (None, None) if to == IN_DATABASE => match located.database() {
            Some(database) => Ok(Some(database.clone())),
            None => Err(CommandError::failed(
                "--to database is that of database_url in settings.yml, which is not set; a file of this name is ./database",
            )),
        },
        (None, None) => Ok(None),
    }
}

fn verify(store: &Store) -> Result<Vec<Finding>, StoreError> {
    let bar = Bar::new();
    store.read(|reading| reading.verify(&bar))
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
    let path = located.place();
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
