//! Allocating prefixes, and what is known of those that are allocated.

use std::net::IpAddr;

use ipam_provider::Prefix;

use super::blocks::{self, Block};
use super::sizing::{addresses, bits_of};
use super::{
    AllocatedPrefix, AllocationAfter, Labels, NewPlanAllocation, PlanAllocationEdit, PlanAllocationRecord, PlanRecord,
    PlanUsage, PoolRecord, PoolUsage, Size,
};
use crate::attributes::{Common, Noun, Stamp, common};
use crate::connection::{Connection, Row};
use crate::key::{Key, Span};
use crate::value::{Value, values};
use crate::{Attributes, DatabaseError, NewSubnet, PublicId, Reading, Result, StoreError, Writing};

/// A question for the columns that [`add_row`] reads: allocations that `$chosen` answers, each with a row for every prefix.
macro_rules! select {
    ($chosen:literal) => {
        concat!(
            "SELECT plan_allocation.id, plan_allocation.plan_id, hosts, plan_allocation.length, labels,
                 plan_allocation.description, plan_pool.name, plan_prefix.first, plan_prefix.length, kept_back, ",
            common!("plan_allocation"),
            " FROM (SELECT plan_allocation.*, plan.kept_back FROM plan_allocation
                 JOIN (SELECT id AS kept_by, kept_back FROM prefix_plan) plan ON kept_by = plan_id ",
            $chosen,
            ") plan_allocation
             JOIN plan_prefix ON plan_prefix.allocation_id = plan_allocation.id
             JOIN plan_pool ON plan_pool.id = plan_prefix.pool_id
             ORDER BY owner_key, plan_allocation.first, plan_pool.position"
        )
    };
}

/// Adds a row to the allocations that were read before it.
fn add_row(all: &mut Vec<PlanAllocationRecord>, row: &dyn Row) -> Result<()> {
    let id: i64 = row.get(0)?;
    if all.last().is_none_or(|last| last.id != id) {
        let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 10)?;
        all.push(PlanAllocationRecord {
            id,
            public_id,
            plan_id: row.get(1)?,
            hosts: row.get::<Option<i64>>(2)?.map(i64::unsigned_abs),
            length: row.get(3)?,
            prefixes: Vec::new(),
            labels: row.get(4)?,
            description: row.get(5)?,
            attributes,
            created_at,
            updated_at,
        });
    }
    let (first, length): (Key, u8) = (row.get(7)?, row.get(8)?);
    let prefix = first.prefix(length).map_err(|_| DatabaseError::unreadable(8))?;
    let kept_back = row.get::<i64>(9)?.unsigned_abs();
    let usable = addresses(bits_of(&prefix), length).saturating_sub(kept_back.into());
    if let Some(last) = all.last_mut() {
        last.prefixes.push(AllocatedPrefix { pool: row.get(6)?, prefix, usable });
    }
    Ok(())
}

/// What is allocated of a pool, lowest first.
pub(super) fn spans(connection: &dyn Connection, pool: &PoolRecord) -> Result<Vec<Span>> {
    let all = "SELECT first, last FROM plan_prefix WHERE pool_id = ?1 ORDER BY first";
    connection.rows(all, values![pool.id], |row| Ok(Span { first: row.get(0)?, last: row.get(1)? }))
}

/// The prefix of a pool in which the address lies.
pub(super) fn span_at(connection: &dyn Connection, pool: &PoolRecord, key: Key) -> Result<Option<Span>> {
    // Prefixes share nothing, so only the nearest can have it.
    let nearest = "SELECT first, last FROM plan_prefix WHERE pool_id = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1";
    let nearest =
        connection.row(nearest, values![pool.id, key], |row| Ok(Span { first: row.get(0)?, last: row.get(1)? }))?;
    Ok(nearest.filter(|span| span.contains(key)))
}

/// The sorting key of owners.
fn key_of(owner: &str) -> String {
    owner.to_lowercase()
}

