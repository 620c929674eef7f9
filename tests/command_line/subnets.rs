//! `subnet`.

use serde_json::json;

use crate::site::{Site, rows};

#[test]
fn a_subnet_is_shown_with_its_counts_and_excluded_ranges() {
    let site = Site::new();
    site.ok(&["group", "add", "A"]);
    let added = site.ok(&[
        "subnet",
        "add",
        "10.0.0.0/24",
        "--group",
        "A",
        "--description",
        "Servers",
        "--exclude",
        "10.0.0.200-10.0.0.254",
        "--exclude",
        "10.0.0.100",
    ]);
    assert_eq!(added, "Subnet 10.0.0.0/24 (group A) is added\n");
    site.ok(&["address", "add", "10.0.0.5"]);
    assert_eq!(
        site.brief(&["subnet", "show", "10.0.0.0/24", "--json"]),
        json!({
            "id": 1, "group": "A", "prefix": "10.0.0.0/24", "description": "Servers", "pool": false,
            "container": false, "used": 1, "free": 197, "excluded": 56,
            "excluded_ranges": [
                {"first": "10.0.0.100", "last": "10.0.0.100", "comment": ""},
                {"first": "10.0.0.200", "last": "10.0.0.254", "comment": ""},
            ],
        })
    );
    let mut shown = rows(&site.ok(&["subnet", "show", "10.0.0.0/24"]));
    let common: Vec<String> = shown.drain(8..14).map(|row| row[0].clone()).collect();
    assert_eq!(common, ["Tags", "External id", "Metadata", "Id", "Created", "Changed"]);
    assert_eq!(
        shown,
        [
            vec!["Subnet", "10.0.0.0/24"],
            vec!["Group", "A"],
            vec!["Description", "Servers"],
            vec!["Kind", "network"],
            vec!["Gateway", "-"],
            vec!["Used", "1"],
            vec!["Free", "197"],
            vec!["Excluded", "56"],
            vec![],
            vec!["EXCLUDED FROM", "TO", "COMMENT"],
            vec!["10.0.0.100", "10.0.0.100"],
            vec!["10.0.0.200", "10.0.0.254"],
        ]
    );
}

#[test]
fn a_gateway_is_not_offered_when_it_is_named_and_else_that_is_said() {
    let site = Site::new();
    let reminder = "Its gateway is offered to hosts like any address, unless --gateway or --exclude names it";
    assert!(site.ok(&["subnet", "add", "10.0.0.0/24"]).contains(reminder));
    let next = |subnet: &str| site.ok(&["address", "add", "--next", "--subnet", subnet]);
    assert_eq!(next("10.0.0.0/24"), "10.0.0.1\n");
    for (number, options) in [
        &["--gateway", "10.1.1.1"][..],
        &["--exclude", "10.1.2.1"],
        &["--gateway", "10.1.3.1", "--exclude", "10.1.3.1-10.1.3.1"],
    ]
    .iter()
    .enumerate()
    {
        let subnet = format!("10.1.{}.0/24", number + 1);
        let said = site.ok(&[&["subnet", "add", &subnet], *options].concat());
        assert_eq!(said, format!("Subnet {subnet} is added\n"));
        assert_eq!(next(&subnet), format!("10.1.{}.2\n", number + 1));
    }
    let shown = site.json(&["subnet", "show", "10.1.1.0/24", "--json"]);
    assert_eq!(shown["gateway"], "10.1.1.1");
    for kind in ["--pool", "--container"] {
        let prefix = if kind == "--pool" { "10.2.0.0/24" } else { "10.3.0.0/16" };
        assert!(!site.ok(&["subnet", "add", prefix, kind]).contains(reminder), "{kind}");
    }
    let outside = site.refused(&["subnet", "add", "10.4.0.0/24", "--gateway", "10.5.0.1"]);
    assert_eq!(outside, "Gateway 10.5.0.1 is not in subnet 10.4.0.0/24");
    let both = ["--gateway", "10.6.0.1", "--gateway", "10.6.0.2", "--exclude", "10.6.0.9"];
    site.ok(&[&["subnet", "add", "10.6.0.0/24"], &both[..]].concat());
    let shown = site.brief(&["subnet", "show", "10.6.0.0/24", "--json"]);
    assert_eq!((&shown["gateway"], &shown["excluded_ranges"][0]["comment"]), (&json!("10.6.0.1"), &json!("gateway")));
    site.ok(&["subnet", "edit", "10.6.0.0/24", "--gateway", "10.6.0.3"]);
    assert_eq!(next("10.6.0.0/24"), "10.6.0.1\n");
    assert_eq!(next("10.6.0.0/24"), "10.6.0.4\n");
    site.ok(&["subnet", "edit", "10.6.0.0/24", "--no-gateway"]);
    assert_eq!(next("10.6.0.0/24"), "10.6.0.3\n");
}

