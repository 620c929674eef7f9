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
        let Span { first, last } = prefix.whole();
        let [first, last] = [first, last].map(|end| self.engine.address(&end.address().to_string()));
        let group = group.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        self.run(&format!(
            "INSERT INTO subnet (group_id, network, length, last, description, pool, container, {COMMON})
             VALUES ({group}, {first}, {}, {last}, '', {}, {}, {})",
            prefix.prefix().map_or_else(|| "NULL".to_owned(), |prefix| prefix.length().to_string()),
            u8::from(prefix.prefix().is_none()),
            u8::from(container),
            self.engine.common()
        ))
    }

    fn allocate(&self, subnet: i64, address: &str) -> Result<u64> {
        self.run(&format!(
            "INSERT INTO allocation (subnet_id, address, description, {COMMON}) VALUES ({subnet}, {}, '', {})",
            self.engine.address(address),
            self.engine.common()
        ))
    }

    fn exclude(&self, subnet: i64, first: &str, last: &str) -> Result<u64> {
        let [first, last] = [first, last].map(|end| self.engine.address(end));
        self.run(&format!(
            "INSERT INTO excluded_range (subnet_id, first, last, comment, {COMMON})
             VALUES ({subnet}, {first}, {last}, '', {})",
            self.engine.common()
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
    is_against_a_rule(raw.insert(None, "10.0.0.128/25", false), "overlaps one that holds addresses");
    is_against_a_rule(raw.insert(None, "10.0.0.128/25", true), "overlaps one that holds addresses");
    is_there_already(raw.insert(None, "10.0.0.0/25", false));
    is_against_a_rule(raw.insert(None, "10.0.0.0/25", true), "overlaps one that holds addresses");
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
    is_against_a_rule(raw.run("UPDATE allocation SET address = address"), "do not change");
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

fn ranges_of_a_group_overlap_nothing_but_containers_around_them(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.try_subnet(container("10.0.0.0/24")).expect("a container");
    fixture.subnet("10.0.2.0/24");
    let raw = Raw { fixture: &fixture, engine };
    let overlaps = "overlaps one that holds addresses";
    raw.insert(None, "10.0.0.10-10.0.0.20", false).expect("a range in a container");
    is_against_a_rule(raw.insert(None, "10.0.0.20-10.0.0.30", false), overlaps);
    is_against_a_rule(raw.insert(None, "10.0.0.5-10.0.0.12", false), "contains subnets");
    is_against_a_rule(raw.insert(None, "10.0.0.12-10.0.0.13", false), overlaps);
    is_against_a_rule(raw.insert(None, "10.0.0.0-10.0.1.9", false), "contains subnets");
    is_against_a_rule(raw.insert(None, "10.0.0.200-10.0.1.9", false), "reaches out of a container");
    is_against_a_rule(raw.insert(None, "9.0.0.0-10.0.0.5", false), "contains subnets");
    is_against_a_rule(raw.insert(None, "10.0.1.9-10.0.2.0", false), "contains subnets");
    is_against_a_rule(raw.insert(None, "10.0.2.255-10.0.3.9", false), overlaps);
    is_there_already(raw.insert(None, "10.0.0.0-10.0.0.255", false));
    raw.insert(None, "10.0.3.250-10.0.4.9", false).expect("a range across /24s");
    for text in ["10.0.4.0/24", "10.0.3.0/24", "10.0.3.248/29"] {
        is_against_a_rule(raw.insert(None, text, true), overlaps);
    }
    is_against_a_rule(raw.insert(None, "10.0.3.0/24", false), "contains subnets");
    is_against_a_rule(raw.insert(None, "10.0.4.0/24", false), overlaps);
    raw.insert(None, "10.0.0.0/21", true).expect("a container around all");
    let (constraint, text) = refused(raw.insert(None, "10.0.5.0-10.0.5.9", true));
    assert_eq!(constraint, Constraint::Check, "{text}");
    let (constraint, text) = refused(
        raw.insert(None, "10.0.5.0-10.0.5.9", false)
            .and_then(|_| raw.run("UPDATE subnet SET pool = 0 WHERE length IS NULL")),
    );
    assert_eq!(constraint, Constraint::Check, "{text}");
    let mixed = format!(
        "INSERT INTO subnet (network, last, description, pool, container, {COMMON}) VALUES ({}, {}, '', 1, 0, {})",
        engine.address("255.255.255.255"),
        engine.address("0:0:0:0:0:1::"),
        engine.common()
    );
    let (constraint, text) = refused(raw.run(&mixed));
    assert_eq!(constraint, Constraint::Check, "{text}");
}

fn a_gateway_lies_in_its_leaf_subnet(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let leaf = fixture.subnet("10.0.0.0/24").id;
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container").id;
    let raw = Raw { fixture: &fixture, engine };
    let set = |subnet: i64, value: &str| raw.run(&format!("UPDATE subnet SET gateway = {value} WHERE id = {subnet}"));
    set(leaf, &engine.address("10.0.0.255")).expect("a gateway");
    for (subnet, value) in
        [(leaf, engine.address("10.0.1.0")), (leaf, engine.bytes("0a000001")), (outer, engine.address("10.0.0.1"))]
    {
        let (constraint, text) = refused(set(subnet, &value));
        assert_eq!(constraint, Constraint::Check, "{text}");
    }
}

/// The tables that have the columns of [`COMMON`].
const TABLES: [&str; 4] = ["ipam_group", "subnet", "excluded_range", "allocation"];

/// A store with two of each record.
fn two_of_each(engine: Engine) -> Fixture {
    let mut fixture = Fixture::on(engine);
    for name in ["a", "b"] {
        fixture.group(name);
        let subnet = fixture.try_subnet(in_group(name, "10.0.0.0/24")).expect("a subnet");
        fixture.exclude(&subnet, "10.0.0.10", "10.0.0.20").expect("a range");
        fixture.take(&subnet, "10.0.0.5").expect("an address");
    }
    fixture
}

fn external_ids_are_unique_among_records_of_a_kind(engine: Engine) {
    let fixture = two_of_each(engine);
    for table in TABLES {
        is_there_already(fixture.raw(&format!("UPDATE {table} SET external_id = 'x'")));
        let one = format!(
            "UPDATE {table} SET external_id = 'x'
             WHERE public_id = (SELECT public_id FROM {table} ORDER BY public_id LIMIT 1)"
        );
        assert_eq!(fixture.raw(&one).expect("one of each kind may have it"), 1, "{table}");
        let (constraint, text) = refused(fixture.raw(&format!("UPDATE {table} SET external_id = ''")));
        assert_eq!(constraint, Constraint::Check, "{text}");
    }
}

fn public_ids_are_unique_and_do_not_change(engine: Engine) {
    let mut fixture = two_of_each(engine);
    for table in TABLES {
        is_against_a_rule(fixture.raw(&format!("UPDATE {table} SET public_id = public_id")), "not change");
    }
    let subnet = fixture.subnet("10.0.0.0/24").id;
    let raw = Raw { fixture: &fixture, engine };
    let own = engine.common();
    let add = |address: &str, common: &str| {
        raw.run(&format!(
            "INSERT INTO allocation (subnet_id, address, description, {COMMON}) VALUES ({subnet}, {}, '', {common})",
            engine.address(address)
        ))
    };
    add("10.0.0.6", &own).expect("an address");
    is_there_already(add("10.0.0.7", &own));
    let short = own.replacen("00", "", 1);
    let (constraint, text) = refused(add("10.0.0.8", &short));
    assert_eq!(constraint, Constraint::Check, "{text}");
    let [first, second] = ["10.9.0.40", "10.9.0.41"].map(|text| engine.address(text));
    let [low, high] = ["10.0.0.40", "10.0.0.41"].map(|text| engine.address(text));
    for (into, one, other) in [
        ("ipam_group (name, description", "'g'".to_owned(), "'h'".to_owned()),
        ("excluded_range (subnet_id, first, last, comment", format!("1, {low}, {low}"), format!("1, {high}, {high}")),
        (
            "subnet (pool, container, length, network, last, description",
            format!("0, 0, 32, {first}, {first}"),
            format!("0, 0, 32, {second}, {second}"),
        ),
    ] {
        let common = engine.common();
        let insert = |values: &str| raw.run(&format!("INSERT INTO {into}, {COMMON}) VALUES ({values}, '', {common})"));
        insert(&one).expect(into);
        is_there_already(insert(&other));
    }
}

fn tags_and_metadata_have_their_form(engine: Engine) {
    let fixture = two_of_each(engine);
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(16_384));
    for table in TABLES {
        for right in ["tags = 'a,b'", "tags = ''", "metadata = '{\"a\": {\"b\": [1]}}'"] {
            fixture.raw(&format!("UPDATE {table} SET {right}")).expect(right);
        }
        for wrong in [
            "tags = 'a,,b'",
            "tags = ',a'",
            "tags = 'a,'",
            "tags = ','",
            "metadata = '[]'",
            "metadata = 'null'",
            &format!("metadata = '{large}'"),
        ] {
            let (constraint, text) = refused(fixture.raw(&format!("UPDATE {table} SET {wrong}")));
            assert_eq!(constraint, Constraint::Check, "{wrong}: {text}");
        }
        for wrong in [
            "metadata = ''",
            "metadata = '{'",
            "metadata = NULL",
            "tags = NULL",
            "owner = NULL",
            "created_at = NULL",
            "updated_at = NULL",
        ] {
            assert!(fixture.raw(&format!("UPDATE {table} SET {wrong}")).is_err(), "{table}: {wrong}");
        }
    }
}

over_each_engine! {
    leaf_subnets_of_the_global_table_do_not_overlap,
    a_group_is_a_table_of_its_own,
    an_address_lies_in_its_leaf_subnet_and_is_there_once,
    excluded_ranges_lie_in_a_leaf_subnet_and_do_not_overlap,
    ranges_of_a_group_overlap_nothing_but_containers_around_them,
    a_gateway_lies_in_its_leaf_subnet,
    external_ids_are_unique_among_records_of_a_kind,
    public_ids_are_unique_and_do_not_change,
    tags_and_metadata_have_their_form,
}
