//! Excluded ranges: parts of a subnet that are never offered.

use std::net::IpAddr;

use crate::connection::Row;
use crate::key::{Key, Span};
use crate::value::values;
use crate::{ExcludedRange, Reading, Result, StoreError, SubnetRecord, Writing, extents};

fn record(row: &dyn Row) -> Result<ExcludedRange> {
    let (first, last): (Key, Key) = (row.get(0)?, row.get(1)?);
    Ok(ExcludedRange { first: first.address(), last: last.address(), comment: row.get(2)? })
}

impl Reading<'_> {
    /// The excluded ranges of a subnet, lowest first.
    pub fn excluded_ranges(&self, subnet: i64) -> Result<Vec<ExcludedRange>> {
        let all = "SELECT first, last, comment FROM excluded_range WHERE subnet_id = ?1 ORDER BY first";
        self.connection.rows(all, values![subnet], record)
    }

    /// The range with the highest beginning at or below `key`, if it reaches as far as `from`.
    fn range_reaching(&self, subnet: i64, key: Key, from: Key) -> Result<Option<ExcludedRange>> {
        let nearest = "SELECT first, last, comment FROM excluded_range WHERE subnet_id = ?1 AND first <= ?2
             ORDER BY first DESC LIMIT 1";
        let nearest = self.connection.row(nearest, values![subnet, key], record)?;
        Ok(nearest.filter(|range| Key::from(range.last) >= from))
    }

    /// Is every address excluded that the subnet could offer?
    pub(crate) fn is_wholly_excluded(&self, subnet: &SubnetRecord) -> Result<bool> {
        let Span { first, last } = subnet.offerable();
        // All below this one are excluded.
        let mut next = Some(first);
        for range in self.excluded_ranges(subnet.id)? {
            let Some(lowest) = next.filter(|next| *next <= last) else { break };
            if Key::from(range.first) > lowest {
                return Ok(false);
            }
            next = Key::from(range.last).next().map(|above| above.max(lowest));
        }
        Ok(next.is_none_or(|next| next > last))
    }

    pub(crate) fn is_excluded(&self, subnet: i64, key: Key) -> Result<bool> {
        Ok(self.range_reaching(subnet, key, key)?.is_some())
    }
}

impl Writing<'_> {
    /// Excludes a range. Addresses that are recorded in it stay recorded.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`Container`](StoreError::Container), [`Outside`](StoreError::Outside),
    /// [`Overlap`](StoreError::Overlap) with another range, and [`Invalid`](StoreError::Invalid) when the ends are the
    /// wrong way round.
    pub fn exclude(&self, subnet: i64, range: &ExcludedRange) -> Result<()> {
        let subnet = self.lock_subnet(subnet)?;
        subnet.as_leaf()?;
        let (first, last) = (range.first, range.last);
        if !subnet.prefix.contains(first) || !subnet.prefix.contains(last) {
            return Err(StoreError::Outside { what: format!("Range {first} to {last}"), subnet: subnet.prefix });
        }
        if first > last {
            return Err(StoreError::Invalid(format!("Range {first} to {last} ends before it begins")));
        }
        let span = Span { first: first.into(), last: last.into() };
        if let Some(other) = self.range_reaching(subnet.id, span.last, span.first)? {
            return Err(StoreError::Overlap {
                what: format!("Range {first} to {last}"),
                other: format!("the excluded range {} to {}", other.first, other.last),
                advice: "remove that range first",
            });
        }
        let insert = "INSERT INTO excluded_range (subnet_id, first, last, comment) VALUES (?1, ?2, ?3, ?4)";
        self.connection.execute(insert, values![subnet.id, span.first, span.last, &range.comment])?;
        extents::cut(self.connection, subnet.id, span)
    }

    /// Removes an excluded range; what is not recorded in it becomes free.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), and [`NoRange`](StoreError::NoRange) unless a range has exactly these ends.
    pub fn include(&self, subnet: i64, first: IpAddr, last: IpAddr) -> Result<()> {
        let subnet = self.lock_subnet(subnet)?;
        let span = Span { first: first.into(), last: last.into() };
        let delete = "DELETE FROM excluded_range WHERE subnet_id = ?1 AND first = ?2 AND last = ?3";
        let removed = self.connection.execute(delete, values![subnet.id, span.first, span.last])?;
        if removed == 0 {
            return Err(StoreError::NoRange { subnet: subnet.prefix, first, last });
        }
        self.free_again(&subnet, span)
    }

    fn free_again(&self, subnet: &SubnetRecord, span: Span) -> Result<()> {
        let Some(window) = span.common(subnet.offerable()) else { return Ok(()) };
        let give_back = |free| extents::give_back(self.connection, subnet.id, free);
        extents::work_out(self.connection, subnet.id, window, |_| {}, give_back)
    }
}
