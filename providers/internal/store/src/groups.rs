//! Groups.

use ipam_provider::GroupName;

use crate::connection::Row;
use crate::value::values;
use crate::{Contents, GroupEdit, GroupRecord, Reading, Result, StoreError, Writing};

fn record(row: &dyn Row) -> Result<GroupRecord> {
    Ok(GroupRecord { id: row.get(0)?, name: row.get(1)?, description: row.get(2)? })
}

impl Reading<'_> {
    /// All groups, by name.
    pub fn groups(&self) -> Result<Vec<GroupRecord>> {
        self.connection.rows("SELECT id, name, description FROM ipam_group ORDER BY name", &[], record)
    }

    /// The group of exactly this name.
    pub fn find_group(&self, name: &GroupName) -> Result<Option<GroupRecord>> {
        self.connection.row("SELECT id, name, description FROM ipam_group WHERE name = ?1", values![name], record)
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
    /// Adds a group.
    ///
    /// # Errors
    /// [`GroupExists`](StoreError::GroupExists) when the name is taken.
    pub fn add_group(&self, name: &GroupName, description: &str) -> Result<GroupRecord> {
        self.lock_subnets()?;
        if self.find_group(name)?.is_some() {
            return Err(StoreError::GroupExists(name.clone()));
        }
        let insert = "INSERT INTO ipam_group (name, description) VALUES (?1, ?2)";
        self.connection.execute(insert, values![name, description])?;
        self.group(name)
    }

    /// Renames a group or changes its description.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup) and [`GroupExists`](StoreError::GroupExists).
    pub fn edit_group(&self, name: &GroupName, edit: GroupEdit) -> Result<GroupRecord> {
        self.lock_subnets()?;
        let group = self.group(name)?;
        let new_name = edit.name.unwrap_or(group.name);
        if self.find_group(&new_name)?.is_some_and(|other| other.id != group.id) {
            return Err(StoreError::GroupExists(new_name));
        }
        let description = edit.description.unwrap_or(group.description);
        let update = "UPDATE ipam_group SET name = ?2, description = ?3 WHERE id = ?1";
        self.connection.execute(update, values![group.id, &new_name, &description])?;
        self.group(&new_name)
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), and [`NotEmpty`](StoreError::NotEmpty) when it holds subnets that must not be
    /// deleted with it.
    pub fn delete_group(&self, name: &GroupName, contents: Contents) -> Result<()> {
        self.lock_subnets()?;
        let group = self.group(name)?;
        let subnets = self.subnets_in(&Some(name.clone()).into())?;
        if contents == Contents::MustBeEmpty && !subnets.is_empty() {
            let holds = format!("subnets ({})", subnets.len());
            return Err(StoreError::NotEmpty { what: format!("Group '{name}'"), holds });
        }
        for subnet in subnets {
            self.lock_subnet(subnet.id)?;
            self.remove_subnet(subnet.id)?;
        }
        self.connection.execute("DELETE FROM ipam_group WHERE id = ?1", values![group.id]).map(drop)
    }
}
