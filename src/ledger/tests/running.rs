//! The ledger of a proxy that runs: what it records, when the caller goes on, and what it does when it cannot be written.

use std::fs;

use ipam_provider::{GroupName, Requester};

use super::{Engine, Stage, record};
use crate::allocation::{Event, EventKind, Failure, Subject as EventSubject};
use crate::caller::{Caller, Door, Principal, Rights, Who};
use crate::ledger::{Health, Ledger, LedgerError, Operation, Outcome, Place, Query, Record, Records};
use crate::telemetry::request_id::RequestId;

/// Shows an event to a ledger, and waits as the caller of a write does. The answer is whether it was recorded.
async fn see(ledger: &Ledger, kind: EventKind<'_>) -> bool {
    let like = record(1);
    let principal = Principal { who: Who::Certificate(Some("foreman.example.com".into())), rights: Rights::Foreman };
    let subject =
        EventSubject { provider: "internal", group: like.group.as_ref(), prefix: like.prefix, address: like.address };
    let event = Event {
        at: like.at,
        request: RequestId::parse("request-1"),
        caller: Some(Caller { door: Door::Foreman, principal }),
        subject,
        kind,
    };
    match ledger.see(&event) {
        Some(pending) => pending.await.is_ok(),
        None => false,
    }
}

async fn all(place: &Place) -> Vec<Record> {
    let records = Records::open(place.clone()).expect("a ledger");
    let (page, _) = records.page(&Query::default(), None, 10_000).await.expect("a page");
    page.into_iter().map(|entry| entry.record).collect()
}

fn requester() -> Requester {
    let Record { mac, host_name, .. } = record(1);
    Requester { mac, hostname: host_name, ..Requester::default() }
}

#[tokio::test]
async fn a_write_is_in_the_ledger_when_its_caller_goes_on() {
    let stage = Stage::on(Engine::Sqlite).expect("it is built in");
    let ledger = Ledger::start(stage.place.clone(), 400);
    let by = requester();
    assert!(see(&ledger, EventKind::Added { by: &by }).await);
    let expected = record(1);
    assert_eq!(all(&stage.place).await, std::slice::from_ref(&expected));
    let failure = Failure::AlreadyReserved { address: expected.address, prefix: expected.prefix };
    assert!(see(&ledger, EventKind::AddFailed { by: &by, failure: &failure }).await);
    assert!(see(&ledger, EventKind::Deleted { record: None }).await);
    assert!(!see(&ledger, EventKind::NothingToDelete).await, "it is on the way to an outcome");
    let refused = Record { outcome: Outcome::Failed, message: Some(failure.to_string()), ..expected.clone() };
    let deleted = Record {
        operation: Operation::Delete,
        outcome: Outcome::Nothing,
        mac: None,
        host_name: None,
        ..expected.clone()
    };
    assert_eq!(all(&stage.place).await, [expected, refused, deleted]);
    ledger.close().await;
}

#[tokio::test]
async fn without_days_nothing_is_recorded_and_no_file_is_made() {
    let stage = Stage::on(Engine::Sqlite).expect("it is built in");
    let ledger = Ledger::start(stage.place.clone(), 0);
    assert!(!see(&ledger, EventKind::Deleted { record: None }).await);
    assert!(matches!(Records::open(stage.place.clone()), Err(LedgerError::Missing(_))));
    ledger.keep(1);
    assert!(see(&ledger, EventKind::Deleted { record: None }).await);
    assert_eq!(all(&stage.place).await.len(), 1);
    ledger.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_written_keeps_nobody_waiting_and_catches_up() {
    let stage = Stage::on(Engine::Sqlite).expect("it is built in");
    let directory = stage.directory.path().join("gone");
    let place = Place::of(&directory, None);
    let ledger = Ledger::start(place.clone(), 400);
    for _ in 0..3 {
        assert!(see(&ledger, EventKind::Deleted { record: None }).await);
    }
    let health = |is_written, waiting, saved| Some(Health { is_written, waiting, saved, lost: 0 });
    assert_eq!(ledger.health(), health(false, 3, 0));
    let trouble = ledger.trouble().expect("trouble");
    assert!(trouble.starts_with(&format!("the ledger in {place} cannot be used: ")), "{trouble}");
    fs::create_dir(&directory).expect("a directory");
    while ledger.trouble().is_some() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(all(&place).await.len(), 3);
    assert_eq!(ledger.health(), health(true, 0, 3));
    ledger.keep(0);
    assert_eq!(ledger.health(), None);
    ledger.close().await;
}

#[tokio::test]
async fn what_is_queued_is_saved_before_the_end() {
    let stage = Stage::on(Engine::Sqlite).expect("it is built in");
    let ledger = Ledger::start(stage.place.clone(), 400);
    let like = record(1);
    let group = GroupName::new("group 1");
    let subject =
        EventSubject { provider: "internal", group: group.as_ref(), prefix: like.prefix, address: like.address };
    for _ in 0..1000 {
        let kind = EventKind::Deleted { record: None };
        drop(ledger.see(&Event { at: like.at, request: None, caller: None, subject, kind }));
    }
    ledger.close().await;
    assert_eq!(all(&stage.place).await.len(), 1000);
}

#[tokio::test]
async fn something_else_in_its_place_is_named_with_what_to_do() {
    let stage = Stage::on(Engine::Sqlite).expect("it is built in");
    let Place::File(path) = &stage.place else { panic!("it is a file") };
    fs::write(path, "no database at all, but long enough to be one").expect("a file");
    let error = Records::open_or_create(stage.place.clone()).expect_err("a failure").to_string();
    assert!(error.ends_with("it is something else; move it away, and restart the proxy to make a new one"), "{error}");
    let ledger = Ledger::start(stage.place.clone(), 400);
    assert!(see(&ledger, EventKind::Deleted { record: None }).await, "the caller goes on");
    assert!(ledger.trouble().is_some_and(|text| text == error));
}
