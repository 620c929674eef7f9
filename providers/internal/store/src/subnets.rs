//! Subnets: leaves hold addresses, containers hold subnets.

use std::net::IpAddr;

use ipam_provider::{GroupName, Prefix, titled};

use crate::connection::Row;
use crate::key::{Key, Span, shadows_ipv4};
use crate::value::{Value, values};
use crate::{
    Contents, DatabaseError, NewSubnet, Reading, Result, Scope, StoreError, SubnetEdit, SubnetRecord, Usage, Writing,
    extents,
};

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT subnet.id, ipam_group.name, network, length, subnet.description, pool, container, group_id
             FROM subnet LEFT JOIN ipam_group ON ipam_group.id = group_id ",
            $rest
        )
    };
}

fn record(row: &dyn Row) -> Result<SubnetRecord> {
    let network: Key = row.get(2)?;
    Ok(SubnetRecord {
        id: row.get(0)?,
        group: row.get(1)?,
        prefix: network.prefix(row.get(3)?).map_err(|_| DatabaseError::unreadable(3))?,
        description: row.get(4)?,
        pool: row.get(5)?,
        container: row.get(6)?,
        group_id: row.get(7)?,
    })
}

impl SubnetRecord {
    pub(crate) fn offerable(&self) -> Span {
        Span::offerable(self.prefix, self.pool)
    }

    /// # Errors
    /// [`Container`](StoreError::Container) when it holds no addresses.
    pub(crate) fn as_leaf(&self) -> Result<()> {
        if self.container { Err(StoreError::Container(self.prefix)) } else { Ok(()) }
    }

    /// # Errors
    /// [`Container`](StoreError::Container), [`Outside`](StoreError::Outside) and
    /// [`NotOfferable`](StoreError::NotOfferable) for an address that is never recorded here.
    pub(crate) fn can_record(&self, address: IpAddr) -> Result<()> {
        self.as_leaf()?;
        if !self.prefix.contains(address) {
            return Err(StoreError::Outside { what: format!("Address {address}"), subnet: self.prefix });
        }
        if !self.prefix.is_offerable(address, self.pool) {
            return Err(StoreError::NotOfferable { address, subnet: self.prefix });
        }
        Ok(())
    }
}

