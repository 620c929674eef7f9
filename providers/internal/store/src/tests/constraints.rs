//! What the database itself refuses, whoever writes to it.

use super::*;
use crate::key::Span;
use crate::{Constraint, Failure};

/// What keeps leaves apart in PostgreSQL, before the rules that SQLite has for it.
const OF_LEAVES: &str = "subnet_leaves_do_not_overlap";

/// Rows that are put in past the store.
struct Raw<'f> {
    fixture: &'f Fixture,
    engine: Engine,
}

impl Raw<'_> {
    fn run(&self, sql: &str) -> Result<u64> {
        self.fixture.raw(sql)
    }

    fn insert(&self, group: Option<i64>, text: &str, container: bool) -> Result<u64> {
        let prefix = prefix(text);
        let Span { first, last } = Span::whole(prefix);
        let [first, last] = [first, last].map(|end| self.engine.address(&end.address().to_string()));
        let group = group.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        self.run(&format!(
            "INSERT INTO subnet (group_id, network, length, last, description, pool, container)
             VALUES ({group}, {first}, {}, {last}, '', 0, {})",
            prefix.length(),
            u8::from(container)
        ))
    }

    fn allocate(&self, subnet: i64, address: &str) -> Result<u64> {
        self.run(&format!(
            "INSERT INTO allocation (subnet_id, address, description, owner, created_at, updated_at)
             VALUES ({subnet}, {}, '', '', 0, 0)",
            self.engine.address(address)
        ))
    }

    fn exclude(&self, subnet: i64, first: &str, last: &str) -> Result<u64> {
        let [first, last] = [first, last].map(|end| self.engine.address(end));
        self.run(&format!(
            "INSERT INTO excluded_range (subnet_id, first, last, comment) VALUES ({subnet}, {first}, {last}, '')"
        ))
    }
}

fn refused(outcome: Result<u64>) -> (Constraint, String) {
    match outcome {
        Err(StoreError::Database(error)) => match error.failure() {
            Failure::Refused(constraint) => (constraint, error.to_string()),
            other => panic!("{other:?}: {error}"),
        },
        other => panic!("a refusal, not {other:?}"),
    }
}

fn is_there_already(outcome: Result<u64>) {
    let (constraint, text) = refused(outcome);
    assert_eq!(constraint, Constraint::Unique, "{text}");
}

fn is_against_a_rule(outcome: Result<u64>, rule: &str) {
    let (constraint, text) = refused(outcome);
    assert!(
        constraint == Constraint::Rule && (text.contains(rule) || text.contains(OF_LEAVES)),
        "{constraint:?}: {text}"
    );
}

fn leaf_subnets_of_the_global_table_do_not_overlap(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.subnet("10.0.0.0/24");
    let raw = Raw { fixture: &fixture, engine };
    is_there_already(raw.insert(None, "10.0.0.0/24", false));
    is_there_already(raw.insert(None, "10.0.0.0/24", true));
    is_against_a_rule(raw.insert(None, "10.0.0.128/25", false), "lies in one that holds addresses");
    is_against_a_rule(raw.insert(None, "10.0.0.128/25", true), "lies in one that holds addresses");
    is_there_already(raw.insert(None, "10.0.0.0/25", false));
    is_against_a_rule(raw.insert(None, "10.0.0.0/25", true), "lies in one that holds addresses");
    is_there_already(raw.insert(None, "10.0.0.0/23", false));
    is_against_a_rule(raw.insert(None, "0.0.0.0/0", false), "contains subnets");
    for (text, container) in [("10.0.0.0/23", true), ("10.0.1.0/24", false), ("0.0.0.0/0", true)] {
        raw.insert(None, text, container).expect(text);
    }
    assert_eq!(fixture.findings().len(), 1, "the /24 that was put in without its extent");
}

fn a_group_is_a_table_of_its_own(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.subnet("10.0.0.0/24");
    fixture.group("a");
    let raw = Raw { fixture: &fixture, engine };
    raw.insert(Some(1), "10.0.0.0/24", false).expect("another group");
    refused(raw.run("UPDATE subnet SET group_id = NULL WHERE group_id = 1"));
    raw.insert(Some(1), "10.0.1.0/25", false).expect("a subnet");
    raw.insert(None, "10.0.1.0/24", false).expect("a subnet");
    refused(raw.run("UPDATE subnet SET group_id = NULL WHERE group_id = 1 AND length = 25"));
    let (constraint, text) = refused(raw.insert(Some(2), "10.9.0.0/24", false));
    assert_eq!(constraint, Constraint::ForeignKey, "{text}");
}

fn an_address_lies_in_its_leaf_subnet_and_is_there_once(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let leaf = fixture.subnet("10.0.0.0/24").id;
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container").id;
    let raw = Raw { fixture: &fixture, engine };
    raw.allocate(leaf, "10.0.0.7").expect("an address");
    is_there_already(raw.allocate(leaf, "10.0.0.7"));
    is_against_a_rule(raw.allocate(leaf, "10.0.1.0"), "not in a subnet");
    is_against_a_rule(raw.allocate(outer, "10.1.0.1"), "not in a subnet");
    is_against_a_rule(raw.allocate(99, "10.0.0.8"), "not in a subnet");
    is_against_a_rule(raw.run("UPDATE allocation SET address = address"), "does not change");
    is_against_a_rule(raw.run("UPDATE subnet SET last = network"), "do not change");
    let to_container = format!("UPDATE subnet SET container = 1 WHERE id = {leaf}");
    is_against_a_rule(raw.run(&to_container), "holds no addresses");
    refused(raw.run(&format!("UPDATE subnet SET container = 0 WHERE id = {outer}")));
    let (constraint, text) = refused(raw.run(&format!("DELETE FROM subnet WHERE id = {leaf}")));
    assert_eq!(constraint, Constraint::ForeignKey, "{text}");
}

fn excluded_ranges_lie_in_a_leaf_subnet_and_do_not_overlap(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let leaf = fixture.subnet("10.0.0.0/24").id;
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container").id;
    let raw = Raw { fixture: &fixture, engine };
    raw.exclude(leaf, "10.0.0.10", "10.0.0.20").expect("a range");
    for (first, last) in [
        ("10.0.0.10", "10.0.0.10"),
        ("10.0.0.20", "10.0.0.30"),
        ("10.0.0.0", "10.0.0.10"),
        ("10.0.0.12", "10.0.0.13"),
        ("10.0.0.0", "10.0.0.255"),
        ("10.0.0.250", "10.0.1.5"),
        ("10.0.0.9", "10.0.0.8"),
    ] {
        refused(raw.exclude(leaf, first, last));
    }
    refused(raw.exclude(outer, "10.1.0.0", "10.1.0.1"));
    raw.exclude(leaf, "10.0.0.21", "10.0.0.30").expect("the neighbour");
}

over_each_engine! {
    leaf_subnets_of_the_global_table_do_not_overlap,
    a_group_is_a_table_of_its_own,
    an_address_lies_in_its_leaf_subnet_and_is_there_once,
    excluded_ranges_lie_in_a_leaf_subnet_and_do_not_overlap,
}
