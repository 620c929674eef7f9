//! `kill -9` in the middle of commands that take long: what they were to do is done wholly or not at all.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ipam_provider::database::Database;
use ipam_simulators::postgres::Server;
use ipam_store::Store;

use crate::site::{Site, is_there, run};

/// How often each command is killed, unless `FAULTS_KILL_ROUNDS` says otherwise.
const ROUNDS: u32 = 34;

/// Enough that each command has something to do for longer than it takes to start.
const ROWS: u32 = 4000;

fn rounds() -> u32 {
    env::var("FAULTS_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
}

/// Addresses of 10.0.0.0/8, the subnet first.
fn csv(second: u8) -> String {
    let rows = (0..ROWS).map(|row| format!("address,10.{second}.0.0/16,10.{second}.{}.{}\n", row / 250, row % 250 + 1));
    format!("kind,prefix,address\nsubnet,10.{second}.0.0/16,\n{}", rows.collect::<String>())
}

#[expect(clippy::disallowed_methods, reason = "the moment of a kill is a time, and the test has a thread of its own")]
fn wait(time: Duration) {
    thread::sleep(time);
}

/// Runs a command again and again and kills it, at moments that are spread over the time that it takes. `check` looks at
/// what it has left, and prepares the next round.
fn kill_in_the_middle(mut command: impl FnMut() -> Command, mut check: impl FnMut()) {
    let begun = Instant::now();
    let ran = run(command(), "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let whole = begun.elapsed();
    check();
    let rounds = rounds();
    for round in 0..rounds {
        let mut child = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        wait(whole.mul_f64(f64::from(round + 1) / f64::from(rounds)));
        child.kill().expect("killed");
        child.wait().expect("its end");
        check();
    }
}

/// What a store has, which must be in order.
fn contents(path: &Path) -> String {
    contents_of(&Store::open(path).expect("a store"))
}

fn contents_of(store: &Store) -> String {
    assert_eq!(store.verify().expect("a readable store"), []);
    let mut text = Vec::new();
    store.export(&mut text).expect("an export");
    String::from_utf8(text).expect("UTF-8")
}

/// What is in the directory beside the store itself: nothing but what was on its way to become a store.
fn drafts(site: &Site, of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.place("state")).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut left: Vec<PathBuf> = paths.filter(|path| !path.ends_with("ipam.sqlite") && !path.ends_with(of)).collect();
    left.retain(|path| !path.ends_with("ipam.sqlite-wal") && !path.ends_with("ipam.sqlite-shm"));
    for path in &left {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(name.starts_with(&format!("{of}.new-")), "{name}");
    }
    left
}

#[test]
fn an_import_is_there_wholly_or_not_at_all() {
    let site = Site::with("kind,prefix\nsubnet,192.0.2.0/24\n");
    site.write("many.csv", &csv(1));
    let (before, seed) = (contents(&site.store()), fs::read(site.store()).expect("a store"));
    let lines = before.lines().count();
    let (mut done, mut undone) = (0, 0);
    kill_in_the_middle(
        || site.command(&["import", &site.text("many.csv")]),
        || {
            let after = contents(&site.store());
            match after.lines().count() - lines {
                0 => undone += 1,
                added => {
                    assert_eq!(added, ROWS as usize + 1);
                    done += 1;
                }
            }
            assert!(drafts(&site, "ipam.sqlite").is_empty());
            for beside in ["state/ipam.sqlite-wal", "state/ipam.sqlite-shm"] {
                // They are there when the last one who had the store open was killed.
                let _ = fs::remove_file(site.place(beside));
            }
            fs::write(site.store(), &seed).expect("written");
        },
    );
    assert!(done > 0 && undone > 0, "{done} done, {undone} not");
}

#[test]
fn a_new_store_a_copy_and_a_backup_are_there_wholly_or_not_at_all() {
    let site = Site::with(&csv(1));
    let right = contents(&site.store());
    site.write("all.csv", &right);
    let new = site.text("state/new.sqlite");
    for arguments in [
        &["store", "copy", "--to", &new][..],
        &["store", "backup", &new],
        &["import", &site.text("all.csv"), "--store", &new],
    ] {
        kill_in_the_middle(
            || site.command(arguments),
            || {
                if is_there(Path::new(&new)) {
                    assert!(contents(Path::new(&new)) == right, "{arguments:?}: it is not whole");
                    fs::remove_file(&new).expect("removed");
                }
                for draft in drafts(&site, "new.sqlite") {
                    fs::remove_file(draft).expect("removed");
                }
                assert!(contents(&site.store()) == right, "{arguments:?}: what was copied has changed");
            },
        );
    }
}

#[test]
fn a_copy_in_a_database_is_there_wholly_or_not_at_all() {
    let Some(server) = Server::start() else { return };
    let site = Site::with(&csv(1));
    let right = contents(&site.store());
    let database = Database::new(&server.url(), None, Duration::from_secs(20)).expect("a right URL");
    let (mut done, mut undone) = (0, 0);
    kill_in_the_middle(
        || site.command(&["store", "copy", "--to", &server.url()]),
        || {
            // Its tables may be there, or not; so may its transaction, for a moment.
            let copy = Store::open_database(&database).expect("a store");
            let copied = contents_of(&copy);
            if copied == right {
                done += 1;
            } else {
                assert_eq!(copied.lines().count(), 1, "it is neither whole nor empty");
                undone += 1;
            }
            drop(copy);
            let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                          WHERE datname = 'ipam' AND pid <> pg_backend_pid()";
            server.sql("postgres", others);
            server.sql("ipam", "DROP SCHEMA ipam_store CASCADE; DROP TABLE public.ipam_proxy_schema");
        },
    );
    assert!(done > 0 && undone > 0, "{done} done, {undone} not");
}
