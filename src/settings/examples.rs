//! The example files are right, and complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ipam::Legacy;
use super::testing::Directory;
use super::{BindHost, Environment, Holds, Ipam, Settings};
use crate::registry::PROVIDERS;
use crate::telemetry::{Destination, Level};

/// The text of an example.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("settings.d").join(format!("{name}.example"));
    fs::read_to_string(path).expect("the example is there")
}

/// The key of a line such as `#log_level: INFO`. Prose has a blank after the `#`.
fn commented_key(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix('#')?.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte));
    is_key.then_some(key)
}

/// An example with all its settings switched on.
fn uncommented(name: &str) -> String {
    let line = |line: &str| if commented_key(line).is_some() { line[1..].to_owned() } else { line.to_owned() };
    let text = example(name).lines().map(line).collect::<Vec<_>>().join("\n");
    text.replace("/etc/foreman-ipam-proxy", "DIR")
}

fn keys_in(name: &str) -> BTreeSet<String> {
    let text = example(name);
    // What is needed, such as the address of an IPAM, is not commented out.
    let switched_on = |line: &str| commented_key(&format!("#{line}")).map(str::to_owned);
    text.lines().filter_map(|line| commented_key(line).map(str::to_owned).or_else(|| switched_on(line))).collect()
}

/// The keys that the code knows, from what it says about a key that it does not know.
fn known_keys(said: &str) -> BTreeSet<String> {
    let (_, known) = said.split_once("known are: ").expect("the known keys are listed");
    let known = known.lines().next().expect("split_once leaves a line");
    known.split(", ").map(str::to_owned).collect()
}

const STRANGE: &str = "a_key_that_is_like_no_other_in_any_file: 1\n";

#[test]
fn the_examples_as_they_are_lack_only_a_listener() {
    let directory = Directory::new();
    directory.write("settings.yml", &example("settings.yml"));
    for name in ["externalipam.yml", "externalipam_internal.yml"] {
        directory.write(&format!("settings.d/{name}"), &example(name));
    }
    insta::assert_snapshot!(directory.faults(), @"DIR/settings.yml: http_port is not set, nor are the files for HTTPS, so that nobody could call; set ssl_certificate, ssl_private_key and ssl_ca_file for HTTPS, or http_port for plain HTTP");
}

#[test]
fn settings_yml_can_be_switched_on_whole() {
    let directory = Directory::new();
    directory.write("settings.yml", &uncommented("settings.yml"));
    let settings = directory.settings();
    assert_eq!(directory.warnings(), "");
    let server = &settings.server;
    assert_eq!((server.http_port, server.https_port), (Some(8000), Some(8443)));
    assert_eq!(server.trusted_hosts.as_deref(), Some(&["foreman.example.com".to_owned()][..]));
    assert!(settings.tls.is_some());
}

#[test]
fn what_the_example_calls_defaults_are_the_defaults() {
    let bare = Directory::that_starts().settings();
    let directory = Directory::that_starts();
    directory.write("settings.yml", &uncommented("settings.yml"));
    for name in ["externalipam.yml", "externalipam_internal.yml"] {
        directory.write(&format!("settings.d/{name}"), &uncommented(name));
    }
    let whole = directory.settings();
    assert_eq!(whole.log, bare.log);
    assert_eq!((&whole.log.destination, whole.log.level), (&Destination::Stdout, Level::Info));
    assert_eq!(whole.holds, bare.holds);
    assert_eq!(whole.ipam, Ipam { legacy: Some(Legacy::Foreman21), ..bare.ipam });
    assert_eq!(whole.routes[0].key, bare.routes[0].key);
    assert_eq!(whole.server.bind, bare.server.bind);
    assert_eq!(whole.server.bind, [BindHost::All]);
    assert_eq!(whole.server.forward_verify, bare.server.forward_verify);
    assert_eq!(whole.server.foreman_version, bare.server.foreman_version);
    assert_eq!(whole.server.state_directory, bare.server.state_directory);
    assert_eq!(whole.server.state_directory, PathBuf::from("/var/lib/foreman-ipam-proxy"));
    assert_eq!(whole.server.dns_timeouts, bare.server.dns_timeouts);
    assert_eq!(whole.server.shutdown, bare.server.shutdown);
    let tls = whole.tls.expect("HTTPS is on");
    assert!(tls.policy.disabled_versions.is_empty() && tls.policy.disabled_ciphers.is_empty());
    assert_eq!(whole.holds, Holds { with_mac: Duration::from_secs(1800), ..bare.holds });
}

#[test]
fn every_key_is_in_the_examples_and_no_other() {
    let directory = Directory::that_starts();
    directory.write("settings.yml", &format!("http_port: 8000\n{STRANGE}"));
    assert_eq!(known_keys(&directory.warnings()), keys_in("settings.yml"));

    for name in ["externalipam.yml", "externalipam_internal.yml", "foreman_names.yml", "api.yml"] {
        let directory = Directory::that_starts();
        directory.write(&format!("settings.d/{name}"), STRANGE);
        assert_eq!(known_keys(&directory.faults()), keys_in(name), "{name}");
    }
}

#[test]
fn every_provider_of_the_build_has_an_example_with_all_its_keys_and_no_other() {
    for provider in PROVIDERS {
        let name = format!("externalipam_{}.yml", provider.name);
        let directory = Directory::that_starts();
        directory.write("settings.d/externalipam.yml", &format!("use_provider: {}\n", provider.name));
        directory.write(&format!("settings.d/{name}"), STRANGE);
        let none: [(&str, &str); 0] = [];
        let faults =
            Settings::load_with(directory.path(), PROVIDERS, &Environment::new(none)).expect_err("a strange key");
        assert_eq!(known_keys(&faults.to_string()), keys_in(&name), "{name}");
    }
}

#[test]
fn the_files_of_a_ruby_smart_proxy_are_read_as_they_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/settings/ruby");
    let directory = Directory::new();
    let copy = |file: &str| {
        let text = fs::read_to_string(fixtures.join(file)).expect("the fixture is there");
        // The one path of the fixture that must exist.
        directory.write(file, &text.replace("/etc/foreman-proxy/settings.d", "DIR/settings.d"));
    };
    copy("settings.yml");
    for file in fs::read_dir(fixtures.join("settings.d")).expect("fixtures") {
        let name = file.expect("an entry").file_name().into_string().expect("a plain name");
        copy(&format!("settings.d/{name}"));
    }
    let settings = directory.settings();
    assert_eq!(directory.warnings(), "");
    assert_eq!(settings.routes[0].key, "netbox");
    assert!(settings.ipam.enabled.on_https() && !settings.ipam.enabled.on_http());
    let server = settings.server;
    assert_eq!((server.http_port, server.https_port), (None, Some(8443)));
    let trusted = ["foreman.example.com", "foreman2.example.com"].map(str::to_owned);
    assert_eq!(server.trusted_hosts.as_deref(), Some(&trusted[..]));
    assert_eq!(server.foreman_url.as_deref(), Some("https://foreman.example.com"));
    assert_eq!(settings.log.destination, Destination::File("/var/log/foreman-proxy/proxy.log".into()));
    let tls = settings.tls.expect("HTTPS is on");
    assert_eq!(tls.policy.disabled_ciphers, ["AES128-SHA", "AES256-SHA"]);
    assert_eq!(tls.policy.disabled_versions, ["1.1"]);
}
