//! `import` and `export`.

use std::process::Stdio;

use serde_json::json;

use crate::site::{Site, is_there};

const CSV: &str = "\
kind,group,prefix,address,last,mac,hostname,description,pool,container
group,Lab & Test,,,,,,A group,,
subnet,Lab & Test,10.0.0.0/24,,,,,\"Servers, all\",,
subnet,,2001:db8::/32,,,,,,,true
subnet,,2001:db8::/64,,,,,,true,
excluded,Lab & Test,10.0.0.0/24,10.0.0.200,10.0.0.254,,,DHCP,,
address,Lab & Test,10.0.0.0/24,10.0.0.5,,00:00:5e:00:53:01,a.example.com,First,,
address,,2001:db8::/64,2001:db8::,,,,,,
";

#[test]
fn an_import_says_how_much_it_added() {
    let site = Site::new();
    site.write("all.csv", CSV);
    assert_eq!(
        site.ok(&["import", &site.text("all.csv")]),
        "Imported groups: 1, subnets: 3, excluded ranges: 1, addresses: 2\n"
    );
    let address = site.json(&["address", "show", "10.0.0.5", "--json"]);
    assert_eq!((&address["hostname"], &address["group"]), (&json!("a.example.com"), &json!("Lab & Test")));
    assert_eq!(site.json(&["subnet", "show", "2001:db8::/64", "--json"])["pool"], true);
}

#[test]
fn faults_are_told_by_line_and_nothing_is_imported() {
    let site = Site::with(CSV);
    let before = site.ok(&["export"]);
    let wrong = "kind,group,prefix,address\n\
                 group,B,,\n\
                 subnet,B,10.0.0.5/24,\n\
                 address,Lab & Test,10.0.0.0/24,10.0.0.6\n\
                 address,Lab & Test,10.0.0.0/24,10.0.0.5\n\
                 host,,,\n";
    let ran = site.run_with_input(&["import", "-"], wrong);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err.lines().collect::<Vec<_>>(),
        [
            "foreman-ipam-proxy: Nothing was imported",
            "line 3: prefix: Network address 10.0.0.5 should be 10.0.0.0 with prefix 24",
            "line 5: Address 10.0.0.5 in subnet 10.0.0.0/24 is already taken",
            "line 6: kind must be group, plan, plan_allocation, subnet, excluded or address",
        ]
    );
    assert_eq!(site.ok(&["export"]), before);
}

#[test]
fn what_is_exported_can_be_imported_elsewhere() {
    let site = Site::with(CSV);
    let exported = site.ok(&["export", "-"]);
    assert!(exported.contains("\"Servers, all\""), "{exported}");
    assert_eq!(site.ok(&["export", &site.text("out.csv")]), "");
    assert_eq!(std::fs::read_to_string(site.place("out.csv")).expect("a file"), exported);
    let other = Site::new();
    let ran = other.run_with_input(&["import", "-"], &exported);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(other.ok(&["export"]), exported, "times included");
    assert_eq!(other.ok(&["store", "verify"]), format!("The address store {} is in order\n", other.store().display()));
}

#[test]
fn an_export_for_a_spreadsheet_begins_with_a_mark_and_can_be_imported() {
    let site = Site::with(CSV);
    let plain = site.ok(&["export"]);
    let marked = site.ok(&["export", "--bom"]);
    assert_eq!(marked, format!("\u{feff}{plain}"));
    site.ok(&["export", &site.text("out.csv"), "--bom"]);
    assert_eq!(std::fs::read_to_string(site.place("out.csv")).expect("a file"), marked);
    let other = Site::new();
    // As a spreadsheet saves it again where the comma is that of numbers.
    let again = marked.replace("Servers, all", "Servers").replace(',', ";").replace("true", "TRUE");
    assert_eq!(other.run_with_input(&["import", "-"], &again).err, "");
    assert_eq!(other.ok(&["export"]), plain.replace("\"Servers, all\"", "Servers"));
}

#[test]
fn an_export_replaces_no_file_least_of_all_the_store() {
    let site = Site::with(CSV);
    let store = site.store().display().to_string();
    assert_eq!(site.refused(&["export", &store]), format!("File {store} already exists; choose another name"));
    assert_eq!(site.json(&["group", "list", "--json"])[0]["name"], "Lab & Test");
    let error = site.refused(&["export", &site.text("nowhere/out.csv")]);
    assert!(error.contains("cannot be written"), "{error}");
    site.refused(&["export", &site.text("state")]);
    let left: Vec<_> = std::fs::read_dir(site.place(".")).expect("a directory").collect();
    assert_eq!(left.len(), 3, "drafts are left behind: {left:?}");
}

#[test]
fn a_file_that_is_not_there_creates_no_store() {
    let site = Site::new();
    let error = site.refused(&["import", &site.text("none.csv")]);
    assert!(error.starts_with(&format!("{} cannot be read: ", site.text("none.csv"))), "{error}");
    assert!(!is_there(&site.store()));
    assert!(site.refused(&["export"]).contains("There is no address store"));
}

#[test]
fn a_command_that_is_refused_creates_no_store() {
    let site = Site::new();
    let wrong = "kind,group,prefix\ngroup,A,\nsubnet,A,10.0.0.5/24\n";
    site.write("wrong.csv", wrong);
    site.write("half.csv", "kind,group,prefix\ngroup,A,\nsubnet,A\n");
    for file in ["wrong.csv", "half.csv"] {
        assert!(site.refused(&["import", &site.text(file)]).starts_with("Nothing was imported\nline 3: "), "{file}");
    }
    // A directory can be opened, and only then not be read.
    assert!(site.refused(&["import", &site.text("etc")]).starts_with("Reading the CSV file failed: "));
    let ran = site.run_with_input(&["import", "-"], wrong);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(site.refused(&["subnet", "add", "10.0.0.0/24", "--group", "none"]).contains("There is no group 'none'"));
    let left: Vec<_> = std::fs::read_dir(site.place("state")).expect("a directory").collect();
    assert!(left.is_empty(), "{left:?}");
    // Where there is nothing in the way, the right file makes the store.
    site.write("right.csv", CSV);
    site.ok(&["import", &site.text("right.csv")]);
    assert!(is_there(&site.store()));
}

#[test]
fn a_store_that_a_faulty_file_was_for_stays_as_it_was() {
    let site = Site::with(CSV);
    let before = std::fs::read(site.store()).expect("a store");
    site.write("wrong.csv", "kind,group\ngroup,B\nhost,\n");
    site.refused(&["import", &site.text("wrong.csv")]);
    assert!(std::fs::read(site.store()).expect("a store") == before, "its bytes have changed");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let site = Site::with(CSV);
    let rows: String =
        (0..200).map(|host| format!("address,,10.8.0.0/16,10.8.{host}.1,{}\n", "x".repeat(2000))).collect();
    let many = format!("kind,group,prefix,address,description\nsubnet,,10.8.0.0/16,,\n{rows}");
    assert_eq!(site.run_with_input(&["import", "-"], &many).code, 0);
    let mut command = site.command(&["export"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // More is exported than a pipe takes, so the rest meets a closed one.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its output");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
