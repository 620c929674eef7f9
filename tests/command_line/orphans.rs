//! Orphans and the comparison of Foreman, ledger and IPAM, over a simulated Foreman and the embedded IPAM.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use foreman_ipam_proxy::ledger::{Operation, Outcome, Place as LedgerPlace, Record, Records};
use ipam_provider::Mac;
use ipam_simulators::Response;
use ipam_simulators::foreman::{Host, Interface, Subnet, User};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::foreman::Place;

const USER: &str = "user: admin\npassword: changeme\n";
const PREFIX: &str = "192.0.2.0/24";

/// A place whose proxy is registered, with settings of names.
fn place(names: &str) -> (Place, u64) {
    let place = Place::new();
    place.configure("");
    place.write("etc/settings.d/foreman_names.yml", &format!("{USER}{names}"));
    let own = place.foreman.add("proxy", &place.proxy_url(), &["External IPAM"]);
    (place, own)
}

fn subnet(place: &Place, network: &str, own: Option<u64>) -> u64 {
    place.foreman.add_subnet(Subnet {
        name: network.to_owned(),
        network: network.to_owned(),
        cidr: 24,
        externalipam: own,
        ..Subnet::default()
    })
}

fn mac(number: u32) -> Mac {
    let [_, a, b, c] = number.to_be_bytes();
    Mac::from_bytes(&[2, 0, 0, a, b, c]).expect("a MAC")
}

fn interface(address: &str, mac: Mac, subnet: Option<u64>) -> Interface {
    Interface {
        identifier: "eth0".to_owned(),
        mac: Some(mac.to_string()),
        ip: Some(address.to_owned()),
        subnet,
        ..Interface::default()
    }
}

/// What the ledger has of an address that Foreman has added so long ago.
fn added(address: &str, mac: Mac, minutes: i64) -> Record {
    let address: IpAddr = address.parse().expect("an address");
    let IpAddr::V4(four) = address else { panic!("IPv4") };
    let [a, b, c, _] = four.octets();
    Record {
        at: Timestamp::now() - SignedDuration::from_mins(minutes),
        door: Some("foreman".to_owned()),
        caller: Some("certificate localhost".to_owned()),
        request: None,
        operation: Operation::Add,
        outcome: Outcome::Done,
        provider: "internal".to_owned(),
        group: None,
        prefix: format!("{}/24", Ipv4Addr::new(a, b, c, 0)).parse().expect("a prefix"),
        address,
        mac: Some(mac),
        host_name: None,
        message: None,
    }
}

fn record(place: &Place, records: Vec<Record>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let ledger = Records::open_or_create(LedgerPlace::of(&place.path("state"), None)).expect("a ledger");
        for some in records.chunks(250) {
            ledger.append(Arc::new(some.to_vec())).await.expect("saved");
        }
    });
}

