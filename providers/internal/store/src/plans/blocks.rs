//! The free space of a pool: the largest prefixes of which nothing is allocated, as in a buddy allocator.
//!
//! A free prefix of some length is found with one step in the primary key for each length that the pool has, however much of
//! it is allocated.

use super::PoolRecord;
use super::sizing::{addresses, bits_of};
use crate::Result;
use crate::connection::Connection;
use crate::key::{Key, Span};
use crate::value::values;

/// A prefix by its first address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) first: Key,
    pub(super) length: u8,
}

impl Block {
    pub(super) fn span(self, bits: u8) -> Span {
        Span { first: self.first, last: Key(self.first.0 + (addresses(bits, self.length) - 1)) }
    }

    /// The prefix of this length in which it lies.
    fn around(self, length: u8, bits: u8) -> Self {
        Self { first: Key(self.first.0 - self.first.0 % addresses(bits, length)), length }
    }

    /// The other half of the prefix that is longer by one bit less.
    fn buddy(self, bits: u8) -> Self {
        Self { first: Key(self.first.0 ^ addresses(bits, self.length)), ..self }
    }
}

/// Takes the lowest prefix of this length that is free; `None` when none is.
pub(super) fn take_lowest(connection: &dyn Connection, pool: &PoolRecord, length: u8) -> Result<Option<Block>> {
    let Some(found) = lowest(connection, pool, length)? else { return Ok(None) };
    delete(connection, pool, found)?;
    let taken = Block { length, ..found };
    split(connection, pool, found.length, taken)?;
    Ok(Some(taken))
}

/// Of the prefix of this length that `taken` was cut out of, every half stays free that it is not in.
fn split(connection: &dyn Connection, pool: &PoolRecord, length: u8, taken: Block) -> Result<()> {
    let bits = bits_of(&pool.prefix);
    (length + 1..=taken.length).try_for_each(|length| insert(connection, pool, taken.around(length, bits).buddy(bits)))
}

/// The free block in which the lowest free prefix of this length is.
pub(super) fn lowest(connection: &dyn Connection, pool: &PoolRecord, length: u8) -> Result<Option<Block>> {
    let lowest = "SELECT first FROM plan_block WHERE pool_id = ?1 AND length = ?2 ORDER BY first LIMIT 1";
    let mut found: Option<Block> = None;
    for length in pool.prefix.length()..=length {
        let first: Option<Key> = connection.row(lowest, values![pool.id, length], |row| row.get(0))?;
        let block = first.map(|first| Block { first, length });
        found = match (found, block) {
            (Some(found), Some(block)) if block.first < found.first => Some(block),
            (found, block) => found.or(block),
        };
    }
    Ok(found)
}

/// Makes a prefix free again, and one with its other half as long as that is free.
pub(super) fn give_back(connection: &dyn Connection, pool: &PoolRecord, mut block: Block) -> Result<()> {
    let bits = bits_of(&pool.prefix);
    while block.length > pool.prefix.length() && delete(connection, pool, block.buddy(bits))? {
        block.first = block.first.min(block.buddy(bits).first);
        block.length -= 1;
    }
    insert(connection, pool, block)
}

/// Works out the free space from the prefixes that are allocated, lowest first.
pub(super) fn rebuild(connection: &dyn Connection, pool: &PoolRecord, allocated: &[Span]) -> Result<()> {
    connection.execute("DELETE FROM plan_block WHERE pool_id = ?1", values![pool.id])?;
    work_out(pool, allocated).into_iter().try_for_each(|block| insert(connection, pool, block))
}

/// What must be free.
pub(super) fn work_out(pool: &PoolRecord, allocated: &[Span]) -> Vec<Block> {
    let bits = bits_of(&pool.prefix);
    let mut free = Vec::new();
    let mut next = Some(Key::from(pool.prefix.network()));
    for span in allocated {
        if let (Some(first), Some(last)) = (next, span.first.previous()) {
            cover(Span { first, last }, bits, &mut free);
        }
        next = span.last.next();
    }
    if let Some(first) = next {
        cover(Span { first, last: pool.prefix.last().into() }, bits, &mut free);
    }
    free
}

/// The largest prefixes that make up a gap between prefixes; none when there is no gap.
fn cover(gap: Span, bits: u8, free: &mut Vec<Block>) {
    let mut next = Some(gap.first);
    while let Some(first) = next.filter(|first| *first <= gap.last) {
        let fits = |length: &u8| {
            let size = addresses(bits, *length);
            first.0 % size == 0 && gap.last.0 - first.0 >= size - 1
        };
        let length = (0..=bits).find(fits).expect("one address fits");
        free.push(Block { first, length });
        next = Block { first, length }.span(bits).last.next();
    }
}

/// All free prefixes, lowest first.
pub(super) fn all(connection: &dyn Connection, pool: &PoolRecord) -> Result<Vec<Block>> {
    let all = "SELECT length, first FROM plan_block WHERE pool_id = ?1 ORDER BY first";
    connection.rows(all, values![pool.id], |row| Ok(Block { length: row.get(0)?, first: row.get(1)? }))
}

fn insert(connection: &dyn Connection, pool: &PoolRecord, block: Block) -> Result<()> {
    let insert = "INSERT INTO plan_block (pool_id, length, first) VALUES (?1, ?2, ?3)";
    connection.execute(insert, values![pool.id, block.length, block.first]).map(drop)
}

/// Was it free?
fn delete(connection: &dyn Connection, pool: &PoolRecord, block: Block) -> Result<bool> {
    let delete = "DELETE FROM plan_block WHERE pool_id = ?1 AND length = ?2 AND first = ?3";
    Ok(connection.execute(delete, values![pool.id, block.length, block.first])? > 0)
}

/// Takes exactly this prefix; `false` when it is not free.
pub(super) fn take(connection: &dyn Connection, pool: &PoolRecord, wanted: Block) -> Result<bool> {
    let bits = bits_of(&pool.prefix);
    for length in (pool.prefix.length()..=wanted.length).rev() {
        if !delete(connection, pool, wanted.around(length, bits))? {
            continue;
        }
        split(connection, pool, length, wanted)?;
        return Ok(true);
    }
    Ok(false)
}
