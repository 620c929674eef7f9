//! Plans and their pools.

use std::collections::BTreeSet;

use ipam_provider::{GroupName, Prefix};

use super::sizing::bits_of;
use super::{NewPlan, NewPool, PlanEdit, PlanRecord, PoolRecord, Sizes, allocations, blocks};
use crate::attributes::{Common, Noun, Stamp, common};
use crate::connection::Row;
use crate::key::{Key, Span, shadows_ipv4};
use crate::records::titled;
use crate::value::{Value, values};
use crate::{
    Attributes, Bounds, Contents, DatabaseError, PublicId, Reading, Result, Scope, StoreError, SubnetRecord, Writing,
};

/// How many pools a plan has at most.
const POOLS_AT_MOST: usize = 16;

const NAME_AT_MOST: usize = 100;

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT prefix_plan.id, ipam_group.name, prefix_plan.name, prefix_plan.description, shortest, longest,
             kept_back, hosts_at_most, labels, ",
            common!("prefix_plan"),
            " FROM prefix_plan LEFT JOIN ipam_group ON ipam_group.id = group_id ",
            $rest
        )
    };
}

fn record(row: &dyn Row) -> Result<PlanRecord> {
    let number = |column: usize| row.get::<i64>(column);
    let damaged = |column: usize| StoreError::from(DatabaseError::unreadable(column));
    let kept_back = u32::try_from(number(6)?).map_err(|_| damaged(6))?;
    let hosts_at_most = row.get::<Option<i64>>(7)?.map(i64::unsigned_abs);
    let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 9)?;
    Ok(PlanRecord {
        id: row.get(0)?,
        public_id,
        group: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        sizes: Sizes { shortest: row.get(4)?, longest: row.get(5)?, kept_back, hosts_at_most },
        labels: row.get(8)?,
        pools: Vec::new(),
        attributes,
        created_at,
        updated_at,
    })
}

fn pool(row: &dyn Row) -> Result<PoolRecord> {
    let network: Key = row.get(2)?;
    Ok(PoolRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        prefix: network.prefix(row.get(3)?).map_err(|_| DatabaseError::unreadable(3))?,
        shift: i16::try_from(row.get::<i64>(4)?).map_err(|_| DatabaseError::unreadable(4))?,
    })
}

/// A plan as messages name it.
fn named(name: &str, group: Option<&GroupName>) -> String {
    match group {
        Some(group) => format!("'{name}' (group {group})"),
        None => format!("'{name}'"),
    }
}

impl PlanRecord {
    /// Its name, as messages have it.
    pub fn title(&self) -> String {
        named(&self.name, self.group.as_ref())
    }
}

