//! Writing the store as CSV.

use std::borrow::Cow;
use std::io;

use csv::{QuoteStyle, Writer, WriterBuilder};
use jiff::Timestamp;

use super::{COLUMNS, Columns, kind, plans};
use crate::progress::{Progress, Step};
use crate::{
    Attributes, PlanAllocationRecord, PlanRecord, PublicId, RangeRecord, Reading, Result, Scope, StoreError,
    SubnetRecord,
};

/// How many allocations of a plan are in memory at a time.
const ALLOCATIONS_AT_ONCE: u32 = 1000;

/// Writes groups, then plans with their allocations, then subnets, then excluded ranges, then addresses: what a row refers to stands above it.
pub(crate) fn export(reading: &Reading<'_>, to: impl io::Write, progress: &dyn Progress) -> Result<()> {
    // The header is there without a row too, so that what was exported can always be imported.
    let mut rows = WriterBuilder::new().quote_style(QuoteStyle::Never).from_writer(to);
    rows.write_record(COLUMNS).map_err(StoreError::Export)?;
    for group in reading.groups()? {
        put(
            &mut rows,
            Columns {
                kind: kind::GROUP.to_owned(),
                group: group.name.to_string(),
                description: group.description,
                ..common(group.public_id, group.attributes, group.created_at, group.updated_at)
            },
        )?;
    }
    for plan in reading.plans_in(&Scope::Anywhere)? {
        let PlanRecord { public_id, attributes, created_at, updated_at, .. } = plan.clone();
        put(&mut rows, plans::of_plan(&plan, common(public_id, attributes, created_at, updated_at)))?;
        export_allocations(reading, &plan, &mut rows)?;
    }
    let subnets = reading.subnets_in(&Scope::Anywhere)?;
    for subnet in &subnets {
        let SubnetRecord { public_id, attributes, created_at, updated_at, .. } = subnet.clone();
        put(
            &mut rows,
            Columns {
                description: subnet.description.clone(),
                pool: subnet.pool.to_string(),
                container: subnet.container.to_string(),
                gateway: subnet.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
                ..of_subnet(kind::SUBNET, subnet, common(public_id, attributes, created_at, updated_at))
            },
        )?;
    }
    for subnet in &subnets {
        for RangeRecord { range, public_id, attributes, created_at, updated_at } in
            reading.excluded_ranges(subnet.id)?
        {
            put(
                &mut rows,
                Columns {
                    address: range.first.to_string(),
                    last: range.last.to_string(),
                    description: range.comment,
                    ..of_subnet(kind::EXCLUDED, subnet, common(public_id, attributes, created_at, updated_at))
                },
            )?;
        }
    }
    progress.begin(Step::Exporting, Some(reading.address_count()?));
    for subnet in &subnets {
        reading.each_address(subnet.id, |record| {
            progress.advance(1);
            put(
                &mut rows,
                Columns {
                    address: record.address.to_string(),
                    mac: record.mac.map(|mac| mac.to_string()).unwrap_or_default(),
                    hostname: record.hostname.unwrap_or_default(),
                    description: record.description,
                    ..of_subnet(
                        kind::ADDRESS,
                        subnet,
                        common(record.public_id, record.attributes, record.created_at, record.updated_at),
                    )
                },
            )
        })?;
    }
    rows.flush().map_err(|error| StoreError::Export(error.into()))
}

/// A page after the other.
fn export_allocations(reading: &Reading<'_>, plan: &PlanRecord, rows: &mut Writer<impl io::Write>) -> Result<()> {
    let mut after = None;
    loop {
        let page = reading.plan_allocations(plan.id, None, after.as_ref(), ALLOCATIONS_AT_ONCE)?;
        for allocation in &page {
            let PlanAllocationRecord { public_id, attributes, created_at, updated_at, .. } = allocation.clone();
            let common = common(public_id, attributes, created_at, updated_at);
            put(rows, plans::of_allocation(plan, allocation, common))?;
        }
        after = page.last().map(PlanAllocationRecord::after);
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The columns that every kind has.
fn common(public_id: PublicId, attributes: Attributes, created_at: Timestamp, updated_at: Timestamp) -> Columns {
    let Attributes { owner, external_id, tags, metadata } = attributes;
    Columns {
        owner,
        external_id: external_id.map(|id| id.to_string()).unwrap_or_default(),
        tags: tags.to_string(),
        metadata: if metadata.is_empty() { String::new() } else { metadata.to_string() },
        id: public_id.to_string(),
        created_at: created_at.to_string(),
        updated_at: updated_at.to_string(),
        ..Columns::default()
    }
}

/// The columns of what belongs to a subnet.
fn of_subnet(kind: &str, subnet: &SubnetRecord, common: Columns) -> Columns {
    Columns {
        kind: kind.to_owned(),
        group: subnet.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        prefix: subnet.bounds.to_string(),
        ..common
    }
}

fn put(rows: &mut Writer<impl io::Write>, columns: Columns) -> Result<()> {
    let cells = columns.cells().map(quoted);
    rows.write_record(cells.iter().map(|cell| cell.as_bytes())).map_err(StoreError::Export)
}

/// A cell as it stands in the file. One with a blank at an end is quoted too: without quotation marks that is not kept by
/// the import, nor by every spreadsheet.
fn quoted(cell: &str) -> Cow<'_, str> {
    let is_kept = !cell.contains(['"', ',', ';', '\t', '\n', '\r']) && cell.trim().len() == cell.len();
    if is_kept { cell.into() } else { format!("\"{}\"", cell.replace('"', "\"\"")).into() }
}
