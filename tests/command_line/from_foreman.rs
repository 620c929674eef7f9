//! `import --from-foreman`: what a populated Foreman has, into the embedded IPAM and into another one.

use ipam_simulators::foreman::{Host, Interface, Subnet, User};
use serde_json::{Value, json};

use crate::foreman::Place;
use crate::site::Ran;

/// A subnet with hosts, one that is empty, and a host in neither.
fn populate(place: &Place) -> u64 {
    let foreman = &place.foreman;
    let servers = foreman.add_subnet(Subnet {
        name: "Servers".to_owned(),
        network: "192.0.2.0".to_owned(),
        cidr: 24,
        description: "Rack 7".to_owned(),
        gateway: "192.0.2.1".to_owned(),
        dns_primary: "192.0.2.53".to_owned(),
        dns_secondary: "198.51.100.53".to_owned(),
        from: "192.0.2.10".to_owned(),
        to: "192.0.2.99".to_owned(),
        ..Subnet::default()
    });
    let six = foreman.add_subnet(Subnet {
        name: "Six".to_owned(),
        network: "2001:db8::".to_owned(),
        cidr: 64,
        gateway: "2001:db8::1".to_owned(),
        ..Subnet::default()
    });
    let primary = |name: &str, number: u8, subnet| Interface {
        name: Some(name.to_owned()),
        identifier: "eth0".to_owned(),
        mac: Some(format!("52:54:00:00:00:{number:02x}")),
        ip: Some(format!("192.0.2.{number}")),
        subnet,
        ..Interface::default()
    };
    let web = Interface {
        ip6: Some("2001:db8::10".to_owned()),
        subnet6: Some(six),
        ..primary("web.example.com", 10, Some(servers))
    };
    let vlan = Interface {
        identifier: "eth0.7".to_owned(),
        ip: Some("192.0.2.200".to_owned()),
        attached_to: "eth0".to_owned(),
        ..Interface::default()
    };
    foreman.set_host(Host { name: "web.example.com".to_owned(), interfaces: vec![web, vlan] });
    // Its address came with its facts, without a subnet.
    let facts = primary("db.example.com", 11, None);
    foreman.set_host(Host { name: "db.example.com".to_owned(), interfaces: vec![facts] });
    let elsewhere = Interface { ip: Some("172.16.0.1".to_owned()), ..Interface::default() };
    foreman.set_host(Host { name: "far.example.com".to_owned(), interfaces: vec![elsewhere] });
    foreman.set_host(Host { name: "gone.example.com".to_owned(), interfaces: vec![primary("gone", 12, None)] });
    foreman.delete_host_after_list("gone.example.com");
    servers
}

