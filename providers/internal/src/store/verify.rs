//! Does everything hold that must hold? Asks SQLite first, then works out the rest from the records.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::key::{Key, Span};
use super::{Reading, Result, SubnetRecord, extents};

/// How many differing extents of one subnet are reported: after the first few, the rest says nothing new.
const EXTENTS_AT_MOST: usize = 5;

/// How many rows that belong nowhere are reported; SQLite's own check stops at as many.
const ROWS_AT_MOST: usize = 100;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The subnet it is in, where it is in one.
    pub subnet: Option<String>,
    /// What is wrong.
    pub what: String,
    /// Would [`Writing::rebuild_extents`](super::Writing::rebuild_extents) put it right?
    pub rebuild_helps: bool,
}

impl Finding {
    fn of_file(what: String) -> Self {
        Self { subnet: None, what, rebuild_helps: false }
    }

    fn of(subnet: &SubnetRecord, what: String) -> Self {
        Self { subnet: Some(subnet.to_string()), what, rebuild_helps: false }
    }
}

pub(super) fn verify(reading: &Reading<'_>) -> Result<Vec<Finding>> {
    let mut findings = file(reading.connection)?;
    if !findings.is_empty() {
        // What cannot be read need not be compared.
        return Ok(findings);
    }
    for subnet in reading.subnets_in(&super::Scope::Anywhere)? {
        bounds(reading, &subnet, &mut findings)?;
        if subnet.container {
            container(reading, &subnet, &mut findings)?;
        } else {
            ranges(reading, &subnet, &mut findings)?;
            allocations(reading, &subnet, &mut findings)?;
            free(reading, &subnet, &mut findings)?;
        }
    }
    overlaps(reading, &mut findings)?;
    Ok(findings)
}

/// Pages, indices, CHECK constraints and foreign keys.
fn file(connection: &Connection) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut integrity = connection.prepare("PRAGMA integrity_check")?;
    for line in integrity.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            findings.push(Finding::of_file(line));
        }
    }
    let mut keys = connection.prepare("PRAGMA foreign_key_check")?;
    let described = |row: &rusqlite::Row<'_>| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of {table} belongs to a row of {parent} that is not there"))
    };
    for broken in keys.query_map([], described)?.take(ROWS_AT_MOST) {
        findings.push(Finding::of_file(broken?));
    }
    // What lies past the length that an address has room for has no prefix to read it as.
    let mut lengths = connection.prepare("SELECT id, network, length, last FROM subnet")?;
    let mut rows = lengths.query([])?;
    while let Some(row) = rows.next()? {
        let (id, length): (i64, i64) = (row.get(0)?, row.get(2)?);
        let network = row.get::<_, Key>(1);
        let readable =
            u8::try_from(length).is_ok_and(|length| network.is_ok_and(|network| network.prefix(length).is_ok()));
        if !readable {
            findings.push(Finding::of_file(format!("the subnet with id {id} has a prefix that is none")));
        }
    }
    Ok(findings)
}

fn bounds(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    let mut statement = reading.connection.prepare_cached("SELECT last FROM subnet WHERE id = ?1")?;
    let last: Key = statement.query_row([subnet.id], |row| row.get(0))?;
    if last != Span::whole(subnet.prefix).last {
        findings.push(Finding::of(subnet, format!("ends at {}, which is not its last address", last.address())));
    }
    Ok(())
}

fn container(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    for (table, what) in
        [("allocation", "addresses"), ("excluded_range", "excluded ranges"), ("free_extent", "free extents")]
    {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE subnet_id = ?1)");
        if reading.connection.prepare_cached(&sql)?.query_row([subnet.id], |row| row.get(0))? {
            findings.push(Finding::of(subnet, format!("is a container and yet has {what}")));
        }
    }
    Ok(())
}

fn ranges(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    let ranges = reading.excluded_ranges(subnet.id)?;
    for range in &ranges {
        if !subnet.prefix.contains(range.first) || !subnet.prefix.contains(range.last) {
            let what = format!("has the excluded range {} to {} outside itself", range.first, range.last);
            findings.push(Finding::of(subnet, what));
        }
    }
    for pair in ranges.windows(2).filter(|pair| pair[0].last >= pair[1].first) {
        let what = format!("has overlapping excluded ranges at {}", pair[1].first);
        findings.push(Finding::of(subnet, what));
    }
    Ok(())
}

fn allocations(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    if let Some(address) = reading.recorded_outside(subnet.id, subnet.offerable())? {
        findings.push(Finding::of(subnet, format!("has {address} recorded, which it cannot give to a host")));
    }
    Ok(())
}

/// Compares the extents with what follows from allocations and excluded ranges.
fn free(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    let mut stored =
        reading.connection.prepare_cached("SELECT first, last FROM free_extent WHERE subnet_id = ?1 ORDER BY first")?;
    let mut stored = stored.query_map([subnet.id], |row| Ok(Span { first: row.get(0)?, last: row.get(1)? }))?;
    let mut next = stored.next().transpose()?;
    let mut differences = Vec::new();
    let mut differs = |what: &str, span: Span| {
        if differences.len() < EXTENTS_AT_MOST {
            differences.push(format!("{what}: {} to {}", span.first.address(), span.last.address()));
        }
    };
    extents::work_out(reading.connection, subnet.id, subnet.offerable(), |right| {
        while let Some(extra) = next.filter(|span| *span < right) {
            differs("free extent that should not be there", extra);
            next = stored.next().transpose()?;
        }
        if next == Some(right) {
            next = stored.next().transpose()?;
        } else {
            differs("free extent that is missing", right);
        }
        Ok(())
    })?;
    while let Some(extra) = next {
        differs("free extent that should not be there", extra);
        next = stored.next().transpose()?;
    }
    findings.extend(differences.into_iter().map(|what| Finding { rebuild_helps: true, ..Finding::of(subnet, what) }));
    Ok(())
}

/// Subnets of a group either nest, the outer one being a container, or share nothing.
fn overlaps(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let mut by_group = BTreeMap::<_, Vec<SubnetRecord>>::new();
    for subnet in reading.subnets_in(&super::Scope::Anywhere)? {
        by_group.entry(subnet.group.clone()).or_default().push(subnet);
    }
    for subnets in by_group.values() {
        // In the order of prefixes, what a leaf overlaps follows it; nothing else can lie between.
        let mut leaf: Option<&SubnetRecord> = None;
        for subnet in subnets {
            match leaf.filter(|leaf| leaf.prefix.overlaps(&subnet.prefix)) {
                Some(leaf) => findings.push(Finding::of(subnet, format!("overlaps subnet {leaf}, no container"))),
                None if !subnet.container => leaf = Some(subnet),
                None => {}
            }
        }
    }
    Ok(())
}
