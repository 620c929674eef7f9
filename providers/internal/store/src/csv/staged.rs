//! The address rows of a CSV file, sorted by subnet and address: in a database of their own, which is on the disk when it
//! is large, and gone with the process that has it.

use std::collections::HashMap;

use ipam_provider::GroupName;

use crate::attributes::Given;
use crate::connection::{Connection, Row};
use crate::recorder::NewAddress;
use crate::value::values;
use crate::{AddressDetails, Attributes, Bounds, DatabaseError, Result, StoreError};

/// What SQLite keeps of it in memory, in KiB.
const CACHE: i32 = 8192;

/// A subnet as rows name it.
pub(super) type Place = (Option<GroupName>, Bounds);

/// The rows.
#[derive(Debug)]
pub(super) struct Staged {
    database: rusqlite::Connection,
    /// The subnets, each with its number.
    places: Vec<Place>,
    numbers: HashMap<Place, i64>,
    rows: u64,
}

impl Staged {
    pub(super) fn new() -> Result<Self> {
        // SQLite's name for a database on the disk that no other process sees, and that has no name there.
        let database = rusqlite::Connection::open("")?;
        database.pragma_update(None, "journal_mode", "OFF")?;
        database.pragma_update(None, "synchronous", "OFF")?;
        // Negative is KiB, positive would be pages.
        database.pragma_update(None, "cache_size", -CACHE)?;
        database.execute_batch(
            "CREATE TABLE staged (
                 place INTEGER NOT NULL, address BLOB NOT NULL, line INTEGER NOT NULL,
                 mac BLOB, hostname TEXT, description TEXT NOT NULL, owner TEXT NOT NULL,
                 external_id TEXT, tags TEXT NOT NULL, metadata TEXT NOT NULL,
                 public_id BLOB, created_at INTEGER, updated_at INTEGER,
                 PRIMARY KEY (place, address)
             ) STRICT, WITHOUT ROWID;
             BEGIN;",
        )?;
        Ok(Self { database, places: Vec::new(), numbers: HashMap::new(), rows: 0 })
    }

    /// The number of a subnet.
    pub(super) fn number(&mut self, place: Place) -> i64 {
        if let Some(number) = self.numbers.get(&place) {
            return *number;
        }
        let number = self.places.len() as i64;
        self.places.push(place.clone());
        self.numbers.insert(place, number);
        number
    }

    /// The subnets that have a number, in the order of their numbers.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row of the subnet with this number.
    ///
    /// # Errors
    /// [`AddressTaken`](StoreError::AddressTaken) by a row above.
    pub(super) fn add(&mut self, place: i64, new: &NewAddress) -> Result<()> {
        let insert = "INSERT INTO staged
             (place, address, line, mac, hostname, description, owner, external_id, tags, metadata,
              public_id, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING";
        let NewAddress { line, key, details, given } = new;
        let Attributes { owner, external_id, tags, metadata } = &details.attributes;
        let values = values![
            place,
            *key,
            *line as i64,
            details.mac.as_ref(),
            details.hostname.as_deref(),
            &details.description,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            given.public_id.as_ref(),
            given.created_at,
            given.updated_at,
        ];
        let database: &dyn Connection = &self.database;
        if database.execute(insert, values)? == 0 {
            let (_, subnet) = self.places[place as usize];
            return Err(StoreError::AddressTaken { address: key.address(), subnet });
        }
        self.rows += 1;
        Ok(())
    }

    /// Calls `visit` with each row of a subnet, lowest address first.
    ///
    /// # Errors
    /// Those of `visit`.
    pub(super) fn each(&self, place: i64, mut visit: impl FnMut(NewAddress) -> Result<()>) -> Result<()> {
        let all = "SELECT address, line, mac, hostname, description, owner, external_id, tags, metadata,
             public_id, created_at, updated_at FROM staged WHERE place = ?1 ORDER BY address";
        let database: &dyn Connection = &self.database;
        database.each(all, values![place], |row| visit(read(row)?))
    }
}

fn read(row: &dyn Row) -> Result<NewAddress> {
    let line: i64 = row.get(1)?;
    Ok(NewAddress {
        key: row.get(0)?,
        line: u64::try_from(line).map_err(|_| DatabaseError::unreadable(1))?,
        details: AddressDetails {
            mac: row.get(2)?,
            hostname: row.get(3)?,
            description: row.get(4)?,
            attributes: Attributes {
                owner: row.get(5)?,
                external_id: row.get(6)?,
                tags: row.get(7)?,
                metadata: row.get(8)?,
            },
        },
        given: Given { public_id: row.get(9)?, created_at: row.get(10)?, updated_at: row.get(11)? },
    })
}