#[test]
fn a_range_of_addresses_is_a_subnet_and_named_by_its_ends() {
    let site = Site::new();
    let range = "10.0.0.10-10.0.0.12";
    assert_eq!(site.ok(&["subnet", "add", range]), format!("Subnet {range} is added\n"));
    assert_eq!(rows(&site.ok(&["subnet", "list"]))[1], [range, "-", "range"]);
    assert_eq!(site.ok(&["address", "add", "--next", "--subnet", range]), "10.0.0.10\n");
    assert_eq!(site.json(&["address", "show", "10.0.0.10", "--json"])["prefix"], range);
    assert_eq!(site.json(&["subnet", "show", range, "--json"])["free"], 2);
    assert!(site.refused(&["subnet", "add", "10.0.0.12/30"]).contains(range));
    assert!(site.misused(&["subnet", "add", "10.0.0.12-10.0.0.10"]).contains("it ends before it begins"));
    site.ok(&["subnet", "delete", range, "--with-contents"]);
}

#[test]
fn tags_and_external_ids_are_set_changed_and_exported() {
    let site = Site::new();
    site.ok(&["group", "add", "A", "--tag", "b", "--tag", "a", "--external-id", "g-1"]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "A", "--tag", "web", "--external-id", "s-1"]);
    site.ok(&["address", "add", "10.0.0.5", "--tag", "web", "--external-id", "a-1"]);
    let of = |arguments: &[&str]| {
        let shown = site.json(&[arguments, &["--json"]].concat());
        json!([shown["tags"], shown["external_id"]])
    };
    assert_eq!(of(&["group", "show", "A"]), json!([["a", "b"], "g-1"]));
    site.ok(&["group", "edit", "A", "--tag", "c"]);
    assert_eq!(of(&["group", "show", "A"]), json!([["c"], "g-1"]));
    site.ok(&["subnet", "edit", "10.0.0.0/24", "--no-tags", "--external-id", "s-2"]);
    assert_eq!(of(&["subnet", "show", "10.0.0.0/24"]), json!([[], "s-2"]));
    site.ok(&["address", "edit", "10.0.0.5", "--no-external-id"]);
    assert_eq!(of(&["address", "show", "10.0.0.5"]), json!([["web"], null]));
    site.ok(&["subnet", "add", "10.0.1.0/24"]);
    let taken = site.refused(&["subnet", "edit", "10.0.1.0/24", "--external-id", "s-2"]);
    assert_eq!(taken, "External id 's-2' is that of another record");
    assert!(site.misused(&["group", "edit", "A", "--tag", "a,b"]).contains("is not a tag"));
    let exported = site.ok(&["export"]);
    assert!(
        exported
            .lines()
            .next()
            .is_some_and(|header| header.ends_with(",gateway,external_id,tags,metadata,id,plan,details"))
    );
    site.write("all.csv", &exported);
    let other = site.text("other.sqlite");
    site.ok(&["import", &site.text("all.csv"), "--store", &other]);
    assert_eq!(site.ok(&["export", "--store", &other]), exported);
}

#[test]
fn more_addresses_than_any_number_of_64_bits_are_counted() {
    let site = Site::new();
    site.ok(&["subnet", "add", "2001:db8::/32"]);
    let shown = site.ok(&["subnet", "show", "2001:db8::/32", "--json"]);
    // 2 to the power of 96, without the subnet-router anycast address.
    assert!(shown.contains("\"free\": 79228162514264337593543950335,"), "{shown}");
}

#[test]
fn when_a_range_is_wrong_the_subnet_is_not_added() {
    let site = Site::with("kind,group\ngroup,A\n");
    let error = site.refused(&["subnet", "add", "10.0.0.0/24", "--exclude", "10.0.1.1-10.0.1.9"]);
    assert_eq!(error, "Range 10.0.1.1 to 10.0.1.9 is not in subnet 10.0.0.0/24");
    assert_eq!(site.json(&["subnet", "list", "--json"]), json!([]));
    for (range, reason) in [
        ("10.0.0.9-10.0.0.1", "it ends before it begins"),
        ("10.0.0.1-::9", "one end is IPv4 and the other IPv6"),
        ("10.0.0.1-9", "write FIRST-LAST such as 10.1.2.10-10.1.2.20, or one address"),
    ] {
        let said = site.misused(&["subnet", "add", "10.0.0.0/24", "--exclude", range]);
        assert!(said.contains(reason), "{said}");
    }
    let said = site.misused(&["subnet", "add", "10.0.0.5/24"]);
    assert!(said.contains("Network address 10.0.0.5 should be 10.0.0.0 with prefix 24"), "{said}");
    site.misused(&["subnet", "add", "10.0.0.0/8", "--container", "--exclude", "10.0.0.1"]);
}

