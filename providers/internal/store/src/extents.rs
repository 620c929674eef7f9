//! The free extents of a subnet: its maximal free intervals, lowest first.
//!
//! Every step finds its extent through the primary key `(subnet_id, first)`, so it costs O(log n) however full the
//! subnet is. All of it runs within the transaction that changes allocations or excluded ranges.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use ipam_provider::AddressSet;

use crate::Result;
use crate::bulk::{ROWS, rows_at_once};
use crate::connection::{Connection, Row};
use crate::key::{Key, Span};
use crate::value::{Value, values};

/// How many extents [`Ascending`] reads at first, and at a time at most.
const FIRST_PAGE: i64 = 4;
const PAGE: i64 = 1000;

fn span(row: &dyn Row) -> Result<Span> {
    Ok(Span { first: row.get(0)?, last: row.get(1)? })
}

/// The extent with the highest beginning at or below `key`; it need not reach as far as `key`.
fn at_or_below(connection: &dyn Connection, subnet: i64, key: Key) -> Result<Option<Span>> {
    let nearest =
        "SELECT first, last FROM free_extent WHERE subnet_id = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    connection.row(nearest, values![subnet, key], span)
}

pub(crate) fn insert(connection: &dyn Connection, subnet: i64, extent: Span) -> Result<()> {
    let insert = "INSERT INTO free_extent (subnet_id, first, last) VALUES (?1, ?2, ?3)";
    connection.execute(insert, values![subnet, extent.first, extent.last]).map(drop)
}

fn delete(connection: &dyn Connection, subnet: i64, first: Key) -> Result<()> {
    let delete = "DELETE FROM free_extent WHERE subnet_id = ?1 AND first = ?2";
    connection.execute(delete, values![subnet, first]).map(drop)
}

/// Removes all of a subnet.
pub(crate) fn clear(connection: &dyn Connection, subnet: i64) -> Result<()> {
    connection.execute("DELETE FROM free_extent WHERE subnet_id = ?1", values![subnet]).map(drop)
}

/// Takes one address out of the extents; `false` when it is in none.
pub(crate) fn take(connection: &dyn Connection, subnet: i64, key: Key) -> Result<bool> {
    let Some(extent) = at_or_below(connection, subnet, key)?.filter(|extent| extent.contains(key)) else {
        return Ok(false);
    };
    replace(connection, subnet, extent, Span { first: key, last: key })?;
    Ok(true)
}

/// Free extents on their way to the table.
#[derive(Debug)]
struct NewExtents<'c> {
    connection: &'c dyn Connection,
    subnet: i64,
    waiting: Vec<Span>,
}

impl<'c> NewExtents<'c> {
    fn new(connection: &'c dyn Connection, subnet: i64) -> Self {
        Self { connection, subnet, waiting: Vec::new() }
    }

    fn add(&mut self, extent: Span) -> Result<()> {
        static MANY: LazyLock<String> =
            LazyLock::new(|| rows_at_once("INSERT INTO free_extent (subnet_id, first, last)", 3, ""));
        self.waiting.push(extent);
        if self.waiting.len() < ROWS {
            return Ok(());
        }
        let row = |extent: &Span| *values![self.subnet, extent.first, extent.last];
        let values: Vec<Value<'_>> = self.waiting.iter().flat_map(row).collect();
        self.connection.execute(&MANY, &values)?;
        self.waiting.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        for extent in self.waiting.drain(..) {
            insert(self.connection, self.subnet, extent)?;
        }
        Ok(())
    }
}

/// Takes addresses out of the extents of a subnet, lowest first: each extent is read and replaced once, however many
/// addresses are taken out of it.
#[derive(Debug)]
pub(crate) struct Taking<'c> {
    connection: &'c dyn Connection,
    subnet: i64,
    /// What is left of the extent of the last address; no row has it.
    rest: Option<Span>,
    /// What is left of the others, and of this one below the last address.
    left: NewExtents<'c>,
}

impl<'c> Taking<'c> {
    pub(crate) fn new(connection: &'c dyn Connection, subnet: i64) -> Self {
        Self { connection, subnet, rest: None, left: NewExtents::new(connection, subnet) }
    }

    /// Takes an address, which must be higher than the one before; `false` when it is in no extent.
    pub(crate) fn take(&mut self, key: Key) -> Result<bool> {
        let mut extent = self.rest.take();
        if let Some(passed) = extent.take_if(|extent| !extent.contains(key)) {
            self.left.add(passed)?;
        }
        if extent.is_none() {
            // What waits to be inserted ends below this address, so the table need not have it.
            extent = at_or_below(self.connection, self.subnet, key)?.filter(|extent| extent.contains(key));
            if let Some(extent) = extent {
                delete(self.connection, self.subnet, extent.first)?;
            }
        }
        let Some(extent) = extent else { return Ok(false) };
        if let Some(last) = key.previous().filter(|last| extent.first <= *last) {
            self.left.add(Span { first: extent.first, last })?;
        }
        let above = key.next().filter(|first| *first <= extent.last);
        self.rest = above.map(|first| Span { first, last: extent.last });
        Ok(true)
    }

    /// Inserts what is left.
    pub(crate) fn finish(mut self) -> Result<()> {
        if let Some(rest) = self.rest {
            self.left.add(rest)?;
        }
        self.left.finish()
    }
}

