//! Recorded addresses, and which are free.

use std::net::IpAddr;

use ipam_provider::AddressSet;

use crate::attributes::{Common, Noun, common};
use crate::connection::Row;
use crate::key::{Key, Span};
use crate::value::values;
use crate::{
    AddressDetails, AddressEdit, AddressRecord, Attributes, PublicId, Reading, Result, StoreError, SubnetRecord, Value,
    Writing, bulk, extents,
};

/// The columns that [`record`] reads.
macro_rules! columns {
    () => {
        concat!("address, mac, hostname, description, ", common!("allocation"))
    };
}

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM allocation ", $rest)
    };
}

/// Some records of a subnet from an address on.
pub(crate) const FROM: &str = select!("WHERE subnet_id = ?1 AND address >= ?2 ORDER BY address LIMIT ?3");

fn record(row: &dyn Row) -> Result<AddressRecord> {
    let address: Key = row.get(0)?;
    let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 4)?;
    Ok(AddressRecord {
        address: address.address(),
        public_id,
        mac: row.get(1)?,
        hostname: row.get(2)?,
        description: row.get(3)?,
        attributes,
        created_at,
        updated_at,
    })
}

/// How many columns an allocation has.
pub(crate) const COLUMNS: usize = 12;

/// The columns of an allocation, in the order of [`values()`].
macro_rules! insert {
    () => {
        "INSERT INTO allocation (subnet_id, address, mac, hostname, description, public_id, owner, external_id, tags,
         metadata, created_at, updated_at)"
    };
}

/// Records one address, or changes nothing when it is recorded already, or when its id or external id is.
pub(crate) const INSERT: &str =
    concat!(insert!(), " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING");

/// [`INSERT`] for several addresses at once.
pub(crate) fn insert_many() -> String {
    bulk::rows_at_once(insert!(), COLUMNS, "ON CONFLICT DO NOTHING")
}

