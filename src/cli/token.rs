//! `token`: who may use the management API without a client certificate.
//!
//! The tokens are read and changed where they are, whether a proxy runs or not: a proxy looks each one up when it is shown.

use std::path::Path;

use clap::Subcommand;
use ipam_provider::GroupName;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::group_name::group_name;
use super::output::{say, say_json, say_table, warn};
use super::time::end;
use super::{CommandError, Outcome, load};
use crate::caller::{Grant, Role};
use crate::settings::Settings;
use crate::tokens::{Table, Token};

pub(super) const EXAMPLES: &str = "\
Examples:
  A token that may read everything, for a monitoring system:
    foreman-ipam-proxy token add monitoring --role reader
  A token that may allocate in one group, until the end of the year:
    foreman-ipam-proxy token add deploy --role operator --group Production --expires 2026-12-31
  Use it:
    curl --cacert ca.pem -H \"Authorization: Bearer $TOKEN\" https://proxy.example.com:8444/api/v1/groups
  End it:
    foreman-ipam-proxy token revoke deploy";

/// Arguments of `token`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token, and print it. It is shown this once; only a hash of it is kept.
    Add {
        /// A name for it, which the ledger has with each of its writes: letters, digits, '-', '_', '.' and '@'.
        name: String,
        /// What it may do: a reader reads, an operator also allocates, annotates and releases, an admin may do everything.
        #[arg(long, value_name = "reader|operator|admin", value_parser = role)]
        role: Role,
        /// See and change only what is in this group. It may be given several times.
        #[arg(long, value_parser = group_name)]
        group: Vec<GroupName>,
        /// Until when it is accepted: a date, whose whole day is meant, a date and time, or RFC 3339. Without an offset it
        /// is local time.
        #[arg(long, value_name = "TIME", value_parser = end)]
        expires: Option<Timestamp>,
    },
    /// List all tokens by name, those that have expired too.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End a token. A running proxy refuses it from now on.
    Revoke {
        /// Its name.
        name: String,
    },
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: crate::caller::RoleError| error.to_string())
}

pub(super) fn run(command: Command, directory: &Path) -> Outcome {
    let settings = load(directory)?;
    actix_web::rt::System::new().block_on(async {
        let place = Table::place(&settings.server.state_directory, settings.database.as_ref());
        match command {
            Command::Add { name, role, group, expires } => {
                if expires.is_some_and(|expires| expires <= Timestamp::now()) {
                    return Err(CommandError::failed("--expires is in the past; the token could never be used"));
                }
                let groups = (!group.is_empty()).then(|| group.into());
                let table = Table::open_or_create(place).map_err(CommandError::failed)?;
                let token = table.add(&name, &Grant { role, groups }, expires).await.map_err(CommandError::failed)?;
                say(token.expose_secret());
                warn_if_off(&settings);
                Ok(())
            }
            Command::List { json } => {
                let table = Table::open(place).map_err(CommandError::failed)?;
                show(&table.list().await.map_err(CommandError::failed)?, json);
                Ok(())
            }
            Command::Revoke { name } => {
                let table = Table::open(place.clone()).map_err(CommandError::failed)?;
                // Where there are no tables yet, none are made for this.
                if !table.list().await.map_err(CommandError::failed)?.iter().any(|token| *token.name == *name) {
                    return Err(CommandError::failed(crate::tokens::TokenError::Missing(name)));
                }
                drop(table);
                let table = Table::open_or_create(place).map_err(CommandError::failed)?;
                table.revoke(&name).await.map_err(CommandError::failed)?;
                say(format!("The token {name} is revoked"));
                Ok(())
            }
        }
    })
}

fn warn_if_off(settings: &Settings) {
    if settings.api.listener.is_none() {
        warn(&"the management API is off; set enabled in settings.d/api.yml, and restart the proxy");
    }
}

fn show(tokens: &[Token], json: bool) {
    if json {
        say_json(&tokens.iter().map(object).collect::<Vec<_>>());
        return;
    }
    let rows: Vec<_> = tokens.iter().map(row).collect();
    say_table(["NAME", "ROLE", "GROUPS", "MADE", "EXPIRES", "LAST USED"], &rows);
}

fn names(token: &Token) -> Option<Vec<&str>> {
    token.grant.groups.as_deref().map(|groups| groups.iter().map(GroupName::as_str).collect())
}

fn object(token: &Token) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "name": *token.name,
        "role": token.grant.role.name(),
        "groups": names(token),
        "created": token.created.to_string(),
        "expires": time(token.expires),
        "expired": token.has_expired(Timestamp::now()),
        "last_used": time(token.used),
    })
}

fn row(token: &Token) -> [String; 6] {
    let local = |time: Timestamp| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    let or_never = |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), local);
    let expires = or_never(token.expires);
    [
        token.name.to_string(),
        token.grant.role.to_string(),
        names(token).map_or_else(|| "all".to_owned(), |names| names.join(", ")),
        local(token.created),
        if token.has_expired(Timestamp::now()) { format!("{expires} (over)") } else { expires },
        or_never(token.used),
    ]
}
