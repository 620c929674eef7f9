//! Groups.

use ipam_provider::GroupName;
use rusqlite::{OptionalExtension, Row, params};

use super::{Contents, GroupEdit, GroupRecord, Reading, Result, StoreError, Writing};

fn record(row: &Row<'_>) -> rusqlite::Result<GroupRecord> {
    let name: String = row.get(1)?;
    let name = GroupName::new(name).expect("the table takes no empty name");
    Ok(GroupRecord { id: row.get(0)?, name, description: row.get(2)? })
}

impl Reading<'_> {
    /// All groups, by name.
    pub fn groups(&self) -> Result<Vec<GroupRecord>> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, name, description FROM ipam_group ORDER BY name")?;
        let groups = statement.query_map([], record)?.collect::<rusqlite::Result<_>>()?;
        Ok(groups)
    }

    /// The group of exactly this name.
    pub fn find_group(&self, name: &GroupName) -> Result<Option<GroupRecord>> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, name, description FROM ipam_group WHERE name = ?1")?;
        Ok(statement.query_row([name.as_str()], record).optional()?)
    }

    /// The group of exactly this name.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup) when there is none.
    pub fn group(&self, name: &GroupName) -> Result<GroupRecord> {
        self.find_group(name)?.ok_or_else(|| StoreError::NoGroup(name.clone()))
    }

    /// The id of a group, or `None` for the global table.
    pub(super) fn group_id(&self, name: Option<&GroupName>) -> Result<Option<i64>> {
        name.map(|name| self.group(name).map(|group| group.id)).transpose()
    }
}

impl Writing<'_> {
    /// Adds a group.
    ///
    /// # Errors
    /// [`GroupExists`](StoreError::GroupExists) when the name is taken.
    pub fn add_group(&self, name: &GroupName, description: &str) -> Result<GroupRecord> {
        if self.find_group(name)?.is_some() {
            return Err(StoreError::GroupExists(name.clone()));
        }
        self.connection
            .prepare_cached("INSERT INTO ipam_group (name, description) VALUES (?1, ?2)")?
            .execute(params![name.as_str(), description])?;
        self.group(name)
    }

    /// Renames a group or changes its description.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup) and [`GroupExists`](StoreError::GroupExists).
    pub fn edit_group(&self, name: &GroupName, edit: GroupEdit) -> Result<GroupRecord> {
        let group = self.group(name)?;
        let new_name = edit.name.unwrap_or(group.name);
        if self.find_group(&new_name)?.is_some_and(|other| other.id != group.id) {
            return Err(StoreError::GroupExists(new_name));
        }
        self.connection.execute(
            "UPDATE ipam_group SET name = ?2, description = ?3 WHERE id = ?1",
            params![group.id, new_name.as_str(), edit.description.unwrap_or(group.description)],
        )?;
        self.group(&new_name)
    }

    /// Deletes a group.
    ///
    /// # Errors
    /// [`NoGroup`](StoreError::NoGroup), and [`NotEmpty`](StoreError::NotEmpty) when it holds subnets that must not be
    /// deleted with it.
    pub fn delete_group(&self, name: &GroupName, contents: Contents) -> Result<()> {
        let group = self.group(name)?;
        let subnets = self.subnets_in(&Some(name.clone()).into())?;
        if contents == Contents::MustBeEmpty && !subnets.is_empty() {
            let holds = format!("subnets ({})", subnets.len());
            return Err(StoreError::NotEmpty { what: format!("Group '{name}'"), holds });
        }
        for subnet in subnets {
            self.remove_subnet(subnet.id)?;
        }
        self.connection.execute("DELETE FROM ipam_group WHERE id = ?1", [group.id])?;
        Ok(())
    }
}
