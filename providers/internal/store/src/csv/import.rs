//! Reading a CSV file: everything that takes long and needs no store, so that a store is locked for as short as possible.

use std::io;
use std::net::IpAddr;

use csv::{ReaderBuilder, StringRecord};
use ipam_provider::{GroupName, Mac, check_hostname};
use jiff::Timestamp;

use super::dialect::{self, Delimiter};
use super::staged::{Place, Staged};
use super::{COLUMNS, Columns, Fault, Faults, kind, plans};
use crate::attributes::Given;
use crate::progress::{Progress, Step};
use crate::recorder::NewAddress;
use crate::{AddressDetails, Attributes, Bounds, ExcludedRange, NewGroup, NewPlan, NewSubnet, Result, StoreError};

/// The rows of a CSV file, checked as far as that needs no store. Of a million addresses little is in memory.
#[derive(Debug)]
pub struct Rows {
    /// Groups, plans, subnets and excluded ranges, each with its line.
    pub(super) heads: Vec<(u64, Head)>,
    pub(super) addresses: Staged,
    pub(super) faults: Faults,
}

/// A row that is no address.
#[derive(Debug)]
pub(super) enum Head {
    Group(NewGroup, Given),
    Plan(NewPlan, Given),
    Allocation(plans::Allocated, Given),
    Subnet(NewSubnet, Given),
    Excluded { place: i64, range: ExcludedRange, attributes: Attributes, given: Given },
}

impl Rows {
    /// Reads a CSV file. Faulty rows are reported by [`Writing::add_rows`](crate::Writing::add_rows), with those that only
    /// the store can find. `length` is the length of the file in bytes, if it is known.
    ///
    /// # Errors
    /// When the file cannot be read, and [`Import`](StoreError::Import) when its header is wrong.
    pub fn read(from: impl io::Read, length: Option<u64>, progress: &dyn Progress) -> Result<Self> {
        progress.begin(Step::Reading, length);
        let opened = dialect::open(Counting { from, progress }).map_err(unreadable)?;
        let Some((delimiter, text)) = opened else {
            return Err(fault(1, "the file is UTF-16; save it as CSV in UTF-8".to_owned()).into());
        };
        // Rows of other lengths are looked at below: a spreadsheet leaves empty cells at the ends.
        let mut reader = ReaderBuilder::new().delimiter(delimiter.byte()).flexible(true).from_reader(text);
        let header = match reader.headers() {
            Ok(header) => named_columns(header),
            Err(error) => return Err(fault(1, fault_of(error)?.1).into()),
        };
        let unknown = unknown_columns(&header, delimiter);
        if !unknown.is_empty() {
            return Err(fault(1, unknown).into());
        }
        let faults = Faults { faults: Vec::new(), gave_up: false };
        let mut rows = Self { heads: Vec::new(), addresses: Staged::new()?, faults };
        let mut record = StringRecord::new();
        while !rows.faults.gave_up {
            let (line, outcome) = match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    if record.iter().all(|cell| cell.trim().is_empty()) {
                        continue;
                    }
                    let row = columns(&mut record, &header, delimiter);
                    (line, row.and_then(|row| rows.add(line, row)))
                }
                Err(error) => {
                    let (line, what) = fault_of(error)?;
                    (line, Err(StoreError::Invalid(what)))
                }
            };
            match outcome {
                // The temporary database fails: no fault of the row.
                Err(error @ StoreError::Database(_)) => return Err(error),
                Err(error) => rows.faults.add(line, &error),
                Ok(()) => {}
            }
        }
        // Rows may stand in any order: what others refer to is added first.
        rows.heads.sort_by_key(|(_, head)| match head {
            Head::Group(..) => 0,
            Head::Plan(..) => 1,
            Head::Allocation(..) => 2,
            Head::Subnet(..) => 3,
            Head::Excluded { .. } => 4,
        });
        Ok(rows)
    }

    fn add(&mut self, line: u64, row: Columns) -> Result<()> {
        match row.kind.to_ascii_lowercase().as_str() {
            kind::GROUP => {
                only(&row, &["group", "description"])?;
                let name = GroupName::new(&row.group).ok_or_else(|| missing("group"))?;
                let (attributes, given) = common(&row)?;
                let new = NewGroup { name, description: row.description, attributes };
                self.heads.push((line, Head::Group(new, given)));
            }
            kind::PLAN => {
                only(&row, &["group", "plan", "details", "description"])?;
                let (attributes, given) = common(&row)?;
                self.heads.push((line, Head::Plan(plans::plan(&row, attributes)?, given)));
            }
            kind::PLAN_ALLOCATION => {
                only(&row, &["group", "plan", "details", "description"])?;
                let (attributes, given) = common(&row)?;
                self.heads.push((line, Head::Allocation(plans::allocation(&row, attributes)?, given)));
            }
            kind::SUBNET => {
                only(&row, &["group", "prefix", "description", "pool", "container", "gateway"])?;
                let (attributes, given) = common(&row)?;
                let gateway = unless_empty(&row.gateway).map(|text| address("gateway", text)).transpose()?;
                let new = NewSubnet {
                    group: GroupName::new(&row.group),
                    bounds: bounds(&row)?,
                    pool: flag("pool", &row.pool)?,
                    container: flag("container", &row.container)?,
                    gateway,
                    description: row.description,
                    attributes,
                };
                self.heads.push((line, Head::Subnet(new, given)));
            }
            kind::EXCLUDED => {
                only(&row, &["group", "prefix", "address", "last", "description"])?;
                let range = ExcludedRange {
                    first: address("address", &row.address)?,
                    last: address("last", if row.last.is_empty() { &row.address } else { &row.last })?,
                    comment: row.description.clone(),
                };
                let (attributes, given) = common(&row)?;
                let place = self.addresses.number(place(&row)?);
                self.heads.push((line, Head::Excluded { place, range, attributes, given }));
            }
            kind::ADDRESS => {
                only(&row, &["group", "prefix", "address", "mac", "hostname", "description"])?;
                let (attributes, given) = common(&row)?;
                let (mac, address) = (mac(&row.mac)?, address("address", &row.address)?);
                let hostname = hostname(&row.hostname)?;
                let place = place(&row)?;
                if !place.1.contains(address) {
                    return Err(StoreError::Outside { what: format!("Address {address}"), subnet: place.1 });
                }
                let details = AddressDetails { mac, hostname, description: row.description, attributes };
                let new = NewAddress { line, key: address.into(), details, given };
                let number = self.addresses.number(place);
                self.addresses.add(number, &new)?;
            }
            _ => {
                let what = "kind must be group, plan, plan_allocation, subnet, excluded or address".to_owned();
                return Err(StoreError::Invalid(what));
            }
        }
        Ok(())
    }
}

