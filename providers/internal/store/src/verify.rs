//! Does everything hold that must hold? Asks the database first, then works out the rest from the records.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::key::{Key, Span};
use crate::progress::{Progress, Step};
use crate::value::values;
use crate::{Bounds, ExcludedRange, Reading, Result, Scope, SubnetRecord, extents, plans};

/// How many differing extents of one subnet are reported: after the first few, the rest says nothing new.
const EXTENTS_AT_MOST: usize = 5;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The subnet it is in, where it is in one.
    pub subnet: Option<String>,
    /// What is wrong.
    pub what: String,
    /// Would [`Writing::rebuild_extents`](crate::Writing::rebuild_extents) put it right?
    pub rebuild_helps: bool,
}

impl Finding {
    pub(crate) fn of_all(what: String) -> Self {
        Self { subnet: None, what, rebuild_helps: false }
    }

    fn of(subnet: &SubnetRecord, what: String) -> Self {
        Self { subnet: Some(subnet.to_string()), what, rebuild_helps: false }
    }
}

pub(crate) fn verify(reading: &Reading<'_>, progress: &dyn Progress) -> Result<Vec<Finding>> {
    progress.begin(Step::CheckingDatabase, None);
    let mut findings = whole(reading)?;
    if !findings.is_empty() {
        // What cannot be read need not be compared.
        return Ok(findings);
    }
    progress.begin(Step::Checking, Some(reading.address_count()? + reading.range_count()?));
    for subnet in reading.subnets_in(&Scope::Anywhere)? {
        bounds(reading, &subnet, &mut findings)?;
        if !subnet.attributes.tags.are_in_order() {
            findings.push(Finding::of(&subnet, "has tags twice or out of order".to_owned()));
        }
        if subnet.container {
            container(reading, &subnet, &mut findings)?;
        } else {
            ranges(reading, &subnet, &mut findings)?;
            allocations(reading, &subnet, &mut findings)?;
            free(reading, &subnet, &mut findings, progress)?;
        }
    }
    overlaps(reading, &mut findings)?;
    plans::verify::verify(reading, &mut findings)?;
    Ok(findings)
}

/// What the database finds, and what cannot be read as a subnet.
fn whole(reading: &Reading<'_>) -> Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = reading.connection.damage()?.into_iter().map(Finding::of_all).collect();
    // What lies past the length that an address has room for has no prefix to read it as.
    reading.connection.each("SELECT id, network, last, length FROM subnet", &[], |row| {
        let id: i64 = row.get(0)?;
        let ends = row.get::<Key>(1).and_then(|first| Ok((first, row.get::<Key>(2)?)));
        let length = row.get::<Option<i64>>(3)?.map(u8::try_from);
        let readable = match (ends, length) {
            (Ok((first, last)), None) => Bounds::stored(first, last, None).is_some(),
            (Ok((first, last)), Some(Ok(length))) => Bounds::stored(first, last, Some(length)).is_some(),
            _ => false,
        };
        if !readable {
            findings.push(Finding::of_all(format!("the subnet with id {id} has a prefix that is none")));
        }
        Ok(())
    })?;
    Ok(findings)
}

fn bounds(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    let last = reading.connection.row("SELECT last FROM subnet WHERE id = ?1", values![subnet.id], |row| row.get(0))?;
    if let Some(last) = last.filter(|last: &Key| *last != subnet.bounds.whole().last) {
        findings.push(Finding::of(subnet, format!("ends at {}, which is not its last address", last.address())));
    }
    Ok(())
}

fn container(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    for (sql, what) in [
        ("SELECT 1 FROM allocation WHERE subnet_id = ?1 LIMIT 1", "addresses"),
        ("SELECT 1 FROM excluded_range WHERE subnet_id = ?1 LIMIT 1", "excluded ranges"),
        ("SELECT 1 FROM free_extent WHERE subnet_id = ?1 LIMIT 1", "free extents"),
    ] {
        if reading.connection.is_any(sql, values![subnet.id])? {
            findings.push(Finding::of(subnet, format!("is a container and yet has {what}")));
        }
    }
    Ok(())
}

fn ranges(reading: &Reading<'_>, subnet: &SubnetRecord, findings: &mut Vec<Finding>) -> Result<()> {
    let ranges = reading.excluded_ranges(subnet.id)?;
    let ranges: Vec<ExcludedRange> = ranges.into_iter().map(|record| record.range).collect();
    for range in &ranges {
        if !subnet.bounds.contains(range.first) || !subnet.bounds.contains(range.last) {
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
fn free(
    reading: &Reading<'_>,
    subnet: &SubnetRecord,
    findings: &mut Vec<Finding>,
    progress: &dyn Progress,
) -> Result<()> {
    let mut stored = extents::Ascending::new(reading.connection, subnet.id);
    let mut next = stored.next()?;
    let mut differences = Vec::new();
    let mut differs = |what: &str, span: Span| {
        if differences.len() < EXTENTS_AT_MOST {
            differences.push(format!("{what}: {} to {}", span.first.address(), span.last.address()));
        }
    };
    let passed = |records| progress.advance(records);
    extents::work_out(reading.connection, subnet.id, subnet.offerable(), passed, |right| {
        while let Some(extra) = next.filter(|span| *span < right) {
            differs("free extent that should not be there", extra);
            next = stored.next()?;
        }
        if next == Some(right) {
            next = stored.next()?;
        } else {
            differs("free extent that is missing", right);
        }
        Ok(())
    })?;
    while let Some(extra) = next {
        differs("free extent that should not be there", extra);
        next = stored.next()?;
    }
    findings.extend(differences.into_iter().map(|what| Finding { rebuild_helps: true, ..Finding::of(subnet, what) }));
    Ok(())
}

/// Subnets of a group either nest, the outer one being a container, or share nothing.
fn overlaps(reading: &Reading<'_>, findings: &mut Vec<Finding>) -> Result<()> {
    let mut by_group = BTreeMap::<_, Vec<SubnetRecord>>::new();
    for subnet in reading.subnets_in(&Scope::Anywhere)? {
        by_group.entry(subnet.group.clone()).or_default().push(subnet);
    }
    for subnets in by_group.values() {
        // What holds others stands before them: those around the current one, the outermost first.
        let mut around: Vec<&SubnetRecord> = Vec::new();
        for subnet in subnets {
            around.retain(|outer| outer.bounds.last() >= subnet.bounds.first());
            around.retain(|outer| outer.bounds.first().is_ipv4() == subnet.bounds.first().is_ipv4());
            let wrong =
                around.iter().rev().find(|outer| !outer.container || outer.bounds.last() < subnet.bounds.last());
            match wrong {
                Some(leaf) if !leaf.container => {
                    findings.push(Finding::of(subnet, format!("overlaps subnet {leaf}, no container")));
                }
                Some(container) => findings.push(Finding::of(subnet, format!("reaches out of subnet {container}"))),
                None => {}
            }
            around.push(subnet);
        }
    }
    Ok(())
}
