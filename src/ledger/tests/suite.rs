//! What holds of a ledger whichever database it is in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipam_provider::GroupName;

use super::{Engine, Stage, record, time};
use crate::ledger::feed::{AFTER, LOOKED_AT};
use crate::ledger::query::LAST_BEFORE;
use crate::ledger::retention::SLICE;
use crate::ledger::standing::BY_ADDRESS;
use crate::ledger::write::{RECENT_AT_MOST, TURN};
use crate::ledger::{Cursor, Entry, Filter, Operation, Outcome, Query, Record, Records, Standing, Subject};

/// Makes one test of each case and engine.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let stage = super::Stage::on(super::Engine::Sqlite).expect("it is built in");
                super::$case(&stage, &stage.records()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                if let Some(stage) = super::Stage::on(super::Engine::Postgres) {
                    super::$case(&stage, &stage.records()).await;
                }
            })*
        }
    };
}

on_both! {
    records_come_back_as_they_were,
    a_question_gets_its_records_and_no_others,
    pages_leave_nothing_out_and_bring_nothing_twice,
    the_last_record_before_a_time_says_who_had_the_address,
    every_question_is_answered_from_an_index,
    retention_removes_what_is_too_old_and_does_not_pause_writes,
    two_that_remove_at_once_remove_everything_once,
    another_process_sees_what_is_written,
    what_was_added_and_not_deleted_since_stands,
    what_stands_comes_in_parts_that_leave_nothing_out,
    sequences_grow_when_all_is_removed,
    the_feed_has_every_record_once_in_the_order_of_sequences,
    the_feed_has_those_that_are_asked_for,
    the_feed_skips_nothing_that_another_writer_commits_late,
}

async fn add(records: &Records, added: Vec<Record>) {
    records.append(Arc::new(added)).await.expect("saved");
}

async fn all(records: &Records, query: &Query) -> Vec<Record> {
    let (page, next) = records.page(query, None, 10_000).await.expect("a page");
    assert_eq!(next, None);
    page.into_iter().map(|entry| entry.record).collect()
}

fn about(subject: Subject) -> Query {
    Query { subject, ..Query::default() }
}

async fn records_come_back_as_they_were(_: &Stage, records: &Records) {
    let full = Record { message: Some("it was refused".to_owned()), outcome: Outcome::Failed, ..record(1) };
    let bare = Record {
        door: None,
        caller: None,
        request: None,
        operation: Operation::Restore,
        outcome: Outcome::Unknown,
        group: None,
        prefix: "2001:db8::/64".parse().expect("a prefix"),
        address: "2001:db8::1".parse().expect("an address"),
        mac: None,
        host_name: None,
        ..record(2)
    };
    // As many as one statement adds, and some more; more than are without an index.
    let more = u32::try_from(RECENT_AT_MOST).expect("few") + 40;
    let mut expected: Vec<Record> = [full, bare].into_iter().chain((3..more).map(record)).collect();
    add(records, expected.clone()).await;
    expected.push(record(more));
    add(records, vec![record(more)]).await;
    assert_eq!(all(records, &Query::default()).await, expected);
    let (page, _) = records.page(&Query::default(), None, 1000).await.expect("a page");
    assert!(page.is_sorted_by(|one, next| one.sequence < next.sequence));
}

