//! Excluded ranges: parts of a subnet that are never offered.

use std::net::IpAddr;

use crate::attributes::{Common, Noun, Stamp, common};
use crate::connection::Row;
use crate::key::{Key, Span};
use crate::value::values;
use crate::{
    Attributes, ExcludedRange, PublicId, RangeEdit, RangeRecord, Reading, Result, StoreError, SubnetRecord, Writing,
    extents,
};

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT first, last, comment, ", common!("excluded_range"), " FROM excluded_range ", $rest)
    };
}

fn record(row: &dyn Row) -> Result<RangeRecord> {
    let (first, last): (Key, Key) = (row.get(0)?, row.get(1)?);
    let range = ExcludedRange { first: first.address(), last: last.address(), comment: row.get(2)? };
    let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 3)?;
    Ok(RangeRecord { range, public_id, attributes, created_at, updated_at })
}

impl Reading<'_> {
    /// The excluded ranges of a subnet, lowest first.
    pub fn excluded_ranges(&self, subnet: i64) -> Result<Vec<RangeRecord>> {
        self.connection.rows(select!("WHERE subnet_id = ?1 ORDER BY first"), values![subnet], record)
    }

    /// The excluded range with this id, and the row of its subnet.
    pub fn find_range_with(&self, id: PublicId) -> Result<Option<(i64, RangeRecord)>> {
        let place = "SELECT subnet_id, first FROM excluded_range WHERE public_id = ?1";
        let place = self.connection.row(place, values![&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((subnet, first)): Option<(i64, Key)> = place else { return Ok(None) };
        Ok(self.range_at(subnet, first)?.map(|range| (subnet, range)))
    }

    /// The range that begins here.
    fn range_at(&self, subnet: i64, first: Key) -> Result<Option<RangeRecord>> {
        self.connection.row(select!("WHERE subnet_id = ?1 AND first = ?2"), values![subnet, first], record)
    }

    /// The range with the highest beginning at or below `key`, if it reaches as far as `from`.
    fn range_reaching(&self, subnet: i64, key: Key, from: Key) -> Result<Option<Span>> {
        let nearest = "SELECT first, last FROM excluded_range WHERE subnet_id = ?1 AND first <= ?2
             ORDER BY first DESC LIMIT 1";
        let span = |row: &dyn Row| Ok(Span { first: row.get(0)?, last: row.get(1)? });
        let nearest = self.connection.row(nearest, values![subnet, key], span)?;
        Ok(nearest.filter(|range| range.last >= from))
    }

    /// Is every address excluded that the subnet could offer?
    pub(crate) fn is_wholly_excluded(&self, subnet: &SubnetRecord) -> Result<bool> {
        let Span { first, last } = subnet.offerable();
        let ends = "SELECT first, last FROM excluded_range WHERE subnet_id = ?1";
        let span = |row: &dyn Row| Ok(Span { first: row.get(0)?, last: row.get(1)? });
        let mut excluded = self.connection.rows(ends, values![subnet.id], span)?;
        excluded.extend(subnet.gateway.map(|gateway| Span::from((gateway, gateway))));
        excluded.sort();
        // All below this one are excluded.
        let mut next = Some(first);
        for range in excluded {
            let Some(lowest) = next.filter(|next| *next <= last) else { break };
            if range.first > lowest {
                return Ok(false);
            }
            next = range.last.next().map(|above| above.max(lowest));
        }
        Ok(next.is_none_or(|next| next > last))
    }

    /// Is an address never offered, though it could be: the gateway, or in an excluded range?
    pub(crate) fn is_excluded(&self, subnet: &SubnetRecord, key: Key) -> Result<bool> {
        Ok(subnet.gateway.map(Key::from) == Some(key) || self.range_reaching(subnet.id, key, key)?.is_some())
    }
}

impl Writing<'_> {
    /// Excludes a range, without attributes.
    ///
    /// # Errors
    /// Those of [`exclude_with`](Self::exclude_with).
    pub fn exclude(&self, subnet: i64, range: &ExcludedRange) -> Result<()> {
        self.exclude_with(subnet, range, &Attributes::default())
    }

    /// Excludes a range. Addresses that are recorded in it stay recorded.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`Container`](StoreError::Container), [`Outside`](StoreError::Outside),
    /// [`Overlap`](StoreError::Overlap) with another range, [`Invalid`](StoreError::Invalid) when the ends are the
    /// wrong way round, and [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn exclude_with(&self, subnet: i64, range: &ExcludedRange, attributes: &Attributes) -> Result<()> {
        self.insert_range(subnet, range, attributes, self.stamp())
    }

    /// Excludes a range that gets this id and these times.
    pub(crate) fn insert_range(
        &self,
        subnet: i64,
        range: &ExcludedRange,
        attributes: &Attributes,
        stamp: Stamp,
    ) -> Result<()> {
        let subnet = self.lock_subnet(subnet)?;
        subnet.as_leaf()?;
        let (first, last) = (range.first, range.last);
        if !subnet.bounds.contains(first) || !subnet.bounds.contains(last) {
            return Err(StoreError::Outside { what: format!("Range {first} to {last}"), subnet: subnet.bounds });
        }
        if first > last {
            return Err(StoreError::Invalid(format!("Range {first} to {last} ends before it begins")));
        }
        let span = Span { first: first.into(), last: last.into() };
        if let Some(other) = self.range_reaching(subnet.id, span.last, span.first)? {
            return Err(StoreError::Overlap {
                what: format!("Range {first} to {last}"),
                other: format!("the excluded range {} to {}", other.first.address(), other.last.address()),
                advice: "remove that range first",
            });
        }
        let Attributes { owner, external_id, tags, metadata } = attributes;
        self.must_be_only(Noun::Range, stamp.public_id, external_id.as_ref())?;
        let insert = "INSERT INTO excluded_range (subnet_id, first, last, comment, public_id, owner, external_id,
                 tags, metadata, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let values = values![
            subnet.id,
            span.first,
            span.last,
            &range.comment,
            &stamp.public_id,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            stamp.created_at,
            stamp.updated_at,
        ];
        self.connection.execute(insert, values)?;
        extents::cut(self.connection, subnet.id, span)
    }

    /// Changes what is recorded of an excluded range; its ends never change.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`NoRange`](StoreError::NoRange) unless a range has exactly these ends, and
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn edit_range(&self, subnet: i64, first: IpAddr, last: IpAddr, edit: RangeEdit) -> Result<RangeRecord> {
        let subnet = self.lock_subnet(subnet)?;
        let absent = || StoreError::NoRange { subnet: subnet.bounds, first, last };
        let found = self.range_at(subnet.id, first.into())?;
        let old = found.filter(|found| found.range.last == last).ok_or_else(absent)?;
        let comment = edit.comment.unwrap_or(old.range.comment);
        let Attributes { owner, external_id, tags, metadata } = &old.attributes.edited(edit.attributes);
        self.must_be_only(Noun::Range, old.public_id, external_id.as_ref())?;
        let update = "UPDATE excluded_range
             SET comment = ?3, owner = ?4, external_id = ?5, tags = ?6, metadata = ?7, updated_at = ?8
             WHERE subnet_id = ?1 AND first = ?2";
        let key = Key::from(first);
        let values = values![subnet.id, key, &comment, owner, external_id.as_ref(), tags, metadata, self.now];
        self.connection.execute(update, values)?;
        self.range_at(subnet.id, key)?.ok_or_else(absent)
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
            return Err(StoreError::NoRange { subnet: subnet.bounds, first, last });
        }
        self.free_again(&subnet, span)
    }

    /// Makes free again what of a span is neither excluded nor recorded.
    pub(crate) fn free_again(&self, subnet: &SubnetRecord, span: Span) -> Result<()> {
        let Some(window) = span.common(subnet.offerable()) else { return Ok(()) };
        let give_back = |free| extents::give_back(self.connection, subnet.id, free);
        extents::work_out(self.connection, subnet.id, window, |_| {}, give_back)
    }
}
