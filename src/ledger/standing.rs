//! What stands by the ledger: the addresses whose last successful write is an addition.
//!
//! The records are read by address, a part at a time, so that no writer waits. What is read is as old as its part: who acts on
//! an address looks at it again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam_provider::{GroupName, Mac, Prefix};
use ipam_store::{Key, Value};
use jiff::Timestamp;

use super::query::{columns, entry};
use super::records::Records;
use super::{Entry, LedgerError, Operation, Outcome, Query, Record, Subject};

/// How many records of one address are read at a time.
const ROWS: usize = 1000;

/// The records by address: `?1`, `?2` and `?3` are the cursor, `?4` the number of rows.
pub(super) const BY_ADDRESS: &str = concat!(
    "SELECT sequence, ",
    columns!(),
    " FROM record WHERE (address, at, sequence) > (?1, ?2, ?3) ORDER BY address, at, sequence LIMIT ?4"
);

/// An address that was added through the proxy and not deleted since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The IPAM.
    pub provider: String,
    /// The subnet's group.
    pub group: Option<GroupName>,
    /// The subnet.
    pub prefix: Prefix,
    /// The address.
    pub address: IpAddr,
    /// The sequence of the record by which it stands.
    pub sequence: i64,
    /// When it was added, the last time.
    pub since: Timestamp,
    /// The door through which it was added; `None` for what the proxy did by itself. What was added again as it was has the
    /// door of the addition before.
    pub door: Option<String>,
    /// The MAC of its host, as it was recorded last.
    pub mac: Option<Mac>,
    /// The name of its host in lower case, as it was recorded last.
    pub host_name: Option<String>,
}

/// The place of an address: prefixes of several IPAMs and groups may overlap.
type Place = (String, Option<GroupName>, Prefix);

/// What has happened in one place.
#[derive(Debug, Default)]
struct History {
    /// The last record that says whether the address is reserved.
    last: Option<Entry>,
    /// Door, MAC and host of the last addition, with its sequence.
    added: Option<Entry>,
    /// The last change of MAC and host.
    changed: Option<Entry>,
}

/// The records of one address, of any number.
#[derive(Debug, Default)]
pub(super) struct Fold {
    address: Option<IpAddr>,
    places: BTreeMap<Place, History>,
}

impl Fold {
    /// Takes the record in. Records of one writer come in the order of their sequence, which clocks do not always keep.
    fn add(&mut self, entry: Entry) {
        let Record { operation, outcome, provider, group, prefix, address, .. } = &entry.record;
        let has_effect = matches!(outcome, Outcome::Done | Outcome::Unanswered);
        self.address = Some(*address);
        let history = self.places.entry((provider.clone(), group.clone(), *prefix)).or_default();
        let newest = |slot: &mut Option<Entry>, entry: &Entry| {
            if slot.as_ref().is_none_or(|known| known.sequence < entry.sequence) {
                *slot = Some(entry.clone());
            }
        };
        match operation {
            Operation::Add if has_effect => {
                newest(&mut history.last, &entry);
                newest(&mut history.added, &entry);
            }
            Operation::Restore if has_effect => newest(&mut history.last, &entry),
            Operation::Delete if has_effect || *outcome == Outcome::Nothing => newest(&mut history.last, &entry),
            Operation::Change if has_effect => newest(&mut history.changed, &entry),
            Operation::Add | Operation::Restore | Operation::Delete | Operation::Change => {}
        }
    }

    /// What stands.
    fn standing(self) -> impl Iterator<Item = Standing> {
        self.places.into_values().filter_map(|History { last, added, changed }| {
            let Entry { sequence, record } = last.filter(|last| last.record.operation != Operation::Delete)?;
            let door = match (record.operation, added) {
                (Operation::Restore, Some(added)) => added.record.door,
                _ => record.door,
            };
            let changed = changed.filter(|changed| changed.sequence > sequence).map(|changed| changed.record);
            let (mac, host_name) = changed.map_or((None, None), |changed| (changed.mac, changed.host_name));
            Some(Standing {
                provider: record.provider,
                group: record.group,
                prefix: record.prefix,
                address: record.address,
                sequence,
                since: record.at,
                door,
                mac: mac.or(record.mac),
                host_name: host_name.or(record.host_name),
            })
        })
    }
}

impl Records {
    /// Some of what stands, by address, from the first address after `after` on; and the address after which the next part
    /// begins, if there may be more. A part looks at about `rows` records, and may be empty.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn standing(
        &self,
        after: Option<IpAddr>,
        rows: usize,
    ) -> Result<(Vec<Standing>, Option<IpAddr>), LedgerError> {
        let mut cursor = match after {
            Some(after) => (Key::from(after), i64::MAX, i64::MAX),
            None => (Key::from(IpAddr::from([0_u16; 8])), i64::MIN, 0),
        };
        let (mut standing, mut complete) = (Vec::new(), None);
        let mut fold = Fold::default();
        loop {
            let (entries, next) = self.by_address(cursor, rows).await?;
            for entry in entries {
                if fold.address.is_some_and(|address| address != entry.record.address) {
                    let whole = std::mem::take(&mut fold);
                    complete = whole.address;
                    standing.extend(whole.standing());
                }
                fold.add(entry);
            }
            match next {
                None => {
                    standing.extend(fold.standing());
                    return Ok((standing, None));
                }
                // The last address is read again from its beginning.
                Some(_) if complete.is_some() => return Ok((standing, complete)),
                Some(next) => cursor = next,
            }
        }
    }

    /// What stands of an address.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn standing_of(&self, address: IpAddr) -> Result<Vec<Standing>, LedgerError> {
        let query = Query { subject: Subject::Address(address), ..Query::default() };
        let (mut fold, mut after) = (Fold::default(), None);
        loop {
            let (page, next) = self.page(&query, after, ROWS).await?;
            page.into_iter().for_each(|entry| fold.add(entry));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(fold.standing().collect()),
            }
        }
    }

    /// A page of the records by address, and where the next one begins if there is one.
    async fn by_address(
        &self,
        after: (Key, i64, i64),
        rows: usize,
    ) -> Result<(Vec<Entry>, Option<(Key, i64, i64)>), LedgerError> {
        let limit = i64::try_from(rows).unwrap_or(i64::MAX);
        let entries: Vec<Entry> = self
            .read(move |connection| {
                let (address, at, sequence) = after;
                let values = [Value::from(address), Value::from(at), Value::from(sequence), Value::from(limit)];
                connection.rows(BY_ADDRESS, &values, entry)
            })
            .await?;
        let last = entries.last().filter(|_| entries.len() >= rows);
        let next = last.map(|last| (Key::from(last.record.address), last.record.at.as_microsecond(), last.sequence));
        Ok((entries, next))
    }
}
