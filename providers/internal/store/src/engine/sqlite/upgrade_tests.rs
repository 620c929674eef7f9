//! Stores of older versions: brought to the format of this one with all they have, or left as they were.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::Connection;

use super::file;
use crate::engine::STORE;
use crate::tests::{group, ip, message, prefix};
use crate::{Scope, Store, StoreError};

/// Makes a store as version 1 did, with one of everything and more.
fn version_1(path: &Path) -> Connection {
    let store = Connection::open(path).expect("a database");
    store.execute_batch("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; BEGIN;").expect("a database");
    store.execute_batch(include_str!("schema/version_1.sql")).expect("the tables");
    store.execute_batch(include_str!("schema/version_1_rows.sql")).expect("the rows");
    store.pragma_update(None, "application_id", STORE.file.application_id).expect("a pragma");
    store.pragma_update(None, "user_version", 1).expect("a pragma");
    store.execute_batch("COMMIT").expect("a commit");
    store
}

struct Old {
    directory: tempfile::TempDir,
    path: PathBuf,
}

fn old() -> Old {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    version_1(&path).close().expect("closed");
    Old { directory, path }
}

impl Old {
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("a directory");
        let name = |entry: Result<fs::DirEntry, _>| entry.expect("an entry").file_name().into_string().expect("text");
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    fn is_version_1(&self) -> bool {
        let store = Connection::open(&self.path).expect("a database");
        let version: i32 = store.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
        let rows: i64 = store.query_row("SELECT count(*) FROM allocation", [], |row| row.get(0)).expect("a count");
        version == 1 && rows == 7
    }
}

/// What version 1 exported of these rows.
const EXPORT: &str = include_str!("schema/version_1_export.csv");

fn export(store: &Store) -> String {
    let mut text = Vec::new();
    store.export(&mut text).expect("an export");
    String::from_utf8(text).expect("UTF-8")
}

#[test]
fn everything_of_a_store_of_version_1_is_there_in_the_new_format() {
    let old = old();
    let mut store = Store::open(&old.path).expect("a store");
    assert_eq!(store.verify().expect("a readable store"), []);
    let text = export(&store);
    // Before the columns that are new. Groups, subnets and ranges had no times.
    let rows: Vec<(&str, &str)> = EXPORT.lines().zip(text.lines()).collect();
    assert_eq!(EXPORT.lines().count(), text.lines().count());
    for (before, now) in rows {
        let (before, is_address) = (before.trim_end_matches(','), before.starts_with("address"));
        assert!(now.starts_with(before), "{before}\n{now}");
        let cells = now[before.len()..].trim_matches(',').split(',').collect::<Vec<_>>();
        let id = cells.last().expect("an id");
        assert!(
            now.starts_with("kind") || (id.len() == 24 && is_address == (cells.len() == 1)) || now.contains("10.0.1.1"),
            "{now}"
        );
    }
    // Deleted ids stay used.
    let added = store.write(|writing| writing.add_group(&group("new"), "")).expect("a group");
    assert_eq!(added.id, 10);
    // Times that an import has set.
    let subnet = store.read(|reading| reading.one_subnet(prefix("10.0.1.0/24"), &Scope::Global)).expect("a subnet");
    assert_eq!(subnet.gateway, Some(ip("10.0.1.1")), "what was excluded as the gateway");
    let ids = ["10.0.1.5", "10.0.1.6", "10.0.1.7"].map(|address| {
        store.read(|reading| reading.address(subnet.id, ip(address))).expect("an address").public_id.to_string()
    });
    assert!(
        ids[0].starts_with("00000000") && ids[1].starts_with("677485") && ids[2].starts_with("ffffffff"),
        "{ids:?}"
    );
}

#[test]
fn a_store_of_version_2_gets_plans_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    let old = Connection::open(&path).expect("a database");
    old.execute_batch("PRAGMA journal_mode = WAL; BEGIN;").expect("a database");
    old.execute_batch(include_str!("schema/version_2.sql")).expect("the tables");
    old.execute_batch(
        "INSERT INTO ipam_group VALUES (7, 'a', '', x'000000000000000000000001', '', NULL, '', '{}', 1, 1); COMMIT;",
    )
    .expect("a group");
    old.pragma_update(None, "application_id", STORE.file.application_id).expect("a pragma");
    old.pragma_update(None, "user_version", 2).expect("a pragma");
    old.close().expect("closed");
    let store = Store::open(&path).expect("a store");
    assert_eq!(store.groups().expect("groups").len(), 1);
    assert!(store.read(|reading| reading.plans_in(&Scope::Anywhere)).expect("plans").is_empty());
    assert_eq!(store.verify().expect("a readable store"), []);
    assert!(directory.path().join("ipam.sqlite.format-2").exists());
}

