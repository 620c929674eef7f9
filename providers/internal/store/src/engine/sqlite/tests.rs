//! The file: created whole, private, refused when it is something else, copied while it is written.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use ipam_provider::AddressSet;
use rusqlite::{Connection, StatementStatus, params};

use super::file::{self, Access};
use super::testing::raw;
use crate::addresses;
use crate::engine::STORE;
use crate::key::Key;
use crate::tests::{Engine, Fixture, group, message};
use crate::{AddressDetails, Rows, Store, StoreError, Unseen, Writing};

#[test]
fn a_new_store_is_for_its_owner_only_and_leaves_nothing_beside_it() {
    let fixture = Fixture::on(Engine::Sqlite);
    let mode = fs::metadata(fixture.file()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(fixture.store);
    assert_eq!(names(fixture.directory.path()), ["ipam.sqlite"]);
}

#[test]
fn a_store_that_must_exist_is_not_created() {
    let fixture = Fixture::on(Engine::Sqlite);
    let absent = fixture.path("absent.sqlite");
    assert!(matches!(Store::open(&absent), Err(StoreError::Missing(path)) if path == absent));
    assert!(!absent.exists());
    let nowhere = fixture.path("no/such/directory/ipam.sqlite");
    assert!(matches!(Store::open_or_create(&nowhere), Err(StoreError::Io { .. })));
}

/// What is in the directory, by name.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
}

#[test]
fn a_store_is_created_only_by_a_change_that_succeeds() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    let failed = Store::write_or_create(&path, |writing| {
        writing.add_group(&group("a"), "")?;
        writing.add_group(&group("a"), "")
    });
    assert!(matches!(failed, Err(StoreError::GroupExists(_))));
    let import = |text: &str| {
        let rows = Rows::read(text.as_bytes(), None, &Unseen).expect("a header");
        Store::write_or_create(&path, |writing| writing.add_rows(&rows, &Unseen))
    };
    let failed = import("kind,group\ngroup,a\nhost,\n");
    assert!(matches!(failed, Err(StoreError::Import(_))));
    assert_eq!(names(directory.path()), [""; 0]);

    let imported = import("kind,group\ngroup,a\n");
    assert_eq!(imported.expect("an import").groups, 1);
    assert_eq!(names(directory.path()), ["ipam.sqlite"]);
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    Store::write_or_create(&path, |writing| writing.add_group(&group("b"), "")).expect("a group");
    let store = Store::open(&path).expect("a store");
    assert_eq!(store.groups().expect("groups").len(), 2);
    assert_eq!(store.verify().expect("a readable store"), []);
}

#[test]
fn a_store_that_another_process_creates_meanwhile_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    let outcome = Store::write_or_create(&path, |writing| {
        let mut faster = Store::open_or_create(&path)?;
        faster.write(|writing| writing.add_group(&group("faster"), ""))?;
        writing.add_group(&group("slower"), "")
    });
    assert!(matches!(outcome, Err(StoreError::JustCreated(existing)) if existing == path));
    let groups = Store::open(&path).and_then(|store| store.groups()).expect("groups");
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["faster"]);
    assert_eq!(names(directory.path()), ["ipam.sqlite"]);
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let fixture = Fixture::on(Engine::Sqlite);
    let long = "not a database ".repeat(100);
    for (name, content) in [("empty", ""), ("short", "text"), ("long", long.as_str())] {
        let path = fixture.path(name);
        fs::write(&path, content).expect("a file");
        assert!(matches!(Store::open_or_create(&path), Err(StoreError::NotAStore(_))), "{name}");
        assert_eq!(fs::read_to_string(&path).expect("a file"), content);
    }
    let other = fixture.path("other.sqlite");
    Connection::open(&other).and_then(|other| other.execute_batch("CREATE TABLE t (x)")).expect("another database");
    assert!(matches!(Store::open_or_create(&other), Err(StoreError::NotAStore(_))));
}

#[test]
fn a_link_is_refused_and_what_it_leads_to_is_left_alone() {
    let fixture = Fixture::on(Engine::Sqlite);
    let (link, nowhere) = (fixture.path("link.sqlite"), fixture.path("nowhere.sqlite"));
    symlink(fixture.file(), &link).expect("a link");
    symlink(fixture.path("nothing"), &nowhere).expect("a link");
    for path in [&link, &nowhere] {
        assert!(matches!(Store::open(path), Err(StoreError::Link(refused)) if refused == *path));
        assert!(matches!(Store::open_or_create(path), Err(StoreError::Link(_))));
        let change = Store::write_or_create(path, |writing| writing.add_group(&group("a"), ""));
        assert!(matches!(change, Err(StoreError::Link(_))));
        assert!(matches!(fixture.store.backup(path), Err(StoreError::FileExists(_))));
    }
    assert_eq!(fixture.store.groups().expect("groups"), []);
    assert!(!fixture.path("nothing").exists());
    // A link on the way there is the administrator's, not that of the directory's owner.
    let way = fixture.path("way");
    symlink(fixture.directory.path(), &way).expect("a link");
    Store::open(&way.join("ipam.sqlite")).expect("the same store");
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let fixture = Fixture::on(Engine::Sqlite);
    let newest = STORE.file.newest();
    raw(fixture.file()).pragma_update(None, "user_version", newest + 1).expect("a pragma");
    let text = message(Store::open_or_create(fixture.file()));
    let right = format!("has format {}, but this version knows no format after {newest}", newest + 1);
    assert!(text.contains(&right), "{text}");
}

