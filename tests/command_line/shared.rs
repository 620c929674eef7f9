//! Two proxies that share their holds in a PostgreSQL.

use std::os::unix::net::UnixStream;

use ipam_simulators::postgres::{Server, Stop};
use serde_json::{Value, json};

use crate::process::Proxy;
use crate::site::Site;

const SUBNET: &str = "10.0.0.0/29";

/// A site whose proxy keeps its holds in the database.
fn site(server: &Server) -> Site {
    let site = Site::new();
    let settings = format!(
        "bind_host: 127.0.0.1\nhttp_port: 0\ntrusted_hosts: [localhost]\nlog_file: STDOUT\nworkers: 1\n\
         state_directory: {}\ndatabase_url: {}\ndatabase_timeout_seconds: 2\n",
        site.place("state").display(),
        server.url()
    );
    site.write("etc/settings.yml", &settings);
    site.ok(&["subnet", "add", SUBNET]);
    site
}

fn call(site: &Site, target: &str) -> (u16, Value) {
    let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
    crate::http::call(socket, "GET", target)
}

fn next_ip(site: &Site) -> (u16, Value) {
    call(site, &format!("/ipam/subnet/{SUBNET}/next_ip"))
}

fn listed(site: &Site) -> Vec<String> {
    let holds = site.json(&["holds", "list", "--json"]);
    let holds = holds.as_array().expect("a list").iter();
    holds.map(|hold| hold["address"].as_str().expect("an address").to_owned()).collect()
}

#[test]
fn two_proxies_share_their_holds() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (site(&server), site(&server));
    let mut proxies = [&one, &other].map(|site| Proxy::start(site.command(&["serve"])));
    assert!(proxies[0].said.iter().any(|line| line.contains("Holds are kept in the database ipam at ")));
    assert_eq!(next_ip(&one).1["data"], "10.0.0.1");
    assert_eq!(next_ip(&other).1["data"], "10.0.0.2");
    assert_eq!(next_ip(&one).1["data"], "10.0.0.3");
    for site in [&one, &other] {
        assert_eq!(listed(site), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    }
    let ran = other.run(&["holds", "release", "10.0.0.1", "--subnet", SUBNET]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "IP address 10.0.0.1 is not held any more\n"), "{}", ran.err);
    assert!(proxies.iter_mut().all(|proxy| proxy.terminate().success()));
    // Without a proxy the database itself is read and changed.
    assert_eq!(listed(&one), ["10.0.0.2", "10.0.0.3"]);
    let ran = one.run(&["holds", "release", "10.0.0.2", "--subnet", SUBNET]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "IP address 10.0.0.2 is not held any more\n"), "{}", ran.err);
    assert_eq!(listed(&other), ["10.0.0.3"]);
    // The commands of the embedded IPAM pass over what is held.
    for expected in ["10.0.0.1\n", "10.0.0.2\n", "10.0.0.4\n"] {
        assert_eq!(one.ok(&["address", "add", "--next", "--subnet", SUBNET]), expected);
    }
}

#[test]
fn a_second_question_of_one_request_is_for_a_second_interface_whichever_proxy_gets_it() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (site(&server), site(&server));
    let _proxies = [&one, &other].map(|site| Proxy::start(site.command(&["serve"])));
    let ask = |site: &Site, request: &str| {
        let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
        let target = format!("/ipam/subnet/{SUBNET}/next_ip?mac=00:00:5e:00:53:01");
        let answer = crate::http::call_with(socket, "GET", &target, &format!("X-Request-Id: {request}\r\n")).1;
        answer["data"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    };
    assert_eq!(ask(&one, "0a1b2c3d-0000-4000-8000-000000000000"), "10.0.0.1");
    assert_eq!(ask(&other, "0a1b2c3d-0000-4000-8000-000000000000"), "10.0.0.2");
    assert_eq!(ask(&other, "another"), "10.0.0.1");
}

#[test]
fn an_add_without_end_is_named_in_the_log_of_another_proxy() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (site(&server), site(&server));
    let mut proxies = [&one, &other].map(|site| Proxy::start(site.command(&["serve"])));
    assert_eq!(next_ip(&one).1["data"], "10.0.0.1");
    proxies[0].signal("KILL");
    // As that one leaves it when it is killed in the middle of an add.
    server.sql("ipam", "UPDATE ipam_proxy_hold SET state = 'adding', pending = 1, granted = granted - 60000");
    proxies[1].wait_for("10.0.0.1 in 10.0.0.0/29 was being added for a request before the last start by a proxy");
    let holds = other.json(&["holds", "list", "--json"]);
    assert_eq!(holds[0]["state"], "unanswered", "{holds}");
}