async fn a_question_gets_its_records_and_no_others(_: &Stage, records: &Records) {
    let numbers = || (1..100).map(record);
    add(records, numbers().collect()).await;
    let wanted = record(50);
    let again = Record { at: time(1000), operation: Operation::Delete, ..wanted.clone() };
    let elsewhere = Record { at: time(1001), group: GroupName::new("elsewhere"), ..wanted.clone() };
    add(records, vec![again.clone(), elsewhere.clone()]).await;
    let expected = vec![wanted.clone(), again.clone(), elsewhere];
    let subjects = [
        Subject::Address(wanted.address),
        Subject::Mac(wanted.mac.expect("a MAC")),
        Subject::HostName(wanted.host_name.clone().expect("a name")),
    ];
    for subject in subjects {
        assert_eq!(all(records, &about(subject.clone())).await, expected, "{subject:?}");
        let in_group = Query { group: wanted.group.clone(), ..about(subject) };
        assert_eq!(all(records, &in_group).await, expected[..2], "{in_group:?}");
        let later = Query { since: Some(time(51)), before: Some(time(1001)), ..in_group };
        assert_eq!(all(records, &later).await, std::slice::from_ref(&again), "{later:?}");
    }
    let in_group = Query { group: wanted.group.clone(), ..Query::default() };
    assert_eq!(all(records, &in_group).await, expected[..2]);
    let between = Query { since: Some(time(10)), before: Some(time(13)), ..Query::default() };
    assert_eq!(all(records, &between).await, [record(10), record(11), record(12)]);
    assert_eq!(all(records, &about(Subject::Address([192, 0, 2, 1].into()))).await, []);
}

async fn pages_leave_nothing_out_and_bring_nothing_twice(_: &Stage, records: &Records) {
    // Many at one time, and not in the order of time.
    let added: Vec<Record> = (0..50).map(|number| Record { at: time((7 * number) % 5), ..record(1) }).collect();
    add(records, added.clone()).await;
    let (mut found, mut after): (Vec<_>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let (page, next) = records.page(&about(Subject::Address(added[0].address)), after, 7).await.expect("a page");
        found.extend(page);
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found.len(), added.len());
    assert!(found.is_sorted_by(|one, next| (one.record.at, one.sequence) < (next.record.at, next.sequence)));
}

async fn the_last_record_before_a_time_says_who_had_the_address(_: &Stage, records: &Records) {
    let added = record(10);
    let refused = Record { at: time(20), outcome: Outcome::Failed, ..added.clone() };
    let deleted = Record { at: time(30), operation: Operation::Delete, ..added.clone() };
    add(records, vec![added.clone(), refused, deleted.clone()]).await;
    let last = async |seconds, group: Option<&GroupName>| {
        let last = records.last_before(added.address, group, time(seconds)).await.expect("an answer");
        last.map(|entry| entry.record)
    };
    assert_eq!(last(10, None).await, None);
    assert_eq!(last(25, None).await.as_ref(), Some(&added));
    assert_eq!(last(31, added.group.as_ref()).await.as_ref(), Some(&deleted));
    assert_eq!(last(31, GroupName::new("elsewhere").as_ref()).await, None);
}

/// With ten million records a question that reads the whole table takes seconds.
async fn every_question_is_answered_from_an_index(stage: &Stage, records: &Records) {
    add(records, (1..100).map(record).collect()).await;
    let is_file = stage.is_file();
    let wanted = record(1);
    let subjects = [
        Subject::Any,
        Subject::Address(wanted.address),
        Subject::Mac(wanted.mac.expect("a MAC")),
        Subject::HostName("host".to_owned()),
    ];
    let with_group =
        |subject: Subject| [None, wanted.group.clone()].map(|group| Query { group, ..about(subject.clone()) });
    let questions = subjects.into_iter().flat_map(with_group).map(|query| query.statement());
    for question in questions.chain([LAST_BEFORE, AFTER, BY_ADDRESS]) {
        // The values play no part in the plan; those of the right type do in its being made.
        let bytes = if is_file { "x'00'" } else { "'\\x00'::bytea" };
        let is_of_bytes = question.contains("address = ?") || question.contains("mac = ?");
        let (first, fifth) = match question {
            LAST_BEFORE => (bytes, "'a'"),
            BY_ADDRESS => (bytes, "0"),
            _ => ("0", if is_of_bytes { bytes } else { "'a'" }),
        };
        let third = if question == LAST_BEFORE { "'a'" } else { "9" };
        let question = question.replace("?1", first).replace("?2", "0").replace("?3", third).replace("?4", "5");
        let question = question.replace("?5", fifth).replace("?6", "'a'");
        let plan = match is_file {
            true => stage.sql(&format!("EXPLAIN QUERY PLAN {question}")),
            false => stage.sql(&format!("SET search_path = ipam_ledger; SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN {question}")),
        };
        // What a file has without an index is little.
        let (plan, recent) = plan.split_once("RIGHT").unwrap_or((&plan, "recent"));
        assert!(recent.contains("recent"), "{recent}");
        assert!(plan.contains("record_") || plan.contains("USING INTEGER PRIMARY KEY"), "{question}\n{plan}");
        for slow in ["SCAN", "TEMP B-TREE", "Seq Scan", "Sort"] {
            assert!(!plan.contains(slow), "{question}\n{plan}");
        }
    }
}

