//! Wrong settings and certificates, at the start and with `check`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::support::{
    Certificate, Manager, Place, SERVER_NAME, SUBNET, Seed, Spawn, Wish, authority, free_port, mac, next_ip, offered,
    seconds,
};

fn place() -> Place {
    Place::new(Seed::new().subnet(SUBNET))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Exit code and everything said.
pub(crate) fn check(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = place.run(&[&["check"], arguments].concat());
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn all_faults_of_all_files_are_told_at_once_and_no_value_is() {
    let place = place();
    place.global("https_port: geheim1\nworkers: 0\nlog_level: GEHEIM2\nbind_host: 'geheim 3'");
    place.ipam("hold_seconds: 5\nerror_style: geheim4\nnosuch_key: geheim5");
    place.write("etc/settings.d/externalipam_internal.yml", "store: geheim6/ipam.sqlite\n");
    for arguments in [["serve"].as_slice(), &["check"], &["check", "--settings-only"]] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(78), "{arguments:?}");
        let said = stderr(&output);
        for key in [
            "https_port",
            "workers",
            "log_level",
            "bind_host",
            "hold_seconds",
            "error_style",
            "nosuch_key",
            "store",
            "settings.yml",
            "externalipam.yml",
            "externalipam_internal.yml",
        ] {
            assert!(said.contains(key), "{arguments:?} does not name {key}: {said}");
        }
        assert!(!said.to_lowercase().contains("geheim"), "{said}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn files_that_are_no_yaml_and_directories_that_are_not_there_are_settings_faults() {
    let place = place();
    place.write("etc/settings.d/externalipam.yml", "use_provider: [internal\n");
    place.write("etc/settings.yml", "a: b: c\n\tx");
    let output = place.run(&["serve"]);
    assert_eq!(output.status.code(), Some(78));
    let said = stderr(&output);
    assert!(said.contains("settings.yml") && said.contains("externalipam.yml"), "{said}");

    fs::remove_dir_all(place.path("etc")).expect("removed");
    let output = place.run(&["serve"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
}

#[test]
fn unknown_providers_are_told_what_there_is() {
    let place = place();
    place.write("etc/settings.d/externalipam.yml", "use_provider: externalipam_nosuch\n");
    let output = place.run(&["serve"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("this build has: internal"), "{}", stderr(&output));
}

#[test]
fn check_is_content_with_what_is_right() {
    let place = place();
    for arguments in [&[][..], &["--settings-only"]] {
        let (code, said) = check(&place, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        assert!(said.contains(SERVER_NAME), "{said}");
        assert_eq!(said.contains("/v2/features"), arguments.is_empty(), "{said}");
    }
}

/// What `check` says, which must be a fault that keeps `serve` from starting too.
pub(crate) fn refused_by_both(place: &Place, code: i32, complaint: &str) {
    for arguments in [&[][..], &["--settings-only"]] {
        let (found, said) = check(place, arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.lines().any(|line| line.contains("fault: ") && line.contains(complaint)), "{complaint:?}: {said}");
    }
    let ended = Spawn::of(place.command(&["serve"])).unready().ended();
    assert_ne!(ended.status.code(), Some(0), "{}", ended.text);
}

#[test]
fn check_refuses_the_log_and_the_addresses_that_serve_refuses() {
    let place = place();
    let path = |name: &str| place.path(name).display().to_string();
    for (log_file, complaint) in [
        (path("absent/proxy.log"), format!("the log cannot be written to {}", path("absent/proxy.log"))),
        (path("state"), format!("the log cannot be written to {}", path("state"))),
    ] {
        place.global(&format!("log_file: {log_file}"));
        refused_by_both(&place, 1, &complaint);
    }
    // A machine with a syslog daemon has nothing to refuse.
    if !["/dev/log", "/var/run/syslog", "/var/run/log"].iter().any(|socket| Path::new(socket).exists()) {
        place.global("log_file: SYSLOG");
        refused_by_both(&place, 1, "the log cannot be written to SYSLOG");
    }
    place.global("bind_host: ['127.0.0.1', '2001:db8::1']");
    refused_by_both(&place, 1, "cannot listen on [2001:db8::1]:0: ");
    place.global("bind_host: ''");
    let (code, said) = check(&place, &[]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("bind_host is an empty text, which could mean every address or none"), "{said}");
    place.global(&format!("log_file: {}", path("proxy.log")));
    assert_eq!(check(&place, &[]).0, Some(0));
    assert!(!place.path("proxy.log").exists());
}

#[test]
fn check_refuses_certificates_that_openssl_refuses() {
    let place = place();
    let rsa = openssl::rsa::Rsa::generate(1024).expect("a key");
    let key = openssl::pkey::PKey::from_rsa(rsa).expect("a key");
    place.certificate(&authority().sign_key(&Wish::host(SERVER_NAME), key));
    refused_by_both(&place, 78, "OpenSSL refuses the certificates or the TLS settings");
    let digest = openssl::hash::MessageDigest::sha1();
    place.certificate(&authority().sign(&Wish { digest, ..Wish::host(SERVER_NAME) }));
    refused_by_both(&place, 78, "OpenSSL refuses the certificates or the TLS settings");
}

#[test]
fn a_port_in_use_is_no_fault_of_the_settings() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    place.global(&format!("https_port: {}", taken.local_addr().expect("an address").port()));
    let (code, said) = check(&place, &["--settings-only"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("notice: cannot listen on "), "{said}");
}

#[test]
fn check_changes_nothing() {
    let place = place();
    for name in fs::read_dir(place.path("state")).expect("a directory") {
        fs::remove_file(name.expect("an entry").path()).expect("removed");
    }
    let (code, said) = check(&place, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("IPAM          ok: "), "{said}");
    assert_eq!(check(&place, &["--settings-only"]).0, Some(0));
    assert_eq!(fs::read_dir(place.path("state")).expect("a directory").count(), 0);
    place.global(&format!("state_directory: {}", place.path("absent").display()));
    let (code, said) = check(&place, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the directory must exist and be writable for the proxy's user"), "{said}");
    // Systemd makes it before the start, and a look at the settings creates nothing in it, not for a moment either.
    let (code, said) = check(&place, &["--settings-only"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_bomb_of_aliases_is_a_fault_at_once() {
    let place = place();
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    place.global(&bomb);
    let (code, said) = check(&place, &["--settings-only"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("settings.yml: is too large for settings, or nested too deeply"), "{said}");
}

#[test]
fn addresses_are_listened_on_once_however_often_they_are_listed() {
    let place = place();
    for hosts in
        ["['0.0.0.0', '::']", "[localhost, 127.0.0.1]", "['127.0.0.1', '127.0.0.1']", "['::', '0.0.0.0', localhost]"]
    {
        // One port for all of them; on a random one nothing would collide.
        place.global(&format!("bind_host: {hosts}\nhttps_port: {}", free_port()));
        let (code, said) = check(&place, &["--settings-only"]);
        assert_eq!(code, Some(0), "{hosts}: {said}");
        place.start().end_well("TERM");
    }
}

#[test]
fn check_disturbs_no_proxy_that_runs() {
    let place = place();
    let server = place.start();
    let address = offered(&server.foreman().send(next_ip(&mac(1))));
    let (code, said) = check(&place, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(offered(&server.foreman().send(next_ip(&mac(1)))), address);
    server.end_well("TERM");
}

#[test]
fn certificates_that_cannot_work_are_settings_faults() {
    let place = place();
    let day = 24 * 60 * 60;
    let expired = Wish { not_after: seconds() - day / 2, ..Wish::host(SERVER_NAME) };
    let nameless = Wish { common_names: Vec::new(), dns_names: Vec::new(), ..Wish::host(SERVER_NAME) };
    let good = authority().host(SERVER_NAME);
    let mismatch = Certificate { x509: good.x509.clone(), key: authority().host(SERVER_NAME).key };
    for (certificate, complaint) in [
        (authority().sign(&expired), "expired on"),
        (authority().sign(&nameless), "names no host in its subject alternative name"),
        (mismatch, "is not the key of the first certificate"),
    ] {
        place.certificate(&certificate);
        for arguments in [&[][..], &["--settings-only"]] {
            let (code, said) = check(&place, arguments);
            assert_eq!(code, Some(78), "{said}");
            assert!(said.contains(complaint) && said.contains("fault: "), "{complaint:?} is not in {said}");
        }
    }
    place.certificate(&good);
    for (name, complaint) in [
        ("server.pem", "holds no certificate that can be read"),
        ("server.key", "holds no private key that can be read"),
        ("authority.pem", "holds no certificate that can be read"),
    ] {
        let kept = fs::read(place.path(name)).expect("a file");
        place.write(name, "-----BEGIN CERTIFICATE-----\nnonsense\n");
        let (code, said) = check(&place, &["--settings-only"]);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(complaint) && said.contains(name), "{complaint:?} is not in {said}");
        let ended = Spawn::of(place.command(&["serve"])).unready().ended();
        assert_ne!(ended.status.code(), Some(0), "{}", ended.text);
        assert!(ended.text.contains(complaint) && ended.text.contains(name), "{}", ended.text);
        place.write(name, kept);
    }
    assert_eq!(check(&place, &[]).0, Some(0));
}

#[test]
fn certificates_that_are_odd_and_work_are_warnings() {
    let place = place();
    let day = 24 * 60 * 60;
    let warned = |complaint: &str| {
        let (code, said) = check(&place, &["--settings-only"]);
        assert!(code == Some(0) && !said.contains("fault: "), "{said}");
        let warned = said.lines().any(|line| line.contains("warning: ") && line.contains(complaint));
        assert!(warned, "{complaint:?} is not in {said}");
        place.start().end_well("TERM");
    };
    let common = Wish { dns_names: Vec::new(), ..Wish::host(SERVER_NAME) };
    place.certificate(&authority().sign(&common));
    warned("by its common name only");
    place.certificate(&authority().host(SERVER_NAME));

    let expired = Wish { not_after: seconds() - day / 2, ..Wish::authority("Former authority") };
    let former = Certificate::root("Root").sign(&expired).pem();
    place.write("authority.pem", former.clone() + &authority().pem());
    warned("the certificate of CN = Former authority expired on");
    place.write("authority.pem", former);
    let (code, said) = check(&place, &["--settings-only"]);
    let told = "fault: ".to_owned() + &place.path("authority.pem").display().to_string();
    assert!(code == Some(78) && said.contains(&told), "{said}");
}

#[test]
fn a_certificate_that_is_not_there_is_told_apart_from_one_that_may_not_be_read() {
    let place = place();
    fs::remove_file(place.path("server.pem")).expect("removed");
    let (code, said) = check(&place, &["--settings-only"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("No such file"), "check: {said}");
    let ended = Spawn::of(place.command(&["serve"])).unready().ended();
    assert_ne!(ended.status.code(), Some(0), "{}", ended.text);
    assert!(ended.text.contains("No such file"), "serve: {}", ended.text);
}

#[test]
fn a_key_and_certificate_that_are_no_pair_do_not_start() {
    let place = place();
    let stray = Certificate { x509: authority().host(SERVER_NAME).x509, key: authority().host(SERVER_NAME).key };
    place.certificate(&stray);
    let ended = Spawn::of(place.command(&["serve"])).unready().ended();
    assert_ne!(ended.status.code(), Some(0), "{}", ended.text);
    assert!(ended.text.contains("is not the key of the first certificate"), "{}", ended.text);
}

#[test]
fn check_refuses_a_store_that_serve_refuses() {
    let place = place();
    place.write("state/ipam.sqlite", "this is no store");
    refused_by_both(&place, 1, "ipam.sqlite");
}

#[test]
fn the_environment_overrides_files_at_a_real_start() {
    let place = place();
    place.global("workers: 0");
    let mut command = place.command(&["serve"]);
    command.env("FOREMAN_IPAM_PROXY__WORKERS", "1");
    command.env("FOREMAN_IPAM_PROXY__TRUSTED_HOSTS", "foreman.example.com");
    command.env("FOREMAN_IPAM_PROXY__EXTERNALIPAM__HOLD_SECONDS", "3600");
    command.env("FOREMAN_IPAM_PROXY__EXTERNALIPAM__ERROR_STYLE", "http");
    let server = Spawn::of(command).ready();
    let client = server.foreman();
    assert_eq!(client.get("/ipam/subnet/10.99.0.0/24").status, 404, "error_style is http");
    offered(&client.send(next_ip(&mac(1))));
    let held = client.get("/ipam/holds").json()["holds"][0].clone();
    let time = |key: &str| -> jiff::Timestamp { held[key].as_str().expect("text").parse().expect("a time") };
    let life = time("until").duration_since(time("since"));
    assert!((3599..=3601).contains(&life.as_secs()), "{held}");
    server.end_well("TERM");

    let mut command = place.command(&["serve"]);
    command.env("FOREMAN_IPAM_PROXY__EXTERNALIPAM__NOSUCH", "1");
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(78));
    let said = stderr(&output);
    assert!(said.contains("FOREMAN_IPAM_PROXY__EXTERNALIPAM__NOSUCH") && said.contains("workers"), "{said}");
}

#[test]
fn the_directory_of_a_ruby_smart_proxy_can_be_used_as_it_is() {
    let place = place();
    let path = |name: &str| place.path(name).display().to_string();
    let settings = [
        "---".to_owned(),
        format!(":settings_directory: {}", path("etc/settings.d")),
        format!(":ssl_certificate: {}", path("server.pem")),
        format!(":ssl_private_key: {}", path("server.key")),
        format!(":ssl_ca_file: {}", path("authority.pem")),
        ":trusted_hosts:\n  - foreman.example.com".to_owned(),
        ":foreman_url: https://foreman.example.com".to_owned(),
        ":daemon: true".to_owned(),
        ":bind_host: ['127.0.0.1']".to_owned(),
        ":https_port: 0".to_owned(),
        ":log_file: STDOUT".to_owned(),
        ":log_level: INFO".to_owned(),
        format!(":state_directory: {}", path("state")),
    ];
    place.write("etc/settings.yml", settings.join("\n"));
    place.write("etc/settings.d/externalipam.yml", "---\n:enabled: https\n:use_provider: externalipam_internal\n");
    place.write("etc/settings.d/dhcp.yml", "---\n:enabled: false\n");
    let server = place.start();
    let features = server.foreman().get("/v2/features").json();
    assert_eq!(features["externalipam"]["settings"], json!({"use_provider": "externalipam_internal"}));
    assert_eq!(features["externalipam"]["state"], json!("running"));
    offered(&server.foreman().send(next_ip(&mac(1))));
    let text = server.end_well("TERM");
    assert!(!text.contains("daemon"), "a key of the Ruby proxy's own is no reason to warn: {text}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    place.global(&format!("https_port: {}", address.port()));
    let manager = Manager::new(&place);
    let ended = Spawn::of(manager.employ(place.command(&["serve"]))).unready().ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text);
    assert!(ended.text.contains(&format!("cannot listen on {address}")), "{}", ended.text);
    assert_eq!(manager.rest(), Vec::<String>::new(), "it was never ready");
}
