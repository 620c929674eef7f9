//! `check --running`, which container engines call again and again.

use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use crate::process::Proxy;
use crate::site::{Site, run};

const RUNNING: [&str; 2] = ["check", "--running"];

fn serve(site: &Site) -> Proxy {
    Proxy::start(site.command(&["serve"]))
}

#[test]
fn a_proxy_that_runs_is_said_to_serve() {
    let site = Site::new();
    let mut proxy = serve(&site);
    assert_eq!(
        site.ok(&RUNNING),
        "proxy         serves\nExternal IPAM running, externalipam_internal\ntrouble       none\n"
    );
    assert_eq!(
        site.json(&["check", "--running", "--json"]),
        json!({"external_ipam": {"state": "running", "use_provider": "externalipam_internal"}, "trouble": []})
    );
    assert!(proxy.terminate().success());
    assert!(site.refused(&RUNNING).starts_with("no proxy listens at "));
}

#[test]
fn a_proxy_whose_external_ipam_is_switched_off_serves_nevertheless() {
    let site = Site::new();
    site.write("etc/settings.d/externalipam.yml", "use_provider: internal\nenabled: false\n");
    let _proxy = serve(&site);
    assert!(site.ok(&RUNNING).contains("\nExternal IPAM disabled, externalipam_internal\n"));
}

#[test]
fn where_nothing_listens_it_says_where_and_what_to_do() {
    let site = Site::new();
    let told = format!(
        "no proxy listens at {}; start it, or name the directory of its settings with --config-dir",
        site.text("state/control.sock")
    );
    assert_eq!(site.refused(&RUNNING), told);
    assert_eq!(site.refused(&["check", "--running", "--json"]), told);
    // A proxy that was killed leaves its socket behind.
    drop(UnixListener::bind(site.place("state/control.sock")).expect("a socket"));
    assert_eq!(site.refused(&RUNNING), told);
}

#[test]
fn where_nothing_listens_and_the_settings_are_wrong_these_are_the_reason() {
    let site = Site::new();
    site.write("etc/settings.d/externalipam.yml", "use_provider: nosuch\n");
    let ran = site.run(&RUNNING);
    assert_eq!((ran.code, ran.out.as_str()), (78, ""), "{}", ran.err);
    assert!(ran.err.contains("externalipam.yml: use_provider"), "{}", ran.err);
}

/// The sign of life of a container must not end with a slip in a file that nobody has loaded yet.
#[test]
fn settings_that_became_wrong_since_the_start_do_not_make_the_proxy_dead() {
    let site = Site::new();
    let _proxy = serve(&site);
    let before = site.ok(&RUNNING);
    site.write("etc/settings.d/externalipam.yml", "use_provider: nosuch\n");
    assert_eq!(site.ok(&RUNNING), before);
    // The container's variable says where the state is, so that the file need not even be YAML.
    site.write("etc/settings.yml", "\tno: [yaml\n");
    let mut command = site.command(&RUNNING);
    command.env("FOREMAN_IPAM_PROXY__STATE_DIRECTORY", site.place("state"));
    let ran = run(command, "");
    assert_eq!((ran.code, ran.out), (0, before), "{}", ran.err);
}

#[test]
fn a_reload_that_failed_is_told_line_by_line() {
    let site = Site::new();
    let mut proxy = serve(&site);
    site.write("etc/settings.d/externalipam.yml", "use_provider: internal\nnosuch: 1\nneither: 1\n");
    proxy.signal("HUP");
    proxy.wait_for("Settings and certificates stay as they were");
    // The log says so a moment before.
    let trouble = loop {
        let mut told = site.json(&["check", "--running", "--json"]);
        match told["trouble"].take() {
            Value::Array(lines) if lines.is_empty() => {}
            trouble => break trouble,
        }
    };
    let lines: Vec<&str> = trouble.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("settings: a reload failed: "), "{lines:?}");
    let told = site.ok(&RUNNING);
    let told: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("trouble       ")).collect();
    assert_eq!(told, lines);
}