#[test]
fn many_who_create_one_store_at_the_same_time_get_one_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ipam.sqlite");
    thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let mut store = Store::open_or_create(path).expect("a store");
                let name = group(&format!("group {number}"));
                store.write(|writing| writing.add_group(&name, "")).expect("a group");
            });
        }
    });
    let store = Store::open(&path).expect("a store");
    assert_eq!(store.groups().expect("groups").len(), 8);
}

#[test]
fn a_commit_is_synced_to_the_disk_and_the_log_is_written_ahead() {
    let fixture = Fixture::on(Engine::Sqlite);
    let raw = raw(fixture.file());
    let number = |pragma| raw.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).expect("a pragma");
    assert_eq!(number("synchronous"), 2, "FULL");
    assert_eq!(number("foreign_keys"), 1);
    assert_eq!(number("busy_timeout"), 5000);
    let mode: String = raw.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("a pragma");
    assert_eq!(mode, "wal");
}

#[test]
fn a_connection_for_reading_cannot_write() {
    let fixture = Fixture::on(Engine::Sqlite);
    let reader = file::open(fixture.file(), &STORE, Access::Read).expect("a connection");
    let refused = reader.execute("DELETE FROM ipam_group", []);
    assert_eq!(refused.expect_err("a refusal").sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
}

#[test]
fn a_backup_is_a_private_store_and_never_replaces_a_file() {
    let mut fixture = Fixture::on(Engine::Sqlite);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    let to = fixture.path("backup.sqlite");
    fixture.store.backup(&to).expect("a backup");
    assert_eq!(fs::metadata(&to).expect("a file").permissions().mode() & 0o777, 0o600);
    fixture.take(&subnet, "10.0.0.3").expect("an address");
    let backup = Store::open(&to).expect("a store");
    assert_eq!(backup.verify().expect("a readable store"), []);
    let free =
        backup.read(|reading| reading.free_addresses(subnet.id, 9, &AddressSet::default())).expect("free addresses");
    assert_eq!(free.len(), 5);
    assert!(matches!(fixture.store.backup(&to), Err(StoreError::FileExists(path)) if path == to));
    assert!(matches!(fixture.store.backup(fixture.file()), Err(StoreError::FileExists(_))));
}

#[test]
fn a_backup_while_others_write_is_consistent() {
    let mut fixture = Fixture::on(Engine::Sqlite);
    let subnet = fixture.subnet("10.0.0.0/16");
    let path = fixture.file().to_owned();
    let to: Vec<PathBuf> = (0..5).map(|number| fixture.path(&format!("backup-{number}"))).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..300 {
                let next = |writing: &Writing<'_>| writing.add_next_free(subnet.id, AddressDetails::default());
                fixture.store.write(next).expect("an address");
            }
        });
        for to in &to {
            Store::open(&path).and_then(|store| store.backup(to)).expect("a backup");
        }
    });
    for to in &to {
        assert_eq!(Store::open(to).expect("a store").verify().expect("a readable store"), []);
    }
}

#[test]
fn a_backup_of_a_damaged_store_is_refused_and_leaves_nothing() {
    let mut fixture = Fixture::on(Engine::Sqlite);
    let subnet = fixture.subnet("10.0.0.0/24");
    for last in 1..=200 {
        fixture.take(&subnet, &format!("10.0.0.{last}")).expect("an address");
    }
    let path = fixture.file().to_owned();
    let directory = fixture.directory;
    drop(fixture.store);
    let mut file = fs::read(&path).expect("a file");
    let page = file.len() - 4096;
    file[page..page + 64].fill(0xff);
    fs::write(&path, file).expect("written");
    let to = directory.path().join("backup.sqlite");
    let outcome = Store::open(&path).expect("a store").backup(&to);
    assert!(matches!(outcome, Err(StoreError::CopyDiffers(_))), "{outcome:?}");
    assert_eq!(names(directory.path()), ["ipam.sqlite"]);
}

