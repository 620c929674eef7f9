//! The records in the order of their sequence, for what follows the ledger as it grows.
//!
//! A sequence is a cursor that skips nothing: records become visible in the order of their sequence. In a file there is one
//! writer; in a database proxies append in turn (see `write`).

use std::ops::ControlFlow;

use ipam_provider::GroupName;
use ipam_store::{Connection, StoreError, Value};

use super::query::{columns, entry};
use super::{Entry, Operation};

/// How many records one call looks at when it looks for some of them.
pub(super) const LOOKED_AT: usize = 10_000;

pub(super) const AFTER: &str =
    concat!("SELECT sequence, ", columns!(), " FROM record WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this operation.
    pub operation: Option<Operation>,
    /// Only those of subnets in this group.
    pub group: Option<GroupName>,
}

/// Some of the records after a sequence. There may be none of those that were asked for, and more to come.
#[derive(Debug, PartialEq, Eq)]
pub struct Feed {
    /// The records.
    pub entries: Vec<Entry>,
    /// The sequence after which the next call goes on.
    pub after: i64,
    /// There were no more records.
    pub is_end: bool,
}

impl Filter {
    fn is_for(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        self.operation.is_none_or(|operation| operation == record.operation)
            && (self.group.is_none() || self.group == record.group)
    }
}

/// Reads a part of the feed.
pub(super) fn read(
    connection: &dyn Connection,
    after: i64,
    at_most: usize,
    filter: &Filter,
) -> Result<Feed, StoreError> {
    let looked_at = if *filter == Filter::default() { at_most } else { LOOKED_AT };
    let values = [Value::from(after), Value::from(i64::try_from(looked_at).unwrap_or(i64::MAX))];
    let mut feed = Feed { entries: Vec::new(), after, is_end: false };
    let mut seen = 0;
    connection.query_each(AFTER, &values, &mut |row| {
        if feed.entries.len() >= at_most {
            return Ok(ControlFlow::Break(()));
        }
        let entry = entry(row)?;
        seen += 1;
        feed.after = entry.sequence;
        if filter.is_for(&entry) {
            feed.entries.push(entry);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    feed.is_end = seen < looked_at && feed.entries.len() < at_most;
    Ok(feed)
}
