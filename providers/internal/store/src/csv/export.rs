//! Writing the store as CSV.

use std::borrow::Cow;
use std::io;

use csv::{QuoteStyle, Writer, WriterBuilder};

use super::{COLUMNS, Columns, kind};
use crate::progress::{Progress, Step};
use crate::{Reading, Result, Scope, StoreError, SubnetRecord};

/// Writes groups, then subnets, then excluded ranges, then addresses: what a row refers to stands above it.
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
                ..Columns::default()
            },
        )?;
    }
    let subnets = reading.subnets_in(&Scope::Anywhere)?;
    for subnet in &subnets {
        put(
            &mut rows,
            Columns {
                description: subnet.description.clone(),
                pool: subnet.pool.to_string(),
                container: subnet.container.to_string(),
                ..columns(kind::SUBNET, subnet)
            },
        )?;
    }
    for subnet in &subnets {
        for range in reading.excluded_ranges(subnet.id)? {
            put(
                &mut rows,
                Columns {
                    address: range.first.to_string(),
                    last: range.last.to_string(),
                    description: range.comment,
                    ..columns(kind::EXCLUDED, subnet)
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
                    owner: record.owner,
                    created_at: record.created_at.to_string(),
                    updated_at: record.updated_at.to_string(),
                    ..columns(kind::ADDRESS, subnet)
                },
            )
        })?;
    }
    rows.flush().map_err(|error| StoreError::Export(error.into()))
}

fn columns(kind: &str, subnet: &SubnetRecord) -> Columns {
    Columns {
        kind: kind.to_owned(),
        group: subnet.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        prefix: subnet.prefix.to_string(),
        ..Columns::default()
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
