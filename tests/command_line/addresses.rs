//! `address`.

use serde_json::json;

use crate::site::{Site, is_there, rows};

fn site() -> Site {
    let site = Site::new();
    site.ok(&["group", "add", "A"]);
    site.ok(&["subnet", "add", "10.0.0.0/29", "--group", "A"]);
    site
}

#[test]
fn an_address_is_added_with_all_that_is_known_of_it() {
    let site = site();
    let added = site.ok(&[
        "address",
        "add",
        "10.0.0.3",
        "--mac",
        "00-00-5E-00-53-01",
        "--hostname",
        "a.example.com",
        "--description",
        "First",
        "--owner",
        "network team",
    ]);
    assert_eq!(added, "Address 10.0.0.3 in subnet 10.0.0.0/29 (group A) is added\n");
    let mut shown = site.json(&["address", "show", "10.0.0.3", "--json"]);
    let record = shown.as_object_mut().expect("an object");
    let id = record.remove("public_id").expect("an id");
    assert_eq!(id.as_str().expect("a text").len(), 24);
    let times = [record.remove("created_at"), record.remove("updated_at")];
    assert_eq!(times[0], times[1]);
    let time = times[0].as_ref().and_then(|time| time.as_str()).expect("a text");
    assert!(time.len() == "2026-11-20T17:49:08Z".len() && time.ends_with('Z'), "{time}");
    assert_eq!(
        shown,
        json!({
            "group": "A", "prefix": "10.0.0.0/29", "address": "10.0.0.3", "mac": "00:00:5e:00:53:01",
            "hostname": "a.example.com", "description": "First", "owner": "network team",
            "external_id": null, "tags": [], "metadata": {},
        })
    );
    let fields = rows(&site.ok(&["address", "show", "10.0.0.3"]));
    assert_eq!(fields[..3], [["Address", "10.0.0.3"], ["Subnet", "10.0.0.0/29"], ["Group", "A"]]);
    assert_eq!(fields.len(), 13);
}

#[test]
fn the_next_address_is_the_lowest_free_one() {
    let site = site();
    site.ok(&["address", "add", "10.0.0.1"]);
    let next = ["address", "add", "--next", "--subnet", "10.0.0.0/29"];
    assert_eq!(site.ok(&next), "10.0.0.2\n");
    let record = site.json(&[&next[..], &["--json", "--hostname", "b"]].concat());
    assert_eq!((&record["address"], &record["hostname"]), (&json!("10.0.0.3"), &json!("b")));
    for _ in 4..=6 {
        site.ok(&next);
    }
    assert_eq!(site.refused(&next), "Subnet 10.0.0.0/29 has no free address");
    site.ok(&["subnet", "exclude", "10.0.0.0/29", "10.0.0.1-10.0.0.6"]);
    assert_eq!(
        site.refused(&next),
        "Every address of subnet 10.0.0.0/29 is excluded; include some again, or use another subnet"
    );
    site.misused(&["address", "add", "--next"]);
    site.misused(&["address", "add", "10.0.0.3", "--next", "--subnet", "10.0.0.0/29"]);
    site.misused(&["address", "add"]);
}

#[test]
fn without_a_store_there_is_no_subnet_to_add_to() {
    let site = Site::new();
    assert!(site.refused(&["address", "add", "10.0.0.1"]).contains("There is no address store"));
    assert!(!is_there(&site.store()));
}

#[test]
fn what_cannot_be_added_is_refused_with_the_reason() {
    let site = site();
    site.ok(&["address", "add", "10.0.0.3"]);
    let refused = |arguments: &[&str]| site.refused(&[&["address", "add"], arguments].concat());
    assert_eq!(refused(&["10.0.0.3"]), "Address 10.0.0.3 in subnet 10.0.0.0/29 is already taken");
    assert_eq!(refused(&["10.9.9.9"]), "There is no subnet that contains 10.9.9.9");
    assert_eq!(refused(&["10.9.9.9", "--subnet", "10.0.0.0/29"]), "Address 10.9.9.9 is not in subnet 10.0.0.0/29");
    assert!(refused(&["10.0.0.7"]).starts_with("10.0.0.7 cannot be given to a host"));
    for arguments in [["--mac", "0:1"], ["--hostname", "a b"], ["--owner", "foreman-ipam-proxy"]] {
        site.misused(&[&["address", "add", "10.0.0.4"], &arguments[..]].concat());
    }
}

