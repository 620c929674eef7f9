//! A state directory that is missing, in use, damaged or full.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use rlimit::{Resource, prlimit};
use serde_json::json;

use crate::support::{
    Ended, Manager, Place, Process, Request, Response, SUBNET, Seed, Spawn, free_port, mac, next_ip, offered, target,
    trouble, until,
};

const JOURNAL: &str = "state/holds.journal";

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

/// Starts a proxy that is not going to serve.
fn fails_to_start(place: &Place) -> Ended {
    let ended = Spawn::of(place.command(&["serve"])).unready().ended();
    assert!(!ended.text.contains("Ready") && !ended.text.contains("Panic"), "{}", ended.text);
    ended
}

/// The ledger is tried again every few seconds.
fn no_trouble_soon(server: &Process) {
    until("nothing is wrong", || trouble(&server.foreman()).is_none().then_some(()));
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).expect("a file").write_all(bytes).expect("written");
}

/// Asks for this MAC as somebody who is told errors by status.
fn ask(server: &Process, number: usize) -> Response {
    server.curl().send(next_ip(&mac(number)))
}

#[test]
fn a_journal_with_a_torn_end_and_garbage_in_it_keeps_all_other_promises() {
    let place = place();
    let server = place.start();
    let promised: Vec<String> = (0..20).map(|number| offered(&ask(&server, number))).collect();
    server.kill();
    drop(server);

    let journal = place.path(JOURNAL);
    let good = fs::read_to_string(&journal).expect("text");
    let lines: Vec<&str> = good.lines().collect();
    assert!(lines.len() >= promised.len(), "{good}");
    let mut bad: Vec<u8> = b"\xff\xfe\x00\x01 no hold\n".to_vec();
    for (number, line) in lines.iter().enumerate() {
        bad.extend_from_slice(line.as_bytes());
        bad.push(b'\n');
        match number % 4 {
            0 => bad.extend_from_slice(b"{\"provider\":\"internal\",\"prefix\":\"10.0.0.0/33\"}\n"),
            1 => bad.extend_from_slice(&[b'x'; 100_000]),
            2 => bad.extend_from_slice(b"{}\n[]\nnull\n\0\n\n"),
            _ => {}
        }
        if number % 4 == 1 {
            bad.push(b'\n');
        }
    }
    fs::write(&journal, bad).expect("written");
    append(&journal, &lines[0].as_bytes()[..lines[0].len() / 2]);

    let server = place.start();
    server.wait_for("is no hold and passed over");
    server.wait_for("the last line is torn and dropped");
    server.wait_for("20 holds are live again");
    for (number, address) in promised.iter().enumerate() {
        assert_eq!(&offered(&ask(&server, number)), address);
    }
    let stranger = offered(&ask(&server, 1000));
    assert!(!promised.contains(&stranger), "{stranger}");
    server.assert_sound();
}

#[test]
fn a_journal_of_nothing_but_garbage_does_not_keep_the_proxy_from_starting() {
    let place = place();
    let mut garbage = Vec::new();
    for number in 0..50_000_u32 {
        garbage.extend_from_slice(&number.wrapping_mul(2_654_435_761).to_le_bytes());
    }
    fs::write(place.path(JOURNAL), garbage).expect("written");
    let server = place.start();
    let first = offered(&ask(&server, 1));
    assert_eq!(offered(&ask(&server, 1)), first);
    server.assert_sound();
}

#[test]
fn a_journal_that_was_being_written_anew_is_the_old_one() {
    let place = place();
    let server = place.start();
    let address = offered(&ask(&server, 1));
    server.kill();
    drop(server);
    fs::write(place.path("state/holds.journal.new"), "{\"provider\":\"inter").expect("written");
    let server = place.start();
    assert_eq!(offered(&ask(&server, 1)), address);
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    // Root may write into any directory, so these are none.
    let place = place();
    fs::write(place.path("file"), "").expect("written");
    for state in [place.path("nosuch"), place.path("file"), place.path("file/below")] {
        place.global(&format!("state_directory: {}", state.display()));
        let ended = fails_to_start(&place);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
        assert!(ended.text.contains(&state.display().to_string()), "{}", ended.text);
        assert!(ended.text.contains("must exist and be writable"), "{}", ended.text);
    }
}

#[test]
fn a_journal_or_store_that_is_no_file_is_named() {
    let place = place();
    fs::create_dir(place.path(JOURNAL)).expect("a directory");
    let ended = fails_to_start(&place);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("holds.journal"), "{}", ended.text);
    fs::remove_dir(place.path(JOURNAL)).expect("removed");

    fs::write(place.store_path(), "this is no store").expect("written");
    let ended = fails_to_start(&place);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("ipam.sqlite"), "{}", ended.text);
    assert_eq!(fs::read(place.store_path()).expect("a file"), b"this is no store", "it is left alone");
}