async fn retention_removes_what_is_too_old_and_does_not_pause_writes(_: &Stage, records: &Records) {
    let slices = 20;
    for number in 0..slices {
        let first = number * SLICE;
        add(records, (first..first + SLICE).map(record).collect()).await;
    }
    let boundary = slices * SLICE - 50;
    let is_done = AtomicBool::new(false);
    let trimming = async {
        let removed = records.remove_before(time(boundary.into())).await.expect("removed");
        is_done.store(true, Ordering::Relaxed);
        removed
    };
    let writing = async {
        let mut written = 0_u32;
        while !is_done.load(Ordering::Relaxed) {
            add(records, vec![Record { at: time(i64::from(boundary) + i64::from(written)), ..record(1) }]).await;
            written += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        written
    };
    let (removed, written) = tokio::join!(trimming, writing);
    assert_eq!(removed, u64::from(boundary));
    assert!(written >= slices, "only {written} records were written meanwhile");
    let left = all(records, &Query::default()).await;
    assert_eq!(left.len(), 50 + written as usize);
    assert!(left.iter().all(|record| record.at >= time(boundary.into())));
}

async fn two_that_remove_at_once_remove_everything_once(stage: &Stage, records: &Records) {
    let number = 10 * SLICE;
    add(records, (0..number).map(record).collect()).await;
    let other = stage.records();
    let before = time(i64::from(number) - 10);
    let (one, two) = tokio::join!(records.remove_before(before), other.remove_before(before));
    assert_eq!(one.expect("removed") + two.expect("removed"), u64::from(number) - 10);
    assert_eq!(all(records, &Query::default()).await.len(), 10);
    if stage.is_file() {
        return;
    }
    // Those of a slice that another one has not yet committed are left to it.
    let is_held = "BEGIN; SELECT count(*) FROM (SELECT 1 FROM record ORDER BY at LIMIT 5 FOR UPDATE) AS held";
    std::thread::scope(|scope| {
        let holding = scope.spawn(|| stage.sql(&in_schema(&format!("{is_held}; SELECT pg_sleep(4); ROLLBACK"))));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(records.remove_before(time(number.into())).await.expect("removed"), 5);
            });
        });
        assert!(!holding.is_finished(), "it waited");
    });
    assert_eq!(all(records, &Query::default()).await.len(), 5);
}

fn in_schema(statements: &str) -> String {
    format!("SET search_path = ipam_ledger; {statements}")
}

async fn sequences_grow_when_all_is_removed(_: &Stage, records: &Records) {
    add(records, (1..10).map(record).collect()).await;
    let last = feed(records, 0).await.last().expect("a record").sequence;
    assert_eq!(records.remove_before(time(10)).await.expect("removed"), 9);
    assert_eq!(feed(records, 0).await, []);
    add(records, vec![record(10)]).await;
    let found = feed(records, last).await;
    assert!(found.len() == 1 && found[0].sequence > last, "{found:?}");
}

/// All that comes after a sequence, from several calls.
async fn feed(records: &Records, mut after: i64) -> Vec<Entry> {
    let mut entries = Vec::new();
    loop {
        let part = records.after(after, 7, &Filter::default()).await.expect("a part");
        after = part.after;
        entries.extend(part.entries);
        if part.is_end {
            return entries;
        }
    }
}

