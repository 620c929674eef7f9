//! The free extents of a subnet: its maximal free intervals, lowest first.
//!
//! Every step finds its extent through the primary key `(subnet_id, first)`, so it costs O(log n) however full the
//! subnet is. All of it runs within the transaction that changes allocations or excluded ranges.

use ipam_provider::AddressSet;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::key::{Key, Span};

fn span(row: &Row<'_>) -> rusqlite::Result<Span> {
    Ok(Span { first: row.get(0)?, last: row.get(1)? })
}

/// The extent with the highest beginning at or below `key`; it need not reach as far as `key`.
fn at_or_below(connection: &Connection, subnet: i64, key: Key) -> rusqlite::Result<Option<Span>> {
    connection
        .prepare_cached(
            "SELECT first, last FROM free_extent WHERE subnet_id = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row(params![subnet, key], span)
        .optional()
}

fn insert(connection: &Connection, subnet: i64, extent: Span) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO free_extent (subnet_id, first, last) VALUES (?1, ?2, ?3)")?
        .execute(params![subnet, extent.first, extent.last])?;
    Ok(())
}

fn delete(connection: &Connection, subnet: i64, first: Key) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM free_extent WHERE subnet_id = ?1 AND first = ?2")?
        .execute(params![subnet, first])?;
    Ok(())
}

/// Takes one address out of the extents; `false` when it is in none.
pub(super) fn take(connection: &Connection, subnet: i64, key: Key) -> rusqlite::Result<bool> {
    let Some(extent) = at_or_below(connection, subnet, key)?.filter(|extent| extent.contains(key)) else {
        return Ok(false);
    };
    replace(connection, subnet, extent, Span { first: key, last: key })?;
    Ok(true)
}

/// Takes a whole range out of the extents, as far as it is in any.
pub(super) fn cut(connection: &Connection, subnet: i64, range: Span) -> rusqlite::Result<()> {
    // From the top down: each extent that is cut leaves less below.
    let mut top = range.last;
    while let Some(extent) = at_or_below(connection, subnet, top)?.filter(|extent| extent.last >= range.first) {
        replace(connection, subnet, extent, range)?;
        match extent.first.previous() {
            Some(below) if extent.first > range.first => top = below,
            Some(_) | None => break,
        }
    }
    Ok(())
}

/// Replaces an extent with what a hole leaves of it: nothing, one part or two.
fn replace(connection: &Connection, subnet: i64, extent: Span, hole: Span) -> rusqlite::Result<()> {
    let below = hole.first.previous().filter(|last| *last >= extent.first && hole.first > extent.first);
    let above = hole.last.next().filter(|first| *first <= extent.last);
    match below {
        Some(last) => {
            connection
                .prepare_cached("UPDATE free_extent SET last = ?3 WHERE subnet_id = ?1 AND first = ?2")?
                .execute(params![subnet, extent.first, last])?;
        }
        None => delete(connection, subnet, extent.first)?,
    }
    match above {
        Some(first) => insert(connection, subnet, Span { first, last: extent.last }),
        None => Ok(()),
    }
}

/// Adds a range that is in no extent, merging it with the neighbours that it touches.
pub(super) fn give_back(connection: &Connection, subnet: i64, range: Span) -> rusqlite::Result<()> {
    let mut merged = range;
    if let Some(above) = range.last.next() {
        let neighbour = connection
            .prepare_cached("SELECT first, last FROM free_extent WHERE subnet_id = ?1 AND first = ?2")?
            .query_row(params![subnet, above], span)
            .optional()?;
        if let Some(neighbour) = neighbour {
            delete(connection, subnet, neighbour.first)?;
            merged.last = neighbour.last;
        }
    }
    if let Some(neighbour) = at_or_below(connection, subnet, range.first)?
        && neighbour.last.next() == Some(range.first)
    {
        delete(connection, subnet, neighbour.first)?;
        merged.first = neighbour.first;
    }
    insert(connection, subnet, merged)
}

/// Calls `visit` with each extent of a subnet, lowest first, until it answers `false`.
pub(super) fn visit(connection: &Connection, subnet: i64, mut visit: impl FnMut(Span) -> bool) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("SELECT first, last FROM free_extent WHERE subnet_id = ?1 ORDER BY first")?;
    let mut rows = statement.query([subnet])?;
    while let Some(row) = rows.next()? {
        if !visit(span(row)?) {
            break;
        }
    }
    Ok(())
}

/// Free addresses, lowest first: at most `at_most`, none of `held`.
///
/// Extents are read one by one, and held runs are passed as a whole, so that neither the size of a subnet nor the number
/// of its holds costs anything.
pub(super) fn lowest(
    connection: &Connection,
    subnet: i64,
    at_most: usize,
    held: &AddressSet,
) -> rusqlite::Result<Vec<Key>> {
    let mut found = Vec::new();
    visit(connection, subnet, |extent| {
        let free = held.absent_within(extent.first.address(), extent.last.address()).map(Key::from);
        found.extend(free.take(at_most - found.len()));
        found.len() < at_most
    })?;
    Ok(found)
}

/// How many addresses of a subnet are free.
pub(super) fn count(connection: &Connection, subnet: i64) -> rusqlite::Result<u128> {
    let mut free = 0;
    visit(connection, subnet, |extent| {
        free += extent.count();
        true
    })?;
    Ok(free)
}

/// Works out from allocations and excluded ranges what is free within `window`, and calls `found` with each maximal
/// interval, lowest first. `window` must lie within what the subnet offers.
pub(super) fn work_out(
    connection: &Connection,
    subnet: i64,
    window: Span,
    mut found: impl FnMut(Span) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    // Two sorted lists in one; their members may overlap, for an address may be recorded within an excluded range.
    let mut statement = connection.prepare_cached(
        "SELECT first, last FROM excluded_range WHERE subnet_id = ?1 AND first <= ?3 AND last >= ?2
         UNION ALL
         SELECT address, address FROM allocation WHERE subnet_id = ?1 AND address BETWEEN ?2 AND ?3
         ORDER BY 1",
    )?;
    let mut rows = statement.query(params![subnet, window.first, window.last])?;
    let mut next_free = Some(window.first);
    while let Some(row) = rows.next()? {
        let taken = span(row)?;
        let Some(first) = next_free else { break };
        if let Some(last) = taken.first.previous().filter(|last| taken.first > first && *last >= first) {
            found(Span { first, last })?;
        }
        next_free = taken.last.next().map(|above| above.max(first));
    }
    match next_free.filter(|first| *first <= window.last) {
        Some(first) => found(Span { first, last: window.last }),
        None => Ok(()),
    }
}

/// Makes the extents of a subnet anew. Costs as much as the subnet has records.
pub(super) fn rebuild(connection: &Connection, subnet: i64, offerable: Span) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM free_extent WHERE subnet_id = ?1", [subnet])?;
    work_out(connection, subnet, offerable, |extent| insert(connection, subnet, extent))
}
