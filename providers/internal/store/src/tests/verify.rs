//! What is broken on purpose is found.

use super::*;

/// Breaks a store that has one of everything, without the constraints that would forbid it.
fn findings_after(engine: Engine, sql: &str) -> Vec<String> {
    let mut fixture = Fixture::on(engine);
    fixture.try_subnet(container("10.0.0.0/8")).expect("a container");
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.exclude(&subnet, "10.0.0.4", "10.0.0.5").expect("a range");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    assert_eq!(fixture.findings(), [""; 0], "before");
    fixture.damage(sql);
    fixture.findings()
}

/// An address of 10.0.0.0/24 as statements have it.
fn key(engine: Engine, last_byte: u8) -> String {
    engine.address(&format!("10.0.0.{last_byte}"))
}

fn is_found(engine: Engine, sql: &str, what: &str) {
    let findings = findings_after(engine, sql);
    assert!(findings.iter().any(|finding| finding.contains(what)), "{sql}: {findings:?}");
}

fn wrong_extents_are_found(engine: Engine) {
    let missing = "free extent that is missing";
    let extra = "free extent that should not be there";
    is_found(engine, "DELETE FROM free_extent", missing);
    is_found(engine, &format!("INSERT INTO free_extent VALUES (2, {0}, {0})", key(engine, 2)), extra);
    is_found(
        engine,
        &format!("UPDATE free_extent SET last = {} WHERE first = {}", key(engine, 2), key(engine, 1)),
        extra,
    );
    is_found(engine, &format!("INSERT INTO free_extent VALUES (2, {0}, {0})", key(engine, 7)), extra);
    is_found(engine, &format!("DELETE FROM allocation WHERE address = {}", key(engine, 2)), missing);
    is_found(engine, &format!("DELETE FROM excluded_range WHERE first = {}", key(engine, 4)), missing);
}

fn extents_that_were_never_merged_are_found(engine: Engine) {
    let sql = format!(
        "DELETE FROM allocation; DELETE FROM free_extent;
         INSERT INTO free_extent VALUES (2, {}, {}), (2, {}, {}), (2, {}, {})",
        key(engine, 1),
        key(engine, 1),
        key(engine, 2),
        key(engine, 3),
        key(engine, 6),
        key(engine, 6)
    );
    assert_eq!(findings_after(engine, &sql).len(), 3, "one extent is missing, two should not be there");
}

fn addresses_that_should_not_be_there_are_found(engine: Engine) {
    for (subnet, address) in [(2, 0), (2, 7), (2, 9)] {
        let row = format!(
            "INSERT INTO allocation VALUES ({subnet}, {}, NULL, NULL, '', {})",
            key(engine, address),
            engine.common()
        );
        is_found(engine, &row, "which it cannot give to a host");
    }
    is_found(
        engine,
        &format!("INSERT INTO allocation VALUES (1, {}, NULL, NULL, '', {})", key(engine, 9), engine.common()),
        "is a container",
    );
    is_found(
        engine,
        &format!("INSERT INTO allocation VALUES (9, {}, NULL, NULL, '', {})", key(engine, 9), engine.common()),
        "belongs to",
    );
    let no_mac = engine.bytes("00");
    is_found(engine, &format!("UPDATE allocation SET mac = {no_mac} WHERE address = {}", key(engine, 2)), "CHECK");
}

fn wrong_ranges_are_found(engine: Engine) {
    is_found(
        engine,
        &format!(
            "INSERT INTO excluded_range VALUES (2, {}, {}, '', {})",
            key(engine, 5),
            key(engine, 6),
            engine.common()
        ),
        "overlapping",
    );
    is_found(
        engine,
        &format!(
            "INSERT INTO excluded_range VALUES (2, {}, {}, '', {})",
            key(engine, 7),
            key(engine, 9),
            engine.common()
        ),
        "outside itself",
    );
    is_found(
        engine,
        &format!("INSERT INTO excluded_range VALUES (1, {0}, {0}, '', {1})", key(engine, 7), engine.common()),
        "is a container",
    );
}

