//! What the database itself refuses, whoever writes to it.

use rusqlite::{Connection, params};

use super::super::key::{Key, Span};
use super::*;

fn insert(connection: &Connection, group: Option<i64>, text: &str, container: bool) -> rusqlite::Result<usize> {
    let prefix = prefix(text);
    let Span { first, last } = Span::whole(prefix);
    connection.execute(
        "INSERT INTO subnet (group_id, network, length, last, description, pool, container)
         VALUES (?1, ?2, ?3, ?4, '', 0, ?5)",
        params![group, first, prefix.length(), last, container],
    )
}

fn allocate(connection: &Connection, subnet: i64, address: &str) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO allocation (subnet_id, address, description, owner, created_at, updated_at)
         VALUES (?1, ?2, '', '', 0, 0)",
        params![subnet, Key::from(ip(address))],
    )
}

fn refusal(outcome: rusqlite::Result<usize>) -> String {
    let error = outcome.expect_err("a refusal");
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation));
    error.to_string()
}

#[test]
fn leaf_subnets_of_the_global_table_do_not_overlap() {
    let mut fixture = Fixture::new();
    fixture.subnet("10.0.0.0/24");
    let raw = fixture.raw();
    assert!(refusal(insert(&raw, None, "10.0.0.0/24", false)).contains("UNIQUE"));
    assert!(refusal(insert(&raw, None, "10.0.0.0/24", true)).contains("UNIQUE"));
    assert!(refusal(insert(&raw, None, "10.0.0.128/25", false)).contains("lies in one that holds addresses"));
    assert!(refusal(insert(&raw, None, "10.0.0.128/25", true)).contains("lies in one that holds addresses"));
    assert!(refusal(insert(&raw, None, "10.0.0.0/25", false)).contains("UNIQUE"));
    assert!(refusal(insert(&raw, None, "10.0.0.0/25", true)).contains("lies in one that holds addresses"));
    assert!(refusal(insert(&raw, None, "10.0.0.0/23", false)).contains("UNIQUE"));
    assert!(refusal(insert(&raw, None, "0.0.0.0/0", false)).contains("contains subnets"));
    for (text, container) in [("10.0.0.0/23", true), ("10.0.1.0/24", false), ("0.0.0.0/0", true)] {
        insert(&raw, None, text, container).expect(text);
    }
    assert_eq!(fixture.findings().len(), 1, "the /24 that was put in without its extent");
}

#[test]
fn a_group_is_a_table_of_its_own() {
    let mut fixture = Fixture::new();
    fixture.subnet("10.0.0.0/24");
    fixture.group("a");
    let raw = fixture.raw();
    insert(&raw, Some(1), "10.0.0.0/24", false).expect("another group");
    let moved = raw.execute("UPDATE subnet SET group_id = NULL WHERE group_id = 1", []);
    refusal(moved);
    insert(&raw, Some(1), "10.0.1.0/25", false).expect("a subnet");
    insert(&raw, None, "10.0.1.0/24", false).expect("a subnet");
    let moved = raw.execute("UPDATE subnet SET group_id = NULL WHERE group_id = 1 AND length = 25", []);
    refusal(moved);
    refusal(insert(&raw, Some(2), "10.9.0.0/24", false));
}

#[test]
fn an_address_lies_in_its_leaf_subnet_and_is_there_once() {
    let mut fixture = Fixture::new();
    let leaf = fixture.subnet("10.0.0.0/24").id;
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container").id;
    let raw = fixture.raw();
    allocate(&raw, leaf, "10.0.0.7").expect("an address");
    assert!(refusal(allocate(&raw, leaf, "10.0.0.7")).contains("UNIQUE"));
    assert!(refusal(allocate(&raw, leaf, "10.0.1.0")).contains("not in a subnet"));
    assert!(refusal(allocate(&raw, outer, "10.1.0.1")).contains("not in a subnet"));
    assert!(refusal(allocate(&raw, 99, "10.0.0.8")).contains("not in a subnet"));
    assert!(refusal(raw.execute("UPDATE allocation SET address = address", [])).contains("does not change"));
    assert!(refusal(raw.execute("UPDATE subnet SET last = network", [])).contains("do not change"));
    assert!(
        refusal(raw.execute("UPDATE subnet SET container = 1 WHERE id = ?1", [leaf])).contains("holds no addresses")
    );
    assert!(refusal(raw.execute("UPDATE subnet SET container = 0 WHERE id = ?1", [outer])).len() > 1);
    assert!(refusal(raw.execute("DELETE FROM subnet WHERE id = ?1", [leaf])).contains("FOREIGN KEY"));
}

#[test]
fn excluded_ranges_lie_in_a_leaf_subnet_and_do_not_overlap() {
    let mut fixture = Fixture::new();
    let leaf = fixture.subnet("10.0.0.0/24").id;
    let outer = fixture.try_subnet(container("10.0.0.0/8")).expect("a container").id;
    let raw = fixture.raw();
    let exclude = |subnet: i64, first: &str, last: &str| {
        raw.execute(
            "INSERT INTO excluded_range (subnet_id, first, last, comment) VALUES (?1, ?2, ?3, '')",
            params![subnet, Key::from(ip(first)), Key::from(ip(last))],
        )
    };
    exclude(leaf, "10.0.0.10", "10.0.0.20").expect("a range");
    for (first, last) in [
        ("10.0.0.10", "10.0.0.10"),
        ("10.0.0.20", "10.0.0.30"),
        ("10.0.0.0", "10.0.0.10"),
        ("10.0.0.12", "10.0.0.13"),
        ("10.0.0.0", "10.0.0.255"),
        ("10.0.0.250", "10.0.1.5"),
        ("10.0.0.9", "10.0.0.8"),
    ] {
        refusal(exclude(leaf, first, last));
    }
    refusal(exclude(outer, "10.1.0.0", "10.1.0.1"));
    exclude(leaf, "10.0.0.21", "10.0.0.30").expect("the neighbour");
}