#[test]
fn a_range_is_excluded_and_included_again() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/29"]);
    let range = "10.0.0.1-10.0.0.5";
    assert_eq!(
        site.ok(&["subnet", "exclude", "10.0.0.0/29", range, "--comment", "DHCP"]),
        "10.0.0.1 to 10.0.0.5 of subnet 10.0.0.0/29 is never offered\n"
    );
    let shown = site.json(&["subnet", "show", "10.0.0.0/29", "--json"]);
    assert_eq!((&shown["free"], &shown["excluded_ranges"][0]["comment"]), (&json!(1), &json!("DHCP")));
    assert_eq!(site.ok(&["address", "add", "--next", "--subnet", "10.0.0.0/29"]), "10.0.0.6\n");
    assert_eq!(
        site.refused(&["subnet", "include", "10.0.0.0/29", "10.0.0.1-10.0.0.4"]),
        "Subnet 10.0.0.0/29 has no excluded range from 10.0.0.1 to 10.0.0.4"
    );
    assert_eq!(
        site.ok(&["subnet", "include", "10.0.0.0/29", range]),
        "10.0.0.1 to 10.0.0.5 of subnet 10.0.0.0/29 is offered again\n"
    );
    assert_eq!(site.json(&["subnet", "show", "10.0.0.0/29", "--json"])["free"], 5);
}

#[test]
fn a_prefix_in_several_groups_is_named_with_its_group() {
    let site = Site::new();
    for group in ["A", "B"] {
        site.ok(&["group", "add", group]);
        site.ok(&["subnet", "add", "10.0.0.0/24", "--group", group]);
    }
    let error = site.refused(&["subnet", "show", "10.0.0.0/24"]);
    assert_eq!(error, "Subnet 10.0.0.0/24 is in several groups; choose one of: A, B; name it with --group");
    assert_eq!(site.json(&["subnet", "show", "10.0.0.0/24", "--group", "B", "--json"])["group"], "B");
    assert_eq!(site.refused(&["subnet", "show", "10.0.0.0/24", "--group", "C"]), "There is no group 'C'");
    assert_eq!(site.refused(&["subnet", "list", "--group", "C"]), "There is no group 'C'");
    assert_eq!(site.refused(&["subnet", "show", "10.9.0.0/24"]), "There is no subnet 10.9.0.0/24");
    let of_b = site.json(&["subnet", "list", "--group", "B", "--json"]);
    assert_eq!(of_b.as_array().map(Vec::len), Some(1));
    assert_eq!(
        rows(&site.ok(&["subnet", "list"])),
        [
            vec!["SUBNET", "GROUP", "KIND", "DESCRIPTION"],
            vec!["10.0.0.0/24", "A", "network"],
            vec!["10.0.0.0/24", "B", "network"],
        ]
    );
}

#[test]
fn an_edit_changes_only_what_is_given() {
    let site = Site::new();
    site.ok(&["group", "add", "A"]);
    site.ok(&["subnet", "add", "10.0.0.0/30", "--description", "First"]);
    let edit = |arguments: &[&str]| {
        let said = site.ok(&[&["subnet", "edit", "10.0.0.0/30"], arguments].concat());
        assert!(said.ends_with(" is changed\n"), "{said}");
        let shown = site.json(&["subnet", "show", "10.0.0.0/30", "--json"]);
        json!([shown["group"], shown["description"], shown["pool"], shown["container"], shown["free"]])
    };
    assert_eq!(edit(&["--move-to", "A"]), json!(["A", "First", false, false, 2]));
    assert_eq!(edit(&["--pool", "true"]), json!(["A", "First", true, false, 4]));
    assert_eq!(edit(&["--no-group", "--description", ""]), json!([null, "", true, false, 4]));
    assert_eq!(edit(&["--pool", "false", "--container", "true"]), json!([null, "", false, true, 0]));
    assert_eq!(edit(&["--container", "false"]), json!([null, "", false, false, 2]));
    assert!(site.misused(&["subnet", "edit", "10.0.0.0/30"]).contains("--move-to"));
    site.misused(&["subnet", "edit", "10.0.0.0/30", "--move-to", "A", "--no-group"]);
}

#[test]
fn a_subnet_with_addresses_is_deleted_only_when_asked_to() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/24"]);
    site.ok(&["address", "add", "10.0.0.5"]);
    assert_eq!(
        site.refused(&["subnet", "delete", "10.0.0.0/24"]),
        "Subnet 10.0.0.0/24 holds addresses (1); delete these first, or ask for them to be deleted with it: \
         --with-contents"
    );
    assert_eq!(site.ok(&["subnet", "delete", "10.0.0.0/24", "--with-contents"]), "Subnet 10.0.0.0/24 is deleted\n");
    assert_eq!(site.json(&["subnet", "list", "--json"]), json!([]));
}

#[test]
fn subnets_lie_in_containers_and_not_in_others() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/8", "--container"]);
    site.ok(&["subnet", "add", "10.0.0.0/24"]);
    let error = site.refused(&["subnet", "add", "10.0.0.0/25"]);
    assert!(error.starts_with("Subnet 10.0.0.0/25 overlaps subnet 10.0.0.0/24"), "{error}");
    assert_eq!(site.refused(&["subnet", "add", "10.0.0.0/24"]), "Subnet 10.0.0.0/24 already exists");
    let listed = rows(&site.ok(&["subnet", "list"]));
    assert_eq!(listed[1..], [["10.0.0.0/8", "-", "container"], ["10.0.0.0/24", "-", "network"]]);
}