#[test]
fn the_new_format_is_that_of_a_new_store() {
    let old = old();
    drop(Store::open(&old.path).expect("a store"));
    let new = old.path.with_file_name("new.sqlite");
    drop(Store::open_or_create(&new).expect("a store"));
    let schema = |path: &Path| -> Vec<(String, String)> {
        let store = Connection::open(path).expect("a database");
        let mut all =
            store.prepare("SELECT name, ifnull(sql, '') FROM sqlite_schema ORDER BY name, sql").expect("a statement");
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    };
    assert_eq!(schema(&old.path), schema(&new));
}

#[test]
fn a_copy_of_the_old_store_stays_beside_it_and_no_file_is_replaced() {
    let old = old();
    let taken = old.path.with_file_name("ipam.sqlite.format-1");
    fs::write(&taken, "mine").expect("a file");
    let text = export(&Store::open(&old.path).expect("a store"));
    assert_eq!(old.names(), ["ipam.sqlite", "ipam.sqlite.format-1", "ipam.sqlite.format-1-2"]);
    assert_eq!(fs::read_to_string(&taken).expect("a file"), "mine");
    drop(Store::open(&old.path).expect("a store"));
    assert_eq!(old.names().len(), 3, "it is done once");
    // The copy is what it was: in its place, it is migrated to the same.
    fs::rename(old.path.with_file_name("ipam.sqlite.format-1-2"), &old.path).expect("renamed");
    assert!(old.is_version_1());
    let again = export(&Store::open(&old.path).expect("a store"));
    let without_times = |text: &str| -> Vec<String> {
        text.lines().map(|row| row.split(",20").next().unwrap_or(row).to_owned()).collect()
    };
    assert_eq!(without_times(&again), without_times(&text));
}

#[test]
fn many_who_open_an_old_store_at_once_migrate_it_once() {
    let old = old();
    thread::scope(|scope| {
        for number in 0..8 {
            let path = &old.path;
            scope.spawn(move || {
                let mut store = Store::open(path).expect("a store");
                store.write(|writing| writing.add_group(&group(&format!("new {number}")), "")).expect("a group");
            });
        }
    });
    assert_eq!(old.names(), ["ipam.sqlite", "ipam.sqlite.format-1"]);
    let store = Store::open(&old.path).expect("a store");
    assert_eq!(store.groups().expect("groups").len(), 3 + 8);
    assert_eq!(store.verify().expect("a readable store"), []);
}

#[test]
fn what_cannot_be_migrated_stays_as_it_was_and_the_text_says_why() {
    let old = old();
    // No command of version 1 leaves such a row.
    let damaged = Connection::open(&old.path).expect("a database");
    damaged
        .execute_batch(
            "PRAGMA foreign_keys = OFF; DROP TRIGGER range_added;
             INSERT INTO excluded_range VALUES (77, x'00000000000000000000ffff0a000105', x'00000000000000000000ffff0a000105', '')",
        )
        .expect("a damage");
    drop(damaged);
    let error = Store::open(&old.path).expect_err("a refusal");
    assert!(matches!(&error, StoreError::Migration { from: 1, to: 3, .. }), "{error:?}");
    assert!(error.to_string().ends_with("could not be brought from format 1 to format 3, and is as it was"), "{error}");
    assert!(old.is_version_1());
    assert_eq!(old.names(), ["ipam.sqlite"], "nothing is left beside it");
}

#[test]
fn a_directory_that_takes_no_copy_leaves_the_store_as_it_was() {
    let old = old();
    // A name that is too long once more is added to it.
    let long = old.path.with_file_name(format!("{}.sqlite", "x".repeat(240)));
    fs::rename(&old.path, &long).expect("renamed");
    let outcome = Store::open(&long);
    assert!(message(outcome).contains("is as it was"));
    fs::rename(&long, &old.path).expect("renamed");
    assert!(old.is_version_1());
}

#[test]
fn an_old_store_is_not_touched_where_nothing_may_be_created() {
    let old = old();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let store = crate::SharedStore::open_or_stand_in(&old.path).expect("a stand-in");
    let groups = runtime.block_on(store.read(|reading| Ok(reading.groups()?.len()))).expect("a stand-in");
    drop(store);
    assert_eq!(groups, 0);
    assert!(old.is_version_1());
    assert!(!old.names().iter().any(|name| name.contains("format")));
}

#[test]
fn a_format_without_a_number_is_no_store() {
    let old = old();
    Connection::open(&old.path).and_then(|raw| raw.pragma_update(None, "user_version", 0)).expect("a pragma");
    assert!(matches!(file::open(&old.path, &STORE, file::Access::Read), Err(StoreError::NotAStore(_))));
}