#[test]
fn an_address_is_found_without_naming_its_subnet_unless_several_have_it() {
    let site = site();
    site.ok(&["address", "add", "10.0.0.3"]);
    site.ok(&["group", "add", "B"]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "B"]);
    let error = site.refused(&["address", "show", "10.0.0.3"]);
    assert_eq!(
        error,
        "Address 10.0.0.3 is in several subnets: 10.0.0.0/24 (group B), 10.0.0.0/29 (group A); choose one with --group"
    );
    assert_eq!(site.json(&["address", "show", "10.0.0.3", "--group", "A", "--json"])["prefix"], "10.0.0.0/29");
    let subnet = ["--subnet", "10.0.0.0/24"];
    assert_eq!(
        site.refused(&[&["address", "show", "10.0.0.3"], &subnet[..]].concat()),
        "Address 10.0.0.3 is not recorded in subnet 10.0.0.0/24"
    );
    site.ok(&["subnet", "add", "10.0.0.0/16", "--container"]);
    site.ok(&["subnet", "add", "10.0.0.0/28"]);
    assert_eq!(
        site.ok(&["address", "add", "10.0.0.3"]),
        "Address 10.0.0.3 in subnet 10.0.0.0/28 is added\n",
        "without a group comes before groups"
    );
}

#[test]
fn an_edit_changes_only_what_is_given() {
    let site = site();
    site.ok(&["address", "add", "10.0.0.3", "--mac", "00:00:5e:00:53:01", "--hostname", "a"]);
    let edit = |arguments: &[&str]| {
        let said = site.ok(&[&["address", "edit", "10.0.0.3"], arguments].concat());
        assert_eq!(said, "Address 10.0.0.3 in subnet 10.0.0.0/29 (group A) is changed\n");
        let shown = site.json(&["address", "show", "10.0.0.3", "--json"]);
        json!([shown["mac"], shown["hostname"], shown["description"], shown["owner"]])
    };
    assert_eq!(edit(&["--description", "First"]), json!(["00:00:5e:00:53:01", "a", "First", ""]));
    assert_eq!(edit(&["--hostname", "b", "--owner", "me"]), json!(["00:00:5e:00:53:01", "b", "First", "me"]));
    assert_eq!(edit(&["--no-mac", "--no-hostname"]), json!([null, null, "First", "me"]));
    assert_eq!(edit(&["--mac", "00:00:5e:00:53:02"]), json!(["00:00:5e:00:53:02", null, "First", "me"]));
    assert!(site.misused(&["address", "edit", "10.0.0.3"]).contains("--hostname"));
    assert_eq!(
        site.refused(&["address", "edit", "10.0.0.4", "--owner", "me"]),
        "Address 10.0.0.4 is not recorded in subnet 10.0.0.0/29"
    );
}

#[test]
fn a_deleted_address_is_free_again() {
    let site = site();
    site.ok(&["address", "add", "10.0.0.1"]);
    let said = site.ok(&["address", "delete", "10.0.0.1"]);
    assert_eq!(said, "Address 10.0.0.1 in subnet 10.0.0.0/29 (group A) is deleted\n");
    assert_eq!(
        site.refused(&["address", "delete", "10.0.0.1"]),
        "Address 10.0.0.1 is not recorded in subnet 10.0.0.0/29"
    );
    assert_eq!(site.ok(&["address", "add", "--next", "--subnet", "10.0.0.0/29"]), "10.0.0.1\n");
}

#[test]
fn addresses_are_listed_of_everything_a_group_or_a_subnet() {
    let site = site();
    site.ok(&["subnet", "add", "2001:db8::/64"]);
    site.ok(&["address", "add", "10.0.0.3", "--hostname", "a"]);
    site.ok(&["address", "add", "2001:db8::3", "--description", "six\u{1b}[2J"]);
    let listed = |arguments: &[&str]| {
        let list = site.json(&[&["address", "list", "--json"], arguments].concat());
        let address = |record: &serde_json::Value| record["address"].as_str().expect("a text").to_owned();
        list.as_array().expect("a list").iter().map(address).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["10.0.0.3", "2001:db8::3"]);
    assert_eq!(listed(&["--group", "A"]), ["10.0.0.3"]);
    assert_eq!(listed(&["--subnet", "2001:db8::/64"]), ["2001:db8::3"]);
    assert_eq!(
        rows(&site.ok(&["address", "list"])),
        [
            vec!["ADDRESS", "SUBNET", "GROUP", "MAC", "HOSTNAME", "OWNER", "DESCRIPTION"],
            vec!["10.0.0.3", "10.0.0.0/29", "A", "-", "a"],
            vec!["2001:db8::3", "2001:db8::/64", "-", "-", "-", "six\\u{1b}[2J"],
        ]
    );
}
