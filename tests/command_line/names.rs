//! Names of hosts from Foreman: the settings, and who may send webhooks.

use std::time::{Duration, Instant};

use ipam_simulators::foreman::{Host, Interface, Subnet, User};

use crate::foreman::Place;

const USER: &str = "user: admin\npassword: changeme\n";
const TOKEN: &str = "a-token-of-the-webhooks";

fn configure(place: &Place, names: &str) {
    place.configure("");
    place.write("etc/settings.d/foreman_names.yml", names);
}

#[expect(clippy::disallowed_methods, reason = "no runtime here, and nothing to be woken by")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// Waits until the proxy has asked Foreman for this.
fn wait_for_request(place: &Place, wanted: &str) {
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(30) {
        seen.extend(place.foreman.take_requests());
        if seen.iter().any(|request| request == wanted) {
            return;
        }
        pause();
    }
    panic!("no {wanted} in {seen:?}");
}

#[test]
fn a_webhook_has_the_host_read_from_foreman_and_comes_with_certificate_or_token() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}webhook_token: {TOKEN}\n"));
    let _proxy = place.start();
    let url = place.proxy_url();
    let send = |body: &str, token| place.foreman.send_webhook(&url, body, token);
    assert_eq!(send(r#"{"id": 7, "name": "forged.example.com"}"#, None), 202);
    wait_for_request(&place, "GET /api/v2/hosts/7");
    assert_eq!(send(r#"{"id": 8}"#, Some(TOKEN)), 202);
    wait_for_request(&place, "GET /api/v2/hosts/8");
    assert_eq!(send(r#"{"id": 9}"#, Some("a-token-of-the-webhookz")), 403, "another token, and no certificate");
    for body in ["", "[]", "{}", r#"{"id": "../users"}"#, r#"{"id": -1}"#, "no JSON"] {
        assert_eq!(send(body, None), 400, "{body}");
    }
    assert!(place.foreman.take_requests().is_empty());
}

#[test]
fn webhooks_that_are_off_are_not_there() {
    let place = Place::new();
    configure(&place, &format!("look_up_after_add: true\n{USER}webhook_token: {TOKEN}\n"));
    let _proxy = place.start();
    for token in [None, Some(TOKEN)] {
        assert_eq!(place.foreman.send_webhook(&place.proxy_url(), r#"{"id": 7}"#, token), 404);
    }
}

#[test]
fn names_need_to_know_where_foreman_is() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}"));
    let settings = place.read("etc/settings.yml");
    let without: Vec<&str> = settings.lines().filter(|line| !line.starts_with("foreman_url")).collect();
    place.write("etc/settings.yml", &without.join("\n"));
    let ran = place.run(&["check", "--settings-only"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("settings.yml: foreman_url is missing, and foreman_names.yml wants names"), "{said}");
}

#[test]
fn setup_creates_template_and_webhooks_once_and_removes_them() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}webhook_token: {TOKEN}\n"));
    let created = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert_eq!((created.code, created.err.as_str()), (0, ""), "{created:?}");
    let lines = "created       foreman-ipam-proxy - host hint\ncreated       foreman-ipam-proxy - host_created\n\
                 created       foreman-ipam-proxy - host_updated\n";
    assert_eq!(created.out, lines);
    let templates = place.foreman.webhooks("webhook_templates");
    assert_eq!((templates.len(), templates[0]["organization_ids"].to_string()), (1, "[1,2,3]".to_owned()));
    let webhooks = place.foreman.webhooks("webhooks");
    for webhook in &webhooks {
        assert_eq!(webhook["target_url"], format!("{}/hooks/foreman", place.proxy_url()));
        assert_eq!(
            (&webhook["webhook_template_id"], &webhook["proxy_authorization"]),
            (&templates[0]["id"], &true.into())
        );
        assert_eq!(webhook["http_headers"], format!(r#"{{"Authorization":"Bearer {TOKEN}"}}"#));
    }
    let again = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert_eq!(again.out, lines.replace("created  ", "changed  "), "{again:?}");
    assert_eq!(place.foreman.webhooks("webhooks"), webhooks);
    let other = ["setup", "--webhooks", "--non-interactive", "--proxy-url", "https://other.example.com:8443"];
    assert_eq!(place.as_admin(&other).code, 0);
    let remove = ["setup", "--webhooks", "--remove", "--non-interactive"];
    assert_eq!(place.as_admin(&remove).code, 0);
    assert_eq!(place.foreman.webhooks("webhooks").len(), 2, "those of the other proxy stay");
    assert_eq!(place.foreman.webhooks("webhook_templates").len(), 1, "they need it");
    assert_eq!(place.as_admin(&[&other[..], &["--remove"]].concat()).code, 0);
    assert!(place.foreman.webhooks("webhooks").is_empty() && place.foreman.webhooks("webhook_templates").is_empty());
    assert!(place.as_admin(&remove).out.starts_with("removed       nothing: "));
}

#[test]
fn setup_says_when_foreman_has_no_webhooks() {
    let place = Place::new();
    place.configure("");
    place.foreman.uninstall_webhooks();
    let ran = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert!(ran.code == 1 && ran.err.contains("install its plugin foreman_webhooks"), "{ran:?}");
}

/// A subnet that uses the proxy of this place, and a user who is not an administrator.
fn with_own_subnet(place: &Place) -> u64 {
    let proxy = place.foreman.add("proxy", &place.proxy_url(), &["External IPAM"]);
    place.foreman.set_user(User {
        login: "ipam".to_owned(),
        password: "a-personal-access-token".to_owned(),
        permissions: vec!["view_hosts", "view_subnets", "view_report_templates", "generate_report_templates"],
    });
    place.foreman.add_subnet(Subnet {
        name: "Servers".to_owned(),
        network: "192.0.2.0".to_owned(),
        cidr: 24,
        externalipam: Some(proxy),
        ..Subnet::default()
    })
}

#[test]
fn setup_creates_the_report_template_and_check_shows_how_much_of_foreman_is_seen() {
    let place = Place::new();
    let subnet = with_own_subnet(&place);
    configure(&place, "sweep_every_seconds: 86400\nuser: ipam\npassword: a-personal-access-token\n");
    assert_eq!(place.run(&["subnet", "add", "192.0.2.0/24"]).code, 0);
    let names = || {
        let ran = place.run(&["check"]);
        let lines = ran.out.lines().filter_map(|line| line.strip_prefix("names         "));
        (ran.code, lines.map(str::to_owned).collect::<Vec<_>>())
    };
    let (code, lines) = names();
    assert_eq!(code, 0, "{lines:?}");
    assert!(lines[0].contains("knows the user ipam") && lines[1] == "ok: one subnet uses this proxy", "{lines:?}");
    assert!(lines[2].starts_with("warning: a sweep asks for each host, which takes a minute for 1000: "), "{lines:?}");
    assert!(lines[3].starts_with("warning: perhaps not all is visible: ipam is no administrator"), "{lines:?}");

    let created = place.as_admin(&["setup", "--sweep", "--non-interactive"]);
    assert_eq!(created.out, "created       foreman-ipam-proxy - addresses\n", "{created:?}");
    let again = place.as_admin(&["setup", "--sweep", "--webhooks", "--non-interactive"]);
    assert!(again.out.starts_with("changed       foreman-ipam-proxy - addresses\ncreated "), "{again:?}");
    let interface = Interface { ip: Some(ADDRESS.to_owned()), subnet: Some(subnet), ..Interface::default() };
    place.foreman.set_host(Host { name: "web.example.com".to_owned(), interfaces: vec![interface] });
    let (code, lines) = names();
    let whole =
        ["ok: 1 addresses are read from Foreman", "ok: these are all: ipam is in all organizations and locations"];
    assert_eq!((code, &lines[2..]), (0, &whole.map(str::to_owned)[..]));
    place.foreman.confine("ipam", &[1, 3]);
    let (code, lines) = names();
    let why = "warning: these may not be all: ipam is not in the organization organizations 2; add the user to it";
    assert_eq!((code, lines[3].as_str()), (0, why));

    let removed = place.as_admin(&["setup", "--sweep", "--remove", "--non-interactive"]);
    assert_eq!(removed.out, "removed       foreman-ipam-proxy - addresses\n");
    assert!(
        place.as_admin(&["setup", "--sweep", "--remove", "--non-interactive"]).out.starts_with("removed       nothing")
    );
    assert_eq!(place.as_admin(&["setup", "--remove", "--non-interactive"]).code, 2);
    configure(&place, "sweep_every_seconds: 86400\nuser: ipam\npassword: another-token\n");
    let (code, lines) = names();
    assert!(code == 1 && lines[0].starts_with("fault: Foreman does not accept the user ipam"), "{lines:?}");
}

/// No webhook arrives, and no address is looked up.
#[test]
fn a_sweep_writes_what_foreman_has() {
    let place = Place::new();
    let subnet = with_own_subnet(&place);
    configure(&place, "sweep_every_seconds: 60\nuser: ipam\npassword: a-personal-access-token\n");
    assert_eq!(place.as_admin(&["setup", "--sweep", "--non-interactive"]).code, 0);
    assert_eq!(place.run(&["subnet", "add", "192.0.2.0/24"]).code, 0);
    let mut proxy = place.start();
    assert_eq!(place.foreman.call_proxy(&place.proxy_url(), "POST", PATH), 201);
    let interface = Interface {
        ip: Some(ADDRESS.to_owned()),
        mac: Some(MAC.to_owned()),
        subnet: Some(subnet),
        ..Interface::default()
    };
    place.foreman.set_host(Host { name: "web.example.com".to_owned(), interfaces: vec![interface] });
    let record = || place.run(&["address", "show", ADDRESS, "--json"]).out;
    wait_for_record(&record, "web.example.com");
    wait_for_record(&record, MAC);
    assert!(proxy.terminate().success());
}

const ADDRESS: &str = "192.0.2.5";
const PATH: &str = "/ipam/subnet/192.0.2.0/24/192.0.2.5";
const MAC: &str = "52:54:00:00:00:05";

/// Foreman has a host with the address on its second interface.
fn add_host(place: &Place) {
    let subnet = place.foreman.add_subnet(Subnet {
        name: "Servers".to_owned(),
        network: "192.0.2.0".to_owned(),
        cidr: 24,
        externalipam: Some(1),
        ..Subnet::default()
    });
    let interface = |address: &str, mac: &str| Interface {
        identifier: "eth0".to_owned(),
        mac: Some(mac.to_owned()),
        ip: Some(address.to_owned()),
        subnet: Some(subnet),
        ..Interface::default()
    };
    let interfaces = vec![interface("192.0.2.99", "52:54:00:00:00:01"), interface(ADDRESS, MAC)];
    place.foreman.set_host(Host { name: "web.example.com".to_owned(), interfaces });
}

/// Waits until what is recorded of the address has this in it.
fn wait_for_record(record: &dyn Fn() -> String, wanted: &str) {
    let began = Instant::now();
    while !record().contains(wanted) {
        assert!(began.elapsed() < Duration::from_secs(40), "no {wanted} in {}", record());
        pause();
    }
}

/// The name arrives after an add, a lost webhook changes nothing, a doubled one and one that lies write what Foreman has, and
/// a deleted host leaves the record as it is.
fn names_arrive(place: &Place, record: &dyn Fn() -> String) {
    let mut proxy = place.start();
    let url = place.proxy_url();
    assert_eq!(place.foreman.call_proxy(&url, "POST", PATH), 201);
    add_host(place);
    wait_for_record(record, "web.example.com");
    wait_for_record(record, MAC);

    place.foreman.rename_host("web.example.com", "new.example.com");
    assert!(record().contains("web.example.com"), "the webhook is lost");
    let forged = r#"{"id": 1, "name": "forged.example.com", "event_name": "host_updated.event.foreman"}"#;
    for _ in 0..2 {
        assert_eq!(place.foreman.send_webhook(&url, forged, None), 202);
    }
    wait_for_record(record, "new.example.com");
    assert_eq!(place.foreman.send_webhook(&url, forged, Some("a-token-that-is-not-set")), 403);

    place.foreman.delete_host("new.example.com");
    place.foreman.take_requests();
    assert_eq!(place.foreman.send_webhook(&url, r#"{"id": 1}"#, None), 202);
    wait_for_request(place, "GET /api/v2/hosts/1");
    assert!(record().contains("new.example.com") && !record().contains("forged"), "{}", record());
    assert_eq!(place.foreman.call_proxy(&url, "DELETE", PATH), 200);
    assert!(proxy.terminate().success());
}

#[test]
fn names_arrive_in_the_embedded_ipam() {
    let place = Place::new();
    configure(&place, &format!("look_up_after_add: true\nwebhooks: true\n{USER}"));
    assert_eq!(place.run(&["subnet", "add", "192.0.2.0/24"]).code, 0);
    names_arrive(&place, &|| place.run(&["address", "show", ADDRESS, "--json"]).out);
}

#[cfg(feature = "netbox")]
#[test]
fn names_arrive_in_netbox() {
    use std::sync::Arc;

    use ipam_simulators::Server;
    use ipam_simulators::netbox::{Netbox, TOKEN, Version};

    let netbox = Arc::new(Netbox::new(Version::V4_6));
    netbox.add_prefix("192.0.2.0/24", None);
    let server = Server::start(netbox.clone());
    let place = Place::new();
    configure(&place, &format!("look_up_after_add: true\nwebhooks: true\n{USER}"));
    place.write("etc/settings.d/externalipam.yml", "use_provider: netbox\n");
    let settings = format!("url: {}\ntoken: '{TOKEN}'\n", server.url());
    place.write("etc/settings.d/externalipam_netbox.yml", &settings);
    names_arrive(&place, &|| format!("{:?}", netbox.records_of(ADDRESS)));
}
