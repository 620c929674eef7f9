//! Subnets: leaves hold addresses, containers hold subnets.

use std::net::IpAddr;

use ipam_provider::GroupName;

use crate::attributes::{Common, Noun, Stamp, common};
use crate::connection::Row;
use crate::key::{Key, Span};
use crate::records::titled;
use crate::value::{Value, values};
use crate::{
    Attributes, Bounds, Contents, DatabaseError, NewSubnet, PublicId, Reading, Result, Scope, StoreError, SubnetEdit,
    SubnetRecord, Usage, Writing, extents,
};

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT subnet.id, ipam_group.name, network, last, length, subnet.description, pool, container, group_id,
             gateway, ",
            common!("subnet"),
            " FROM subnet LEFT JOIN ipam_group ON ipam_group.id = group_id ",
            $rest
        )
    };
}

fn record(row: &dyn Row) -> Result<SubnetRecord> {
    let bounds = Bounds::stored(row.get(2)?, row.get(3)?, row.get(4)?);
    let gateway: Option<Key> = row.get(9)?;
    let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 10)?;
    Ok(SubnetRecord {
        id: row.get(0)?,
        public_id,
        group: row.get(1)?,
        bounds: bounds.ok_or_else(|| DatabaseError::unreadable(4))?,
        description: row.get(5)?,
        pool: row.get(6)?,
        container: row.get(7)?,
        group_id: row.get(8)?,
        gateway: gateway.map(Key::address),
        attributes,
        created_at,
        updated_at,
    })
}