impl Reading<'_> {
    /// All plans of a scope, by group and name; none when there is no such group.
    pub fn plans_in(&self, scope: &Scope) -> Result<Vec<PlanRecord>> {
        let plans = match scope {
            Scope::Anywhere => self.connection.rows(select!("ORDER BY ipam_group.name, prefix_plan.name"), &[], record),
            Scope::Global => self.connection.rows(select!("WHERE scope = 0 ORDER BY prefix_plan.name"), &[], record),
            Scope::Group(group) => {
                let of_group =
                    select!("WHERE scope = (SELECT id FROM ipam_group WHERE name = ?1) ORDER BY prefix_plan.name");
                self.connection.rows(of_group, values![group], record)
            }
        }?;
        plans.into_iter().map(|plan| self.with_pools(plan)).collect()
    }

    /// The plan of exactly this name: of that group, or of the global table.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup) and [`NoPlan`](StoreError::NoPlan).
    pub fn plan(&self, group: Option<&GroupName>, name: &str) -> Result<PlanRecord> {
        let scope = self.group_id(group)?.unwrap_or(0);
        let by_name = select!("WHERE scope = ?1 AND prefix_plan.name = ?2");
        self.one_plan(by_name, values![scope, name])?.ok_or_else(|| StoreError::NoPlan(named(name, group)))
    }

    /// The plan with this id.
    pub fn find_plan_with(&self, id: PublicId) -> Result<Option<PlanRecord>> {
        self.one_plan(select!("WHERE prefix_plan.public_id = ?1"), values![&id])
    }

    /// The plan of this row.
    ///
    /// # Errors
    /// [`NoPlan`](StoreError::NoPlan) when there is none.
    pub fn plan_by_id(&self, id: i64) -> Result<PlanRecord> {
        let plan = self.one_plan(select!("WHERE prefix_plan.id = ?1"), values![id])?;
        plan.ok_or_else(|| StoreError::NoPlan(format!("with id {id}")))
    }

    fn one_plan(&self, select: &'static str, values: &[Value<'_>]) -> Result<Option<PlanRecord>> {
        self.connection.row(select, values, record)?.map(|plan| self.with_pools(plan)).transpose()
    }

    fn with_pools(&self, plan: PlanRecord) -> Result<PlanRecord> {
        let pools = "SELECT id, name, network, length, shift FROM plan_pool WHERE plan_id = ?1 ORDER BY position";
        let pools = self.connection.rows(pools, values![plan.id], pool)?;
        if pools.is_empty() {
            return Err(DatabaseError::unreadable(0).into());
        }
        Ok(PlanRecord { pools, ..plan })
    }

    /// The pools of a group that share addresses with a span, each with the row and name of its plan.
    fn pools_at(&self, scope: i64, span: Span) -> Result<Vec<(PoolRecord, i64, String)>> {
        let at = "SELECT plan_pool.id, plan_pool.name, network, length, shift, plan_id, prefix_plan.name FROM plan_pool
             JOIN prefix_plan ON prefix_plan.id = plan_id
             WHERE plan_pool.scope = ?1 AND network <= ?3 AND last >= ?2 ORDER BY network";
        self.connection
            .rows(at, values![scope, span.first, span.last], |row| Ok((pool(row)?, row.get(5)?, row.get(6)?)))
    }
}

/// # Errors
/// [`Invalid`](StoreError::Invalid) with the rule that is broken.
fn must_be_a_name(what: &str, name: &str) -> Result<()> {
    let is_right =
        (1..=NAME_AT_MOST).contains(&name.chars().count()) && !name.contains(char::is_control) && name.trim() == name;
    if is_right {
        return Ok(());
    }
    let rule = format!(
        "{name:?} is not the name of a {what}; a name has 1 to {NAME_AT_MOST} characters, no control characters, and no \
         blanks at its ends"
    );
    Err(StoreError::Invalid(rule))
}

