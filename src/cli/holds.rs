//! `holds`: who holds what, and freeing it.
//!
//! A running proxy is asked over its control socket; without one the journal in the state directory is read, or the
//! database that several proxies share.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use ipam_provider::{GroupName, Prefix};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{say, say_json, say_table};
use super::running::{Running, listens};
use super::{CommandError, Outcome, load};
use crate::allocation::holds::{Database, Scope};
use crate::allocation::{Clock, GroupChoice, HeldAddress, Holds};
use crate::app::control_socket;
use crate::routes::Table;
use crate::telemetry::with_causes;

/// How long the running proxy may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How many holds are read from a database at a time.
const PAGE: usize = 1000;

/// Of `GET /ipam/holds`.
#[derive(Deserialize)]
struct Held {
    /// Each as [`HeldAddress`] is written.
    holds: Vec<Value>,
    /// Where the next page begins.
    next: Option<String>,
}

/// Of `DELETE /ipam/holds/{address}`.
#[derive(Deserialize)]
struct Released {
    message: String,
}

/// Arguments of `holds`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the addresses that are held now.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End the hold of an address; a reservation in the IPAM stays.
    Release {
        /// The address, such as 10.1.2.3.
        address: IpAddr,
        /// Its subnet, such as 10.1.2.0/24.
        #[arg(long)]
        subnet: Prefix,
        /// The subnet's group, if prefixes overlap.
        #[arg(long, default_value = "")]
        group: String,
    },
}

pub(super) fn run(command: Command, directory: &Path) -> Outcome {
    let settings = load(directory)?;
    let keys = settings.keys();
    let state = settings.server.state_directory;
    let database = settings.database.as_ref();
    let socket = control_socket(&state);
    let is_running = listens(&socket);
    actix_web::rt::System::new().block_on(async {
        match command {
            Command::List { json } => {
                let holds = if is_running {
                    ask_for_holds(socket).await?
                } else {
                    read_holds(&state, database).await?.iter().map(|hold| json!(hold)).collect()
                };
                show(&holds, json);
                Ok(())
            }
            Command::Release { address, subnet, group } if is_running => {
                release_in_running(socket, address, subnet, &group).await
            }
            Command::Release { address, subnet, group } => {
                let holds = match database {
                    Some(database) => shared(database)?,
                    None => Holds::open(&state, Clock::system()).map_err(CommandError::failed)?,
                };
                release_in(&holds, &keys, address, subnet, &group).await
            }
        }
    })
}

/// The holds in a database, or else by the journal in a state directory, whether a proxy runs or not.
pub(super) async fn read_holds(state: &Path, database: Option<&Database>) -> Result<Vec<HeldAddress>, CommandError> {
    let Some(database) = database else {
        return Holds::read(state, &Clock::system()).map_err(|error| {
            CommandError::failed(format!("the holds in {} cannot be read: {error}", state.display()))
        });
    };
    let holds = shared(database)?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = holds.page(after.as_deref(), PAGE).await;
        let page = page.map_err(|error| CommandError::failed(with_causes(&error)))?;
        all.extend(page.holds);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(all),
        }
    }
}

fn shared(database: &Database) -> Result<Holds, CommandError> {
    Holds::shared(database.clone()).map_err(|error| CommandError::failed(with_causes(&error)))
}

async fn ask_for_holds(socket: PathBuf) -> Result<Vec<Value>, CommandError> {
    let running = Running::at(socket, ANSWER_WITHIN)?;
    let (mut holds, mut query) = (Vec::new(), Vec::new());
    loop {
        let page: Held = running.read(Method::GET, "/ipam/holds", &query).await?;
        holds.extend(page.holds);
        match page.next {
            Some(next) => query = vec![("after", next)],
            None => return Ok(holds),
        }
    }
}

async fn release_in_running(socket: PathBuf, address: IpAddr, subnet: Prefix, group: &str) -> Outcome {
    let path = format!("/ipam/holds/{address}");
    let query = [("subnet", subnet.to_string()), ("group", group.to_owned())];
    let answer: Released = Running::at(socket, ANSWER_WITHIN)?.read(Method::DELETE, &path, &query).await?;
    say(answer.message);
    Ok(())
}

async fn release_in(holds: &Holds, keys: &Table<String>, address: IpAddr, subnet: Prefix, group: &str) -> Outcome {
    let group = GroupChoice::of(GroupName::new(group));
    let released = holds.release(|scope| is_current(keys, scope), subnet, &group, address).await;
    if !released.map_err(|error| CommandError::failed(with_causes(&error)))? {
        return Err(CommandError::failed("the address is not held; 'holds list' shows what is"));
    }
    say(format!("IP address {address} is not held any more"));
    Ok(())
}

/// Do the settings lead to the IPAM of this scope?
fn is_current(keys: &Table<String>, scope: &Scope) -> bool {
    keys.of_subnet(scope.prefix, scope.group.as_ref()).is_some_and(|key| **key == *scope.space.provider)
}

fn show(holds: &[Value], json: bool) {
    if json {
        say_json(&holds);
        return;
    }
    let ipams: BTreeSet<String> = holds.iter().map(|hold| text(hold, "provider")).collect();
    if ipams.len() > 1 {
        // Groups and prefixes of several IPAMs may be the same.
        say_columns(
            holds,
            [
                ("IPAM", "provider"),
                ("GROUP", "group"),
                ("SUBNET", "prefix"),
                ("ADDRESS", "address"),
                ("STATE", "state"),
                ("MAC", "mac"),
                ("SINCE", "since"),
                ("UNTIL", "until"),
            ],
        );
    } else {
        say_columns(
            holds,
            [
                ("GROUP", "group"),
                ("SUBNET", "prefix"),
                ("ADDRESS", "address"),
                ("STATE", "state"),
                ("MAC", "mac"),
                ("SINCE", "since"),
                ("UNTIL", "until"),
            ],
        );
    }
}

fn say_columns<const N: usize>(holds: &[Value], columns: [(&str, &str); N]) {
    let row = |hold| columns.map(|(_, key)| text(hold, key));
    let rows: Vec<[String; N]> = holds.iter().map(row).collect();
    say_table(columns.map(|(title, _)| title), &rows);
}

fn text(object: &Value, key: &str) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or("-").to_owned()
}
