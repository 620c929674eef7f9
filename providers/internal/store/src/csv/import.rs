//! Reading a CSV file into the store: all of it, or nothing with all that is wrong with it.

use std::io;
use std::net::IpAddr;

use csv::{ReaderBuilder, StringRecord};
use ipam_provider::{GroupName, Mac, check_hostname};
use jiff::Timestamp;

use super::dialect::{self, Delimiter};
use super::{COLUMNS, Columns, Fault, Faults, Imported, kind};
use crate::attributes::{Noun, Stamp};
use crate::{
    AddressDetails, Attributes, Bounds, ExcludedRange, NewGroup, NewSubnet, Result, Scope, StoreError, SubnetRecord,
    Writing,
};

/// A file with more faults than this is the wrong file.
const FAULTS_AT_MOST: usize = 10_000;

/// Adds every row. The caller undoes the transaction when this fails.
pub(crate) fn import(writing: &Writing<'_>, from: impl io::Read) -> Result<Imported> {
    // Rows may add subnets behind addresses: what is locked for them comes first.
    writing.lock_subnets()?;
    let opened = dialect::open(from).map_err(unreadable)?;
    let Some((delimiter, text)) = opened else {
        return Err(fault(1, "the file is UTF-16; save it as CSV in UTF-8".to_owned()).into());
    };
    // Rows of other lengths are looked at below: a spreadsheet leaves empty cells at the ends.
    let mut reader = ReaderBuilder::new().delimiter(delimiter.byte()).flexible(true).from_reader(text);
    let mut imported = Imported::default();
    let mut faults = Faults { faults: Vec::new(), gave_up: false };
    let header = match reader.headers() {
        Ok(header) => named_columns(header),
        Err(error) => return Err(fault(1, fault_of(error)?.1).into()),
    };
    let unknown = unknown_columns(&header, delimiter);
    if !unknown.is_empty() {
        return Err(fault(1, unknown).into());
    }
    let mut subnets = Remembered::default();
    let mut record = StringRecord::new();
    loop {
        let (line, outcome) = match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                if record.iter().all(|cell| cell.trim().is_empty()) {
                    continue;
                }
                let row = columns(&mut record, &header, delimiter);
                (line, row.and_then(|row| add(writing, row, &mut subnets, &mut imported)))
            }
            Err(error) => {
                let (line, what) = fault_of(error)?;
                (line, Err(StoreError::Invalid(what)))
            }
        };
        match outcome {
            Ok(()) => {}
            // The store itself fails: no fault of the row.
            Err(error @ (StoreError::Database(_) | StoreError::Inconsistent(_))) => return Err(error),
            Err(error) if faults.faults.len() < FAULTS_AT_MOST => {
                faults.faults.push(Fault { line, what: error.to_string() });
            }
            Err(_) => {
                faults.gave_up = true;
                break;
            }
        }
    }
    if faults.faults.is_empty() { Ok(imported) } else { Err(faults.into()) }
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

/// What is wrong with the form of a row, without the position, which is told beside it.
fn said_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8; save the file as CSV in UTF-8".to_owned(),
        _ => "the row cannot be read".to_owned(),
    }
}

/// The subnet of the row before: rows of one subnet mostly stand together.
#[derive(Default)]
struct Remembered {
    group: String,
    prefix: String,
    subnet: Option<SubnetRecord>,
}

impl Remembered {
    /// The subnet of a row, locked.
    fn find(&mut self, writing: &Writing<'_>, row: &Columns) -> Result<&SubnetRecord> {
        let is_other = self.group != row.group || self.prefix != row.prefix;
        if self.subnet.is_none() || is_other {
            self.subnet = None;
            let scope = Scope::from(GroupName::new(&row.group));
            let found = writing.one_subnet(bounds(row)?, &scope)?;
            let subnet = writing.lock_subnet(found.id)?;
            (self.group, self.prefix) = (row.group.clone(), row.prefix.clone());
            return Ok(self.subnet.insert(subnet));
        }
        Ok(self.subnet.as_ref().expect("checked above"))
    }
}