/// What is in the way of a subnet, and what to do.
type InTheWay = (SubnetRecord, &'static str);

impl SubnetRecord {
    pub(crate) fn offerable(&self) -> Span {
        self.bounds.offerable(self.pool)
    }

    /// # Errors
    /// [`Container`](StoreError::Container) when it holds no addresses.
    pub(crate) fn as_leaf(&self) -> Result<()> {
        if self.container { Err(StoreError::Container(self.bounds)) } else { Ok(()) }
    }

    /// # Errors
    /// [`Container`](StoreError::Container), [`Outside`](StoreError::Outside) and
    /// [`NotOfferable`](StoreError::NotOfferable) for an address that is never recorded here.
    pub(crate) fn can_record(&self, address: IpAddr) -> Result<()> {
        self.as_leaf()?;
        if !self.bounds.contains(address) {
            return Err(StoreError::Outside { what: format!("Address {address}"), subnet: self.bounds });
        }
        if !self.bounds.is_offerable(address, self.pool) {
            return Err(StoreError::NotOfferable { address, subnet: self.bounds });
        }
        Ok(())
    }
}

impl Reading<'_> {
    fn by_bounds(&self, select: &'static str, values: &[Value<'_>]) -> Result<Vec<SubnetRecord>> {
        let mut subnets = self.connection.rows(select, values, record)?;
        subnets.sort_by(|a, b| (a.bounds, &a.group).cmp(&(b.bounds, &b.group)));
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

    /// The subnet with this id.
    pub fn find_subnet_with(&self, id: PublicId) -> Result<Option<SubnetRecord>> {
        self.connection.row(select!("WHERE subnet.public_id = ?1"), values![&id], record)
    }

    /// All subnets of a scope in the order of their addresses; none when there is no such group.
    pub fn subnets_in(&self, scope: &Scope) -> Result<Vec<SubnetRecord>> {
        match scope {
            Scope::Anywhere => self.by_bounds(select!(""), &[]),
            Scope::Global => self.by_bounds(select!("WHERE scope = 0"), &[]),
            Scope::Group(group) => {
                let of_group = select!("WHERE scope = (SELECT id FROM ipam_group WHERE name = ?1)");
                self.by_bounds(of_group, values![group])
            }
        }
    }

    /// All subnets of exactly this prefix or range in a scope; none when there is no such group.
    pub fn find_subnets(&self, bounds: impl Into<Bounds>, scope: &Scope) -> Result<Vec<SubnetRecord>> {
        let bounds = bounds.into();
        let Span { first, last } = bounds.whole();
        let mut found = match scope {
            Scope::Anywhere => self.by_bounds(select!("WHERE network = ?1 AND last = ?2"), values![first, last]),
            Scope::Global => {
                self.by_bounds(select!("WHERE scope = 0 AND network = ?1 AND last = ?2"), values![first, last])
            }
            Scope::Group(group) => self.by_bounds(
                select!("WHERE scope = (SELECT id FROM ipam_group WHERE name = ?3) AND network = ?1 AND last = ?2"),
                values![first, last, group],
            ),
        }?;
        // A range may have the ends of a prefix.
        found.retain(|subnet| subnet.bounds == bounds);
        Ok(found)
    }

    /// The subnets in which this owner has recorded the address.
    pub fn subnets_with(&self, address: IpAddr, owner: &str) -> Result<Vec<SubnetRecord>> {
        // No index begins with the address: each subnet around it costs one step in the primary key.
        let around = select!(
            "WHERE network <= ?1 AND last >= ?1
             AND EXISTS (SELECT 1 FROM allocation WHERE subnet_id = subnet.id AND address = ?1
                 AND allocation.owner = ?2)"
        );
        self.by_bounds(around, values![Key::from(address), owner])
    }

    /// The one subnet that people mean by a prefix or range: the only one, or, among several, that of the global table.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`NoSubnet`](StoreError::NoSubnet), and
    /// [`Ambiguous`](StoreError::Ambiguous) when several groups have it and the global table has not.
    pub fn one_subnet(&self, bounds: impl Into<Bounds>, scope: &Scope) -> Result<SubnetRecord> {
        let bounds = bounds.into();
        let group = match scope {
            Scope::Anywhere | Scope::Global => None,
            Scope::Group(name) => Some(self.group(name)?.name),
        };
        let mut found = self.find_subnets(bounds, scope)?;
        if found.len() > 1 && found.iter().all(|subnet| subnet.group.is_some()) {
            let groups: Vec<&str> =
                found.iter().filter_map(|subnet| subnet.group.as_ref()).map(GroupName::as_str).collect();
            return Err(StoreError::Ambiguous { prefix: bounds, groups: groups.join(", ") });
        }
        // Without a group sorts before with one.
        if found.is_empty() { Err(StoreError::NoSubnet(titled(&bounds, group.as_ref()))) } else { Ok(found.remove(0)) }
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

    /// What is in the way of a subnet in a scope: two subnets share no address, unless one lies in the other and that is a
    /// container.
    fn in_the_way(&self, group: Option<i64>, new: &NewSubnet, except: i64) -> Result<Option<InTheWay>> {
        let Span { first, last } = new.bounds.whole();
        let scope = group.unwrap_or(0);
        let with_advice = |other: SubnetRecord| {
            let span = other.bounds.whole();
            let advice = if !other.container && span.first <= first && span.last >= last {
                "only a container may hold subnets"
            } else if new.bounds.prefix().is_some() && first <= span.first && span.last <= last {
                "make it a container if it is to hold subnets"
            } else {
                "two subnets share no address, unless one of them is a container that holds the other"
            };
            Some((other, advice))
        };
        let one = |select: &'static str, values: &[Value<'_>]| self.connection.row(select, values, record);

        // Leaves share nothing, so only the nearest at or below an address can have it.
        let nearest_leaf = select!(
            "WHERE scope = ?1 AND network <= ?2 AND container = 0 AND subnet.id <> ?3
             ORDER BY network DESC LIMIT 1"
        );
        let around = one(nearest_leaf, values![scope, first, except])?;
        if let Some(leaf) = around.filter(|leaf| leaf.bounds.whole().last >= first) {
            let span = leaf.bounds.whole();
            let is_held = new.container && span.first == first && span.last < last;
            if !is_held {
                return Ok(with_advice(leaf));
            }
        }
        if new.container {
            let at_the_end = one(nearest_leaf, values![scope, last, except])?;
            return Ok(at_the_end.filter(|leaf| leaf.bounds.whole().last > last).and_then(with_advice));
        }
        let inside = select!(
            "WHERE scope = ?1 AND network BETWEEN ?2 AND ?3 AND subnet.id <> ?4
             AND NOT (container = 1 AND network = ?2 AND last > ?3) ORDER BY network LIMIT 1"
        );
        if let Some(inside) = one(inside, values![scope, first, last, except])? {
            return Ok(with_advice(inside));
        }
        // Prefixes nest or share nothing; a range may begin within a container and end after it.
        if new.bounds.prefix().is_some() {
            return Ok(None);
        }
        let ends_inside =
            select!("WHERE scope = ?1 AND last >= ?2 AND last < ?3 AND network < ?2 AND subnet.id <> ?4 LIMIT 1");
        Ok(one(ends_inside, values![scope, first, last, except])?.and_then(with_advice))
    }

    /// # Errors
    /// [`SubnetExists`](StoreError::SubnetExists) and [`Overlap`](StoreError::Overlap).
    fn must_fit(&self, new: &NewSubnet, group: Option<i64>, except: i64) -> Result<()> {
        let title = titled(&new.bounds, new.group.as_ref());
        let equal = self.find_subnets(new.bounds, &new.group.clone().into())?;
        if equal.iter().any(|other| other.id != except) {
            return Err(StoreError::SubnetExists(title));
        }
        match self.in_the_way(group, new, except)? {
            None => Ok(()),
            Some((other, advice)) => {
                Err(StoreError::Overlap { what: format!("Subnet {title}"), other: format!("subnet {other}"), advice })
            }
        }
    }
}

