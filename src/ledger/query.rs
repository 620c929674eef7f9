//! What the ledger can be asked for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipam_provider::{GroupName, Mac, Prefix};
use ipam_store::{Key, Row, StoreError, Value};
use jiff::Timestamp;

use super::{Entry, Record};

/// Which records: those of one subject, from a time on, and before a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What they are about.
    pub subject: Subject,
    /// Only those of subnets in this group.
    pub group: Option<GroupName>,
    /// Not those before.
    pub since: Option<Timestamp>,
    /// Not those of this time and later.
    pub before: Option<Timestamp>,
}

/// What records are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Subject {
    /// Anything.
    #[default]
    Any,
    /// An address.
    Address(IpAddr),
    /// A host's MAC.
    Mac(Mac),
    /// A host's name, whatever its case.
    HostName(String),
}

/// Where the next page begins: after this record. Records are in the order of their time, and of their sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at: i64,
    pub(super) sequence: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.sequence)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, sequence) = text.split_once(' ').ok_or(())?;
        Ok(Self { at: at.parse().map_err(|_| ())?, sequence: sequence.parse().map_err(|_| ())? })
    }
}

/// The columns, in the order in which they are read.
macro_rules! columns {
    () => {
        "at, door, caller, request, operation, outcome, provider, group_name, network, length, address, mac, host_name, message"
    };
}
pub(super) use columns;

/// A page: `?1` and `?2` are the cursor, `?3` the time before which records are, `?4` the number of rows, `?5` the subject.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "SELECT sequence, ",
            columns!(),
            " FROM record WHERE ",
            $condition,
            "(at, sequence) > (?1, ?2) AND at < ?3 ORDER BY at, sequence LIMIT ?4"
        )
    };
}

/// The last record of an address before a time that says whether it is reserved.
pub(super) const LAST_BEFORE: &str = concat!(
    "SELECT sequence, ",
    columns!(),
    " FROM record WHERE address = ?1 AND at < ?2 AND (group_name = ?3 OR ?4 = 0) AND outcome IN ('done', 'unanswered')",
    " ORDER BY at DESC, sequence DESC LIMIT 1"
);

impl Query {
    /// Where the first page begins.
    pub(super) fn start(&self) -> Cursor {
        // No record has the sequence 0.
        Cursor { at: self.since.map_or(i64::MIN, Timestamp::as_microsecond), sequence: 0 }
    }

    /// The statement for one page.
    pub(super) fn statement(&self) -> &'static str {
        match (&self.subject, &self.group) {
            (Subject::Any, None) => page!(""),
            (Subject::Any, Some(_)) => page!("group_name = ?5 AND "),
            (Subject::Address(_), None) => page!("address = ?5 AND "),
            (Subject::Address(_), Some(_)) => page!("address = ?5 AND group_name = ?6 AND "),
            (Subject::Mac(_), None) => page!("mac = ?5 AND "),
            (Subject::Mac(_), Some(_)) => page!("mac = ?5 AND group_name = ?6 AND "),
            (Subject::HostName(_), None) => page!("host_name = ?5 AND "),
            (Subject::HostName(_), Some(_)) => page!("host_name = ?5 AND group_name = ?6 AND "),
        }
    }

    /// Its values.
    pub(super) fn values(&self, after: Cursor, at_most: i64) -> Vec<Value<'_>> {
        let before = self.before.map_or(i64::MAX, Timestamp::as_microsecond);
        let mut values: Vec<Value<'_>> = [after.at, after.sequence, before, at_most].map(Value::from).into();
        values.extend(match &self.subject {
            Subject::Any => None,
            Subject::Address(address) => Some(Value::from(Key::from(*address))),
            Subject::Mac(mac) => Some(Value::from(mac)),
            Subject::HostName(name) => Some(Value::from(name)),
        });
        values.extend(self.group.as_ref().map(Value::from));
        values
    }
}

/// The record in a row of its sequence and `columns`.
pub(super) fn entry(row: &dyn Row) -> Result<Entry, StoreError> {
    let strange = || StoreError::Invalid("a record has a value that this version does not know".to_owned());
    let record = Record {
        at: Timestamp::from_microsecond(row.get(1)?).map_err(|_| strange())?,
        door: row.get(2)?,
        caller: row.get(3)?,
        request: row.get(4)?,
        operation: row.get::<&str>(5)?.parse().map_err(|()| strange())?,
        outcome: row.get::<&str>(6)?.parse().map_err(|()| strange())?,
        provider: row.get(7)?,
        group: row.get(8)?,
        prefix: Prefix::new(row.get::<Key>(9)?.address(), row.get(10)?).map_err(|_| strange())?,
        address: row.get::<Key>(11)?.address(),
        mac: row.get(12)?,
        host_name: row.get(13)?,
        message: row.get(14)?,
    };
    Ok(Entry { sequence: row.get(0)?, record })
}
