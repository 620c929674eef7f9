//! `/ledger`: who did what with which address, and when.

use std::sync::Arc;

use actix_web::web::Json;
use ipam_provider::Mac;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::page::{Page, cursor, from_cursor, limit, wrong_cursor};
use super::params::{Params, group, parsed};
use super::paths::Path;
use super::problem::{Code, Problem, ProblemBody};
use crate::caller::Role;
use crate::http::state::{Now, Serving};
use crate::ledger::{Entry, Ledger, LedgerError, Query as Question, Records, Subject};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/ledger").get(Role::Reader, list)]
}

/// A write, and how it ended.
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "sequence": 4711, "time": "2026-11-20T17:19:08.123456Z", "door": "api", "caller": "token deploy",
    "request": "0a1b2c3d-0000-4000-8000-000000000000", "operation": "add", "outcome": "done", "provider": "netbox",
    "group": "Production", "prefix": "192.0.2.0/24", "address": "192.0.2.7", "mac": "00:00:5e:00:53:07",
    "host_name": "web7.example.com", "message": null,
}))]
pub(super) struct LedgerEntry {
    /// The number of the entry.
    sequence: i64,
    /// When the outcome was known (RFC 3339).
    time: String,
    /// The door that it came through: `foreman`, `api`; null for what the proxy did by itself.
    door: Option<String>,
    /// The caller, such as `token deploy` or `certificate foreman.example.com`.
    caller: Option<String>,
    /// The id of the request, as in the log.
    request: Option<String>,
    /// `add`, `delete`, `restore` or `change`.
    operation: String,
    /// `done`, `unanswered`, `nothing`, `failed` or `unknown`.
    outcome: String,
    /// The IPAM, by the name of its settings.
    provider: String,
    /// The subnet's group.
    group: Option<String>,
    /// The subnet's prefix.
    prefix: String,
    /// The address.
    address: String,
    /// The host's MAC, if it was known.
    mac: Option<String>,
    /// The host's name in lower case, if it was known.
    host_name: Option<String>,
    /// Why it ended so.
    message: Option<String>,
}

impl LedgerEntry {
    /// Its number.
    pub(super) fn sequence(&self) -> i64 {
        self.sequence
    }

    pub(super) fn of(entry: Entry) -> Self {
        let Entry { sequence, record } = entry;
        Self {
            sequence,
            time: record.at.to_string(),
            door: record.door,
            caller: record.caller,
            request: record.request,
            operation: record.operation.word().to_owned(),
            outcome: record.outcome.word().to_owned(),
            provider: record.provider,
            group: record.group.map(|group| group.to_string()),
            prefix: record.prefix.to_string(),
            address: record.address.to_string(),
            mac: record.mac.map(|mac| mac.to_string()),
            host_name: record.host_name,
            message: record.message,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only of this address. At most one of `address`, `mac` and `host` may be given.
    address: Option<String>,
    /// Only of the host with this MAC.
    mac: Option<String>,
    /// Only of the host with this name; upper and lower case are the same.
    host: Option<String>,
    /// Only of subnets in this group.
    group: Option<String>,
    /// Not what happened before this time (RFC 3339).
    since: Option<String>,
    /// Not what happened at this time or later (RFC 3339).
    until: Option<String>,
    /// How many entries at most, from 1 to 1000; 100 unless given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

const LIST: &str = "ledger";

/// How many pages are looked through for entries of a caller's own groups, before an empty one is answered.
const PAGES_AT_MOST: usize = 20;

/// List what was written
///
/// By time, the oldest first. Every write through the proxy is recorded, also one that failed.
#[utoipa::path(
    get, path = "/ledger", tag = "Ledger", params(Query),
    responses(
        (status = 200, description = "A page of entries", body = Page<LedgerEntry>),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    Params(query): Params<Query>,
    access: Access,
    now: Now,
) -> Result<Json<Page<LedgerEntry>>, Problem> {
    let limit = limit(query.limit)?;
    let question = question(&query, &access)?;
    let from = from_cursor(LIST, query.cursor.as_deref())?;
    let mut after = from.map(|text| text.parse().map_err(|()| wrong_cursor())).transpose()?;
    let records = records(&now)?;
    let mut own = Vec::new();
    for _ in 0..PAGES_AT_MOST {
        let (page, next) = records.page(&question, after, limit).await.map_err(|error| unusable(&error))?;
        own.extend(page.into_iter().filter(|entry| access.sees(entry.record.group.as_ref())));
        after = next;
        if !own.is_empty() || after.is_none() {
            break;
        }
    }
    let next_cursor = after.map(|next| cursor(LIST, &next.to_string()));
    Ok(Json(Page { items: own.into_iter().map(LedgerEntry::of).collect(), next_cursor }))
}

fn question(query: &Query, access: &Access) -> Result<Question, Problem> {
    let address = parsed("address", query.address.as_deref())?.map(Subject::Address);
    let mac = parsed::<Mac>("mac", query.mac.as_deref())?.map(Subject::Mac);
    let host = query.host.as_deref().map(|name| Subject::HostName(name.to_ascii_lowercase()));
    let mut subjects = [address, mac, host].into_iter().flatten();
    let subject = subjects.next().unwrap_or_default();
    if subjects.next().is_some() {
        return Err(Problem::invalid("address", "Give at most one of the parameters address, mac and host"));
    }
    let mut group = group(query.group.as_deref())?;
    if group.is_some() {
        access.expect(group.as_ref())?;
    } else if let Some([only]) = access.groups() {
        group = Some(only.clone());
    }
    let since: Option<Timestamp> = parsed("since", query.since.as_deref())?;
    let before: Option<Timestamp> = parsed("until", query.until.as_deref())?;
    Ok(Question { subject, group, since, before })
}

/// The open ledger.
pub(super) fn records(now: &Serving) -> Result<Arc<Records>, Problem> {
    let is_kept = now.ledger.as_ref().filter(|ledger| ledger.days() > 0);
    let ledger = is_kept.ok_or_else(|| {
        Problem::new(Code::NotSupported, "This proxy keeps no ledger: ledger_days is 0 in externalipam.yml")
    })?;
    Ledger::records(ledger).ok_or_else(|| Problem::new(Code::Unavailable, "The ledger cannot be read now"))
}

pub(super) fn unusable(error: &LedgerError) -> Problem {
    log::error!("{error}");
    Problem::new(Code::Unavailable, "The ledger cannot be read now; the proxy's log says why")
}
