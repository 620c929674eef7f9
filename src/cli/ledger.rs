//! `ledger`: who did what with which address, and when.
//!
//! The ledger is read where it is, whether a proxy runs or not.

use std::net::IpAddr;
use std::path::Path;

use clap::Args;
use ipam_provider::{GroupName, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::group_name::group_name;
use super::output::{say, say_table, shown, warn};
use super::time::{beginning, end};
use super::{CommandError, Outcome, load};
use crate::ledger::{Entry, LedgerError, Place, Query, Record, Records, Subject};

/// How many records are read at a time.
const PAGE: usize = 1000;

/// How much of a request's id is shown, as in the log.
const REQUEST: usize = 8;

pub(super) const EXAMPLES: &str = "\
Examples:
  Who had 10.1.2.3 on 3 May:
    foreman-ipam-proxy ledger --address 10.1.2.3 --since 2026-05-03 --until 2026-05-03
  All that was ever done for a host, for a program:
    foreman-ipam-proxy ledger --host web01.example.com --json
  What happened in a group since 9 o'clock:
    foreman-ipam-proxy ledger --group Production --since '2026-05-03 09:00'";

/// Arguments of `ledger`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Records of this address. With --since, also the last one before that time, which says who had it then.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["mac", "host"])]
    address: Option<IpAddr>,
    /// Records of the host with this MAC address.
    #[arg(long, conflicts_with = "host")]
    mac: Option<Mac>,
    /// Records of the host with this name, as it was recorded; upper and lower case are the same.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Records of subnets in this group.
    #[arg(long, value_parser = group_name)]
    group: Option<GroupName>,
    /// Not what happened before: a date, a date and time, or RFC 3339. Without an offset it is local time.
    #[arg(long, value_name = "TIME", value_parser = beginning)]
    since: Option<Timestamp>,
    /// Not what happened after: a time as for --since, or a date, whose whole day is meant.
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<Timestamp>,
    /// Print JSON, one record a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments, directory: &Path) -> Outcome {
    let Arguments { address, mac, host, group, since, until: before, json } = arguments;
    if since.zip(before).is_some_and(|(since, before)| since >= before) {
        return Err(CommandError::failed("--until is before --since; nothing can be between them"));
    }
    let settings = load(directory)?;
    let place = Place::of(&settings.server.state_directory, settings.database.as_ref());
    let subject = match (address, mac, host) {
        (Some(address), ..) => Subject::Address(address),
        (_, Some(mac), _) => Subject::Mac(mac),
        (.., Some(name)) => Subject::HostName(name.to_ascii_lowercase()),
        _ => Subject::Any,
    };
    let query = Query { subject, group, since, before };
    let found = actix_web::rt::System::new().block_on(show(place, &query, json));
    match found {
        Ok(true) => {}
        Ok(false) => warn(&"the ledger has no such record"),
        // Before the first start nothing has been written either.
        Err(error @ LedgerError::Missing(_)) => warn(&error),
        Err(error) => return Err(CommandError::failed(error)),
    }
    Ok(())
}

/// Prints the records, and answers whether there was any.
async fn show(place: Place, query: &Query, json: bool) -> Result<bool, LedgerError> {
    let records = Records::open(place)?;
    let mut entries = Vec::new();
    if let (Subject::Address(address), Some(since)) = (&query.subject, query.since) {
        entries.extend(records.last_before(*address, query.group.as_ref(), since).await?);
    }
    let (mut is_any, mut after) = (false, None);
    loop {
        let (page, next) = records.page(query, after, PAGE).await?;
        entries.extend(page);
        is_any |= !entries.is_empty();
        if json {
            entries.drain(..).for_each(|entry| say(entry.json()));
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if !entries.is_empty() {
        let rows: Vec<_> = entries.iter().map(row).collect();
        say_table(["TIME", "ADDRESS", "WHAT", "MAC", "HOST", "SUBNET", "GROUP", "IPAM", "BY", "REQUEST", "WHY"], &rows);
    }
    Ok(is_any)
}

fn row(entry: &Entry) -> [String; 11] {
    let record = &entry.record;
    let Record { at, caller, request, provider, group, prefix, address, mac, host_name, message, .. } = record;
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), shown);
    [
        at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        address.to_string(),
        record.told().to_owned(),
        mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string()),
        or_dash(host_name.as_deref()),
        prefix.to_string(),
        or_dash(group.as_ref().map(GroupName::as_str)),
        provider.clone(),
        or_dash(caller.as_deref().or_else(|| record.door.is_none().then_some("the proxy itself"))),
        or_dash(request.as_deref().map(|request| &request[..request.len().min(REQUEST)])),
        or_dash(message.as_deref()),
    ]
}
