//! Damaged, full, removed and foreign journals.

use std::fs;
use std::net::IpAddr;

use ipam_provider::{AddressSpace, GroupName};

use super::super::hold::{Hold, HoldState, RequestMark, Scope, Space};
use super::*;
use crate::allocation::HOLD_LIFE_AT_MOST;

/// The time of the first line.
const START: Timestamp = Timestamp(1_795_196_948_000);

fn hold(state: HoldState) -> Hold {
    let space = Space { provider: "internal".into(), name: AddressSpace::new("My Group/ä") };
    let prefix = "2001:db8::/64".parse().expect("a prefix");
    Hold {
        scope: Scope { space, group: GroupName::new("My Group/ä"), prefix }.into(),
        mac: Some("00:00:5e:00:53:01".parse().expect("a MAC")),
        state,
        granted: START,
        until: START + Duration::from_secs(1800),
        request: Some(RequestMark::of(u64::MAX)),
        event: 1,
        confirmed: START,
        trace: None,
    }
}

fn address(last: u16) -> IpAddr {
    [0x2001, 0xdb8, 0, 0, 0, 0, 0, last].into()
}

fn offered(last: u16) -> Vec<u8> {
    offered_at(last, START)
}

fn offered_at(last: u16, at: Timestamp) -> Vec<u8> {
    let hold = hold(HoldState::Offered);
    held(address(last), &hold, hold.until, at)
}

fn directory_with(text: &[u8]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(FILE), text).expect("written");
    directory
}

fn open(directory: &Path) -> (Journal, Replayed) {
    Journal::open(directory).expect("a journal")
}

/// The addresses that are held, and how far they have come.
fn states(replayed: &Replayed) -> Vec<(IpAddr, HoldState)> {
    replayed.holds().map(|(address, hold)| (address, hold.state)).collect()
}

/// What the next process would find now.
fn addresses(directory: &Path) -> Vec<IpAddr> {
    read_back(directory).expect("a journal").holds().map(|(address, _)| address).collect()
}

/// Writes just these addresses when the file is written again.
fn write_again(journal: &Journal, all: &[u16]) {
    journal.write_again_if_due(START, |snapshot| {
        let hold = hold(HoldState::Offered);
        all.iter().try_for_each(|last| snapshot.write(address(*last), &hold, hold.until))
    });
}

#[test]
fn the_last_line_about_an_address_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, replayed) = open(directory.path());
    assert_eq!((states(&replayed), replayed.now), (vec![], Timestamp::default()));
    (1..=4).for_each(|last| journal.append(&offered(last)));
    let line = |last, state| held(address(last), &hold(state), hold(state).until, START);
    journal.append(&line(2, HoldState::Adding));
    journal.append(&ended(&hold(HoldState::Offered).scope.space, address(3), START));
    journal.append(&line(4, HoldState::Reserved));
    drop(journal);
    let (_journal, replayed) = open(directory.path());
    let expected =
        [(address(1), HoldState::Offered), (address(2), HoldState::Unanswered), (address(4), HoldState::Reserved)];
    assert_eq!(states(&replayed), expected);
}

#[test]
fn a_line_torn_anywhere_is_dropped_and_the_rest_stands() {
    let torn = offered(2);
    for cut in 0..torn.len() - 1 {
        let directory = directory_with(&[&offered(1)[..], &torn[..cut]].concat());
        let (journal, replayed) = open(directory.path());
        assert_eq!(states(&replayed), [(address(1), HoldState::Offered)], "cut at {cut}");
        journal.append(&offered(3));
        drop(journal);
        assert_eq!(addresses(directory.path()), [address(1), address(3)], "cut at {cut}");
    }
}

