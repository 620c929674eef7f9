//! `group`.

use serde_json::json;

use crate::site::{Site, is_there, rows};

#[test]
fn the_first_group_creates_the_store() {
    let site = Site::new();
    let error = site.refused(&["group", "list"]);
    assert!(error.starts_with(&format!("There is no address store at {}; ", site.store().display())), "{error}");
    assert!(error.contains("'group add'"), "{error}");
    assert!(!is_there(&site.store()), "a list creates nothing");
    assert_eq!(site.ok(&["group", "add", "Lab & Test", "--description", "A group"]), "Group 'Lab & Test' is added\n");
    assert!(is_there(&site.store()));
    assert_eq!(
        site.brief(&["group", "list", "--json"]),
        json!([{"id": 1, "name": "Lab & Test", "description": "A group"}])
    );
}

#[test]
fn names_are_any_text() {
    let site = Site::new();
    for name in ["Büro/Süd", "100%", " ", "a'b\"c", "--dashes"] {
        site.ok(&["group", "add", "--", name]);
        assert_eq!(site.json(&["group", "show", "--json", "--", name])["name"], name);
    }
    assert!(site.misused(&["group", "add", ""]).contains("a group's name is not empty"));
    assert!(site.misused(&["group", "add", "a\nb"]).contains("control characters"));
}

#[test]
fn a_group_is_shown_with_its_subnets() {
    let site = Site::new();
    site.ok(&["group", "add", "A", "--description", "First"]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "A"]);
    site.ok(&["subnet", "add", "10.0.1.0/24"]);
    assert_eq!(
        site.brief(&["group", "show", "A", "--json"]),
        json!({
            "id": 1, "name": "A", "description": "First",
            "subnets": [
                {"id": 1, "group": "A", "prefix": "10.0.0.0/24", "description": "", "pool": false, "container": false},
            ],
        })
    );
    let mut shown = rows(&site.ok(&["group", "show", "A"]));
    let common: Vec<String> = shown.drain(3..9).map(|row| row[0].clone()).collect();
    assert_eq!(common, ["Tags", "External id", "Metadata", "Id", "Created", "Changed"]);
    assert_eq!(
        shown,
        [
            vec!["Group", "A"],
            vec!["Description", "First"],
            vec!["Subnets", "1"],
            vec![],
            vec!["SUBNET", "GROUP", "KIND", "DESCRIPTION"],
            vec!["10.0.0.0/24", "A", "network"],
        ]
    );
    assert_eq!(rows(&site.ok(&["group", "list"])), [["GROUP", "DESCRIPTION"], ["A", "First"]]);
}

#[test]
fn an_edit_changes_only_what_is_given() {
    let site = Site::new();
    site.ok(&["group", "add", "A", "--description", "First"]);
    site.ok(&["group", "add", "B"]);
    assert_eq!(site.ok(&["group", "edit", "A", "--rename", "C"]), "Group 'C' is changed\n");
    site.ok(&["group", "edit", "B", "--description", "Second"]);
    assert_eq!(
        site.brief(&["group", "list", "--json"]),
        json!([{"id": 2, "name": "B", "description": "Second"}, {"id": 1, "name": "C", "description": "First"}])
    );
    assert_eq!(site.refused(&["group", "edit", "B", "--rename", "C"]), "Group 'C' already exists");
    assert_eq!(site.refused(&["group", "edit", "A", "--rename", "D"]), "There is no group 'A'");
    assert!(site.misused(&["group", "edit", "B"]).contains("--rename"));
}

#[test]
fn a_group_with_subnets_is_deleted_only_when_asked_to() {
    let site = Site::new();
    site.ok(&["group", "add", "A"]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "A"]);
    site.ok(&["address", "add", "10.0.0.5"]);
    let error = site.refused(&["group", "delete", "A"]);
    assert_eq!(
        error,
        "Group 'A' holds subnets (1); delete these first, or ask for them to be deleted with it: --with-contents"
    );
    assert_eq!(site.ok(&["group", "delete", "A", "--with-contents"]), "Group 'A' is deleted\n");
    assert_eq!(site.json(&["subnet", "list", "--json"]), json!([]));
    assert_eq!(site.ok(&["store", "verify"]), format!("The address store {} is in order\n", site.store().display()));
    assert_eq!(site.refused(&["group", "delete", "A"]), "There is no group 'A'");
}
