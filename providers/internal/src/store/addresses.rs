//! Recorded addresses, and which are free.

use std::net::IpAddr;

use ipam_provider::{AddressSet, Mac, MacError};
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, params};

use super::key::{Key, Span};
use super::{AddressDetails, AddressEdit, AddressRecord, Reading, Result, StoreError, SubnetRecord, Writing, extents};

/// The columns that [`record`] reads.
const ADDRESS: &str = "SELECT address, mac, hostname, description, owner, created_at, updated_at FROM allocation";

fn record(row: &Row<'_>) -> rusqlite::Result<AddressRecord> {
    let address: Key = row.get(0)?;
    let mac: Option<Vec<u8>> = row.get(1)?;
    Ok(AddressRecord {
        address: address.address(),
        mac: mac.map(|bytes| mac_of(&bytes)).transpose()?,
        hostname: row.get(2)?,
        description: row.get(3)?,
        owner: row.get(4)?,
        created_at: time(row, 5)?,
        updated_at: time(row, 6)?,
    })
}

fn mac_of(bytes: &[u8]) -> rusqlite::Result<Mac> {
    let damaged = || rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, Box::new(MacError));
    Mac::from_bytes(bytes).ok_or_else(damaged)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let seconds = row.get(column)?;
    let damaged = |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error));
    Timestamp::from_second(seconds).map_err(damaged)
}

fn unless_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl Reading<'_> {
    /// What is recorded of an address; `None` when it is free or not in the subnet.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn find_address(&self, subnet: i64, address: IpAddr) -> Result<Option<AddressRecord>> {
        let mut statement =
            self.connection.prepare_cached(&format!("{ADDRESS} WHERE subnet_id = ?1 AND address = ?2"))?;
        let found = statement.query_row(params![subnet, Key::from(address)], record).optional()?;
        if found.is_none() {
            self.subnet(subnet)?;
        }
        Ok(found)
    }

    /// What is recorded of an address.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet) and [`NoAddress`](StoreError::NoAddress).
    pub fn address(&self, subnet: i64, address: IpAddr) -> Result<AddressRecord> {
        match self.find_address(subnet, address)? {
            Some(found) => Ok(found),
            None => Err(StoreError::NoAddress { address, subnet: self.subnet(subnet)?.prefix }),
        }
    }

    /// Calls `visit` with every recorded address of a subnet, lowest first; none is kept in memory.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn each_address(&self, subnet: i64, mut visit: impl FnMut(AddressRecord) -> Result<()>) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached(&format!("{ADDRESS} WHERE subnet_id = ?1 ORDER BY address"))?;
        let mut rows = statement.query([subnet])?;
        while let Some(row) = rows.next()? {
            visit(record(row)?)?;
        }
        Ok(())
    }

    /// Free addresses, lowest first: at most `at_most`, none of `held`.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`Container`](StoreError::Container) and
    /// [`AllExcluded`](StoreError::AllExcluded).
    pub fn free_addresses(&self, subnet: i64, at_most: usize, held: &AddressSet) -> Result<Vec<IpAddr>> {
        let free = extents::lowest(self.connection, subnet, at_most, held)?;
        if free.is_empty() {
            // Full, gone, a container or wholly excluded: only now is it worth asking.
            let subnet = self.subnet(subnet)?;
            subnet.as_leaf()?;
            if self.is_wholly_excluded(&subnet)? {
                return Err(StoreError::AllExcluded(subnet.prefix));
            }
        }
        Ok(free.into_iter().map(Key::address).collect())
    }

    /// A recorded address of the subnet that is not in `span`.
    pub(super) fn recorded_outside(&self, subnet: i64, span: Span) -> Result<Option<IpAddr>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT min(address) FROM allocation WHERE subnet_id = ?1 AND address < ?2
             UNION ALL SELECT max(address) FROM allocation WHERE subnet_id = ?1 AND address > ?3",
        )?;
        let rows = statement.query_map(params![subnet, span.first, span.last], |row| row.get::<_, Option<Key>>(0))?;
        let found: Vec<Option<Key>> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(found.into_iter().flatten().next().map(Key::address))
    }
}