impl Reading<'_> {
    fn plan_allocations_by(&self, select: &'static str, values: &[Value<'_>]) -> Result<Vec<PlanAllocationRecord>> {
        let mut all = Vec::new();
        self.connection.rows(select, values, |row| add_row(&mut all, row))?;
        Ok(all)
    }

    /// The allocation of this row.
    pub fn find_plan_allocation(&self, id: i64) -> Result<Option<PlanAllocationRecord>> {
        Ok(self.plan_allocations_by(select!("WHERE plan_allocation.id = ?1"), values![id])?.pop())
    }

    /// The allocation with this id.
    pub fn find_plan_allocation_with(&self, id: PublicId) -> Result<Option<PlanAllocationRecord>> {
        Ok(self.plan_allocations_by(select!("WHERE public_id = ?1"), values![&id])?.pop())
    }

    /// The allocation of this row.
    ///
    /// # Errors
    /// [`NoPlanAllocation`](StoreError::NoPlanAllocation) when there is none.
    pub fn plan_allocation(&self, id: i64) -> Result<PlanAllocationRecord> {
        self.find_plan_allocation(id)?.ok_or_else(|| StoreError::NoPlanAllocation(format!("with id {id}")))
    }

    /// Allocations of a plan by owner, then by their first prefix: at most `at_most`, after `after`. The case of owners does
    /// not matter.
    pub fn plan_allocations(
        &self,
        plan: i64,
        owner: Option<&str>,
        after: Option<&AllocationAfter>,
        at_most: u32,
    ) -> Result<Vec<PlanAllocationRecord>> {
        // Nothing comes before this.
        let (owner_key, first) = after.map_or(("", Key(0)), |after| (after.owner_key.as_str(), after.first));
        let at_most = i64::from(at_most);
        match owner {
            None => {
                let of_all =
                    select!("WHERE plan_id = ?1 AND (owner_key, first) > (?2, ?3) ORDER BY owner_key, first LIMIT ?4");
                self.plan_allocations_by(of_all, values![plan, owner_key, first, at_most])
            }
            Some(owner) => {
                let of_owner = select!("WHERE plan_id = ?1 AND owner_key = ?2 AND first > ?3 ORDER BY first LIMIT ?4");
                self.plan_allocations_by(of_owner, values![plan, &key_of(owner), first, at_most])
            }
        }
    }

    /// How many allocations a plan has, of this owner or of all.
    pub fn plan_allocation_count(&self, plan: i64, owner: Option<&str>) -> Result<u64> {
        let count: Option<i64> = match owner {
            None => {
                let all = "SELECT count(*) FROM plan_allocation WHERE plan_id = ?1";
                self.connection.row(all, values![plan], |row| row.get(0))
            }
            Some(owner) => {
                let of_owner = "SELECT count(*) FROM plan_allocation WHERE plan_id = ?1 AND owner_key = ?2";
                self.connection.row(of_owner, values![plan, &key_of(owner)], |row| row.get(0))
            }
        }?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// The prefixes that an allocation of this size would have now. Nothing is kept for anybody.
    ///
    /// # Errors
    /// Those of [`allocate_prefixes`](Writing::allocate_prefixes).
    pub fn preview_prefixes(&self, plan: &PlanRecord, size: Size, labels: &Labels) -> Result<Vec<AllocatedPrefix>> {
        plan.labels.admit(labels)?;
        let wanted = plan.calculate(size)?.prefixes;
        let prefixes = plan.pools.iter().zip(wanted).map(|(pool, wanted)| {
            let found = blocks::lowest(self.connection, pool, wanted.length)?;
            let found = found.ok_or_else(|| no_space(plan, pool, wanted.length))?;
            allocated(pool, Block { length: wanted.length, ..found }, wanted.usable)
        });
        prefixes.collect()
    }

    /// How much of a plan is allocated.
    pub fn plan_usage(&self, plan: &PlanRecord) -> Result<PlanUsage> {
        let pools = plan.pools.iter().map(|pool| {
            let bits = bits_of(&pool.prefix);
            let free = blocks::all(self.connection, pool)?;
            Ok(PoolUsage {
                pool: pool.name.clone(),
                addresses: addresses(bits, pool.prefix.length()),
                free: free.iter().map(|block| addresses(bits, block.length)).sum(),
                largest_free: free.iter().map(|block| block.length).min(),
            })
        });
        let allocations = self.plan_allocation_count(plan.id, None)?;
        Ok(PlanUsage { allocations, pools: pools.collect::<Result<_>>()? })
    }

    /// # Errors
    /// [`NotEmpty`](StoreError::NotEmpty) when subnets lie in a prefix that is allocated from the pool: in `span`, or in any.
    pub(super) fn must_hold_no_subnet(&self, plan: &PlanRecord, pool: &PoolRecord, span: Option<Span>) -> Result<()> {
        let within = span.unwrap_or((pool.prefix.network(), pool.prefix.last()).into());
        let subnets = "SELECT count(*) FROM subnet WHERE scope = (SELECT scope FROM prefix_plan WHERE id = ?1)
             AND network BETWEEN ?2 AND ?3 AND last <= ?3";
        let held: Option<i64> =
            self.connection.row(subnets, values![plan.id, within.first, within.last], |row| row.get(0))?;
        match held.unwrap_or_default() {
            0 => Ok(()),
            held => {
                let what = match span {
                    Some(span) => format!("The prefix at {} of plan {}", span.first.address(), plan.title()),
                    None => format!("Pool {} of plan {}", pool.prefix, plan.title()),
                };
                Err(StoreError::NotEmpty { what, holds: format!("subnets ({held})") })
            }
        }
    }
}

