//! `/events`: the ledger as it grows, for programs that follow it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::{self, Access};
use super::ledger::{LedgerEntry, records, unusable};
use super::page::limit;
use super::params::{Params, group};
use super::paths::Path;
use super::problem::{Code, Problem, ProblemBody};
use crate::caller::Role;
use crate::http::state::{Now, shared};
use crate::ledger::{Filter, Records};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/events").get(Role::Reader, list)]
}

/// Entries of the ledger after a place in it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [], "after": 4711, "is_end": true}))]
pub(super) struct Events {
    /// The entries by sequence. There may be none, and more after `after`.
    items: Vec<LedgerEntry>,
    /// The `after` of the next call.
    after: i64,
    /// There are no more entries now.
    is_end: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Query {
    /// Only entries with a higher sequence; 0, for all, unless given. A stream takes the header `Last-Event-ID` too.
    after: Option<i64>,
    /// Only entries of subnets in this group.
    group: Option<String>,
    /// How many entries at most, from 1 to 1000; 100 unless given. A stream has no end.
    limit: Option<usize>,
}

/// How often a stream looks for more.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many looks without an entry come before a line that shows that the stream lives. A connection without output is closed
/// after 10 seconds.
const QUIET_LOOKS: u32 = 5;

/// How many streams there may be at once; each looks for more again and again.
const STREAMS_AT_MOST: usize = 200;

/// Follow the ledger
///
/// Every entry is there once, in an order in which none appears late: a caller that goes on with `after` misses nothing. With
/// `Accept: text/event-stream` the answer is a stream of server-sent events that has no end: `id` is the sequence, `event` is
/// `entry`, `data` is a `LedgerEntry`. It ends when the token is revoked and when the proxy stops.
#[utoipa::path(
    get, path = "/events", tag = "Ledger", params(Query),
    responses(
        (
            status = 200, description = "Entries, or a stream of them",
            content((Events = "application/json"), (String = "text/event-stream"))
        ),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    Params(query): Params<Query>,
    access: Access,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let limit = limit(query.limit)?;
    let group = group(query.group.as_deref())?;
    if group.is_some() {
        access.expect(group.as_ref())?;
    }
    let records = records(&now)?;
    let source = Source { records, filter: Filter { group, ..Filter::default() }, access };
    let after = query.after.unwrap_or_default();
    if !wants_stream(&request) {
        return Ok(HttpResponse::Ok().json(source.read(after, limit).await?));
    }
    let after = last_event(&request)?.unwrap_or(after);
    let place = Streaming::begin().ok_or_else(|| {
        Problem::new(Code::TooManyRequests, format!("{STREAMS_AT_MOST} streams are open, as many as there may be"))
    })?;
    // What is wrong now is answered as a problem.
    source.read(after, 1).await?;
    let stream = Stream { source, request, after, quiet: 0, is_begun: false, _place: place };
    let stream = unfold(stream, |mut stream| async move {
        let part = stream.next().await?;
        Some((Ok::<_, actix_web::Error>(part), stream))
    });
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store")).content_type("text/event-stream");
    Ok(response.streaming(stream))
}

fn wants_stream(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

/// Where a stream that broke off goes on.
fn last_event(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let id = request.headers().get("Last-Event-ID").map(HeaderValue::to_str).and_then(Result::ok);
    let wrong = |_| Problem::invalid("Last-Event-ID", "The header Last-Event-ID must be the id of an event");
    id.filter(|id| !id.is_empty()).map(|id| id.parse().map_err(wrong)).transpose()
}

/// Where entries come from, for one caller.
struct Source {
    records: Arc<Records>,
    filter: Filter,
    access: Access,
}

impl Source {
    async fn read(&self, after: i64, at_most: usize) -> Result<Events, Problem> {
        let feed = self.records.after(after, at_most, &self.filter).await.map_err(|error| unusable(&error))?;
        let own = feed.entries.into_iter().filter(|entry| self.access.sees(entry.record.group.as_ref()));
        Ok(Events { items: own.map(LedgerEntry::of).collect(), after: feed.after, is_end: feed.is_end })
    }
}

/// A stream of server-sent events.
struct Stream {
    source: Source,
    request: HttpRequest,
    after: i64,
    quiet: u32,
    is_begun: bool,
    _place: Streaming,
}

/// How many entries are sent at a time.
const SENT_AT_ONCE: usize = 100;

impl Stream {
    /// What is sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        // So that the caller knows at once that it is heard.
        if !std::mem::replace(&mut self.is_begun, true) {
            return Some(Bytes::from_static(b": follows the ledger\n\n"));
        }
        loop {
            if shared(&self.request).is_stopping() || !access::still_has(&self.request, Role::Reader).await {
                return None;
            }
            // The caller goes on where it was once the ledger can be read again.
            let events = self.source.read(self.after, SENT_AT_ONCE).await.ok()?;
            let has_moved = events.after > self.after;
            self.after = events.after;
            if !events.items.is_empty() {
                self.quiet = 0;
                return Some(events.items.iter().map(event).collect::<String>().into());
            }
            if has_moved && !events.is_end {
                continue;
            }
            sleep(LOOK_EVERY).await;
            self.quiet += 1;
            if self.quiet >= QUIET_LOOKS {
                self.quiet = 0;
                return Some(Bytes::from_static(b":\n\n"));
            }
        }
    }
}

/// JSON has no line breaks, so that one line of data has it all.
fn event(entry: &LedgerEntry) -> String {
    let data = serde_json::to_string(entry).expect("texts and numbers are JSON");
    format!("id: {}\nevent: entry\ndata: {data}\n\n", entry.sequence())
}

/// A place among the streams.
struct Streaming;

static STREAMS: AtomicUsize = AtomicUsize::new(0);

impl Streaming {
    fn begin() -> Option<Self> {
        let next = |open: usize| (open < STREAMS_AT_MOST).then_some(open + 1);
        STREAMS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok().map(|_| Self)
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::Relaxed);
    }
}
