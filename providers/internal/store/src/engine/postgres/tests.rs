//! The database: tables that several programs make at once, what the database keeps apart by itself, what it cannot keep.

use std::thread;

use super::testing::{Lent, Raw, server};
use crate::engine::STORE;
use crate::key::Span;
use crate::tests::{COMMON, Engine, Fixture, group, message, prefix};
use crate::{Constraint, Failure, NewSubnet, Store, StoreError};

/// An empty store, or `None` where PostgreSQL is not installed, which standard error says.
fn fixture() -> Option<Fixture> {
    server().map(|_| Fixture::on(Engine::Postgres))
}

#[test]
fn many_who_create_one_store_at_the_same_time_get_one_store() {
    if server().is_none() {
        return;
    }
    let lent = Lent::new();
    thread::scope(|scope| {
        for number in 0..8 {
            let database = lent.database();
            scope.spawn(move || {
                let mut store = Store::open_database(&database).expect("a store");
                let name = group(&format!("group {number}"));
                store.write(|writing| writing.add_group(&name, "")).expect("a group");
            });
        }
    });
    assert_eq!(Store::open_database(&lent.database()).expect("a store").groups().expect("groups").len(), 8);
}

#[test]
fn tables_of_a_newer_program_are_refused_with_both_numbers() {
    let Some(fixture) = fixture() else { return };
    let newer = STORE.database.tables.newest() + 1;
    fixture.raw(&format!("UPDATE public.ipam_proxy_schema SET version = {newer}")).expect("a version");
    let text = message(Store::open_database(&fixture.database()));
    let right =
        format!("has format {newer}, but this version knows no format after {}", STORE.database.tables.newest());
    assert!(text.contains(&right), "{text}");
}

/// What the store locks is not locked here: the constraint alone decides.
#[test]
fn of_leaves_that_overlap_and_are_added_at_the_same_time_one_is_refused() {
    let Some(fixture) = fixture() else { return };
    let insert = |text: &str| {
        let Span { first, last } = prefix(text).whole();
        let [first, last] = [first, last].map(|end| Engine::Postgres.address(&end.address().to_string()));
        format!(
            "INSERT INTO subnet (network, length, last, description, pool, container, {COMMON})
             VALUES ({first}, {}, {last}, '', 0, 0, {})",
            prefix(text).prefix().expect("a prefix").length(),
            Engine::Postgres.common()
        )
    };
    let database = fixture.database();
    let raw = |sql: &str| Raw::open(&database).execute(sql);
    let slow = Raw::open(&database);
    slow.batch("BEGIN");
    slow.execute(&insert("10.0.0.0/23")).expect("a subnet");
    thread::scope(|scope| {
        // It sees nothing of the other, and waits for what becomes of it.
        let outcome = scope.spawn(|| raw(&insert("10.0.1.0/24")));
        let elsewhere = scope.spawn(|| raw(&insert("10.0.2.0/24")));
        elsewhere.join().expect("no panic").expect("a subnet beside them");
        slow.batch("COMMIT");
        let Err(StoreError::Database(error)) = outcome.join().expect("no panic") else { panic!("both were added") };
        assert_eq!(error.failure(), Failure::Refused(Constraint::Rule), "{error}");
    });
    assert_eq!(fixture.raw("SELECT 1 FROM subnet").expect("subnets"), 2);
}

#[test]
fn text_that_the_database_cannot_keep_is_refused_and_the_unit_goes_on() {
    let Some(mut fixture) = fixture() else { return };
    let added = fixture.store.write(|writing| {
        let refused = writing.add_group(&group("a"), "nul \0");
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
        writing.add_group(&group("a"), "")
    });
    assert_eq!(added.expect("a group").description, "");
    let new = NewSubnet { description: "\0".to_owned(), ..NewSubnet::of(prefix("10.0.0.0/24")) };
    assert!(matches!(fixture.try_subnet(new), Err(StoreError::Invalid(_))));
}

/// Under a locale that takes some letters as equal, or sorts them in another way, too.
#[test]
fn names_compare_by_their_bytes() {
    let Some(mut fixture) = fixture() else { return };
    for name in ["straße", "strasse", "STRASSE", "strasse "] {
        fixture.group(name);
    }
    let names: Vec<String> =
        fixture.store.groups().expect("groups").into_iter().map(|group| group.name.to_string()).collect();
    assert_eq!(names, ["STRASSE", "strasse", "strasse ", "straße"]);
    let collations = Raw::open(&fixture.database()).texts(
        "SELECT collation_name::text FROM information_schema.columns
         WHERE table_schema = 'ipam_store' AND column_name = 'name' AND table_name = 'ipam_group'",
    );
    assert_eq!(collations, ["C"]);
}

#[test]
fn a_commit_is_durable_whatever_the_server_has_as_its_default() {
    let Some(fixture) = fixture() else { return };
    let database = fixture.database();
    let name = Raw::open(&database).texts("SELECT current_database()::text").remove(0);
    Raw::open(&database).batch(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let store = Store::open_database(&database).expect("a store");
    let crate::store::Engine::Database(pool) = &store.engine else { panic!("it is in a database") };
    assert_eq!(pool.setting("synchronous_commit"), "on");
    assert_eq!(pool.setting("plan_cache_mode"), "force_custom_plan");
    Raw::open(&database).batch(&format!("ALTER DATABASE {name} RESET synchronous_commit"));
}
