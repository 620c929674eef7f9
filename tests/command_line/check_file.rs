//! One file of settings alone, as a tool asks that is about to put it in place.

use crate::site::{Ran, Site};

/// Runs `check-file` over this text, under a name that has nothing to do with what it is to be.
fn check(name: &str, text: &str) -> Ran {
    let site = Site::new();
    site.write("etc/settings.d/.tmp-4711", text);
    site.run(&["check-file", "--as", name, &site.text("etc/settings.d/.tmp-4711")])
}

#[test]
fn a_file_is_right_whatever_the_others_say() {
    for (name, text) in [
        ("settings.yml", "http_port: 8000\ntrusted_hosts: []\n"),
        ("externalipam.yml", "use_provider: netbox\nenabled: https\n"),
        ("externalipam_internal.yml", "---\n"),
        ("externalipam_netbox.yml", "url: https://netbox.example.com\ntoken: '0123'\n"),
    ] {
        let ran = check(name, text);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        assert!(ran.out.ends_with(&format!(": right, as {name}\n")), "{}", ran.out);
    }
}

#[test]
fn each_fault_of_the_file_is_told_without_its_values() {
    for (name, text, keys) in [
        ("settings.yml", "https_port: geheim\nworkers: 0\n", ["https_port", "workers"]),
        ("externalipam.yml", "use_provider: geheim\nhold_seconds: 1\n", ["use_provider", "hold_seconds"]),
        ("externalipam_netbox.yml", "tokn: geheim\n", ["url is missing", "did you mean token?"]),
    ] {
        let ran = check(name, text);
        assert_eq!((ran.code, ran.out.as_str()), (78, ""), "{name}");
        assert!(keys.iter().all(|key| ran.err.contains(key)) && !ran.err.contains("geheim"), "{}", ran.err);
        assert!(ran.err.contains(".tmp-4711"), "{}", ran.err);
    }
}

#[test]
fn what_is_odd_is_told_and_lets_the_file_pass() {
    let ran = check("settings.yml", "http_port: 8000\n");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("warning: ") && ran.err.contains("http_port is set without trusted_hosts"), "{}", ran.err);
}

#[test]
fn a_name_or_a_file_that_does_not_exist_is_a_fault() {
    let ran = check("externalipam_nosuch.yml", "");
    assert_eq!(ran.code, 78, "{}", ran.out);
    assert!(
        ran.err.contains("name one of: settings.yml, externalipam.yml, foreman_names.yml, api.yml, externalipam_"),
        "{}",
        ran.err
    );
    let ran = Site::new().run(&["check-file", "--as", "settings.yml", "/nonexistent/settings.yml"]);
    assert_eq!(ran.code, 78, "{}", ran.out);
    assert!(ran.err.contains("/nonexistent/settings.yml: does not exist"), "{}", ran.err);
}