#[test]
fn a_second_proxy_on_the_same_state_is_refused_and_the_first_goes_on() {
    let place = place();
    let server = place.start();
    let address = offered(&ask(&server, 1));
    // What keeps the second one out is no file that could be deleted.
    fs::remove_file(place.path(JOURNAL)).expect("removed");
    let ended = fails_to_start(&place);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("another foreman-ipam-proxy keeps its holds in"), "{}", ended.text);
    assert!(ended.text.contains("give each its own state_directory"), "{}", ended.text);
    assert_eq!(offered(&ask(&server, 1)), address);
    assert!(place.path("state/control.sock").exists(), "the first one's control socket is still there");
    server.end_well("TERM");
}

#[test]
fn a_log_of_the_store_that_is_deleted_is_noticed_and_loses_nothing() {
    let place = place();
    let server = place.start();
    let address = offered(&ask(&server, 1));
    assert_eq!(server.curl().post(&target(&address)).status, 201);
    for name in ["state/ipam.sqlite-wal", "state/ipam.sqlite-shm"] {
        fs::remove_file(place.path(name)).expect("removed");
    }
    server.wait_for("were removed while it was open");
    server.kill();
    drop(server);
    let server = place.start();
    assert_eq!(server.curl().get(&target(&address)).answer(), (200, json!(true)));
    assert_eq!(place.store().verify().expect("a store that can be read"), []);
}

/// How many bytes a file may have on the full disk: more than the store has at the start.
const FULL: u64 = 200 * 1024;

