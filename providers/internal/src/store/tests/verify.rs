//! What is broken on purpose is found.

use super::*;

/// Breaks a store that has one of everything, without the constraints that would forbid it.
fn findings_after(sql: &str) -> Vec<String> {
    let mut fixture = Fixture::new();
    fixture.try_subnet(container("10.0.0.0/8")).expect("a container");
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.exclude(&subnet, "10.0.0.4", "10.0.0.5").expect("a range");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    assert_eq!(fixture.findings(), [""; 0], "before");
    let raw = fixture.raw();
    let triggers: Vec<String> = raw
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut triggers| triggers.query_map([], |row| row.get(0))?.collect())
        .expect("the triggers");
    let drops: String = triggers.iter().map(|name| format!("DROP TRIGGER {name};")).collect();
    raw.execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {drops} {sql};"))
        .expect("a damage");
    fixture.findings()
}

/// An address of 10.0.0.0/24 as the tables have it.
fn blob(last_byte: u8) -> String {
    format!("x'00000000000000000000ffff0a0000{last_byte:02x}'")
}

fn is_found(sql: &str, what: &str) {
    let findings = findings_after(sql);
    assert!(findings.iter().any(|finding| finding.contains(what)), "{sql}: {findings:?}");
}

#[test]
fn wrong_extents_are_found() {
    let missing = "free extent that is missing";
    let extra = "free extent that should not be there";
    is_found("DELETE FROM free_extent", missing);
    is_found(&format!("INSERT INTO free_extent VALUES (2, {0}, {0})", blob(2)), extra);
    is_found(&format!("UPDATE free_extent SET last = {} WHERE first = {}", blob(2), blob(1)), extra);
    is_found(&format!("INSERT INTO free_extent VALUES (2, {0}, {0})", blob(7)), extra);
    is_found(&format!("DELETE FROM allocation WHERE address = {}", blob(2)), missing);
    is_found(&format!("DELETE FROM excluded_range WHERE first = {}", blob(4)), missing);
}

#[test]
fn extents_that_were_never_merged_are_found() {
    let sql = format!(
        "DELETE FROM allocation; DELETE FROM free_extent;
         INSERT INTO free_extent VALUES (2, {}, {}), (2, {}, {}), (2, {}, {})",
        blob(1),
        blob(1),
        blob(2),
        blob(3),
        blob(6),
        blob(6)
    );
    assert_eq!(findings_after(&sql).len(), 3, "one extent is missing, two should not be there");
}

#[test]
fn addresses_that_should_not_be_there_are_found() {
    for (subnet, address) in [(2, 0), (2, 7), (2, 9)] {
        let row = format!("INSERT INTO allocation VALUES ({subnet}, {}, NULL, NULL, '', '', 0, 0)", blob(address));
        is_found(&row, "which it cannot give to a host");
    }
    is_found(&format!("INSERT INTO allocation VALUES (1, {}, NULL, NULL, '', '', 0, 0)", blob(9)), "is a container");
    is_found(&format!("INSERT INTO allocation VALUES (9, {}, NULL, NULL, '', '', 0, 0)", blob(9)), "belongs to");
    is_found(&format!("UPDATE allocation SET mac = x'00' WHERE address = {}", blob(2)), "CHECK");
}

#[test]
fn wrong_ranges_are_found() {
    is_found(&format!("INSERT INTO excluded_range VALUES (2, {}, {}, '')", blob(5), blob(6)), "overlapping");
    is_found(&format!("INSERT INTO excluded_range VALUES (2, {}, {}, '')", blob(7), blob(9)), "outside itself");
    is_found(&format!("INSERT INTO excluded_range VALUES (1, {0}, {0}, '')", blob(7)), "is a container");
}

#[test]
fn wrong_subnets_are_found() {
    let add = |network: u8, length: u8, last: u8| {
        format!(
            "INSERT INTO subnet (network, length, last, description, pool, container)
             VALUES ({}, {length}, {}, '', 0, 0)",
            blob(network),
            blob(last)
        )
    };
    is_found(&add(4, 30, 7), "overlaps subnet 10.0.0.0/29, no container");
    is_found(&add(16, 28, 40), "ends at 10.0.0.40");
    is_found(&add(17, 28, 31), "a prefix that is none");
    is_found(&add(16, 99, 31), "a prefix that is none");
    is_found("UPDATE subnet SET network = x'00' WHERE id = 2", "");
    is_found("UPDATE subnet SET container = 1 WHERE id = 2", "is a container and yet has addresses");
    is_found(
        "DROP INDEX subnet_leaf; UPDATE subnet SET container = 0 WHERE id = 1",
        "overlaps subnet 10.0.0.0/8, no container",
    );
    is_found("UPDATE subnet SET group_id = 7 WHERE id = 2", "belongs to a row of ipam_group");
}

#[test]
fn wrong_extents_can_be_made_anew() {
    let mut fixture = Fixture::new();
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    fixture.raw().execute("DELETE FROM free_extent", []).expect("a damage");
    assert!(matches!(fixture.take(&subnet, "10.0.0.3"), Err(StoreError::Inconsistent(_))));
    let findings = fixture.store.verify().expect("a readable store");
    assert!(findings.iter().all(|finding| finding.rebuild_helps) && !findings.is_empty());
    fixture.store.write(|writing| writing.rebuild_extents(subnet.id)).expect("new extents");
    assert_eq!(fixture.findings(), [""; 0]);
    assert_eq!(fixture.free(&subnet), ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
}

#[test]
fn a_finding_names_the_subnet_and_its_group() {
    let mut fixture = Fixture::new();
    fixture.group("a");
    fixture.try_subnet(in_group("a", "10.0.0.0/29")).expect("a subnet");
    fixture.raw().execute("DELETE FROM free_extent", []).expect("a damage");
    let findings = fixture.store.verify().expect("a readable store");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].subnet.as_deref(), Some("10.0.0.0/29 (group a)"));
    assert_eq!(findings[0].what, "free extent that is missing: 10.0.0.1 to 10.0.0.6");
}