impl Reading<'_> {
    fn by_prefix(&self, select: &'static str, values: &[Value<'_>]) -> Result<Vec<SubnetRecord>> {
        let mut subnets = self.connection.rows(select, values, record)?;
        subnets.sort_by(|a, b| (a.prefix, &a.group).cmp(&(b.prefix, &b.group)));
        Ok(subnets)
    }

    /// The subnet of this id.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet) when there is none.
    pub fn subnet(&self, id: i64) -> Result<SubnetRecord> {
        self.subnet_by(select!("WHERE subnet.id = ?1"), id)
    }

    /// As [`subnet`](Self::subnet), and its row is locked until the transaction ends; for `locks`.
    pub(crate) fn subnet_by_lock(&self, id: i64) -> Result<SubnetRecord> {
        self.subnet_by(select!("WHERE subnet.id = ?1 FOR UPDATE OF subnet"), id)
    }

    fn subnet_by(&self, select: &'static str, id: i64) -> Result<SubnetRecord> {
        let subnet = self.connection.row(select, values![id], record)?;
        subnet.ok_or_else(|| StoreError::NoSubnet(format!("with id {id}")))
    }

    /// All subnets of a scope by prefix; none when there is no such group.
    pub fn subnets_in(&self, scope: &Scope) -> Result<Vec<SubnetRecord>> {
        match scope {
            Scope::Anywhere => self.by_prefix(select!(""), &[]),
            Scope::Global => self.by_prefix(select!("WHERE scope = 0"), &[]),
            Scope::Group(group) => {
                let of_group = select!("WHERE scope = (SELECT id FROM ipam_group WHERE name = ?1)");
                self.by_prefix(of_group, values![group])
            }
        }
    }

    /// All subnets of exactly this prefix in a scope; none when there is no such group.
    pub fn find_subnets(&self, prefix: Prefix, scope: &Scope) -> Result<Vec<SubnetRecord>> {
        let (network, length) = (Key::from(prefix.network()), prefix.length());
        match scope {
            Scope::Anywhere => self.by_prefix(select!("WHERE network = ?1 AND length = ?2"), values![network, length]),
            Scope::Global => {
                self.by_prefix(select!("WHERE scope = 0 AND network = ?1 AND length = ?2"), values![network, length])
            }
            Scope::Group(group) => self.by_prefix(
                select!("WHERE scope = (SELECT id FROM ipam_group WHERE name = ?3) AND network = ?1 AND length = ?2"),
                values![network, length, group],
            ),
        }
    }

    /// The subnets in which this owner has recorded the address.
    pub fn subnets_with(&self, address: IpAddr, owner: &str) -> Result<Vec<SubnetRecord>> {
        // No index begins with the address: each subnet around it costs one step in the primary key.
        let around = select!(
            "WHERE network <= ?1 AND last >= ?1
             AND EXISTS (SELECT 1 FROM allocation WHERE subnet_id = subnet.id AND address = ?1 AND owner = ?2)"
        );
        self.by_prefix(around, values![Key::from(address), owner])
    }

    /// The one subnet that people mean by a prefix: the only one, or, among several, that of the global table.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`NoSubnet`](StoreError::NoSubnet), and
    /// [`Ambiguous`](StoreError::Ambiguous) when several groups have the prefix and the global table has not.
    pub fn one_subnet(&self, prefix: Prefix, scope: &Scope) -> Result<SubnetRecord> {
        let group = match scope {
            Scope::Anywhere | Scope::Global => None,
            Scope::Group(name) => Some(self.group(name)?.name),
        };
        let mut found = self.find_subnets(prefix, scope)?;
        if found.len() > 1 && found.iter().all(|subnet| subnet.group.is_some()) {
            let groups: Vec<&str> =
                found.iter().filter_map(|subnet| subnet.group.as_ref()).map(GroupName::as_str).collect();
            return Err(StoreError::Ambiguous { prefix, groups: groups.join(", ") });
        }
        // Without a group sorts before with one.
        if found.is_empty() { Err(StoreError::NoSubnet(titled(prefix, group.as_ref()))) } else { Ok(found.remove(0)) }
    }

    /// How many addresses of a subnet are used, free and excluded; all zero for a container.
    ///
    /// Reads every record of the subnet: a second or two for 16 million.
    pub fn usage(&self, subnet: &SubnetRecord) -> Result<Usage> {
        if subnet.container {
            return Ok(Usage::default());
        }
        let count = "SELECT count(*) FROM allocation WHERE subnet_id = ?1";
        let used: Option<i64> = self.connection.row(count, values![subnet.id], |row| row.get(0))?;
        let used = u128::from(used.unwrap_or_default().unsigned_abs());
        let free = extents::count(self.connection, subnet.id)?;
        let excluded = subnet.offerable().count().saturating_sub(used + free);
        Ok(Usage { used, free, excluded })
    }

    /// What is in the way of a subnet in a scope: a leaf around it, or, for a leaf, anything inside it.
    fn in_the_way(&self, group: Option<i64>, new: &NewSubnet, except: i64) -> Result<Option<(SubnetRecord, bool)>> {
        let Span { first, last } = Span::whole(new.prefix);
        let scope = group.unwrap_or(0);
        let around = self.by_prefix(
            select!(
                "WHERE scope = ?1 AND network <= ?2 AND container = 0 AND subnet.id <> ?3
                 ORDER BY network DESC LIMIT 1"
            ),
            values![scope, first, except],
        )?;
        let is_around = |other: &SubnetRecord| Span::whole(other.prefix).last >= last;
        if let Some(around) = around.into_iter().find(is_around) {
            return Ok(Some((around, true)));
        }
        if new.container {
            return Ok(None);
        }
        let inside = self.by_prefix(
            select!("WHERE scope = ?1 AND network BETWEEN ?2 AND ?3 AND last <= ?3 AND subnet.id <> ?4 LIMIT 1"),
            values![scope, first, last, except],
        )?;
        Ok(inside.into_iter().next().map(|inside| (inside, false)))
    }

    /// # Errors
    /// [`SubnetExists`](StoreError::SubnetExists) and [`Overlap`](StoreError::Overlap).
    fn must_fit(&self, new: &NewSubnet, group: Option<i64>, except: i64) -> Result<()> {
        let equal = self.find_subnets(new.prefix, &new.group.clone().into())?;
        if equal.iter().any(|other| other.id != except) {
            return Err(StoreError::SubnetExists(titled(new.prefix, new.group.as_ref())));
        }
        match self.in_the_way(group, new, except)? {
            None => Ok(()),
            Some((other, is_around)) => Err(StoreError::Overlap {
                what: format!("Subnet {}", titled(new.prefix, new.group.as_ref())),
                other: format!("subnet {other}"),
                advice: if is_around {
                    "only a container may hold subnets"
                } else {
                    "make it a container if it is to hold subnets"
                },
            }),
        }
    }
}