#[test]
fn garbage_in_the_middle_loses_no_other_line() {
    let nested = "[".repeat(100_000);
    for garbage in [b"\xff\0 garbage".as_slice(), b"{}\n\n", b"\0\0\0\0", b"{\"at\":1", nested.as_bytes()] {
        let directory = directory_with(&[&offered(1), garbage, b"\n", &offered(2)].concat());
        assert_eq!(addresses(directory.path()), [address(1), address(2)]);
    }
    let outside = String::from_utf8(offered(3)).expect("text").replace("2001:db8::/64", "2001:db9::/64");
    let directory = directory_with(&[&offered(1), outside.as_bytes()].concat());
    assert_eq!(addresses(directory.path()), [address(1)]);
}

#[test]
fn a_damaged_time_ends_no_hold() {
    let damages = [Timestamp(1), START + 2 * HOLD_LIFE_AT_MOST, Timestamp(1 << 48), Timestamp(u64::MAX)];
    for count in 2..=4_u16 {
        for damaged in 1..=count {
            for damage in damages {
                let at = |last| if last == damaged { damage } else { START };
                let lines = (1..=count).map(|last| offered_at(last, at(last)));
                let directory = directory_with(&lines.flatten().collect::<Vec<_>>());
                let (_journal, replayed) = open(directory.path());
                let expected: Vec<IpAddr> = (1..=count).map(address).collect();
                let held: Vec<IpAddr> = replayed.holds().map(|(address, _)| address).collect();
                assert_eq!(held, expected, "line {damaged} of {count} at {damage:?}");
                let at_most = START + HOLD_LIFE_AT_MOST + SLACK_OF_LIFE;
                assert!(replayed.holds().all(|(_, hold)| hold.until <= at_most));
                assert_eq!(addresses(directory.path()), expected, "once more");
            }
        }
    }
    // One that is nearer is corrected by the next line.
    let near = START + HOLD_LIFE_AT_MOST / 2;
    let directory = directory_with(&[offered_at(1, START), offered_at(2, near), offered_at(3, START)].concat());
    assert_eq!(addresses(directory.path()), [1, 2, 3].map(address));
}

#[test]
fn a_damaged_end_of_a_hold_is_cut() {
    let line = held(address(1), &hold(HoldState::Offered), Timestamp(u64::MAX), START);
    let directory = directory_with(&[line, time(START)].concat());
    let (_journal, replayed) = open(directory.path());
    let until: Vec<_> = replayed.holds().map(|(_, hold)| hold.until).collect();
    assert_eq!(until, [START + HOLD_LIFE_AT_MOST + SLACK_OF_LIFE]);
}

#[test]
fn what_a_newer_version_wrote_is_kept() {
    let newer = r#"{"at":1795196948000,"version":2,"zone":["x"]}
{"at":1795196948001,"provider":"netbox","space":"vrf 3","prefix":"10.0.0.0/24","address":"10.0.0.7","state":"parked","granted":1795196948000,"until":1795196998000,"colour":{"a":1}}
{"at":1795196948002,"reservation":{"id":7}}
{"at":1795196948003,"provider":"netbox","space":"vrf 3","prefix":"10.0.0.0/24","address":"10.0.0.8","state":"offered","granted":1795196948000,"until":1795196998000,"more":null}
"#;
    let directory = directory_with(newer.as_bytes());
    let expected =
        [([10, 0, 0, 7].into(), HoldState::Reserved), ([10, 0, 0, 8].into(), HoldState::Offered)] as [(IpAddr, _); 2];
    for _ in 0..2 {
        let (_journal, replayed) = open(directory.path());
        assert_eq!(states(&replayed), expected);
    }
}

#[test]
fn a_second_proxy_on_one_journal_is_refused_whatever_is_deleted() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = open(directory.path());
    let refused = || matches!(Journal::open(directory.path()), Err(JournalError::InUse(_)));
    assert!(refused());
    for entry in fs::read_dir(directory.path()).expect("a directory") {
        fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    assert!(refused());
    first.0.unlock();
    assert!(!refused());
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing");
    let error = Journal::open(&missing).expect_err("no directory").to_string();
    assert!(error.contains("missing/holds.journal") && error.contains("must exist and be writable"), "{error}");
    fs::create_dir(directory.path().join(FILE)).expect("a directory in place of the file");
    assert!(matches!(Journal::open(directory.path()), Err(JournalError::Io { .. })));
}