async fn the_feed_has_every_record_once_in_the_order_of_sequences(_: &Stage, records: &Records) {
    let number = u32::try_from(RECENT_AT_MOST).expect("few") + 20;
    // Not in the order of time.
    let added: Vec<Record> =
        (0..number).map(|number| Record { at: time(-i64::from(number)), ..record(number) }).collect();
    for some in added.chunks(50) {
        add(records, some.to_vec()).await;
    }
    let found = feed(records, 0).await;
    assert!(found.is_sorted_by(|one, next| one.sequence < next.sequence));
    assert_eq!(feed(records, found[99].sequence).await, found[100..]);
    assert_eq!(found.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), added);
}

async fn the_feed_has_those_that_are_asked_for(_: &Stage, records: &Records) {
    let mut added: Vec<Record> = (0..100).map(record).collect();
    added[50].operation = Operation::Delete;
    added[60].operation = Operation::Delete;
    added.extend(std::iter::repeat_n(record(100), LOOKED_AT));
    add(records, added.clone()).await;
    let ask = async |after, at_most, operation, group: &Option<GroupName>| {
        let filter = Filter { operation, group: group.clone() };
        let part = records.after(after, at_most, &filter).await.expect("a part");
        let found: Vec<Record> = part.entries.into_iter().map(|entry| entry.record).collect();
        (found, part.after, part.is_end)
    };
    let (found, after, is_end) = ask(0, 1, Some(Operation::Delete), &None).await;
    assert_eq!((found, is_end), (added[50..=50].to_vec(), false));
    let (found, ..) = ask(after, 10, Some(Operation::Delete), &added[60].group).await;
    assert_eq!(found, added[60..=60]);
    // One call does not look at everything, and the next goes on where it has ended.
    let (found, after, is_end) = ask(0, 10, None, &added[7].group).await;
    assert_eq!((found, is_end), (added[7..=7].to_vec(), false));
    let (found, last, is_end) = ask(after, 10, None, &added[7].group).await;
    assert_eq!((found, last - after, is_end), (vec![], 100, true));
}

async fn the_feed_skips_nothing_that_another_writer_commits_late(stage: &Stage, records: &Records) {
    const EACH: u32 = 100;
    let is_done = AtomicBool::new(false);
    let writing = async {
        let write = async |first: u32| {
            let records = stage.records();
            for number in first..first + EACH {
                add(&records, (0..number % 5).map(|_| record(number)).collect()).await;
            }
        };
        tokio::join!(write(0), write(EACH));
        is_done.store(true, Ordering::Relaxed);
    };
    let reading = async {
        let mut found: Vec<Entry> = Vec::new();
        loop {
            let is_last = is_done.load(Ordering::Relaxed);
            found.extend(feed(records, found.last().map_or(0, |entry| entry.sequence)).await);
            if is_last {
                return found;
            }
        }
    };
    let ((), found) = tokio::join!(writing, reading);
    assert_eq!(found, feed(records, 0).await);
    assert_eq!(found.len(), 2 * 2 * EACH as usize);
    if stage.is_file() {
        return;
    }
    // A writer that has its sequence, and commits after others came.
    let late = "INSERT INTO record (at, operation, outcome, provider, network, length, address) \
        SELECT at, 'delete', outcome, provider, network, length, address FROM record LIMIT 1; SELECT pg_sleep(2); COMMIT";
    let last = found[found.len() - 1].sequence;
    let later = std::thread::scope(|scope| {
        scope.spawn(|| stage.sql(&in_schema(&format!("BEGIN; {TURN}; {late}"))));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                add(records, vec![record(1)]).await;
                feed(records, last).await
            })
        })
    });
    let operations: Vec<Operation> = later.iter().map(|entry| entry.record.operation).collect();
    assert_eq!(operations, [Operation::Delete, Operation::Add]);
}