fn wrong_subnets_are_found(engine: Engine) {
    let add = |network: u8, length: u8, last: u8| {
        format!(
            "INSERT INTO subnet (network, length, last, description, pool, container, {COMMON})
             VALUES ({}, {length}, {}, '', 0, 0, {})",
            key(engine, network),
            key(engine, last),
            engine.common()
        )
    };
    is_found(engine, &add(4, 30, 7), "overlaps subnet 10.0.0.0/29, no container");
    is_found(engine, &add(16, 28, 40), "ends at 10.0.0.40");
    is_found(engine, &add(17, 28, 31), "a prefix that is none");
    is_found(engine, &add(16, 99, 31), "a prefix that is none");
    is_found(engine, &format!("UPDATE subnet SET network = {} WHERE id = 2", engine.bytes("00")), "");
    is_found(engine, "UPDATE subnet SET container = 1 WHERE id = 2", "is a container and yet has addresses");
    is_found(
        engine,
        "DROP INDEX subnet_leaf; UPDATE subnet SET container = 0 WHERE id = 1",
        "overlaps subnet 10.0.0.0/8, no container",
    );
    is_found(engine, "UPDATE subnet SET group_id = 7 WHERE id = 2", "belongs to a row of ipam_group");
}

fn wrong_gateways_tags_and_ranges_across_containers_are_found(engine: Engine) {
    is_found(engine, &format!("UPDATE subnet SET gateway = {} WHERE id = 2", key(engine, 1)), "should not be there");
    is_found(engine, "UPDATE subnet SET tags = 'b,a' WHERE id = 2", "has tags twice or out of order");
    is_found(engine, "UPDATE allocation SET metadata = '[]'", "CHECK");
    let crossing = format!(
        "DROP INDEX subnet_leaf; INSERT INTO subnet (network, last, description, pool, container, {COMMON})
         VALUES ({}, {}, '', 1, 0, {})",
        engine.address("10.255.255.250"),
        engine.address("11.0.0.5"),
        engine.common()
    );
    is_found(engine, &crossing, "reaches out of subnet 10.0.0.0/8");
}

fn wrong_extents_can_be_made_anew(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let subnet = fixture.subnet("10.0.0.0/29");
    fixture.take(&subnet, "10.0.0.2").expect("an address");
    fixture.raw("DELETE FROM free_extent").expect("a damage");
    assert!(matches!(fixture.take(&subnet, "10.0.0.3"), Err(StoreError::Inconsistent(_))));
    let findings = fixture.store.verify().expect("a readable store");
    assert!(findings.iter().all(|finding| finding.rebuild_helps) && !findings.is_empty());
    fixture.store.write(|writing| writing.rebuild_extents(subnet.id)).expect("new extents");
    assert_eq!(fixture.findings(), [""; 0]);
    assert_eq!(fixture.free(&subnet), ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
}

fn a_finding_names_the_subnet_and_its_group(engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.group("a");
    fixture.try_subnet(in_group("a", "10.0.0.0/29")).expect("a subnet");
    fixture.raw("DELETE FROM free_extent").expect("a damage");
    let findings = fixture.store.verify().expect("a readable store");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].subnet.as_deref(), Some("10.0.0.0/29 (group a)"));
    assert_eq!(findings[0].what, "free extent that is missing: 10.0.0.1 to 10.0.0.6");
}

over_each_engine! {
    wrong_extents_are_found,
    extents_that_were_never_merged_are_found,
    addresses_that_should_not_be_there_are_found,
    wrong_ranges_are_found,
    wrong_subnets_are_found,
    wrong_gateways_tags_and_ranges_across_containers_are_found,
    wrong_extents_can_be_made_anew,
    a_finding_names_the_subnet_and_its_group,
}
