//! `plan`: plans of the embedded IPAM, and what they allocate.

use serde_json::json;

use crate::site::{Site, rows};

/// The plan of the IPAM-Prefix-Allocator.
fn site() -> Site {
    let site = Site::new();
    let added = site.ok(&[
        "plan",
        "add",
        "clusters",
        "--pool",
        "primary=10.0.0.0/16",
        "--pool",
        "cgnat=100.64.0.0/10,-5",
        "--shortest",
        "20",
        "--longest",
        "26",
        "--hosts-at-most",
        "4000",
        "--label",
        "environment=dev,stage,prod",
        "--label",
        "region",
    ]);
    assert_eq!(added, "Plan 'clusters' is added\n");
    site
}

/// The id in what 'plan allocate' has printed.
fn id(said: &str) -> String {
    said.lines().next().and_then(|line| line.rsplit(' ').next()).expect("an id").to_owned()
}

#[test]
fn a_plan_allocates_from_all_its_pools_and_releases() {
    let site = site();
    let dry = site.ok(&["plan", "allocate", "clusters", "--hosts", "500", "--dry-run"]);
    assert_eq!(dry, "10.0.0.0/23 (primary) with 100.64.0.0/18 (cgnat) would be allocated\n");
    assert_eq!(site.json(&["plan", "allocations", "clusters", "--json"]), json!([]));
    let wanted = ["--hosts", "500", "--owner", "production", "--label", "environment=prod", "--subnet", "primary"];
    let said = site.ok(&[&["plan", "allocate", "clusters"][..], &wanted].concat());
    assert!(said.starts_with("10.0.0.0/23 (primary) with 100.64.0.0/18 (cgnat) is allocated, with the id "), "{said}");
    assert!(said.ends_with("\nSubnet 10.0.0.0/23 is added\n"), "{said}");
    site.ok(&["address", "add", "10.0.0.9"]);
    let list = rows(&site.ok(&["plan", "allocations", "clusters"]));
    assert_eq!(list[1][1..], ["production", "10.0.0.0/23 100.64.0.0/18", "environment=prod"]);
    let json = site.json(&["plan", "allocations", "clusters", "--owner", "PRODUCTION", "--json"]);
    assert_eq!((&json[0]["hosts"], &json[0]["prefixes"][0]["usable"]), (&json!(500), &json!(507)));
    let refused = site.refused(&["plan", "release", &id(&said)]);
    assert!(refused.contains("The prefix at 10.0.0.0 of plan 'clusters' holds subnets (1)"), "{refused}");
    assert_eq!(
        site.ok(&["plan", "move", &id(&said), "--owner", "staging"]),
        format!("Allocation {} is of 'staging' now\n", id(&said))
    );
    site.ok(&["subnet", "delete", "10.0.0.0/23", "--with-contents"]);
    let released = site.ok(&["plan", "release", &id(&said)]);
    assert_eq!(released, "10.0.0.0/23 (primary) with 100.64.0.0/18 (cgnat) is released\n");
    assert!(site.refused(&["plan", "release", &id(&said)]).contains(&format!("There is no allocation {}", id(&said))));
    assert_eq!(site.ok(&["store", "verify"]).lines().count(), 1);
}

#[test]
fn a_plan_is_shown_changed_and_deleted() {
    let site = site();
    site.ok(&["plan", "allocate", "clusters", "--length", "20"]);
    let shown = rows(&site.ok(&["plan", "show", "clusters"]));
    assert!(shown.contains(&vec!["Allocations".to_owned(), "1".to_owned()]), "{shown:?}");
    assert!(shown.contains(&vec!["Labels".to_owned(), "environment=dev,prod,stage region".to_owned()]), "{shown:?}");
    let pool = ["primary", "10.0.0.0/16", "0", "61440", "/17"].map(str::to_owned).to_vec();
    assert!(shown.contains(&pool), "{shown:?}");
    let calculated = site.json(&["plan", "calculate", "clusters", "--hosts", "60", "--json"]);
    assert_eq!(calculated["prefixes"][1], json!({"pool": "cgnat", "length": 20, "addresses": 4096, "usable": 4091}));
    let edited = ["--rename", "k8s", "--pool", "primary=10.0.0.0/15", "--longest", "27", "--no-labels"];
    assert_eq!(site.ok(&[&["plan", "edit", "clusters"][..], &edited].concat()), "Plan 'k8s' is changed\n");
    let plans = site.json(&["plan", "list", "--json"]);
    assert_eq!(
        (&plans[0]["longest"], &plans[0]["hosts_at_most"], &plans[0]["labels"]),
        (&json!(27), &json!(4000), &json!({}))
    );
    let refused = site.refused(&["plan", "delete", "k8s"]);
    assert!(refused.contains("Plan 'k8s' holds allocations (1)"), "{refused}");
    assert_eq!(site.ok(&["plan", "delete", "k8s", "--with-contents"]), "Plan 'k8s' is deleted\n");
    assert_eq!(site.json(&["plan", "list", "--json"]), json!([]));
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let site = site();
    let before = site.ok(&["export", "-"]);
    for (arguments, text) in [
        (
            &["plan", "allocate", "clusters", "--hosts", "4001"][..],
            "4001 hosts are not in this plan; the number is 1 to 4000",
        ),
        (&["plan", "allocate", "clusters", "--length", "27"], "the length is 20 to 26"),
        (
            &["plan", "allocate", "clusters", "--length", "24", "--label", "environment=qa"],
            "it is one of dev, prod, stage",
        ),
        (&["plan", "allocate", "clusters", "--length", "24", "--subnet", "none"], "Plan 'clusters' has no pool 'none'"),
        (&["plan", "allocate", "none", "--length", "24"], "There is no plan 'none'"),
        (&["plan", "show", "clusters", "--group", "none"], "There is no group 'none'"),
        (
            &["plan", "add", "clusters", "--pool", "a=10.1.0.0/16", "--shortest", "20", "--longest", "24"],
            "Plan 'clusters' already exists",
        ),
        (&["subnet", "add", "10.0.7.0/24"], "overlaps pool 10.0.0.0/16 of plan 'clusters'"),
    ] {
        let refused = site.refused(arguments);
        assert!(refused.contains(text), "{refused}");
    }
    assert!(site.misused(&["plan", "allocate", "clusters"]).contains("--hosts"));
    assert!(
        site.misused(&["plan", "add", "x", "--pool", "a", "--shortest", "1", "--longest", "2"]).contains("NAME=PREFIX")
    );
    assert!(site.misused(&["plan", "release", "7"]).contains("24 hexadecimal digits"));
    assert_eq!(site.ok(&["export", "-"]), before);
}
