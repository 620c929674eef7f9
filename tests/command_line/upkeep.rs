//! `store`, and which file is worked on.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use ipam_simulators::postgres::Server;
use ipam_store::Store;
use serde_json::{Value, json};

use crate::site::{Site, binary, is_there, run};

#[test]
fn the_settings_say_where_the_store_is() {
    let site = Site::new();
    assert_eq!(site.ok(&["store", "path"]), format!("{}\n", site.store().display()));
    let elsewhere = site.text("elsewhere.sqlite");
    site.write("etc/settings.d/externalipam_internal.yml", &format!("store: {elsewhere}\n"));
    assert_eq!(site.ok(&["store", "path"]), format!("{elsewhere}\n"));
    site.ok(&["group", "add", "A"]);
    assert!(is_there(&site.place("elsewhere.sqlite")) && !is_there(&site.store()));
}

#[test]
fn a_named_store_needs_no_settings() {
    let site = Site::new();
    let store = site.text("mine.sqlite");
    let with_store = |arguments: &[&str]| {
        let mut command = binary();
        command.args(["--config-dir", "/nonexistent", "group", "--store", &store]).args(arguments);
        run(command, "")
    };
    assert_eq!(with_store(&["add", "A"]).code, 0);
    let listed: Value = serde_json::from_str(&with_store(&["list", "--json"]).out).expect("JSON");
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&json!(1), &json!("A")));
    assert_eq!(fs::metadata(&store).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn wrong_settings_are_told_with_exit_code_78() {
    let site = Site::new();
    site.write("etc/settings.d/externalipam_internal.yml", "stoer: /tmp/ipam.sqlite\n");
    let ran = site.run(&["group", "list"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("stoer is not a setting; did you mean store?"), "{}", ran.err);
}

#[test]
fn a_store_is_not_made_in_a_directory_that_is_not_there() {
    let site = Site::new();
    let error = site.refused(&["group", "add", "A", "--store", &site.text("none/ipam.sqlite")]);
    assert!(error.starts_with(&format!("the address store belongs into {}, ", site.text("none"))), "{error}");
}

#[test]
fn another_file_is_not_taken_for_a_store() {
    let site = Site::new();
    let settings = site.text("etc/settings.yml");
    let before = fs::read(&settings).expect("a file");
    for arguments in [&["group", "add", "A"][..], &["store", "verify"], &["export"]] {
        let error = site.refused(&[arguments, &["--store", &settings]].concat());
        assert_eq!(error, format!("{settings} is not an address store of this product"));
    }
    assert_eq!(fs::read(&settings).expect("a file"), before);
}

#[test]
fn a_backup_is_a_store_like_the_first() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/24"]);
    site.ok(&["address", "add", "10.0.0.5"]);
    let copy = site.text("backup.sqlite");
    assert_eq!(site.ok(&["store", "backup", &copy]), format!("The address store is copied to {copy}\n"));
    assert_eq!(site.ok(&["export", "--store", &copy]), site.ok(&["export"]));
    site.ok(&["store", "verify", "--store", &copy]);
    assert_eq!(site.refused(&["store", "backup", &copy]), format!("File {copy} already exists; choose another name"));
}

#[test]
fn a_copy_has_all_that_the_first_has_and_replaces_nothing() {
    let site = Site::new();
    site.ok(&["group", "add", "Lab & Test", "--description", " blank kept "]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "Lab & Test"]);
    site.ok(&["subnet", "add", "2001:db8::/64"]);
    site.ok(&["subnet", "exclude", "10.0.0.0/24", "10.0.0.10-10.0.0.20"]);
    for address in ["10.0.0.5", "10.0.0.15", "2001:db8::5"] {
        site.ok(&["address", "add", address, "--mac", "00:00:5e:00:53:01", "--owner", "me"]);
    }
    let copy = site.text("copy.sqlite");
    let said = format!("Copied groups: 1, subnets: 2, excluded ranges: 1, addresses: 3 to {copy}\n");
    assert_eq!(site.ok(&["store", "copy", "--to", &copy]), said);
    assert_eq!(site.ok(&["export", "--store", &copy]), site.ok(&["export"]));
    site.ok(&["store", "verify", "--store", &copy]);
    assert_eq!(fs::metadata(&copy).expect("a file").permissions().mode() & 0o777, 0o600);
    let next = ["address", "add", "--next", "--subnet", "10.0.0.0/24"];
    assert_eq!(site.ok(&[&next[..], &["--store", &copy]].concat()), site.ok(&next));
    let error = site.refused(&["store", "copy", "--to", &copy]);
    assert_eq!(error, "The store to copy into is not empty; name one that is new or empty");
    // An empty one will do; the next address is in it too.
    let empty = site.text("empty.sqlite");
    site.ok(&["group", "add", "A", "--store", &empty]);
    site.ok(&["group", "delete", "A", "--store", &empty]);
    assert_eq!(
        site.ok(&["store", "copy", "--to", &empty]),
        said.replace("copy.sqlite", "empty.sqlite").replace(": 3", ": 4")
    );
    let error = site.refused(&["store", "copy", "--to", &site.text("etc/settings.yml")]);
    assert!(error.ends_with("is not an address store of this product"), "{error}");
}

