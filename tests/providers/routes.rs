//! Two products behind one proxy. Both have the same seed, so the same groups and prefixes: only the routes tell them apart.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipam_conformance::{Fault, Role, Seed, SeededSubnet};

use crate::support::{Foreman, Netbox, Phpipam, Place, Proxy, Simulated, Vendor, at_once, mac, named, subnet};

const EXTERNAL: &str = "etc/settings.d/externalipam.yml";

/// NetBox has one group, phpIPAM all others, such as `Zone A`.
const BY_GROUP: &str = "\
use_provider:
  - { groups: ['Prod*'], provider: netbox }
  - { provider: phpipam }
";

/// The same the other way round.
const REVERSED: &str = "\
use_provider:
  - { groups: ['Zone*', 'dmz/web', 'R+D', '1'], provider: phpipam }
  - { provider: netbox }
";

const IN_NETBOX: Role = Role::Wide;
const IN_PHPIPAM: Role = Role::Wider;

struct Site {
    netbox: Simulated<Netbox>,
    phpipam: Simulated<Phpipam>,
}

impl Site {
    fn start() -> Self {
        Self { netbox: Simulated::start(), phpipam: Simulated::start() }
    }

    fn place(&self, external: &str) -> Place {
        let place = Place::over(&self.netbox);
        place.write("etc/settings.d/externalipam_phpipam.yml", &self.phpipam.settings());
        place.write(EXTERNAL, external);
        place
    }

    fn proxy(&self) -> Proxy {
        self.place(BY_GROUP).start()
    }
}

fn seeded(role: Role) -> SeededSubnet {
    subnet(&Seed::standard(), role).clone()
}

fn create(foreman: &Foreman, role: Role, number: usize) -> IpAddr {
    let seeded = seeded(role);
    let (prefix, group) = named(&seeded);
    let address = foreman.create_host(&prefix, Some(&mac(number)), group);
    address.unwrap_or_else(|text| panic!("host {number}: {text}")).parse().expect("an address")
}

fn offered(foreman: &Foreman, role: Role, number: usize) -> String {
    let seeded = seeded(role);
    let (prefix, group) = named(&seeded);
    foreman.next_ip(&prefix, Some(&mac(number)), group).expect("an address")
}

fn recorded<V: Vendor>(ipam: &Simulated<V>, role: Role) -> BTreeSet<IpAddr> {
    ipam.vendor.records(&seeded(role)).into_iter().map(|record| record.address).collect()
}

#[test]
fn an_ipam_that_hangs_costs_the_other_no_time() {
    let site = Site::start();
    let proxy = site.place(&format!("{BY_GROUP}attempt_seconds: 8\nread_attempts: 1\n")).start();
    let foreman = proxy.foreman();
    create(&foreman, IN_PHPIPAM, 1);
    site.netbox.fail(Fault::Slow);
    site.netbox.take_requests();
    let start = Instant::now();
    for number in 2..10 {
        create(&foreman, IN_PHPIPAM, number);
    }
    let (prefix, group) = (seeded(IN_PHPIPAM).prefix.to_string(), Some("Zone A"));
    foreman.save_subnet(&prefix, group).expect("a subnet of phpIPAM");
    foreman
        .delete(&prefix, &recorded(&site.phpipam, IN_PHPIPAM).first().expect("a host").to_string(), group)
        .expect("deleted");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(site.netbox.take_requests().len(), 0, "nothing of this concerns NetBox");
    proxy.assert_sound();
}

