//! Recorded addresses, and which are free.

use std::net::IpAddr;

use ipam_provider::AddressSet;

use crate::connection::Row;
use crate::key::{Key, Span};
use crate::value::values;
use crate::{
    AddressDetails, AddressEdit, AddressRecord, Reading, Result, StoreError, SubnetRecord, Value, Writing, bulk,
    extents,
};

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT address, mac, hostname, description, owner, created_at, updated_at FROM allocation ", $rest)
    };
}

fn record(row: &dyn Row) -> Result<AddressRecord> {
    let address: Key = row.get(0)?;
    Ok(AddressRecord {
        address: address.address(),
        mac: row.get(1)?,
        hostname: row.get(2)?,
        description: row.get(3)?,
        owner: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

/// How many columns an allocation has.
pub(crate) const COLUMNS: usize = 8;

/// Records one address, or changes nothing when it is recorded already.
pub(crate) const INSERT: &str = "INSERT INTO allocation
    (subnet_id, address, mac, hostname, description, owner, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";

/// [`INSERT`] for several addresses at once.
pub(crate) fn insert_many() -> String {
    let (columns, conflict) = INSERT.split_once("VALUES").expect("the statement above");
    let (_, conflict) = conflict.split_once(')').expect("the statement above");
    bulk::rows_at_once(columns, COLUMNS, conflict)
}

/// The values of [`INSERT`]; the times are seconds since 1970.
pub(crate) fn values(
    subnet: i64,
    key: Key,
    details: &AddressDetails,
    (created_at, updated_at): (i64, i64),
) -> [Value<'_>; COLUMNS] {
    *values![
        subnet,
        key,
        details.mac.as_ref(),
        unless_empty(details.hostname.as_deref()),
        &details.description,
        &details.owner,
        created_at,
        updated_at,
    ]
}

fn unless_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

impl Reading<'_> {
    /// What is recorded of an address; `None` when it is free or not in the subnet.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn find_address(&self, subnet: i64, address: IpAddr) -> Result<Option<AddressRecord>> {
        let one = select!("WHERE subnet_id = ?1 AND address = ?2");
        let found = self.connection.row(one, values![subnet, Key::from(address)], record)?;
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
        let all = select!("WHERE subnet_id = ?1 ORDER BY address");
        self.connection.each(all, values![subnet], |row| visit(record(row)?))
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
    pub(crate) fn recorded_outside(&self, subnet: i64, span: Span) -> Result<Option<IpAddr>> {
        let lowest = "SELECT address FROM allocation WHERE subnet_id = ?1 ORDER BY address LIMIT 1";
        let highest = "SELECT address FROM allocation WHERE subnet_id = ?1 ORDER BY address DESC LIMIT 1";
        for end in [lowest, highest] {
            let found: Option<Key> = self.connection.row(end, values![subnet], |row| row.get(0))?;
            if let Some(outside) = found.filter(|key| !span.contains(*key)) {
                return Ok(Some(outside.address()));
            }
        }
        Ok(None)
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
        self.record(&self.lock_subnet(subnet)?, address, &details)
    }

    /// Records the lowest free address as taken.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`Container`](StoreError::Container),
    /// [`AllExcluded`](StoreError::AllExcluded) and [`Full`](StoreError::Full).
    pub fn add_next_free(&self, subnet: i64, details: AddressDetails) -> Result<AddressRecord> {
        let subnet = self.lock_subnet(subnet)?;
        let free = self.free_addresses(subnet.id, 1, &AddressSet::default())?;
        let address = *free.first().ok_or(StoreError::Full(subnet.prefix))?;
        self.record(&subnet, address, &details)?;
        self.address(subnet.id, address)
    }

    /// The subnet is locked already.
    fn record(&self, subnet: &SubnetRecord, address: IpAddr, details: &AddressDetails) -> Result<()> {
        subnet.can_record(address)?;
        let (key, now) = (Key::from(address), self.now.as_second());
        let added = self.connection.execute(INSERT, &values(subnet.id, key, details, (now, now)))?;
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
        self.lock_subnet(subnet)?;
        let old = self.address(subnet, address)?;
        let (mac, hostname) = (edit.mac.unwrap_or(old.mac), edit.hostname.unwrap_or(old.hostname));
        let (description, owner) = (edit.description.unwrap_or(old.description), edit.owner.unwrap_or(old.owner));
        let update = "UPDATE allocation SET mac = ?3, hostname = ?4, description = ?5, owner = ?6, updated_at = ?7
             WHERE subnet_id = ?1 AND address = ?2";
        let values = values![
            subnet,
            Key::from(address),
            mac.as_ref(),
            unless_empty(hostname.as_deref()),
            &description,
            &owner,
            self.now,
        ];
        self.connection.execute(update, values)?;
        self.address(subnet, address)
    }

    /// Removes the record of an address, which becomes free unless it lies in an excluded range.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn delete_address(&self, subnet: i64, address: IpAddr) -> Result<Option<AddressRecord>> {
        let subnet = self.lock_subnet(subnet)?;
        let key = Key::from(address);
        let delete = "DELETE FROM allocation WHERE subnet_id = ?1 AND address = ?2
            RETURNING address, mac, hostname, description, owner, created_at, updated_at";
        let removed = self.connection.row(delete, values![subnet.id, key], record)?;
        if removed.is_some() && !self.is_excluded(subnet.id, key)? {
            extents::give_back(self.connection, subnet.id, Span { first: key, last: key })?;
        }
        Ok(removed)
    }
}