#[test]
fn a_copy_is_a_private_file_and_leaves_nothing_when_it_is_refused() {
    let mut fixture = Fixture::on(Engine::Sqlite);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    let to = fixture.path("copy.sqlite");
    fixture.store.copy(&to, &Unseen).expect("a copy");
    assert_eq!(fs::metadata(&to).expect("a file").permissions().mode() & 0o777, 0o600);
    let before = fs::read(&to).expect("a file");
    assert!(matches!(fixture.store.copy(&to, &Unseen), Err(StoreError::NotNew)));
    assert!(matches!(fixture.store.copy(fixture.file(), &Unseen), Err(StoreError::NotNew)));
    assert!(fs::read(&to).expect("a file") == before, "its bytes have changed");
    // What cannot be right by the rules of an import is no copy.
    raw(fixture.file()).execute("UPDATE allocation SET hostname = 'two words'", []).expect("an update");
    let refused = fixture.path("refused.sqlite");
    assert!(matches!(fixture.store.copy(&refused, &Unseen), Err(StoreError::Import(_))));
    drop(fixture.store);
    let mut left = names(fixture.directory.path());
    left.sort();
    assert_eq!(left, ["copy.sqlite", "ipam.sqlite"]);
}

#[test]
fn what_killed_processes_have_left_is_removed_and_what_others_make_is_not() {
    let fixture = Fixture::on(Engine::Sqlite);
    let old = SystemTime::now() - Duration::from_secs(3600);
    for name in ["copy.sqlite.new-1-0", "copy.sqlite.new-2-0", "copy.sqlite.new-3-0", "other.sqlite.new-1-0"] {
        fixture.store.backup(&fixture.path(name)).expect("a backup");
        let is_young = name == "copy.sqlite.new-3-0";
        let changed = if is_young { SystemTime::now() } else { old };
        fs::File::options()
            .write(true)
            .open(fixture.path(name))
            .and_then(|file| file.set_modified(changed))
            .expect("a time");
    }
    fs::write(fixture.path("copy.sqlite.new-1-0-journal"), "").expect("a file");
    let used = Store::open(&fixture.path("copy.sqlite.new-2-0")).expect("a store");
    used.groups().expect("groups");
    fixture.store.backup(&fixture.path("copy.sqlite")).expect("a backup");
    used.groups().expect("groups");
    drop(used);
    drop(fixture.store);
    let mut left = names(fixture.directory.path());
    left.sort();
    let right = ["copy.sqlite", "copy.sqlite.new-2-0", "copy.sqlite.new-3-0", "ipam.sqlite", "other.sqlite.new-1-0"];
    assert_eq!(left, right);
}

/// A page of 100 records of a subnet with 100,000, wherever it begins.
#[test]
fn a_page_of_records_costs_the_same_at_the_end_of_a_list_as_at_its_beginning() {
    const RECORDS: u32 = 100_000;
    let mut fixture = Fixture::on(Engine::Sqlite);
    let subnet = fixture.subnet("10.0.0.0/8");
    let host = |number: u32| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0001 + 3 * number));
    let connection = raw(fixture.file());
    let insert =
        "INSERT INTO allocation (subnet_id, address, description, public_id, owner, tags, metadata, created_at,
             updated_at)
         VALUES (?1, ?2, '', ?3, '', '', '{}', 0, 0)";
    connection.execute_batch("BEGIN").expect("a transaction");
    let mut statement = connection.prepare(insert).expect("a statement");
    for number in 0..RECORDS {
        let mut id = [0; 12];
        id[..4].copy_from_slice(&number.to_be_bytes());
        statement.execute(params![subnet.id, Key::from(host(number)).bytes(), id]).expect("a free address");
    }
    drop(statement);
    connection.execute_batch("COMMIT").expect("a commit");

    // What the engine does for a page, counted by itself.
    let steps = |first: u32| {
        let mut page = connection.prepare(addresses::FROM).expect("a statement");
        let mut rows = page.query(params![subnet.id, Key::from(host(first)).bytes(), 101]).expect("a page");
        let mut count = 0;
        while rows.next().expect("a row").is_some() {
            count += 1;
        }
        drop(rows);
        let counted = |status| page.get_status(status);
        let of_all = [StatementStatus::FullscanStep, StatementStatus::Sort, StatementStatus::AutoIndex].map(counted);
        assert_eq!((count, of_all), (101, [0, 0, 0]), "from record {first}");
        counted(StatementStatus::VmStep)
    };
    let at_the_beginning = steps(0);
    assert!(at_the_beginning > 101);
    for first in [1, RECORDS / 2, RECORDS - 101] {
        assert_eq!(steps(first), at_the_beginning, "from record {first}");
    }

    let (mut listed, mut next) = (0, host(0));
    loop {
        let page = fixture.store.read(|reading| reading.addresses_from(subnet.id, next, 101)).expect("a page");
        listed += page.len().min(100);
        let Some(surplus) = page.get(100) else { break };
        next = surplus.address;
    }
    assert_eq!(listed, RECORDS as usize);
}