#[test]
fn a_site_moves_into_the_database_and_back() {
    let Some(server) = Server::start() else { return };
    let site = Site::new();
    site.ok(&["group", "add", "Lab & Test"]);
    site.ok(&["subnet", "add", "10.0.0.0/24", "--group", "Lab & Test"]);
    site.ok(&["address", "add", "10.0.0.5"]);
    let settings = fs::read_to_string(site.place("etc/settings.yml")).expect("settings");
    site.write("etc/settings.yml", &format!("{settings}database_url: {}\n", server.url()));
    let copied = site.ok(&["store", "copy", "--to", "database"]);
    assert!(
        copied.starts_with("Copied groups: 1, subnets: 1, excluded ranges: 0, addresses: 1 to ipam at "),
        "{copied}"
    );
    for to in ["database", &server.url()] {
        let error = site.refused(&["store", "copy", "--to", to]);
        assert_eq!(error, "The store to copy into is not empty; name one that is new or empty");
    }
    // With it as the store, everything goes on there.
    let exported = site.ok(&["export"]);
    site.write("etc/settings.d/externalipam_internal.yml", "store: database\n");
    fs::rename(site.store(), site.place("before.sqlite")).expect("renamed");
    assert_eq!(site.ok(&["export"]), exported);
    assert!(site.ok(&["store", "verify"]).ends_with(" is in order\n"));
    assert_eq!(site.ok(&["address", "add", "--next", "--subnet", "10.0.0.0/24"]), "10.0.0.1\n");
    site.write("more.csv", "kind,group,prefix,address\naddress,Lab & Test,10.0.0.0/24,10.0.0.2\n");
    site.ok(&["import", &site.text("more.csv")]);
    let error = site.refused(&["store", "backup", &site.text("backup.sqlite")]);
    assert!(error.starts_with("The address store is in the database ") && error.ends_with("with pg_dump"), "{error}");
    // And back.
    let back = site.text("back.sqlite");
    let copied = site.ok(&["store", "copy", "--to", &back]);
    assert_eq!(copied, format!("Copied groups: 1, subnets: 1, excluded ranges: 0, addresses: 3 to {back}\n"));
    assert_eq!(site.ok(&["export", "--store", &back]), site.ok(&["export"]));
}

