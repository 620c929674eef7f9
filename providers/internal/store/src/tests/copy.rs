//! Copies from one store into another, on the same engine and on the other.

use std::cell::RefCell;

use super::*;
use crate::{Progress, Step, Unseen};

/// Something of everything.
const CSV: &str = "kind,group,prefix,address,last,mac,hostname,description,owner,pool,container,created_at,updated_at\n\
    group,\"R+D, \"\"new\"\"\nline\",,,,,,\"ümlaut; =1+1\",,,,,\n\
    group,\" Lab\",,,,,,,,,,,\n\
    subnet,,10.0.0.0/8,,,,,,,,true,,\n\
    subnet,,10.0.0.0/24,,,,,Servers,,,,,\n\
    subnet,\" Lab\",10.0.0.0/29,,,,,,,true,,,\n\
    subnet,,2001:db8::/64,,,,,,,,,,\n\
    excluded,,10.0.0.0/24,10.0.0.1,10.0.0.9,,,\" blank kept \",,,,,\n\
    address,,10.0.0.0/24,10.0.0.5,,00:00:5e:00:53:01,a.example.com,,me,,,2020-01-31T12:00:00Z,2021-01-31T12:00:00Z\n\
    address,\" Lab\",10.0.0.0/29,10.0.0.0,,,,First,,,,,\n\
    address,,2001:db8::/64,2001:db8::ff,,,,,,,,,\n";

fn export(fixture: &Fixture) -> String {
    let mut text = Vec::new();
    fixture.store.export(&mut text).expect("an export");
    String::from_utf8(text).expect("UTF-8")
}

/// A store with something of everything.
fn filled(engine: Engine) -> Fixture {
    let mut fixture = Fixture::on(engine);
    fixture.store.import(CSV.as_bytes()).expect("an import");
    fixture
}

fn a_copy_and_a_copy_of_it_have_the_same_export(engine: Engine) {
    let first = filled(engine);
    for other in Engine::all() {
        let (mut there, mut back) = (Fixture::on(other), Fixture::on(engine));
        let copied = first.store.copy_into(&mut there.store, &Unseen).expect("a copy");
        assert_eq!((copied.groups, copied.subnets, copied.excluded_ranges, copied.addresses), (2, 4, 1, 3));
        there.store.copy_into(&mut back.store, &Unseen).expect("a copy");
        for copy in [&there, &back] {
            assert_eq!(export(copy), export(&first), "{other:?}");
            assert_eq!(copy.findings(), [""; 0], "{other:?}");
        }
    }
}

fn an_empty_store_is_copied(engine: Engine) {
    for other in Engine::all() {
        let copied = Fixture::on(engine).store.copy_into(&mut Fixture::on(other).store, &Unseen);
        assert_eq!(copied.expect("a copy"), crate::Imported::default());
    }
}

fn nothing_is_copied_into_a_store_that_has_something(engine: Engine) {
    let first = filled(Engine::Sqlite);
    let mut other = Fixture::on(engine);
    other.group("a");
    let before = export(&other);
    assert!(matches!(first.store.copy_into(&mut other.store, &Unseen), Err(StoreError::NotNew)));
    assert_eq!(export(&other), before);
}

fn what_contradicts_the_rules_is_not_copied_and_leaves_nothing(engine: Engine) {
    let first = filled(engine);
    first.damage("UPDATE allocation SET hostname = 'two words' WHERE hostname IS NOT NULL");
    for other in Engine::all() {
        let mut copy = Fixture::on(other);
        assert!(matches!(first.store.copy_into(&mut copy.store, &Unseen), Err(StoreError::Import(_))));
        assert_eq!(copy.store.groups().expect("groups"), []);
    }
}

/// What was reported of the progress.
#[derive(Debug, Default)]
struct Seen(RefCell<Vec<(Step, Option<u64>, u64)>>);

impl Progress for Seen {
    fn begin(&self, step: Step, total: Option<u64>) {
        self.0.borrow_mut().push((step, total, 0));
    }

    fn advance(&self, parts: u64) {
        self.0.borrow_mut().last_mut().expect("a step").2 += parts;
    }
}

fn the_progress_of_each_step_reaches_its_end(engine: Engine) {
    let (first, mut other, seen) = (filled(engine), Fixture::on(engine), Seen::default());
    first.store.copy_into(&mut other.store, &seen).expect("a copy");
    let bytes = export(&first).len() as u64;
    let right = [
        (Step::Exporting, Some(3), 3),
        (Step::Reading, Some(bytes), bytes),
        (Step::Adding, Some(3), 3),
        (Step::CheckingDatabase, None, 0),
        // The excluded range is looked at too.
        (Step::Checking, Some(4), 4),
        (Step::Exporting, Some(3), 3),
    ];
    assert_eq!(*seen.0.borrow(), right);
}

over_each_engine! {
    a_copy_and_a_copy_of_it_have_the_same_export,
    an_empty_store_is_copied,
    nothing_is_copied_into_a_store_that_has_something,
    what_contradicts_the_rules_is_not_copied_and_leaves_nothing,
    the_progress_of_each_step_reaches_its_end,
}