/// Imports subnets and addresses; of ours where the owner is the proxy.
fn import(place: &Place, rows: &[String]) {
    let csv = format!("kind,prefix,address,mac,hostname,owner\n{}\n", rows.join("\n"));
    let file = place.write("seed.csv", &csv);
    let ran = place.run(&["import", &file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
}

fn ours(address: &str, mac: Option<Mac>, hostname: &str) -> String {
    let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
    format!("address,{},{address},{mac},{hostname},foreman-ipam-proxy", prefix_of(address))
}

fn prefix_of(address: &str) -> String {
    format!("{}.0/24", address.rsplit_once('.').expect("IPv4").0)
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    let ran = place.run(arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).expect("JSON")
}

fn orphans(place: &Place) -> Vec<String> {
    let found = json(place, &["orphans", "list", "--json"]);
    let found = found.as_array().expect("a list").iter();
    found.map(|orphan| orphan["address"].as_str().expect("an address").to_owned()).collect()
}

fn is_reserved(place: &Place, address: &str) -> bool {
    place.run(&["address", "show", address]).code == 0
}

#[test]
fn a_roll_back_is_an_orphan_and_what_foreman_has_or_has_not_added_is_none() {
    let (place, own) = place("");
    let (servers, _lab) = (subnet(&place, "192.0.2.0", Some(own)), subnet(&place, "198.51.100.0", None));
    let rows =
        ["192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11", "198.51.100.5"];
    let mut csv = vec![format!("subnet,{PREFIX},,,,"), "subnet,198.51.100.0/24,,,,".to_owned()];
    csv.extend(rows.iter().enumerate().map(|(number, address)| ours(address, Some(mac(number as u32)), "")));
    csv.push("address,192.0.2.0/24,192.0.2.12,,,somebody".to_owned());
    import(&place, &csv);
    let api = Record { door: Some("api".to_owned()), ..added("192.0.2.8", mac(3), 300) };
    let mut records = vec![
        added("192.0.2.5", mac(0), 120), // rolled back
        added("192.0.2.6", mac(1), 59),  // a slow creation
        added("192.0.2.7", mac(2), 300), // on another interface of a host
        api,                             // of another door
        added("192.0.2.9", mac(4), 300), // the first try of a host that has 192.0.2.10 now
        added("192.0.2.10", mac(4), 299),
        added("192.0.2.11", mac(6), 300), // Foreman has changed it to 192.0.2.99 by facts
        added("192.0.2.12", mac(7), 300), // the record is somebody else's by now
        added("192.0.2.13", mac(8), 300), // the record is gone
        added("198.51.100.5", mac(7), 300), // of a subnet that does not use the proxy
    ];
    records.push(Record { mac: Some(mac(77)), ..added("192.0.2.14", mac(9), 300) });
    record(&place, records);
    import(&place, &[ours("192.0.2.14", Some(mac(78)), "")]); // the record is of another host
    let web = vec![interface("203.0.113.1", mac(50), None), interface("192.0.2.7", mac(51), Some(servers))];
    place.foreman.set_host(Host { name: "web.example.com".to_owned(), interfaces: web });
    let again = vec![interface("192.0.2.10", mac(4), Some(servers))];
    place.foreman.set_host(Host { name: "again.example.com".to_owned(), interfaces: again });
    let moved = vec![interface("192.0.2.99", mac(6), None)];
    place.foreman.set_host(Host { name: "moved.example.com".to_owned(), interfaces: moved });

    assert_eq!(orphans(&place), ["192.0.2.5", "192.0.2.9"]);
    let table = place.run(&["orphans", "list"]).out;
    assert!(table.starts_with("ADDRESS") && table.lines().count() == 3, "{table}");

    // What is no orphan is not released, whatever is asked for.
    let refused = place.run(&["orphans", "release", "192.0.2.7", "192.0.2.5"]);
    assert!(refused.code == 1 && refused.err.contains("192.0.2.7 is no orphan"), "{refused:?}");
    assert!(is_reserved(&place, "192.0.2.7") && !is_reserved(&place, "192.0.2.5"));
    let asked = place.run(&["orphans", "release", "--all"]);
    assert!(asked.code == 1 && asked.err.contains("nothing is released"), "{asked:?}");
    assert!(is_reserved(&place, "192.0.2.9"));
    let all = place.run(&["orphans", "release", "--all", "--yes"]);
    assert_eq!((all.code, all.out.as_str()), (0, "192.0.2.9 in 192.0.2.0/24 is released\n"), "{all:?}");
    assert_eq!(orphans(&place), [""; 0]);
    let told = place.run(&["ledger", "--address", "192.0.2.9", "--json"]).out;
    let last: Value = serde_json::from_str(told.lines().last().expect("a record")).expect("JSON");
    assert_eq!((&last["operation"], &last["door"]), (&Value::from("delete"), &Value::Null), "{last}");
    assert!(last["message"].as_str().is_some_and(|why| why.contains("orphans release")), "{last}");
    for kept in ["192.0.2.6", "192.0.2.8", "192.0.2.10", "192.0.2.11", "192.0.2.12", "192.0.2.14", "198.51.100.5"] {
        assert!(is_reserved(&place, kept), "{kept}");
    }
}

#[test]
fn nothing_is_concluded_from_a_foreman_that_is_away_or_does_not_show_everything() {
    let (place, own) = place("");
    subnet(&place, "192.0.2.0", Some(own));
    import(&place, &[format!("subnet,{PREFIX},,,,"), ours("192.0.2.5", None, "")]);
    record(&place, vec![added("192.0.2.5", mac(0), 120)]);
    let release = ["orphans", "release", "192.0.2.5"];
    for answer in [Response::html(500, "<html>error</html>"), Response::html(503, "<html>down</html>")] {
        place.foreman.answer_all_with(Some(answer));
        let ran = place.run(&release);
        assert!(ran.code == 1 && ran.err.contains("nothing is concluded without Foreman"), "{ran:?}");
    }
    place.foreman.answer_all_with(None);
    place.foreman.set_user(User {
        login: "limited".to_owned(),
        password: "changeme".to_owned(),
        permissions: vec!["view_hosts", "view_subnets"],
    });
    place.write("etc/settings.d/foreman_names.yml", "user: limited\npassword: changeme\n");
    let ran = place.run(&release);
    assert!(ran.code == 1 && ran.err.contains("it may not be everything"), "{ran:?}");
    let report = place.run(&["reconcile"]);
    assert!(report.code == 1 && report.err.contains("leaked addresses are not looked for"), "{report:?}");
    assert!(is_reserved(&place, "192.0.2.5"));
}

#[test]
fn a_report_over_ten_thousand_addresses_finds_exactly_what_differs_and_restore_adds_what_is_missing() {
    let (place, own) = place("");
    assert_eq!(place.as_admin(&["setup", "--sweep", "--non-interactive"]).code, 0);
    let (mut csv, mut records, mut planted) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut plant = |kind: &str, address: &str| planted.insert((address.to_owned(), kind.to_owned()));
    for net in 0..100_u32 {
        let network = format!("10.1.{net}.0");
        let id = subnet(&place, &network, Some(own));
        csv.push(format!("subnet,{network}/24,,,,"));
        for last in 1..=100_u32 {
            let (address, number) = (format!("10.1.{net}.{last}"), net * 1000 + last);
            let (name, own_mac) = (format!("host-{number}.example.com"), mac(number));
            let mut has_host = true;
            let mut row = Some(ours(&address, Some(own_mac), &name));
            // One of each kind in every tenth subnet.
            match (net % 10, last) {
                (0, 1) => {
                    plant("missing", &address);
                    row = None;
                }
                (0, 2) => {
                    plant("leaked", &address);
                    has_host = false;
                }
                (0, 3) => {
                    plant("not_ours", &address);
                    row = Some(format!("address,{network}/24,{address},,,somebody"));
                }
                (0, 4) => {
                    plant("differs", &address);
                    row = Some(ours(&address, Some(own_mac), "other.example.com"));
                }
                (0, 5) => {
                    plant("differs", &address);
                    row = Some(ours(&address, Some(mac(number + 500)), &name));
                }
                (0, 6) => {
                    plant("shared", &address);
                    let twin = vec![interface(&address, mac(number + 600), Some(id))];
                    place.foreman.set_host(Host { name: format!("twin-{number}.example.com"), interfaces: twin });
                }
                (0, 7) => {
                    // Foreman changes it by facts.
                    plant("leaked", &address);
                    let new = format!("10.1.{net}.207");
                    plant("missing", &new);
                    has_host = false;
                    let interfaces = vec![interface(&new, own_mac, Some(id))];
                    place.foreman.set_host(Host { name: name.clone(), interfaces });
                }
                // Of a host that is being created.
                (0, 8) => has_host = false,
                _ => {}
            }
            csv.extend(row);
            if has_host {
                place.foreman.set_host(Host { name, interfaces: vec![interface(&address, own_mac, Some(id))] });
            }
            records.push(added(&address, own_mac, if (net % 10, last) == (0, 8) { 5 } else { 600 }));
        }
    }
    import(&place, &csv);
    record(&place, records);
    let found = |report: &Value| -> BTreeSet<(String, String)> {
        let rows = report["differences"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        rows.map(|row| (text(&row["address"]), text(&row["kind"]))).collect()
    };
    let report = json(&place, &["reconcile", "--report", "--json"]);
    assert_eq!((&report["subnets"], found(&report)), (&Value::from(100), planted.clone()));
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(planted.len()));
    let halves: Vec<&Value> = report["differences"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["address"] == "10.1.20.207" || row["address"] == "10.1.20.7")
        .map(|row| &row["other_half"])
        .collect();
    assert_eq!(halves, [&Value::from("10.1.20.207"), &Value::from("10.1.20.7")]);

    let asked = place.run(&["reconcile", "--restore"]);
    assert!(asked.code == 1 && asked.err.contains("nothing is reserved"), "{asked:?}");
    let restored = place.run(&["reconcile", "--restore", "--yes"]);
    assert_eq!((restored.code, restored.out.lines().count()), (0, 20), "{restored:?}");
    let left = planted.into_iter().filter(|(_, kind)| kind != "missing").collect();
    assert_eq!(found(&json(&place, &["reconcile", "--json"])), left);
}

#[test]
fn orphans_are_found_after_a_sweep_and_stay_unless_the_settings_say_otherwise() {
    let (place, own) = place("sweep_every_seconds: 60\n");
    subnet(&place, "192.0.2.0", Some(own));
    import(&place, &[format!("subnet,{PREFIX},,,,"), ours("192.0.2.5", None, "")]);
    record(&place, vec![added("192.0.2.5", mac(0), 120)]);
    let _proxy = place.start();
    let began = std::time::Instant::now();
    loop {
        let ran = place.run(&["check", "--running", "--json"]);
        if ran.out.contains("orphans list") {
            break;
        }
        assert!(began.elapsed().as_secs() < 60, "{ran:?}");
        #[expect(clippy::disallowed_methods, reason = "no runtime here, and nothing to be woken by")]
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(is_reserved(&place, "192.0.2.5"), "release_orphans is off");
    assert_eq!(place.run(&["orphans", "release", "192.0.2.5"]).code, 0, "beside a proxy that runs");
    assert!(!is_reserved(&place, "192.0.2.5"));
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_half_done_and_can_be_repeated() {
    let (place, own) = place("");
    assert_eq!(place.as_admin(&["setup", "--sweep", "--non-interactive"]).code, 0);
    let id = subnet(&place, "192.0.2.0", Some(own));
    import(&place, &[format!("subnet,{PREFIX},,,,")]);
    for last in 1..=200_u32 {
        let interfaces = vec![interface(&format!("192.0.2.{last}"), mac(last), Some(id))];
        place.foreman.set_host(Host { name: format!("host-{last}.example.com"), interfaces });
    }
    let missing = || {
        let report = json(&place, &["reconcile", "--json"]);
        let rows = report["differences"].as_array().expect("a list").clone();
        assert!(rows.iter().all(|row| row["kind"] == "missing"), "{rows:?}");
        rows.len()
    };
    assert_eq!(missing(), 200);
    let restore = ["reconcile", "--restore", "--yes"];
    for milliseconds in [100, 200, 300, 400] {
        let mut child = place.command(&restore).stdout(std::process::Stdio::null()).spawn().expect("a process");
        #[expect(clippy::disallowed_methods, reason = "the moment of a kill is a time")]
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_eq!(place.run(&["store", "verify"]).code, 0);
        missing();
    }
    let ran = place.run(&restore);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(missing(), 0);
}

#[cfg(feature = "netbox")]
#[test]
fn a_report_over_netbox_finds_what_differs_and_a_record_of_somebody_is_never_changed() {
    use ipam_simulators::Server;
    use ipam_simulators::netbox::{Netbox, TOKEN, Version};

    let netbox = Arc::new(Netbox::new(Version::V4_6));
    netbox.add_prefix(PREFIX, None);
    let server = Server::start(netbox.clone());
    let (place, own) = place("");
    let id = subnet(&place, "192.0.2.0", Some(own));
    place.write("etc/settings.d/externalipam.yml", "use_provider: netbox\n");
    let settings = format!("url: {}\ntoken: '{TOKEN}'\n", server.url());
    place.write("etc/settings.d/externalipam_netbox.yml", &settings);
    let mut proxy = place.start();
    for last in [1, 2] {
        let path = format!("/ipam/subnet/{PREFIX}/192.0.2.{last}");
        assert_eq!(place.foreman.call_proxy(&place.proxy_url(), "POST", &path), 201);
    }
    assert!(proxy.terminate().success());
    netbox.record("192.0.2.3", None);
    // As if the second had been added long ago; it has no host.
    record(&place, vec![Record { provider: "netbox".to_owned(), mac: None, ..added("192.0.2.2", mac(2), 300) }]);
    for last in [1, 3, 4_u32] {
        let interfaces = vec![interface(&format!("192.0.2.{last}"), mac(last), Some(id))];
        place.foreman.set_host(Host { name: format!("host-{last}.example.com"), interfaces });
    }
    let found = |report: &Value| {
        let rows = report["differences"].as_array().expect("a list").iter();
        rows.map(|row| format!("{} {}", row["address"].as_str().unwrap_or("-"), row["kind"].as_str().unwrap_or("-")))
            .collect::<Vec<_>>()
    };
    let report = json(&place, &["reconcile", "--json"]);
    assert_eq!(found(&report), ["192.0.2.2 leaked", "192.0.2.3 not_ours", "192.0.2.4 missing"]);
    let before = netbox.records_of("192.0.2.3");
    assert_eq!(place.run(&["reconcile", "--restore", "--yes"]).code, 0);
    assert_eq!(netbox.records_of("192.0.2.4").len(), 1);
    assert_eq!(netbox.records_of("192.0.2.3"), before);
    assert_eq!(orphans(&place), ["192.0.2.2"]);
    assert_eq!(place.run(&["orphans", "release", "192.0.2.2"]).code, 0);
    assert!(netbox.records_of("192.0.2.2").is_empty());
}