impl Writing<'_> {
    /// Records an address as taken. It may lie in an excluded range.
    ///
    /// # Errors
    /// [`AddressTaken`](StoreError::AddressTaken), [`NoSubnet`](StoreError::NoSubnet),
    /// [`Container`](StoreError::Container), [`Outside`](StoreError::Outside) and
    /// [`NotOfferable`](StoreError::NotOfferable).
    pub fn add_address(&self, subnet: i64, address: IpAddr, details: AddressDetails) -> Result<()> {
        self.record(&self.subnet(subnet)?, address, details, (self.now, self.now))
    }

    /// Records the lowest free address as taken.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`Container`](StoreError::Container),
    /// [`AllExcluded`](StoreError::AllExcluded) and [`Full`](StoreError::Full).
    pub fn add_next_free(&self, subnet: i64, details: AddressDetails) -> Result<AddressRecord> {
        let subnet = self.subnet(subnet)?;
        let free = self.free_addresses(subnet.id, 1, &AddressSet::default())?;
        let address = *free.first().ok_or(StoreError::Full(subnet.prefix))?;
        self.record(&subnet, address, details, (self.now, self.now))?;
        self.address(subnet.id, address)
    }

    /// Records an address with the times when it was created and changed.
    pub(super) fn record(
        &self,
        subnet: &SubnetRecord,
        address: IpAddr,
        details: AddressDetails,
        (created_at, updated_at): (Timestamp, Timestamp),
    ) -> Result<()> {
        subnet.as_leaf()?;
        if !subnet.prefix.contains(address) {
            return Err(StoreError::Outside { what: format!("Address {address}"), subnet: subnet.prefix });
        }
        if !subnet.prefix.is_offerable(address, subnet.pool) {
            return Err(StoreError::NotOfferable { address, subnet: subnet.prefix });
        }
        let key = Key::from(address);
        let added = self
            .connection
            .prepare_cached(
                "INSERT INTO allocation
                     (subnet_id, address, mac, hostname, description, owner, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                subnet.id,
                key,
                details.mac.as_ref().map(Mac::as_bytes),
                unless_empty(details.hostname),
                details.description,
                details.owner,
                created_at.as_second(),
                updated_at.as_second(),
            ])?;
        if added == 0 {
            return Err(StoreError::AddressTaken { address, subnet: subnet.prefix });
        }
        let was_free = extents::take(self.connection, subnet.id, key)?;
        if !was_free && !self.is_excluded(subnet.id, key)? {
            return Err(StoreError::Inconsistent(subnet.prefix));
        }
        Ok(())
    }

    /// Changes what is recorded of an address.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet) and [`NoAddress`](StoreError::NoAddress).
    pub fn edit_address(&self, subnet: i64, address: IpAddr, edit: AddressEdit) -> Result<AddressRecord> {
        let old = self.address(subnet, address)?;
        let mac = edit.mac.unwrap_or(old.mac);
        self.connection.execute(
            "UPDATE allocation SET mac = ?3, hostname = ?4, description = ?5, owner = ?6, updated_at = ?7
             WHERE subnet_id = ?1 AND address = ?2",
            params![
                subnet,
                Key::from(address),
                mac.as_ref().map(Mac::as_bytes),
                unless_empty(edit.hostname.unwrap_or(old.hostname)),
                edit.description.unwrap_or(old.description),
                edit.owner.unwrap_or(old.owner),
                self.now.as_second(),
            ],
        )?;
        self.address(subnet, address)
    }

    /// Removes the record of an address, which becomes free unless it lies in an excluded range.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn delete_address(&self, subnet: i64, address: IpAddr) -> Result<Option<AddressRecord>> {
        let subnet = self.subnet(subnet)?;
        let key = Key::from(address);
        let delete = "DELETE FROM allocation WHERE subnet_id = ?1 AND address = ?2
            RETURNING address, mac, hostname, description, owner, created_at, updated_at";
        let removed = self.connection.prepare_cached(delete)?.query_row(params![subnet.id, key], record).optional()?;
        if removed.is_some() && !self.is_excluded(subnet.id, key)? {
            extents::give_back(self.connection, subnet.id, Span { first: key, last: key })?;
        }
        Ok(removed)
    }
}