/// The subnet that a row names.
fn place(row: &Columns) -> Result<Place> {
    Ok((GroupName::new(&row.group), bounds(row)?))
}

/// What is read, with a report of how much that is.
struct Counting<'p, R> {
    from: R,
    progress: &'p dyn Progress,
}

impl<R: io::Read> io::Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.progress.advance(length as u64);
        Ok(length)
    }
}

fn unreadable(source: io::Error) -> StoreError {
    StoreError::Io { doing: "Reading the CSV file".to_owned(), source }
}

/// The names in the header, in lower case, without the empty ones at its end.
fn named_columns(header: &StringRecord) -> StringRecord {
    let mut names: Vec<String> = header.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
    let used = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    names.truncate(used);
    names.into()
}

/// The cells of a row by their columns. Cells that belong to no column must be empty.
fn columns(record: &mut StringRecord, header: &StringRecord, delimiter: Delimiter) -> Result<Columns> {
    let is_of_other_length =
        record.len() < header.len() || record.iter().skip(header.len()).any(|cell| !cell.trim().is_empty());
    if is_of_other_length {
        let (length, expected) = (record.len(), header.len());
        let what = format!("the row has {length} columns, the header {expected}, separated by {delimiter}");
        return Err(StoreError::Invalid(what));
    }
    record.truncate(header.len());
    let row: Columns = record.deserialize(Some(header)).map_err(|error| StoreError::Invalid(said_of(&error)))?;
    Ok(row.trimmed())
}

/// The line of a row that cannot be read, and why.
///
/// # Errors
/// When the file cannot be read at all, which is no fault of a row.
fn fault_of(error: csv::Error) -> Result<(u64, String)> {
    let (line, what) = (error.position().map_or(0, csv::Position::line), said_of(&error));
    match error.into_kind() {
        csv::ErrorKind::Io(source) => Err(unreadable(source)),
        _ => Ok((line, what)),
    }
}

fn fault(line: u64, what: String) -> Faults {
    Faults { faults: vec![Fault { line, what }], gave_up: false }
}