async fn another_process_sees_what_is_written(stage: &Stage, records: &Records) {
    add(records, vec![record(1)]).await;
    let reader = Records::open(stage.place.clone()).expect("a ledger");
    assert_eq!(all(&reader, &Query::default()).await, [record(1)]);
    add(records, vec![record(2)]).await;
    assert_eq!(all(&reader, &Query::default()).await, [record(1), record(2)]);
}

/// All that stands, from several parts.
async fn standing(records: &Records, rows: usize) -> Vec<Standing> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (part, next) = records.standing(after, rows).await.expect("a part");
        found.extend(part);
        match next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

async fn what_was_added_and_not_deleted_since_stands(_: &Stage, records: &Records) {
    let at =
        |seconds: i64, operation, outcome, number| Record { at: time(seconds), operation, outcome, ..record(number) };
    let (add_of, delete) = (|number| record(number), |number| at(100, Operation::Delete, Outcome::Done, number));
    let gone = at(100, Operation::Delete, Outcome::Nothing, 3);
    let refused = Record { door: Some("api".to_owned()), ..at(100, Operation::Add, Outcome::Failed, 4) };
    let kept = [Outcome::Failed, Outcome::Unknown].map(|outcome| at(100, Operation::Delete, outcome, 5));
    let restored = Record { door: None, ..at(200, Operation::Restore, Outcome::Done, 6) };
    let found = at(300, Operation::Add, Outcome::Unanswered, 7);
    let lost = at(300, Operation::Add, Outcome::Unknown, 8);
    let other_mac = record(99).mac;
    let named = Record { mac: other_mac, host_name: None, ..at(400, Operation::Change, Outcome::Done, 9) };
    let elsewhere = Record { group: GroupName::new("elsewhere"), ..delete(10) };
    let added = [1, 2, 3, 4, 5, 6, 9, 10].map(add_of);
    let later = [delete(1), gone, refused, delete(6), restored, found, lost, named, elsewhere];
    add(records, added.into_iter().chain(kept).chain(later).collect()).await;
    // Again, with a clock that was put back: the order of sequences counts.
    add(records, vec![at(-50, Operation::Add, Outcome::Done, 1)]).await;
    let found = standing(records, 1000).await;
    let told = |one: &Standing| (one.address, one.since, one.mac, one.host_name.clone(), one.door.clone());
    let expected = |number: u32, seconds: i64| {
        let record = record(number);
        (record.address, time(seconds), record.mac, record.host_name, record.door)
    };
    let mut ninth = expected(9, 9);
    ninth.2 = other_mac;
    assert_eq!(
        found.iter().map(told).collect::<Vec<_>>(),
        [
            expected(1, -50),
            expected(2, 2),
            expected(4, 4),
            expected(5, 5),
            expected(6, 200),
            expected(7, 300),
            ninth,
            expected(10, 10),
        ]
    );
    for one in &found {
        assert_eq!(records.standing_of(one.address).await.expect("an answer"), std::slice::from_ref(one));
    }
    assert_eq!(records.standing_of(record(3).address).await.expect("an answer"), []);
}

async fn what_stands_comes_in_parts_that_leave_nothing_out(_: &Stage, records: &Records) {
    // More than a file has without an index, IPv6 too, and one address with more records than a part looks at.
    let number = u32::try_from(RECENT_AT_MOST).expect("few") + 20;
    let six = Record { address: "2001:db8::1".parse().expect("an address"), ..record(1) };
    let busy = (0..30).map(|number| Record { at: time(number), ..record(7) });
    for some in (0..number).map(record).chain(busy).chain([six]).collect::<Vec<_>>().chunks(100) {
        add(records, some.to_vec()).await;
    }
    let whole = standing(records, 10_000).await;
    assert_eq!(whole.len(), number as usize + 1);
    assert!(whole.is_sorted_by(|one, next| one.address < next.address || next.address.is_ipv6()));
    for rows in [1, 7, 100] {
        assert_eq!(standing(records, rows).await, whole, "{rows}");
    }
    // The last of an address with several records counts.
    assert_eq!(whole[7].since, time(29));
}
