//! Groups.

use ipam_provider::GroupName;

use crate::attributes::{Common, Noun, Stamp, common};
use crate::connection::Row;
use crate::value::values;
use crate::{
    Attributes, Contents, GroupEdit, GroupRecord, NewGroup, PublicId, Reading, Result, Scope, StoreError, Writing,
};

/// A question for the columns that [`record`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, description, ", common!("ipam_group"), " FROM ipam_group ", $rest)
    };
}

fn record(row: &dyn Row) -> Result<GroupRecord> {
    let Common { public_id, attributes, created_at, updated_at } = Common::read(row, 3)?;
    Ok(GroupRecord {
        id: row.get(0)?,
        public_id,
        name: row.get(1)?,
        description: row.get(2)?,
        attributes,
        created_at,
        updated_at,
    })
}

impl Reading<'_> {
    /// All groups, by name.
    pub fn groups(&self) -> Result<Vec<GroupRecord>> {
        self.connection.rows(select!("ORDER BY name"), &[], record)
    }

    /// The group of exactly this name.
    pub fn find_group(&self, name: &GroupName) -> Result<Option<GroupRecord>> {
        self.connection.row(select!("WHERE name = ?1"), values![name], record)
    }

    /// The group with this id.
    pub fn find_group_with(&self, id: PublicId) -> Result<Option<GroupRecord>> {
        self.connection.row(select!("WHERE public_id = ?1"), values![&id], record)
    }

    /// The group of exactly this name.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup) when there is none.
    pub fn group(&self, name: &GroupName) -> Result<GroupRecord> {
        self.find_group(name)?.ok_or_else(|| StoreError::NoGroup(name.clone()))
    }

    /// The id of a group, or `None` for the global table.
    pub(crate) fn group_id(&self, name: Option<&GroupName>) -> Result<Option<i64>> {
        name.map(|name| self.group(name).map(|group| group.id)).transpose()
    }
}

impl Writing<'_> {
    /// Adds a group without attributes.
    ///
    /// # Errors
    /// Those of [`add_group_with`](Self::add_group_with).
    pub fn add_group(&self, name: &GroupName, description: &str) -> Result<GroupRecord> {
        let (name, description) = (name.clone(), description.to_owned());
        self.add_group_with(&NewGroup { name, description, attributes: Attributes::default() })
    }

    /// Adds a group.
    ///
    /// # Errors
    /// [`GroupExists`](StoreError::GroupExists) when the name is taken, and
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn add_group_with(&self, new: &NewGroup) -> Result<GroupRecord> {
        self.insert_group(new, self.stamp())
    }

    /// Adds a group with this id and these times.
    pub(crate) fn insert_group(&self, new: &NewGroup, stamp: Stamp) -> Result<GroupRecord> {
        self.lock_subnets()?;
        if self.find_group(&new.name)?.is_some() {
            return Err(StoreError::GroupExists(new.name.clone()));
        }
        let Attributes { owner, external_id, tags, metadata } = &new.attributes;
        self.must_be_only(Noun::Group, stamp.public_id, external_id.as_ref())?;
        let insert = "INSERT INTO ipam_group
                 (name, description, public_id, owner, external_id, tags, metadata, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let values = values![
            &new.name,
            &new.description,
            &stamp.public_id,
            owner,
            external_id.as_ref(),
            tags,
            metadata,
            stamp.created_at,
            stamp.updated_at,
        ];
        self.connection.execute(insert, values)?;
        self.group(&new.name)
    }

    /// Renames a group or changes what is recorded of it.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), [`GroupExists`](StoreError::GroupExists) and
    /// [`ExternalIdTaken`](StoreError::ExternalIdTaken).
    pub fn edit_group(&self, name: &GroupName, edit: GroupEdit) -> Result<GroupRecord> {
        self.lock_subnets()?;
        let group = self.group(name)?;
        let new_name = edit.name.unwrap_or(group.name);
        if self.find_group(&new_name)?.is_some_and(|other| other.id != group.id) {
            return Err(StoreError::GroupExists(new_name));
        }
        let description = edit.description.unwrap_or(group.description);
        let Attributes { owner, external_id, tags, metadata } = &group.attributes.edited(edit.attributes);
        self.must_be_only(Noun::Group, group.public_id, external_id.as_ref())?;
        let update = "UPDATE ipam_group
             SET name = ?2, description = ?3, owner = ?4, external_id = ?5, tags = ?6, metadata = ?7, updated_at = ?8
             WHERE id = ?1";
        let values = values![group.id, &new_name, &description, owner, external_id.as_ref(), tags, metadata, self.now];
        self.connection.execute(update, values)?;
        self.group(&new_name)
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), and [`NotEmpty`](StoreError::NotEmpty) when it holds subnets or plans that must not
    /// be deleted with it.
    pub fn delete_group(&self, name: &GroupName, contents: Contents) -> Result<()> {
        self.lock_subnets()?;
        let group = self.group(name)?;
        let scope = Scope::Group(name.clone());
        let (subnets, plans) = (self.subnets_in(&scope)?, self.plans_in(&scope)?);
        if contents == Contents::MustBeEmpty && !(subnets.is_empty() && plans.is_empty()) {
            let numbers = [("subnets", subnets.len()), ("plans", plans.len())];
            let held: Vec<String> =
                numbers.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} ({n})")).collect();
            let holds = held.join(" and ");
            return Err(StoreError::NotEmpty { what: format!("Group '{name}'"), holds });
        }
        for subnet in subnets {
            self.lock_subnet(subnet.id)?;
            self.remove_subnet(subnet.id)?;
        }
        for plan in plans {
            self.delete_plan(plan.id, contents)?;
        }
        self.connection.execute("DELETE FROM ipam_group WHERE id = ?1", values![group.id]).map(drop)
    }
}