#[test]
fn a_database_that_is_away_is_told_and_no_address_is_offered() {
    let Some(server) = Server::start() else { return };
    let site = site(&server);
    let checked = site.run(&["check"]);
    assert!(checked.out.contains("database      ok: its version is "), "{}", checked.out);
    assert!(
        checked.out.contains("database      ok: it has no tables for holds; the proxy makes them"),
        "{}",
        checked.out
    );
    server.stop(Stop::Fast);
    let checked = site.run(&["check"]);
    assert_eq!(checked.code, 1);
    assert!(checked.out.contains("database      fault: the database ipam at "), "{}", checked.out);
    // The start does not wait for it.
    let mut proxy = Proxy::start(site.command(&["serve"]));
    let (status, answer) = next_ip(&site);
    assert_eq!(status, 503, "{answer}");
    let error = answer["error"].as_str().expect("an error");
    assert!(error.starts_with("The proxy cannot reach the database that keeps its holds"), "{error}");
    let running = site.ok(&["check", "--running"]);
    assert!(running.contains("trouble       holds: the database ipam at "), "{running}");
    let (status, ready) = call(&site, "/readyz");
    assert_eq!(
        (status, &ready["ready"], &ready["holds"], &ready["ipam"]),
        (503, &json!(false), &json!(false), &json!(true))
    );
    assert_eq!(call(&site, "/healthz").0, 200);
    let refused = site.refused(&["holds", "list"]);
    assert!(refused.contains("The proxy cannot reach the database that keeps its holds"), "{refused}");
    server.start_again();
    // Also when nobody has asked for an address since.
    assert_eq!(call(&site, "/readyz").0, 200);
    assert_eq!(next_ip(&site).1["data"], "10.0.0.1");
    assert!(site.ok(&["check", "--running"]).contains("trouble       none"));
    assert!(proxy.terminate().success());
    let checked = site.run(&["check"]);
    assert!(checked.out.contains("database      ok: its user may read and change holds"), "{}", checked.out);
}

/// A site whose embedded IPAM is in the database, too.
fn site_in_database(server: &Server) -> Site {
    let site = Site::new();
    let settings = format!(
        "bind_host: 127.0.0.1\nhttp_port: 0\ntrusted_hosts: [localhost]\nlog_file: STDOUT\nworkers: 1\n\
         state_directory: {}\ndatabase_url: {}\n",
        site.place("state").display(),
        server.url()
    );
    site.write("etc/settings.yml", &settings);
    site.write("etc/settings.d/externalipam_internal.yml", "store: database\n");
    site
}

#[test]
fn every_command_of_the_embedded_ipam_works_in_the_database() {
    let Some(server) = Server::start() else { return };
    let (one, other) = (site_in_database(&server), site_in_database(&server));
    let checked = one.run(&["check"]);
    assert_eq!(checked.code, 0, "before the first start: {}{}", checked.out, checked.err);
    assert_eq!(server.sql("ipam", "SELECT to_regnamespace('ipam_store')"), "", "a check makes nothing");
    assert!(one.ok(&["store", "path"]).starts_with("ipam at "));

    one.ok(&["group", "add", "lab"]);
    one.ok(&["subnet", "add", SUBNET, "--group", "lab"]);
    one.ok(&["subnet", "exclude", SUBNET, "10.0.0.1", "--group", "lab"]);
    assert_eq!(other.ok(&["address", "add", "--next", "--subnet", SUBNET]), "10.0.0.2\n");
    other.ok(&["address", "edit", "10.0.0.2", "--subnet", SUBNET, "--hostname", "web1.example.com"]);
    assert!(one.ok(&["address", "list", "--subnet", SUBNET]).contains("web1.example.com"));
    assert!(one.ok(&["subnet", "list"]).contains(SUBNET) && one.ok(&["group", "show", "lab"]).contains("lab"));

    let exported = other.ok(&["export"]);
    other.ok(&["group", "delete", "lab", "--with-contents"]);
    other.write("all.csv", &exported);
    other.ok(&["import", &other.text("all.csv")]);
    assert_eq!(one.ok(&["export"]), exported);
    assert!(one.ok(&["store", "verify"]).ends_with("is in order\n"));
    let refused = one.refused(&["store", "backup", &one.text("copy.sqlite")]);
    assert!(refused.contains("back it up with pg_dump"), "{refused}");
    assert!(!one.place("state/ipam.sqlite").exists());

    let mut proxies = [&one, &other].map(|site| Proxy::start(site.command(&["serve"])));
    assert_eq!(next_ip(&one).1["data"], "10.0.0.3");
    assert_eq!(next_ip(&other).1["data"], "10.0.0.4");
    assert!(proxies.iter_mut().all(|proxy| proxy.terminate().success()));
}

#[test]
fn the_embedded_ipam_in_a_database_that_is_away_is_a_503_and_one_that_is_not_set_is_told() {
    let Some(server) = Server::start() else { return };
    let site = site_in_database(&server);
    site.ok(&["subnet", "add", SUBNET]);
    server.stop(Stop::Fast);
    let mut proxy = Proxy::start(site.command(&["serve"]));
    let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
    let (status, answer) = crate::http::call(socket, "GET", &format!("/ipam/subnet/{SUBNET}"));
    assert_eq!(status, 503, "{answer}");
    let error = answer["error"].as_str().expect("an error");
    assert!(error.contains("The database of the address store cannot be reached"), "{error}");
    let refused = site.refused(&["subnet", "list"]);
    assert!(refused.contains("The database of the address store cannot be reached"), "{refused}");
    assert!(proxy.terminate().success());

    let site = Site::new();
    site.write("etc/settings.d/externalipam_internal.yml", "store: database\n");
    let said = "The address store is to be in the database, and settings.yml has no database_url";
    assert!(site.refused(&["subnet", "list"]).contains(said));
    let checked = site.run(&["check"]);
    assert!(checked.code == 1 && format!("{}{}", checked.out, checked.err).contains(said), "{}", checked.err);
}