/// The names in the header that are no columns, or that `kind` is missing, in words; empty when all is well.
fn unknown_columns(header: &StringRecord, delimiter: Delimiter) -> String {
    let unknown: Vec<&str> = header.iter().filter(|name| !COLUMNS.contains(name)).collect();
    let twice = COLUMNS.iter().find(|known| header.iter().filter(|name| name == *known).count() > 1);
    match (unknown.is_empty(), twice) {
        (false, _) => format!(
            "unknown columns: {}; known are: {}; the columns are separated by {delimiter}",
            unknown.join(", "),
            COLUMNS.join(", ")
        ),
        (true, Some(twice)) => format!("column {twice} is there twice"),
        (true, None) if !header.iter().any(|name| name == "kind") => {
            format!("the column kind is missing; the columns are separated by {delimiter}")
        }
        (true, None) => String::new(),
    }
}

/// What is wrong with the form of a row, without the position, which the message gives before it.
fn said_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8; save the file as CSV in UTF-8".to_owned(),
        _ => "the row cannot be read".to_owned(),
    }
}

/// What every kind has: attributes, id and times.
fn common(row: &Columns) -> Result<(Attributes, Given)> {
    let given = Given {
        created_at: time("created_at", &row.created_at)?,
        updated_at: time("updated_at", &row.updated_at)?,
        public_id: unless_empty(&row.id).map(str::parse).transpose().map_err(|error| invalid("id", error))?,
    };
    let external_id = unless_empty(&row.external_id).map(str::parse).transpose();
    let metadata = unless_empty(&row.metadata).map(str::parse).transpose();
    let attributes = Attributes {
        owner: row.owner.clone(),
        external_id: external_id.map_err(|error| invalid("external_id", error))?,
        tags: row.tags.parse().map_err(|error| invalid("tags", error))?,
        metadata: metadata.map_err(|error| invalid("metadata", error))?.unwrap_or_default(),
    };
    Ok((attributes, given))
}

fn unless_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A value in a column that the kind does not use is a mistake that would otherwise be lost silently.
fn only(row: &Columns, used: &[&str]) -> Result<()> {
    let columns = [
        ("group", &row.group),
        ("prefix", &row.prefix),
        ("address", &row.address),
        ("last", &row.last),
        ("mac", &row.mac),
        ("hostname", &row.hostname),
        ("description", &row.description),
        ("pool", &row.pool),
        ("container", &row.container),
        ("gateway", &row.gateway),
        ("plan", &row.plan),
        ("details", &row.details),
    ];
    match columns.iter().find(|(name, value)| !value.is_empty() && !used.contains(name)) {
        Some((name, _)) => Err(StoreError::Invalid(format!("{} rows have no {name}; leave it empty", row.kind))),
        None => Ok(()),
    }
}

fn missing(column: &str) -> StoreError {
    StoreError::Invalid(format!("{column} is missing"))
}

fn invalid(column: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Invalid(format!("{column}: {why}"))
}

fn bounds(row: &Columns) -> Result<Bounds> {
    if row.prefix.is_empty() {
        return Err(missing("prefix"));
    }
    row.prefix.parse().map_err(|error| invalid("prefix", error))
}

fn address(column: &str, text: &str) -> Result<IpAddr> {
    if text.is_empty() {
        return Err(missing(column));
    }
    text.parse().map_err(|_| invalid(column, format!("'{text}' is not an IP address")))
}

fn mac(text: &str) -> Result<Option<Mac>> {
    if text.is_empty() {
        return Ok(None);
    }
    let mac = text.parse().or_else(|error| without_colons(text).ok_or(error));
    mac.map(Some).map_err(|error| invalid("mac", format!("'{text}' is not a MAC address: {error}")))
}

/// A MAC as switches write it, `001a.2b3c.4d60`, or without any separators.
fn without_colons(text: &str) -> Option<Mac> {
    let is_dotted = text.contains('.') && text.split('.').all(|part| part.len() == 4);
    let digits = if is_dotted { text.replace('.', "") } else { text.to_owned() };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    Mac::from_bytes(&pairs.collect::<Option<Vec<u8>>>()?).filter(|mac| digits.len() == 2 * mac.as_bytes().len())
}

fn hostname(text: &str) -> Result<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    // Shown with escapes: what is wrong with it may be a command to the terminal.
    check_hostname(text).map_err(|error| invalid("hostname", format!("{text:?} is no host name; {error}")))?;
    Ok(Some(text.to_owned()))
}

fn flag(column: &str, text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(invalid(column, format!("'{text}' is neither true nor false"))),
    }
}

/// The seconds since 1970; `None` for now.
fn time(column: &str, text: &str) -> Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let time: Timestamp =
        text.parse().map_err(|_| invalid(column, format!("'{text}' is not a time such as 2026-01-31T12:00:00Z")))?;
    Ok(Some(time.as_second()))
}