fn no_space(plan: &PlanRecord, pool: &PoolRecord, length: u8) -> StoreError {
    StoreError::NoSpace { plan: plan.title(), pool: pool.name.clone(), prefix: pool.prefix.to_string(), length }
}

fn allocated(pool: &PoolRecord, block: Block, usable: u128) -> Result<AllocatedPrefix> {
    let prefix = block.first.prefix(block.length).map_err(|_| DatabaseError::unreadable(0))?;
    Ok(AllocatedPrefix { pool: pool.name.clone(), prefix, usable })
}

impl Writing<'_> {
    /// Allocates the lowest free prefix of each pool, each as large as is asked for.
    ///
    /// # Errors
    /// [`NoPlan`](StoreError::NoPlan), [`Invalid`](StoreError::Invalid) for a size or labels that the plan does not have,
    /// [`NoSpace`](StoreError::NoSpace) when a pool has no such prefix, and [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn allocate_prefixes(&self, plan: i64, new: &NewPlanAllocation) -> Result<PlanAllocationRecord> {
        let plan = self.lock_plan(plan)?;
        let wanted = plan.calculate(new.size)?.prefixes;
        let taken = plan.pools.iter().zip(wanted).map(|(pool, wanted)| {
            let block = blocks::take_lowest(self.connection, pool, wanted.length)?;
            Ok((pool, block.ok_or_else(|| no_space(&plan, pool, wanted.length))?))
        });
        let taken: Vec<_> = taken.collect::<Result<_>>()?;
        plan.labels.admit(&new.labels)?;
        self.insert_allocation(&plan, new, &taken, self.stamp())
    }

    fn insert_allocation(
        &self,
        plan: &PlanRecord,
        new: &NewPlanAllocation,
        taken: &[(&PoolRecord, Block)],
        stamp: Stamp,
    ) -> Result<PlanAllocationRecord> {
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::PlanAllocation, stamp.public_id, external_id.as_ref())?;
        let (hosts, length) = match new.size {
            Size::Hosts(hosts) => (Some(hosts.cast_signed()), None),
            Size::Length(length) => (None, Some(length)),
        };
        let insert = "INSERT INTO plan_allocation (plan_id, owner_key, first, hosts, length, labels, description,
                 public_id, owner, external_id, tags, metadata, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING id";
        let (owner_key, labels) = (key_of(owner), new.labels.json());
        let first = taken.first().map(|(_, block)| block.first).expect("a plan has a pool");
        let values = values![
            plan.id,
            &owner_key,
            first,
            hosts,
            length,
            &labels,
            &new.description,
            &stamp.public_id,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            stamp.created_at,
            stamp.updated_at,
        ];
        let id: Option<i64> = self.connection.row(insert, values, |row| row.get(0))?;
        let id = id.expect("a row that is inserted has an id");
        for (pool, block) in taken {
            let insert = "INSERT INTO plan_prefix (pool_id, first, last, length, allocation_id)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
            let Span { first, last } = block.span(bits_of(&pool.prefix));
            self.connection.execute(insert, values![pool.id, first, last, block.length, id])?;
        }
        self.plan_allocation(id)
    }

    /// Makes the prefix that an allocation has of this pool a subnet, and returns the prefix.
    ///
    /// # Errors
    /// [`NoPlan`](StoreError::NoPlan), [`NoPool`](StoreError::NoPool), and those of [`add_subnet`](Self::add_subnet).
    pub fn add_subnet_of(&self, allocation: &PlanAllocationRecord, pool: &str) -> Result<Prefix> {
        let plan = self.plan_by_id(allocation.plan_id)?;
        let Some(of_pool) = allocation.prefixes.iter().find(|one| one.pool == pool) else {
            return Err(StoreError::NoPool { plan: plan.title(), pool: pool.to_owned() });
        };
        let description = allocation.description.clone();
        let attributes = Attributes::of_owner(&allocation.attributes.owner);
        self.add_subnet(&NewSubnet { group: plan.group, description, attributes, ..NewSubnet::of(of_pool.prefix) })?;
        Ok(of_pool.prefix)
    }

    /// Changes what is recorded of an allocation. A new owner moves it.
    ///
    /// # Errors
    /// [`NoPlanAllocation`](StoreError::NoPlanAllocation), [`Invalid`](StoreError::Invalid) for labels that the plan does not
    /// have, and [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn edit_plan_allocation(&self, id: i64, edit: PlanAllocationEdit) -> Result<PlanAllocationRecord> {
        let (old, plan) = self.lock_allocation(id)?;
        if let Some(labels) = &edit.labels {
            plan.labels.admit(labels)?;
        }
        let labels: Labels = edit.labels.unwrap_or(old.labels);
        let description = edit.description.unwrap_or(old.description);
        let Attributes { owner, external_id, tags, metadata } = &old.attributes.edited(edit.attributes);
        self.must_be_only(Noun::PlanAllocation, old.public_id, external_id.as_ref())?;
        let update = "UPDATE plan_allocation
             SET owner_key = ?2, labels = ?3, description = ?4, owner = ?5, external_id = ?6, tags = ?7, metadata = ?8,
                 updated_at = ?9
             WHERE id = ?1";
        let (owner_key, labels) = (key_of(owner), labels.json());
        let values =
            values![id, &owner_key, &labels, &description, owner, external_id.as_ref(), tags, metadata, self.now,];
        self.connection.execute(update, values)?;
        self.plan_allocation(id)
    }

    /// Releases all prefixes of an allocation.
    ///
    /// # Errors
    /// [`NoPlanAllocation`](StoreError::NoPlanAllocation), and [`NotEmpty`](StoreError::NotEmpty) when a subnet lies in one.
    pub fn release_prefixes(&self, id: i64) -> Result<PlanAllocationRecord> {
        let (allocation, plan) = self.lock_allocation(id)?;
        let prefixes: Vec<_> = allocation
            .prefixes
            .iter()
            .filter_map(|one| Some((plan.pools.iter().find(|pool| pool.name == one.pool)?, one.prefix)))
            .collect();
        for (pool, prefix) in &prefixes {
            self.must_hold_no_subnet(&plan, pool, Some((prefix.network(), prefix.last()).into()))?;
        }
        self.connection.execute("DELETE FROM plan_allocation WHERE id = ?1", values![id])?;
        for (pool, prefix) in prefixes {
            let block = Block { first: prefix.network().into(), length: prefix.length() };
            blocks::give_back(self.connection, pool, block)?;
        }
        Ok(allocation)
    }

    /// Allocates these prefixes, with this id and these times: what an export has is as it was.
    ///
    /// # Errors
    /// Those of [`allocate_prefixes`](Self::allocate_prefixes), and [`Invalid`](StoreError::Invalid) when they are not one of
    /// each pool, of the size that goes with what was asked for, or not free.
    pub(crate) fn insert_allocated(
        &self,
        plan: &PlanRecord,
        new: &NewPlanAllocation,
        prefixes: &[Prefix],
        stamp: Stamp,
    ) -> Result<PlanAllocationRecord> {
        if prefixes.len() != plan.pools.len() {
            let what = format!("Plan {} has {} pools; give a prefix of each", plan.title(), plan.pools.len());
            return Err(StoreError::Invalid(what));
        }
        let mut taken = Vec::with_capacity(prefixes.len());
        for (pool, prefix) in plan.pools.iter().zip(prefixes) {
            let block = Block { first: prefix.network().into(), length: prefix.length() };
            if !pool.prefix.contains_prefix(prefix) || !blocks::take(self.connection, pool, block)? {
                let what = format!("{prefix} is not free in pool {} of plan {}", pool.prefix, plan.title());
                return Err(StoreError::Invalid(what));
            }
            taken.push((pool, block));
        }
        self.insert_allocation(plan, new, &taken, stamp)
    }

    /// An allocation whose plan is locked.
    fn lock_allocation(&self, id: i64) -> Result<(PlanAllocationRecord, PlanRecord)> {
        let found = self.plan_allocation(id)?;
        let plan = self.lock_plan(found.plan_id)?;
        // It may have gone before the lock was had.
        Ok((self.plan_allocation(id)?, plan))
    }
}

impl PlanAllocationRecord {
    /// Where a list goes on after it.
    pub fn after(&self) -> AllocationAfter {
        AllocationAfter { owner_key: key_of(&self.attributes.owner), first: self.first().into() }
    }

    fn first(&self) -> IpAddr {
        self.prefixes.first().map(|one| one.prefix.network()).expect("an allocation has a prefix of each pool")
    }
}