fn add(writing: &Writing<'_>, row: Columns, subnets: &mut Remembered, imported: &mut Imported) -> Result<()> {
    match row.kind.to_ascii_lowercase().as_str() {
        kind::GROUP => {
            only(&row, &["group", "description"])?;
            let name = GroupName::new(&row.group).ok_or_else(|| missing("group"))?;
            let (attributes, stamp) = common(writing, Noun::Group, &row)?;
            writing.insert_group(&NewGroup { name, description: row.description, attributes }, stamp)?;
            imported.groups += 1;
        }
        kind::SUBNET => {
            only(&row, &["group", "prefix", "description", "pool", "container", "gateway"])?;
            let (attributes, stamp) = common(writing, Noun::Subnet, &row)?;
            let new = NewSubnet {
                group: GroupName::new(&row.group),
                bounds: bounds(&row)?,
                pool: flag("pool", &row.pool)?,
                container: flag("container", &row.container)?,
                gateway: if row.gateway.is_empty() { None } else { Some(address("gateway", &row.gateway)?) },
                description: row.description,
                attributes,
            };
            writing.insert_subnet(&new, stamp)?;
            imported.subnets += 1;
        }
        kind::EXCLUDED => {
            only(&row, &["group", "prefix", "address", "last", "description"])?;
            let range = ExcludedRange {
                first: address("address", &row.address)?,
                last: address("last", if row.last.is_empty() { &row.address } else { &row.last })?,
                comment: row.description.clone(),
            };
            let (attributes, stamp) = common(writing, Noun::Range, &row)?;
            let subnet = subnets.find(writing, &row)?;
            writing.insert_range(subnet.id, &range, &attributes, stamp)?;
            imported.excluded_ranges += 1;
        }
        kind::ADDRESS => {
            only(&row, &["group", "prefix", "address", "mac", "hostname", "description"])?;
            let (attributes, stamp) = common(writing, Noun::Address, &row)?;
            let (mac, address) = (mac(&row.mac)?, address("address", &row.address)?);
            let hostname = hostname(&row.hostname)?;
            let subnet = subnets.find(writing, &row)?;
            let details = AddressDetails { mac, hostname, description: row.description, attributes };
            writing.record(subnet, address, &details, stamp)?;
            imported.addresses += 1;
        }
        _ => {
            let what = "kind must be group, subnet, excluded or address".to_owned();
            return Err(StoreError::Invalid(what));
        }
    }
    Ok(())
}

/// What every kind has: attributes, id and times.
fn common(writing: &Writing<'_>, noun: Noun, row: &Columns) -> Result<(Attributes, Stamp)> {
    let created_at = time("created_at", &row.created_at, writing.now)?;
    let updated_at = time("updated_at", &row.updated_at, created_at)?;
    let mut stamp = Stamp { created_at, updated_at, ..writing.stamp() };
    if !row.id.is_empty() {
        stamp.public_id = row.id.parse().map_err(|error| invalid("id", error))?;
        writing.must_be_unused(noun, stamp.public_id)?;
    }
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let external_id = given(&row.external_id).map(|text| text.parse()).transpose();
    let metadata = given(&row.metadata).map(|text| text.parse()).transpose();
    let attributes = Attributes {
        owner: row.owner.clone(),
        external_id: external_id.map_err(|error| invalid("external_id", error))?,
        tags: row.tags.parse().map_err(|error| invalid("tags", error))?,
        metadata: metadata.map_err(|error| invalid("metadata", error))?.unwrap_or_default(),
    };
    Ok((attributes, stamp))
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

fn time(column: &str, text: &str, otherwise: Timestamp) -> Result<Timestamp> {
    if text.is_empty() {
        return Ok(otherwise);
    }
    text.parse().map_err(|_| invalid(column, format!("'{text}' is not a time such as 2026-01-31T12:00:00Z")))
}