/// The values of [`INSERT`]; the times are seconds since 1970.
pub(crate) fn values<'v>(
    subnet: i64,
    key: Key,
    public_id: &'v PublicId,
    details: &'v AddressDetails,
    (created_at, updated_at): (i64, i64),
) -> [Value<'v>; COLUMNS] {
    let Attributes { owner, external_id, tags, metadata } = &details.attributes;
    *values![
        subnet,
        key,
        details.mac.as_ref(),
        unless_empty(details.hostname.as_deref()),
        &details.description,
        public_id,
        owner,
        external_id.as_ref(),
        tags,
        metadata,
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
            None => Err(StoreError::NoAddress { address, subnet: self.subnet(subnet)?.bounds }),
        }
    }

    /// The address with this id, and the row of its subnet.
    pub fn find_address_with(&self, id: PublicId) -> Result<Option<(i64, AddressRecord)>> {
        let place = "SELECT subnet_id, address FROM allocation WHERE public_id = ?1";
        let place = self.connection.row(place, values![&id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((subnet, address)): Option<(i64, Key)> = place else { return Ok(None) };
        Ok(self.find_address(subnet, address.address())?.map(|record| (subnet, record)))
    }

    /// Calls `visit` with every recorded address of a subnet, lowest first; none is kept in memory.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn each_address(&self, subnet: i64, mut visit: impl FnMut(AddressRecord) -> Result<()>) -> Result<()> {
        let all = select!("WHERE subnet_id = ?1 ORDER BY address");
        self.connection.each(all, values![subnet], |row| visit(record(row)?))
    }

    /// The recorded addresses of a subnet from one on, lowest first, at most so many. What it costs depends on how many
    /// there are, not on how many are before them.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn addresses_from(&self, subnet: i64, first: IpAddr, at_most: usize) -> Result<Vec<AddressRecord>> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let found = self.connection.rows(FROM, values![subnet, Key::from(first), at_most], record)?;
        if found.is_empty() {
            self.subnet(subnet)?;
        }
        Ok(found)
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
                return Err(StoreError::AllExcluded(subnet.bounds));
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
    /// [`Container`](StoreError::Container), [`Outside`](StoreError::Outside),
    /// [`NotOfferable`](StoreError::NotOfferable) and [`ExternalIdTaken`](StoreError::ExternalIdTaken).
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
        let address = *free.first().ok_or(StoreError::Full(subnet.bounds))?;
        self.record(&subnet, address, &details)?;
        self.address(subnet.id, address)
    }

    /// The subnet is locked already.
    fn record(&self, subnet: &SubnetRecord, address: IpAddr, details: &AddressDetails) -> Result<()> {
        subnet.can_record(address)?;
        let (key, now, public_id) = (Key::from(address), self.now.as_second(), PublicId::new(self.now));
        let added = self.connection.execute(INSERT, &values(subnet.id, key, &public_id, details, (now, now)))?;
        if added == 0 {
            return Err(self.why_not_recorded(subnet, key, &public_id, details)?);
        }
        let was_free = extents::take(self.connection, subnet.id, key)?;
        if !was_free && !self.is_excluded(subnet, key)? {
            return Err(StoreError::Inconsistent(subnet.bounds));
        }
        Ok(())
    }

    /// Why an address could not be inserted: it is there, or another has its id or external id.
    pub(crate) fn why_not_recorded(
        &self,
        subnet: &SubnetRecord,
        key: Key,
        public_id: &PublicId,
        details: &AddressDetails,
    ) -> Result<StoreError> {
        let recorded = "SELECT 1 FROM allocation WHERE subnet_id = ?1 AND address = ?2";
        if self.connection.is_any(recorded, values![subnet.id, key])? {
            return Ok(StoreError::AddressTaken { address: key.address(), subnet: subnet.bounds });
        }
        let external_id = details.attributes.external_id.as_ref();
        match self.must_be_only(Noun::Address, *public_id, external_id) {
            Ok(()) => Ok(StoreError::PublicIdTaken(*public_id)),
            Err(error) => Ok(error),
        }
    }

    /// Changes what is recorded of an address.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), [`NoAddress`](StoreError::NoAddress) and
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn edit_address(&self, subnet: i64, address: IpAddr, edit: AddressEdit) -> Result<AddressRecord> {
        self.lock_subnet(subnet)?;
        let old = self.address(subnet, address)?;
        let (mac, hostname) = (edit.mac.unwrap_or(old.mac), edit.hostname.unwrap_or(old.hostname));
        let description = edit.description.unwrap_or(old.description);
        let Attributes { owner, external_id, tags, metadata } = &old.attributes.edited(edit.attributes);
        self.must_be_only(Noun::Address, old.public_id, external_id.as_ref())?;
        let update = "UPDATE allocation
             SET mac = ?3, hostname = ?4, description = ?5, owner = ?6, external_id = ?7, tags = ?8, metadata = ?9,
                 updated_at = ?10
             WHERE subnet_id = ?1 AND address = ?2";
        let values = values![
            subnet,
            Key::from(address),
            mac.as_ref(),
            unless_empty(hostname.as_deref()),
            &description,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            self.now,
        ];
        self.connection.execute(update, values)?;
        self.address(subnet, address)
    }

    /// Removes the record of an address, which becomes free unless it is excluded.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet).
    pub fn delete_address(&self, subnet: i64, address: IpAddr) -> Result<Option<AddressRecord>> {
        let subnet = self.lock_subnet(subnet)?;
        let key = Key::from(address);
        let delete = concat!("DELETE FROM allocation WHERE subnet_id = ?1 AND address = ?2 RETURNING ", columns!());
        let removed = self.connection.row(delete, values![subnet.id, key], record)?;
        if removed.is_some() && !self.is_excluded(&subnet, key)? {
            extents::give_back(self.connection, subnet.id, Span { first: key, last: key })?;
        }
        Ok(removed)
    }
}