#[test]
fn what_an_absent_ipam_lacks_is_said_and_its_trouble_stays_until_it_is_back() {
    let site = Site::start();
    let proxy = site.proxy();
    let foreman = proxy.foreman();
    site.netbox.fail(Fault::Gone);
    let (wide, wider) = (seeded(IN_NETBOX), seeded(IN_PHPIPAM));
    let (prefix, group) = named(&wide);
    let text = foreman.next_ip(&prefix, Some(&mac(1)), group).expect_err("NetBox is gone");
    assert!(text.starts_with("Unable to connect to External IPAM server"), "{text}");
    create(&foreman, IN_PHPIPAM, 1);
    let trouble = proxy.trouble().expect("Foreman's page says it");
    assert_eq!(trouble, format!("IPAM netbox: {text}"), "phpIPAM does not end NetBox's trouble");
    let groups = proxy.curl().get("/ipam/groups");
    assert_eq!(groups.status, 503);
    assert!(groups.text().contains("The groups of netbox are missing: Unable to connect"), "{}", groups.text());
    // Without a group, NetBox may have the subnet too.
    let (prefix, _) = named(&wider);
    let text = foreman.next_ip(&prefix, Some(&mac(2)), None).expect_err("NetBox is gone");
    assert!(
        text.starts_with(&format!("Whether netbox has {prefix} too is unknown, and the subnet has no group")),
        "{text}"
    );
    let (code, running) = proxy.run(&["check", "--running"]);
    assert_eq!(code, Some(0), "{running}");
    assert!(running.contains("running, externalipam_netbox, externalipam_phpipam"), "{running}");
    assert!(running.contains("trouble       IPAM netbox: "), "{running}");
    site.netbox.heal();
    create(&foreman, IN_NETBOX, 3);
    assert_eq!(proxy.trouble(), None);
    proxy.assert_sound();
}

#[test]
fn two_hundred_hosts_over_two_ipams_get_two_hundred_addresses() {
    let site = Site::start();
    let proxy = site.place(&format!("{BY_GROUP}request_budget_seconds: 54\nattempt_seconds: 20\n")).start();
    let foreman = proxy.foreman();
    let before = (recorded(&site.netbox, IN_PHPIPAM), recorded(&site.phpipam, IN_NETBOX));
    let role = |number: usize| if number.is_multiple_of(2) { IN_NETBOX } else { IN_PHPIPAM };
    let hosts = at_once(200, |number| create(&foreman, role(number), number));
    let of = |rest: usize| hosts.iter().skip(rest).step_by(2).copied().collect::<BTreeSet<_>>();
    assert_eq!((of(0).len(), of(1).len()), (100, 100), "no address twice");
    assert!(recorded(&site.netbox, IN_NETBOX).is_superset(&of(0)));
    assert!(recorded(&site.phpipam, IN_PHPIPAM).is_superset(&of(1)));
    assert_eq!(
        (recorded(&site.netbox, IN_PHPIPAM), recorded(&site.phpipam, IN_NETBOX)),
        before,
        "each in its own IPAM"
    );
    proxy.assert_sound();
}