fn done(ran: &Ran) -> Vec<&str> {
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    ran.out.lines().collect()
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    let ran = place.run(&[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).expect("JSON")
}

#[test]
fn a_populated_subnet_offers_nothing_that_is_in_use() {
    let place = Place::new();
    place.configure("");
    populate(&place);
    let lines = [
        "+ group     Production",
        "+ subnet    192.0.2.0/24 (group Production)  Servers: Rack 7",
        "+ excluded  192.0.2.1 to 192.0.2.9 of 192.0.2.0/24: before Foreman's range",
        "+ excluded  192.0.2.100 to 192.0.2.254 of 192.0.2.0/24: after Foreman's range",
        "+ excluded  192.0.2.53 to 192.0.2.53 of 192.0.2.0/24: DNS server in Foreman",
        "+ address   192.0.2.10  web.example.com (52:54:00:00:00:0a)",
        "+ address   192.0.2.11  db.example.com (52:54:00:00:00:0b)",
        "+ address   192.0.2.200  web.example.com (52:54:00:00:00:0a)",
        "+ subnet    2001:db8::/64 (group Production)  Six",
        "+ excluded  2001:db8::1 to 2001:db8::1 of 2001:db8::/64: gateway in Foreman",
        "+ address   2001:db8::10  web.example.com (52:54:00:00:00:0a)",
    ];
    let numbers = "groups: 1, subnets: 2, excluded ranges: 4, addresses: 4; there already: 1, different: 0, failed: 0";
    let elsewhere = "Addresses of hosts in none of these subnets: 1";
    let command = ["import", "--from-foreman", "--group", "Production"];
    let dry = place.as_admin(&[&command[..], &["--dry-run"]].concat());
    let would = format!("Nothing is changed. An import from Foreman would add {numbers}");
    assert_eq!(done(&dry), [&lines[..], &[&would, elsewhere]].concat());
    assert!(!place.path("state/ipam.sqlite").exists(), "a dry run has made a store");

    let real = place.as_admin(&command);
    assert_eq!(done(&real), [&lines[..], &[&format!("Imported from Foreman: {numbers}"), elsewhere]].concat());
    let next = place.run(&["address", "add", "--next", "--subnet", "192.0.2.0/24"]);
    assert_eq!(done(&next), ["192.0.2.12"]);
    let recorded = json_of(&place, &["address", "show", "192.0.2.10"]);
    assert_eq!(
        (&recorded["hostname"], &recorded["mac"], &recorded["owner"]),
        (&json!("web.example.com"), &json!("52:54:00:00:00:0a"), &json!("foreman-ipam-proxy"))
    );
    assert!(done(&place.run(&["store", "verify"]))[0].contains("is in order"));

    let again = place.as_admin(&command);
    let nothing = "groups: 0, subnets: 0, excluded ranges: 0, addresses: 0; there already: 12, different: 0, failed: 0";
    assert_eq!(done(&again), [&format!("Imported from Foreman: {nothing}"), elsewhere]);
}

#[test]
fn a_second_import_adds_what_is_new_and_shows_what_differs() {
    let place = Place::new();
    place.configure("");
    populate(&place);
    let command = ["import", "--from-foreman", "--subnet", "Servers"];
    done(&place.as_admin(&command));
    let edited = place.run(&["address", "edit", "192.0.2.10", "--hostname", "old.example.com"]);
    assert_eq!(edited.code, 0, "{edited:?}");
    let new = Interface {
        mac: Some("52:54:00:00:00:20".to_owned()),
        ip: Some("192.0.2.20".to_owned()),
        ..Interface::default()
    };
    // Hosts of a broken network may have what no host can have.
    let broken = Interface { ip: Some("192.0.2.255".to_owned()), ..Interface::default() };
    place.foreman.set_host(Host { name: "new.example.com".to_owned(), interfaces: vec![new, broken] });
    for is_dry in [true, false] {
        let ran = place.as_admin(if is_dry {
            &["import", "--from-foreman", "--subnet", "192.0.2.0/24", "--dry-run"]
        } else {
            &command
        });
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
        let lines: Vec<&str> = ran.out.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "~ address   192.0.2.10 is that of old.example.com (52:54:00:00:00:0a) in the IPAM, and of web.example.com \
                 (52:54:00:00:00:0a) in Foreman",
                "+ address   192.0.2.20  new.example.com (52:54:00:00:00:20)",
                "! address   192.0.2.255: 192.0.2.255 cannot be given to a host: it is the first or last address of subnet \
                 192.0.2.0/24, which is not a pool",
            ],
            "{ran:?}"
        );
        assert!(lines[3].contains("addresses: 1; there already: 7, different: 1, failed: 1"), "{ran:?}");
    }
    assert_eq!(json_of(&place, &["address", "show", "192.0.2.10"])["hostname"], "old.example.com");
    // A subnet that the store has in another way is left out, with its addresses.
    let store = place.text("other.sqlite");
    done(&place.run(&["subnet", "add", "192.0.2.0/25", "--store", &store, "--gateway", "192.0.2.1"]));
    let ran = place.as_admin(&[&command[..], &["--store", &store]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.starts_with("! subnet    192.0.2.0/24 and its addresses (5): Subnet 192.0.2.0/24 overlaps"),
        "{ran:?}"
    );
}