#[test]
fn on_a_full_disk_the_proxy_goes_on_and_says_so_and_recovers_with_room() {
    // The nearest thing to a full disk that needs no rights: no file may grow beyond a limit. The signal that would end
    // the process is ignored, so that writes fail instead.
    let place = place();
    let limit = format!("trap '' XFSZ; ulimit -S -f {}; exec", FULL / 512);
    let server = Spawn::of(place.command_after(&limit, &["serve"])).ready();
    let mut reserved = Vec::new();
    let failure = until("the disk is full", || {
        let address = offered(&ask(&server, reserved.len()));
        let added = server.curl().post(&target(&address));
        if added.status == 201 {
            reserved.push(address);
            None
        } else {
            Some((address, added))
        }
    });
    let (refused, failed) = failure;
    assert!(failed.status == 503 || failed.status == 502, "{} {}", failed.status, failed.text());
    let said = failed.error();
    assert!(said.contains("address store"), "{said}");
    server.wait_for(&said);
    // Reads and promises go on; Foreman's page says what is wrong.
    assert_eq!(server.curl().get("/features").status, 200);
    assert_eq!(server.curl().get(&target(&reserved[0])).answer(), (200, json!(true)));
    assert_eq!(server.curl().get(&target(&refused)).answer(), (200, json!(false)));
    let deleted = server.curl().delete(&target(&reserved[0]));
    assert_ne!(deleted.status, 200, "{}", deleted.text());
    assert!(trouble(&server.foreman()).is_some_and(|text| text.contains("address store")));
    let mut connection = server.curl().connect().expect("a connection");
    let mut number = 100_000;
    let promised = until("the journal is full", || {
        number += 1;
        let address = offered(&connection.exchange(next_ip(&mac(number))).expect("an answer"));
        let is_full = fs::metadata(place.path(JOURNAL)).expect("a file").len() >= FULL;
        is_full.then_some((number, address))
    });
    server.wait_for("Holds will not survive a restart");
    assert_eq!(offered(&ask(&server, promised.0)), promised.1, "a promise stands in memory");
    let reported = server.output().lines().iter().filter(|line| line.contains("Holds will not survive")).count();
    assert_eq!(reported, 1, "said once, not with every promise");
    let (status, ready) = server.curl().get("/readyz").answer();
    assert_eq!((status, &ready["ready"], &ready["holds"]), (503, &json!(false), &json!(false)));
    assert_eq!(server.curl().get("/healthz").status, 200);
    assert!(server.curl().get("/metrics").text().contains("\nforeman_ipam_proxy_holds_writable 0\n"));

    // The ledger has what failed too, until it is full as well; that keeps no caller waiting.
    until("the ledger is full", || {
        assert_ne!(server.curl().post(&target(&refused)).status, 201);
        server.output().lines().iter().any(|line| line.contains("The ledger is not written for now")).then_some(())
    });
    assert!(trouble(&server.foreman()).is_some_and(|text| text.contains("the ledger in")));
    assert_eq!(server.curl().get(&target(&reserved[0])).answer(), (200, json!(true)));

    let process = i32::try_from(server.id()).expect("a process id");
    prlimit(process, Resource::FSIZE, Some((rlimit::INFINITY, rlimit::INFINITY)), None).expect("room again");
    assert_eq!(server.curl().post(&target(&refused)).status, 201, "what failed can be done again");
    server.wait_for("Holds are written to");
    no_trouble_soon(&server);
    let ready = json!({"ready": true, "holds": true, "ipam": true, "ledger": true});
    assert_eq!(server.curl().get("/readyz").answer(), (200, ready));
    server.assert_sound();
    server.kill();
    drop(server);
    assert_eq!(place.store().verify().expect("a store that can be read"), []);
    let server = place.start();
    let mut connection = server.curl().connect().expect("a connection");
    for address in reserved.iter().chain([&refused]) {
        let answer = connection.exchange(Request::new("GET", &target(address))).expect("an answer");
        assert_eq!(answer.answer(), (200, json!(true)), "{address}");
        let shown = place.run(&["ledger", "--address", address, "--json"]);
        let shown = String::from_utf8_lossy(&shown.stdout);
        assert!(shown.contains(r#""outcome":"done""#), "what waited for room is there: {address}: {shown}");
    }
}

/// Words that give the command that follows a file system of its own, in which the directory cannot be written. `None`, with
/// the reason on standard error, where the machine does not allow that.
fn read_only(directory: &Path) -> Option<String> {
    let directory = directory.display();
    let unshare = "exec unshare --map-root-user --mount sh -c";
    let mount = format!("mount --bind {directory} {directory} && mount -o remount,bind,ro {directory}");
    let tried = Command::new("sh").arg("-c").arg(format!("{unshare} '{mount}'")).output().expect("a shell");
    if !tried.status.success() {
        // Past the capture of the test harness, which would hide it: what was not tested must be seen.
        let why = String::from_utf8_lossy(&tried.stderr);
        let _ = writeln!(std::io::stderr(), "SKIPPED: no file system can be made read-only: {}", why.trim_end());
        return None;
    }
    // The shell takes the command from its arguments, which follow.
    Some(format!("{unshare} '{mount} && exec \"$0\" \"$@\"'"))
}

#[test]
fn on_a_read_only_disk_the_proxy_has_its_holds_and_says_so_and_recovers_when_it_can_be_written() {
    let place = place();
    let Some(read_only) = read_only(&place.path("state")) else { return };
    fs::create_dir(place.path("store")).expect("a directory");
    fs::rename(place.store_path(), place.path("store/ipam.sqlite")).expect("moved");
    let store = format!("store: {}\n", place.path("store/ipam.sqlite").display());
    place.write("etc/settings.d/externalipam_internal.yml", store);
    let server = place.start();
    let promised = offered(&ask(&server, 1));
    server.kill();
    drop(server);

    let server = Spawn::of(place.command_after(&read_only, &["serve"])).ready();
    server.wait_for("Holds will not survive a restart");
    server.wait_for("Read-only file system");
    assert_eq!(offered(&ask(&server, 1)), promised);
    let other = offered(&ask(&server, 2));
    assert_ne!(other, promised);
    assert!(trouble(&server.foreman()).is_some_and(|text| text.contains("holds.journal cannot be written")));
    let remount = format!(
        "nsenter --target {} --user --mount mount -o remount,bind,rw {}",
        server.id(),
        place.path("state").display()
    );
    let remounted = Command::new("sh").args(["-c", &remount]).status().expect("a shell");
    assert!(remounted.success(), "it can be written again");
    server.wait_for("Holds are written to");
    no_trouble_soon(&server);
    server.assert_sound();
    server.kill();
    drop(server);
    let server = place.start();
    assert_eq!([1, 2].map(|number| offered(&ask(&server, number))), [promised, other]);
}

#[test]
fn an_embedded_ipam_on_a_read_only_disk_is_named() {
    let place = place();
    let Some(read_only) = read_only(&place.path("state")) else { return };
    let ended = Spawn::of(place.command_after(&read_only, &["serve"])).unready().ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains("The address store cannot be opened for writing"), "{}", ended.text);
    assert!(ended.text.contains("holds.journal cannot be written: Read-only file system"), "{}", ended.text);
}

#[test]
fn a_log_on_a_full_disk_keeps_nobody_waiting() {
    let place = place();
    let port = free_port();
    place.global(&format!("log_file: /dev/full\nhttps_port: {port}"));
    let manager = Manager::new(&place);
    let spawned = Spawn::of(manager.employ(place.command(&["serve"])));
    assert!(manager.heard().starts_with("READY=1\n"));
    let server = spawned.ready_on(port);
    let mut connection = server.curl().connect().expect("a connection");
    for number in 0..500 {
        offered(&connection.exchange(next_ip(&mac(number))).expect("an answer"));
    }
    let logs = server.foreman().get("/logs/").json();
    assert!(logs["logs"].as_array().is_some_and(|lines| lines.len() > 1000), "Foreman still shows the log");
    server.signal("USR1");
    assert_eq!(server.foreman().get("/v2/features").status, 200);
    server.end_well("TERM");
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    let place = place();
    let log = place.path("nosuch/proxy.log");
    place.global(&format!("log_file: {}", log.display()));
    let ended = fails_to_start(&place);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains(&log.display().to_string()), "{}", ended.text);
    assert!(ended.text.contains("No such file"), "the reason is told too: {}", ended.text);
}

#[test]
fn a_state_directory_with_a_name_too_long_for_a_socket_costs_only_the_socket() {
    let place = place();
    let long = place.path(&"a".repeat(120));
    fs::create_dir(&long).expect("a directory");
    fs::rename(place.store_path(), long.join("ipam.sqlite")).expect("moved");
    place.global(&format!("state_directory: {}", long.display()));
    let server = place.start();
    server.wait_for("There is no control socket");
    assert_eq!(offered(&ask(&server, 1)), offered(&ask(&server, 1)));
    server.end_well("TERM");
}
