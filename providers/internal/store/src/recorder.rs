//! Recording many addresses of a subnet.

use std::mem;
use std::sync::LazyLock;

use crate::attributes::Given;
use crate::bulk::ROWS;
use crate::key::Key;
use crate::{AddressDetails, PublicId, Result, StoreError, SubnetRecord, Value, Writing, addresses, extents};

/// An address to record, and where the caller has it from.
#[derive(Debug)]
pub(crate) struct NewAddress {
    pub(crate) line: u64,
    pub(crate) key: Key,
    pub(crate) details: AddressDetails,
    pub(crate) given: Given,
}

/// Records the addresses of one subnet, lowest first.
///
/// That they come in order is what makes it fast: rows go to the end of the table, and each free extent is replaced once.
#[derive(Debug)]
pub(crate) struct Recorder<'w> {
    writing: &'w Writing<'w>,
    subnet: SubnetRecord,
    /// Each with its id.
    waiting: Vec<(NewAddress, PublicId)>,
    taking: extents::Taking<'w>,
}

impl<'w> Recorder<'w> {
    /// The subnet is locked already.
    pub(crate) fn new(writing: &'w Writing<'w>, subnet: SubnetRecord) -> Self {
        let taking = extents::Taking::new(writing.connection, subnet.id);
        Self { writing, subnet, waiting: Vec::with_capacity(ROWS), taking }
    }

    /// Records an address, now or later. `refuse` is called with the line and the reason of each that cannot be recorded.
    ///
    /// # Errors
    /// When the store itself fails.
    pub(crate) fn add(&mut self, new: NewAddress, refuse: &mut dyn FnMut(u64, &StoreError)) -> Result<()> {
        if let Err(error) = self.subnet.can_record(new.key.address()) {
            refuse(new.line, &error);
            return Ok(());
        }
        let public_id = new.given.public_id.unwrap_or_else(|| PublicId::new(self.writing.now));
        self.waiting.push((new, public_id));
        if self.waiting.len() < ROWS { Ok(()) } else { self.record(refuse) }
    }

    /// Records what has been added.
    ///
    /// # Errors
    /// When the store itself fails.
    pub(crate) fn finish(mut self, refuse: &mut dyn FnMut(u64, &StoreError)) -> Result<()> {
        self.record(refuse)?;
        self.taking.finish()
    }

    fn record(&mut self, refuse: &mut dyn FnMut(u64, &StoreError)) -> Result<()> {
        static MANY: LazyLock<String> = LazyLock::new(addresses::insert_many);
        let waiting = mem::replace(&mut self.waiting, Vec::with_capacity(ROWS));
        let are_all_recorded = waiting.len() == ROWS && {
            let values: Vec<Value<'_>> = waiting.iter().flat_map(|row| self.values(row)).collect();
            let connection = self.writing.connection;
            let mut outcome = Ok(0);
            connection.savepoint(|| {
                outcome = connection.execute(&MANY, &values);
                outcome.as_ref().is_ok_and(|recorded| *recorded == ROWS as u64)
            })?;
            outcome? == ROWS as u64
        };
        for row in &waiting {
            let (new, public_id) = row;
            let is_recorded =
                are_all_recorded || self.writing.connection.execute(addresses::INSERT, &self.values(row))? > 0;
            if !is_recorded {
                let why = self.writing.why_not_recorded(&self.subnet, new.key, public_id, &new.details)?;
                refuse(new.line, &why);
            } else if !self.taking.take(new.key)? && !self.writing.is_excluded(&self.subnet, new.key)? {
                return Err(StoreError::Inconsistent(self.subnet.bounds));
            }
        }
        Ok(())
    }

    fn values<'n>(&self, (new, public_id): &'n (NewAddress, PublicId)) -> [Value<'n>; addresses::COLUMNS] {
        let created_at = new.given.created_at.unwrap_or_else(|| self.writing.now.as_second());
        let updated_at = new.given.updated_at.unwrap_or(created_at);
        addresses::values(self.subnet.id, new.key, public_id, &new.details, (created_at, updated_at))
    }
}