impl Writing<'_> {
    /// Adds a subnet; all that it offers is free.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`SubnetExists`](StoreError::SubnetExists),
    /// [`Overlap`](StoreError::Overlap), and [`Invalid`](StoreError::Invalid) for an IPv6 prefix that shares addresses
    /// with `::ffff:0:0/96`, where IPv4 lives.
    pub fn add_subnet(&self, new: &NewSubnet) -> Result<SubnetRecord> {
        if shadows_ipv4(new.prefix) {
            let what = format!("Subnet {} shares addresses with ::ffff:0:0/96; add IPv4 subnets as IPv4", new.prefix);
            return Err(StoreError::Invalid(what));
        }
        self.lock_subnets()?;
        let group = self.group_id(new.group.as_ref())?;
        self.must_fit(new, group, 0)?;
        let Span { first, last } = Span::whole(new.prefix);
        let insert = "INSERT INTO subnet (group_id, network, length, last, description, pool, container)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id";
        let values = values![group, first, new.prefix.length(), last, &new.description, new.pool, new.container];
        let id: Option<i64> = self.connection.row(insert, values, |row| row.get(0))?;
        let subnet = self.subnet(id.expect("a row that is inserted has an id"))?;
        if !subnet.container {
            extents::rebuild(self.connection, subnet.id, subnet.offerable())?;
        }
        Ok(subnet)
    }

    /// Changes a subnet.
    ///
    /// # Errors
    /// Those of [`add_subnet`](Self::add_subnet) when it moves or changes its nature,
    /// [`NoContainer`](StoreError::NoContainer) when it becomes a container and has records, and
    /// [`NotOfferable`](StoreError::NotOfferable) when it stops being a pool and its first or last address is recorded.
    pub fn edit_subnet(&self, id: i64, edit: SubnetEdit) -> Result<SubnetRecord> {
        self.lock_subnets()?;
        let old = self.lock_subnet(id)?;
        let new = NewSubnet {
            group: edit.group.unwrap_or_else(|| old.group.clone()),
            prefix: old.prefix,
            description: edit.description.unwrap_or_else(|| old.description.clone()),
            pool: edit.pool.unwrap_or(old.pool),
            container: edit.container.unwrap_or(old.container),
        };
        let group = self.group_id(new.group.as_ref())?;
        if (new.container, &new.group) != (old.container, &old.group) {
            self.must_fit(&new, group, id)?;
        }
        if new.container && !old.container {
            self.must_hold_nothing(&old)?;
            extents::clear(self.connection, id)?;
        }
        let offerable = Span::offerable(new.prefix, new.pool);
        if let Some(address) = self.recorded_outside(id, offerable)? {
            return Err(StoreError::NotOfferable { address, subnet: new.prefix });
        }
        let update = "UPDATE subnet SET group_id = ?2, description = ?3, pool = ?4, container = ?5 WHERE id = ?1";
        self.connection.execute(update, values![id, group, &new.description, new.pool, new.container])?;
        if !new.container && (old.container || new.pool != old.pool) {
            extents::rebuild(self.connection, id, offerable)?;
        }
        self.subnet(id)
    }

    /// Deletes a subnet. The subnets inside a container stay.
    ///
    /// # Errors
    /// [`NoSubnet`](StoreError::NoSubnet), and [`NotEmpty`](StoreError::NotEmpty) when it has addresses recorded that
    /// must not be deleted with it.
    pub fn delete_subnet(&self, id: i64, contents: Contents) -> Result<()> {
        self.lock_subnets()?;
        let subnet = self.lock_subnet(id)?;
        let used = self.usage(&subnet)?.used;
        if contents == Contents::MustBeEmpty && used > 0 {
            return Err(StoreError::NotEmpty {
                what: format!("Subnet {subnet}"),
                holds: format!("addresses ({used})"),
            });
        }
        self.remove_subnet(id)
    }

    /// Works out the free extents of a subnet anew: the remedy when `verify` finds them wrong.
    pub fn rebuild_extents(&self, id: i64) -> Result<()> {
        let subnet = self.lock_subnet(id)?;
        subnet.as_leaf()?;
        extents::rebuild(self.connection, id, subnet.offerable())
    }

    /// Removes a subnet with all that is in it; extents and excluded ranges follow by their foreign keys.
    pub(crate) fn remove_subnet(&self, id: i64) -> Result<()> {
        self.connection.execute("DELETE FROM allocation WHERE subnet_id = ?1", values![id])?;
        self.connection.execute("DELETE FROM subnet WHERE id = ?1", values![id]).map(drop)
    }

    /// A subnet that is to be a container has neither addresses nor excluded ranges.
    fn must_hold_nothing(&self, subnet: &SubnetRecord) -> Result<()> {
        let holds = match (self.usage(subnet)?.used, self.excluded_ranges(subnet.id)?.len()) {
            (0, 0) => return Ok(()),
            (0, ranges) => format!("excluded ranges ({ranges})"),
            (used, _) => format!("addresses ({used})"),
        };
        Err(StoreError::NoContainer { subnet: subnet.to_string(), holds })
    }
}