#[test]
fn what_could_not_be_appended_is_written_before_the_trouble_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, _) = open(directory.path());
    journal.append(&offered(1));
    assert_eq!(journal.trouble(), None);
    journal.fill_disk();
    journal.append(&offered(2));
    let trouble = journal.trouble().expect("a full disk");
    assert!(trouble.contains("will not survive a restart") && trouble.contains("holds.journal"), "{trouble}");
    assert_eq!(addresses(directory.path()), [address(1)]);
    // The disk stays full: the old file stays, and so does the trouble.
    journal.write_again_if_due(START, |snapshot| {
        snapshot.write(address(1), &hold(HoldState::Offered), START)?;
        Err(io::ErrorKind::StorageFull.into())
    });
    assert!(journal.trouble().is_some());
    assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 1, "no file takes the last room");
    journal.append(&offered(3));
    assert_eq!(addresses(directory.path()), [address(1)]);
    // What is appended while the file is written again is in it too.
    journal.write_again_if_due(START, |snapshot| {
        journal.append(&offered(4));
        let hold = hold(HoldState::Offered);
        (1..=3).try_for_each(|last| snapshot.write(address(last), &hold, hold.until))
    });
    assert_eq!(journal.trouble(), None);
    journal.append(&offered(5));
    assert_eq!(addresses(directory.path()), [1, 2, 3, 4, 5].map(address));
    let complete = fs::read(&journal.path).expect("the file");
    write_again(&journal, &[]);
    assert_eq!(fs::read(&journal.path).expect("the file"), complete, "not without need");
}

#[test]
fn a_journal_that_was_removed_is_written_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, _) = open(directory.path());
    journal.append(&offered(1));
    fs::remove_file(&journal.path).expect("removed");
    journal.append(&offered(2));
    journal.write_again_if_due(START, |snapshot| {
        let hold = hold(HoldState::Offered);
        (1..=2).try_for_each(|last| snapshot.write(address(last), &hold, hold.until))?;
        // To the file that is gone, and copied.
        journal.append(&offered(3));
        Ok(())
    });
    journal.append(&offered(4));
    assert_eq!(addresses(directory.path()), [1, 2, 3, 4].map(address));
}

#[test]
fn links_in_the_directory_lead_nowhere() {
    let (directory, elsewhere) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let target = elsewhere.path().join("of root");
    fs::write(&target, "secret").expect("written");
    let link = |name: &str| std::os::unix::fs::symlink(&target, directory.path().join(name)).expect("a link");
    link("holds.journal.new");
    drop(open(directory.path()));
    fs::remove_file(directory.path().join(FILE)).expect("removed");
    link(FILE);
    let refused = Journal::open(directory.path()).expect_err("a link");
    assert!(refused.to_string().contains("it is a symbolic link"), "{refused}");
    assert!(read_back(directory.path()).is_err());
    assert_eq!(fs::read_to_string(&target).expect("a file"), "secret");
}

#[test]
fn a_journal_of_ended_holds_is_written_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (journal, _) = open(directory.path());
    let ended = |last| ended(&hold(HoldState::Offered).scope.space, address(last), START);
    for _ in 0..SLACK / 2 {
        journal.append(&offered(1));
        journal.append(&ended(2));
    }
    journal.write_again_if_due(START, |snapshot| {
        let hold = hold(HoldState::Offered);
        snapshot.write(address(1), &hold, hold.until)?;
        // It ends while the file is being written.
        journal.append(&ended(1));
        snapshot.write(address(4), &hold, hold.until)
    });
    let text = fs::read_to_string(&journal.path).expect("the file");
    assert_eq!(text.lines().count(), 4, "a time, two holds, and the end of one");
    journal.append(&offered(3));
    assert_eq!(addresses(directory.path()), [address(3), address(4)]);
}