#[test]
fn groups_are_merged_and_a_name_in_both_is_said_at_the_start_and_by_check() {
    let site = Site::start();
    let proxy = site.proxy();
    let said =
        "the group Production is in netbox and phpipam; only netbox is asked for it, by the routes in use_provider";
    proxy.wait_for(&format!("Several IPAMs have one group: {said}"));
    let groups = proxy.client().get("/ipam/groups").json();
    let names: Vec<&str> =
        groups.as_array().expect("a list").iter().filter_map(|group| group["name"].as_str()).collect();
    let mut expected: Vec<String> = Seed::standard().groups.iter().map(|group| group.name.to_string()).collect();
    expected.sort();
    assert_eq!(names, expected, "each once");
    let (code, output) = proxy.run(&["check"]);
    assert_eq!(code, Some(0), "{output}");
    for line in [
        format!("IPAM          warning: {said}"),
        "IPAM          ok: netbox: ".to_owned(),
        "IPAM          ok: phpipam: ".to_owned(),
    ] {
        assert!(output.contains(&line), "{line}: {output}");
    }
    site.phpipam.fail(Fault::Gone);
    let (code, output) = proxy.run(&["check"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(
        output.contains("IPAM          fault: phpipam: ") && output.contains("IPAM          ok: netbox: "),
        "{output}"
    );
    let (code, output) = proxy.run(&["check", "--settings-only"]);
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn a_reload_adds_an_ipam_and_what_the_first_has_promised_stays() {
    let site = Site::start();
    let lab = Simulated::<Netbox>::start();
    let place = site.place("use_provider: netbox\n");
    place.write("etc/settings.d/externalipam_netbox_lab.yml", &lab.settings());
    let proxy = place.start();
    let foreman = proxy.foreman();
    let promised = offered(&foreman, IN_NETBOX, 1);
    let routes = "\
use_provider:
  - { prefixes: [198.51.100.0/24], provider: netbox, settings: externalipam_netbox_lab.yml }
  - { provider: netbox }
";
    proxy.reload(EXTERNAL, routes);
    assert_eq!(offered(&foreman, IN_NETBOX, 1), promised);
    assert_ne!(offered(&foreman, IN_NETBOX, 2), promised);
    site.netbox.take_requests();
    let host = create(&foreman, IN_PHPIPAM, 3);
    assert!(recorded(&lab, IN_PHPIPAM).contains(&host), "by its prefix it is in the lab's NetBox now");
    assert_eq!(site.netbox.take_requests().len(), 0);
    assert_eq!(create(&foreman, IN_NETBOX, 1).to_string(), promised);
    let features = proxy.client().get("/v2/features").json();
    let shown = &features["externalipam"]["settings"]["use_provider"];
    assert_eq!(shown, "externalipam_netbox_lab, externalipam_netbox");
    proxy.assert_sound();
}

#[test]
fn holds_of_both_survive_a_restart_with_the_routes_in_another_order() {
    let site = Site::start();
    let proxy = site.proxy();
    let foreman = proxy.foreman();
    let promised = [IN_NETBOX, IN_PHPIPAM].map(|role| offered(&foreman, role, 1));
    let place = proxy.stop();
    place.write(EXTERNAL, REVERSED);
    let proxy = place.start();
    let foreman = proxy.foreman();
    for (role, promised) in [IN_NETBOX, IN_PHPIPAM].into_iter().zip(&promised) {
        assert_ne!(&offered(&foreman, role, 2), promised);
        assert_eq!(&offered(&foreman, role, 1), promised);
    }
    let holds = proxy.client().get("/ipam/holds").json();
    let providers: BTreeSet<&str> =
        holds["holds"].as_array().expect("a list").iter().filter_map(|hold| hold["provider"].as_str()).collect();
    assert_eq!(providers, BTreeSet::from(["netbox", "phpipam"]));
    let (_, listed) = proxy.run(&["holds", "list"]);
    assert!(listed.starts_with("IPAM ") && listed.contains("\nphpipam "), "{listed}");
    let [_, in_phpipam] = &promised;
    let subnet = seeded(IN_PHPIPAM).prefix.to_string();
    let (code, output) = proxy.run(&["holds", "release", in_phpipam, "--subnet", &subnet, "--group", "Zone A"]);
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(&offered(&foreman, IN_PHPIPAM, 3), in_phpipam, "it is free again");
}

#[test]
fn a_subnet_that_no_route_is_for_is_said_to_have_none() {
    let site = Site::start();
    let routes = "use_provider:\n  - { groups: ['Zone A'], provider: phpipam }\n  - { prefixes: [198.18.0.0/15], provider: netbox }\n";
    let proxy = site.place(routes).start();
    let production = Some("Production");
    let text = proxy.foreman().next_ip("192.0.2.0/28", Some(&mac(1)), production).expect_err("no route");
    assert!(
        text.starts_with("Subnet not found in External IPAM: 192.0.2.0/28 in group Production. No route in the"),
        "{text}"
    );
    let text = proxy.foreman().next_ip("198.18.7.0/24", Some(&mac(1)), production).expect_err("NetBox lacks it");
    assert!(text.contains("Create it in the IPAM"), "{text}");
    proxy.assert_sound();
}