#[cfg(feature = "netbox")]
#[test]
fn another_ipam_gets_the_addresses() {
    use std::sync::Arc;

    use ipam_simulators::Server;
    use ipam_simulators::netbox::{Netbox, Right, TOKEN, Token, Version};

    let place = Place::new();
    place.configure("");
    populate(&place);
    let reader = "a".repeat(40);
    let netbox = Netbox::new(Version::V4_6).with_token(Token::new(&*reader).with_rights(&[
        Right::ViewGroups,
        Right::ViewPrefixes,
        Right::ViewAddresses,
    ]));
    let netbox = Arc::new(netbox);
    let blue = netbox.add_vrf("Blue");
    netbox.add_prefix("192.0.2.0/24", Some(blue));
    netbox.record("192.0.2.11/24", Some(blue));
    let server = Server::start(netbox.clone());
    place.write("etc/settings.d/externalipam.yml", "use_provider: netbox\n");
    let credentials = |token: &str| {
        let text = format!("url: '{}'\ntoken: '{token}'\n", server.url());
        place.write("etc/settings.d/externalipam_netbox.yml", &text);
    };
    credentials(TOKEN);
    let command = ["import", "--from-foreman", "--group", "Blue"];
    let lines = [
        "~ address   192.0.2.1 is the gateway in Foreman, and free in the IPAM; reserve it there, or a host may be given it",
        "~ address   192.0.2.53 is the DNS server in Foreman, and free in the IPAM; reserve it there, or a host may be given it",
        "+ address   192.0.2.10  web.example.com (52:54:00:00:00:0a)",
        "+ address   192.0.2.200  web.example.com (52:54:00:00:00:0a)",
    ];
    let numbers = "groups: 0, subnets: 0, excluded ranges: 0, addresses: 2; there already: 1, different: 2, failed: 1";
    let dry = place.as_admin(&[&command[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 1, "{dry:?}");
    let out: Vec<&str> = dry.out.lines().collect();
    assert_eq!(out[..4], lines, "{dry:?}");
    assert!(
        out[4].starts_with("! subnet    2001:db8::/64 and its addresses (1): Subnet not found in External IPAM"),
        "{dry:?}"
    );
    assert!(out[5].ends_with(numbers), "{dry:?}");
    assert!(netbox.records_of("192.0.2.10/24").is_empty());

    credentials(&reader);
    let stopped = place.as_admin(&command);
    let stop = stopped.out.lines().find(|line| line.starts_with("! address   192.0.2.10: ")).expect("a line");
    assert!(stop.ends_with("the import stops here, and can be repeated: what is recorded stays"), "{stopped:?}");
    assert!(!stopped.out.contains("192.0.2.200"), "{stopped:?}");

    credentials(TOKEN);
    let real = place.as_admin(&[&command[..], &["--subnet", "Servers"]].concat());
    assert_eq!(done(&real)[..4], lines);
    let recorded = netbox.records_of("192.0.2.10/24");
    assert_eq!((recorded.len(), &recorded[0]["dns_name"]), (1, &json!("web.example.com")), "{recorded:?}");
    let again = place.as_admin(&[&command[..], &["--subnet", "Servers"]].concat());
    assert!(done(&again)[2].contains("addresses: 0; there already: 3, different: 2, failed: 0"), "{again:?}");
}

#[test]
fn what_foreman_does_not_show_is_said() {
    let place = Place::new();
    place.configure("");
    let refused = |arguments: &[&str], expected: &str| {
        let ran = place.as_admin(arguments);
        assert!(ran.code == 1 && ran.err.contains(expected), "{expected}: {ran:?}");
    };
    refused(&["import", "--from-foreman"], "Foreman shows no subnet to the user admin; take a user who is in");
    let servers = populate(&place);
    refused(&["import", "--from-foreman", "--subnet", "Nowhere"], "Foreman has no subnet Nowhere, or the user may not");
    let twin = Subnet { name: "Twin".to_owned(), network: "192.0.2.0".to_owned(), cidr: 24, ..Subnet::default() };
    assert_ne!(place.foreman.add_subnet(twin), servers);
    refused(
        &["import", "--from-foreman"],
        "Foreman has the subnet 192.0.2.0/24 as Servers and as Twin; import one after",
    );
    done(&place.as_admin(&["import", "--from-foreman", "--subnet", "Twin", "--dry-run"]));
    let permissions = vec!["view_subnets"];
    place.foreman.set_user(User { login: "blind".to_owned(), password: "changeme".to_owned(), permissions });
    let file = place.write("password", "changeme\n");
    let command = ["import", "--from-foreman", "--subnet", "Six", "--user", "blind", "--password-file", &file];
    refused(&command, "give that user the permissions view_hosts and view_subnets, or take an administrator");
    assert!(!place.path("state/ipam.sqlite").exists());
    let misused = |arguments: &[&str]| assert_eq!(place.run(arguments).code, 2, "{arguments:?}");
    misused(&["import"]);
    misused(&["import", "a.csv", "--from-foreman"]);
    misused(&["import", "a.csv", "--dry-run"]);
}