/// # Errors
/// [`Invalid`](StoreError::Invalid) for a range that is to be a container, and [`Outside`](StoreError::Outside) for a
/// gateway elsewhere.
fn must_be_possible(new: &NewSubnet) -> Result<()> {
    if new.bounds.prefix().is_none() && new.container {
        let what = format!("{} is a range of addresses, and only a prefix can be a container", new.bounds);
        return Err(StoreError::Invalid(what));
    }
    match new.gateway {
        Some(_) if new.container => {
            Err(StoreError::Invalid(format!("{} is a container, which has no gateway", new.bounds)))
        }
        Some(gateway) if !new.bounds.contains(gateway) => {
            Err(StoreError::Outside { what: format!("Gateway {gateway}"), subnet: new.bounds })
        }
        _ => Ok(()),
    }
}

impl Writing<'_> {
    /// Adds a subnet; all that it offers is free. Of a range that is everything, so it is a pool.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`SubnetExists`](StoreError::SubnetExists),
    /// [`Overlap`](StoreError::Overlap), [`Outside`](StoreError::Outside) for the gateway,
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken), and [`Invalid`](StoreError::Invalid) for IPv6 that shares
    /// addresses with `::ffff:0:0/96`, where IPv4 lives, for a range as a container, and for a container's gateway.
    pub fn add_subnet(&self, new: &NewSubnet) -> Result<SubnetRecord> {
        self.insert_subnet(new, self.stamp())
    }

    /// Adds a subnet with this id and these times.
    pub(crate) fn insert_subnet(&self, new: &NewSubnet, stamp: Stamp) -> Result<SubnetRecord> {
        if new.bounds.shadows_ipv4() {
            let what = format!("Subnet {} shares addresses with ::ffff:0:0/96; add IPv4 subnets as IPv4", new.bounds);
            return Err(StoreError::Invalid(what));
        }
        must_be_possible(new)?;
        self.lock_subnets()?;
        let group = self.group_id(new.group.as_ref())?;
        self.must_fit(new, group, 0)?;
        let title = titled(&new.bounds, new.group.as_ref());
        self.must_not_be_in_free_space(group, (new.bounds, new.container), &title)?;
        let Span { first, last } = new.bounds.whole();
        let length = new.bounds.prefix().map(|prefix| prefix.length());
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::Subnet, stamp.public_id, external_id.as_ref())?;
        let insert = "INSERT INTO subnet (group_id, network, length, last, description, pool, container, gateway,
                 public_id, owner, external_id, tags, metadata, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING id";
        let values = values![
            group,
            first,
            length,
            last,
            &new.description,
            new.pool || length.is_none(),
            new.container,
            new.gateway.map(Key::from),
            &stamp.public_id,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            stamp.created_at,
            stamp.updated_at,
        ];
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
            bounds: old.bounds,
            description: edit.description.unwrap_or_else(|| old.description.clone()),
            pool: edit.pool.unwrap_or(old.pool),
            container: edit.container.unwrap_or(old.container),
            gateway: edit.gateway.unwrap_or(old.gateway),
            attributes: old.attributes.clone().edited(edit.attributes),
        };
        must_be_possible(&new)?;
        if old.bounds.prefix().is_none() && !new.pool {
            let what = format!("{old} is a range of addresses, of which hosts may have all");
            return Err(StoreError::Invalid(what));
        }
        let group = self.group_id(new.group.as_ref())?;
        if (new.container, &new.group) != (old.container, &old.group) {
            self.must_fit(&new, group, id)?;
            let title = titled(&new.bounds, new.group.as_ref());
            self.must_not_be_in_free_space(group, (new.bounds, new.container), &title)?;
        }
        if new.container && !old.container {
            self.must_hold_nothing(&old)?;
            extents::clear(self.connection, id)?;
        }
        let offerable = new.bounds.offerable(new.pool);
        if let Some(address) = self.recorded_outside(id, offerable)? {
            return Err(StoreError::NotOfferable { address, subnet: new.bounds });
        }
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::Subnet, old.public_id, external_id.as_ref())?;
        let update = "UPDATE subnet
             SET group_id = ?2, description = ?3, pool = ?4, container = ?5, gateway = ?6, owner = ?7,
                 external_id = ?8, tags = ?9, metadata = ?10, updated_at = ?11
             WHERE id = ?1";
        let values = values![
            id,
            group,
            &new.description,
            new.pool,
            new.container,
            new.gateway.map(Key::from),
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            self.now,
        ];
        self.connection.execute(update, values)?;
        let subnet = self.subnet(id)?;
        if !new.container && (old.container || new.pool != old.pool) {
            extents::rebuild(self.connection, id, offerable)?;
        } else if new.gateway != old.gateway {
            self.move_gateway(&subnet, old.gateway)?;
        }
        Ok(subnet)
    }

    /// The gateway that a subnet has now is not free, and the one that it had before may be.
    fn move_gateway(&self, subnet: &SubnetRecord, before: Option<IpAddr>) -> Result<()> {
        if let Some(gateway) = subnet.gateway {
            extents::cut(self.connection, subnet.id, (gateway, gateway).into())?;
        }
        match before {
            Some(gateway) => self.free_again(subnet, (gateway, gateway).into()),
            None => Ok(()),
        }
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