/// Takes a whole range out of the extents, as far as it is in any.
pub(crate) fn cut(connection: &dyn Connection, subnet: i64, range: Span) -> Result<()> {
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
fn replace(connection: &dyn Connection, subnet: i64, extent: Span, hole: Span) -> Result<()> {
    let below = hole.first.previous().filter(|last| *last >= extent.first && hole.first > extent.first);
    let above = hole.last.next().filter(|first| *first <= extent.last);
    match (below, above) {
        (None, None) => delete(connection, subnet, extent.first),
        // What the lowest free address leaves.
        (None, Some(first)) => {
            let shorten = "UPDATE free_extent SET first = ?3 WHERE subnet_id = ?1 AND first = ?2";
            connection.execute(shorten, values![subnet, extent.first, first]).map(drop)
        }
        (Some(last), above) => {
            let shorten = "UPDATE free_extent SET last = ?3 WHERE subnet_id = ?1 AND first = ?2";
            connection.execute(shorten, values![subnet, extent.first, last])?;
            above.map_or(Ok(()), |first| insert(connection, subnet, Span { first, last: extent.last }))
        }
    }
}

/// Adds a range that is in no extent, merging it with the neighbours that it touches.
pub(crate) fn give_back(connection: &dyn Connection, subnet: i64, range: Span) -> Result<()> {
    let mut merged = range;
    if let Some(above) = range.last.next() {
        let exact = "SELECT first, last FROM free_extent WHERE subnet_id = ?1 AND first = ?2";
        if let Some(neighbour) = connection.row(exact, values![subnet, above], span)? {
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

/// Free addresses, lowest first: at most `at_most`, none of `held`.
///
/// Extents are read by and by, and held runs are passed as a whole, so that neither the size of a subnet nor the number
/// of its holds costs anything.
pub(crate) fn lowest(connection: &dyn Connection, subnet: i64, at_most: usize, held: &AddressSet) -> Result<Vec<Key>> {
    let mut found = Vec::new();
    let mut extents = Ascending::new(connection, subnet);
    while found.len() < at_most
        && let Some(extent) = extents.next()?
    {
        let free = held.absent_within(extent.first.address(), extent.last.address()).map(Key::from);
        found.extend(free.take(at_most - found.len()));
    }
    Ok(found)
}

/// How many addresses of a subnet are free.
pub(crate) fn count(connection: &dyn Connection, subnet: i64) -> Result<u128> {
    let mut free = 0;
    connection.each("SELECT first, last FROM free_extent WHERE subnet_id = ?1", values![subnet], |row| {
        free += span(row)?.count();
        Ok(())
    })?;
    Ok(free)
}

/// The extents of a subnet, lowest first, for those who look at something else meanwhile, or need only the first few. Each
/// page is a question with a limit, so that no database reads more than that.
#[derive(Debug)]
pub(crate) struct Ascending<'c> {
    connection: &'c dyn Connection,
    subnet: i64,
    page: VecDeque<Span>,
    /// Where the next page begins; `None` after the last one.
    from: Option<Key>,
    /// How many it has at most.
    at_most: i64,
}

impl<'c> Ascending<'c> {
    pub(crate) fn new(connection: &'c dyn Connection, subnet: i64) -> Self {
        Self { connection, subnet, page: VecDeque::new(), from: Some(Key(0)), at_most: FIRST_PAGE }
    }

    /// The next one; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Span>> {
        if let (true, Some(from)) = (self.page.is_empty(), self.from) {
            let page =
                "SELECT first, last FROM free_extent WHERE subnet_id = ?1 AND first >= ?2 ORDER BY first LIMIT ?3";
            self.page = self.connection.rows(page, values![self.subnet, from, self.at_most], span)?.into();
            // What is damaged may end before it begins, so the next page depends on beginnings only.
            self.from = self.page.back().and_then(|last| last.first.next());
            self.at_most = (self.at_most * 8).min(PAGE);
        }
        Ok(self.page.pop_front())
    }
}

/// Works out from allocations, excluded ranges and the gateway what is free within `window`, and calls `found` with each
/// maximal interval, lowest first. `window` must lie within what the subnet offers. `passed` is called with the number of
/// records that were read.
pub(crate) fn work_out(
    connection: &dyn Connection,
    subnet: i64,
    window: Span,
    mut passed: impl FnMut(u64),
    mut found: impl FnMut(Span) -> Result<()>,
) -> Result<()> {
    // Sorted lists in one; their members may overlap, for an address may be recorded within an excluded range.
    let taken = "SELECT first, last FROM excluded_range WHERE subnet_id = ?1 AND first <= ?3 AND last >= ?2
         UNION ALL
         SELECT gateway, gateway FROM subnet WHERE id = ?1 AND gateway BETWEEN ?2 AND ?3
         UNION ALL
         SELECT address, address FROM allocation WHERE subnet_id = ?1 AND address BETWEEN ?2 AND ?3
         ORDER BY 1";
    let mut next_free = Some(window.first);
    connection.query_each(taken, values![subnet, window.first, window.last], &mut |row| {
        let taken = span(row)?;
        passed(1);
        let Some(first) = next_free else { return Ok(ControlFlow::Break(())) };
        if let Some(last) = taken.first.previous().filter(|last| taken.first > first && *last >= first) {
            found(Span { first, last })?;
        }
        next_free = taken.last.next().map(|above| above.max(first));
        Ok(ControlFlow::Continue(()))
    })?;
    match next_free.filter(|first| *first <= window.last) {
        Some(first) => found(Span { first, last: window.last }),
        None => Ok(()),
    }
}

/// Makes the extents of a subnet anew. Costs as much as the subnet has records.
pub(crate) fn rebuild(connection: &dyn Connection, subnet: i64, offerable: Span) -> Result<()> {
    clear(connection, subnet)?;
    let mut extents = NewExtents::new(connection, subnet);
    work_out(connection, subnet, offerable, |_| {}, |extent| extents.add(extent))?;
    extents.finish()
}