/// # Errors
/// [`Invalid`](StoreError::Invalid) for what no plan can be.
fn must_be_possible(new: &NewPlan) -> Result<()> {
    let invalid = |what: String| Err(StoreError::Invalid(what));
    must_be_a_name("plan", &new.name)?;
    new.labels.check()?;
    let Some(first) = new.pools.first() else { return invalid("A plan needs a pool".to_owned()) };
    if new.pools.len() > POOLS_AT_MOST {
        return invalid(format!("A plan has at most {POOLS_AT_MOST} pools, not {}", new.pools.len()));
    }
    if first.shift != 0 {
        return invalid(format!("Sizes are asked for of the first pool, '{}', so its shift is 0", first.name));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = new.pools.iter().find(|pool| !names.insert(&pool.name)) {
        return invalid(format!("Two pools of the plan have the name '{}'", twice.name));
    }
    let Sizes { shortest, longest, kept_back, hosts_at_most } = new.sizes;
    if shortest > longest {
        return invalid(format!("The shortest length, {shortest}, is longer than the longest, {longest}"));
    }
    for pool in &new.pools {
        must_be_a_name("pool", &pool.name)?;
        must_have_room(pool, shortest, longest)?;
    }
    if new.sizes.usable(bits_of(&first.prefix), shortest) == 0 {
        return invalid(format!("Of a /{shortest} nothing is left when {kept_back} addresses are kept back"));
    }
    if hosts_at_most.is_some_and(|limit| limit == 0 || i64::try_from(limit).is_err()) {
        return invalid(format!("hosts_at_most is 1 to {}", i64::MAX));
    }
    Ok(())
}

/// # Errors
/// [`Invalid`](StoreError::Invalid) when prefixes of these lengths of the first pool have no counterpart in this one.
fn must_have_room(pool: &NewPool, shortest: u8, longest: u8) -> Result<()> {
    let NewPool { name, prefix, shift } = pool;
    if prefix.is_ipv6() && shadows_ipv4((prefix.network(), prefix.last()).into()) {
        let what = format!("Pool {prefix} shares addresses with ::ffff:0:0/96; add IPv4 pools as IPv4");
        return Err(StoreError::Invalid(what));
    }
    let [from, to] = [shortest, longest].map(|length| i32::from(length) + i32::from(*shift));
    let bits = bits_of(prefix);
    if from < i32::from(prefix.length()) || to > i32::from(bits) {
        let what = format!(
            "Pool '{name}' is {prefix} and would have prefixes of the lengths {from} to {to}; they must be {} to {bits}",
            prefix.length()
        );
        return Err(StoreError::Invalid(what));
    }
    Ok(())
}

impl Writing<'_> {
    /// Adds a plan, of which everything is free.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`PlanExists`](StoreError::PlanExists), [`Overlap`](StoreError::Overlap) with
    /// another pool or with a subnet of the group, [`ExternalIdTaken`](StoreError::ExternalIdTaken), and
    /// [`Invalid`](StoreError::Invalid).
    pub fn add_plan(&self, new: &NewPlan) -> Result<PlanRecord> {
        self.insert_plan(new, self.stamp())
    }

    /// Adds a plan with this id and these times.
    pub(crate) fn insert_plan(&self, new: &NewPlan, stamp: Stamp) -> Result<PlanRecord> {
        must_be_possible(new)?;
        self.lock_subnets()?;
        let group = self.group_id(new.group.as_ref())?;
        let scope = group.unwrap_or(0);
        self.must_be_new(scope, new.group.as_ref(), &new.name, 0)?;
        let Sizes { shortest, longest, kept_back, hosts_at_most } = new.sizes;
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::Plan, stamp.public_id, external_id.as_ref())?;
        let insert = "INSERT INTO prefix_plan (group_id, scope, name, description, shortest, longest, kept_back,
                 hosts_at_most, labels, public_id, owner, external_id, tags, metadata, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) RETURNING id";
        let labels = new.labels.json();
        let values = values![
            group,
            scope,
            &new.name,
            &new.description,
            shortest,
            longest,
            i64::from(kept_back),
            hosts_at_most.map(u64::cast_signed),
            &labels,
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
        for (position, pool) in new.pools.iter().enumerate() {
            let bounds = Bounds::from(pool.prefix);
            let what = format!("Pool {}", titled(&bounds, new.group.as_ref()));
            // One after the other: the pools of a plan must not overlap each other either.
            self.must_be_alone(scope, what, bounds.whole(), None)?;
            self.insert_pool(id, scope, position, pool)?;
        }
        let plan = self.plan_by_id(id)?;
        plan.pools.iter().try_for_each(|pool| blocks::rebuild(self.connection, pool, &[]))?;
        Ok(plan)
    }

    fn insert_pool(&self, plan: i64, scope: i64, position: usize, pool: &NewPool) -> Result<()> {
        let insert = "INSERT INTO plan_pool (plan_id, scope, position, name, network, length, last, shift)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let NewPool { name, prefix, shift } = pool;
        let position = i64::try_from(position).expect("there are few pools");
        let [first, last] = [prefix.network(), prefix.last()].map(Key::from);
        let values = values![plan, scope, position, name, first, prefix.length(), last, i64::from(*shift)];
        self.connection.execute(insert, values).map(drop)
    }

    /// # Errors
    /// [`PlanExists`](StoreError::PlanExists) if another plan of the scope has the name.
    fn must_be_new(&self, scope: i64, group: Option<&GroupName>, name: &str, except: i64) -> Result<()> {
        let other = "SELECT 1 FROM prefix_plan WHERE scope = ?1 AND name = ?2 AND id <> ?3";
        if self.connection.is_any(other, values![scope, name, except])? {
            return Err(StoreError::PlanExists(named(name, group)));
        }
        Ok(())
    }

    /// A pool shares no address with another one of its group, nor with a subnet, but for containers around it and what lies
    /// in a prefix that is allocated already.
    fn must_be_alone(&self, scope: i64, what: String, span: Span, resized: Option<&PoolRecord>) -> Result<()> {
        let is_other = |pool: &PoolRecord| resized.is_none_or(|resized| resized.id != pool.id);
        if let Some((other, _, plan)) = self.pools_at(scope, span)?.into_iter().find(|(pool, ..)| is_other(pool)) {
            let (other, advice) =
                (format!("pool {} of plan '{plan}'", other.prefix), "pools of a group share no address");
            return Err(StoreError::Overlap { what, other, advice });
        }
        let allocated = resized.map(|pool| allocations::spans(self.connection, pool)).transpose()?.unwrap_or_default();
        let is_in_the_way = |subnet: &SubnetRecord| {
            let of_subnet = subnet.bounds.whole();
            let is_around = subnet.container && of_subnet.first <= span.first && span.last <= of_subnet.last;
            let is_allocated =
                || allocated.iter().any(|prefix| prefix.first <= of_subnet.first && of_subnet.last <= prefix.last);
            of_subnet.common(span).is_some() && !is_around && !is_allocated()
        };
        let scope = self.scope(scope)?;
        match self.subnets_in(&scope)?.into_iter().find(is_in_the_way) {
            None => Ok(()),
            Some(subnet) => Err(StoreError::Overlap {
                what,
                other: format!("subnet {subnet}"),
                advice: "a pool holds only subnets in prefixes that are allocated from it",
            }),
        }
    }

    fn scope(&self, scope: i64) -> Result<Scope> {
        let name: Option<GroupName> =
            self.connection.row("SELECT name FROM ipam_group WHERE id = ?1", values![scope], |row| row.get(0))?;
        Ok(Scope::from(name))
    }

    /// A subnet in a pool lies in a prefix that is allocated from it, which is kept so until the transaction ends.
    ///
    /// # Errors
    /// [`Overlap`](StoreError::Overlap) with the pool.
    pub(crate) fn must_not_be_in_free_space(
        &self,
        group: Option<i64>,
        (bounds, container): (Bounds, bool),
        title: &str,
    ) -> Result<()> {
        let span = bounds.whole();
        for (pool, plan_id, plan) in self.pools_at(group.unwrap_or(0), span)? {
            self.lock_plan(plan_id)?;
            let of_pool = Span::from((pool.prefix.network(), pool.prefix.last()));
            if container && span.first <= of_pool.first && of_pool.last <= span.last {
                continue;
            }
            let around = allocations::span_at(self.connection, &pool, span.first)?;
            if around.is_none_or(|prefix| prefix.last < span.last) {
                return Err(StoreError::Overlap {
                    what: format!("Subnet {title}"),
                    other: format!("pool {} of plan '{plan}'", pool.prefix),
                    advice: "allocate a prefix from the plan, and make that a subnet",
                });
            }
        }
        Ok(())
    }

    /// Changes a plan. What is allocated stays as it is, whatever sizes and labels there are from now on.
    ///
    /// # Errors
    /// [`NoPlan`](StoreError::NoPlan), [`NoPool`](StoreError::NoPool), [`PoolInUse`](StoreError::PoolInUse) when what is
    /// allocated lies outside of a pool's new prefix, and those of [`add_plan`](Self::add_plan).
    pub fn edit_plan(&self, id: i64, edit: PlanEdit) -> Result<PlanRecord> {
        self.lock_subnets()?;
        let old = self.lock_plan(id)?;
        let group = self.group_id(old.group.as_ref())?;
        let scope = group.unwrap_or(0);
        let mut pools: Vec<NewPool> = old.pools.iter().map(PoolRecord::as_new).collect();
        for (name, prefix) in edit.pools {
            match pools.iter_mut().find(|pool| pool.name == name) {
                Some(pool) => pool.prefix = prefix,
                None => return Err(StoreError::NoPool { plan: old.title(), pool: name }),
            }
        }
        let new = NewPlan {
            group: old.group.clone(),
            name: edit.name.unwrap_or_else(|| old.name.clone()),
            description: edit.description.unwrap_or_else(|| old.description.clone()),
            sizes: edit.sizes.unwrap_or(old.sizes),
            labels: edit.labels.unwrap_or_else(|| old.labels.clone()),
            pools,
            attributes: old.attributes.clone().edited(edit.attributes),
        };
        must_be_possible(&new)?;
        self.must_be_new(scope, new.group.as_ref(), &new.name, id)?;
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::Plan, old.public_id, external_id.as_ref())?;
        let update = "UPDATE prefix_plan
             SET name = ?2, description = ?3, shortest = ?4, longest = ?5, kept_back = ?6, hosts_at_most = ?7, labels = ?8,
                 owner = ?9, external_id = ?10, tags = ?11, metadata = ?12, updated_at = ?13
             WHERE id = ?1";
        let labels = new.labels.json();
        let values = values![
            id,
            &new.name,
            &new.description,
            new.sizes.shortest,
            new.sizes.longest,
            i64::from(new.sizes.kept_back),
            new.sizes.hosts_at_most.map(u64::cast_signed),
            &labels,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            self.now,
        ];
        self.connection.execute(update, values)?;
        for (pool, new_pool) in old.pools.iter().zip(&new.pools) {
            if pool.prefix != new_pool.prefix {
                self.resize(pool, new_pool.prefix, scope, &old)?;
            }
        }
        self.plan_by_id(id)
    }

    fn resize(&self, pool: &PoolRecord, prefix: Prefix, scope: i64, plan: &PlanRecord) -> Result<()> {
        let span = Span::from((prefix.network(), prefix.last()));
        let allocated = allocations::spans(self.connection, pool)?;
        let outside = allocated.iter().find(|one| one.first < span.first || span.last < one.last);
        if let Some(outside) = outside {
            return Err(StoreError::PoolInUse {
                pool: pool.name.clone(),
                plan: plan.title(),
                prefix: prefix.to_string(),
                at: outside.first.address(),
            });
        }
        let what = format!("Pool {}", titled(&prefix.into(), plan.group.as_ref()));
        self.must_be_alone(scope, what, span, Some(pool))?;
        let update = "UPDATE plan_pool SET network = ?2, length = ?3, last = ?4 WHERE id = ?1";
        self.connection.execute(update, values![pool.id, span.first, prefix.length(), span.last])?;
        blocks::rebuild(self.connection, &PoolRecord { prefix, ..pool.clone() }, &allocated)
    }

    /// Deletes a plan with its pools.
    ///
    /// # Errors
    /// [`NoPlan`](StoreError::NoPlan), and [`NotEmpty`](StoreError::NotEmpty) when it has allocations that must not be
    /// released with it, or subnets lie in them.
    pub fn delete_plan(&self, id: i64, contents: Contents) -> Result<()> {
        let plan = self.lock_plan(id)?;
        let allocations = self.plan_allocation_count(id, None)?;
        if contents == Contents::MustBeEmpty && allocations > 0 {
            let what = format!("Plan {}", plan.title());
            return Err(StoreError::NotEmpty { what, holds: format!("allocations ({allocations})") });
        }
        plan.pools.iter().try_for_each(|pool| self.must_hold_no_subnet(&plan, pool, None))?;
        self.connection.execute("DELETE FROM plan_allocation WHERE plan_id = ?1", values![id])?;
        self.connection.execute("DELETE FROM prefix_plan WHERE id = ?1", values![id]).map(drop)
    }
}

impl PoolRecord {
    /// The same, as it would be added.
    pub(crate) fn as_new(&self) -> NewPool {
        NewPool { name: self.name.clone(), prefix: self.prefix, shift: self.shift }
    }
}
