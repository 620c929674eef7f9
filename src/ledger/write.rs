//! The statements that write. They differ: in a file one proxy writes, and a commit is to change few pages; to a database
//! several write at once.

use std::sync::LazyLock;

use ipam_store::{Connection, Key, StoreError, Value};
use jiff::Timestamp;

use super::query::columns;
use super::{Place, Record};

/// How many columns a record has.
const COLUMNS: usize = 14;

/// How many records one statement adds where there are many.
const ROWS: usize = 16;

/// How many records a file has without an index. A question reads them all.
pub(super) const RECENT_AT_MOST: i64 = 500;

/// How many are there, at the most.
const RECENT: &str = "SELECT (SELECT max(sequence) FROM recent) - (SELECT min(sequence) FROM recent) + 1";

/// Two statements that bring them all into the indexes.
const INDEX: [&str; 2] = [
    concat!("INSERT INTO indexed (sequence, ", columns!(), ") SELECT sequence, ", columns!(), " FROM recent"),
    "DELETE FROM recent",
];

/// Waits until no other proxy appends. Sequences are given out before the commit: without this a record could become visible
/// after one with a higher sequence.
pub(super) const TURN: &str = "SELECT id FROM turn FOR UPDATE";

/// Removes the oldest of what is too old.
const REMOVE_FROM_FILE: &str =
    "DELETE FROM indexed WHERE sequence IN (SELECT sequence FROM indexed WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// As above, without those that another proxy is removing.
const REMOVE_FROM_DATABASE: &str = "DELETE FROM record WHERE sequence IN \
    (SELECT sequence FROM record WHERE at < ?1 ORDER BY at LIMIT ?2 FOR UPDATE SKIP LOCKED)";

/// The statements that add one record and many. They live as long as the process, as prepared statements need it to.
struct Insert {
    one: &'static str,
    many: &'static str,
}

impl Insert {
    fn into(table: &str) -> Self {
        let statement = |rows: usize| -> &'static str {
            let row = |row: usize| {
                let numbers: Vec<String> = (1..=COLUMNS).map(|column| format!("?{}", row * COLUMNS + column)).collect();
                format!("({})", numbers.join(", "))
            };
            let rows: Vec<String> = (0..rows).map(row).collect();
            String::leak(format!("INSERT INTO {table} ({}) VALUES {}", columns!(), rows.join(", ")))
        };
        Self { one: statement(1), many: statement(ROWS) }
    }

    fn add(&self, connection: &dyn Connection, records: &[Record]) -> Result<(), StoreError> {
        let (whole, rest) = records.split_at(records.len() - records.len() % ROWS);
        for rows in whole.chunks(ROWS) {
            let values: Vec<Value<'_>> = rows.iter().flat_map(values).collect();
            connection.execute(self.many, &values)?;
        }
        for row in rest {
            connection.execute(self.one, &values(row))?;
        }
        Ok(())
    }
}

static TO_FILE: LazyLock<Insert> = LazyLock::new(|| Insert::into("recent"));
static TO_DATABASE: LazyLock<Insert> = LazyLock::new(|| Insert::into("record"));

/// Whose tables they are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tables {
    File,
    Database,
}

impl Tables {
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::File(_) => Self::File,
            Place::Database(_) => Self::Database,
        }
    }

    /// Adds records within a transaction.
    pub(super) fn append(self, connection: &dyn Connection, records: &[Record]) -> Result<(), StoreError> {
        match self {
            Self::File => {
                TO_FILE.add(connection, records)?;
                if recent(connection)? < RECENT_AT_MOST { Ok(()) } else { index(connection) }
            }
            Self::Database => {
                connection.is_any(TURN, &[])?;
                TO_DATABASE.add(connection, records)
            }
        }
    }

    /// Removes up to so many records from before a time within a transaction, and returns how many.
    pub(super) fn remove(
        self,
        connection: &dyn Connection,
        before: Timestamp,
        at_most: u32,
    ) -> Result<u64, StoreError> {
        let values = [Value::from(before.as_microsecond()), Value::from(i64::from(at_most))];
        match self {
            Self::File => {
                if recent(connection)? > 0 {
                    index(connection)?;
                }
                connection.execute(REMOVE_FROM_FILE, &values)
            }
            Self::Database => connection.execute(REMOVE_FROM_DATABASE, &values),
        }
    }
}

fn recent(connection: &dyn Connection) -> Result<i64, StoreError> {
    let number: Option<Option<i64>> = connection.row(RECENT, &[], |row| row.get(0))?;
    Ok(number.flatten().unwrap_or_default())
}

fn index(connection: &dyn Connection) -> Result<(), StoreError> {
    for statement in INDEX {
        connection.execute(statement, &[])?;
    }
    Ok(())
}

/// The columns of a record, as [`columns`] has them.
fn values(record: &Record) -> [Value<'_>; COLUMNS] {
    [
        Value::from(record.at.as_microsecond()),
        Value::from(record.door.as_deref()),
        Value::from(record.caller.as_deref()),
        Value::from(record.request.as_deref()),
        Value::from(record.operation.word()),
        Value::from(record.outcome.word()),
        Value::from(&record.provider),
        Value::from(record.group.as_ref()),
        Value::from(Key::from(record.prefix.network())),
        Value::from(record.prefix.length()),
        Value::from(Key::from(record.address)),
        Value::from(record.mac.as_ref()),
        Value::from(record.host_name.as_deref()),
        Value::from(record.message.as_deref()),
    ]
}
