//! A store that version 1 has made, and the commands of this version: migrated wholly or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipam_store::Store;
use rusqlite::Connection;

use crate::site::{Site, run};

/// Enough that the migration takes longer than the start of a command.
const ROWS: u32 = 20_000;

/// How often the migration is killed.
const ROUNDS: u32 = 24;

const TABLES: &str = include_str!("../../providers/internal/store/src/engine/sqlite/schema/version_1.sql");

/// A site whose store was made by version 1.
fn site() -> Site {
    let site = Site::new();
    let store = Connection::open(site.store()).expect("a database");
    store.execute_batch("PRAGMA journal_mode = WAL; BEGIN").expect("a database");
    store.execute_batch(TABLES).expect("the tables");
    let last = 0x0a00_0000 + ROWS;
    store
        .execute_batch(&format!(
            "INSERT INTO ipam_group VALUES (3, 'A', 'first');
             INSERT INTO subnet (id, group_id, network, length, last, description, pool, container) VALUES
                 (5, 3, x'00000000000000000000ffff0a000000', 8, x'00000000000000000000ffff0affffff', '', 0, 0);
             INSERT INTO excluded_range VALUES
                 (5, x'00000000000000000000ffff0aff0000', x'00000000000000000000ffff0affffff', 'DHCP');
             INSERT INTO free_extent VALUES
                 (5, unhex(printf('00000000000000000000ffff%08x', {last} + 1)), x'00000000000000000000ffff0afeffff');
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {ROWS})
             INSERT INTO allocation
             SELECT 5, unhex(printf('00000000000000000000ffff%08x', 0x0a000000 + n)), NULL, 'h' || n, '', 'me',
                 1735689600 + n, 1735689600 + n FROM number;
             PRAGMA application_id = 0x4950414d; PRAGMA user_version = 1; COMMIT;"
        ))
        .expect("the rows");
    store.close().expect("closed");
    site
}

/// The copies of older formats.
fn copies(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.place("state")).expect("a directory");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(".format-") && !path.to_string_lossy().contains(".new-"));
    paths.sort();
    paths
}

fn format(path: &Path) -> i32 {
    let store = Connection::open(path).expect("a database");
    store.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a format")
}

/// What a store has, without the ids and times that the migration has given.
fn contents(path: &Path) -> Vec<String> {
    let store = Store::open(path).expect("a store");
    assert_eq!(store.verify().expect("a readable store"), []);
    let mut text = Vec::new();
    store.export(&mut text).expect("an export");
    let text = String::from_utf8(text).expect("UTF-8");
    let without_times = |row: &str| row.split(",20").next().unwrap_or(row).to_owned();
    text.lines().map(|row| if row.starts_with("address") { row.to_owned() } else { without_times(row) }).collect()
}

fn remove_all_beside(site: &Site) {
    for entry in fs::read_dir(site.place("state")).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path != site.store() {
            fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn the_first_command_migrates_the_store_and_says_where_the_copy_is() {
    let site = site();
    let ran = site.run(&["group", "add", "B"]);
    let copy = site.text("state/ipam.sqlite.format-1");
    let said = format!(
        "foreman-ipam-proxy: warning: the address store {} has a new format now, which older versions refuse; {copy} is a \
         copy of what it was\n",
        site.store().display()
    );
    assert_eq!((ran.code, ran.err), (0, said));
    assert_eq!(format(Path::new(&copy)), 1);
    assert!(site.ok(&["group", "list"]).contains('B'));
    site.ok(&["store", "verify"]);
    assert_eq!(copies(&site).len(), 1);
    // As an older version finds a store of a newer one.
    Connection::open(site.store()).and_then(|raw| raw.pragma_update(None, "user_version", 4)).expect("a format");
    let refused = site.refused(&["group", "list"]);
    assert!(
        refused.ends_with("has format 4, but this version knows no format after 3; install the newer version again"),
        "{refused}"
    );
}

#[test]
fn check_does_not_migrate() {
    let site = site();
    let ran = site.run(&["check"]);
    assert_eq!(format(&site.store()), 1, "{ran:?}");
    assert!(copies(&site).is_empty());
}

#[test]
fn a_migration_that_is_killed_leaves_the_old_store_or_the_new_one() {
    let site = site();
    let seed = fs::read(site.store()).expect("a store");
    let begun = Instant::now();
    assert_eq!(site.run(&["group", "list"]).code, 0);
    let whole = begun.elapsed();
    let right = contents(&site.store());
    assert_eq!(right.len(), ROWS as usize + 4);
    let (mut old, mut new) = (0, 0);
    for round in 0..ROUNDS {
        remove_all_beside(&site);
        fs::write(site.store(), &seed).expect("written");
        let mut command = site.command(&["group", "list"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        wait(whole.mul_f64(f64::from(round + 1) / f64::from(ROUNDS)));
        child.kill().expect("killed");
        child.wait().expect("its end");
        match format(&site.store()) {
            1 => old += 1,
            3 => new += 1,
            other => panic!("format {other}"),
        }
        for copy in copies(&site) {
            assert_eq!(format(&copy), 1, "a copy is whole once it has its name");
        }
        assert!(contents(&site.store()) == right, "round {round}");
        assert!(!copies(&site).is_empty());
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new");
}

#[expect(clippy::disallowed_methods, reason = "the moment of a kill is a time, and the test has a thread of its own")]
fn wait(time: Duration) {
    thread::sleep(time);
}

#[test]
fn commands_that_start_at_once_migrate_once_and_are_all_done() {
    let site = site();
    let site = &site;
    let warnings = thread::scope(|scope| {
        let commands: Vec<_> =
            (0..6).map(|number| scope.spawn(move || site.run(&["group", "add", &format!("new {number}")]))).collect();
        let ran = commands.into_iter().map(|command| command.join().expect("no panic"));
        ran.map(|ran| {
            assert_eq!(ran.code, 0, "{ran:?}");
            u32::from(!ran.err.is_empty())
        })
        .sum::<u32>()
    });
    assert_eq!((warnings, copies(site).len()), (1, 1));
    assert_eq!(contents(&site.store()).len(), ROWS as usize + 4 + 6);
}

#[test]
fn a_full_disk_leaves_the_old_store_as_it_was() {
    let site = site();
    let length = fs::metadata(site.store()).expect("a file").len();
    // No file may be larger: first there is no room for the copy, then none for the new tables.
    for limit in [length / 2, length + length / 8] {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", limit / 512)).arg("sh");
        let command = site.command(&["group", "list"]);
        shell.arg(command.get_program()).args(command.get_args());
        let ran = run(shell, "");
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("could not be brought from format 1 to format 3, and is as it was"), "{ran:?}");
        assert_eq!(format(&site.store()), 1);
        assert!(copies(&site).is_empty(), "{ran:?}");
    }
    assert_eq!(contents(&site.store()).len(), ROWS as usize + 4);
}