#[cfg(feature = "netbox")]
#[test]
fn an_ipam_that_is_down_is_told_and_is_no_failure() {
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use ipam_conformance::Fault;
    use ipam_simulators::Server;
    use ipam_simulators::netbox::{Netbox, TOKEN, Version};

    let netbox = Netbox::new(Version::V4_6);
    netbox.add_prefix("192.0.2.0/24", None);
    let netbox = Server::start(Arc::new(netbox));
    let site = Site::new();
    site.write("etc/settings.d/externalipam.yml", "use_provider: netbox\n");
    let settings = format!("url: {}\ntoken: '{TOKEN}'\n", netbox.url());
    site.write("etc/settings.d/externalipam_netbox.yml", &settings);
    let _proxy = serve(&site);
    let call = |method: &str, path: &str| {
        let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
        crate::http::call(socket, method, &format!("/ipam/subnet/192.0.2.0/24{path}")).0
    };
    let next_ip = || call("GET", "/next_ip");
    let well = "proxy         serves\nExternal IPAM running, externalipam_netbox\ntrouble       none\n";
    netbox.set_fault(Some(Fault::Gone));
    assert_eq!(site.ok(&RUNNING), well, "nobody has asked the IPAM yet, and this does not");
    assert!(next_ip() >= 500);
    let told = site.ok(&RUNNING);
    assert!(told.starts_with("proxy         serves\n") && told.contains("\ntrouble       IPAM: "), "{told}");
    let ready = || {
        let socket = UnixStream::connect(site.place("state/control.sock")).expect("a control socket");
        crate::http::call(socket, "GET", "/readyz")
    };
    let in_trouble = json!({"ready": true, "holds": true, "ipam": false, "ledger": true});
    assert_eq!(ready(), (200, in_trouble), "no reason to be taken out");
    netbox.set_fault(None);
    netbox.take_requests();
    assert_eq!(site.ok(&RUNNING), told, "the proxy knows of the last call only");
    assert_eq!(ready().1["ipam"], false);
    assert!(netbox.take_requests().is_empty(), "and asking it costs the IPAM nothing");
    assert_eq!(next_ip(), 200);
    assert_eq!(site.ok(&RUNNING), well);
    assert_eq!(ready().1["ipam"], true);

    // The subnet is known now, which is all that a HEAD needs: it says nothing about the IPAM.
    netbox.set_fault(Some(Fault::Gone));
    assert!(call("GET", "/192.0.2.9") >= 500);
    let told = site.ok(&RUNNING);
    assert!(told.contains("\ntrouble       IPAM: "), "{told}");
    netbox.take_requests();
    assert_eq!(call("HEAD", "/next_ip"), 200);
    assert!(netbox.take_requests().is_empty(), "the IPAM was not asked");
    assert_eq!(site.ok(&RUNNING), told);
}

/// Commands that ask the running proxy, each with the path that it asks for.
const ASKING: [(&[&str], &str); 3] = [
    (&RUNNING, "/v2/features"),
    (&["holds", "list"], "/ipam/holds"),
    (&["holds", "release", "10.0.0.5", "--subnet", "10.0.0.0/24"], "/ipam/holds/10.0.0.5"),
];

#[test]
fn what_listens_and_does_not_answer_as_the_proxy_is_a_failure() {
    for (arguments, path) in ASKING {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
            "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nBusy",
        ] {
            let site = Site::new();
            site.answer_at_control_socket(answer);
            let told = format!(
                "the running proxy answers {path} as no proxy of this version does; restart it after an upgrade"
            );
            assert_eq!(site.refused(arguments), told, "{arguments:?} {answer:?}");
        }
    }
}

#[test]
fn what_listens_and_gives_no_answer_is_a_failure_with_its_cause() {
    for (arguments, _) in ASKING {
        let site = Site::new();
        site.answer_at_control_socket("");
        let told = site.refused(arguments);
        let why = told.strip_prefix("the running proxy gives no answer: ").unwrap_or_else(|| panic!("{told}"));
        // What reqwest says itself is no more than that a request failed.
        assert!(why.contains(": ") && !why.contains("localhost"), "{told}");
    }
}

#[test]
fn an_error_that_the_proxy_answers_with_is_told_as_it_is() {
    for (arguments, _) in ASKING {
        let site = Site::new();
        site.answer_at_control_socket("HTTP/1.1 503 Busy\r\nContent-Length: 21\r\n\r\n{\"error\": \"Too busy\"}");
        assert_eq!(site.refused(arguments), "Too busy", "{arguments:?}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let site = Site::new();
    for arguments in [&["check", "--running", "--settings-only"][..], &["check", "--json"]] {
        site.misused(arguments);
    }
}