#[test]
fn what_cannot_be_copied_to_is_refused() {
    let site = Site::new();
    site.ok(&["group", "add", "A"]);
    let error = site.refused(&["store", "copy", "--to", "postgresql://db.example.com"]);
    assert!(error.starts_with("--to: write postgresql://user@host:port/database;"), "{error}");
    let error = site.refused(&["store", "copy", "--to", "postgresql://ipam:secret@db.example.com/ipam"]);
    assert!(error.contains("leave the password out") && !error.contains("secret"), "{error}");
    let error = site.refused(&["store", "copy", "--to", "a.sqlite", "--password-file", "password"]);
    assert_eq!(error, "--password-file is for the URL of a database; --to names none");
    let error = site.refused(&["store", "copy", "--to", "database"]);
    assert!(error.starts_with("--to database is that of database_url in settings.yml, which is not set; "), "{error}");
    let nowhere = "postgresql://ipam@127.0.0.1:1/ipam?sslmode=disable";
    let error = site.refused(&["store", "copy", "--to", nowhere]);
    assert!(error.contains("ipam at 127.0.0.1:1"), "{error}");
}

#[test]
fn verify_tells_what_is_wrong_and_repairs_what_can_be() {
    let site = Site::new();
    site.ok(&["subnet", "add", "10.0.0.0/29"]);
    site.ok(&["subnet", "add", "10.0.1.0/29"]);
    site.ok(&["address", "add", "10.0.0.1"]);
    assert_eq!(site.json(&["store", "verify", "--json"]), json!([]));
    shorten_free_extent(&site);
    let extra = "free extent that should not be there: 10.0.0.2 to 10.0.0.5";
    let missing = "free extent that is missing: 10.0.0.2 to 10.0.0.6";
    let ran = site.run(&["store", "verify"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out, format!("subnet 10.0.0.0/29: {extra}\nsubnet 10.0.0.0/29: {missing}\n"));
    assert!(ran.err.ends_with("is not in order; 'store verify --repair' puts this right\n"), "{}", ran.err);
    let ran = site.run(&["store", "verify", "--json"]);
    let findings: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(ran.code, 1);
    let finding = |what: &str| json!({"subnet": "10.0.0.0/29", "what": what, "rebuild_helps": true});
    assert_eq!(findings, json!([finding(extra), finding(missing)]));
    site.ok(&["store", "verify", "--repair"]);
    assert_eq!(site.ok(&["address", "add", "--next", "--subnet", "10.0.0.0/29"]), "10.0.0.2\n");
}

/// Writes another end over the free extent 10.0.0.2 to 10.0.0.6, as no command would.
fn shorten_free_extent(site: &Site) {
    let key = |last: u8| [&[0; 10][..], &[0xff, 0xff, 10, 0, 0, last]].concat();
    let extent = [key(2), key(6)].concat();
    let mut file = fs::read(site.store()).expect("a file");
    let found: Vec<usize> =
        file.windows(extent.len()).enumerate().filter(|(_, bytes)| *bytes == extent).map(|(start, _)| start).collect();
    assert_eq!(found.len(), 1, "the extent is in the file once");
    file[found[0] + extent.len() - 1] = 5;
    fs::write(site.store(), file).expect("written");
}

/// Only root can see this: for everybody else the owner of the files is who runs the command.
#[test]
fn files_that_root_makes_belong_to_the_user_of_the_service() {
    const SERVICE: u32 = 65_534;
    let site = Site::new();
    let is_root = fs::metadata(site.place("state")).expect("a directory").uid() == 0;
    if is_root {
        chown(site.place("state"), Some(SERVICE), Some(SERVICE)).expect("changed");
    }
    let owner = fs::metadata(site.place("state")).expect("a directory").uid();
    site.ok(&["group", "add", "A"]);
    // The files beside the store are there as long as somebody has it open.
    let other = Store::open(&site.store()).expect("a store");
    other.read(|reading| reading.groups().map(drop)).expect("groups");
    site.ok(&["group", "add", "B"]);
    let files = ["ipam.sqlite", "ipam.sqlite-wal", "ipam.sqlite-shm"];
    for file in files {
        let made = fs::metadata(site.place("state").join(file)).expect("a file");
        assert_eq!(made.uid(), owner, "{file}");
    }
}
