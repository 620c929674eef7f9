//! What an engine has to know of the tables that it keeps: how they are made, and what tells them from those of others.

use ipam_provider::database::Tables;

/// The tables of one subject, for both engines.
#[derive(Debug)]
pub struct Schema {
    /// What log lines about them begin with.
    pub name: &'static str,
    /// In a file of SQLite.
    pub file: FileSchema,
    /// In PostgreSQL.
    pub database: DatabaseSchema,
}

/// Tables in a file of SQLite.
///
/// A format is a number. To change tables that were released, add a step.
#[derive(Debug)]
pub struct FileSchema {
    /// `PRAGMA application_id`: tells the file from any other SQLite file.
    pub application_id: i32,
    /// The oldest format that can be brought to the newest.
    pub oldest: i32,
    /// What makes the tables of the newest format.
    pub tables: &'static str,
    /// What leads from each format to the next, beginning with the oldest.
    pub steps: &'static [&'static [&'static str]],
    /// What a commit survives.
    pub durability: Durability,
}

impl FileSchema {
    /// `PRAGMA user_version` of the newest format.
    pub fn newest(&self) -> i32 {
        self.oldest + i32::try_from(self.steps.len()).expect("there are few formats")
    }

    /// Can the format be brought to the newest, and is it not the newest?
    pub(super) fn is_older(&self, format: i32) -> bool {
        (self.oldest..self.newest()).contains(&format)
    }
}

/// What a commit to a file survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: each commit waits for the disk.
    PowerCut,
    /// The end of the process, however sudden. A power cut may undo the last commits, and leaves the file whole.
    Kill,
}

/// Tables in a schema of PostgreSQL. One of them is `unit_of_work (token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT
/// now())`, which tells what became of a commit whose answer was lost.
#[derive(Debug)]
pub struct DatabaseSchema {
    /// The schema's name.
    pub name: &'static str,
    /// What makes the schema where there is none. The statements of each version that makes it begin with this.
    pub make: &'static str,
    /// The tables, by version.
    pub tables: Tables,
}

impl DatabaseSchema {
    /// The statements that make all tables in the schema of a connection's own tables.
    pub(super) fn stand_in(&self) -> String {
        self.tables.versions.concat().replace(self.make, "").replace(self.name, "pg_temp")
    }
}

/// What makes a schema of PostgreSQL that is not there. An administrator may have made it for a user that may not.
#[macro_export]
macro_rules! make_database_schema {
    ($name:literal) => {
        concat!(
            "DO $$ BEGIN
             IF to_regnamespace('",
            $name,
            "') IS NULL THEN CREATE SCHEMA ",
            $name,
            "; END IF;
         END $$;"
        )
    };
}
